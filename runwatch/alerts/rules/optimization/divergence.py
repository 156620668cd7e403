"""The training loss has risen from its best and stays up.

Reason: spikes recover, slow rises do not; a run that has lost 10 % for dozens of
rows rarely comes back without a restart.
Formula, in y = ln(loss): f is the median of the last 20 rows, taken every 16 rows;
best is the lowest f so far. Fires when f - best is above all of these at `persist` such
points in a row: ln(1 + rise); z * s, with s the noise now or at the best; and `waves`
times the second highest rise of f that was lost again by half. s is the greatest of the
90th percentile of successive differences, as a Gaussian's deviation (a shift or a slow
rise does not inflate it; data of two kinds in turn do, and no median can move further
than from one kind to the other), and, at the best, the deviation of the rows there; 3.4
is about twice 6 standard errors of a median of 20. A warning; critical when the loss has
risen by `grave`, or after `long` points, because slow rises do not recover. Clears when
f is back below half of that. While firing, a further rise by the same margin confirms it.

Example: 'loss is 24% above its best of 2.31 at step 5210', and 40 rows later
still is.

What to do: stop, or wait for it to become critical if it may recover. Go back to the
last checkpoint before the rise; skip the data that followed, or lower the learning
rate.

Traps: the margin doubles for 100 rows after the learning rate rose 1.5x
(restarts, re-warming); a loss that has been negative has no ratio and is not
judged; a restart that goes back in steps begins anew. What oscillates, as an
adversary's loss, must rise twice as high as it has twice; the first two waves of a run
cannot be told from divergence, and are warnings.

Source: IDEFICS' logs, where instant spikes recovered and slow rises did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Floats,
    Windows,
    deviation,
    grow,
    median,
    swing,
)
from runwatch.alerts.rules.common.context import Recent, lr_jump, surge
from runwatch.alerts.rules.common.waves import Waves
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, label

_HOP = 16
_SMOOTH = 20
_KEPT = 64
"""Points among which it is looked where a rise began."""


@dataclass
class _Best:
    """The lowest median so far."""

    level: float = np.inf
    sigma: float = 0.0
    where: Place | None = None


@dataclass
class _Rise:
    """A rise that is not over."""

    where: Place
    cause: str
    level: float
    """ln(loss) at which the newest firing was judged."""
    margin: float
    sound: int | None
    """The last step at which it had not begun to rise."""
    over: int = 1
    under: int = 0
    firing: Severity | None = None


@dataclass
class Divergence(LossRule, RankRule):
    """Fires when the smoothed training loss stays above its best."""

    name: ClassVar[str] = "divergence"
    summary: ClassVar[str] = "The training loss has risen from its best and stays up."

    rise: float = threshold(0.10, "least rise of the median of 20 rows over its best, as a fraction")
    z: float = threshold(3.4, "least rise in robust deviations of a single row")
    persist: int = threshold(2, "evaluations in a row, 16 rows apart, that must agree")
    grave: float = threshold(1.0, "rise from which it is critical at once, as a fraction")
    long: int = threshold(8, "evaluations in a row from which it is critical")
    waves: float = threshold(2.0, "multiple of the second highest rise so far that was lost again")

    _windows: Windows = field(default_factory=lambda: Windows(32, _HOP), init=False, repr=False)
    _grad: Recent = field(default_factory=Recent, init=False, repr=False)
    _rate: Recent = field(default_factory=Recent, init=False, repr=False)
    _best: _Best = field(default_factory=_Best, init=False, repr=False)
    _waves: Waves = field(default_factory=Waves, init=False, repr=False)
    _rise: _Rise | None = field(default=None, init=False, repr=False)
    _newest: Floats = field(default_factory=lambda: np.empty((2, 0)), init=False, repr=False)
    """Step and level of the newest points, shape (2, n)."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it says beside the loss."""
        self._grad.push(block.samples.get(GRAD_NORM))
        self._rate.push(block.samples.get(LEARNING_RATE))
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin anew."""
        self._windows, self._best, self._waves = Windows(32, _HOP), _Best(), Waves()
        self._newest = np.empty((2, 0))
        return [self._clear(where)] if self._rise else []

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._windows.rows
        ends, windows = self._windows.add(np.log(rows.value))
        if not len(ends):
            return []
        points = ends - start - 1
        """The row in `rows` that completed each window."""
        level = median(np.sort(windows[:, -_SMOOTH:], axis=1))
        noise = swing(windows)
        sigma = np.maximum(deviation(windows), noise)
        height = self._waves.add(level)
        newest = np.hstack([self._newest, [rows.step[points], level]])
        known = newest.shape[1] - len(points)
        self._newest = newest[:, -_KEPT:]
        found: list[Finding] = []
        at = 0
        while at < len(points):
            row = int(points[at])
            if self._rise is not None:
                found += self._follow(self._rise, float(level[at]), place(rows, row))
            else:
                ahead = slice(at, None)
                least = self._least(noise[ahead], height[ahead])
                stop = self._search(rows, points[ahead], level[ahead], least, sigma[ahead])
                if stop is None:
                    break
                at += stop
                margin = max(float(least[stop]), self.z * self._best.sigma)
                until = newest[:, max(0, known + at - _KEPT) : known + at]
                found += self._open(rows, int(points[at]), float(level[at]), margin, until)
            at += 1
        return found

    def _search(
        self, rows: Samples, points: NDArray[np.int64], level: Floats, least: Floats, sigma: Floats
    ) -> int | None:
        """Return the first point that is too high for the best before it, and move the best up to there."""
        number = np.arange(len(level))
        lowest = np.minimum.accumulate(np.append(self._best.level, level))
        holder = np.maximum.accumulate(np.where(level < lowest[:-1], number, -1))
        before = np.append(-1, holder[:-1])
        sigma_best = np.where(before >= 0, sigma[before], self._best.sigma)
        over = np.flatnonzero(level - lowest[:-1] > np.maximum(least, self.z * sigma_best))
        stop = int(over[0]) if len(over) else None
        best = int(holder[-1]) if stop is None else int(before[stop])
        if best >= 0:
            self._best = _Best(float(level[best]), float(sigma[best]), place(rows, int(points[best])))
        return stop

    def _least(self, noise: Floats, height: Floats) -> Floats:
        """Return by how much (n,) ln(loss) must have risen at each point, whatever the noise at the best."""
        return np.maximum(log(1 + self.rise), np.maximum(self.z * noise, self.waves * height))

    def _open(self, rows: Samples, row: int, level: float, margin: float, until: Floats) -> list[Finding]:
        offset = float(rows.offset[row])
        jump = lr_jump(self._rate, offset)
        cause = surge(self._grad, GRAD_NORM, offset)
        if jump > 1.5:
            if level - self._best.level <= 2 * margin:
                return []
            cause = cause or f"the learning rate had risen {jump:.1f}x within 100 rows"
        sound = until[0, until[1] <= self._best.level + margin / 2]
        step = self._best.where and self._best.where.step
        step = int(sound[-1]) if len(sound) and np.isfinite(sound[-1]) else step
        self._rise = _Rise(place(rows, row), cause, level, margin, step)
        if self.persist <= 1:
            return [self._fire(self._rise, level)]
        return [self._finding(self._rise, Verdict.PENDING, level)]

    def _follow(self, rise: _Rise, level: float, here: Place) -> list[Finding]:
        excess = level - self._best.level
        rise.over = rise.over + 1 if excess > rise.margin else 0
        rise.under = rise.under + 1 if excess < rise.margin / 2 else 0
        if (not rise.firing and not rise.over) or rise.under >= self.persist:
            return [self._clear(here)]
        grave = excess > log(1 + self.grave) or rise.over >= self.long
        if not rise.firing:
            told = rise.over >= self.persist
        else:
            told = level > rise.level + rise.margin or (grave and rise.firing is not Severity.CRITICAL)
        return [self._fire(rise, level, grave=grave)] if told else []

    def _fire(self, rise: _Rise, level: float, *, grave: bool = False) -> Finding:
        rise.level = level
        if rise.firing is not Severity.CRITICAL:
            rise.firing = Severity.CRITICAL if grave else Severity.WARNING
        return self._finding(rise, Verdict.FIRING, level)

    def _clear(self, here: Place) -> Finding:
        rise, self._rise = self._rise, None
        severity = (rise and rise.firing) or Severity.WARNING
        return self.say(Verdict.CLEAR, severity, f"{label(LOSS)} is back near its best", here, metric=LOSS)

    def _finding(self, rise: _Rise, verdict: Verdict, level: float) -> Finding:
        height = grow(level - self._best.level) - 1
        best = self._best
        return self.say(
            verdict,
            rise.firing or Severity.WARNING,
            f"{label(LOSS)} is {height:.0%} above its best of {grow(best.level):.4g} at {best.where}",
            rise.where,
            metric=LOSS,
            cause=rise.cause,
            advice=_ADVICE,
            evidence={
                "best": grow(best.level),
                "best_step": best.where and best.where.step,
                "now": grow(level),
                "rise": height,
                "sound_step": rise.sound,
            },
        )


_ADVICE = "Go back to a checkpoint near the best; lower the learning rate or skip the batches since."
