"""The checkpoints that are still to come will not fit on their disk.

Reason: a full disk kills the run while it saves, so that the newest checkpoint is
lost with it.
Formula: the free space holds so many more of the usual size. The next does not fit:
critical. Not all that are due until the end fit, by steps and by the estimated time,
or, where neither is known, not the next `ahead`: a warning. Ends when all of that
fits, and one more.

Example: 'the disk has space for 3 of the 20 checkpoints that are to come'.

What to do: delete old checkpoints or others' files there, or keep fewer, before the
next one is due.

Traps: runs that delete old ones as new ones come, or whose first ones are gone, need
room for one alone, and may delete first, so that it is a warning there; the space of
now says nothing about a run whose log was last written more than an hour ago.

Source: netdata's rule of time to a full disk, in checkpoints instead of hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from runwatch.alerts.rules.base import RunRule, last_place, threshold
from runwatch.core.block import Status
from runwatch.core.checkpoint import Summary
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render.numbers import brief

_OF_NOW = 3600.0
"""Seconds since the log was written after which the run is taken to be over."""


@dataclass
class CheckpointSpace(RunRule):
    """Fires when the disk is full before the run ends."""

    name: ClassVar[str] = "checkpoint_space"
    summary: ClassVar[str] = "The disk will be full of checkpoints before the run ends."

    ahead: int = threshold(2, "checkpoints that must fit where the end of the run is not known")

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare the room with what is still to come."""
        seen = status.checkpoints
        if seen is None or seen.room is None or seen.present < 2 or seen.gaps < 1:
            return ()
        over = status.finished or status.log_silent_for > _OF_NOW
        due = 1 if seen.rotates else self._due(seen, status)
        short = not over and seen.room < due
        if not short:
            return self.resolve(self, last_place(status)) if over or seen.room > due else ()
        severity = Severity.CRITICAL if seen.room < 1 and not seen.rotates else Severity.WARNING
        if not severity.exceeds(self.firing):
            return ()
        self.firing = severity
        return [self._finding(seen, due, severity, status)]

    def _due(self, seen: Summary, status: Status) -> int:
        """Return how many checkpoints must still fit: all until the end, or the next few."""
        newest, known = seen.newest, []
        if newest is not None and newest.step is not None and status.total and seen.interval:
            known.append((status.total - newest.step) / seen.interval)
        if newest is not None and newest.written and status.eta is not None and seen.interval_seconds:
            known.append((status.now + status.eta - newest.written) / seen.interval_seconds)
        return max(0, math.floor(min(known) + 1e-9)) if known else self.ahead

    def _finding(self, seen: Summary, due: int, severity: Severity, status: Status) -> Finding:
        title = f"the disk has space for {seen.room} of the {due} checkpoints that are to come"
        if not seen.room:
            title = "the next checkpoint does not fit on the disk"
        when = None if seen.full_time is None else seen.full_time - status.now
        soon = f"; it is full in {brief(when)}" if seen.room and when is not None and when > 0 else ""
        return self.say(
            Verdict.FIRING,
            severity,
            title + soon,
            last_place(status),
            cause="checkpoints fill the disk",
            advice="Delete old checkpoints, keep fewer, or save elsewhere.",
            evidence={"room": seen.room, "due": due, "usual_bytes": seen.usual_bytes, "full_in": when},
        )
