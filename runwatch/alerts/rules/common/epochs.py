"""How many passes over the data a run has made, as far as its log shows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from runwatch.alerts.rules.baseline import Floats
from runwatch.alerts.rules.common.context import Recent, newest
from runwatch.core.block import Block
from runwatch.core.metrics import EPOCH, LOSS, VAL_LOSS, of_held_out

_LEAST = 8
"""Rows from which it can be seen that each has an evaluation."""
_EACH = 0.9


@dataclass
class _Count:
    """How many rows of a metric there were at any place of the newest block."""

    before: int = 0
    offsets: Floats = field(default_factory=lambda: np.empty(0))

    def push(self, offsets: Floats) -> None:
        """Take the rows of a new block."""
        self.before, self.offsets = self.before + len(self.offsets), offsets

    def until(self, offset: float) -> int:
        """Return how many there were up to `offset`."""
        return self.before + int(np.searchsorted(self.offsets, offset, "right"))


@dataclass
class Epochs:
    """Counts epochs: as they are printed, be it as steps, or rows that each have an evaluation."""

    _epoch: Recent = field(default_factory=lambda: Recent(1))
    _step: Recent = field(default_factory=lambda: Recent(1))
    _losses: _Count = field(default_factory=_Count)
    _evaluations: _Count = field(default_factory=_Count)
    _evaluated: str = ""
    """The series that shows evaluations: the validation loss, or the first other one of held-out data."""

    def push(self, block: Block) -> None:
        """Take what a new block prints."""
        self._epoch.push(block.samples.get(EPOCH))
        self._step.push(block.epochs)
        self._evaluated = self._evaluated or _first(block)
        for count, metric in ((self._losses, LOSS), (self._evaluations, self._evaluated)):
            samples = block.samples.get(metric)
            count.push(np.empty(0) if samples is None else samples.offset)

    def printed(self, offset: float) -> float:
        """Return the epoch that was printed last up to `offset`; 0 if none was."""
        return newest(self._epoch, offset) or newest(self._step, offset) or 0.0

    def passed(self, offset: float) -> float:
        """Return the epochs up to `offset`; 0 where nothing shows them."""
        printed = self.printed(offset)
        rows = self._losses.until(offset)
        each = rows >= _LEAST and self._evaluations.until(offset) >= _EACH * rows - 1
        return max(printed, float(rows)) if each else printed


def _first(block: Block) -> str:
    """Return the series of held-out data that a block shows first, the validation loss of its line; or ""."""
    named = [(s.offset[0], name != VAL_LOSS, name) for name, s in block.samples.items() if of_held_out(name)]
    return min(named)[2] if named else ""
