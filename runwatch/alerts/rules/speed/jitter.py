"""Single steps stall: most are as fast as ever, but some take much longer.

Reason: a data loader that runs dry, a network that retries or a garbage collector
cost a tenth of a run, and leave the median step time where it was.
Formula: a row stalls when it takes `times` the rolling median of 64 rows, and the
five rows up to it as a whole do not. Of every 128 rows, judged every 16: the stalls
are at least `part` of the rows, more than 4 times and 5 binomial deviations
above the share of stalls before them, and cost at least `cost` of the time, at
`persist` points in a row. A note; a warning when they cost at least `notable` of the
time at as many. When most stalls are at equal distances it is a note that names the
distance. Ends below half of `part`.

Example: '19 of 128 logged steps stall: they take 3.1 times the usual, and 24% of the time'.

What to do: look at the data loader (more workers, a larger prefetch), the network and
the garbage collector. The run itself is sound.

Traps: what stalled from the beginning is usual here; evaluations and checkpoints
come at equal distances.

Source: Holmes counts iterations above twice the usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, Windows
from runwatch.alerts.rules.common.speed import Speed
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict

_WIDTH, _HOP = 128, 16


@dataclass
class _Track:
    """The state of one source of step times."""

    baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.006))
    windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP))
    """Multiples of the rolling median; 0 where that is not known yet."""
    tail: Floats = field(default_factory=lambda: np.empty(0))
    """The newest 4 multiples."""
    before: float = 0.0
    """Stalls in the rows before the newest window."""
    rows: int = 0
    """How many rows those are."""
    over: int = 0
    costly: int = 0
    """Evaluations in a row, up to the newest, at which the stalls cost much."""
    firing: Severity | None = None


@dataclass
class Jitter(RankRule):
    """Fires when many single steps stall."""

    name: ClassVar[str] = "jitter"
    summary: ClassVar[str] = "Many single steps stall, though the usual step is as fast as ever."

    times: float = threshold(1.8, "multiple of the rolling median at which a row stalls")
    part: float = threshold(0.05, "share of rows that stall")
    worse: ClassVar[float] = 4.0
    """Times the share of stalls before."""
    cost: float = threshold(0.08, "share of the time that the stalls cost")
    notable: float = threshold(0.2, "share of the time below which it is a note")
    persist: int = threshold(2, "evaluations in a row, 16 rows apart, that must agree")
    skip: int = threshold(10, "rows after a start or restart that are not judged")

    _tracks: dict[str, _Track] = field(default_factory=dict, init=False, repr=False)
    _speed: Speed = field(default_factory=Speed, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the step times of a block."""
        found: list[Finding] = []
        for metric, restarted, whole, rows, slowness in self._speed.pieces(block, self.skip):
            track = self._tracks.setdefault(metric, _Track())
            if restarted:
                found += self.resolve(track, place(whole, 0), metric)
                track = self._tracks[metric] = _Track(before=track.before, rows=track.rows)
            if len(rows):
                found += self._walk(metric, track, rows, slowness)
        return found

    def _walk(self, metric: str, track: _Track, rows: Samples, y: Floats) -> list[Finding]:
        usual, _ = track.baseline.judge(y)
        multiple = np.where(np.isfinite(usual), np.exp(np.minimum(y - usual, 50)), 0.0)
        data = np.concatenate([track.tail, multiple])
        track.tail = data[-4:].copy()
        slow = np.flatnonzero(multiple >= self.times) + len(data) - len(multiple)
        slow = slow[slow >= 4]
        near = np.median(data[slow[:, None] + np.arange(-4, 1)], axis=1)  # of the five rows up to each
        multiple[slow[near > self.times**0.5] + len(multiple) - len(data)] = 1.0
        start = track.windows.rows
        ends, windows = track.windows.add(multiple)
        if not len(ends):
            return []
        stalls = windows >= self.times
        counts = np.count_nonzero(stalls, axis=1)
        oldest = np.count_nonzero(stalls[:, :_HOP], axis=1)
        many = counts >= self.part * _WIDTH
        found: list[Finding] = []
        if track.firing is None and not many.any():  # as nearly always
            track.over = 0
            track.before, track.rows = track.before + float(oldest.sum()), track.rows + _HOP * len(ends)
            return found
        cost = np.where(stalls, windows - 1, 0).sum(axis=1) / np.maximum(windows.sum(axis=1), 1)
        many &= cost >= self.cost
        for at, end in enumerate(ends.tolist()):
            over = many[at] and self._more(track, counts[at])
            track.over = track.over + 1 if over else 0
            track.costly = track.costly + 1 if over and cost[at] >= self.notable else 0
            if track.firing and counts[at] < self.part * _WIDTH / 2:
                found += self.resolve(track, place(rows, end - start - 1), metric)
            elif track.over >= self.persist and track.firing in (None, Severity.INFO):
                where = place(rows, end - start - 1)
                found += self._fire(metric, track, windows[at], float(cost[at]), where)
            if not track.over:
                track.before, track.rows = track.before + float(oldest[at]), track.rows + _HOP
        return found

    def _more(self, track: _Track, count: int) -> bool:
        """Whether `count` stalls are far more than there were before."""
        share = (track.before + 1) / (track.rows + 64)
        usual = _WIDTH * share
        return track.rows >= _WIDTH // 2 and bool(
            count > self.worse * usual and count > usual + 5 * (usual * (1 - share)) ** 0.5
        )

    def _fire(self, metric: str, track: _Track, window: Floats, cost: float, where: Place) -> list[Finding]:
        rows = np.flatnonzero(window >= self.times)
        gap = _period(rows)
        regular = gap > 1
        grave = track.costly >= self.persist and not regular
        severity = Severity.WARNING if grave else Severity.INFO
        if severity is track.firing:
            return []
        track.firing = severity
        times = float(np.median(window[rows]))
        title = (
            f"every {gap}th logged step is slow" if regular else f"{len(rows)} of {_WIDTH} logged steps stall"
        )
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{title}: they take {times:.1f} times the usual, and {cost:.0%} of the time",
                where,
                metric=metric,
                advice=""
                if regular
                else "Look for a data loader that runs dry, retries of storage or network, other jobs.",
                evidence={"stalls": len(rows), "times": times, "cost": cost},
            )
        ]


def _period(rows: NDArray[np.int64]) -> int:
    """Return the distance at which most of `rows` are, give or take one, or 0.

    They must be far more (4 binomial deviations) than of rows at random would: of those
    three of five are at every fifth row, give or take one.
    """
    gaps, count = np.diff(rows), len(rows)
    for gap in np.unique(gaps[gaps > 2])[::-1].tolist():
        phases = rows % gap
        away = np.abs((phases[:, None] - phases + gap // 2) % gap - gap // 2)
        whole = max(0.7 * count, 0.8 * (rows[-1] - rows[0]) / gap, 5)
        for within in (0, 1):
            chance = min(1.0, (2 * within + 1) / gap)
            luck = count * chance + 4 * (count * chance * (1 - chance)) ** 0.5
            if (away <= within).sum(axis=1).max() >= max(whole, luck):
                return int(gap)
    return 0
