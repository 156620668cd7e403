"""How many passes over the data a run has made, as far as its log shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from runwatch.alerts.rules.baseline import Floats
from runwatch.alerts.rules.common.context import Recent, newest
from runwatch.core.block import Block, Samples
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
class _Launch:
    """Counts the steps that are epochs since a launch began: it may have begun with any."""

    first: float = np.nan
    newest: float = np.nan

    def count(self, steps: Samples) -> Samples:
        """Return how many epochs each of the next steps is the last of."""
        value, rows = steps.value, np.arange(len(steps))
        begins = ~(value >= np.append(self.newest, value[:-1]))
        begun = np.maximum.accumulate(np.where(begins, rows, -1))
        first = np.where(begun >= 0, value[begun], self.first)
        self.first, self.newest = float(first[-1]), float(value[-1])
        return replace(steps, value=value - first + 1)


@dataclass
class Epochs:
    """Counts epochs: as they are printed, be it as steps, or rows that each have an evaluation."""

    _epoch: Recent = field(default_factory=lambda: Recent(1))
    _steps: Recent = field(default_factory=lambda: Recent(1))
    _launch: _Launch = field(default_factory=_Launch)
    _losses: _Count = field(default_factory=_Count)
    _evaluations: _Count = field(default_factory=_Count)
    _stepped: float = np.inf
    """Offset of the first row with a step: without one, rows may be of many short runs of several kinds."""
    _evaluated: str = ""
    """The series that shows evaluations: the validation loss, or the first other one of held-out data."""

    def push(self, block: Block) -> None:
        """Take what a new block prints."""
        self._epoch.push(block.samples.get(EPOCH))
        self._steps.push(None if block.epochs is None else self._launch.count(block.epochs))
        self._evaluated = self._evaluated or _first(block)
        for count, metric in ((self._losses, LOSS), (self._evaluations, self._evaluated)):
            samples = block.samples.get(metric)
            count.push(np.empty(0) if samples is None else samples.offset)
            if metric == LOSS and samples is not None:
                stepped = samples.offset[np.isfinite(samples.step)]
                self._stepped = min(self._stepped, float(stepped[0]) if len(stepped) else np.inf)

    def are_steps(self, offset: float) -> bool:
        """Whether the newest step up to `offset` is an epoch."""
        return len(self._steps.until(offset, 1)) > 0

    def printed(self, offset: float) -> float:
        """Return the epoch that was printed last up to `offset`; 0 if none was."""
        return newest(self._epoch, offset) or newest(self._steps, offset) or 0.0

    def passed(self, offset: float) -> float:
        """Return the epochs up to `offset`; 0 where nothing shows them."""
        printed = self.printed(offset)
        rows = self._losses.until(offset)
        evaluations = self._evaluations.until(offset)
        each = rows >= _LEAST and evaluations >= _EACH * rows - 1
        each &= offset >= self._stepped or _EACH * evaluations - 1 <= rows
        return max(printed, float(rows)) if each else printed


def _first(block: Block) -> str:
    """Return the series of held-out data that a block shows first, the validation loss of its line; or ""."""
    named = [(s.offset[0], name != VAL_LOSS, name) for name, s in block.samples.items() if of_held_out(name)]
    return min(named)[2] if named else ""
