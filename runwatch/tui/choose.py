"""Which metrics are shown, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runwatch.core import metrics
from runwatch.core.snapshot import RunView

_FIRST = (
    metrics.LOSS,
    metrics.GRAD_NORM,
    metrics.TOKENS_PER_SEC,
    metrics.SAMPLES_PER_SEC,
    metrics.STEP_TIME,
    metrics.LEARNING_RATE,
    metrics.LR_MULTIPLIER,
    metrics.VAL_LOSS,
    metrics.VAL_BPB,
    metrics.MFU,
    metrics.TFLOPS,
    metrics.LOSS_SCALE,
)
LIKELY = _FIRST[:8]
"""Metrics that are worth asking for before it is known what a run has."""
_DIGITS = re.compile(r"([0-9]{1,9})")
_GROUPS = ("train/", "val/", "perf/")
_SHOWN_WITH = {
    metrics.VAL_LOSS: {metrics.LOSS},
    metrics.MFU: {metrics.TOKENS_PER_SEC},
    metrics.EPOCH: {metrics.LOSS},
}
"""Metrics that need no chart of their own beside one of these."""
ASIDE = frozenset({"eta", "total time", "pq", "rg", metrics.EPOCH})
"""Counters and clocks: told in the header, or of no use as a curve."""
_LAST = (metrics.EPOCH,)


def order(names: Iterable[str]) -> list[str]:
    """Return metric names as people want to see them: what tells most comes first."""
    known = {name: place for place, name in enumerate(_FIRST)}

    def key(name: str) -> tuple[int, int, list[tuple[int, str]]]:
        # Numbers inside names count as numbers: part_2 comes before part_10.
        pieces = [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in _DIGITS.split(name)]
        if name in _LAST:
            return 2, 0, pieces
        group = next((i for i, prefix in enumerate(_GROUPS) if name.startswith(prefix)), len(_GROUPS))
        return (0, known[name], []) if name in known else (1, group, pieces)

    return sorted(set(names), key=key)


def of_run(run: RunView | None) -> list[str]:
    """Return the metrics a run has, in order."""
    return order(item.metric for item in run.latest) if run else []


def charts(run: RunView | None) -> list[tuple[str, ...]]:
    """Return what the overview charts, each with the series laid over it.

    Validation loss is read against training loss, so they share a chart; model
    FLOPs utilisation says the same as throughput and is named in its title.
    """
    have = set(of_run(run))
    names = [name for name in of_run(run) if name not in ASIDE] or of_run(run)
    out: list[tuple[str, ...]] = []
    for name in names:
        if name == metrics.LOSS and metrics.VAL_LOSS in have:
            out.append((name, metrics.VAL_LOSS))
        elif not (have & _SHOWN_WITH.get(name, set())):
            out.append((name,))
    return out
