"""The step of records that print none, from the bars next to them: the Hugging Face Trainer's logs.

A quick bar lags behind: tqdm redraws it every 0.1 s. `tqdm.write` draws it once more, below the
text, with the count as it is and a pace that it has not measured again: that bar is exact. Where a
program's output is held back until much of it is there, the bar next to its records shows none of
their steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import BESIDE, EVAL, QUICK, Batch
from runwatch.core.fold.rows import Floats, Rows, column_of
from runwatch.core.metrics import EPOCH

_REDRAWN = 0.1
"""Seconds after which tqdm draws a bar again, and measures its pace."""
_HELD_BACK = 3
"""Records of later and later epochs next to one bar: so many were held back."""
_ROUNDED = 0.011
"""By how much epochs of two decimals may miss even steps."""


@dataclass(slots=True)
class Redraws:
    """Which bars were drawn once more for a record; remembers whether this log has such bars."""

    _seen: bool = False
    """Whether a bar behind a record was the one before it, once more: this log's text is above its bars."""

    def steps(
        self,
        beside: Sequence[Floats],
        before: Sequence[Floats],
        train: Rows,
        bars: Rows,
        at: NDArray[np.int64],
    ) -> Floats:
        """Return the steps of records (n,): of the bar next to them, or of that right after, drawn for them.

        `beside` are step, total and seconds per step of the training's bar, `before` seconds per step,
        offset and line of the one before each record, `at` is the one behind.
        """
        step, total, pace = beside
        seconds, offset, line = before
        last = np.append(at[1:] != at[:-1], True) & (at < len(bars))
        behind = bars.take(np.minimum(at, len(bars) - 1))
        near = last & (line == train.line) & (train.offset - offset <= BESIDE)
        near &= (behind.total == total) & (behind.line == train.line + 1) & (behind.step >= step)
        measured = (behind.seconds == pace) | np.isnan(pace)
        once_more = near & measured & (behind.step == step) & (step < total) & (step > 0)
        seen = np.logical_or.accumulate(np.append(self._seen, once_more))[:-1]
        self._seen |= bool(once_more.any())
        # a slow training's bar shows each step: more at the old pace were quick
        quick = ~(seconds >= QUICK) | (behind.step > step + 1) | seen
        unmeasured = (step * pace < 2 * _REDRAWN) & (behind.step * behind.seconds < 2 * _REDRAWN)
        return np.where(near & ((measured & quick) | unmeasured), behind.step, step)


@dataclass(slots=True)
class BarSteps:
    """Gives records without a step that of the bar before them; remembers the newest bar of a source."""

    _beside: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """Step, total and seconds per step of the newest bar."""
    _drawn: tuple[float, float] = (np.nan, np.nan)
    """Its offset and its line."""
    _outer: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """The same of the newest one next to a record that was not at its end: the training's own."""
    _redraws: Redraws = field(default_factory=Redraws)
    _filled: bool = False
    """Whether a bar has given the step of a record."""
    _epoch: float | None = None
    """Epoch of the newest record since the newest bar; None if there was none."""

    def fill(self, batch: Batch, train: Rows, bars: Rows) -> tuple[Rows, NDArray[np.bool_]]:
        """Give records without a step what the bar before them shows; say which those are."""
        stepless = np.isnan(train.step)
        if stepless.any() or (len(train) and (len(bars) or not math.isnan(self._drawn[0]))):
            train = self._filled_from(batch, train, bars, stepless)
        elif len(bars):
            self._epoch = None
        if len(bars):
            self._beside = (bars.step[-1], bars.total[-1], bars.seconds[-1])
            self._drawn = (bars.offset[-1], bars.line[-1])
            for last in np.flatnonzero(bars.total == self._outer[1])[-1:].tolist():
                self._outer = (float(bars.step[last]), self._outer[1], float(bars.seconds[last]))
        return train, stepless

    def _filled_from(self, batch: Batch, train: Rows, bars: Rows, stepless: NDArray[np.bool_]) -> Rows:
        """Return the records with the steps that bars show; note what bars those with a step have, too."""
        at = np.searchsorted(bars.offset, train.offset)
        shown = [
            np.concatenate(([before], column))[at]
            for before, column in zip(
                (*self._beside, *self._drawn),
                (bars.step, bars.total, bars.seconds, bars.offset, bars.line),
                strict=True,
            )
        ]
        nearby = self._without_inner(shown[:3], bars, at)
        if len(bars):
            nearby[0] = self._redraws.steps(nearby, shown[2:], train, bars, at)
        before, self._epoch = self._epoch, float(train.epoch[-1]) if at[-1] == len(bars) else None
        if not stepless.any():
            return train
        step, total, seconds = (
            np.where(stepless, b, own)
            for b, own in zip(nearby, (train.step, train.total, train.seconds), strict=True)
        )
        train = replace(train, step=step, total=total, seconds=seconds)
        first, self._filled = not self._filled, True
        return _without_unrelated(batch, train, stepless, at, shown[3], first=first, before=before)

    def _without_inner(self, beside: list[Floats], bars: Rows, at: NDArray[np.int64]) -> list[Floats]:
        """Replace what a bar shows that ended in the middle of another: of an evaluation, of files written.

        `beside` are step, total and seconds per step by record, arrays of shape (n,); `at` is the bar
        behind each. A training that steps faster than its bar is redrawn prints a record after such a bar.
        """
        step, total, _ = beside
        under_way = step < total
        newest = np.maximum.accumulate(np.where(under_way, np.arange(1, len(step) + 1), 0))
        outer = [
            np.concatenate(([before], column))[newest]
            for before, column in zip(self._outer, beside, strict=True)
        ]
        inner = ~under_way & ~np.isnan(total) & ~np.isnan(outer[1]) & (total != outer[1])
        for whole in np.unique(outer[1][inner]):  # the bar of the training may have been drawn since
            those = np.flatnonzero(inner & (outer[1] == whole))
            drawn = np.flatnonzero(bars.total == whole)
            newest = np.searchsorted(drawn, at[those]) - 1
            those, newest = those[newest >= 0], drawn[newest[newest >= 0]]
            outer[0][those], outer[2][those] = bars.step[newest], bars.seconds[newest]
        self._outer = (float(outer[0][-1]), float(outer[1][-1]), float(outer[2][-1]))
        return [np.where(inner, own, shown) for own, shown in zip(outer, beside, strict=True)]


