"""Whether two sources that tell the same metric tell the same numbers.

A log rounds what a tracker keeps in full, and counts steps from 0 where the
tracker counts from 1; neither is a disagreement. Numbers that differ beyond
that often are a bug worth knowing: another average, another rank, another unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ENOUGH = 20
"""Steps that both must have told before they are judged."""
MOST = 0.5
"""Fraction of them that must differ."""
_DIGITS = 9
_FLOAT32 = 1e-6
"""Relative difference between a number and its float32, and what printing seven digits does to it."""


@dataclass(frozen=True)
class Difference:
    """The first step at which two sources differ."""

    step: int
    ours: float
    theirs: float


def difference(steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats) -> Difference | None:
    """Return the first difference of two histories of one metric; None if they agree or cannot be compared.

    Four arrays, steps ascending or not; of a step told twice the first counts.
    """
    found: Difference | None = None
    for shift in (0.0, 1.0, -1.0):
        _, here, there = np.intersect1d(steps, their_steps + shift, return_indices=True)
        a, b = ours[here], theirs[there]
        known = np.isfinite(a) & np.isfinite(b)
        if np.count_nonzero(known) < ENOUGH:
            continue
        a, b, at = a[known], b[known], steps[here][known]
        apart = np.abs(a - b) > _rounding(a) + _rounding(b) + _FLOAT32 * np.maximum(np.abs(a), np.abs(b))
        if np.mean(apart) <= MOST:
            return None
        first = int(np.argmax(apart))
        found = found or Difference(int(at[first]), float(a[first]), float(b[first]))
    return found


def _rounding(values: Floats) -> float:
    """Return half of the last decimal place that the values have in common; 0 if they have no such place."""
    for digits in range(_DIGITS):
        scaled = values * 10.0**digits
        if np.all(np.abs(scaled - np.rint(scaled)) <= _FLOAT32):
            return 0.5 * float(10.0**-digits) * (1 + _FLOAT32)
    return 0.0
