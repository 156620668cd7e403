"""The run restarts again and again and gets nowhere.

Reason: a launcher that restarts a job keeps it looking alive for a whole night,
while it fails at the same step every time.
Formula: `starts` restarts in a row after each of which the highest step so far was
not passed by more than `gain` of the steps that were done again. Critical. A step
that goes back is a restart here only if an error or a line about resuming is
before it; without an error, only if it continues from the same step as the attempt before.
Ends when training has passed the highest step by as many steps as one attempt took.
Also `starts` launches in a row that failed before their first step, a warning where nothing
shows that they train; it ends with the next step.

Example: '4 restarts without getting past step 1,200'.

What to do: stop the job: it burns its time. Find what kills it at that step (bad data,
memory, a damaged checkpoint) in the first error of an attempt.

Traps: a run that is preempted restarts often and continues each time; counters that
begin again with each epoch or episode go back without any restart.

Source: stalled_progress of NVIDIA's resiliency extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.common.purpose import shows_training
from runwatch.alerts.rules.common.signatures import is_caught
from runwatch.core.batch import CRASH_KINDS
from runwatch.core.block import Block
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render import numbers

_JUDGED = CRASH_KINDS | {"facts", "launch", "resume"}
"""Kinds of events by which launches are counted, or that show what is launched."""


@dataclass
class RestartLoop(RankRule):
    """Fires when restarts bring no progress."""

    name: ClassVar[str] = "restart_loop"
    summary: ClassVar[str] = "The run restarts again and again without getting further."

    starts: int = threshold(3, "restarts in a row without progress")
    gain: float = threshold(0.5, "new steps that are progress, as a fraction of those that were done again")

    _highest: float = field(default=-np.inf, init=False, repr=False)
    _begin: float = field(default=np.nan, init=False, repr=False)
    """Step at which the present attempt began."""
    _record: float = field(default=-np.inf, init=False, repr=False)
    """Highest step before the present attempt."""
    _vain: int = field(default=0, init=False, repr=False)
    """Attempts in a row that brought no progress, before the present one."""
    _announced: set[str] = field(default_factory=set, init=False, repr=False)
    """Kinds of errors, and of lines about resuming, that came since training last moved."""
    _open: bool = field(default=False, init=False, repr=False)
    _trains: bool = field(default=False, init=False, repr=False)
    """Whether anything shows that it is a training."""
    _failed: bool = field(default=False, init=False, repr=False)
    """Whether an error came in the present launch, and no step."""
    _barren: int = field(default=0, init=False, repr=False)
    """Launches in a row that failed before their first step."""
    _barren_as: Severity | None = field(default=None, init=False, repr=False)
    """As what these are firing."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge how far each attempt came."""
        return [*self._launches(block), *self._attempts(block)]

    def _launches(self, block: Block) -> list[Finding]:
        """Count launches that fail before their first step."""
        moved = block.progress.offset if block.progress is not None else np.empty(0)
        found: list[Finding] = []
        at = 0
        events = (event for event in block.events if event.kind in _JUDGED)
        for event in sorted(events, key=lambda event: event.offset):
            upto = int(np.searchsorted(moved, event.offset))
            found += self._moved(block, at, upto)
            at = upto
            self._trains = self._trains or shows_training(event)
            if event.kind in CRASH_KINDS:
                self._failed |= not is_caught(event)
            if event.kind != "launch":
                continue
            self._barren, self._failed = self._barren + self._failed, False
            if self._barren == self.starts:
                found.append(self._vainly(Place(event.step, event.line)))
        return [*found, *self._moved(block, at, len(moved))]

    def _moved(self, block: Block, low: int, high: int) -> list[Finding]:
        """Take rows [low, high): a launch that trains is no failed one."""
        if block.progress is None or low >= high:
            return []
        fired, self._barren_as = self._barren_as, None
        self._barren, self._failed, self._trains = 0, False, True
        where = place(block.progress, low)
        return [] if fired is None else [self.clear(where)]

    def _vainly(self, where: Place) -> Finding:
        self._barren_as = Severity.CRITICAL if self._trains else Severity.WARNING
        return self.say(
            Verdict.FIRING,
            self._barren_as,
            f"{self._barren} launches in a row failed before their first step",
            where,
            advice="Stop the launcher; read the error of the newest launch.",
            evidence={"launches": self._barren},
        )

    def _attempts(self, block: Block) -> list[Finding]:
        """Judge how far each attempt that trained came."""
        rows = block.progress
        signs = [
            (event.offset, event.kind) for event in block.events if event.kind in CRASH_KINDS | {"resume"}
        ]
        if rows is None:
            self._announced |= {kind for _, kind in signs}
            return []
        cuts = np.searchsorted(rows.offset, np.sort(np.asarray(block.restarts, np.float64))).tolist()
        found: list[Finding] = []
        edges = [0, *cuts, len(rows)]
        for number, (low, high) in enumerate(pairwise(edges)):
            begin = float(rows.offset[cuts[number - 2]]) if number > 1 else -np.inf
            if number and low < len(rows):
                before = {kind for offset, kind in signs if begin <= offset < rows.offset[low]}
                before |= self._announced
                self._announced = set()
                if before:
                    failed = before != {"resume"}
                    found += self._restart(float(rows.step[low]), place(rows, low), failed)
                else:
                    self._vain, self._begin = 0, np.nan
            steps = rows.step[low:high]
            known = steps[np.isfinite(steps)]
            if not len(known):
                continue
            self._highest = max(self._highest, float(known.max()))
            if self._open and self._gained(self._highest):
                row = low + int(np.flatnonzero(steps >= self._needed())[0])
                self._open, self._vain = False, 0
                found.append(self.clear(place(rows, row)))
        last = float(rows.offset[cuts[-1]]) if cuts else -np.inf
        self._announced |= {kind for offset, kind in signs if offset >= last}
        return found

    def _needed(self) -> float:
        """Return the step from which the present attempt has made progress."""
        return self._record + max(1.0, self.gain * (self._record - self._begin))

    def _gained(self, step: float) -> bool:
        return not step < self._needed()

    def _restart(self, step: float, where: Place, failed: bool) -> list[Finding]:
        # what resumes elsewhere, and nothing failed before it, is another part of a plan
        first = not np.isfinite(self._begin) or not (failed or step == self._begin)
        self._vain = 0 if first or self._gained(self._highest) else self._vain + 1
        self._begin, self._record = step, self._highest
        if self._vain + 1 < self.starts or self._open:
            return []
        self._open = True
        return [
            self.say(
                Verdict.FIRING,
                Severity.CRITICAL,
                f"{self._vain + 1} restarts without getting past step {numbers.step(self._highest)}",
                where,
                cause="every attempt fails at about the same step",
                advice="Stop the launcher; read the first error of an attempt; look at the data there.",
                evidence={"restarts": self._vain + 1, "highest_step": self._highest},
            )
        ]
