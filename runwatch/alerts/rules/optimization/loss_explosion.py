"""A part of the loss, or a loss of either sign, has exploded.

Reason: one part of a loss (the boxes of a detector, a divergence, the balance of experts) may grow
without end while others dominate the total; and a loss that may be negative, as a bound on a
likelihood, has no ratio to its best, by which a divergence is found.
Formula: levels are medians of 20 rows, taken every 16 rows. Usual are the levels of the first quarter
to half of them; they are known from the eighth level on. A part that was never negative fires when
its level is `times` the highest usual one and still grows, by `grew` within 32 rows, or is `far` times
the highest usual one. A part, or the training loss itself, that has been negative fires when its level
is above the highest usual one by half of the distance between the usual ones, and by `z` deviations of
a row then. Each at `persist` levels in a row. A part of either kind is a note, and a warning when it
is also above `huge` and `far` times its highest usual level. The training loss is a warning, and
critical when it is above by `grave` times that distance. Clears when the level is back among the usual ones.

Example: 'box loss is 4.2, 28 times the highest of its first levels'.

What to do: find which part it is and what scales it; lower its weight or the learning rate, or go back
to a checkpoint before it began.

Traps: what is weighted by a schedule rises to its weight, at most some 20 times, and stays there; a
part is 0 until its stage begins, so that zeros before its first value do not count; a divergence that
begins near 0 rises a thousandfold as a model begins to use what it measures. Losses of agents
grow with what they earn: those are notes. Of adversaries, and of what plays against itself, nothing is
said: their losses have no goal. Losses of evaluations are judged elsewhere.

Source: our own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Windows, median, swing, take
from runwatch.alerts.rules.common.players import Players, limited
from runwatch.alerts.rules.common.roles import FORGER, JUDGE, KL, RIVAL, role
from runwatch.alerts.rules.common.wording import fold
from runwatch.alerts.rules.metric_rule import SeriesRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import HELD_OUT, LOSS, label

_SMOOTH, _HOP = 20, 16
_FIRST = 8
"""Levels from which the usual ones are known."""
_BEFORE = 2
"""So many levels before the newest is the one with which it is compared."""
_RANGE = 0.5
"""Part of the distance between the usual levels by which a loss of either sign must rise above them."""
_PART = re.compile(r"(?:^|[/_. ])(?:loss[/_. ]\w+|\w*loss)$", re.IGNORECASE)
_NO_PART = re.compile(
    rf"^(?:{HELD_OUT}|perf)[/_. ]"
    r"|scale|weight|coef|lambda|best|smooth|avg|ema|ratio|norm|std|min|max|count|delta|diff",
    re.IGNORECASE,
)
"""What says that a value is of an evaluation, or is not the loss itself."""


@dataclass
class _Usual:
    """The first levels."""

    low: float = np.inf
    high: float = -np.inf
    noise: float = 0.0
    """The highest deviation of their rows."""


@dataclass
class _Watch:
    """What is remembered of one loss."""

    windows: Windows = field(default_factory=lambda: Windows(_SMOOTH, _HOP))
    lowest: float = np.inf
    """The lowest row so far."""
    levels: int = 0
    """How many were taken."""
    all: _Usual = field(default_factory=_Usual)
    """Of all of them."""
    half: _Usual = field(default_factory=_Usual)
    """Of the first ones, up to the last power of two."""
    usual: _Usual | None = None
    """Of the first ones, up to the power of two before."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=_BEFORE))
    over: int = 0
    since: Place = NOWHERE
    """Where it was first too high."""
    firing: Severity | None = None

    def learn(self, level: float, noise: float) -> None:
        """Take a level that is not too high."""
        self.levels += 1
        past = self.all
        self.all = _Usual(min(past.low, level), max(past.high, level), max(past.noise, noise))
        if self.levels & (self.levels - 1) == 0:
            self.usual = self.half if self.levels >= _FIRST else None
            self.half = self.all