def _without_unrelated(
    batch: Batch,
    train: Rows,
    stepless: NDArray[np.bool_],
    at: NDArray[np.int64],
    offset: Floats,
    *,
    first: bool,
    before: float | None,
) -> Rows:
    """Return the records without the steps of bars that have nothing to do with them.

    Such are a bar that has not moved yet, one that is full for the second record or was drawn
    long before, and one next to which many of later epochs were printed: they were held back.

    `at` is the bar behind each record, `offset` where the one before was drawn, `first` whether the run
    has had no record without a step before, `before` the epoch of the newest record since the newest bar.
    """
    epoch, step = train.epoch, train.step.copy()
    full = stepless & (step == train.total)
    again = np.append(at[0] == 0 and before is not None and before != epoch[0], at[1:] == at[:-1])
    again[1:] &= epoch[1:] != epoch[:-1]
    other = full & (again | (train.offset - offset > BESIDE))
    edges = np.flatnonzero(np.append(True, (at[1:] != at[:-1]) | (stepless[1:] != stepless[:-1])))
    step[stepless & (step == 0)] = np.nan
    for begin, end in zip(edges.tolist(), [*edges[1:].tolist(), len(train)], strict=True):
        count, reported = end - begin, epoch[begin:end]
        if count < 2 or not stepless[begin] or not (reported[1:] > reported[:-1]).all():
            continue
        done, total = float(step[begin]), float(train.total[begin])
        if first and not begin and done == total and _is_even(reported, total, _final_epoch(batch)):
            step[begin:end] = np.arange(1, count + 1) * (total / count)
            other[begin:end] = False
        elif count >= _HELD_BACK and (done == total or not train.seconds[begin] < QUICK):
            step[begin:end] = np.nan
    step[other] = np.nan
    totals = np.where(stepless & np.isnan(step), np.nan, train.total)
    return replace(train, step=step, total=totals)


def _is_even(epoch: Floats, total: float, final: float) -> bool:
    """Return whether records of these epochs divide a training of `total` steps and `final` epochs evenly."""
    even = np.arange(1, len(epoch) + 1) * (final / len(epoch))
    return total % len(epoch) == 0 and epoch[-1] == final and bool((abs(epoch - even) < _ROUNDED).all())


def _final_epoch(batch: Batch) -> float:
    """Return the epoch at which the training ended, as its last record shows; NaN if it did not yet."""
    reported = [table for table in batch.tables if table.kind == EVAL and "train_runtime" in table.names]
    epoch = column_of(reported, EPOCH)
    return float(epoch.item()) if len(epoch) == 1 else np.nan
