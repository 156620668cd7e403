"""A checkpoint is damaged or incomplete, and nobody is writing it any more.

Reason: a broken checkpoint is found on the day it is needed; then the run goes
on from an older one, or from nothing.
Formula: a checkpoint whose files are damaged (truncated, empty, not
what its name says) or incomplete (a shard, index or rank is missing), once nothing
has changed in it for a while: a warning. Critical if it is the newest and no complete
one is at most `intervals` usual distances older. Ends when it is whole or gone.

Example: 'checkpoint step_2000 is damaged: model.safetensors is shorter than its header
says'.

What to do: do not delete the older ones. See why the write was cut short (full disk,
killed process); save again if the program can.

Traps: one that is still being written is neither; an older broken one is reported, as
somebody may load it, but costs nothing while newer ones are complete; copies such as
last.ckpt lead only where nothing else is there.

Source: our own; what makes a checkpoint complete is in watcher/layouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, last_place, threshold
from runwatch.core.block import Status
from runwatch.core.checkpoint import Checkpoint, Summary
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render import numbers


@dataclass
class CheckpointBroken(RunRule):
    """Fires when a checkpoint cannot be loaded."""

    name: ClassVar[str] = "checkpoint_broken"
    summary: ClassVar[str] = "A checkpoint is damaged or incomplete."
    needs_log: ClassVar[bool] = False

    intervals: float = threshold(2.0, "usual distances by which the last good one may be older")

    _reported: tuple[str, Severity] | None = field(default=None, init=False, repr=False)
    """Which checkpoint fires, and how gravely."""

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge the newest broken checkpoint."""
        seen = status.checkpoints
        broken = seen.broken if seen is not None else None
        if seen is None or broken is None:
            return self._end(status)
        severity = Severity.CRITICAL if self._costs(seen, broken) else Severity.WARNING
        if self._reported == (broken.id, severity):
            return ()
        # a more severe incident stays severe: a milder one begins again
        milder = self._reported is not None and severity.rank < self._reported[1].rank
        ended = self._end(status) if milder else []
        self._reported = broken.id, severity
        return [*ended, self._finding(seen, broken, severity)]

    def _costs(self, seen: Summary, broken: Checkpoint) -> bool:
        """Whether much is lost if the run dies now: this is the newest, and the last good one is old."""
        if seen.newest is None or seen.newest.id != broken.id:
            return False
        good = seen.last_good
        if good is None:
            return True
        if good.at is None or broken.at is None or not seen.interval:
            return False
        return broken.at - good.at > self.intervals * seen.interval

    def _finding(self, seen: Summary, broken: Checkpoint, severity: Severity) -> Finding:
        name = broken.path.rpartition("/")[2] or broken.path
        good = seen.last_good
        advice = "There is no complete one: save again, and check the disk."
        if good is not None and good.at is not None:
            complete = numbers.step(good.at)
            advice = f"The last complete one is {complete}; delete this one so that nothing resumes from it."
        return self.say(
            Verdict.FIRING,
            severity,
            f"checkpoint {name} is {broken.state.value}: {broken.reason or 'it cannot be loaded'}",
            Place(broken.step, None),
            cause="saving was cut off, or the disk was full" if good is not None else "",
            advice=advice,
            evidence={
                "path": broken.path,
                "state": broken.state.value,
                "missing": ", ".join(broken.missing[:4]),
                "last_checkpoint": good.at if good is not None else None,
            },
        )

    def _end(self, status: Status) -> list[Finding]:
        if self._reported is None:
            return []
        self._reported = None
        return [self.clear(last_place(status))]
