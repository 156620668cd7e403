"""Storage or network calls fail and are tried again, many times in a short while.

Reason: a storm of retries is how storage that is about to fail speaks: first
steps get slower, then a checkpoint is incomplete, then the run dies.
Formula: `count` retry lines within `rows` training rows (a warning). Where no
training row comes between them, which may be loading, five times as many. Ends
after 50 rows without one. Lines that repeat are reported at the 1st, 2nd, 4th, 8th,
...: each such event means those since the one before, spread evenly.

Example: '9 retries within 20 logged steps: HTTPSConnectionPool: Read timed out.'.

What to do: see whether the storage or service that is named answers. Save soon; the run
may die of it.

Traps: a single retry is normal, and so are a few at the start, when many workers
open the same files.

Source: NVIDIA's restart agent takes retries for the onset of storage failures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.core.batch import Event
from runwatch.core.block import Block
from runwatch.core.findings import Finding, Severity, Verdict


@dataclass
class Retries(RunRule):
    """Fires at a storm of retries."""

    name: ClassVar[str] = "retries"
    summary: ClassVar[str] = "Storage or network calls keep failing and being retried."

    count: int = threshold(6, "retries that are a storm")
    rows: int = threshold(30, "training rows within which they are counted")
    calm: ClassVar[int] = 50
    """Training rows without a retry that end it."""

    _row: int = field(default=0, init=False, repr=False)
    """Training rows so far."""
    _newest: deque[tuple[int, float]] = field(default_factory=deque, init=False, repr=False)
    """Row numbers of the newest retry events, and for how many retries near there each is."""
    _last: int = field(default=0, init=False, repr=False)
    """Row number of the newest retry event."""
    _quiet: int = field(default=0, init=False, repr=False)
    """Rows after it in which the next one is due, if the storm continues."""
    _open: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Count retries between training rows."""
        offsets = block.progress.offset if block.progress is not None else np.empty(0)
        found: list[Finding] = []
        begin = self._row
        for event in block.events:
            if event.kind == "retry":
                row = begin + int(np.searchsorted(offsets, event.offset))
                found += self._rest(block, begin, row)
                found += self._take(event, row)
        self._row = begin + len(offsets)
        return found + self._rest(block, begin, self._row)

    def _rest(self, block: Block, begin: int, row: int) -> list[Finding]:
        """End the storm if it was calm for long enough before `row`; the block's rows begin at `begin`."""
        if not self._open or row - self._last <= self._quiet or block.progress is None:
            return []
        self._open = False
        self._newest.clear()
        return [self.clear(place(block.progress, self._last + self._quiet - begin))]

    def _take(self, event: Event, row: int) -> list[Finding]:
        since, self._last = row - self._last, row
        count = event.data.get("count", "")
        many = max(1, int(count) // 2 if count.isdecimal() else 1)
        self._quiet = max(self.calm, 3 * since if many > 1 and self._newest else 0)
        self._newest.append((row, many * min(1.0, self.rows / max(1, since)) if many > 1 else 1.0))
        while len(self._newest) > 5 * self.count or self._newest[0][0] < row - self.rows:
            self._newest.popleft()
        retries = sum(number for _, number in self._newest)
        moved = row > self._newest[0][0]
        if self._open or retries < (self.count if moved else 5 * self.count):
            return []
        self._open = True
        return [
            self.say(
                Verdict.FIRING,
                Severity.WARNING,
                f"{retries:.0f} retries within {self.rows} logged steps: {event.title[:100]}",
                Place(event.step, event.line),
                cause="storage or network calls fail",
                advice="Check the mount, the object store and the network before the next checkpoint.",
                evidence={"retries": round(retries)},
            )
        ]
