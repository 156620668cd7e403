"""After a restart training continued from an old checkpoint, though newer ones had been saved.

Reason: a launcher that finds the wrong checkpoint does days of work again, and the log
looks as it did before.
Formula: the first step after a restart is below the newest but one of the checkpoints that
the log had shown. A warning if an error preceded the restart, else
a note: a person may have gone back on purpose. Ends when the highest step is passed.

Example: 'training continued from step 400, though checkpoint 800 was saved: 560 steps are
done again'.

What to do: if nobody meant it, stop now and resume from the newest checkpoint; see why
the launcher did not find it (its `latest` file, its directory).

Traps: the newest checkpoint may not have been written to its end, so the one before it
counts; what begins again at the first steps is another run; checkpoints whose steps are
counted otherwise than the rows are above all of them, and are left out.

Source: IDEFICS' logs and the notes on resuming in Bekman's Machine Learning Engineering.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import RunRule, place, threshold
from runwatch.alerts.rules.baseline import take
from runwatch.alerts.rules.common.beginning import continues
from runwatch.core.batch import CRASH_KINDS
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render import numbers

_KEPT = 64


@dataclass
class LostWork(RunRule):
    """Fires when a restart went back further than it had to."""

    name: ClassVar[str] = "lost_work"
    summary: ClassVar[str] = (
        "After a restart training continued from an old checkpoint, though newer ones exist."
    )

    least: float = threshold(10.0, "steps done again that are reported")

    _saved: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT), init=False, repr=False)
    """Steps of the newest checkpoints, as the log named them."""
    _begin: float = field(default=np.nan, init=False, repr=False)
    _highest: float = field(default=-np.inf, init=False, repr=False)
    _died: bool = field(default=False, init=False, repr=False)
    """Whether an error came since the newest row."""
    _seen: bool = field(default=False, init=False, repr=False)
    """Whether a process was seen to die since the newest restart: rows that it wrote may come later."""
    _until: float = field(default=np.inf, init=False, repr=False)
    """Step whose passing ends it; while it fires."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge where each restart of a block continued."""
        rows = block.progress
        found: list[Finding] = []
        edges = [-np.inf, *sorted(block.restarts), np.inf]
        for number, (low, high) in enumerate(pairwise(edges)):
            piece = _between(rows, low, high)
            if piece is not None and len(piece):
                found += self._restart(piece) if number else []
                found += self._go_on(piece)
            newest = float(piece.offset[-1]) if piece is not None and len(piece) else -np.inf
            for event in block.events:
                if low <= event.offset < high:
                    fatal = event.kind in CRASH_KINDS
                    self._died |= fatal and event.offset > newest
                    self._seen |= fatal and "pid" in event.data
                    if (
                        event.kind == "checkpoint"
                        and event.step is not None
                        and event.step not in self._saved
                    ):
                        self._saved.append(float(event.step))
        return found

    def _go_on(self, piece: Samples) -> list[Finding]:
        """Take the rows of one attempt."""
        self._begin = float(piece.value[0]) if np.isnan(self._begin) else self._begin
        self._highest = max(self._highest, float(piece.value.max()))
        self._died = False
        if self.firing is None or self._highest <= self._until:
            return []
        row = int(np.flatnonzero(piece.value > self._until)[0])
        return self.resolve(self, place(piece, row))

    def _restart(self, piece: Samples) -> list[Finding]:
        """Judge the first row after a restart."""
        step, highest = float(piece.value[0]), self._highest
        died, self._seen = self._died or self._seen, False
        known = sorted(saved for saved in self._saved if saved <= highest)
        self._saved = deque(
            (s for s in self._saved if s <= step or s > highest), maxlen=_KEPT
        )  # what it left
        if len(known) < 2 or not continues(step, self._begin, highest):
            return []
        lost = highest - step
        if step >= known[-2] or lost < self.least or self.firing is not None:
            return []
        self.firing, self._until = (Severity.WARNING if died else Severity.INFO), highest
        return [
            self.say(
                Verdict.FIRING,
                self.firing,
                f"training continued from step {numbers.step(step)}, though checkpoint "
                f"{numbers.step(known[-2])} was saved: {numbers.step(lost)} steps are done again",
                place(piece, 0),
                cause="the restart loaded an older checkpoint than it could have",
                advice="See which checkpoint the launcher takes for the latest, if that was not meant.",
                evidence={"step": step, "saved": known[-2], "highest_step": highest},
            )
        ]


def _between(rows: Samples | None, low: float, high: float) -> Samples | None:
    """Return the rows of an attempt that have their step."""
    if rows is None:
        return None
    if low > -np.inf or high < np.inf:
        rows = take(rows, (rows.offset >= low) & (rows.offset < high))
    known = np.isfinite(rows.value)
    return rows if known.all() else take(rows, known)
