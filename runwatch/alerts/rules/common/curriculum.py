"""Where a curriculum, or a run of tasks, goes to its next part: what is trained from there on is harder."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.roles import LESSON, cast
from runwatch.core.block import Block, Samples

_LASTS = 8
"""Rows that a part lasts at least: what grows faster counts something else."""
_MOST = 4
"""Series that are followed."""
_HEADERS = 8
"""Stages that are announced: one that comes back, as in each epoch, begins nothing new; more are epochs."""


@dataclass
class _Part:
    """The newest part that a series counts."""

    value: float = np.nan
    rows: int = 0

    def follow(self, samples: Samples) -> list[int]:
        """Return the offsets at which a later part begins."""
        found, begin = [], 0
        for row in np.flatnonzero(samples.value != np.append(self.value, samples.value[:-1])).tolist():
            self.rows += row - begin
            if samples.value[row] > self.value and self.rows >= _LASTS:
                found.append(int(samples.offset[row]))
            self.value, self.rows, begin = float(samples.value[row]), 0, row
        self.rows += len(samples) - begin
        return found


@dataclass
class Curriculum:
    """Follows headers of stages, and the series that count parts, or say how large what is trained on is."""

    roles: tuple[str, ...] = (LESSON,)
    _parts: dict[str, _Part] = field(default_factory=dict)
    _headers: list[str] = field(default_factory=list)

    def begins(self, block: Block) -> list[int]:
        """Return the offsets at which a later part begins in a block."""
        found: set[int] = set()
        for metric, samples in cast(block.samples, *self.roles):
            if is_among_first(metric, self._parts, _MOST):
                found.update(self._parts.setdefault(metric, _Part()).follow(samples))
        for event in block.events:
            name = event.data.get("number", event.title)
            if event.kind == "stage" and name not in self._headers and len(self._headers) < _HEADERS:
                self._headers.append(name)
                found.add(event.offset)
        return sorted(found)
