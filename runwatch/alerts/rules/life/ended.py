"""The processes of the run have ended, and neither the log nor the kernel says that this was its end.

Reason: a run that a `max_time`, an early stop or an older kernel's kill ended in the
middle leaves a log that just stops; that is known at once, not after ten minutes of
silence.
Formula: every rank and main process that was linked to the log has ended, none has
come for `settle` seconds without a line. The log shows progress below
98 %, and there is no crash. A warning; a note if the run may have been complete: its length is unknown, and
it exited with 0, or is at a round step or at the end of an epoch, as finished runs
do. Ends when training moves again. A warning too if a log at rest ends where a thread of a tracker found
that the process it talks to had gone, with no record or bar behind it: what ended that process ended more.

Example: 'the run's processes ended at step 812 of 5,000; how is not known'.

What to do: see the scheduler's record, the exit code and dmesg; if it did not stop on
purpose, resume it.

Traps: an exit code that the kernel does not report (before Linux 6.15, of a process
that its parent has reaped) is unknown, not failed; programs that open the log for
each line are not linked, and not judged; a launcher may start the ranks again.

Source: none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, last_place, place, threshold
from runwatch.alerts.rules.common.lastwords import LastWords
from runwatch.alerts.rules.life.milestone import Milestone
from runwatch.core.batch import BAR, EVAL, RANK, TRAIN
from runwatch.core.block import Block, Moment, Status
from runwatch.core.ending import COMPLETE, End
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render import numbers


@dataclass
class Ended(RunRule):
    """Fires when a run's processes ended before the run did."""

    name: ClassVar[str] = "ended"
    summary: ClassVar[str] = "The run's processes ended though it was neither finished nor crashed."

    settle: float = threshold(10.0, "seconds without a process of the run")
    complete: ClassVar[float] = COMPLETE
    """Progress from which it has finished."""

    behind: ClassVar[float] = 2.0
    """Seconds by which rows come at most after the process has ended: a pipe may pass them on."""

    _words: LastWords = field(default_factory=LastWords, init=False, repr=False)
    _milestone: Milestone = field(default_factory=Milestone, init=False, repr=False)
    _gone: Moment | None = field(default=None, init=False, repr=False)
    """Where a tracker's process had gone, if nothing is behind it."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Progress shows that it continues."""
        self._milestone.push(block)
        self._words.push(block)
        progress = block.progress
        gone = [event.offset for event in block.events if event.kind == "tracker_gone"]
        self._gone = Moment.of(block, gone[-1]) if gone else self._gone
        newest = max(block.marks.get(kind, -1) for kind in (BAR, EVAL, RANK, TRAIN))
        if self._gone is not None and newest >= 0 and self._gone.precedes(block, newest):
            self._gone = None
        if progress is None or not block.live:
            return ()
        return self.resolve(self, place(progress, 0))

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge what is left of the run."""
        ended = None if status.machine is None else status.machine.ended
        here = last_place(status)
        if self._gone is not None and not (status.live or status.finished or self._words.fatal):
            return self._orphaned(status, here)
        if ended is None or status.finished or not status.live:
            return self.resolve(self, here)
        reported = ended.signal is not None or bool(ended.exit_code)
        whole = status.fraction is not None and status.fraction >= self.complete
        moves = (
            status.now - status.silent_for > ended.time + self.behind
        )  # another one trains, not linked yet
        quiet = min(status.now - ended.time, status.log_silent_for)  # others may write on
        due = not moves and quiet >= self.settle
        if self.firing or self._words.fatal or reported or whole or not due:
            return ()
        self.firing = Severity.INFO if self._may_be_complete(status, ended.exit_code) else Severity.WARNING
        how = "how is unknown" if ended.exit_code is None else "with exit code 0"
        at = "" if status.last_step is None else f" at {Place(status.last_step, None)}"
        of = "" if status.total is None or not at else f" of {numbers.step(status.total)}"
        return [
            self.say(
                Verdict.FIRING,
                self.firing,
                f"the run's processes ended{at}{of}{';' if ended.exit_code is None else ''} {how}",
                here,
                advice="If it did not stop on purpose, see the scheduler's record and dmesg.",
                evidence={
                    "ending": End.VANISHED.value,
                    "ended": ended.time,
                    "exit_code": ended.exit_code,
                    "progress": status.fraction,
                },
            )
        ]

    def _orphaned(self, status: Status, here: Place) -> Sequence[Finding]:
        """Judge a log that ends where a tracker's process had gone."""
        if self.firing or (status.fraction is not None and status.fraction >= self.complete):
            return ()
        self.firing = Severity.WARNING
        return [
            self.say(
                Verdict.FIRING,
                self.firing,
                "the log ends where the process of a tracker had gone",
                here,
                cause="what ended that process ended the run too, or its program waits for it",
                advice="See the scheduler's record and dmesg; resume the run if it did not stop on purpose.",
                evidence={"ending": End.VANISHED.value, "progress": status.fraction},
            )
        ]

    def _may_be_complete(self, status: Status, exit_code: int | None) -> bool:
        if status.fraction is not None:
            return False
        step = status.last_step
        return exit_code == 0 or step is None or self._milestone.at(step)
