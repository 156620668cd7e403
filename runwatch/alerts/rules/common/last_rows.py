"""What the last rows of a run are compared with, should no more come."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from runwatch.alerts.rules.base import NOWHERE, Place, place
from runwatch.alerts.rules.baseline import Floats, jitter
from runwatch.core.block import Samples

_TAIL = 32
"""Newest rows that show the noise at the end."""
_FIRST = 16
"""Rows that show the untrained loss."""
LOW = 0.1
"""Part of the untrained loss below which a loss jumps by ratios."""
_KNOWN = 5
"""Rows before the last ones that must be known."""


@dataclass
class LastRows:
    """The newest rows of a loss, and the lowest level so far, in ln."""

    tail: Floats = field(default_factory=lambda: np.empty(0))
    """ln(loss) of the newest rows."""
    best: float = np.inf
    """The lowest level that as many rows in a row had not been above."""
    where: Place = NOWHERE
    untrained: float = -np.inf
    """The highest of the first rows."""
    rows: int = 0
    begin: Place | None = None
    """The first of the newest rows that are far above the best."""

    def push(self, rows: Samples, y: Floats, last: int, rise: float) -> None:
        """Take new rows."""
        self.untrained = max(self.untrained, float(y[: max(0, _FIRST - self.rows)].max(initial=-np.inf)))
        self.rows += len(y)
        known = len(self.tail)
        data = np.concatenate([self.tail, y])
        levels = np.full(len(data), np.inf)
        if len(data) >= last:
            levels[last - 1 :] = sliding_window_view(data, last).max(axis=1)
        lowest = np.minimum.accumulate(np.append(self.best, levels[known:]))
        holders = np.flatnonzero(lowest[1:] < lowest[:-1])
        if len(holders):
            self.best, self.where = float(lowest[-1]), place(rows, int(holders[-1]))
        low = np.flatnonzero(y < lowest[1:] + rise)
        first = int(low[-1]) + 1 if len(low) else 0
        self.begin = None if len(low) else self.begin
        if self.begin is None and first < len(y):
            self.begin = place(rows, first)
        self.tail = data[-_TAIL:].copy()

    def risen(self, last: int, rise: float, z: float) -> float | None:
        """Return the level at the end, if it is far above the best."""
        if len(self.tail) < last + _KNOWN or self.begin is None:
            return None
        level, noise = float(self.tail[-last:].min()), float(jitter(self.tail[None, :])[0])
        if level < self.untrained + log(LOW):
            return None
        return level if level - self.best > max(rise, z * noise) else None
