"""Where a curriculum, or a run of tasks, goes to its next part: what is trained from there on is harder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runwatch.alerts.rules.common.roles import LESSON, cast
from runwatch.core.block import Block, Samples

_LASTS = 8
"""Rows that a part lasts at least: what grows faster counts something else."""


@dataclass
class Curriculum:
    """Follows the first series that counts the parts."""

    _metric: str = ""
    _newest: float = np.nan
    _rows: int = 0
    """Rows of the newest part."""

    def begins(self, block: Block) -> list[int]:
        """Return the offsets at which a later part begins in a block."""
        for part in cast(block.samples, LESSON):
            self._metric = self._metric or part.metric
            if part.metric == self._metric:
                return self._follow(part.samples)
        return []

    def _follow(self, samples: Samples) -> list[int]:
        found, begin = [], 0
        for row in np.flatnonzero(samples.value != np.append(self._newest, samples.value[:-1])).tolist():
            self._rows += row - begin
            if samples.value[row] > self._newest and self._rows >= _LASTS:
                found.append(int(samples.offset[row]))
            self._newest, self._rows, begin = float(samples.value[row]), 0, row
        self._rows += len(samples) - begin
        return found
