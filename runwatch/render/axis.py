"""Limits, ticks and labels of an axis: round numbers that stay put while data grows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runwatch.render import numbers

_HUGE = 1e300
_TINY = 1e-300
_OUTLIER = 20.0
"""A value this many body heights beyond the body of the data is cut off, and marked."""


def bounded(x: float) -> float:
    """Return a finite value moved to where sums and differences stay finite."""
    return max(-_HUGE, min(_HUGE, x))


def nice(x: float) -> float:
    """Return the smallest of 1, 2, 5 x 10^n that is not below positive `x`."""
    power = 10.0 ** math.floor(math.log10(x))
    for factor in (1.0, 2.0, 5.0):
        if factor * power >= x * (1 - 1e-9):
            return factor * power
    return 10.0 * power


@dataclass(frozen=True)
class Scale:
    """The range of an axis, and where on it a value lies."""

    low: float
    high: float
    log: bool = False
    clipped: bool = False
    """True when data beyond `high` was left out on purpose."""

    def position(self, x: float) -> float:
        """Return 0 at the low end and 1 at the high end, never outside."""
        low, high = self.low, self.high
        if self.log:
            if x <= 0:
                return 0.0
            x, low, high = math.log10(x), math.log10(low), math.log10(high)
        if math.isnan(x) or high <= low:
            return 0.0
        return max(0.0, min(1.0, (x - low) / (high - low)))


def _log_scale(values: Sequence[float]) -> Scale | None:
    positive = [x for x in values if x > _TINY]
    if not positive:
        return None
    low, high = min(positive), max(positive)
    # Tenths of a decade: fine enough to use the rows, coarse enough to stay put.
    bottom = math.floor(math.log10(low) * 10 - 1e-9) / 10
    top = math.ceil(math.log10(high) * 10 + 1e-9) / 10
    return Scale(10.0**bottom, 10.0**top, log=True)


def scale(values: Iterable[float], log: bool = False, least: float = 0.0) -> Scale:
    """Return limits for finite values, rounded outward to a coarse grid.

    `least` is the smallest range shown, as a fraction of the largest value, so
    that a steady number looks steady. Extreme outliers do not flatten the rest.
    """
    data = sorted(bounded(x) for x in values)
    if not data:
        return Scale(0.0, 1.0)
    if log and (logarithmic := _log_scale(data)) is not None:
        return logarithmic
    low, high = data[0], data[-1]
    if low == high == 0:  # no other number tells how large one may be
        return Scale(0.0, 1.0)
    clipped = False
    if len(data) >= 20:
        body_low, body_high = data[len(data) // 50], data[-1 - len(data) // 50]
        body = body_high - body_low
        if body > 0 and high > body_high + _OUTLIER * body:
            high, clipped = body_high + 4 * body, True
    largest = max(abs(low), abs(high))
    # Changes too small to matter, or none at all, must not fill the chart.
    wanted = max(max(least, 0.1 if low == high else 1e-3) * largest, _TINY)
    if high - low < wanted:
        middle, half = low / 2 + high / 2, wanted / 2
        low, high = (max(0.0, middle - half) if low >= 0 else middle - half), middle + half
    if 0 <= low < high / 10:
        low = 0.0
    grid = nice(max((high - low) / 20, _TINY))
    return Scale(math.floor(low / grid) * grid, math.ceil(high / grid) * grid, clipped=clipped)


def ticks(axis: Scale, count: int) -> list[tuple[float, str]]:
    """Return up to about `count` round values in the range, with labels of one precision."""
    if count <= 0:
        return []
    if axis.log and (decades := _log_ticks(axis, count)):
        return decades
    low, high = bounded(axis.low), bounded(axis.high)
    gap = nice(max((high - low) / count, _TINY))
    first = math.ceil(low / gap - 1e-6)
    last = math.floor(high / gap + 1e-6)
    at = [i * gap for i in range(first, min(last, first + 100) + 1)]
    return [(x, _label(x, gap)) for x in at]


def _log_ticks(axis: Scale, count: int) -> list[tuple[float, str]]:
    low, high = math.log10(axis.low), math.log10(axis.high)
    whole = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    every = max(1, math.ceil((high - low) / count))
    factors = (1,) if len(whole) > 2 or count < 3 else (1, 2, 5) if whole else (1, 1.5, 2, 3, 5, 7)
    out = []
    for power in range(math.floor(low), math.floor(high) + 1, every):
        for factor in factors:
            x = factor * 10.0**power
            if axis.low * (1 - 1e-9) <= x <= axis.high * (1 + 1e-9):
                out.append((x, trimmed(numbers.si(x, 2))))
    return out if len(out) > 1 else []


def _label(x: float, gap: float) -> str:
    """Return a tick label with the digits that tell neighbours apart, and no more."""
    if abs(x) < gap / 2:
        return "0"
    digits = math.floor(math.log10(abs(x)) + 1e-9) - math.floor(math.log10(gap) + 1e-9) + 1
    digits = max(1, min(digits, 7))
    text = numbers.si(x, max(digits, 2)) if abs(x) >= 1e-3 else numbers.scientific(x, digits)
    return trimmed(text)


def trimmed(text: str) -> str:
    """Return an SI number without zeros that say nothing."""
    head = text.rstrip("kMGTPE")
    if "." in head and "e" not in head:
        return head.rstrip("0").rstrip(".") + text[len(head) :]
    return text
