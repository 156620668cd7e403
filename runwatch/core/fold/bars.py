"""The progress bars of a run, and which of them is that of its training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runwatch.core.fold.rows import Rows

_MAX_BARS = 64


@dataclass(slots=True)
class _Bar:
    """One progress bar, known by its total."""

    first: int
    last: int
    updates: int = 0
    records: int = 0
    """Training records printed next to it: the training bar has most."""
    outer: bool = False
    """Whether it continued after another bar was drawn: that one was of an evaluation."""


@dataclass(slots=True)
class Bars:
    """The bars of one run; bounded."""

    _bars: dict[float, _Bar] = field(default_factory=dict)
    _drawn_total: float = np.nan
    """Total of the newest bar."""
    _prints_steps: bool = False
    """Whether a record shows its step."""

    def count(self, bars: Rows, train: Rows, stepless: NDArray[np.bool_]) -> None:
        """Take bars and the training records next to them; `stepless`: which took their step from a bar."""
        for step, total in zip(bars.step.tolist(), bars.total.tolist(), strict=True):
            if math.isnan(step) or math.isnan(total):
                continue
            bar = self._bars.setdefault(total, _Bar(int(step), int(step)))
            bar.outer |= total != self._drawn_total and 0 < bar.last <= step and bar.last < total
            bar.last, self._drawn_total = int(step), total
            bar.updates += 1
        if stepless.any():
            totals, counts = np.unique(train.total[~np.isnan(train.total)], return_counts=True)
            for total, count in zip(totals.tolist(), counts.tolist(), strict=True):
                if total in self._bars:
                    self._bars[total].records += count
        elif len(train):
            self._prints_steps = True
        while len(self._bars) > _MAX_BARS:
            del self._bars[min(self._bars, key=lambda total: self._bars[total].updates)]

    def of_training(self, newest_total: float) -> tuple[int, int, int] | None:
        """Return first and newest step and total of the bar of training; None if records print their steps.

        `newest_total` is that of the newest record.
        """
        if self._prints_steps or not self._bars:
            return None
        total, bar = max(
            self._bars.items(), key=lambda item: (item[1].records, item[1].outer, item[1].updates)
        )
        newest = self._bars.get(newest_total)
        if newest is not None and newest.records > 1 and newest_total > total:  # resumed, with more to do
            total, bar = newest_total, newest
        return bar.first, bar.last, int(total)
