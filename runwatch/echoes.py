"""Steps that several processes print into one log without saying which of them prints.

A step that a line of the same shape prints again is an echo, once three steps in a row
were printed equally often. What a single process prints twice has a counter that goes on in
between, as that of micro-batches. Of each step the first line counts; whose that is, nobody
says. A process that lags prints a step when others are ahead: that is no restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.batch import BY_EPOCH, META_COLUMNS, TRAIN, Batch, Table
from runwatch.rows import pick

_ENOUGH = 3
"""Steps in a row that are printed equally often."""
_MOST = 1024
"""Processes that may print into one log."""
_RECENT = 3
"""Steps that are remembered: no process lags by more."""
_SHAPES = 32


@dataclass(slots=True)
class _Shape:
    """What is known of the records of one shape."""

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
    """Which of them have grown with every record since steps are repeated, as whole numbers."""

    def echoes(self, step: float, numbers: tuple[float, ...]) -> bool:
        """Take the next record; return whether it is an echo."""
        newest = next(reversed(self.counts), step)
        count = self.counts.get(step, 0)
        again = bool(count) and (step == newest or count < self.width)
        if not again and self.counts.get(newest, 1) == 1:
            self.grown = frozenset(range(len(numbers)))
        else:
            self.grown -= {
                i for i in self.grown if not (self.numbers[i] < numbers[i] and numbers[i] % 1 == 0)
            }
        self.numbers = numbers
        if again:
            self.counts[step] = count + 1
            return self.width > 0
        if step < newest:  # another attempt may have more processes, or fewer
            self.counts, self.before, self.alike, self.width = {}, 1, 0, 0
        self.counts[step] = 1
        if len(self.counts) > (_RECENT if self.width else 1):
            self._settle(self.counts.pop(next(iter(self.counts))))
        return False

    def _settle(self, count: int) -> None:
        """Take note of how often a step was printed that is over."""
        if count == self.before == 1:
            self.width = 0
        self.alike = 0 if count == 1 else self.alike + 1 if count == self.before else 1
        if self.alike >= _ENOUGH and count <= _MOST and not self.grown:
            self.width = count
        self.before = count

    def skip(self, step: float, numbers: tuple[float, ...]) -> None:
        """Take a record behind two of other steps, each printed once."""
        self.counts, self.numbers, self.grown = {step: 1}, numbers, frozenset(range(len(numbers)))


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
        key = (table.pattern, table.names)
        if key not in self._shapes:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[key] = _Shape()
        shape, matrix = self._shapes[key], table.matrix()
        step = matrix[table.names.index("step")]
        if np.isnan(step).any():
            return None
        others = matrix[[i for i, name in enumerate(table.names) if name not in META_COLUMNS]]
        found = np.zeros(table.rows, bool)
        turns = np.append(np.flatnonzero(step[1:] <= step[:-1]) + 1, table.rows)
        at = alone = 0
        while at < table.rows:
            alone = alone + 1 if at and step[at] > step[at - 1] else 0
            if alone > 3 and not shape.width:  # up to the next turn each step is printed once
                at = int(turns[np.searchsorted(turns, at, "right")]) - 1
                shape.skip(float(step[at]), tuple(others[:, at].tolist()))
            else:
                found[at] = shape.echoes(float(step[at]), tuple(others[:, at].tolist()))
            at += 1
        return found
