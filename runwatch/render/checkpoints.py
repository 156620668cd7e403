"""Checkpoints and events as rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from runwatch.core.snapshot import CheckpointRow, EventRow, Saving
from runwatch.render import cells, numbers, progress, states
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

_ROLES = {
    "complete": "good",
    "writing": "busy",
    "incomplete": "warn",
    "damaged": "crit",
    "deleted": "dim",
    "unknown": "dim",
    "logged": "",
}
_PHASES = {
    "complete": "finished",
    "writing": "checkpointing",
    "incomplete": "crashed",
    "damaged": "crashed",
}
"""The phase of a run that has the sign of a state."""
_KEPT = frozenset({"complete", "writing", "logged", "unknown"})
"""States in which the weights matter, not the files."""
_FEW = 100
"""Checkpoints that still fit, below which it is said how many, and when the disk will be full."""
_CHANGED = 0.01
"""Fraction by which the newest one's size must differ from the usual for that to be said."""
_KINDS = {"eval_begin": "evaluation", "eval_end": "evaluated"}
_FIXED, _TOOK = 45, 8
"""Cells of the columns that usual widths have, and of the time it took. A narrower one has no size."""
_NAME = 8
"""Cells of a name at least: less of it says nothing."""
_NUMBERED = 60
"""Cells from which an event says in which line it is."""
LAST_GOOD = "last good"
_WORDS = {"logged": "in the log", "unknown": "not checked"}
_UNCHECKED = {"logged": "by the log alone", "unknown": "contents not checked"}
"""Why it is not known whether a checkpoint is complete, by its state."""
_BEFORE = {"after NaN": "newest before NaN", "diverged": "newest before it diverged"}
"""What the newest with good weights is called, by what those after it are."""
_SEVERE = frozenset({"traceback", "error", "oom", "nccl", "signal", "xid", "killed", "segfault", "crash"})


def _spoilt(row: CheckpointRow) -> str:
    """Return why the weights of a checkpoint are not good, "" where its files matter more."""
    return row.spoilt if row.state in _KEPT else ""


def _role(row: CheckpointRow) -> str:
    """Return the role of a checkpoint; one with weights that are not good is never in a good color."""
    return "warn" if _spoilt(row) else _ROLES.get(row.state, "")


def _sign(row: CheckpointRow, glyphs: Glyphs) -> str:
    if _spoilt(row):
        return glyphs.marks["spoilt"]
    return states.phase_sign(_PHASES[row.state], glyphs) if row.state in _PHASES else glyphs.dot


def written(row: CheckpointRow, usual: int | None) -> float | None:
    """Return how much of a checkpoint is written, by the usual size; None if that is not known."""
    if row.state != "writing" or row.bytes is None or not usual:
        return None
    return min(0.99, row.bytes / usual)


def last_good(rows: Sequence[CheckpointRow], saving: Saving) -> CheckpointRow | None:
    """Return the checkpoint to go back to: the newest complete one with good weights."""
    good = (row for row in rows if row.state == "complete" and not row.spoilt and row.at is not None)
    return next((row for row in good if row.at == saving.last_good), None)


def newest_unchecked(rows: Sequence[CheckpointRow], saving: Saving) -> CheckpointRow | None:
    """Return the newest that cannot be checked and is not spoilt; None where a last good is known."""
    found = (row for row in rows if row.state in _UNCHECKED and not row.spoilt and row.at is not None)
    return next(found, None) if saving.last_good is None else None


