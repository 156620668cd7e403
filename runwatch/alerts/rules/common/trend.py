"""Whether values fall, and when one that goes steadily reaches its limit."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.baseline import Floats

FEWEST = 16
"""Points without which there is no trend."""
_MOST = 60
"""Points that are compared with each other."""
_PARTS = 24
"""The most means of a course."""
_FADES = 0.7
"""Part of the rows that are below the one before, above which a mean fades."""


def falls(values: Floats, sure: float = 3.0) -> bool:
    """Return whether values (n,) fall, by the test of Mann and Kendall, which counts pairs.

    An outlier counts no more than another row. `sure` is in standard errors: one in 700 series without a
    trend falls by 3, one in 90 by 2.3.
    """
    n = len(values)
    rises = np.sign(values[None, :] - values[:, None])
    score = -float(np.triu(rises, 1).sum())
    return bool(score - 1 > sure * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5)


class Course:
    """Where values went in the long run: at most `_PARTS` means of as many values each, oldest first.

    Values that wander are near the one before, which the test of Mann and Kendall takes for a trend; the
    means of many hardly are.
    """

    def __init__(self) -> None:
        self._means: list[float] = []
        self._newest: list[float] = []
        self._width = 1

    def take(self, value: float) -> None:
        """Take the next value."""
        self._newest.append(value)
        if len(self._newest) < self._width:
            return
        self._means.append(sum(self._newest) / self._width)
        self._newest.clear()
        if len(self._means) == _PARTS:
            pairs = zip(self._means[::2], self._means[1::2], strict=True)
            self._means, self._width = [(a + b) / 2 for a, b in pairs], 2 * self._width

    def rises(self, sure: float) -> bool:
        """Return whether they rise, by as many standard errors."""
        return falls(-np.array(self._means), sure)


def fades(newest: Floats) -> NDArray[np.bool_]:
    """Return for each of some windows of rows (..., n), oldest first, whether they fall from row to row.

    Progress bars print the mean time of a step since they began, or one that fades: after a pause, such as
    the start of a data loader's workers, each row is a little below the one before. What is slow
    goes up and down.
    """
    below: NDArray[np.bool_] = (np.diff(newest, axis=-1) < 0).mean(axis=-1) > _FADES
    return below


def seconds_to(points: Sequence[tuple[float, float]], limit: float, *, least: float) -> float | None:
    """Return the seconds until a value reaches `limit` at its present trend; None if it has none.

    `points` are (Unix time, value), oldest first. The slope is the median of all
    slopes between two points (Theil and Sen). It is believed only if the value
    moved by `least` in all, and towards the limit in each quarter of the time:
    a saw-tooth, or a step up that stays, has no trend. Nor has what has just sprung
    back by half of that: something makes room.
    """
    if len(points) < FEWEST:
        return None
    every = -(-len(points) // _MOST)
    points = points[(len(points) - 1) % every :: every]  # with the newest
    towards = 1.0 if limit >= points[-1][1] else -1.0
    quarters = [
        statistics.median(value for _, value in points[len(points) * i // 4 : len(points) * (i + 1) // 4])
        for i in range(4)
    ]
    moves = [towards * (b - a) for a, b in pairwise(quarters)]
    total = sum(moves)
    if total < least or min(moves) < total / 8:
        return None
    if towards * (points[-1][1] - quarters[-1]) < -total / 2:
        return None
    slopes = [
        (v1 - v0) / (t1 - t0) for i, (t0, v0) in enumerate(points) for t1, v1 in points[i + 1 :] if t1 > t0
    ]
    slope = statistics.median(slopes) * towards if slopes else 0.0
    return abs(limit - points[-1][1]) / slope if slope > 0 else None
