"""Checkpoints fail to be saved, or are left out, and training continues.

Reason: a loop that catches the error of a save continues as if nothing had happened; what
is lost shows only when the run dies.
Formula: lines that say that a save failed, or was skipped because of an error: a warning at
the first; saves that were skipped for another reason, `skips` in a row without any that
went well. An error that ends a save, such as a full disk, is one when `survive` training
rows have followed it. Ends at the next checkpoint, or the beginning of one that as many rows follow
without such a line.

Example: '3 checkpoints in a row were not saved: checkpoint save skipped (RuntimeError)'.

What to do: look at the space, the rights and the mount of the directory, and save elsewhere
now: nothing newer than the last good checkpoint is left of a run that dies.

Traps: trainers skip saves that are not the best, which says nothing of an error.

Source: training loops that catch everything around `torch.save`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, threshold
from runwatch.core.batch import Event
from runwatch.core.block import Block
from runwatch.core.findings import Finding, Severity, Verdict

FAILED = "checkpoint_failed"
"""Kind of the events that report a save that failed, or was left out."""
_ERROR = re.compile(r"Error|Exception|No space|denied|failed|aborted|timed out")


@dataclass
class CheckpointFailed(RunRule):
    """Warns while checkpoints are not saved."""

    name: ClassVar[str] = "checkpoint_failed"
    summary: ClassVar[str] = "Checkpoints could not be saved, and training continues."

    skips: int = threshold(3, "saves in a row skipped for no error that are a warning")
    survive: ClassVar[int] = 3
    """Training rows after an error that show it did not end the run."""

    _failed: int = field(default=0, init=False, repr=False)
    """Saves that failed in a row."""
    _first: Place = field(default=NOWHERE, init=False, repr=False)
    _open: bool = field(default=False, init=False, repr=False)
    _error: Event | None = field(default=None, init=False, repr=False)
    """An error of a save, while it may yet be the end of the run."""
    _begun: Event | None = field(default=None, init=False, repr=False)
    """A save that began, while it may yet fail."""
    _rows: int = field(default=0, init=False, repr=False)
    """Training rows since either."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the saves of a block."""
        rows = block.progress.offset if block.progress is not None else np.empty(0)
        found: list[Finding] = []
        done = 0
        events: list[tuple[float, Event | None]] = [(event.offset, event) for event in block.events]
        for offset, event in sorted([*events, *((at, None) for at in block.restarts)], key=itemgetter(0)):
            upto = int(np.searchsorted(rows, offset))
            found += self._survived(upto - done)
            done = max(done, upto)
            if event is None or event.kind == "resume":
                self._error = self._begun = None  # it was the end
            elif event.kind == FAILED:
                found += self._fail(event)
            elif event.kind == "error" and event.data.get("state") == "failed" and self._error is None:
                self._error, self._begun, self._rows = event, None, 0
            elif event.kind == "checkpoint" and event.data.get("state") != "saving":
                found += self._saved(event)
            elif event.kind == "checkpoint" and self._open and self._error is None:
                self._begun, self._rows = event, 0
        return found + self._survived(len(rows) - done)

    def _survived(self, rows: int) -> list[Finding]:
        """So many training rows follow: an error before them ended a save alone, and a save went well."""
        if (self._error is None and self._begun is None) or rows <= 0:
            return []
        self._rows += rows
        if self._rows < self.survive:
            return []
        error, begun = self._error, self._begun
        self._error = self._begun = None
        if error is not None:
            return self._fail(error)
        return self._saved(begun) if begun is not None else []

    def _fail(self, event: Event) -> list[Finding]:
        by_error = event.data.get("state") == "failed" or _ERROR.search(event.title)
        if "best" in event.data and not by_error:  # there is no better one
            return []
        self._failed, self._begun = self._failed + 1, None
        if self._failed == 1:
            self._first = Place(event.step, event.line)
        if not self._open and not by_error and self._failed < self.skips:
            return []
        self._open = True
        what = "a checkpoint was" if self._failed == 1 else f"{self._failed} checkpoints in a row were"
        return [
            self.say(
                Verdict.FIRING,
                Severity.WARNING,
                f"{what} not saved: {event.title[:100]}",
                self._first,
                advice="Check the space and the rights of the directory; save elsewhere before the run dies.",
                evidence={"failed": self._failed},
            )
        ]

    def _saved(self, event: Event) -> list[Finding]:
        was, self._open, self._failed = self._open, False, 0
        self._error = self._begun = None
        return [self.clear(Place(event.step, event.line))] if was else []
