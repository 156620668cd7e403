"""Smoothing for the eye: an exponential mean that forgets its own start."""

from __future__ import annotations

import math
from collections.abc import Sequence

FACTORS = (0.0, 0.6, 0.9, 0.99)
"""The choices a person has; 0 is off."""


def ema(values: Sequence[float | None], factor: float) -> list[float | None]:
    """Return the debiased exponential mean at each value; None and non-finite values leave gaps.

    A gap does not move the mean: what comes after goes on from before it.
    """
    out: list[float | None] = []
    mean, weight = 0.0, 0.0
    for x in values:
        if x is None or not math.isfinite(x):
            out.append(None)
            continue
        mean = factor * mean + (1 - factor) * x
        weight = factor * weight + (1 - factor)
        out.append(mean / weight)
    return out
