"""What other metrics said just before a finding: the evidence that names a cause."""

from __future__ import annotations

from math import log

import numpy as np

from runwatch.alerts.rules.base import place
from runwatch.alerts.rules.baseline import take
from runwatch.alerts.rules.common.wording import fold
from runwatch.core.block import Samples
from runwatch.core.metrics import label

_SEARCH = 65
"""The most rows by which it is judged whether a learning rate is searched for."""
_TRIED, _STEADY = 0.18, 0.05
"""ln of the least factor of the rate over half of them; part by which its log may differ."""
_HIGH = 0.1
"""Rate above which hardly any warm-up ends."""
_NONE = Samples(np.empty(0), np.empty(0), np.empty(0), np.empty(0))


class Recent:
    """The newest samples of one metric, so that a finding can look back from where it is.

    Whatever the cut into blocks, the `size` samples before any point of the
    newest block can be seen.
    """

    def __init__(self, size: int = 128) -> None:
        self._size = size
        self._older = _NONE
        self._newest = _NONE

    def push(self, samples: Samples | None) -> None:
        """Take the samples of a new block, if it has any."""
        if samples is None or not len(samples):
            return
        if len(self._newest) >= self._size:
            self._older = copied(take(self._newest, slice(-self._size, None)))
        else:
            self._older = copied(take(join(self._older, self._newest), slice(-self._size, None)))
        self._newest = samples

    def until(self, offset: float, count: int) -> Samples:
        """Return the last `count` samples at or before `offset`; `count` is at most `size`."""
        end = int(np.searchsorted(self._newest.offset, offset, "right"))
        if end >= count:
            return take(self._newest, slice(end - count, end))
        old = int(np.searchsorted(self._older.offset, offset, "right"))
        older = take(self._older, slice(max(0, old - (count - end)), old))
        return join(older, take(self._newest, slice(0, end)))

    def finite(self, offset: float, count: int, since: float) -> list[float]:
        """Return the finite values among the last `count` samples at or before `offset`, after `since`."""
        newest = self.until(offset, count)
        values: list[float] = newest.value[np.isfinite(newest.value) & (newest.offset > since)].tolist()
        return values

    def after(self, offset: float) -> Samples:
        """Return the samples of the newest block after `offset`."""
        return take(self._newest, slice(int(np.searchsorted(self._newest.offset, offset, "right")), None))


def copied(samples: Samples) -> Samples:
    """Return samples that keep no whole block alive."""
    return Samples(*(np.array(getattr(samples, name)) for name in ("offset", "line", "step", "value")))


def join(first: Samples, second: Samples) -> Samples:
    """Return the first samples, then the second."""
    if not len(first):
        return second
    names = ("offset", "line", "step", "value")
    return Samples(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in names))


def surge(recent: Recent, metric: str, offset: float, factor: float = 5.0, lead: int = 8) -> str:
    """Say how a metric surged in the last `lead` samples up to `offset`, or "".

    The surge is the greatest finite value of the lead over the median of up to
    64 samples before it.
    """
    samples = recent.until(offset, 64 + lead)
    if len(samples) < 16 + lead:
        return ""
    before = samples.value[:-lead]
    before = before[np.isfinite(before)]
    last = np.where(np.isfinite(samples.value[-lead:]), samples.value[-lead:], -np.inf)
    usual = float(np.median(before)) if len(before) else 0.0
    best = int(np.argmax(last))
    if usual <= 0 or last[best] < factor * usual:
        return ""
    where = place(samples, len(samples) - lead + best)
    peak = float(last[best])
    return f"{label(metric)} was {peak:.4g} ({fold(peak / usual)} its median) at {where}"


def newest(recent: Recent, offset: float) -> float | None:
    """Return the newest value at or before `offset` if it is finite."""
    value = recent.until(offset, 1).value
    return float(value[0]) if len(value) and np.isfinite(value[0]) else None


def lr_jump(recent: Recent, offset: float, within: int = 100) -> float:
    """Return the learning rate over its least of the last `within` samples; 1 if unknown."""
    values = recent.until(offset, within).value
    values = values[np.isfinite(values) & (values > 0)]
    return float(values[-1] / values.min()) if len(values) else 1.0


def lr_fell(recent: Recent, offset: float, within: int) -> bool:
    """Return whether the learning rate is at most half of what it was among its last `within` samples."""
    values = recent.until(offset, within).value
    values = values[np.isfinite(values)]
    return len(values) > 0 and 0 < 2 * float(values[-1]) <= float(values.max())


def searches_rate(recent: Recent, offset: float) -> bool:
    """Return whether each row raises the learning rate alike, to find the highest one that learns.

    By the same factor; or by the same step, where it is higher already than a warm-up ends at.
    """
    rates = recent.until(offset, _SEARCH).value
    if len(rates) < _SEARCH // 4 or not rates.min() > 0:
        return False
    first, half, last = rates[[-1 - 2 * ((len(rates) - 1) // 2), -1 - (len(rates) - 1) // 2, -1]].tolist()
    step, factor = half - first, log(half / first)
    by_step = step > 0 and last > _HIGH and abs(last - half - step) < _STEADY * step
    return by_step or (factor > _TRIED and abs(log(last / half) - factor) < _STEADY * factor)


def lr_returned(recent: Recent, offset: float, within: int) -> bool:
    """Return whether the learning rate, among its last `within` samples, fell by half and rose again."""
    values = recent.until(offset, within).value
    values = values[np.isfinite(values) & (values > 0)]
    low = int(np.argmin(values)) if len(values) else 0
    return low > 0 and bool(2 * values[low] <= min(values[:low].max(), values[-1]))
