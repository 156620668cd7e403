"""Smoothing for the eye: a mean that fades to both sides, so that the line does not lag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

FACTORS = (0.0, 0.6, 0.9, 0.99)
"""The choices a person has; 0 is off."""


def smooth(values: Sequence[float | None], factor: float) -> list[float | None]:
    """Return at each value the mean of all, those n places away weighing `factor` ** (2 n).

    The weights are divided by their sum, so the ends are not drawn to zero. Near the
    beginning, where most losses fall fast, as many values count on the right as there
    are on the left: the line starts where the data does. None
    and non-finite values leave gaps and count for nothing. An exponential mean
    of only the past, where the weights are `factor` ** n, trails every fall and
    rise by factor / (1 - factor) places; this one looks both ways and trails
    none. The square makes it take away as much noise as the other does.
    """
    factor *= factor
    known = [x for x in values if x is not None and math.isfinite(x)]
    before = _faded(known, factor)
    after = _faded(known[::-1], factor)[::-1]
    weights = _weights(len(known), factor)
    means: list[float] = []
    for i, (x, left, right, heavy_left, heavy_right) in enumerate(
        zip(known, before, after, weights, weights[::-1], strict=True)
    ):
        beyond, heavy_beyond = 0.0, 0.0
        if 2 * i + 1 < len(known):
            beyond, heavy_beyond = after[2 * i + 1], weights[-2 * i - 2]
        fade = factor ** (i + 1)
        # Both sides count the value itself.
        total = left + right - x - fade * beyond
        means.append(total / (heavy_left + heavy_right - 1 - fade * heavy_beyond) if i else x)
    smoothed = iter(means)
    return [next(smoothed) if x is not None and math.isfinite(x) else None for x in values]


def _faded(values: Sequence[float], factor: float) -> list[float]:
    """Return at each place the faded sum of all values up to there."""
    return list(accumulate(values, lambda total, x: factor * total + x))


@lru_cache(16)  # charts of one view have few lengths
def _weights(count: int, factor: float) -> tuple[float, ...]:
    """Return at each place the sum of the weights of all values up to there."""
    return tuple(_faded([1.0] * count, factor))
