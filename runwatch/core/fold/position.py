"""Where a run is in its steps: the bar of its training shows it, else its records do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from runwatch.core.block import Block


@dataclass(slots=True)
class Position:
    """First and newest step and the total, as records print them, and the bar of training over them."""

    stride: float = math.nan
    """Steps from the training record before to the newest one; NaN if not known."""
    newest: int | None = None
    """Newest step that a record has."""
    _first: int | None = None
    _total: int | None = None
    _epoch_steps: int | None = None
    _bar: tuple[int, int, int] | None = None
    """First and newest step and total; None if records print their own."""
    _trained: bool = False
    """Whether there were records."""

    @property
    def stepped(self) -> bool:
        """Whether records have a step, themselves or by the bar next to them."""
        return self._first is not None

    def observe(self, block: Block) -> None:
        """Take the next block."""
        self._trained |= block.progress is not None
        steps = np.empty(0) if block.progress is None else block.progress.step[~np.isnan(block.progress.step)]
        if len(steps):
            before = steps[-2] if len(steps) > 1 else self.newest
            self.stride = math.nan if before is None else float(steps[-1] - before)
            self._first = int(steps[0]) if self._first is None else self._first
            self.newest = int(steps[-1])
        if block.total is not None:
            self._total, self._epoch_steps = block.total, block.epoch_steps
        if block.bar is not None or len(steps):
            self._bar = block.bar

    @property
    def first(self) -> int | None:
        """First step. Where a bar alone shows it and there are records, a bar at 0 is before the first."""
        if self._bar is None or self._first is not None:
            return self._first
        first, last, _ = self._bar
        return min(max(first, 1), last) if self._trained else first

    @property
    def last(self) -> int | None:
        """Newest step."""
        return self.newest if self._bar is None else self._bar[1]

    @property
    def total(self) -> int | None:
        """Planned number of steps, or where the epoch ends."""
        return self._total if self._bar is None else self._bar[2]

    @property
    def epoch_steps(self) -> int | None:
        """Steps of an epoch, where the total is but where the newest one ends."""
        return self._epoch_steps if self._bar is None else None
