"""The x axis of charts: steps, or the time or tokens they took.

Logs print steps; time and tokens are summed from what each step took, as it
was printed. The sums are taken over plot-ready columns, so they are as exact as
the buckets: within one of them the mean is used for each step.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from runwatch.core.metrics import STEP_TIME, TOKENS_PER_SEC
from runwatch.core.snapshot import Columns
from runwatch.render import numbers

STEP, TIME, TOKENS = "step", "time", "tokens"
AXES = (STEP, TIME, TOKENS)
NEEDS: dict[str, tuple[str, ...]] = {STEP: (), TIME: (STEP_TIME,), TOKENS: (STEP_TIME, TOKENS_PER_SEC)}
"""Metrics that an axis is made of."""


@dataclass(frozen=True)
class Axis:
    """Where steps lie on the x axis."""

    name: str = STEP
    steps: tuple[float, ...] = ()
    """Ascending; () leaves steps as they are."""
    values: tuple[float, ...] = field(default=(), repr=False)
    """What was reached at each of `steps`, seconds or tokens; ascending."""

    def at(self, step: float) -> float:
        """Return the place of a step; beyond what is known, the pace at that end continues."""
        steps, values = self.steps, self.values
        if len(steps) < 2 or not math.isfinite(step):
            return step
        i = min(max(bisect_left(steps, step), 1), len(steps) - 1)
        share = (step - steps[i - 1]) / (steps[i] - steps[i - 1])  # the pace may be too much for a float
        return max(0.0, values[i - 1] + share * (values[i] - values[i - 1]))

    def step(self, place: float) -> float:
        """Return the step at a place: the inverse of `at`."""
        steps, values = self.steps, self.values
        if len(steps) < 2 or not math.isfinite(place):
            return place
        i = min(max(bisect_left(values, place), 1), len(values) - 1)
        share = (place - values[i - 1]) / (values[i] - values[i - 1])
        return steps[i - 1] + share * (steps[i] - steps[i - 1])

    def unit(self, extent: float) -> tuple[float, str]:
        """Return size and letter of the unit that suits an axis of that length."""
        if self.name != TIME:
            return 1.0, ""
        return of_time(extent)

    def value(self, step: float) -> str:
        """Return a place in full: `41,230`, `2h 05m` or `1.2G`."""
        if self.name == STEP:
            return numbers.step(step)
        return numbers.duration(self.at(step)) if self.name == TIME else numbers.si(self.at(step))


@dataclass(frozen=True)
class Window:
    """The part of the x axis that is shown: places to dot columns and cells."""

    first: float
    last: float
    columns: int
    cells: int
    log: bool = False
    """Whether places are on a logarithmic axis; then both ends are above 0."""

    def reaches(self, first: float, last: float) -> bool:
        """Return whether this still has the ends that it should have, the right one to half a dot."""
        if self.log or last < self.last:
            return (first, last) == (self.first, self.last)
        dots = (last - self.last) * (self.columns - 1)
        return first == self.first and dots <= _LATE * (self.last - self.first)

    def serves(self, later: Window, marked: Sequence[float] = ()) -> bool:
        """Return whether this can still be shown in place of a later one, where these places are marked."""
        size = self.columns, self.cells, self.log
        alike = size == (later.columns, later.cells, later.log) and self.reaches(later.first, later.last)
        return alike and not any(self.last < place <= later.last for place in marked)

    def dot(self, x: float) -> int:
        """Return the column of dots of a place."""
        return round(self._part(x) * (self.columns - 1))

    def dots(self, places: Sequence[float]) -> list[int]:
        """Return the columns of dots of places inside the window."""
        if self.log or self.last <= self.first:
            return [self.dot(x) for x in places]
        first, extent, most = self.first, self.last - self.first, self.columns - 1
        return [min(most, round((x - first) / extent * most)) for x in places]

    def cell(self, x: float) -> int:
        """Return the cell of a place."""
        return self.under(self.dot(x))

    def under(self, dot: int) -> int:
        """Return the cell of a column of dots."""
        return min(self.cells - 1, dot * self.cells // max(1, self.columns))

    def under_all(self, dots: Sequence[int]) -> list[int]:
        """Return the cells of columns of dots."""
        last, cells, columns = self.cells - 1, self.cells, max(1, self.columns)
        return [cell if (cell := dot * cells // columns) < last else last for dot in dots]

    def place(self, cell: int) -> float:
        """Return the place in the middle of a cell; at the ends, the ends."""
        if self.cells < 2:
            return self.first
        part = max(0.0, min(1.0, cell / (self.cells - 1)))
        if self.log:
            return math.exp((1 - part) * math.log(self.first) + part * math.log(self.last))
        return self.first + (self.last - self.first) * part

    def holds(self, x: float) -> bool:
        """Return whether a place is shown."""
        return self.first <= x <= self.last

    def _part(self, x: float) -> float:
        if self.last <= self.first or (self.log and x <= self.first):
            return 0.0
        if self.log:
            return min(1.0, math.log(x / self.first) / math.log(self.last / self.first))
        part = (x - self.first) / (self.last - self.first)
        return part if 0.0 <= part <= 1.0 else max(0.0, min(1.0, part))


def of_time(extent: float) -> tuple[float, str]:
    """Return size and letter of the unit for an axis of so many seconds."""
    return next((unit for unit in UNITS if extent >= 2 * unit[0]), UNITS[-1])


_LATE = 0.5
"""Dots by which the right edge may be late."""
UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))
"""Units of time, the longest first: seconds and letter."""
STEPS = Axis()


def choices(have: Sequence[str]) -> list[str]:
    """Return the axes that these metrics allow, steps first."""
    return [name for name in AXES if set(NEEDS[name]) <= set(have)]


def axis(name: str, columns: Mapping[str, Columns]) -> Axis:
    """Return the axis of that name, made of these columns; steps where they are not enough."""
    if name == TIME:
        return _summed(TIME, columns.get(STEP_TIME), lambda step, seconds: seconds)
    if name == TOKENS:
        speed = columns.get(TOKENS_PER_SEC)
        pace = _reader(speed) if speed is not None else None
        if pace is not None:
            return _summed(TOKENS, columns.get(STEP_TIME), lambda step, seconds: seconds * pace(step))
    return STEPS


def _known(columns: Columns) -> list[tuple[float, float]]:
    """Return the steps and means that are usable, ascending."""
    pairs = zip(columns.x, columns.mean, strict=False)
    out: list[tuple[float, float]] = []
    for x, mean in pairs:
        if mean is not None and 0 <= mean < math.inf and math.isfinite(x) and (not out or x > out[-1][0]):
            out.append((x, mean))
    return out


def _reader(columns: Columns) -> Callable[[float], float] | None:
    """Return a function of the step: the value of the nearest column at or after it."""
    known = _known(columns)
    if not known:
        return None
    steps, values = [x for x, _ in known], [y for _, y in known]
    return lambda step: values[min(bisect_left(steps, step), len(steps) - 1)]


def _summed(name: str, columns: Columns | None, each: Callable[[float, float], float]) -> Axis:
    known = _known(columns) if columns is not None else []
    if len(known) < 2:
        return STEPS
    total, steps, values = 0.0, [known[0][0]], [0.0]
    for (before, _), (step, seconds) in pairwise(known):
        total = min(total + (step - before) * max(each(step, seconds), 0.0), 1e300)
        # An axis that did not advance would put all these steps in one place.
        values.append(max(total, math.nextafter(values[-1], math.inf)))
        steps.append(step)
    return Axis(name, tuple(steps), tuple(values))
