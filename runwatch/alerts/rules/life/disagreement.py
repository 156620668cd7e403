"""Two sources of one run have other numbers for the same metric (a note).

Reason: a tracker that averages over ranks next to a log of one rank, a unit that was
mixed up, or the files of another run: often a bug worth knowing.
Formula: sources of a run are compared where they have the same metric at the same
steps; a difference beyond rounding at most of them makes the note, once per metric
and source, if it is at least `least`, relative. It does not end.

Example: 'loss is 2.31 in train.log and 2.35 in wandb/run-1'.

What to do: see which of the two numbers you meant; runwatch goes by the source that it
names first.

Traps: steps counted from 0 and from 1, and digits that were rounded away, are no
disagreement.

Source: none; no tool that we know compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, threshold
from runwatch.core.batch import Event
from runwatch.core.block import Block
from runwatch.core.findings import Finding, Severity, Verdict


@dataclass
class Disagreement(RunRule):
    """Fires when two sources of a run contradict each other."""

    name: ClassVar[str] = "disagreement"
    summary: ClassVar[str] = "Two sources of the run have other numbers for one metric (a note)."

    least: float = threshold(0.001, "least relative difference that is reported")

    def judge(self, block: Block) -> Sequence[Finding]:
        """Turn events of sources that differ into notes."""
        return [
            self.say(
                Verdict.FIRING,
                Severity.INFO,
                event.title,
                Place(event.step, event.line),
                metric=event.data.get("metric"),
                cause="the sources average, scale or count differently, or are of different runs",
                advice="Trust neither before you know which is right.",
                evidence=dict(event.data),
            )
            for event in block.events
            if event.kind == "disagreement" and self._applies(event)
        ]

    def _applies(self, event: Event) -> bool:
        ours, theirs = (float(event.data.get(name, "nan")) for name in ("ours", "theirs"))
        return not abs(ours - theirs) < self.least * max(abs(ours), abs(theirs))
