"""What is usual for a metric, by rank statistics that do not depend on chunking.

A baseline is recomputed whenever the number of rows since the start (or the
last restart) is a multiple of `hop`, from the `window` rows before that point;
each row is judged against the newest baseline completed before it. Both are
absolute row numbers, so it does not matter how the rows were cut into blocks,
and all windows of a block are computed at once.

Medians need no winsorising: up to half of a window may be spikes before they
move it, where a mean and a standard deviation already hide the second spike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from runwatch.core.block import Samples

Floats = NDArray[np.float64]

MAD = 1.4826
"""Scales a median absolute deviation to the standard deviation of a Gaussian."""

_CHANGES = 8
"""Changes of value in a window from which the smallest is taken for a rounding step."""


def grow(log_ratio: float) -> float:
    """Return exp(log_ratio), of what is a logarithm of two finite numbers; never overflows."""
    return math.exp(min(log_ratio, 709.0))


def take(samples: Samples, rows: slice | NDArray[np.bool_]) -> Samples:
    """Return some rows of `samples`."""
    return Samples(samples.offset[rows], samples.line[rows], samples.step[rows], samples.value[rows])


def positive(samples: Samples) -> Samples:
    """Return the rows whose value is finite and above zero, which are those with a logarithm."""
    keep = (samples.value > 0) & (samples.value < np.inf)
    return samples if keep.all() else take(samples, keep)


def before_negative(samples: Samples) -> tuple[Samples, bool]:
    """Return the rows before the first negative value, and whether there is one.

    A loss that takes both signs (of a policy, a bound, a game) has no ratio.
    """
    negative = samples.value < 0
    if not negative.any():
        return samples, False
    return take(samples, slice(0, int(np.argmax(negative)))), True


class Segments:
    """Cuts the samples of one metric where the run restarted."""

    def __init__(self) -> None:
        self._restarted = False

    def split(self, samples: Samples | None, restarts: Sequence[int]) -> list[tuple[bool, Samples]]:
        """Return (is this the first piece after a restart?, its samples) in stream order.

        A restart that no sample has followed yet is remembered for the next block.
        """
        if samples is None:
            self._restarted |= bool(restarts)
            return []
        cuts = np.searchsorted(samples.offset, np.sort(np.asarray(restarts, np.float64))) if restarts else ()
        pieces = []
        for number, (low, high) in enumerate(pairwise([0, *cuts, len(samples)])):
            self._restarted |= number > 0
            if low < high:
                pieces.append((self._restarted, take(samples, slice(low, high))))
                self._restarted = False
        return pieces


class Windows:
    """The last `width` rows at every `hop`-th row."""

    def __init__(self, width: int, hop: int) -> None:
        self.width = width
        self.hop = hop
        self.rows = 0
        """Rows seen so far."""
        self._carry: Floats = np.empty(0)

    def add(self, values: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Take new rows; return the windows they complete.

        The first array (n,) says how many rows there were when each window
        was complete, always a multiple of `hop`; the second is (n, width).
        """
        data = np.concatenate([self._carry, values]) if len(self._carry) else values
        begin = self.rows - len(self._carry)
        self.rows += len(values)
        first = max(self.rows - len(values) + 1, self.width)
        ends = np.arange(-(-first // self.hop) * self.hop, self.rows + 1, self.hop)
        self._carry = data[-self.width :].copy()
        if not len(ends):
            return ends, np.empty((0, self.width))
        views: Floats = sliding_window_view(data, self.width)
        complete = views[ends[0] - self.width - begin :: self.hop]
        return ends, complete

    def early(self, values: Floats, least: int) -> list[tuple[int, Floats]]:
        """Return what `add` would, for windows still shorter than `width` but of `least` rows or more."""
        first = -(-max(self.rows + 1, least) // self.hop) * self.hop
        ends = range(first, min(self.rows + len(values) + 1, self.width), self.hop)
        data = np.concatenate([self._carry, values]) if ends else values
        return [(end, data[None, :end]) for end in ends]


def middle(values: Iterable[float]) -> float:
    """Return the median of some finite numbers, at least one: of few, np.median takes ten times as long."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def median(ordered: Floats) -> Floats:
    """Return the median (n,) of each row of `ordered` (n, width), sorted along axis 1."""
    width = ordered.shape[1]
    middle: Floats = (ordered[:, (width - 1) // 2] + ordered[:, width // 2]) / 2
    return middle


def jitter(windows: Floats) -> Floats:
    """Return the noise (n,) of each window as its successive differences show it.

    A shift or a trend inside the window hardly changes it.
    """
    steps = np.abs(np.diff(windows, axis=1))
    steps.sort(axis=1)
    noise: Floats = median(steps) * (MAD / np.sqrt(2))
    return noise


def jitter_of(moves: Sequence[float] | Floats) -> float:
    """Return the noise of a few values, at least two, by how far each is from the one before it."""
    return middle(moves) * MAD / math.sqrt(2)


def median_error(noise: float, *counts: float) -> float:
    """Return the standard error of a median of so many values, of several counts that of a difference."""
    return 1.2533 * noise * math.sqrt(sum(1 / count for count in counts))


def deviation(windows: Floats) -> Floats:
    """Return the scaled median absolute deviation (n,) of each window."""
    away = np.abs(windows - median(np.sort(windows, axis=1))[:, None])
    away.sort(axis=1)
    return median(away) * MAD


def swing(windows: Floats) -> Floats:
    """Return the noise (n,) of each window as the greater of its successive differences show it.

    Data of two kinds in turn, or heavy tails, have a small median difference and a large upper
    tail: the 90th percentile of a Gaussian's is 1.645 deviations. No median of rows that come from
    two levels can move further than from one to the other, which is such a difference; a single
    shift or a trend inside the window hardly changes it.
    """
    steps = np.abs(np.diff(windows, axis=1))
    at = int(0.9 * (steps.shape[1] - 1))
    steps.partition(at, axis=1)
    noise: Floats = steps[:, at] / (1.645 * np.sqrt(2))
    return noise


def spread(windows: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return the median and the robust standard deviation, each (n,), of windows (n, width).

    The deviation is the greatest of: the scaled median absolute deviation; the
    same of successive differences; the smallest difference seen, if there are
    some, because rounded losses have few distinct values and a MAD of zero; and
    `floor`.
    """
    return _spread(np.sort(windows, axis=1), windows, floor)


def _spread(ordered: Floats, windows: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return what `spread` does of windows that were also `ordered` along axis 1."""
    middle = median(ordered)
    deviations = np.abs(ordered - middle[:, None])
    deviations.sort(axis=1)
    steps = np.abs(np.diff(windows, axis=1))
    steps.sort(axis=1)
    zeros = (steps <= 0).sum(axis=1)
    quantum = np.take_along_axis(steps, np.minimum(zeros, steps.shape[1] - 1)[:, None], axis=1)[:, 0]
    quantum[zeros > steps.shape[1] - _CHANGES] = 0
    sigma = np.maximum(median(deviations) * MAD, median(steps) * (MAD / np.sqrt(2)))
    return middle, np.maximum(np.maximum(sigma, quantum), floor)


class Rounding:
    """The smallest step between values in a row: that of their rounding, where they are rounded coarsely."""

    def __init__(self) -> None:
        self._last = np.nan
        self._least = np.inf

    def add(self, values: Floats) -> Floats:
        """Take new values (n,); return the smallest step (n,) before each, 0 if there was none."""
        steps = np.abs(np.diff(np.append(self._last, values)))
        steps[~(steps > 0)] = np.inf
        least = np.minimum.accumulate(np.append(self._least, steps))
        if len(values):
            self._last, self._least = float(values[-1]), float(least[-1])
        before: Floats = np.where(np.isfinite(least[:-1]), least[:-1], 0.0)
        return before


def _upper(windows: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return the median and deviation as `spread` does, but as wide as the upper tail is.

    Data of two kinds, one of them rare, have a narrow middle and a far tail: the
    95th percentile of a Gaussian is 1.645 deviations above its median.
    """
    ordered = np.sort(windows, axis=1)
    middle, sigma = _spread(ordered, windows, floor)
    high = ordered[:, int(0.95 * (windows.shape[1] - 1))]
    return middle, np.maximum(sigma, (high - middle) / 1.645)


class Baseline:
    """The rolling median and robust deviation that each row is judged against."""

    def __init__(self, floor: float, window: int = 64, hop: int = 16, least: int = 32) -> None:
        self._floor = floor
        self._least = least
        """Rows needed before the first baseline; those before it have NaN."""
        self._windows = Windows(window, hop)
        self._newest = (np.nan, np.nan)

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return self._windows.rows

    def judge(self, values: Floats) -> tuple[Floats, Floats]:
        """Take new rows (n,); return the median and deviation, each (n,), that hold for them."""
        start = self.rows
        early = self._windows.early(values, self._least)
        ends, windows = self._windows.add(values)
        middles, sigmas = _upper(windows, self._floor)
        if early:
            found = [_upper(window, self._floor) for _, window in early]
            ends = np.concatenate([[end for end, _ in early], ends])
            middles = np.concatenate([*(m for m, _ in found), middles])
            sigmas = np.concatenate([*(s for _, s in found), sigmas])
        runs = np.diff(np.concatenate([[start], ends, [self.rows]]))
        middle = np.repeat(np.concatenate([[self._newest[0]], middles]), runs)
        sigma = np.repeat(np.concatenate([[self._newest[1]], sigmas]), runs)
        if len(ends):
            self._newest = (float(middles[-1]), float(sigmas[-1]))
        return middle, sigma
