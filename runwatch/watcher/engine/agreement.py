"""Whether two sources of one run show the same: the numbers of a metric, and the time.

A log rounds what a tracker keeps in full, and counts steps from 0 where the
tracker counts from 1; neither is a disagreement. Numbers that differ beyond
that often are a bug worth knowing: another average, another rank, another unit.
What agrees is one series for people (`one_series`).
Times that differ by minutes are of another clock, zone or launch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwatch.core.block import Samples
from runwatch.core.series import Floats, Series

ENOUGH = 20
"""Steps that both must have reported before they are judged."""
FEW = 2
"""Steps that both must have reported before they are shown as one series."""
MOST = 0.5
"""Fraction of them that must differ."""
APART = 180.0
"""Seconds between two clocks that count as a difference."""
STEADY = 0.1
"""Largest part of that by which the middle half of the differences may vary."""
_EARLY = 256
_SHIFTS = (0.0, 1.0, -1.0)
"""What one source's count of steps may be apart from another's: from 0 or from 1."""
_PLACES = 9
_DIGITS = 6
_FLOAT32 = 1e-6
"""Relative difference between a number and its float32, and what printing seven digits does to it."""
_EXACT = 1e-9
"""The same between a printed number and what it was read as, after scaling."""


@dataclass(frozen=True)
class Difference:
    """The first step at which two sources differ."""

    step: int
    ours: float
    theirs: float


class Outcome(NamedTuple):
    """What came of a comparison."""

    judged: bool
    """Whether both reported enough of the same steps."""
    difference: Difference | None = None


@dataclass(slots=True)
class Report:
    """What one source reports of something that another reports too, and whether the two were compared."""

    series: Series = field(default_factory=lambda: Series(""))
    judged: bool = False
    differs: bool = False
    """They differ, and an event has said so."""

    _tried: int = 0
    """How much there was when they were compared last."""
    _aligned: tuple[tuple[int, int], float | None] = ((0, 0), None)
    """What `shift` returned last, and how much both had reported."""

    def add(self, samples: Samples) -> bool:
        """Take in more; return whether it is time to compare: each time there is twice as much.

        Until enough steps are common to both much sooner: which of them is read first
        must not decide what is found.
        """
        before = len(self.series)
        self.series.add(samples)
        count = len(self.series)
        grown = count >= (2.0 if self.judged else 1.1) * self._tried
        early = not self.judged and before < _EARLY
        due = not self.differs and count >= ENOUGH and (grown or early)
        self._tried = count if due else self._tried
        return due

    def shift(self, leading: Series) -> float | None:
        """Return what to add to its steps where both report the same; None where nothing shows that."""
        known = self._aligned[1] if self.judged else None
        reported = len(leading), len(self.series)
        if known is None and not self.differs and self._aligned[0] != reported:
            self._aligned = reported, aligned(*leading.newest(), *self.series.newest())
        return None if self.differs else self._aligned[1]


def compare(steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats) -> Outcome:
    """Compare two histories of one metric.

    Four arrays, steps ascending or not; of a step printed twice the first counts. One that counts its
    steps from 0 agrees once they are shifted; where they do not agree, the shift counts that makes
    most steps common: which steps a source lacks must not decide what is found.
    """
    worst: tuple[int, Difference] | None = None
    for shift in _SHIFTS:
        at, a, b, apart = _common(steps, ours, their_steps + shift, theirs)
        count = len(at)
        if count < ENOUGH // 2:
            continue
        if np.mean(apart) <= MOST:
            return Outcome(count >= ENOUGH)
        first = int(np.argmax(apart))
        if worst is None or count > worst[0]:
            worst = count, Difference(int(at[first]), float(a[first]), float(b[first]))
    if worst is None or worst[0] < ENOUGH:
        return Outcome(False)
    return Outcome(True, worst[1])


def aligned(steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats) -> float | None:
    """Return what to add to the steps of the other history so that they agree, as far as any are common."""
    for shift in _SHIFTS:
        at, _, _, apart = _common(steps, ours, their_steps + shift, theirs)
        if len(at) >= FEW and np.mean(apart) <= MOST:
            return shift
    return None


def parted(steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats) -> tuple[int, float | None]:
    """Return how many steps both report, and the first at which they differ by more than rounding, if any."""
    at, _, _, apart = _common(steps, ours, their_steps, theirs)
    return len(at), float(at[np.argmax(apart)]) if apart.any() else None


def _common(
    steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Return the steps of both, their numbers there, and whether these differ by more than rounding."""
    _, here, there = np.intersect1d(steps, their_steps, return_indices=True)
    a, b = ours[here], theirs[there]
    known = np.isfinite(a) & np.isfinite(b)
    a, b, at = a[known], b[known], steps[here][known]
    apart = np.abs(a - b) > _rounding(a) + _rounding(b) + _FLOAT32 * np.maximum(np.abs(a), np.abs(b))
    return at, a, b, apart


def clocks(steps: Floats, ours: Floats, their_steps: Floats, theirs: Floats) -> Outcome:
    """Compare the Unix times at which two sources say that steps were made.

    The difference is the median over the steps of both; one that is no steady
    difference of clocks (a launch that was repeated slower) counts for none.
    """
    _, here, there = np.intersect1d(steps, their_steps, return_indices=True)
    if len(here) < ENOUGH:
        return Outcome(False)
    low, middle, high = np.percentile(theirs[there] - ours[here], (25, 50, 75))
    if abs(middle) < APART or high - low > STEADY * abs(middle):
        return Outcome(True)
    first = here[0]
    return Outcome(True, Difference(int(steps[first]), float(ours[first]), float(ours[first] + middle)))


def _rounding(values: Floats) -> Floats:
    """Return by how much each value may have been rounded: as the values together show.

    All have a last decimal place in common (`%.4f`), or a number of digits (`%.3g`).
    """
    places = np.zeros(len(values))
    for count in range(_PLACES):
        scaled = values * 10.0**count
        if np.all(np.abs(scaled - np.rint(scaled)) <= _FLOAT32):
            places[:] = 0.5 * 10.0**-count * (1 + _FLOAT32)
            break
    size = np.floor(np.log10(np.where(values == 0, 1.0, np.abs(values))))
    for digits in range(1, _DIGITS + 1):
        last = 10.0 ** (size - digits + 1)
        scaled = values / last
        if np.all(np.abs(scaled - np.rint(scaled)) <= _EXACT * np.abs(scaled)):
            return np.maximum(places, 0.5 * last * (1 + _FLOAT32))
    return places
