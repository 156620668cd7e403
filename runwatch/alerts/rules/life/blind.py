"""The run cannot be seen: its log cannot be read, or is no longer understood.

Reason: what cannot be read is neither well nor ill. A run that hangs, diverges or crashes
behind a log that nobody reads looks like one that trains.
Formula: the source whose records are the run's steps cannot be read for `grace` seconds:
it may not be opened, it is gone, its file system or its server does not answer, or the
process that reads it does not. Or the log grows and is not understood any more: below its
newest record are 100 lines that look like records of training (a counter, a loss and its
number) and gave none. Meanwhile the run's state is `blind`, no ETA is shown, and rules that
judge time by the log (hang, ended, deadline, silent_rank and others) wait; the time
without sight does not count as silence. Resolved when the log is read again.

Example: 'cannot read /runs/a/train.log: Permission denied'.

What to do: what the finding says; `runwatch doctor PATH` shows more.

Traps: a run that had finished or crashed stays so, and nothing is said when its log is
deleted. A deleted log that its writer still holds open is read on. Where one rank's log of
several cannot be read, and not that which leads, the run is not blind: that is a notice, and
rules that compare ranks wait. A layout that changes from or to bare columns (CSV) is not
recognized as changed.

Source: none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import RunRule, last_place, threshold
from runwatch.core.block import Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.readability import GRACE


@dataclass
class Blind(RunRule):
    """Fires when nothing can be known of the run."""

    name: ClassVar[str] = "blind"
    summary: ClassVar[str] = "The log cannot be read, or is no longer understood."
    needs_log: ClassVar[bool] = False

    grace: float = threshold(GRACE, "seconds without sight before it is reported")

    _says: str = field(default="", init=False, repr=False)
    """What was said, while it is so."""

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge for how long nothing was seen."""
        lost, here = status.blind, last_place(status)
        if lost is None:
            said, self._says = self._says, ""
            return [self.clear(here)] if said else ()
        if lost.says == self._says or (status.live and status.now - lost.since < self.grace):
            return ()
        self._says = lost.says
        return [
            self.say(
                Verdict.FIRING,
                Severity.WARNING,
                lost.says,
                here,
                cause="What happens in the run meanwhile is not known.",
                advice=f"{lost.advice[:1].upper()}{lost.advice[1:]}",
                evidence={"unseen_since": lost.since or None},
            )
        ]