def brief(
    row: CheckpointRow, glyphs: Glyphs = UNICODE, usual: int | None = None, *, go_back: bool = False
) -> Row:
    """Return one checkpoint in a narrow column: sign, step, size; `usual` is the size of one, in bytes.

    `go_back`: it is the last good one.
    """
    where = row.name if row.at is None else f"{numbers.step(row.at)}"
    parts: Row = [(f"{_sign(row, glyphs)} ", _role(row)), (where, "")]
    if go_back:
        parts[1] = (where, "title")
        parts.append((f" {LAST_GOOD}", "good"))
    if _spoilt(row) or row.state in ("writing", "incomplete", "damaged", "deleted"):
        parts.append((f" {_state(row, usual)}", _role(row)))
    elif row.bytes:
        parts.append((f" {numbers.size(row.bytes)}", "dim"))
    elif row.state in _WORDS:
        parts.append((f" {_state(row, usual)}", "dim"))
    return parts


def _state(row: CheckpointRow, usual: int | None) -> str:
    if why := _spoilt(row):
        return why
    if (part := written(row, usual)) is not None:
        return f"writing {numbers.percent(part, 0)}"
    return _WORDS.get(row.state, row.state)


def heading(rows: Sequence[CheckpointRow], width: int) -> Row:
    """Return the names of the columns of `table` for these rows."""
    ranks_room, timed = _optional(rows, width)
    ranks = f"{'ranks':>{ranks_room}} " if ranks_room else ""
    took = f"{'took':>7} " if timed else ""
    size = f"{'size':>9} " if width >= _FIXED else ""
    columns = f"{'':2}{'step':>10} {'state':<11}{size}{'written':>10} {took}{ranks} "
    name = "name" if width - len(columns) >= _NAME else ""
    return cells.fit([(columns + name, "dim")], width)


def _are_timed(rows: Sequence[CheckpointRow]) -> bool:
    """Return whether it is known of any how long writing it took."""
    return any(row.seconds is not None for row in rows)


def _ranks(row: CheckpointRow) -> str:
    """Return of how many ranks the shards are there: `3/4`."""
    return "" if row.ranks_expected is None else f"{row.ranks}/{row.ranks_expected}"


def _ranks_room(rows: Sequence[CheckpointRow]) -> int:
    """Return how wide the column of ranks is; 0 where no checkpoint is written by ranks."""
    widest = max((len(_ranks(row)) for row in rows), default=0)
    return max(5, widest) if widest else 0


def _optional(rows: Sequence[CheckpointRow], width: int) -> tuple[int, bool]:
    """Return the cells of the column of ranks, 0 for none, and whether there is one for the time it took."""
    ranks_room, room = _ranks_room(rows), width - _FIXED
    timed = _are_timed(rows) and room >= _TOOK
    return ranks_room if room - _TOOK * timed > ranks_room else 0, timed


def table(
    rows: Sequence[CheckpointRow],
    width: int,
    glyphs: Glyphs = UNICODE,
    usual: int | None = None,
    go_back: CheckpointRow | None = None,
) -> list[Row]:
    """Return one row each, and below it how far it is, or in full what is wrong with it.

    `usual` is the size of a checkpoint of the run, in bytes; `go_back` the one to go back to.
    """
    out: list[Row] = []
    ranks_room, timed = _optional(rows, width)
    for row in rows:
        role, marked = _role(row), row is go_back
        at = numbers.MISSING if row.at is None else numbers.step(row.at)
        age = numbers.MISSING if row.age is None else f"{numbers.brief(row.age)} ago"
        size = f"{numbers.size(row.bytes):>9} " if width >= _FIXED else ""
        parts: Row = [
            (f"{_sign(row, glyphs)} ", role),
            (f"{at:>10} ", "title" if marked else ""),
            (f"{LAST_GOOD if marked and row.state == 'complete' else _state(row, usual):<11}", role),
            (f"{size}{age:>10} ", ""),
        ]
        if timed:
            took = "<1s" if row.seconds is not None and 0 <= row.seconds < 1 else numbers.brief(row.seconds)
            parts.append((f"{took:>7} ", ""))
        if ranks_room:
            lacking = row.ranks_expected is not None and row.ranks < row.ranks_expected
            parts.append((f"{_ranks(row):>{ranks_room}} ", role if lacking else ""))
        parts.append((" ", ""))
        room = width - cells.row_width(parts)
        if room >= _NAME:
            parts.append((cells.shorten(row.name, room, glyphs.ellipsis), "dim"))
        out.append(cells.fit(parts, width, glyphs.ascii))
        if (part := written(row, usual)) is not None:
            of = f"  {numbers.size(row.bytes)} of the usual {numbers.size(usual)}"
            line: Row = [
                (" " * 13, ""),
                *progress.bar(part, min(30, max(4, width - 50)), glyphs),
                (of, "dim"),
            ]
            out.append(cells.fit(line, width, glyphs.ascii))
        for text in cells.wrapped(row.reason, width - 13, 3, glyphs.ellipsis):
            out.append(cells.fit([(f"{'':13}{text}", role)], width, glyphs.ascii))
    return out


