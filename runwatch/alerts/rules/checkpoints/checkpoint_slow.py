"""Training makes no progress for longer than usual while checkpoints are saved.

Reason: storage that gets slow shows first where most is written; and a save that takes
minutes where it took seconds costs the run more than the checkpoint is worth.
Formula: a pause is the time between the training rows before and after a checkpoint,
less the usual time between rows. `persist` pauses in a row are above `times` what three
in four of those before them (3 or more) stayed below, and `least` seconds longer: a warning.
Ends with a pause below half of that.

Example: 'training waited 340 s for the last checkpoint, usually 45 s'.

What to do: look at the storage that it saves to (full, shared, a sick mount), or save
less often or asynchronously.

Traps: pauses are timed as the lines arrive, so that nothing is known of what was in the
log before; the first save makes directories and files, and counts for nothing; an
evaluation near a save is part of its pause, in all of them or in none. Saves that take no
time (in the background, of the weights alone) and complete ones may take turns: the longer ones
are as usual as the others, so that no median is asked for.

Source: none. CheckFreq (Mohan et al. 2021) measures what saving costs in the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import RunRule, place, threshold
from runwatch.alerts.rules.common.pace import Pace
from runwatch.core.block import Block
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render.numbers import duration

_FEW = 3
"""Rows of a block between which a save is still to be seen in when it arrived."""


@dataclass
class CheckpointSlow(RunRule):
    """Fires when saving stalls the run for longer than it did."""

    name: ClassVar[str] = "checkpoint_slow"
    summary: ClassVar[str] = "Saving checkpoints stalls the run for much longer than it did."

    times: float = threshold(3.0, "multiple of the usual pause")
    least: float = threshold(30.0, "seconds by which a pause must be longer than usual")
    known: ClassVar[int] = 3
    """Pauses that must be known."""
    persist: int = threshold(2, "pauses in a row that must be so long")

    _pauses: deque[float] = field(default_factory=lambda: deque(maxlen=32), init=False, repr=False)
    """Usual ones, seconds, oldest first."""
    _first: bool = field(default=True, init=False, repr=False)
    _pace: Pace = field(default_factory=Pace, init=False, repr=False)
    _moved: tuple[float, float] | None = field(default=None, init=False, repr=False)
    """(offset of the newest training row, Unix time of its arrival); None if it was not watched."""
    _saved: float = field(default=-1.0, init=False, repr=False)
    """Offset of the newest line about a checkpoint."""
    _slow: int = field(default=0, init=False, repr=False)
    _firing: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Time the pause that ends with this block, if one does."""
        if block.rank is not None:
            return ()
        found: list[Finding] = []
        saves = [event.offset for event in block.events if event.kind == "checkpoint"]
        rows = block.progress
        if rows is not None and len(rows):
            last = rows.offset[-1 if len(rows) <= _FEW else 0]  # many rows hide a pause
            early = [offset for offset in saves if offset < last]
            saved = max([self._saved, *early])
            if block.restarts:
                self._moved = None
            if self._moved is not None and saved > self._moved[0] and block.live:
                # The row before the save may have been held back, and arrive with those behind it.
                pause = block.arrival - self._moved[1] - len(rows) * self._pace.median
                found += self._judge(max(0.0, pause), block)
            self._moved = (float(rows.offset[-1]), block.arrival) if block.live else None
        self._pace.push(block)
        self._saved = max([self._saved, *saves])
        return found

    def _judge(self, pause: float, block: Block) -> list[Finding]:
        if self._first:
            self._first = False
            return []
        usual = sorted(self._pauses)[3 * len(self._pauses) // 4] if len(self._pauses) >= self.known else None
        if usual is None or pause <= max(self.times * usual, usual + self.least):
            self._pauses.append(pause)
            self._slow = 0
            if usual is None or not self._firing or pause > max(self.times * usual, usual + self.least) / 2:
                return []
            return [self._say(Verdict.CLEAR, pause, usual, block)]
        self._slow += 1
        if self._firing or self._slow < self.persist:
            return []
        return [self._say(Verdict.FIRING, pause, usual, block)]

    def _say(self, verdict: Verdict, pause: float, usual: float, block: Block) -> Finding:
        assert block.progress is not None
        self._firing = verdict is Verdict.FIRING
        return self.say(
            verdict,
            Severity.WARNING,
            f"training waited {duration(pause)} for the last checkpoint, usually {duration(usual)}",
            place(block.progress, 0),
            advice="Look at the storage that checkpoints go to, or save in the background.",
            evidence={"pause_seconds": pause, "usual_seconds": usual},
        )
