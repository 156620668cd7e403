"""A policy moves away much faster than it did: its divergence (KL) is many times the usual.

Reason: one update that goes too far breaks a policy, and the reward follows some steps
later; a policy that runs away from its reference is often exploiting the reward model.
Formula: the median of the last 16 rows is above `times` the median of the 64 rows before
them and above `least`, at `persist` such points in a row, 8 rows apart. From the first
rows on where three in a row are above `absurd` and as many times their median so far, which is
critical above a million: that is no policy any more. Else a warning, or a
note while a reward is above what it was in those 64 rows by two standard errors. Ends
below the root of `times` of that level, or after 512 rows.

Example: 'train/approx_kl is 0.31, 28x its usual 0.011'.

What to do: read some samples: if they have become nonsense or exploit the reward, go
back and raise the KL penalty or lower the rate.

Traps: divergence from a reference begins at zero and grows by itself, so the first
`warmup` rows are not judged; estimators of it have fat tails, of which a median of 16
knows nothing; auto-encoders and distillation print a KL as well, but no reward.

Sources: Schulman et al. 2017, whose adaptive penalty takes 1.5 times the target for too
far; Schulman 2020 on estimators of KL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, place, threshold
from runwatch.alerts.rules.baseline import Windows, median, middle
from runwatch.alerts.rules.common.rewards import Rewards
from runwatch.alerts.rules.common.roles import KL, cast
from runwatch.alerts.rules.metric_rule import SeriesRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import label

_NOW, _BEFORE, _HOP = 16, 64, 8
_FEW = 8
"""First rows that show what is usual while little is known."""
_SURE = 3
_OVERFLOW = 1e6


@dataclass
class _Shift:
    """What is known of one series."""

    windows: Windows = field(default_factory=lambda: Windows(_NOW + _BEFORE, _HOP))
    over: int = 0
    since: Place = NOWHERE
    usual: float = 0.0
    fired: int = 0
    """Row at which it fired."""
    firing: Severity | None = None
    first: list[float] = field(default_factory=list)
    """The first rows."""
    absurd: int = 0
    """Rows in a row that are absurd."""


@dataclass
class PolicyShift(SeriesRule):
    """Fires when a policy's divergence jumps and stays up."""

    most: ClassVar[int] = 8
    name: ClassVar[str] = "policy_shift"
    summary: ClassVar[str] = "The divergence (KL) of a policy is many times the usual."

    times: float = threshold(10.0, "times the usual divergence")
    least: float = threshold(0.1, "divergence below which nothing is said")
    persist: int = threshold(2, "evaluations in a row, 8 rows apart, that must agree")
    warmup: int = threshold(128, "rows after a start that are not judged")
    absurd: float = threshold(1000.0, "divergence, and times the usual, that no policy survives")
    settle: ClassVar[int] = 512
    """Rows after which a new level counts as usual."""

    _rewards: Rewards = field(default_factory=Rewards, init=False, repr=False)
    _shifts: dict[str, _Shift] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the divergences of a block."""
        self._rewards.push(block)
        return self.judge_each({part.metric: part.samples for part in cast(block.samples, KL)}, block)

    def restart(self, metric: str, rows: Samples) -> list[Finding]:
        """Begin again with a divergence."""
        before = self._shifts.pop(metric, None)
        if before is None or before.firing is None:
            return []
        return [self._clear(metric, before, place(rows, 0))]

    def walk(self, metric: str, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge the next rows of a divergence."""
        shift = self._shifts.setdefault(metric, _Shift())
        start = shift.windows.rows
        values = np.abs(rows.value)
        shift.first += values[: _FEW - len(shift.first)].tolist()
        absurd = bool(shift.absurd or values.max(initial=0.0) > self.absurd)
        ends, windows = shift.windows.add(values)
        if not absurd and not len(ends):
            return []
        usual = median(np.sort(windows[:, :_BEFORE], axis=1))
        now = median(np.sort(windows[:, _BEFORE:], axis=1))
        found: list[tuple[float, Finding]] = []
        over = now > np.maximum(self.times * usual, self.least)
        if not absurd and shift.firing is None and not shift.over and not over.any():
            return []
        done = 0
        for end, before, level, far in zip(
            ends.tolist(), usual.tolist(), now.tolist(), over.tolist(), strict=True
        ):
            row = end - start - 1
            if absurd:
                found += self._early(metric, shift, rows, start, range(done, row + 1))
                done = row + 1
            here, offset = place(rows, row), float(rows.offset[row])
            if shift.firing is not None:
                low = level < max(self.times**0.5 * shift.usual, self.least)
                if low or end >= shift.fired + self.settle:
                    found.append((offset, self._clear(metric, shift, here)))
                continue
            if not far or end < self.warmup + _NOW:
                shift.over = 0
                continue
            shift.over += 1
            if shift.over == 1:
                shift.since, shift.usual = here, before
            if shift.over >= self.persist and self._rewards.known(offset):
                shift.fired = end
                severity = Severity.INFO if self._rewards.rises(offset) else Severity.WARNING
                found.append((offset, self._fire(metric, shift, severity, level, offset)))
        if absurd:
            found += self._early(metric, shift, rows, start, range(done, len(rows)))
        return found

    def _early(
        self, metric: str, shift: _Shift, rows: Samples, start: int, which: range
    ) -> list[tuple[float, Finding]]:
        """Judge some rows by absolute values, which needs no long past."""
        usual = middle(shift.first)
        found: list[tuple[float, Finding]] = []
        for row in which:
            value, offset = abs(float(rows.value[row])), float(rows.offset[row])
            absurd = start + row >= _FEW and value > max(self.absurd, self.absurd * usual)
            shift.absurd = shift.absurd + 1 if absurd else 0
            if shift.absurd == 1 and shift.firing is None:
                shift.since, shift.usual = place(rows, row), usual
            severity = Severity.CRITICAL if value > _OVERFLOW else Severity.WARNING
            known = not severity.exceeds(shift.firing)
            if shift.absurd < _SURE or known or not self._rewards.known(offset):
                continue
            shift.fired = start + row
            found.append((offset, self._fire(metric, shift, severity, value, offset)))
        return found

    def _fire(self, metric: str, shift: _Shift, severity: Severity, level: float, offset: float) -> Finding:
        shift.firing = severity
        times = f"{level / shift.usual:,.0f}x its usual {shift.usual:.3g}" if shift.usual > 0 else "usually 0"
        if level > _OVERFLOW * shift.usual > 0:
            times = f"overflowed: its usual was {shift.usual:.3g}"
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(metric)} is {level:.3g}, {times}",
            shift.since,
            metric=metric,
            advice="Lower the learning rate or the number of epochs per batch, or raise the penalty on KL.",
            evidence={"usual": shift.usual, "now": level, **self._rewards.words(offset)},
        )

    def _clear(self, metric: str, shift: _Shift, where: Place) -> Finding:
        shift.firing, shift.over = None, 0
        return self.clear(where, metric)
