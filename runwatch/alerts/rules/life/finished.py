"""The run has ended, as planned or before.

Reason: somebody waits for it, and a machine that is idle costs money.
Formula: the log says that training is complete, or the last step has been
reached and the log is silent. Said once, while the run is watched live, as a
note; it ends when training continues.

Example: 'finished at step 5,000 of 5,000'.

What to do: nothing; free the machine.

Traps: a run that stops early by its own word is finished too, and the note says
how far it came.

Source: none; it is what people wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import RunRule, last_place
from runwatch.core.block import Block, Status
from runwatch.core.ending import finished
from runwatch.core.findings import Finding, Severity, Verdict


@dataclass
class Finished(RunRule):
    """Notes the end of a run."""

    name: ClassVar[str] = "finished"
    summary: ClassVar[str] = "The run has ended (a note)."

    _open: bool = field(default=False, init=False, repr=False)
    _watched: bool = field(default=False, init=False, repr=False)
    """Whether training was seen to move, live."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Note whether training moves."""
        self._watched |= block.live and block.progress is not None
        return ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Say once that it has ended; rows that another file brings late do not change that."""
        if self._open and not status.finished:
            self._open = False
            return [self.clear(last_place(status))]
        if not status.finished or not status.live or self._open or not self._watched:
            return ()
        self._open = True
        title = finished(status.last_step, status.total, early=status.stopped_early)
        return [self.say(Verdict.FIRING, Severity.INFO, title, last_place(status))]
