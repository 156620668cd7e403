"""Steps take several times as long as they did: throughput has collapsed.

Reason: a slowdown to a third is no drift that statistics must confirm; at that
pace the run will not end, and minutes count.
Formula: the median of `rows` rows in a row is above `times` the rolling median
of 64 rows before, and `persist` such rows follow each other. A warning; critical when
it has lasted `critical_seconds`; a note while it has lasted less than `seconds`, or the
run was as slow before, for a twentieth of its rows or half as long. Ends when it is
below the root of `times` for as long, or after 1024 rows.

Example: 'steps take 5.1 times as long: 1.43 s, usually 0.28 s'.

What to do: look at the GPUs' clocks, at the storage and at who shares the machine;
nvidia-smi, top and iostat of the slow node show most of it. It will not end in time at
this pace.

Traps: pauses for evaluation and checkpoints are single rows and cannot move a
median of five, but do so in a rate that is printed as a fading mean (progress
bars): where one of the newest two rows takes less than 0.6 of the slowest of five, it
gets faster, as it does where each row is below the one before; a larger batch takes longer, and
tokens per second do not fall; the first rows after a start compile.

Source: ByteRobust and C4 distinguish a collapse from a drift in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, grow
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.levels import Levels
from runwatch.alerts.rules.common.speed import Speed
from runwatch.alerts.rules.common.trend import fades
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import STEP_TIME, label
from runwatch.render.numbers import duration

_BACK = 32
"""Newest rows among which it is looked where a collapse began."""
_FADES = 0.6
"""Of the slowest of the rows judged, below which one of the newest two is, where a mean forgets a pause."""


@dataclass
class _Track:
    """The state of one source of step times."""

    baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.006))
    tail: Floats = field(default_factory=lambda: np.empty(0))
    """ln(seconds) of the newest rows."""
    level: float = np.nan
    """ln(seconds) that was usual before a collapse that is open."""
    over: int = 0
    under: int = 0
    rows: int = 0
    where: Place | None = None
    recent: Recent = field(default_factory=lambda: Recent(_BACK))
    levels: Levels = field(default_factory=Levels)
    """What was usual so far, and in collapses that are over."""
    newest: Levels = field(default_factory=Levels)
    """What it was in the collapse that is open."""
    firing: Severity | None = None


@dataclass
class Throughput(RankRule):
    """Fires when steps suddenly take several times as long."""

    name: ClassVar[str] = "throughput"
    summary: ClassVar[str] = "Steps suddenly take several times as long as before."

    times: float = threshold(3.0, "multiple of the usual step time")
    rows: int = threshold(5, "rows whose median is judged")
    persist: int = threshold(3, "such medians in a row")
    seconds: float = threshold(5.0, "seconds a collapse must last, else it is a note")
    critical_seconds: float = threshold(600.0, "seconds a collapse must last to be critical")
    settle: ClassVar[int] = 1024
    """Rows after which a new level counts as usual."""
    skip: int = threshold(10, "rows after a start or restart that are not judged")

    _tracks: dict[str, _Track] = field(default_factory=dict, init=False, repr=False)
    _speed: Speed = field(default_factory=Speed, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the step times of a block."""
        found: list[Finding] = []
        for metric, restarted, whole, rows, slowness in self._speed.pieces(block, self.skip):
            track = self._tracks.setdefault(metric, _Track())
            if restarted:
                found += self._end(metric, track, place(whole, 0))
                track = self._tracks[metric] = _Track()
            if len(rows):
                track.recent.push(Samples(rows.offset, rows.line, rows.step, slowness))
                found += self._walk(metric, track, rows, slowness)
        return found

    def _walk(self, metric: str, track: _Track, rows: Samples, y: Floats) -> list[Finding]:
        usual, _ = track.baseline.judge(y)
        data = np.concatenate([track.tail, y])
        known = min(len(track.tail), self.rows - 1)
        track.tail = data[-self.rows :].copy()
        now = np.full(len(y), np.nan)
        least = log(self.times) + np.fmin.reduce(usual)  # what most rows of such a median are above
        slow = np.count_nonzero(data[len(data) - len(y) - known :] > least) > self.rows // 2
        if track.where is not None or track.over or slow:
            now = self._medians(data[len(data) - len(y) - known :], len(y))
        high = now - usual > log(self.times)
        found: list[Finding] = []
        row = counted = 0
        while row < len(y):
            if track.where is None and not track.over:
                ahead = np.flatnonzero(high[row:])
                if not len(ahead):
                    break
                row += int(ahead[0])
                track.level = float(usual[row])
            if track.where is None:
                track.levels.add(usual[counted:row], 1)
                counted = row
            else:
                track.newest.add(now[row : row + 1], 1)
                counted = row + 1
            seen = data[: len(data) - len(y) + row + 1][-self.rows :]
            fading = float(seen[-2:].min() - seen.max()) < log(_FADES) or bool(fades(seen))
            found += self._follow(metric, track, float(now[row]), rows, row, fading=fading)
            row += 1
        track.levels.add(usual[counted:], 1)
        return found

    def _medians(self, data: Floats, count: int) -> Floats:
        """Return the medians (count,) of the rows up to each of the last `count`; NaN for the first few."""
        now = np.full(count, np.nan)
        if len(data) >= self.rows:
            windows = sliding_window_view(data, self.rows)[-count:]
            now[count - len(windows) :] = np.partition(windows, self.rows // 2, axis=1)[:, self.rows // 2]
        return now

    def _follow(
        self, metric: str, track: _Track, now: float, rows: Samples, row: int, *, fading: bool
    ) -> list[Finding]:
        excess = now - track.level
        if track.where is None:
            track.over = track.over + 1 if excess > log(self.times) else 0
            offset = float(rows.offset[row])
            if track.over < self.persist or fading or self._does_more(metric, excess, offset):
                return []
            track.where = self._onset(track, offset)
        else:
            track.under = track.under + 1 if excess < log(self.times) / 2 else 0
            if track.under >= self.persist or track.rows >= self.settle:
                return self._end(metric, track, place(rows, row))
        track.rows += 1
        severity = self._severity(metric, track, now, rows.step[row])
        if not severity.exceeds(track.firing):
            return []
        track.firing = severity
        return [self._fire(metric, track, track.where, now)]

    def _severity(self, metric: str, track: _Track, now: float, step: float) -> Severity:
        if track.levels.shown(now, now - track.level, track.rows):
            return Severity.INFO
        onset = track.where.step if track.where else None
        steps = track.rows if onset is None or not step > onset else step - onset
        lasted = steps * grow(now) if metric == STEP_TIME else track.rows
        if lasted < self.seconds:
            return Severity.INFO
        return Severity.CRITICAL if lasted >= self.critical_seconds else Severity.WARNING

    def _fire(self, metric: str, track: _Track, where: Place, now: float) -> Finding:
        sign = 1 if metric == STEP_TIME else -1
        usual, newest, times = grow(sign * track.level), grow(sign * now), grow(now - track.level)
        if metric == STEP_TIME:
            title = f"steps take {times:.1f} times as long: {duration(newest)}, usually {duration(usual)}"
        else:
            title = f"{label(metric)} fell to 1/{times:.1f}: {newest:.4g}, usually {usual:.4g}"
        return self.say(
            Verdict.FIRING,
            track.firing or Severity.WARNING,
            title,
            where,
            metric=metric,
            advice="Look for a throttled or shared GPU, storage that stalls, a network that is down.",
            evidence={"usual": usual, "now": newest, "times": times},
        )

    def _onset(self, track: _Track, offset: float) -> Place:
        """Return the first row of a collapse: the one behind the last that was hardly slower than usual."""
        newest = track.recent.until(offset, min(self.rows + self.persist, _BACK))
        fast = np.flatnonzero(newest.value <= track.level + log(self.times) / 2)
        return place(newest, min(int(fast[-1]) + 1 if len(fast) else 0, len(newest) - 1))

    def _does_more(self, metric: str, excess: float, offset: float) -> bool:
        """Whether tokens per second fell by less than half of it: the steps do more work."""
        if metric != STEP_TIME:
            return False
        before, now = (
            self._speed.tokens(offset, 48, skip=2 * self.rows),
            self._speed.tokens(offset, self.rows),
        )
        return bool(before > 0 and now > 0 and log(before / now) < excess / 2)

    def _end(self, metric: str, track: _Track, where: Place) -> list[Finding]:
        if track.where is None:
            return []
        track.where, track.firing, track.over, track.under, track.rows = None, None, 0, 0, 0
        track.levels.merge(track.newest)
        track.newest = Levels()
        return [self.clear(where, metric)]
