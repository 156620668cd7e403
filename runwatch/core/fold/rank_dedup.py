"""Steps that several processes print into one log without saying which of them prints.

A step that a line of the same shape prints again is an echo, once three steps in a row
were printed equally often and what they print is close together: equal, as where it was reduced
over all processes, or far closer within a step than from step to step. The records of a counter
that is rounded, or of an epoch's batches, differ as much within a step as beyond it, or have
a counter that continues in between. Without a sign either way nothing is an echo: what is dropped is
lost. Of each step the first line counts; whose that is, nobody says. A process that lags prints
a step when others are ahead: that is no restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import add

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import BY_EPOCH, TRAIN, Batch, Table
from runwatch.core.fold.rows import pick
from runwatch.core.metrics import EPOCH, LEARNING_RATE

_ENOUGH = 3
"""Steps in a row that are printed equally often."""
_CHANCE = 4
"""Repeats so few may be close by chance."""
_MOST = 1024
"""Processes that may print into one log."""
_RECENT = 3
"""Steps that are remembered: no process lags by more."""
_SHAPES = 32
_TOGETHER = 8.0
"""Numbers are close together if they move so many times farther from step to step than within one."""
_APART = 3.0
"""And do not below this: numbers that drift move at most twice as far, for two records a step."""
_PLANNED = frozenset({LEARNING_RATE, EPOCH})
"""What follows from the step, so that it does not show who prints."""


@dataclass(slots=True)
class _Closeness:
    """How far numbers move from step to step, and within a step: sums over steps in a row."""

    first: tuple[float, ...] = ()
    """Numbers of the newest step's first record."""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    """Least and greatest of all its records."""
    beyond: tuple[float, ...] = ()
    within: tuple[float, ...] = ()

    def begin(self, numbers: tuple[float, ...]) -> None:
        """Take the first record of a step."""
        self.first = self.low = self.high = numbers

    def add(self, numbers: tuple[float, ...]) -> None:
        """Take another record of the step."""
        self.low = tuple(map(min, self.low, numbers))
        self.high = tuple(map(max, self.high, numbers))

    def settle(self, following: tuple[float, ...], *, afresh: bool) -> None:
        """Add the step, which is over, to the sums; `following` is the next one's first record."""
        beyond = tuple(abs(b - a) for a, b in zip(self.first, following, strict=True))
        within = tuple(b - a for a, b in zip(self.low, self.high, strict=True))
        if not afresh:
            beyond = tuple(map(add, self.beyond, beyond))
            within = tuple(map(add, self.within, within))
        self.beyond, self.within = beyond, within

    def of_several(self, metrics: int) -> bool:
        """Return whether the numbers, `metrics` of them and a time, come from several processes.

        What is close, not equal, outweighs what is apart: nothing but processes in step measures
        so. What is equal may be reduced over them, or be an epoch's.
        """
        weight = 0
        for i, (beyond, within) in enumerate(zip(self.beyond, self.within, strict=True)):
            if beyond > 0 and beyond >= _TOGETHER * within:
                weight += 2 if within > 0 or i >= metrics else 1
            elif 0 < beyond < _APART * within:
                weight -= 1
        return weight > 0


