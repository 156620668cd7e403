"""One incident in words: its headline in full, and below it cause and advice, as far as there is room."""

from __future__ import annotations

import re

from runwatch.core.snapshot import IncidentRow
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

_NUMBER = re.compile(r"[0-9](?:[0-9,]*[0-9])?")
_INDENT = 2
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
    ending: str = "",
    more: Row | None = None,
) -> list[Row]:
    """Return the headline in as many rows as it needs, then cause and advice in rows up to `most`.

    `ending` says how a run ended that it spoils; `more` is what stands at the end, at the right.
    """
    said = headline(row, now)
    if ending and plain.title(row) in ending:
        said = f"{ending}{said.removeprefix(plain.title(row, now))}"
    out = tagged(row, said, width, glyphs)
    room = most - len(out)
    more = more or []
    for name, text in (("cause", row.cause), ("advice", row.advice)):
        if not text or room < 1:
            continue
        label = " " * _INDENT + f"{name}: "
        kept = room - (name == "cause" and bool(row.advice) and room > 1)  # the advice gets a row at least
        pieces = cells.wrapped(label.strip() + " " + text, width - _INDENT, kept, glyphs.ellipsis)
        for i, piece in enumerate(pieces):
            first = i == 0 and piece.startswith(name)
            head: Row = [(label[: _INDENT + len(name) + 1], "dim")] if first else [(" " * _INDENT, "")]
            out.append([*head, (piece[len(name) + 1 :] if first else piece, "")])
        room -= len(pieces)
    return _ended(out, more, width, most)


def _ended(out: list[Row], more: Row, width: int, most: int) -> list[Row]:
    """Return the rows with `more` at the end: on the last row if it fits, else on one of its own."""
    if not more:
        return out
    taken = cells.row_width(more) + 2
    if cells.row_width(out[-1]) + taken <= width:
        out[-1] = cells.spread(out[-1], more, width)
    elif len(out) < most:
        out.append(cells.spread([], more, width))
    elif len(out) > 1 and cells.row_width(out[0]) + taken <= width:
        out[0] = cells.spread(out[0], more, width)
    return out


def headline(row: IncidentRow, now: float | None = None) -> str:
    """Return the title in full, with its rank, its first bad step, and for how long, if it lacks them."""
    said = plain.title(row, now)
    if row.rank is not None and f"rank {row.rank}" not in said:
        said += f" on rank {row.rank}"
    if row.step is not None and not names_step(said, row.step):
        said += f", since step {numbers.step(row.step)}"
    if row.since is not None and now is not None and row.state == "firing":
        said += f" ({numbers.brief(max(0.0, now - row.since))} ago)"
    return said


def names_step(said: str, step: int) -> bool:
    """Return whether a text has the number of a step."""
    return not {numbers.step(step), str(step)}.isdisjoint(_NUMBER.findall(said))


def tagged(row: IncidentRow, said: str, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return a text of an incident in rows, none of it cut, behind sign and severity."""
    return _behind(states.severity_tag(row.severity, glyphs), said, width, glyphs)


def because(phase: str, reason: str, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return why a run is in a phase in rows, none of it cut, behind the phase."""
    return _behind(states.phase_tag(phase, glyphs), reason, width, glyphs)


def _behind(tag: tuple[str, str, str], said: str, width: int, glyphs: Glyphs) -> list[Row]:
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
