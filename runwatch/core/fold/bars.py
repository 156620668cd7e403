"""The progress bars of a run, and which of them is that of its training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runwatch.core.fold.rows import Floats, Rows

_MAX_BARS = 64
_QUICK = 0.005
"""Seconds of a step: what nothing says to be training, and takes less, passes over data."""


@dataclass(slots=True)
class _Bar:
    """One progress bar, known by its total."""

    first: int
    last: int
    updates: int = 0
    outer: bool = False
    """Whether it continued after another bar was drawn: that one was of an evaluation."""
    quick: bool = False
    """Whether its steps took next to no time, as far as it was seen to move."""
    slow: bool = False
    """Whether one of them took longer."""


@dataclass(slots=True)
class Bars:
    """The bars of one run; bounded."""

    _bars: dict[float, _Bar] = field(default_factory=dict)
    _drawn_total: float = np.nan
    """Total of the newest bar."""
    _records: dict[float, int] = field(default_factory=dict)
    """Training records by their total: those of the training bar are most."""
    _newest_total: float = np.nan
    """Total of the newest training record."""
    _trained: float = -np.inf
    """Offset of the newest training record."""
    _ended: float = -np.inf
    """Offset of the newest end that a line reported."""
    _fills: bool = False
    """Whether a record took its step from a bar."""

    def count(self, bars: Rows, train: Rows, stepless: NDArray[np.bool_], ends: Floats) -> None:
        """Take the next bars, training records and ends of the run (offsets).

        `stepless`, of the shape of `train`, is whether a record took its step from a bar.
        """
        over = _newest(ends, bars.offset, self._ended) > _newest(train.offset, bars.offset, self._trained)
        drawn = (bars.step, bars.total, bars.seconds, over)
        for step, total, took, behind in zip(*(column.tolist() for column in drawn), strict=True):
            if not (math.isnan(step) or math.isnan(total)):
                self._draw(step, total, took, over=behind)
        totals, counts = np.unique(train.total[~np.isnan(train.total)], return_counts=True)
        for total, count in zip(totals.tolist(), counts.tolist(), strict=True):
            if total in self._records or len(self._records) < _MAX_BARS:
                self._records[total] = self._records.get(total, 0) + count
        self._fills |= bool(stepless.any())
        self._ended = float(ends[-1]) if len(ends) else self._ended
        if len(train):
            self._trained, self._newest_total = float(train.offset[-1]), float(train.total[-1])

    def _draw(self, step: float, total: float, took: float, *, over: bool) -> None:
        """Take one bar. `over`: the run has ended; a bar that begins again there is of the next one."""
        bar = self._bars.get(total)
        if bar is None:
            if len(self._bars) >= _MAX_BARS:
                del self._bars[min(self._bars, key=lambda total: self._bars[total].updates)]
            bar = self._bars[total] = _Bar(int(step), int(step))
        elif over and step < bar.last:
            return
        bar.outer |= total != self._drawn_total and 0 < bar.last <= step and bar.last < total
        bar.quick |= took < _QUICK
        bar.slow |= took >= _QUICK
        bar.last, self._drawn_total = int(step), total
        bar.updates += 1

    def of_training(self, planned: int | None = None) -> tuple[int, int, int] | None:
        """Return first and newest step and total of the training's bar; None if records print their steps.

        It is the bar whose total is `planned`, if there is one.
        """
        if not self._bars or not (self._fills or math.isinf(self._trained)):
            return None
        records = self._records
        bars = {total: bar for total, bar in self._bars.items() if self._fills or bar.slow or not bar.quick}
        if not bars:
            return None
        total, bar = max(
            bars.items(),
            key=lambda item: (item[0] == planned, records.get(item[0], 0), item[1].outer, item[1].updates),
        )
        newest = self._bars.get(self._newest_total)
        if newest is not None and records[self._newest_total] > 1 and self._newest_total > total:
            total, bar = self._newest_total, newest  # resumed, with more to do
        return bar.first, bar.last, int(total)


def _newest(reported: Floats, at: Floats, before: float) -> Floats:
    """Return the newest of the offsets `reported` before each of `at`; `before` is of an earlier batch."""
    return np.concatenate(([before], reported))[np.searchsorted(reported, at)]
