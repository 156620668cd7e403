"""One incident in words: its headline in full, and below it cause and advice, as far as there is room."""

from __future__ import annotations

import re

from runwatch.core.snapshot import IncidentRow
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

_NUMBER = re.compile(r"[0-9](?:[0-9,]*[0-9])?")
_CLAUSE = re.compile(r"[;,:]? \(|[;,.:] ")
"""Where a clause of a sentence ends."""
_INDENT = 2
_GAP = 2
_UNCUT = 10_000
"""Rows for what is never cut."""
_LEAST = 12
"""Cells below which nothing can be read."""


def rows(
    row: IncidentRow,
    width: int,
    most: int,
    glyphs: Glyphs = UNICODE,
    now: float | None = None,
    more: Row | None = None,
    hint: Row | None = None,
) -> list[Row]:
    """Return the headline in as many rows as it needs, then cause and advice in rows up to `most`.

    At the right are `more`, in a row of its own if need be, and its age and `hint` where there is room.
    """
    said, age, tag = headline(row, now, glyphs), _age(row, now), states.severity_tag(row.severity, glyphs)
    out = _behind(tag, said, width, glyphs)
    if age and row.step is None and not _free(out, age, width):
        out, age = _behind(tag, f"{said} {glyphs.dot} {age}", width, glyphs), ""
    headlines = len(out)
    room = most - headlines
    advice = _labelled("advice", plain.advice(row), width, room, glyphs)  # what to do goes before why
    out += [*_labelled("cause", row.cause, width, room - len(advice), glyphs), *advice]
    right: list[Row] = [[] for _ in out]
    if more and not _put(out, right, more, width) and len(out) < most:
        out.append([])
        right.append(more)
    _put(out, right, hint or [], width)
    _put(out[:headlines], right, [(age, "dim")] if age else [], width)
    return [cells.spread(left, end, width) if end else left for left, end in zip(out, right, strict=True)]


def _labelled(name: str, text: str, width: int, most: int, glyphs: Glyphs) -> list[Row]:
    """Return a text behind its label in up to `most` rows; one that is too long loses its label."""
    if not text or most < 1:
        return []
    label, room = f"{name}:", width - _INDENT
    pieces = cells.wrapped(f"{label} {text}", room, _UNCUT, glyphs.ellipsis)
    if len(pieces) > most:
        label, pieces = "", brief(text, room, most, glyphs)
    left = " " * _INDENT
    first: Row = [(left + label, "dim"), (pieces[0][len(label) :], "")] if label else [(left + pieces[0], "")]
    return [first, *([(left, ""), (piece, "")] for piece in pieces[1:])]


def brief(text: str, width: int, most: int, glyphs: Glyphs) -> list[str]:
    """Return a text in up to `most` lines; one that is too long ends with a clause.

    Where clauses leave more than half of the room empty, it ends with a word.
    """
    lines = cells.wrapped(text, width, _UNCUT, glyphs.ellipsis)
    ends = [clause.start() for clause in _CLAUSE.finditer(text) if 2 * clause.start() >= width * most]
    for end in reversed(ends):
        if len(lines) > most:
            lines = cells.wrapped(text[:end] + glyphs.ellipsis, width, _UNCUT, glyphs.ellipsis)
    if len(lines) <= most:
        return lines
    *above, last = cells.wrapped(text, width, most, glyphs.ellipsis)
    word = last.rfind(" ")
    return [*above, last[:word].rstrip(",;:") + glyphs.ellipsis if 2 * word > width else last]


def _free(out: list[Row], text: str, width: int) -> bool:
    """Return whether a text fits next to one of these rows."""
    return any(cells.row_width(row) + _GAP + cells.width(text) <= width for row in out)


def _put(out: list[Row], right: list[Row], what: Row, width: int) -> bool:
    """Put something at the right of the last row that has room for it; return whether one has."""
    for at in reversed(range(len(out))):
        taken = cells.row_width(out[at]) + cells.row_width(right[at]) + (_GAP if right[at] else 0)
        if what and taken + _GAP + cells.row_width(what) <= width:
            right[at] = [*what, ("  ", ""), *right[at]] if right[at] else what
            return True
    return False


def _age(row: IncidentRow, now: float | None) -> str:
    if row.since is None or now is None or row.state != "firing":
        return ""
    return f"{numbers.brief(max(0.0, now - row.since))} ago"


def headline(row: IncidentRow, now: float | None = None, glyphs: Glyphs = UNICODE) -> str:
    """Return the title in full, with its rank and its first bad step if it lacks them."""
    said = plain.title(row, now)
    if row.rank is not None and f"rank {row.rank}" not in said:
        said += f" on rank {row.rank}"
    if row.step is not None and row.rule != "finished" and not names_step(said, row.step):
        since = "since" if row.state == "firing" and row.rule != "crash" else "at"
        said += f" {glyphs.dot} {since} step {numbers.step(row.step)}"
    return said


def names_step(said: str, step: int) -> bool:
    """Return whether a text has the number of a step."""
    return not {numbers.step(step), str(step)}.isdisjoint(_NUMBER.findall(said))


def because(phase: str, reason: str, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return why a run is in a phase in rows, none of it cut, behind the phase."""
    return _behind(states.phase_tag(phase, glyphs), reason, width, glyphs)


def _behind(tag: tuple[str, str, str], said: str, width: int, glyphs: Glyphs) -> list[Row]:
    """Return a text in rows, none of it cut, behind a sign and a word."""
    sign, word, role = tag
    head = f"{sign} {word}  " if width >= 2 * _LEAST else f"{sign} "
    pieces = hung(said, width, len(head), _INDENT, glyphs)
    return [
        [(head, role), (piece, role)] if i == 0 else [(" " * _INDENT, ""), (piece, role)]
        for i, piece in enumerate(pieces)
    ]


def hung(text: str, width: int, first: int, indent: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return a text in lines, none of it cut: the first begins at cell `first`, the others at `indent`."""
    room = max(_LEAST, width - first)
    head = cells.wrapped(text, room, _UNCUT, glyphs.ellipsis)[:1]
    rest = cells.settled(text, glyphs.ascii).strip()[len(head[0]) if head else 0 :]
    return [*head, *cells.wrapped(rest, max(_LEAST, width - indent), _UNCUT, glyphs.ellipsis)] or [""]
