"""The bounded-memory history of one metric: newest points raw, older ones in buckets.

Samples collect in a buffer. Whenever it holds `CHUNK` of them, counted from
the first sample ever, they are folded into buckets of k samples each; when
there would be more than `BUCKETS`, pairs of buckets merge and k doubles. Folds
happen at absolute sample numbers, so the history does not depend on how the
samples arrived.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.core.block import Samples
from runwatch.core.metrics import MFU
from runwatch.core.snapshot import Columns

Floats = NDArray[np.float64]

CHUNK = 4096
"""Samples folded at once; from CHUNK to twice as many of the newest are kept raw."""
BUCKETS = 1024
"""Most buckets kept; with CHUNK, a power of two."""
OPENING = 256
"""First samples that stay raw at any length of the run: a logarithmic axis shows each of them."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a run is kept. It is filled within minutes, and then the run takes no more memory."""

    chunk: int
    """Samples folded at once; twice as many of the newest are kept raw at most."""
    buckets: int
    """Most buckets of a metric."""
    lines: int
    """Newest log lines of a source."""


FULL = Detail(CHUNK, BUCKETS, 2000)
"""For one run that is looked at."""
LEAN = Detail(256, 512, 500)
"""For a daemon, which may have hundreds of runs."""

_COUNT, _NONFINITE, _LOW, _HIGH, _SUM, _LAST, _FIRST_X, _LAST_X = range(8)


@dataclass(slots=True)
class Summary:
    """Exact facts about all samples of one metric.

    `first`, `last`, `minimum` and `maximum` are of the finite ones if there are any,
    else the value that was there; NaN before the first sample. `first` is of the newest launch that began
    with the first step.
    """

    count: int = 0
    nonfinite: int = 0
    first: float = np.nan
    last: float = np.nan
    minimum: float = np.nan
    maximum: float = np.nan
    minimum_step: float = np.nan
    maximum_step: float = np.nan
    """Where the minimum and the maximum were first; NaN where no step is known."""
    last_step: int | None = None
    begins_again: bool = False
    """Whether the next sample counts as the first: a launch has begun with the first step."""

    def add(self, values: Floats, steps: Floats) -> None:
        """Take values and their steps (n,) in stream order."""
        keep = np.isfinite(values)
        finite, at = (values, steps) if keep.all() else (values[keep], steps[keep])
        if not len(finite):
            if self.count == self.nonfinite:
                self.first = self.first if self.count else float(values[0])
                self.last = float(values[-1])
        else:
            if self.count == self.nonfinite:
                self.minimum, self.maximum = np.inf, -np.inf
            if self.count == self.nonfinite or self.begins_again:
                self.first, self.begins_again = float(finite[0]), False
            self.last = float(finite[-1])
            low, high = int(finite.argmin()), int(finite.argmax())
            if finite[low] < self.minimum:
                self.minimum, self.minimum_step = float(finite[low]), float(at[low])
            if finite[high] > self.maximum:
                self.maximum, self.maximum_step = float(finite[high]), float(at[high])
        self.count += len(values)
        self.nonfinite += len(values) - len(finite)


@dataclass(frozen=True, slots=True)
class Points:
    """Stretches of samples in stream order; arrays of shape (n,).

    `low`, `high`, `mean` and `last` are of the finite samples, NaN without any.
    """

    count: Floats
    nonfinite: Floats
    low: Floats
    high: Floats
    mean: Floats
    last: Floats
    first_x: Floats
    last_x: Floats


