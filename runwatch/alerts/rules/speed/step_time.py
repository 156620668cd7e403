"""Steps take longer than they did, and it lasts.

Reason: a slow node, a throttled GPU or a starved data loader costs days without any
error.
Formula, in y = ln(seconds per step), every 16 rows: `now` is the median of the last
24 rows; `usual` is the lowest median of 64 rows so far, which only moves down. The
shift must reach D = max(ln(1 + rise), 2 s, 0.6 * (q95 - q50)), with the deviation s
and the quantiles of the window that set `usual`, and 70 % of the 24 rows must be
above usual + D / 2 and not fall from row to row, at `persist` points in a row and for `seconds`. A note below
`notable`, a warning above. Critical when the shift is `critical` or more, so that most
of the time is lost, and has been so for `critical_seconds`. A note too while the run was as
slow before, in a twentieth of its rows or for half as long, and where less than 20 ms a
step and `lost` seconds in all are lost. Clears below D / 2; a warning clears below 0.7 * `notable`, and what
is left is a note again. A note that becomes a warning later is an incident of its own, from
where that began. Single slow steps and pauses cannot move a median.

Example: 'steps take 22% longer: 0.334 s, usually 0.274 s, since step 940'.

What to do: see whether one rank, one GPU (heat, clocks) or the data is slow; what is
listed beneath the alarm says so where it is known. The run itself is sound.

Traps: the first rows after a start or restart compile and warm caches (up to 80
times slower) and are skipped; a larger batch takes longer and is no slowdown:
when tokens per second did not fall, the new time becomes the usual one; a shared
machine's pace comes and goes; a progress bar prints a mean, which falls for long after a pause.
Without step times, tokens or samples per second are judged, inverted; without those, the times that lines
print, of 20 s each: they include what evaluations and checkpoints take, so that a warning takes `between`,
and nothing is critical; of an agent, whose episodes last as long as it survives, all is a note; so it is of
a model of points or splats that says how many it began with: it grows, where their number is not printed
later.

Source: FALCON, which verifies a proposed change before it is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, log1p
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import Place, RankRule, in_stream_order, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, grow, median, spread
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.levels import Levels
from runwatch.alerts.rules.common.players import Players
from runwatch.alerts.rules.common.roles import grows_by_design
from runwatch.alerts.rules.common.speed import BETWEEN, TIMES, Speed
from runwatch.alerts.rules.common.trend import fades
from runwatch.alerts.rules.common.wording import longer
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import label
from runwatch.render.numbers import duration

_WIDTH, _HOP, _NOW = 64, 16, 24
_CALM = 0.7
"""Of `notable`, the slowdown below which a warning is over."""
_TINY = 0.02
"""Seconds a step below which whatever else the machine does is seen."""


@dataclass
class _Usual:
    """The best sustained level and the shift that matters there."""

    level: float = np.inf
    shift: float = np.inf


@dataclass
class _Shift:
    """A slowdown that is not over."""

    where: Place
    step: float
    tokens: float
    """Median tokens per second before it; NaN if unknown."""
    points: int = 0
    """Evaluations since it began."""
    steep: int = 0
    """The newest of them in a row that were slow enough to be critical."""
    newest: tuple[float, ...] = ()
    """By how much the newest of them were above the usual, ln."""
    under: int = 0
    firing: Severity | None = None
    levels: Levels = field(default_factory=Levels)
    notable: Place | None = None
    """Where it began to be slow enough for a warning, and has been since."""


@dataclass
class _Track:
    """The state of one source of step times."""

    windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP))
    usual: _Usual = field(default_factory=_Usual)
    shift: _Shift | None = None
    recent: Recent = field(default_factory=lambda: Recent(_WIDTH))
    levels: Levels = field(default_factory=Levels)
    """What it has shown before the slowdown that is not over."""


@dataclass
class StepTime(RankRule):
    """Fires when steps have become slower and stay so."""

    name: ClassVar[str] = "step_time"
    summary: ClassVar[str] = "Steps take longer than they did, and it lasts."

    rise: float = threshold(0.10, "least slowdown, as a fraction")
    critical: float = threshold(1.0, "slowdown that is critical when it lasts")
    seconds: float = threshold(30.0, "seconds a slowdown must last")
    critical_seconds: float = threshold(600.0, "seconds a critical slowdown must last")
    persist: int = threshold(2, "evaluations in a row, 16 rows apart, that must agree")
    lost: float = threshold(60.0, "seconds that a slowdown by less than 20 ms a step must cost, else a note")
    notable: float = threshold(0.24, "slowdown below which it is a note")
    between: float = threshold(1.0, "slowdown below which it is a note, by the times of lines alone")
    skip: int = threshold(10, "rows after a start or restart that are not judged")

    _tracks: dict[str, _Track] = field(default_factory=dict, init=False, repr=False)
    _speed: Speed = field(default_factory=lambda: Speed(stamps=True), init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)
    _grows: float = field(default=np.inf, init=False, repr=False)
    """Offset from which the size of a model of points or splats is printed, be it once."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the step times of a block."""
        self._players.push(block)
        self._grows = min(self._grows, grows_by_design(block))
        found: list[tuple[float, Finding]] = []
        for metric, restarted, whole, rows, slowness in self._speed.pieces(block, self.skip):
            track = self._tracks.setdefault(metric, _Track())
            track.recent.push(whole)
            if restarted:
                if track.shift:
                    found.append((float(whole.offset[0]), self._clear(metric, track, place(whole, 0))))
                self._tracks[metric] = track = _Track(recent=track.recent)
            found += self._walk(metric, track, rows, slowness)
        return in_stream_order(found)

    def _walk(
        self, metric: str, track: _Track, rows: Samples, slowness: Floats
    ) -> list[tuple[float, Finding]]:
        start = track.windows.rows
        ends, windows = track.windows.add(slowness)
        if not len(ends):
            return []
        ordered = np.sort(windows, axis=1)
        middle, sigma = spread(windows, 0.006)
        tail = ordered[:, int(0.95 * (_WIDTH - 1))] - middle
        shift = np.maximum(np.maximum(log1p(self.rise), 2 * sigma), 0.6 * tail)
        now = median(np.sort(windows[:, -_NOW:], axis=1))
        if ends[0] == _WIDTH:
            track.levels.add(middle[:1], _WIDTH - _HOP)
        found: list[tuple[float, Finding]] = []
        at = 0
        while at < len(ends):
            if track.shift is None:
                ahead = slice(at, None)
                stop = _search(track, windows[ahead], middle[ahead], shift[ahead], now[ahead])
                track.levels.add(middle[ahead][:stop], _HOP)
                if stop is None:
                    break
                at += stop
            row = int(ends[at] - start - 1)
            over = bool(_over(track.usual.level, track.usual.shift, windows[at], now[at]))
            offset = float(rows.offset[row])
            if track.shift is None:
                track.shift = self._begin(track, offset)
            track.shift.levels.add(now[at : at + 1], _HOP)
            followed = self._follow(metric, track, track.shift, float(now[at]), offset, over=over)
            found += [(offset, finding) for finding in followed]
            at += 1
        return found

    def _begin(self, track: _Track, offset: float) -> _Shift:
        onset = track.recent.until(offset, _NOW // 2)
        tokens = self._speed.tokens(offset, 208, skip=2 * _NOW)
        return _Shift(place(onset, 0), float(onset.step[0]), tokens)

    def _follow(
        self, metric: str, track: _Track, slow: _Shift, level: float, offset: float, *, over: bool
    ) -> list[Finding]:
        """Judge one evaluation of a slowdown; the first is the one that began it."""
        here = track.recent.until(offset, 1)
        excess = level - track.usual.level
        slow.points += 1
        slow.newest = (*slow.newest, excess)[-self.persist :]
        slow.steep = slow.steep + 1 if grow(excess) - 1 >= self.critical else 0
        slow.under = slow.under + 1 if excess < track.usual.shift / 2 else 0
        if (not slow.firing and not over) or slow.under >= self.persist:
            return [self._clear(metric, track, place(here, 0))]
        self._date(metric, slow, grow(excess) - 1, track, offset)
        if slow.firing is not None and slow.firing is not Severity.INFO and self._calms(metric, slow, offset):
            calm = self._clear(metric, track, place(here, 0))
            track.shift = _Shift(slow.where, slow.step, slow.tokens, slow.points, slow.steep, slow.newest)
            return [calm]
        steps = float(here.step[0]) - slow.step + _NOW / 2
        rows = slow.points * _HOP + _NOW / 2
        lasted = (steps if steps > 0 else rows) * grow(level) if metric in TIMES else rows
        if not slow.firing and (slow.points < self.persist or lasted < self.seconds):
            return [self._finding(metric, track, slow, Verdict.PENDING, level)] if slow.points == 1 else []
        if not slow.firing and self._does_more(metric, slow, excess, offset):
            track.usual.level = level
            return [self._clear(metric, track, place(here, 0))]
        sure = grow(min(slow.newest)) - 1  # what makes it more severe must persist too
        severity = Severity.INFO
        if sure >= self._least(metric, offset) and not self._passes(metric, track, slow, level, lasted):
            steep = lasted * slow.steep / slow.points if slow.steep >= self.persist else 0
            grave = steep >= self.critical_seconds and metric != BETWEEN
            severity = Severity.CRITICAL if grave else Severity.WARNING
        if slow.firing is not None and severity.rank < slow.firing.rank:
            severity = slow.firing
        return [] if severity is slow.firing else self._fire(metric, track, slow, severity, level, here)

    def _fire(
        self, metric: str, track: _Track, slow: _Shift, severity: Severity, level: float, here: Samples
    ) -> list[Finding]:
        """Return the finding of a severity; a note that became worse elsewhere ends where that begins."""
        before, slow.firing = slow.firing, severity
        fired = self._finding(metric, track, slow, Verdict.FIRING, level)
        if before is not Severity.INFO or fired.line == slow.where.line:
            return [fired]
        return [self.clear(place(here, 0), metric), fired]

    def _date(self, metric: str, slow: _Shift, more: float, track: _Track, offset: float) -> None:
        """Note where a slowdown, by now a fraction `more`, began to be notable."""
        if more < self._least(metric, offset):
            slow.notable = None
        elif slow.notable is None:
            onset = place(track.recent.until(offset, _NOW // 2), 0)
            slow.notable = onset if slow.points > 1 else slow.where

    def _least(self, metric: str, offset: float) -> float:
        """Return the slowdown below which it is a note."""
        if self._grows < offset:
            return np.inf
        if metric != BETWEEN:
            return self.notable
        return np.inf if self._players.noted <= offset else max(self.notable, self.between)

    def _calms(self, metric: str, slow: _Shift, offset: float) -> bool:
        """Whether little is left of a slowdown that was a warning."""
        calm = _CALM * self._least(metric, offset)
        return len(slow.newest) == self.persist and grow(max(slow.newest)) - 1 < calm

    def _passes(self, metric: str, track: _Track, slow: _Shift, level: float, lasted: float) -> bool:
        """Whether a slowdown is no news or costs next to nothing."""
        part = 1 - grow(track.usual.level - level)  # of the time
        little = metric in TIMES and part * grow(level) < _TINY and part * lasted < self.lost
        return little or track.levels.shown(level, level - track.usual.level, slow.points * _HOP)

    def _does_more(self, metric: str, slow: _Shift, excess: float, offset: float) -> bool:
        """Whether tokens per second fell by less than half of the slowdown: the steps do more work."""
        if metric not in TIMES:
            return False
        tokens = self._speed.tokens(offset, _NOW)
        return log(slow.tokens / tokens) < excess / 2 if slow.tokens / tokens > 0 else False

    def _clear(self, metric: str, track: _Track, here: Place) -> Finding:
        if track.shift:
            track.levels.merge(track.shift.levels)
        track.shift = None
        return self.clear(here, metric)

    def _finding(self, metric: str, track: _Track, slow: _Shift, verdict: Verdict, level: float) -> Finding:
        usual = track.usual.level
        more = grow(level - usual) - 1
        if metric in TIMES:
            title = f"steps {longer(more)}: {duration(grow(level))}, usually {duration(grow(usual))}"
        else:
            less = 1 - grow(usual - level)
            title = f"{label(metric)} fell {less:.0%}: {grow(-level):.4g}, usually {grow(-usual):.4g}"
        sign = 1 if metric in TIMES else -1
        since = slow.where if slow.firing in (None, Severity.INFO) else slow.notable or slow.where
        return self.say(
            verdict,
            slow.firing or Severity.WARNING,
            f"{title}, since {since}",
            since,
            metric=metric,
            advice=_ADVICE,
            evidence={"usual": grow(sign * usual), "now": grow(sign * level), "slowdown": more},
        )


_ADVICE = "Look for a slow or throttled GPU, a busy data loader or storage, and other jobs on the node."


def _over(
    level: float | Floats, shift: float | Floats, windows: Floats, now: float | Floats
) -> NDArray[np.bool_]:
    """Return for each window whether it is slow: by its median, and in 70 % of its newest rows."""
    newest = windows[..., -_NOW:]
    high = newest > np.asarray(level + shift / 2)[..., None]
    slow: NDArray[np.bool_] = (np.asarray(now) - level >= shift) & (high.mean(axis=-1) >= 0.7)
    return slow & ~fades(newest)


def _search(track: _Track, windows: Floats, middle: Floats, shift: Floats, now: Floats) -> int | None:
    """Return the first window that is slow against the best before it; move the best up to there."""
    lowest = np.minimum.accumulate(np.append(track.usual.level, middle))
    holder = np.maximum.accumulate(np.where(middle < lowest[:-1], np.arange(len(middle)), -1))
    before = np.append(-1, holder[:-1])
    shifts = np.where(before >= 0, shift[before], track.usual.shift)
    near = np.flatnonzero(now - lowest[:-1] >= shifts)
    slow = near[_over(lowest[near], shifts[near], windows[near], now[near])]
    stop = int(slow[0]) if len(slow) else None
    best = int(holder[-1]) if stop is None else int(before[stop])
    if best >= 0:
        track.usual = _Usual(float(middle[best]), float(shift[best]))
    return stop
