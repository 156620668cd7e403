"""How far a level moves up and down by itself: what a run has survived is no news."""

from __future__ import annotations

import numpy as np

from runwatch.alerts.rules.baseline import Floats


class Waves:
    """How high a level has risen and come back.

    A wave is a rise from a low that has been lost again by half. The second highest counts:
    a single one may be the accident that the next would be, too.
    """

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf
        self._highest = [0.0, 0.0]
        """Heights of the two highest waves, the lower one first."""

    @property
    def highest(self) -> float:
        """Height of the highest wave so far."""
        return self._highest[1]

    @property
    def second(self) -> float:
        """Height of the second highest wave so far."""
        return self._highest[0]

    def add(self, levels: Floats) -> Floats:
        """Take new levels (n,); return the height (n,) that waves had before each."""
        return np.array([self.take(level) for level in levels.tolist()])

    def take(self, level: float) -> float:
        """Take a new level; return the height that waves had before it."""
        second, first = self._highest
        if level > self._high:
            self._high = level
            self._low = min(self._low, level)
        elif level < (self._low + self._high) / 2:
            self._highest = sorted((second, first, self._high - self._low))[1:]
            self._low = self._high = level
        return second