@dataclass(slots=True)
class _Shape:
    """What is known of the records of one shape."""

    metrics: int
    """How many of a record's numbers are metrics; a time may follow."""
    counts: dict[float, int] = field(default_factory=dict)
    """How often each of the newest steps was printed, the newest last."""
    before: int = 1
    """How often the step before those was."""
    alike: int = 0
    """How many steps in a row were printed so often, if more than once."""
    width: int = 0
    """How many processes print; 0 while that is not known."""
    numbers: tuple[float, ...] = ()
    """Those of the newest record."""
    grown: frozenset[int] = frozenset()
    """Which metrics have grown with every record since steps are repeated, as whole numbers."""
    closeness: _Closeness = field(default_factory=_Closeness)
    """What the steps that were printed equally often show; not continued once `width` is known."""

    def echoes(self, step: float, numbers: tuple[float, ...]) -> bool:
        """Take the next record; return whether it is an echo."""
        newest = next(reversed(self.counts), step)
        count = self.counts.get(step, 0)
        again = bool(count) and (step == newest or count < self.width)
        if not again and self.counts.get(newest, 1) == 1:
            self.grown = frozenset(range(self.metrics))
        else:
            self.grown -= {
                i for i in self.grown if not (self.numbers[i] < numbers[i] and numbers[i] % 1 == 0)
            }
        self.numbers = numbers
        if again:
            self.counts[step] = count + 1
            if not self.width:
                self.closeness.add(numbers)
            return count < self.width
        if step < newest:  # another attempt may have more processes, or fewer
            self.counts, self.before, self.alike, self.width = {}, 1, 0, 0
        self.counts[step] = 1
        if len(self.counts) > (_RECENT if self.width else 1):
            self._settle(self.counts.pop(next(iter(self.counts))), numbers)
        if not self.width:
            self.closeness.begin(numbers)
        return False

    def _settle(self, count: int, following: tuple[float, ...]) -> None:
        """Take note of how often a step was printed that is over."""
        if count == self.before == 1 and self.width:
            self.width = 0
            self.counts = dict([self.counts.popitem()])
        self.alike = 0 if count == 1 else self.alike + 1 if count == self.before else 1
        self.before = count
        if self.width or not self.alike:
            return
        self.closeness.settle(following, afresh=self.alike == 1)
        enough = self.alike >= _ENOUGH and self.alike * (count - 1) > _CHANCE
        if enough and count <= _MOST and not self.grown and self.closeness.of_several(self.metrics):
            self.width = count

    def skip(self, step: float, numbers: tuple[float, ...]) -> None:
        """Take a record behind two of other steps, each printed once."""
        self.counts, self.numbers, self.grown = {step: 1}, numbers, frozenset(range(self.metrics))
        self.closeness.begin(numbers)


class Echoes:
    """Finds the echoes among one source's records. Bounded; what it finds depends on the records alone."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, tuple[str, ...]], _Shape] = {}

    def without(self, batch: Batch) -> Batch:
        """Return the batch without its echoes."""
        kept = [(table, self._echoes(table)) for table in batch.tables]
        if not any(echo is not None and echo.any() for _, echo in kept):
            return batch
        tables = tuple(
            t if echo is None else pick(t, ~echo) for t, echo in kept if echo is None or not echo.all()
        )
        return msgspec.structs.replace(batch, tables=tables)

    def _echoes(self, table: Table) -> NDArray[np.bool_] | None:
        """Return which rows are echoes; None where there can be none."""
        if table.kind != TRAIN or "step" not in table.names or "rank" in table.names or not table.rows:
            return None
        if table.pattern.endswith(BY_EPOCH):
            return None
        metrics = [name for name in table.metrics if name not in _PLANNED]
        key = (table.pattern, table.names)
        if key not in self._shapes:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[key] = _Shape(len(metrics))
        shape, matrix = self._shapes[key], table.matrix()
        timed = ["time"] if "time" in table.names else []
        step = matrix[table.names.index("step")]
        placed = np.flatnonzero(~np.isnan(step))  # what has no step is no echo, and says nothing of others
        others = matrix[[table.names.index(name) for name in (*metrics, *timed)]]
        found = np.zeros(table.rows, bool)
        found[placed] = _found(shape, step[placed], others[:, placed])
        return found


def _found(shape: _Shape, step: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which records are echoes: `step` (n,), `others` (metrics, n)."""
    found = np.zeros(len(step), bool)
    turns = np.append(np.flatnonzero(step[1:] <= step[:-1]) + 1, len(step))
    at = alone = 0
    while at < len(step):
        alone = alone + 1 if at and step[at] > step[at - 1] else 0
        if alone > 3 and not shape.width:  # up to the next turn each step is printed once
            at = int(turns[np.searchsorted(turns, at, "right")]) - 1
            shape.skip(float(step[at]), tuple(others[:, at].tolist()))
        else:
            found[at] = shape.echoes(float(step[at]), tuple(others[:, at].tolist()))
        at += 1
    return found