class Series:
    """The history of one metric of one run and rank, in bounded memory."""

    def __init__(self, metric: str = "", detail: Detail | None = None) -> None:
        self.metric = metric
        self._chunk, self._most = (CHUNK, BUCKETS) if detail is None else (detail.chunk, detail.buckets)
        self.summary = Summary()
        self.bucket = max(1, self._chunk // self._most)
        """Samples in a bucket."""
        self._buckets: Floats = np.empty((8, 0))
        self._used = 0
        self._opening: Floats = np.empty((2, 0))
        """x and value of the first samples, once they are no longer in `_raw`."""
        self._raw: Floats = np.empty((2, 64))
        """x and value of the newest samples."""
        self._fill = 0
        self._begin = 0
        """Number of the sample at the start of `_raw`, a multiple of the chunk."""
        self._folded = 0
        """Samples that are in buckets, a multiple of the chunk."""
        self._x = np.nan
        """The newest step."""

    def __len__(self) -> int:
        return self.summary.count

    @property
    def stored(self) -> int:
        """Numbers held in memory, whatever the length of the run."""
        return self._buckets.size + self._raw.size + self._opening.size

    def add(self, samples: Samples, again: float = math.inf) -> None:
        """Take new samples, in stream order; from offset `again` on, they begin with the first step again."""
        if again < math.inf:
            self.add(samples.between(-math.inf, again))
            self.summary.begins_again = True
            samples = samples.between(again, math.inf)
        if not len(samples):
            return
        steps, values = self._steps(samples.step), samples.value
        self.summary.add(values, steps)
        if self.metric == MFU and (values < 0).any():  # as nanoGPT prints it until it is known
            known = ~(values < 0)
            steps, values = steps[known], values[known]
        taken = 0
        while taken < len(values):
            room = min(self._chunk - self._fill % self._chunk, len(values) - taken)
            self._reserve(self._fill + room)
            self._raw[0, self._fill : self._fill + room] = steps[taken : taken + room]
            self._raw[1, self._fill : self._fill + room] = values[taken : taken + room]
            self._fill += room
            taken += room
            if self._fill % self._chunk == 0:
                self._fold(self._raw[:, self._fill - self._chunk : self._fill])
            if self._fill == 2 * self._chunk:
                if not self._begin:
                    self._opening = self._raw[:, : min(OPENING, self._chunk)].copy()
                self._raw[:, : self._chunk] = self._raw[:, self._chunk : 2 * self._chunk]
                self._begin += self._chunk
                self._fill = self._chunk

    def tail(self, count: int) -> Floats:
        """Return up to `count` of the newest values; at least a chunk of them is kept."""
        newest: Floats = self._raw[1, max(0, self._fill - count) : self._fill].copy()
        return newest

    def newest(self) -> tuple[Floats, Floats]:
        """Return (step, value) of the newest samples, at least a chunk of them; two arrays of shape (n,)."""
        newest: Floats = self._raw[:, : self._fill].copy()
        return newest[0], newest[1]

    def buckets(self) -> Points:
        """Return the buckets; the newest samples, less than a chunk of them, are not in any yet."""
        return _points(self._buckets[:, : self._used])

    def points(self) -> Points:
        """Return all of it, oldest first: every sample where all are kept, else buckets and the newest."""
        return _points(self.stretches(None, None))

    def columns(
        self, first_step: float | None, last_step: float | None, width: int, log: bool = False
    ) -> Columns:
        """Return what to plot in `width` columns between two steps; see `united`."""
        return united([(self, 0.0)], first_step, last_step, width, log)

    def _steps(self, steps: Floats) -> Floats:
        """Return the steps, each unknown one being that of the sample before it."""
        known = np.isfinite(steps)
        if not known.all():
            source = np.maximum.accumulate(np.where(known, np.arange(len(steps)), -1))
            steps = np.where(source >= 0, steps[source], self._x)
        self._x = float(steps[-1])
        self.summary.last_step = None if np.isnan(self._x) else int(self._x)
        return steps

    def _reserve(self, size: int) -> None:
        if size > self._raw.shape[1]:
            grown = np.empty((2, min(2 * self._chunk, 1 << (size - 1).bit_length())))
            grown[:, : self._fill] = self._raw[:, : self._fill]
            self._raw = grown

    def _fold(self, chunk: Floats) -> None:
        """Put a chunk of samples into buckets."""
        size = min(self.bucket, self._chunk)
        if not self._buckets.size:
            self._buckets = np.empty((8, self._most))
        into_last = self._folded % self.bucket
        while not into_last and self._used + self._chunk // size > self._most:
            half = self._used // 2
            merged = _pairs(self._buckets[:, : self._used].reshape(8, half, 2))
            self._buckets[:, :half] = merged
            self._used = half
            self.bucket *= 2
            size = min(self.bucket, self._chunk)
        table = _summarise(chunk, size)
        if into_last:
            last = self._buckets[:, self._used - 1 : self._used]
            last[:] = _pairs(np.stack([last, table], axis=2))
        else:
            self._buckets[:, self._used : self._used + table.shape[1]] = table
            self._used += table.shape[1]
        self._folded += self._chunk

    def stretches(self, first: float | None, last: float | None, shift: float = 0.0) -> Floats:
        """Return the stretches (8, n) that touch the range: raw ones alone if they cover it.

        `shift` is added to all steps.
        """
        low = -np.inf if first is None else first - shift
        high = np.inf if last is None else last - shift
        buckets = self._with_x(self._buckets[:, : self._used], self.bucket, 0)
        raw = _summarise(self._raw[:, : self._fill], 1)
        raw = self._with_x(raw, 1, self._begin)
        older = buckets[:, : -(-self._begin // self.bucket)]
        if _touching(older, low, high).any():
            raw = raw[:, self._folded - self._begin :]
            table = np.concatenate([*self._opened(buckets), raw], axis=1)
        else:
            table = raw
        table = table[:, _touching(table, low, high)]
        table[_FIRST_X : _LAST_X + 1] += shift
        return table

    def _opened(self, buckets: Floats) -> tuple[Floats, Floats]:
        """Return the first samples one by one, and what the buckets hold of those after them."""
        count = self._opening.shape[1]
        opening = self._with_x(_summarise(self._opening, 1), 1, 0)
        if self.bucket <= count:
            return opening, buckets[:, count // self.bucket :]
        later = buckets.copy()  # only the first one holds any of the opening
        for row in (_COUNT, _NONFINITE, _SUM):
            later[row, 0] -= np.sum(opening[row])
        later[_FIRST_X, 0] = opening[_LAST_X, -1]
        return opening, later

    def _with_x(self, table: Floats, size: int, begin: int) -> Floats:
        """Put sample numbers where no step is known, and the first step before it."""
        if not np.isnan(table[_FIRST_X : _LAST_X + 1]).any():
            return table
        table = table.copy()
        if self.summary.last_step is None:
            table[_FIRST_X] = begin + size * np.arange(table.shape[1])
            table[_LAST_X] = table[_FIRST_X] + table[_COUNT] - 1
        else:
            known = table[_LAST_X][~np.isnan(table[_LAST_X])]
            start = known[0] if len(known) else self._x
            table[_FIRST_X : _LAST_X + 1] = np.nan_to_num(table[_FIRST_X : _LAST_X + 1], nan=start)
        return table


def united(
    reports: Sequence[tuple[Series, float]],
    first_step: float | None,
    last_step: float | None,
    width: int,
    log: bool = False,
) -> Columns:
    """Return what to plot in `width` columns between two steps, both included.

    With `log` the columns are equally wide on a logarithmic axis, which has no place for step 0.

    Series of one metric, each with what to add to its steps: of those after the first counts what
    lies at steps that those before lack.

    None means the end of the data. x is the step, or the number of the
    sample if the log has no steps. Where steps went back, what was
    written before and after shares columns. A column is at its last
    sample, the first of several at its first: there the data begins.
    """
    metric, table = reports[0][0].metric, np.empty((8, 0))
    for series, shift in reports:
        table = _added(table, series.stretches(first_step, last_step, shift))
    if log:
        table = table[:, table[_LAST_X] > 0]
    if not table.shape[1] or width < 1:
        return Columns(metric)
    low = first_step if first_step is not None else float(np.nanmin(table[_FIRST_X]))
    high = last_step if last_step is not None else float(np.nanmax(table[_LAST_X]))
    low = max(low, float(table[_LAST_X].min())) if log else low
    if table.shape[1] > width or np.any(np.diff(table[_LAST_X]) <= 0):
        table = _merge(table, low, high, width, log)
    points = _points(table)
    x = np.clip(points.last_x, low, high)
    if len(x) > 1 and not log:
        x[0] = np.clip(points.first_x[0], low, x[0])
    return Columns(
        metric,
        x=tuple(x.tolist()),
        low=_optional(points.low),
        high=_optional(points.high),
        mean=_optional(points.mean),
        last=_optional(points.last),
        nonfinite=tuple(points.nonfinite.astype(np.int64).tolist()),
    )


@np.errstate(over="ignore", invalid="ignore")  # the sum of huge values is infinite
def _summarise(raw: Floats, size: int) -> Floats:
    """Return the stretches (8, n // size) of samples (x and value, n), `size` samples each."""
    steps, values = raw
    table = np.empty((8, len(values) // size))
    finite = np.isfinite(values)
    table[_COUNT] = size
    if finite.all():
        rows = values.reshape(-1, size)
        table[_NONFINITE] = 0
        table[_LOW], table[_HIGH], table[_SUM] = rows.min(axis=1), rows.max(axis=1), rows.sum(axis=1)
        table[_LAST] = rows[:, -1]
    else:
        keep = finite.reshape(-1, size)
        rows = values.reshape(-1, size)
        table[_NONFINITE] = size - keep.sum(axis=1)
        table[_LOW] = np.where(keep, rows, np.inf).min(axis=1)
        table[_HIGH] = np.where(keep, rows, -np.inf).max(axis=1)
        table[_SUM] = np.where(keep, rows, 0.0).sum(axis=1)
        newest = size - 1 - np.argmax(keep[:, ::-1], axis=1)
        table[_LAST] = np.where(keep.any(axis=1), rows[np.arange(len(rows)), newest], np.nan)
    table[_FIRST_X], table[_LAST_X] = steps[::size], steps[size - 1 :: size]
    return table


@np.errstate(over="ignore", invalid="ignore")
def _pairs(pairs: Floats) -> Floats:
    """Merge stretches (8, n, 2) with their neighbors: (8, n)."""
    left, right = pairs[:, :, 0], pairs[:, :, 1]
    merged = left + right
    merged[_LOW] = np.minimum(left[_LOW], right[_LOW])
    merged[_HIGH] = np.maximum(left[_HIGH], right[_HIGH])
    merged[_LAST] = np.where(np.isnan(right[_LAST]), left[_LAST], right[_LAST])
    merged[_FIRST_X] = left[_FIRST_X]
    merged[_LAST_X] = right[_LAST_X]
    return merged


@np.errstate(over="ignore", invalid="ignore")
def _merge(table: Floats, low: float, high: float, width: int, log: bool) -> Floats:
    """Merge stretches by the column of a plot from `low` to `high` that their end falls into."""
    place = np.clip(table[_LAST_X], low, high)
    if log:
        place, low, high = np.log(place), math.log(low), math.log(high)
    scale = width / (high - low) if high > low else 0.0
    column = np.clip((place - low) * scale, 0, width - 1).astype(np.int64)
    order = np.argsort(column, kind="stable")
    table, column = table[:, order], column[order]
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    merged = np.empty((8, len(starts)))
    for row in (_COUNT, _NONFINITE, _SUM):
        merged[row] = np.add.reduceat(table[row], starts)
    merged[_LOW] = np.minimum.reduceat(table[_LOW], starts)
    merged[_HIGH] = np.maximum.reduceat(table[_HIGH], starts)
    known = np.where(np.isnan(table[_LAST]), -1, np.arange(table.shape[1]))
    newest = np.maximum.reduceat(known, starts)
    merged[_LAST] = np.where(newest >= 0, table[_LAST][newest], np.nan)
    merged[_FIRST_X] = np.minimum.reduceat(table[_FIRST_X], starts)
    merged[_LAST_X] = np.maximum.reduceat(table[_LAST_X], starts)
    return merged


def _added(table: Floats, other: Floats) -> Floats:
    """Return stretches with those of another source where they lack steps."""
    if not (table.shape[1] and other.shape[1]):
        return table if table.shape[1] else other
    begin = np.minimum(table[_FIRST_X], table[_LAST_X])
    order = np.argsort(begin, kind="stable")
    end = np.maximum.accumulate(np.maximum(table[_FIRST_X], table[_LAST_X])[order])
    low, high = (pick(other[_FIRST_X], other[_LAST_X]) for pick in (np.minimum, np.maximum))
    before = np.searchsorted(begin[order], high, side="right") - 1
    lacking = (before < 0) | (end[before] < low)
    both = np.concatenate([other[:, lacking], table], axis=1)
    if np.any(np.diff(table[_LAST_X]) < 0):  # steps went back: what came later is known by the order alone
        return both
    return both[:, np.argsort(both[_LAST_X], kind="stable")]


def _touching(table: Floats, low: float, high: float) -> NDArray[np.bool_]:
    """Return which stretches have samples in [low, high]; one that went back in steps spans both ends."""
    begin = np.minimum(table[_FIRST_X], table[_LAST_X])
    end = np.maximum(table[_FIRST_X], table[_LAST_X])
    touching: NDArray[np.bool_] = (begin <= high) & (end >= low)
    return touching


def _points(table: Floats) -> Points:
    finite = table[_COUNT] > table[_NONFINITE]
    count = np.where(finite, table[_COUNT] - table[_NONFINITE], 1)
    return Points(
        count=table[_COUNT].copy(),
        nonfinite=table[_NONFINITE].copy(),
        low=np.where(finite, table[_LOW], np.nan),
        high=np.where(finite, table[_HIGH], np.nan),
        mean=np.where(finite, table[_SUM] / count, np.nan),
        last=table[_LAST].copy(),
        first_x=table[_FIRST_X].copy(),
        last_x=table[_LAST_X].copy(),
    )


def _optional(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)
