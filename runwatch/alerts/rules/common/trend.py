"""Will a value reach its limit soon? Only where it went there steadily."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

FEWEST = 16
"""Points without which there is no trend."""
_MOST = 60
"""Points that are compared with each other."""


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
