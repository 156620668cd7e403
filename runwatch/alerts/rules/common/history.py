"""The values of a metric by step, thinned out so that any length of run fits."""

from __future__ import annotations

import numpy as np

from runwatch.alerts.rules.baseline import Floats
from runwatch.core.block import Samples

_MOST = 1024


class History:
    """Every n-th row of one stretch of training; n doubles when there are too many.

    What is kept depends on the number of rows only, not on how they arrived.
    """

    def __init__(self) -> None:
        self._every = 1
        self._rows = 0
        self._step: Floats = np.empty(0)
        self._value: Floats = np.empty(0)

    def add(self, samples: Samples) -> None:
        """Take the next samples; their steps must not go back."""
        first = -self._rows % self._every
        self._rows += len(samples)
        self._step = np.append(self._step, samples.step[first :: self._every])
        self._value = np.append(self._value, samples.value[first :: self._every])
        while len(self._step) > _MOST:
            self._every *= 2
            self._step, self._value = self._step[::2], self._value[::2]

    def at(self, step: float) -> float:
        """Return the value at a step, interpolated; NaN if the step is not in this stretch."""
        if not len(self._step) or not self._step[0] <= step <= self._step[-1]:
            return np.nan
        return float(np.interp(step, self._step, self._value))
