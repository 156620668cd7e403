"""A few steps take so long that much of the time is lost in them.

Reason: a step of a minute in every hundred is one row of a hundred, and more than half of the
time: what a stall costs is not how often it comes.
Formula: a row stalls when it takes `times` the rolling median of 64 rows, and the rows around
it take less than the root of that. Of the newest
`count` stalls or more, up to eight, the time above the usual is at least `cost` of all time
between the first and the last of them. A warning where they are at equal distances or are
`many`, without half of the rows between two of them, else a note: a machine that slept a few
times is no habit. A note too where
evaluations or checkpoints were printed next to most of them; or where they come at each
multiple of one number of steps, as evaluations do, and would cost less than `cost` if the time
of a row were that of its last step alone, not of each step since the row before. Where a log has only the
times of its lines, they are judged by these, 20 s or more at once: a note at most, and nothing where
evaluations or checkpoints were printed or they come at multiples of one number of steps. Ends
when as many rows as between the first and the last of them have passed without one.

Example: 'one logged step in 100 takes 150 times the usual: 60% of the time is lost', by a loader that
fills its buffer.

What to do: look at what happens at those steps: a data loader that reads a new shard or starts
its workers again, writing to a slow disk, a garbage collector.

Traps: nanoGPT prints the time of single steps, every ten of them;
what is meant to pause training, and prints nothing, is not known to be meant; rows
at the start compile; a slowdown of all steps is no stall; a rate that is printed as a fading
mean shows one pause in many rows.

Source: our own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, grow, middle, take
from runwatch.alerts.rules.common.context import copied, join
from runwatch.alerts.rules.common.speed import BETWEEN, Speed
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict

_MOST = 8
_PAUSES = frozenset({"checkpoint", "eval_begin", "eval_end"})
"""Kinds of events at which a pause is meant."""
_MARKS = 64
_RARE = 8
"""Rows that stalls are apart, at least."""
_EVEN = 0.05
"""Part of the distance between stalls by which those at equal distances may differ."""
_MOSTLY = 0.75
"""Part of the distances between stalls that are the least one, where they are planned."""


class _Stall(NamedTuple):
    """A row that stalled."""

    row: int
    lost: float
    """Time above the usual, in usual rows."""
    meant: bool
    """Whether an evaluation or a checkpoint was printed near it."""
    where: Place


@dataclass
class _Track:
    """The state of one source of step times."""

    baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.006))
    stalls: deque[_Stall] = field(default_factory=lambda: deque(maxlen=_MOST))
    rows: Samples | None = None
    """The newest two rows, and below how far they were above the usual, ln."""
    excess: Floats = field(default_factory=lambda: np.empty(0))
    firing: Severity | None = None


@dataclass
class Stalls(RankRule):
    """Fires when single steps cost much of the time."""

    name: ClassVar[str] = "stalls"
    summary: ClassVar[str] = "A few steps take so long that much of the time is lost in them."

    times: float = threshold(4.0, "multiple of the rolling median at which a row stalls")
    cost: float = threshold(0.25, "share of the time that the stalls cost")
    count: int = threshold(4, "stalls that are needed", least=2, most=_MOST)
    many: int = threshold(8, "stalls that are needed for a warning at unequal distances", most=_MOST)
    skip: int = threshold(10, "rows after a start or restart that are not judged")

    _tracks: dict[str, _Track] = field(default_factory=dict, init=False, repr=False)
    _speed: Speed = field(default_factory=lambda: Speed(stamps=True), init=False, repr=False)
    _marks: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """Offsets at which an evaluation or a checkpoint was printed."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the step times of a block."""
        marks = [s.offset for name, s in block.samples.items() if name.startswith(("val/", "eval", "test/"))]
        events = [float(event.offset) for event in block.events if event.kind in _PAUSES]
        self._marks = np.sort(np.concatenate([self._marks, *marks, np.array(events)]))
        found: list[Finding] = []
        for metric, restarted, whole, rows, slowness in self._speed.pieces(block, self.skip):
            track = self._tracks.setdefault(metric, _Track())
            if restarted:
                found += self._end(metric, track, place(whole, 0))
                track = self._tracks[metric] = _Track()
            if len(rows):
                found += self._walk(metric, track, rows, slowness)
        self._marks = self._marks[-_MARKS:]
        return found

    def _walk(self, metric: str, track: _Track, rows: Samples, y: Floats) -> list[Finding]:
        start = track.baseline.rows
        usual, _ = track.baseline.judge(y)
        excess = np.concatenate([track.excess, y - usual])
        start -= len(track.excess)
        rows = rows if track.rows is None else join(track.rows, rows)
        track.rows, track.excess = copied(take(rows, slice(-2, None))), excess[-2:].copy()
        slow, calm = excess > np.log(self.times), excess < np.log(self.times) / 2
        found: list[Finding] = []
        for row in (np.flatnonzero(calm[:-2] & slow[1:-1] & calm[2:]) + 1).tolist():
            found += self._over(metric, track, rows, row, start)
            low, high = np.searchsorted(self._marks, [rows.offset[row - 1], rows.offset[row + 1]], "right")
            lost = grow(float(excess[row])) - 1
            if metric == BETWEEN:  # which has fewer steps than a usual row
                before, here, after = rows.step[row - 1 : row + 2].tolist()
                lost *= (here - before) / (after - here)
            track.stalls.append(_Stall(start + row, lost, bool(low < high), place(rows, row)))
            found += self._judge(metric, track)
        return found + self._over(metric, track, rows, len(rows) - 1, start)

    def _judge(self, metric: str, track: _Track) -> list[Finding]:
        """Fire if the newest stalls cost much; look at as few of them as it takes first."""
        newest = list(track.stalls)
        if len(newest) < self.count:
            return []
        gaps = np.diff([stall.row for stall in newest])
        span = int(gaps.sum())
        lost = sum(stall.lost for stall in newest[1:])
        cost = lost / (lost + span)
        # one stall is no habit: the others must cost enough without the longest
        rest = lost - max(stall.lost for stall in newest[1:])
        meant = sum(stall.meant for stall in newest) > len(newest) / 2
        gap = middle(gaps.tolist())
        even = gap > 1 and bool((np.abs(gaps - gap) <= max(1.0, _EVEN * gap)).all())
        apart = gaps.max(initial=0) > span / 2  # a machine that slept now and then
        few = not even and (len(newest) < self.many or apart)
        every_step, planned = _distances(newest, gap)
        single = planned and lost / (lost + span * every_step) < self.cost
        between = metric == BETWEEN
        severity = Severity.INFO if meant or few or single or between else Severity.WARNING
        frequent = gap < _RARE and not between  # those are for `jitter` to judge
        known = frequent or not severity.exceeds(track.firing) or (between and (meant or planned))
        if cost < self.cost or rest < self.cost / 2 * (rest + span) or known:
            return []
        track.firing = severity
        times = middle([stall.lost + 1 for stall in newest])
        if between:
            stall = f"training stalled {len(newest)} times since {newest[0].where}"
        elif even:
            stall = f"one logged step in {gap:.0f} takes {times:.3g} times the usual"
        else:
            stall = f"{len(newest)} of {span + 1} logged steps take {times:.3g} times the usual"
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{stall}: {cost:.0%} of the time is lost",
                newest[0].where,
                metric=metric,
                cause="evaluations or checkpoints are printed near them" if meant else "",
                advice="" if meant else "Look at what happens at those steps: a loader, a disk, retries.",
                evidence={"stalls": len(newest), "times": times, "cost": cost, "every": gap},
            )
        ]

    def _over(self, metric: str, track: _Track, rows: Samples, row: int, start: int) -> list[Finding]:
        """End it, if so many rows have passed by `row` without a stall as there were between them."""
        if track.firing is None:
            return []
        span = track.stalls[-1].row - track.stalls[0].row
        over = track.stalls[-1].row + span - start
        return self._end(metric, track, place(rows, max(0, over))) if row >= over else []

    def _end(self, metric: str, track: _Track, where: Place) -> list[Finding]:
        track.stalls.clear()
        return self.resolve(track, where, metric)


def _distances(stalls: Sequence[_Stall], gap: float) -> tuple[float, bool]:
    """Return the steps from one row to the next, and whether stalls are at multiples of their distance.

    One may have been missed now and then.
    """
    steps = [stall.where.step for stall in stalls if stall.where.step is not None]
    apart = np.diff(steps) if len(steps) == len(stalls) else np.empty(0)
    distance = int(apart.min()) if len(apart) else 0
    if distance <= 0 or (apart == distance).mean() < _MOSTLY or (apart % distance).any():
        return 1.0, False
    return max(1.0, distance / gap), steps[0] % distance in (0, distance - 1)
