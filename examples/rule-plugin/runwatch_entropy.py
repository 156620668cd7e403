"""The entropy of a policy has collapsed.

Reason: a policy that always does the same explores nothing, and learns nothing more.
Formula: the median of the last 64 values is below `part` of the median of the first 64.
Ends when it is above that again.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.alerts.rules.baseline import Windows
from runwatch.core.findings import Severity, Verdict


@dataclass
class EntropyCollapse(RunRule):
    """Fires when the policy's entropy is a small part of what it was."""

    name: ClassVar[str] = "entropy_collapse"
    summary: ClassVar[str] = "The entropy of the policy has collapsed."

    part: float = threshold(0.1, "part of the first entropies below which it has collapsed")

    # State: everything that is not a threshold. It is bounded, and each run has its own.
    _windows: Windows = field(default_factory=lambda: Windows(width=64, hop=16), init=False, repr=False)
    _first: float = field(default=np.nan, init=False, repr=False)
    _firing: bool = field(default=False, init=False, repr=False)

    def judge(self, block):
        """Return what new samples show; the same, however they were cut into blocks."""
        samples = block.samples.get("policy/entropy")
        if samples is None:
            return []
        found, seen = [], self._windows.rows
        ends, windows = self._windows.add(samples.value)  # the last 64 rows at every 16th row
        for end, now in zip(ends, np.median(windows, axis=1), strict=True):
            if np.isnan(self._first):
                self._first = now
            collapsed = bool(now < self.part * self._first)
            if collapsed is not self._firing:
                found.append(self._finding(collapsed, float(now), place(samples, end - seen - 1)))
        return found

    def _finding(self, collapsed: bool, now: float, where: Place):
        self._firing = collapsed
        if not collapsed:
            return self.clear(where, "policy/entropy")
        return self.say(
            Verdict.FIRING,
            Severity.WARNING,
            f"the entropy fell to {now:.3g} at {where}, from {self._first:.3g}",
            where,
            metric="policy/entropy",
            advice="Raise the entropy bonus, or lower the learning rate.",
        )
