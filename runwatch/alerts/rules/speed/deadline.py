"""At its present pace the run will not end in time.

Reason: a job that its time limit kills an hour before the end could have been
given more time, or fewer steps, days before.
Formula: now + the estimated time left is later than the deadline by `slack` of
the time left, and has been for `seconds`, in which the lateness has not shrunk by a
fifth. A warning; critical when the deadline
is less than `near` away. Ends when the estimate is before the deadline again.

Example: 'it will end 2h 00m after its deadline, at the present pace'.

What to do: ask for more time, or see to it that a checkpoint is saved before the limit.

Traps: estimates of a run that has only begun are poor, so nothing is said in
the first 2 % of it, nor while they get better: a first step that compiles
doubles an estimate of few steps, and weighs less with every step; pauses shift
the estimate for a while.

Source: none; the estimate is the run's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import RunRule, last_place, threshold
from runwatch.core.block import Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render.numbers import duration


@dataclass
class Deadline(RunRule):
    """Fires when the run will be late for its deadline."""

    name: ClassVar[str] = "deadline"
    summary: ClassVar[str] = "At its present pace the run will not end before its deadline."

    slack: float = threshold(0.02, "lateness that does not matter, as a fraction of the time left")
    seconds: float = threshold(300.0, "seconds for which the estimate must be late")
    near: float = threshold(3600.0, "seconds before the deadline from which it is critical")
    begun: ClassVar[float] = 0.02
    """Progress before which no estimate is believed."""

    _since: tuple[float, float] | None = field(default=None, init=False, repr=False)
    """Since when it is late, and how late it was then."""

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare the estimated end with the deadline."""
        if status.deadline is None or status.finished or not status.live:
            return self._end(status)
        if status.eta is None or status.fraction is None or status.fraction < self.begun:
            return ()
        late = status.now + status.eta - status.deadline
        if late <= self.slack * status.eta:
            self._since = None
            return self._end(status) if late <= 0 else ()
        if self._since is None or late < 0.8 * self._since[1]:
            self._since = status.now, late
        if status.now - self._since[0] < self.seconds:
            return ()
        severity = Severity.CRITICAL if status.deadline - status.now < self.near else Severity.WARNING
        if not severity.exceeds(self.firing):
            return ()
        self.firing = severity
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"it will end {duration(late)} after its deadline, at the present pace",
                last_place(status),
                advice="Ask for more time, plan fewer steps, or see that a checkpoint is saved before it.",
                evidence={"late_seconds": late, "eta_seconds": status.eta, "deadline": status.deadline},
            )
        ]

    def _end(self, status: Status) -> Sequence[Finding]:
        self._since = None
        return self.resolve(self, last_place(status))
