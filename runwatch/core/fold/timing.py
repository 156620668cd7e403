"""When the steps of a run were reached, and what that says of the time left.

Three sources, the most exact first: moments (as lines print them, else as they arrived), the step times
that a program prints, and the remaining time that it prints itself, while it agrees with the pace.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from runwatch.core.block import Block, Samples
from runwatch.core.fold.eta import Estimate, Pace, unwrapped
from runwatch.core.series import FULL, Detail, Series

_WATCHED = 20.0
"""Seconds of arrivals that say more than printed step times."""
_RECENT = 1024
"""Newest printed step times that the pace is taken from."""
_COMPILES = 32
"""First rows that are no part of it; half of the rows while there are fewer than twice as many."""
_OWN = 64
"""Newest remaining times that a program printed which must agree with its pace."""
_OWN_SECONDS = 4.0
"""Seconds that they span at least: some are printed in whole seconds."""


@dataclass(slots=True)
class Timing:
    """When the steps of a run were reached. Its size is bounded."""

    _pace: Pace = field(default_factory=Pace)
    _stamped: bool = False
    """Lines print the moments themselves."""
    _marks: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    """Steps at which the run was evaluated or saved."""
    moments: Series | None = None
    """When its steps were reached, as one source prints it: Unix time, or seconds since a midnight."""
    _source: str = ""
    """Path of that source."""
    _paced: tuple[Series, int, tuple[float, float] | None] | None = None
    """The pace that the step times printed last give: of thousands of runs, few have changed."""

    def mark(self, step: int | None) -> None:
        """Note a step at which the run was saved, if it is known."""
        self._marks.extend([] if step is None else [float(step)])

    def observe(self, block: Block, last_step: int | None, *, moved: bool, detail: Detail = FULL) -> None:
        """Take in a block after which the run is at `last_step`; `moved`: that is news.

        `detail`: how much is kept.
        """
        for name, samples in block.samples.items():
            if name.startswith("val/"):
                self._marks.extend(np.unique(samples.step[~np.isnan(samples.step)]).tolist())
        if block.moments is not None:
            if not self._stamped:
                self._pace, self._stamped = Pace(), True
            self._pace.observe(block.moments.step, block.moments.value)
            self._keep(block.source, block.moments, detail)
        elif not self._stamped and moved:
            if not block.live or block.late or block.restarts:
                self._pace.interrupt()
            if block.live and last_step is not None:
                self._pace.observe(np.array([float(last_step)]), np.array([block.arrival]))

    def _keep(self, source: str, moments: Samples, detail: Detail) -> None:
        """Keep moments of the first source that prints them, and of one that continues it."""
        newest = None if self.moments is None else self.moments.tail(1).item()
        times = unwrapped(moments.value, newest)
        if newest is not None and source != self._source and times[0] <= newest:
            return
        self.moments, self._source = self.moments or Series("time", detail), source
        self.moments.add(replace(moments, value=times))

    def observed(self, done: int, total: int, *, printed: bool) -> tuple[Estimate | None, str]:
        """Return how long the rest takes by the moments, and what they are in words.

        `printed`: there are printed step times, which say more than few seconds of arrivals.
        """
        estimate = self._pace.estimate(done, total, self._marks)
        if estimate is None or not (self._stamped or not printed or self._pace.seconds >= _WATCHED):
            return None, ""
        return estimate, "the times of its lines" if self._stamped else "when its lines came"

    def printed(self, series: Series | None) -> tuple[float, float] | None:
        """Return (seconds per step, half width of its likely range) from printed step times, if any."""
        if series is None:
            return None
        if self._paced is None or self._paced[:2] != (series, len(series)):
            self._paced = series, len(series), _printed_pace(series)
        return self._paced[2]


def remaining(series: Series | None, pace: float) -> tuple[Estimate | None, str]:
    """Return the remaining time that a program prints, while it falls as time goes by at this pace."""
    steps, left = series.newest() if series is not None else (np.empty(0), np.empty(0))
    steps, left = steps[-_OWN:], left[-_OWN:]
    passed = float(steps[-1] - steps[0]) * pace if np.isfinite(left).all() and len(left) else 0.0
    error = abs(float(left[0] - left[-1]) - passed) if passed else math.inf
    if not passed >= _OWN_SECONDS or error > 0.25 * passed + 1.0:
        return None, ""
    half = float(left[-1]) * max(0.1, error / passed)
    return Estimate(float(left[-1]), half, pace), "the remaining time that it prints"


def _printed_pace(series: Series) -> tuple[float, float] | None:
    recent = series.tail(_RECENT)
    if len(series) <= _RECENT:  # the first steps compile: one of them may take as long as forty others
        recent = recent[min(len(recent) // 2, _COMPILES) :]
    recent = recent[np.isfinite(recent)]
    if not len(recent):
        return None
    means = [float(np.mean(part)) for part in np.array_split(recent, 8) if len(part)]
    low, high = np.percentile(means, (10, 90))
    typical = float(np.median(recent))
    return max(typical, min(float(np.mean(recent)), 2 * typical)), float(high - low) / 2
