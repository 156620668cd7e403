"""How slow ranks are: over one window, and against one yardstick, for rules and screens alike.

Steps are put into buckets. Ranks are compared by their medians of the newest bucket that all of them have
passed: a single step says little, and ranks that are compared must have done the same work.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from runwatch.core.block import Samples

BUCKET = 20
"""Steps of a bucket."""
FEW = 3
"""Ranks up to which the fastest is the yardstick: a median of them would be the slow one's."""
_NEWEST = 4 * BUCKET
"""Rows of a block that are looked at."""


def usual(seconds: Sequence[float]) -> float:
    """Return what the step times of ranks are compared with; 0 for fewer than two that are above 0."""
    plain = bool(seconds) and min(seconds) > 0 and math.isfinite(sum(seconds))
    known = sorted(seconds if plain else (each for each in seconds if 0 < each < math.inf))
    if len(known) < 2:
        return 0.0
    middle = len(known) // 2
    if len(known) <= FEW:
        return known[0]
    return known[middle] if len(known) % 2 else math.sqrt(known[middle - 1]) * math.sqrt(known[middle])


def yardstick(ranks: int) -> str:
    """Return what ranks are compared with, in a word."""
    return "fastest" if ranks <= FEW else "median"


@dataclass(slots=True)
class RankPace:
    """The step times of one rank: of the bucket it is in, and the medians of the last two that it passed."""

    _bucket: int = -1
    _step: float = -math.inf
    _seconds: array[float] = field(default_factory=lambda: array("d"))
    _passed: tuple[tuple[int, float], ...] = ()

    def add(self, samples: Samples) -> None:
        """Take rows; those without a step or a time above 0 are ignored."""
        steps, values = samples.step[-_NEWEST:].tolist(), samples.value[-_NEWEST:].tolist()
        for step, seconds in zip(steps, values, strict=True):
            if math.isfinite(step) and 0 < seconds < math.inf:
                self._take(step, seconds)

    def _take(self, step: float, seconds: float) -> None:
        if step < self._step:
            self._passed, self._bucket = (), -1  # it was started again
        if step == self._step and self._seconds:
            self._seconds.pop()
        if int(step // BUCKET) != self._bucket:
            self._close()
            self._bucket = int(step // BUCKET)
        self._step = step
        self._seconds.append(seconds)

    def _close(self) -> None:
        if self._bucket > 0 and self._seconds:  # the first bucket compiles
            self._passed = (*self._passed[-1:], (self._bucket, median(self._seconds)))
        self._seconds = array("d")

    @property
    def edge(self) -> int | None:
        """The first bucket that the rank has not passed; None if it has printed no step time."""
        return int((self._step + 1) // BUCKET) if self._bucket >= 0 else None

    def until(self, edge: int) -> float | None:
        """Return seconds per step in the newest bucket before `edge`, else in the newest there is."""
        passed = self._passed
        if self._bucket > 0 and self._bucket < edge and self._seconds:
            passed = (*passed, (self._bucket, median(self._seconds)))
        found = [seconds for bucket, seconds in passed if bucket < edge] or [seconds for _, seconds in passed]
        if found:
            return found[-1]
        return median(self._seconds) if self._seconds else None


def newest(paces: Iterable[RankPace]) -> int:
    """Return the first bucket that not all ranks have passed."""
    return min((edge for pace in paces if (edge := pace.edge) is not None), default=0)
