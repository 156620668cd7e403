"""How far single evaluations scatter upwards: from second differences, which a descent hardly changes."""

from __future__ import annotations

from collections import deque

import numpy as np

_PEAK = 1 / (1.2816 * 6**0.5)
"""Scales the 90th percentile of second differences to the deviation of a Gaussian."""
_FEW = 8
"""Evaluations before a rise of which the scatter can be measured without those of the rise."""
_NEWEST = 12
"""Evaluations that show the scatter of now."""


class Scatter:
    """The deviation of one evaluation, by those before a rise, or of a rise that was lost again.

    Where fewer than eight are known, those of the rise count too.
    """

    def __init__(self) -> None:
        self._peaks: deque[float] = deque(maxlen=48)
        self._waiting: deque[float] = deque(maxlen=48)
        """Those of a rise that may last: they are noise if it comes back."""

    def take(self, bend: float, *, calm: bool) -> None:
        """Take the newest second difference; `calm` if no rise is continuing."""
        self._waiting.append(max(0.0, -bend))
        if calm:
            self._peaks += self._waiting
            self._waiting.clear()

    def deviation(self) -> float:
        """Return the deviation of one evaluation; infinite if hardly any is known."""
        peaks = [*self._peaks] if len(self._peaks) >= _FEW else [*self._peaks, *self._waiting]
        return max(_spread(peaks), _spread(peaks[-_NEWEST:]))


def _spread(peaks: list[float]) -> float:
    """Return a deviation that is likely to be no less than the true one, however few the peaks."""
    count = len(peaks)
    return _PEAK * sorted(peaks)[int(0.9 * count)] * (1 + 4 / count) if count > 2 else np.inf