@dataclass
class LossExplosion(SeriesRule, RankRule):
    """Fires when a loss that has no ratio to its best, or is only a part, grows without end."""

    most: ClassVar[int] = 32
    name: ClassVar[str] = "loss_explosion"
    summary: ClassVar[str] = "A part of the loss, or a loss of either sign, has exploded."

    times: float = threshold(25.0, "times the highest usual level of a part", least=1)
    grew: float = threshold(1.2, "times its level 32 rows before", least=1)
    far: float = threshold(1000.0, "times the highest usual level from which it need not grow", least=1)
    huge: float = threshold(1e4, "value of a part from which it may be a warning")
    z: float = threshold(10.0, "deviations of a row by which a loss of either sign must be above")
    persist: int = threshold(4, "levels in a row, 16 rows apart, that must agree")
    grave: float = threshold(5.0, "distances between usual levels by which the training loss is critical")

    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the losses of a block."""
        self._players.push(block)
        return self.judge_each(
            {name: block.samples[name] for name in filter(_is_judged, block.samples)}, block
        )

    def restart(self, metric: str, rows: Samples) -> list[Finding]:
        """Begin again with a loss."""
        before = self._watches.pop(metric, None)
        firing = None if before is None else before.firing
        return [self.clear(place(rows, 0), metric)] if firing else []

    def walk(self, metric: str, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge the next rows of a loss."""
        watch = self._watches.setdefault(metric, _Watch())
        rows = take(rows, np.isfinite(rows.value))
        if not watch.windows.rows:  # zeros are no values of a part whose stage has not begun
            begun = np.flatnonzero(rows.value)
            rows = take(rows, slice(int(begun[0]) if len(begun) else len(rows), None))
        start = watch.windows.rows
        lowest = np.minimum.accumulate(np.append(watch.lowest, rows.value))
        watch.lowest = float(lowest[-1])
        ends, windows = watch.windows.add(rows.value)
        if not len(ends):
            return []
        levels, noise = median(np.sort(windows, axis=1)), swing(windows)
        found: list[tuple[float, Finding]] = []
        for end, level, sigma in zip(ends.tolist(), levels.tolist(), noise.tolist(), strict=True):
            row = end - start - 1
            signed = bool(lowest[row + 1] < 0)
            offset = float(rows.offset[row])
            for finding in self._take(metric, watch, level, sigma, place(rows, row), signed=signed):
                found += [(offset, kept) for kept in limited([finding], self._most(metric, offset))]
        return found

    def _take(
        self, name: str, watch: _Watch, level: float, sigma: float, here: Place, *, signed: bool
    ) -> list[Finding]:
        """Judge the next level of a loss."""
        usual = watch.usual
        if watch.firing is not None and usual is not None:
            if level > usual.high:
                worse = self._severity(name, level, usual)
                return [self._fire(name, watch, level, worse)] if worse.exceeds(watch.firing) else []
            watch.firing, watch.over = None, 0
            return [self.clear(here, name)]
        if usual is not None and self._is_over(name, watch, level, usual, signed=signed):
            watch.over += 1
            watch.since = here if watch.over == 1 else watch.since
            watch.newest.append(level)
            enough = watch.over >= self.persist
            return [self._fire(name, watch, level, self._severity(name, level, usual))] if enough else []
        watch.over = 0
        watch.newest.append(level)
        watch.learn(level, sigma)
        return []

    def _is_over(self, name: str, watch: _Watch, level: float, usual: _Usual, *, signed: bool) -> bool:
        if signed:
            least = max(_RANGE * (usual.high - usual.low), self.z * usual.noise)
            return 0 < least < level - usual.high
        if name == LOSS or usual.high <= 0:
            return False  # of a positive one, rules of ratios judge
        grows = len(watch.newest) == _BEFORE and level > self.grew * watch.newest[0]
        return level > self.times * usual.high and (grows or level > self.far * usual.high)

    def _severity(self, name: str, level: float, usual: _Usual) -> Severity:
        if name != LOSS:
            return Severity.WARNING if level > max(self.huge, self.far * usual.high) else Severity.INFO
        grave = level > usual.high + self.grave * (usual.high - usual.low)
        return Severity.CRITICAL if grave else Severity.WARNING

    def _most(self, name: str, offset: float) -> Severity | None:
        """Return the highest severity that may be reported of a loss at a place."""
        if offset >= self._players.silent or (offset >= self._players.noted and role(name) == KL):
            return None  # of a policy's divergence, policy_shift
        return Severity.INFO if offset >= self._players.noted else Severity.CRITICAL

    def _fire(self, name: str, watch: _Watch, level: float, severity: Severity) -> Finding:
        assert watch.usual is not None
        watch.firing = severity
        high, low = watch.usual.high, watch.usual.low
        ratio = level / high if high > 0 and watch.lowest >= 0 else 0.0
        how = (
            f"{fold(ratio)} the highest of its first levels"
            if ratio
            else f"first it was {low:.4g} to {high:.4g}"
        )
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(name)} has risen to {level:.4g}, {how}",
            watch.since,
            metric=name,
            advice="Find what scales it; lower its weight or the learning rate; go back to before it began.",
            evidence={"now": level, "usual_high": high, "usual_low": low},
        )


@lru_cache(2048)
def _is_judged(metric: str) -> bool:
    """Return whether a metric is the training loss, or a part of it."""
    if metric == LOSS:
        return True
    if role(metric) in (JUDGE, FORGER, RIVAL) or _NO_PART.search(metric):
        return False
    return role(metric) == KL or _PART.search(metric) is not None
