"""A run's events as rows, the newest first; its evaluations share one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from runwatch.core.fold.run import Run
from runwatch.core.snapshot import EventRow

MAX_EVENTS = 100
_GROUP = 3
"""Evaluations from which they are one row."""
_EVALUATIONS = frozenset({"eval_begin", "eval_end"})


def rows(run: Run) -> tuple[EventRow, ...]:
    """Return the newest events of a run."""
    found = [
        EventRow(each.kind, each.title, each.step, each.line, each.rank, each.data.get("source", ""))
        for each in run.events
    ]
    return tuple(grouped(found[::-1])[:MAX_EVENTS])


def grouped(rows: Sequence[EventRow]) -> list[EventRow]:
    """Return events, newest first, with all evaluations in one row at the place of the newest of them."""
    found = [row for row in rows if row.kind in _EVALUATIONS]
    begun = [row for row in found if row.kind == "eval_begin"] or found
    if len(found) < _GROUP:
        return list(rows)
    newest = found[0]
    since = "" if begun[-1].line is None else f" since line {begun[-1].line:,}"
    title = f"{len(begun):,} evaluations{since}"
    group = replace(newest, kind="evaluation", title=title, rank=None)
    return [group if row is newest else row for row in rows if row is newest or row.kind not in _EVALUATIONS]
