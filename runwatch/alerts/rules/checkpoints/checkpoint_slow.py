"""Training makes no progress for longer than usual while checkpoints are saved.

Reason: storage that gets slow shows first where most is written; and a save that takes
minutes where it took seconds costs the run more than the checkpoint is worth.
Formula: a pause is the time between the training rows before and after a checkpoint,
less the usual time between rows. `persist` pauses in a row are above `times` what three
in four of those before them (3 or more) stayed below, and `least` seconds longer: a warning.
So is one that continues since a save (the newest line is of one, or files of a checkpoint were
written) in the middle of a run, `persist` times as long as that; where no usual pause is known, from
`unknown` seconds on.
Ends with a pause below half of that.

Example: 'training waited 340 s for the last checkpoint, usually 45 s'.

What to do: look at the storage that it saves to (full, shared, a sick mount), or save
less often or asynchronously.

Traps: pauses are timed as the lines arrive, so that nothing is known of what was in the
log before; of many rows that arrive at once only the time of all is known, which no pause among them
exceeds; the first save makes directories and files, and counts for nothing; an evaluation near a save
is part of its pause, in all of them or in none. Saves that take no time (in the background, of the
weights alone) and complete ones may take turns: the longer ones are as usual as the others, so that no
median is asked for.

Source: none. CheckFreq (Mohan et al. 2021) measures what saving costs in the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, last_place, place, threshold
from runwatch.alerts.rules.common.lastwords import LastWords
from runwatch.alerts.rules.common.pace import Pace
from runwatch.alerts.rules.common.saving import saving_since_training
from runwatch.core.block import Block, Status
from runwatch.core.checkpoint import State
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render.numbers import duration

_PHASES = frozenset({"training", "checkpointing"})
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
    unknown: float = threshold(600.0, "seconds that a save may take while no usual pause is known")

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
    _words: LastWords = field(default_factory=LastWords, init=False, repr=False)
    _waits: bool = field(default=False, init=False, repr=False)
    """Whether what fires is a pause that is not over."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Time the pause that ends with this block, if one does."""
        self._words.push(block)
        if block.rank is not None:
            return ()
        found: list[Finding] = []
        saves = [event.offset for event in block.events if event.kind == "checkpoint"]
        rows = block.progress
        if rows is not None:
            last = rows.offset[-1 if len(rows) <= _FEW else 0]  # many rows hide a pause
            early = [offset for offset in saves if offset < last]
            saved, hidden = max([self._saved, *early]), any(last < at < rows.offset[-1] for at in saves)
            waited, self._waits = self._waits, False
            if block.restarts:
                self._moved = None
            if self._moved is not None and block.live and (saved > self._moved[0] or hidden):
                # The row before the save may have been held back, and arrive with those behind it.
                pause = max(0.0, block.arrival - self._moved[1] - len(rows) * self._pace.median)
                # A hidden pause is no longer than that.
                if saved > self._moved[0] or not self._is_long(pause):
                    found += self._judge(pause, place(rows, 0))
            elif waited:  # only files said that it saves
                self._firing = False
                found.append(self.clear(place(rows, 0)))
            self._moved = (float(rows.offset[-1]), block.arrival) if block.live else None
        self._pace.push(block)
        self._saved = max([self._saved, *saves])
        return found

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge the pause that is not over."""
        if self._firing or not self._saves(status):
            return ()
        pause, usual = max(0.0, status.silent_for - self._pace.median), self._usual
        limit = self.unknown if usual is None else self.persist * self._longest(usual)
        if pause <= limit:
            return ()
        self._waits = True
        return [self._fire(pause, usual, last_place(status))]

    def _saves(self, status: Status) -> bool:
        """Whether training waits for a save: at its end, and in an evaluation, it waits for other work."""
        ended = status.machine is not None and status.machine.ended is not None
        if ended or status.finished or not status.live or self._words.fatal or status.phase not in _PHASES:
            return False
        if saving_since_training(status) is None:
            return False
        newest = status.checkpoints.newest if status.checkpoints is not None else None
        written = newest is not None and newest.state is State.WRITING
        return written or (status.fraction is not None and status.fraction < 1.0)

    @property
    def _usual(self) -> float | None:
        """What three in four pauses stayed below; None while too few are known."""
        if len(self._pauses) < self.known:
            return None
        return sorted(self._pauses)[3 * len(self._pauses) // 4]

    def _longest(self, usual: float) -> float:
        """Return the longest pause that is no stall."""
        return max(self.times * usual, usual + self.least)

    def _is_long(self, pause: float) -> bool:
        usual = self._usual
        return usual is not None and pause > self._longest(usual)

    def _judge(self, pause: float, here: Place) -> list[Finding]:
        if self._first:
            self._first = False
            return [self._clear(pause, None, here)] if self._firing else []
        usual = self._usual
        if not self._is_long(pause):
            self._pauses.append(pause)
            self._slow = 0
            near = usual is None or pause <= self._longest(usual) / 2
            return [self._clear(pause, usual, here)] if self._firing and near else []
        self._slow += 1
        if self._firing or self._slow < self.persist:
            return []
        return [self._fire(pause, usual, here)]

    def _clear(self, pause: float, usual: float | None, where: Place) -> Finding:
        self._firing = False
        return self.clear(where, evidence={"pause_seconds": pause, "usual_seconds": usual})

    def _fire(self, pause: float, usual: float | None, where: Place) -> Finding:
        self._firing = True
        waited = "has waited" if self._waits else "waited"
        than = "" if usual is None else f", usually {duration(usual)}"
        return self.say(
            Verdict.FIRING,
            Severity.WARNING,
            f"training {waited} {duration(pause)} for the last checkpoint{than}",
            where,
            advice="Look at the storage that checkpoints go to, or save in the background.",
            evidence={"pause_seconds": pause, "usual_seconds": usual},
        )