def summary(saving: Saving, rows: Sequence[CheckpointRow] = ()) -> str:
    """Return in words what the checkpoints say together; "" if there is nothing to say."""
    return ", ".join(_said(saving, rows))


def _said(saving: Saving, rows: Sequence[CheckpointRow]) -> Iterator[str]:
    if saving.last_good is not None:
        yield f"{LAST_GOOD} {numbers.step(saving.last_good)}"
    elif (row := newest_unchecked(rows, saving)) is not None and row.at is not None:
        after = next((other.spoilt for other in rows if other.spoilt), "")
        if after or row.state == "unknown":  # what only the log speaks of is called that in its row
            yield f"{_BEFORE.get(after, 'newest')}: {numbers.step(row.at)} ({_UNCHECKED[row.state]})"
    if saving.interval and isfinite(saving.interval):
        yield f"every {numbers.step(round(saving.interval))} steps"
    if saving.next_in is not None:
        wait = numbers.brief(abs(saving.next_in))
        when = f"is {wait} late" if saving.next_in < 0 else f"in {wait}" if saving.next_in else "due"
        yield f"next {when}" if saving.next_at is None else f"next {numbers.step(saving.next_at)} {when}"
    if saving.rotates and saving.present:
        yield f"keeps {saving.present:,}"
    elif saving.deleted:
        yield f"{saving.deleted:,} deleted"
    if saving.size_ratio is not None and abs(saving.size_ratio - 1) >= _CHANGED:
        change = numbers.percent(abs(saving.size_ratio - 1), 0)
        yield f"newest {change} {'smaller' if saving.size_ratio < 1 else 'larger'}"
    if saving.room is not None and saving.usual_bytes and saving.room < _FEW:
        yield f"room for {saving.room} more of {numbers.size(saving.usual_bytes)}"
    if saving.full_in is not None and saving.full_in < 7 * 86_400 and (saving.room or 0) < _FEW:
        yield f"disk full in {numbers.brief(max(0.0, saving.full_in))}"


def event_heading(width: int) -> Row:
    """Return the names of the columns of `events`."""
    line = f"{'line':>9}  " if width >= _NUMBERED else ""
    return cells.fit([(f"{'step':>10} {line}{'kind':<12} what", "dim")], width)


def events(rows: Sequence[EventRow], width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return one row each."""
    out: list[Row] = []
    for row in rows:
        step = numbers.MISSING if row.step is None else numbers.step(row.step)
        at = f"{step:>10} "
        if width >= _NUMBERED:
            at += f"{numbers.MISSING if row.line is None else f'{row.line:,}':>9}  "
        rank = "" if row.rank is None else f"[rank {row.rank}] "
        role = "crit" if row.kind in _SEVERE else ""
        title = cells.shorten(rank + row.title, width - len(at) - 13, glyphs.ellipsis)
        kind = cells.pad(_KINDS.get(row.kind, row.kind.replace("_", " ")), 12, glyphs.ellipsis)
        parts: Row = [(at, "dim"), (f"{kind} ", role), (title, role)]
        out.append(cells.fit(parts, width, glyphs.ascii))
    return out
