"""The gradient norm fell to nothing.

Reason: a detached graph, frozen parameters or steps that are all skipped leave
gradients of zero; the loss then stands still, and the log looks calm.
Formula: a norm of exactly 0 in `zeros` rows in a row after a median above 0.05:
critical. A norm below the rolling median by z robust deviations and by `factor`
in `rows` rows in a row: a warning. Ends when it is above half of that median
for as many rows, or after 512 rows, when the new level is the usual one.

Example: 'grad norm is exactly 0 since step 77': the graph was cut by a detach.

What to do: at zero, stop: nothing is learned. Look for a detached graph, frozen
parameters, or steps that are all skipped.

Traps: norms that are 0 from the first row were never computed; small norms
print as 0.000, so the median must be well above the last digit; norms fall by
themselves in the first rows (`warmup`).

Source: issues in which frozen or detached parameters printed a norm of 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, grow, take
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, label

_TINY = -60.0
"""ln of what stands for zero."""


@dataclass
class _Low:
    """Rows far below the usual level."""

    where: Place
    level: float
    """ln of the usual norm before."""
    rows: int = 0
    low: int = 0
    """Of them, the newest in a row that are low."""
    zero: int = 0
    back: int = 0
    firing: Severity | None = None


@dataclass
class GradVanish(MetricRule, RankRule):
    """Fires when the gradient norm is far below its usual level, or zero."""

    name: ClassVar[str] = "grad_vanish"
    about = GRAD_NORM
    summary: ClassVar[str] = "The gradient norm fell to zero, or far below its usual level."

    z: float = threshold(8.0, "robust deviations below the rolling median")
    factor: float = threshold(20.0, "times below the rolling median")
    rows: int = threshold(10, "rows in a row below it that are a warning")
    zeros: int = threshold(3, "rows in a row of exactly zero that are critical")
    settle: ClassVar[int] = 512
    """Rows after which a new level counts as usual."""
    warmup: int = threshold(100, "first rows of a run, which are not judged")

    _baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.05), init=False, repr=False)
    _low: _Low | None = field(default=None, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin anew."""
        self._baseline = Baseline(floor=0.05)
        return self._end(self._low, where) if self._low else []

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        keep = np.isfinite(rows.value) & (rows.value >= 0)
        rows = rows if keep.all() else take(rows, keep)
        start = self._baseline.rows
        y = np.where(rows.value > 0, np.log(rows.value), _TINY)
        usual, sigma = self._baseline.judge(y)
        below = usual - y > np.maximum(self.z * sigma, log(self.factor))
        below &= (rows.value > 0) | (usual > log(0.05))
        below &= usual > _TINY / 2
        below[: max(0, self.warmup - start)] = False
        candidates = np.flatnonzero(below)
        found: list[Finding] = []
        row = 0
        while row < len(rows):
            if self._low is None:
                ahead = candidates[np.searchsorted(candidates, row) :]
                if not len(ahead):
                    break
                row = int(ahead[0])
                self._low = _Low(place(rows, row), float(usual[row]))
            found += self._follow(self._low, y, rows, row)
            row += 1
        return found

    def _follow(self, low: _Low, y: Floats, rows: Samples, row: int) -> list[Finding]:
        height = float(y[row]) - low.level
        low.rows += 1
        low.low = low.low + 1 if height < -log(self.factor) else 0
        low.zero = low.zero + 1 if rows.value[row] == 0 else 0
        low.back = low.back + 1 if height > -log(2) else 0
        if (not low.firing and not low.low) or low.back >= self.rows or low.rows >= self.settle:
            return self._end(low, place(rows, row))
        severity = low.firing
        if low.zero >= self.zeros:
            severity = Severity.CRITICAL
        elif low.low >= self.rows:
            severity = low.firing or Severity.WARNING
        if severity is None or severity is low.firing:
            return []
        low.firing = severity
        usual = grow(low.level)
        zero = severity is Severity.CRITICAL
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
        if low.firing is None:
            return []
        return [
            self.say(Verdict.CLEAR, low.firing, f"{label(GRAD_NORM)} is usual again", where, metric=GRAD_NORM)
        ]
