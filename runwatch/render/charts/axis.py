"""Limits and ticks of an axis: round numbers that stay put while data grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from runwatch.render import numbers

_HUGE = 1e300
_TINY = 1e-300
_OUTLIER = 10.0
"""A value this many heights of the body of the data away from it is cut off."""
_MARGIN = 2.0
"""Heights of the body that are shown beyond it where values are cut off."""
_DISTANCES = (1.0, 2.0, 2.5, 4.0, 5.0)
"""Round distances of labels that are whole rows apart."""
_WASTE = 4.0
"""A range for them is at most so many times what is needed."""
_PLENTY = 0.03
"""What a label too many or too few costs, as a part of the rows."""
_ODD = 1.05
"""What a distance of 4 costs."""
LABELS = 4
"""Labels that a chart has at least, where it has as many rows."""
_ROUND = (5.0, 2.5, 2.0, 1.0)
_PARTS = {1.0: (5, 2), 2.0: (4, 2), 2.5: (5,), 5.0: (5,)}
"""Into how many parts minor ticks divide a round distance."""


def bounded(x: float) -> float:
    """Return a finite value moved to where sums and differences stay finite."""
    return x if -_HUGE <= x <= _HUGE else max(-_HUGE, min(_HUGE, x))


def are_bounded(values: Sequence[float]) -> bool:
    """Return whether all of these finite values lie where sums and differences stay finite."""
    return not values or (min(values) >= -_HUGE and max(values) <= _HUGE)


@dataclass(frozen=True)
class Scale:
    """The range of an axis, and where on it a value lies."""

    low: float
    high: float
    log: bool = False
    gap: float = 0.0
    """Distance of labels that are whole rows apart; 0 is not chosen."""

    def position(self, x: float) -> float:
        """Return 0 at the low end and 1 at the high end, never outside."""
        low, high = self.low, self.high
        if self.log:
            if x <= 0:
                return 0.0
            x, low, high = math.log10(x), math.log10(low), math.log10(high)
        if math.isnan(x) or high <= low:
            return 0.0
        part = (x - low) / (high - low)
        return part if 0.0 <= part <= 1.0 else max(0.0, min(1.0, part))

    def positions(self, values: Sequence[float | None], top: float = 1.0) -> list[float | None]:
        """Return the position of each finite value, `top` being the high end; None stays."""
        low, extent = self.low, self.high - self.low
        if self.log or extent <= 0:
            return [None if y is None else self.position(y) * top for y in values]
        return [
            None
            if y is None
            else part * top
            if 0.0 <= (part := (y - low) / extent) <= 1.0
            else max(0.0, min(1.0, part)) * top
            for y in values
        ]

    def part(self, inner: Scale) -> float:
        """Return how much of this axis the range of another one takes."""
        return self.position(inner.high) - self.position(inner.low)


def _log_scale(values: Sequence[float]) -> Scale | None:
    positive = [x for x in values if x > _TINY]
    if not positive:
        return None
    low, high = min(positive), max(positive)
    # Tenths of a decade: fine enough to use the rows, coarse enough to stay put.
    bottom = math.floor(math.log10(low) * 10 - 1e-9) / 10
    top = math.ceil(math.log10(high) * 10 + 1e-9) / 10
    return Scale(10.0**bottom, 10.0**top, log=True)


def scale(
    values: Iterable[float], log: bool = False, least: float = 0.0, newest: Sequence[float] = ()
) -> Scale:
    """Return limits for finite values.

    `least` is the smallest range shown, as a fraction of the largest value, so
    that a steady number looks steady. Values far beyond the body of the data are
    cut off, so that they do not flatten the rest; never those among `newest`.
    """
    data = sorted(values)
    if not data:
        return Scale(0.0, 1.0)
    if not are_bounded((data[0], data[-1])):
        data = list(map(bounded, data))
    if log and (logarithmic := _log_scale(data)) is not None:
        return logarithmic
    low, high = _body(data, newest)
    if low == high == 0:  # no other number shows how large one may be
        return Scale(0.0, 1.0)
    largest = max(abs(low), abs(high))
    # Changes too small to matter, or none at all, must not fill the chart.
    wanted = max(max(least, 0.1 if low == high else 1e-3) * largest, _TINY)
    if high - low < wanted:
        middle, half = low / 2 + high / 2, wanted / 2
        low, high = (max(0.0, middle - half) if low >= 0 else middle - half), middle + half
    if 0 <= low < high / 10:
        low = 0.0
    return Scale(low, high)


def aligned(needed: Scale, rows: int, deep: int, wanted: int) -> Scale:
    """Return a linear range around `needed` in which labels at round numbers are whole rows apart.

    A row has `deep` dots. Of all round distances that take a whole number of rows, the one that
    leaves the fewest rows empty is chosen, with about `wanted` labels.
    """
    extent = max(needed.high - needed.low, _TINY)
    least = min(LABELS, rows)
    closest = 1 if rows < 2 * LABELS else 2
    power = math.floor(math.log10(extent))
    best: tuple[float, Scale] | None = None
    for apart in range(closest, max(closest, (rows - 1) // max(1, least - 1)) + 1):
        for exponent in range(power - 1, power + 2):
            for factor in _DISTANCES:
                gap = factor * 10.0**exponent
                row = gap / apart
                span = row * (rows - 1 / deep)
                if span < extent or span > _WASTE * extent:
                    continue
                if (found := _placed(needed, gap, row, span, deep // 2 / deep)) is None:
                    continue
                scale, labels = found
                plain = 1 if factor < 3 or factor == 5 else _ODD
                cost = plain * span / extent * (1 + _PLENTY * abs(labels - wanted)) + max(0, least - labels)
                if best is None or cost < best[0] - 1e-9:
                    best = cost, scale
    return needed if best is None else best[1]


def fits_rows(scale: Scale, rows: int, deep: int) -> bool:
    """Return whether labels meant to be whole rows apart are so in `rows` rows of `deep` dots."""
    apart = scale.gap * (rows - 1 / deep) / max(scale.high - scale.low, _TINY)
    return abs(apart - round(apart)) < 1e-6


def _placed(needed: Scale, gap: float, row: float, span: float, half: float) -> tuple[Scale, int] | None:
    """Return the range of that span with the most labels, the needed part near its middle, and how many.

    A label means the middle of its row: the range begins `half` a row below one.
    """
    bottom = math.floor(needed.low / row + half + 1e-6)
    spare = math.floor((bottom - half) + (span - needed.high) / row + 1e-6)
    best: tuple[int, int, Scale] | None = None
    for below in range(spare + 1):
        if bottom - below < 0 <= bottom:
            break
        low = (bottom - below - half) * row
        labels = math.floor((low + span) / gap + 1e-6) - math.ceil(low / gap - 1e-6) + 1
        off = -abs(2 * below - spare)
        if best is None or (labels, off) > best[:2]:
            best = labels, off, Scale(low, low + span, gap=gap)
    return None if best is None else (best[2], best[0])


def _body(data: Sequence[float], newest: Sequence[float]) -> tuple[float, float]:
    """Return the limits of sorted data without what lies far beyond its body."""
    low, high = data[0], data[-1]
    tail = len(data) // 50
    bottom, top = data[tail], data[-1 - tail]
    body = top - bottom
    if len(data) < 20 or body <= 0:
        return low, high
    if high > top + _OUTLIER * body:
        high = max(top + _MARGIN * body, *map(bounded, newest), top)
    if low < bottom - _OUTLIER * body:
        low = min(bottom - _MARGIN * body, *map(bounded, newest), bottom)
    return low, high


@dataclass(frozen=True)
class Ticks:
    """Where an axis has labels, and where lines without one."""

    labels: tuple[tuple[float, str], ...] = ()
    minor: tuple[float, ...] = ()


Fits = Callable[[Sequence[tuple[float, str]]], bool]


def even(axis: Scale, factor: float = 1.0) -> tuple[tuple[float, str], ...]:
    """Return the labels of an aligned range, read in a unit of which `factor` make one."""
    gap = float(f"{axis.gap * factor:.9g}")
    return tuple((x, _label(x, gap)) for x in _multiples(axis.low * factor, axis.high * factor, gap))


def ticks(
    axis: Scale, wanted: int, fits: Fits = lambda labels: True, room: float = math.inf, whole: bool = False
) -> Ticks:
    """Return the coarsest round ticks that are `wanted` at least, or the most of which all labels fit.

    `room`: the smallest distance of minor ticks; `whole`: nothing lies between whole numbers.
    """
    best = Ticks()
    for found, minor in _candidates(axis, room):
        if whole and any(x != round(x) for x, _ in found):
            continue
        if len(found) > max(100, wanted) or not fits(found):
            break
        if len(found) > len(best.labels):
            best = Ticks(tuple(found), tuple(minor))
        if len(found) >= wanted:
            break
    return best


def in_rows(axis: Scale, rows: int, deep: int, wanted: int) -> Ticks:
    """Return the roundest number of each of some rows of a logarithmic axis, evenly apart: `wanted`, or all.

    For ranges in which no numbers of one kind are a row apart: `ticks` finds few there.
    """
    low, extent = math.log10(axis.low), math.log10(axis.high) - math.log10(axis.low)
    dots = max(1, rows * deep - 1)

    def value(dot: float) -> float:
        return float(10.0 ** (low + min(max(dot / dots, 0.0), 1.0) * extent))

    count = min(wanted, rows)
    labels = []
    for row in {round(i * (rows - 1) / max(1, count - 1)) for i in range(count)}:
        x, gap = _roundest(value(row * deep - 0.4), value((row + 1) * deep - 0.6))
        labels.append((x, _label(x, gap)))
    return Ticks(tuple(sorted(labels)))


def _roundest(low: float, high: float) -> tuple[float, float]:
    """Return the number with the fewest digits between two positive ones, and what it is a multiple of."""
    power = math.floor(math.log10(high))
    for exponent in range(power, power - 7, -1):
        for factor in _ROUND:
            gap = factor * 10.0**exponent
            if (x := math.ceil(low / gap) * gap) <= high:
                return x, gap
    return low, low * 1e-6


def _candidates(axis: Scale, room: float) -> Iterator[tuple[list[tuple[float, str]], list[float]]]:
    """Yield ticks with their minor ones, from coarse to fine."""
    if axis.log:
        yield from _log_ticks(axis)
    low, high = bounded(axis.low), bounded(axis.high)
    power = math.floor(math.log10(max(high - low, _TINY)))
    for exponent in range(power, power - 4, -1):
        for factor in _ROUND:
            gap = factor * 10.0**exponent
            if gap <= 0 or low + gap == low:
                return
            parts = next((n for n in _PARTS[factor] if gap / n >= room), 0)
            minor = [] if axis.log or not parts else list(_multiples(low, high, gap / parts))
            yield [(x, _label(x, gap)) for x in _multiples(low, high, gap)], minor


def _multiples(low: float, high: float, gap: float) -> Iterator[float]:
    first, last = math.ceil(low / gap - 1e-6), math.floor(high / gap + 1e-6)
    return (i * gap for i in range(first, min(last, first + 400) + 1))


def _log_ticks(axis: Scale) -> Iterator[tuple[list[tuple[float, str]], list[float]]]:
    """Yield decades, then round numbers between them; between few of them, where the rest would be."""
    low, high = math.floor(math.log10(axis.low)), math.floor(math.log10(axis.high))
    for every in range(max(1, (high - low) // 2), 0, -1):
        powers = range(math.ceil(low / every) * every, high + 1, every)
        minor = _within(axis, range(low, high + 1), range(2, 10)) if every == 1 and high - low < 5 else []
        yield _named(_within(axis, powers, (1,))), minor
    for factors in ((1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        yield _named(_within(axis, range(low, high + 1), factors)), []


def _within(axis: Scale, powers: Iterable[int], factors: Sequence[float]) -> list[float]:
    every = (factor * 10.0**power for power in powers for factor in factors)
    return [x for x in every if axis.low * (1 - 1e-9) <= x <= axis.high * (1 + 1e-9)]


def _named(values: Iterable[float]) -> list[tuple[float, str]]:
    return [(x, _short(x, 2)) for x in values]


def _label(x: float, gap: float) -> str:
    """Return a tick label with the digits that distinguish neighbors, and no more."""
    if abs(x) < gap / 2:
        return "0"
    power = math.floor(math.log10(gap) + 1e-9)
    half = round(gap / 10.0**power, 6) % 1 != 0  # 2.5 has one digit more
    digits = math.floor(math.log10(abs(x)) + 1e-9) - power + 1 + half
    digits = max(1, min(digits, 7))
    if digits > 3 and abs(x) < 1e5 and x == round(x):
        return f"{x:.0f}"
    return _short(x, digits)


def _short(x: float, digits: int) -> str:
    return trimmed(numbers.si(x, max(digits, 2)) if abs(x) >= 1e-3 else numbers.scientific(x, digits))


def trimmed(text: str) -> str:
    """Return an SI number without zeros that say nothing."""
    head = text.rstrip("kMGTPE")
    if "." in head and "e" not in head:
        return head.rstrip("0").rstrip(".") + text[len(head) :]
    return text


def exact(x: float) -> str:
    """Return the label of an end of an axis: as logs write it, where that is short."""
    return f"{x:.0f}" if abs(x) < 1e5 and x == round(x) else trimmed(numbers.si(x, 4))
