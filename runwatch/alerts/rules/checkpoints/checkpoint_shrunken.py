"""The newest checkpoint is smaller than those before it.

Reason: a shard, the optimizer or half of the weights were not written, and every
file that is there looks sound.
Formula: the newest complete checkpoint is compared with the median size of the three
before it of the same kind and with as many ranks, if those are alike to within a
tenth. Below `part` of it: a warning; below `half`: critical. Ends with one that is as
large as usual; what is saved at the new size four times in a row is usual.

Example: 'checkpoint step_2000 has 48% of the usual size'.

What to do: compare its files with those of the one before: which is missing or shorter?
Keep the older ones until it is known.

Traps: the last one of a run may leave the optimizer out on purpose, so that it is
never critical once the run has finished; exports lie elsewhere or are of another
kind; weights saved in half the precision are a half, and no less.

Source: the usual practice of comparing a backup with the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, last_place, threshold
from runwatch.core.block import Status
from runwatch.core.findings import Finding, Severity, Verdict


@dataclass
class CheckpointShrunken(RunRule):
    """Fires when a checkpoint is smaller than usual."""

    name: ClassVar[str] = "checkpoint_shrunken"
    summary: ClassVar[str] = "The newest checkpoint is much smaller than those before it."
    needs_log: ClassVar[bool] = False

    part: float = threshold(0.9, "part of the usual size below which it is a warning")
    half: float = threshold(0.5, "part of the usual size below which it is critical")

    _reported: str = field(default="", init=False, repr=False)
    """Id of the newest complete checkpoint when it was judged last."""

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge the size of the newest complete checkpoint."""
        seen = status.checkpoints
        if seen is None or seen.size_ratio is None or seen.last_good is None:
            return ()
        small, newest = seen.size_ratio, seen.last_good
        if small >= self.part:
            return self._end(status)
        if self._reported == newest.id:
            return ()
        self._reported = newest.id
        grave = small < self.half and not status.finished
        severity = self.firing = Severity.CRITICAL if grave else Severity.WARNING
        name = newest.path.rpartition("/")[2] or newest.path
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"checkpoint {name} has {small:.0%} of the usual size",
                Place(newest.step, None),
                cause="something that used to be saved was not",
                advice="Load it before you rely on it; compare its files with those of the one before.",
                evidence={"path": newest.path, "bytes": newest.bytes, "part": small, "files": newest.files},
            )
        ]

    def _end(self, status: Status) -> list[Finding]:
        self._reported = ""
        return self.resolve(self, last_place(status))
