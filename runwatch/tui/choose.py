"""Which metrics are shown: as a chart, or as one value; and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from runwatch.core import metrics
from runwatch.core.snapshot import Latest, RunView
from runwatch.render import states, summary
from runwatch.render.ranks import ranks

_FIRST = (
    metrics.LOSS,
    metrics.VAL_LOSS,
    metrics.VAL_BPB,
    metrics.GRAD_NORM,
    metrics.LEARNING_RATE,
    metrics.TOKENS_PER_SEC,
    metrics.SAMPLES_PER_SEC,
    metrics.STEP_TIME,
    metrics.MFU,
    metrics.TFLOPS,
)
LIKELY = _FIRST[:8]
"""Metrics that are worth asking for before it is known what a run has."""
_DIGITS = re.compile(r"([0-9]{1,9})")
_GROUPS = ("train/", "val/", "perf/")
_SHOWN_WITH = {
    metrics.VAL_LOSS: {metrics.LOSS},
    metrics.MFU: {metrics.TOKENS_PER_SEC},
    metrics.LR_MULTIPLIER: {metrics.LEARNING_RATE},
}
"""Metrics that need no chart of their own next to one of these."""
_ALWAYS = (metrics.LOSS, metrics.VAL_LOSS, metrics.GRAD_NORM)
"""Metrics that are charted even while they are constant: that is news."""


def order(names: Iterable[str]) -> list[str]:
    """Return metric names as people want to see them: the most informative first."""
    return list(_ordered(frozenset(names)))


@lru_cache(16)
def _ordered(names: frozenset[str]) -> tuple[str, ...]:
    known = {name: place for place, name in enumerate(_FIRST)}

    def key(name: str) -> tuple[int, int, list[tuple[int, str]]]:
        # Numbers inside names count as numbers: part_2 comes before part_10.
        pieces = [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in _DIGITS.split(name)]
        group = next((i for i, prefix in enumerate(_GROUPS) if name.startswith(prefix)), len(_GROUPS))
        if name in known:
            return 0, known[name], []
        if name == metrics.LR_MULTIPLIER:
            return 3, group, pieces
        if metrics.is_bookkeeping(name):
            return 4, group, pieces
        if metrics.is_of_machine(name):
            return 5, group, pieces
        return (1 if metrics.goal(name) == "max" else 2), group, pieces

    return tuple(sorted(names, key=key))


def of_run(run: RunView | None) -> list[str]:
    """Return the metrics a run has, in order: the loss first."""
    return order(item.metric for item in run.latest) if run else []


def charted(run: RunView | None) -> list[str]:
    """Return the metrics that are worth a chart, in order: those that move; until one does, what there is."""
    known = {item.metric: item for item in run.latest} if run else {}
    worth = [name for name in order(known) if _moves(known[name])]
    return worth or [name for name in order(known) if not metrics.is_bookkeeping(name)][:1] or order(known)


def single(run: RunView | None) -> list[str]:
    """Return the metrics that a value says all of, in order: those that are not worth a chart."""
    charts = set(charted(run))
    return [name for name in of_run(run) if name not in charts]


def _moves(item: Latest) -> bool:
    if item.metric == metrics.LOSS:
        return True
    if item.count < summary.FEW or metrics.is_bookkeeping(item.metric):
        return False
    return item.metric in _ALWAYS or not summary.is_constant(item)


def alarming(run: RunView | None) -> list[str]:
    """Return the metrics with open incidents, the most urgent first.

    A slow rank shows in the step time, unless that is of a rank that does not wait for it. A loss that is
    not finite is what all others lead to, and comes first.
    """
    firing = states.firing(run) if run is not None else []
    if run is None or not firing:
        return []
    pace = next((item.value for item in run.latest if item.metric == metrics.STEP_TIME), None)
    unseen = ranks.usual_step(run.ranks) > 0 and not ranks.slows(run.ranks, pace)
    slowed = "" if unseen else metrics.STEP_TIME
    found = [item.metric or (slowed if item.rank is not None else "") for item in firing]
    have = set(of_run(run))
    lost = [item.metric for item in run.latest if item.metric == metrics.LOSS and item.value is None]
    return [name for name in dict.fromkeys([*(lost if any(found) else ()), *found]) if name in have]


def charts(run: RunView | None, large: int = 2) -> list[tuple[str, ...]]:
    """Return what the overview charts, each with the series laid over it; `large` of them are large.

    The first keeps its place; the next are those with open incidents, and where only one is large it is
    the first of them.

    Validation loss is read against training loss, so they share a chart; model
    FLOPs utilization says the same as throughput and is named in its title. What
    a tracker measured on the machine is in the other views.
    """
    have = set(of_run(run))
    names = charted(run)
    names = [name for name in names if not metrics.is_of_machine(name)] or names
    out: list[tuple[str, ...]] = []
    for name in names:
        if name == metrics.LOSS and metrics.VAL_LOSS in have:
            out.append((name, metrics.VAL_LOSS))
        elif not (have & _SHOWN_WITH.get(name, set())):
            out.append((name,))
    wanted = [
        next((group for group in out if name in group), _chart_of(name, have)) for name in alarming(run)
    ]
    kept = [] if large == 1 and wanted else out[:1]
    return list(dict.fromkeys([*kept, *wanted, *out]))


def named(names: Iterable[str]) -> set[str]:
    """Return the metrics that the charts of others name in their titles."""
    have = set(names)
    return {name for name, others in _SHOWN_WITH.items() if have & others}


def _chart_of(name: str, have: set[str]) -> tuple[str, ...]:
    """Return the chart of a metric that has none of its own."""
    return next(((other,) for other in _SHOWN_WITH.get(name, ()) if other in have), (name,))
