"""The gradient norm fell to nothing.

Reason: a detached graph, frozen parameters or steps that are all skipped leave
gradients of zero; the loss then no longer falls, and the log looks calm.
Formula: a norm of exactly 0 in `zeros` rows in a row, and in four times as many as ever
before, after norms whose median is above 0.05: critical, from the first rows on; `rows` rows where rewards
are printed. A norm
below the rolling median by z robust deviations and by `factor` in `rows` rows in a row: a
warning. Ends when it is above half of that median for as many rows, or, unless it is 0,
after 512 rows, when the new level is the usual one.

Example: 'grad norm is exactly 0 since step 77': the graph was cut by a detach.

What to do: at zero, stop: nothing is learned. Look for a detached graph, frozen
parameters, or steps that are all skipped.

Traps: norms that are 0 from the first row were never computed; small norms
print as 0.000, so the median must be well above the last digit; where only each n-th row
updates the weights, the others print 0; a policy has no gradient where all answers of a group earn the
same; norms fall by themselves in the first rows
(`warmup`, or ten times as many steps).

Source: issues in which frozen or detached parameters printed a norm of 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, grow, middle, take
from runwatch.alerts.rules.common.rewards import Rewards
from runwatch.alerts.rules.common.warmup import WarmUp
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, label

_KNOWN = 3
"""Norms above zero that must have been seen before zeros mean anything."""
_REAL = 0.05
"""Median norm above which a zero is no rounding."""
_TINY = -60.0
"""ln of what counts as zero."""


@dataclass
class _Low:
    """Rows far below the usual level."""

    where: Place
    level: float
    """ln of the usual norm before."""
    rows: int = 0
    low: int = 0
    """Of them, the newest in a row that are low."""
    zero: bool = False
    """Whether the norm is zero, not merely low."""
    back: int = 0
    firing: Severity | None = None


@dataclass
class _Zeros:
    """Norms of exactly zero in a row."""

    rows: int = 0
    where: Place | None = None
    longest: int = 0
    """Most of them in a row that ended."""
    norms: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    """The newest norms above zero."""

    def pass_by(self, norms: Floats) -> None:
        """Take norms that are all above zero."""
        if len(norms):
            self.longest, self.rows = max(self.longest, self.rows), 0
            self.norms.extend(norms[-16:].tolist())

    def take(self, samples: Samples, row: int, least: int) -> bool:
        """Take a norm of zero; return whether the stretch is now as long as it takes to be sure."""
        self.rows += 1
        if self.rows == 1:
            self.where = place(samples, row)
        known = len(self.norms) >= _KNOWN and middle(self.norms) > _REAL
        return known and self.rows == max(least, 4 * self.longest + 1 if self.longest else least)


@dataclass
class GradVanish(MetricRule, RankRule):
    """Fires when the gradient norm is far below its usual level, or zero."""

    name: ClassVar[str] = "grad_vanish"
    about = GRAD_NORM
    summary: ClassVar[str] = "The gradient norm fell to zero, or far below its usual level."

    z: float = threshold(8.0, "robust deviations below the rolling median")
    factor: float = threshold(20.0, "times below the rolling median")
    rows: int = threshold(10, "rows in a row below it that are a warning")
    zeros: int = threshold(3, "rows in a row of exactly zero that are critical, where nothing is rewarded")
    settle: ClassVar[int] = 512
    """Rows after which a new level counts as usual."""
    warmup: int = threshold(100, "first rows of a run in which a low norm is not judged")

    _baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.05), init=False, repr=False)
    _warm: WarmUp = field(default_factory=WarmUp, init=False, repr=False)
    _zeros: _Zeros = field(default_factory=_Zeros, init=False, repr=False)
    _rewards: Rewards = field(default_factory=Rewards, init=False, repr=False)
    _low: _Low | None = field(default=None, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with the rewards it contains."""
        self._rewards.push(block)
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._baseline, self._warm, self._zeros = Baseline(floor=0.05), WarmUp(), _Zeros()
        return self._end(self._low, where) if self._low else []

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        keep = np.isfinite(rows.value) & (rows.value >= 0)
        rows = rows if keep.all() else take(rows, keep)
        y = np.where(rows.value > 0, np.log(rows.value), _TINY)
        usual, sigma = self._baseline.judge(y)
        below = usual - y > np.maximum(self.z * sigma, log(self.factor))
        below &= (rows.value > 0) & (usual > _TINY / 2) & self._warm.over(rows, self.warmup)
        dead = self._dead(rows)
        events = np.union1d(np.flatnonzero(below), np.array([*dead], np.int64))
        found: list[Finding] = []
        row = 0
        while row < len(rows):
            if self._low is None:
                ahead = events[np.searchsorted(events, row) :]
                if not len(ahead):
                    break
                row = int(ahead[0])
                self._low = _Low(place(rows, row), float(usual[row]))
            if row in dead:
                self._low.zero, self._low.where = True, dead[row][0]
                self._low.level = dead[row][1]
            found += self._follow(self._low, y, rows, row)
            row += 1
        return found

    def _dead(self, rows: Samples) -> dict[int, tuple[Place, float]]:
        """Return the rows at which norms are known to be zero -> where that began, and ln of the usual."""
        found: dict[int, tuple[Place, float]] = {}
        begin = 0
        for row in np.flatnonzero(rows.value == 0).tolist():
            self._zeros.pass_by(rows.value[begin:row])
            begin = row + 1
            least = self.rows if self._rewards.known(float(rows.offset[row])) else self.zeros
            if self._zeros.take(rows, row, least) and self._zeros.where:
                found[row] = (self._zeros.where, log(middle(self._zeros.norms)))
        self._zeros.pass_by(rows.value[begin:])
        return found

    def _follow(self, low: _Low, y: Floats, rows: Samples, row: int) -> list[Finding]:
        height = float(y[row]) - low.level
        low.rows += 1
        low.low = low.low + 1 if height < -log(self.factor) else 0
        low.back = low.back + 1 if height > -log(2) else 0
        settled = low.rows >= self.settle and not low.zero
        if (not low.firing and not low.low) or low.back >= self.rows or settled:
            return self._end(low, place(rows, row))
        severity = low.firing
        if low.zero:
            severity = Severity.CRITICAL
        elif low.low >= self.rows and rows.value[row] > 0:
            severity = low.firing or Severity.WARNING
        if severity is None or severity is low.firing:
            return []
        low.firing = severity
        usual = grow(low.level)
        zero = low.zero
        what = "is exactly 0" if zero else f"fell to 1/{grow(min(-height, 30)):.0f} of its median"
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(GRAD_NORM)} {what} since {low.where}",
                low.where,
                metric=GRAD_NORM,
                cause="no gradient reaches the weights" if zero else "",
                advice="Look for frozen parameters, a detached graph, skipped steps or masked labels.",
                evidence={"median": usual, "now": float(rows.value[row])},
            )
        ]

    def _end(self, low: _Low, where: Place) -> list[Finding]:
        self._low = None
        return [] if low.firing is None else [self.clear(where, GRAD_NORM)]
