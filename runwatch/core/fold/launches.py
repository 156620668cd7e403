"""Where further launches of a program begin in one log."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from runwatch.core.block import Block

_BEGINS = frozenset({"launch", "load", "resume"})
"""Events of which two at one place show that a launch begins there."""
_MOST = 64
"""Launches that are remembered."""


@dataclass(slots=True)
class Launches:
    """The further launches that trained.

    The first lines of a log come again, and it says what it resumes from, or steps go back: each rank of one
    launch may print these lines.
    """

    known: deque[tuple[int, int | None]] = field(default_factory=lambda: deque(maxlen=_MOST))
    """Records and newest step before each of them."""
    _opened: int = -1
    """Records when the first lines of the log came again."""
    _loaded: int = -1
    """Records when weights were loaded, or it said that it resumes."""

    def observe(self, block: Block, records: int, newest: int | None) -> None:
        """Take in a block of the run, before whose records there were `records`, up to step `newest`."""
        rows = block.progress
        offsets = rows.offset if rows is not None else np.empty(0)
        back = [(offset, "restart") for offset in block.restarts]
        begun = [(event.offset, event.kind) for event in block.events if event.kind in _BEGINS]
        for offset, kind in sorted([*back, *begun]):
            at = int(np.searchsorted(offsets, offset))
            if kind == "launch":
                self._opened = records + at
            else:
                self._loaded = records + at
            former = self.known[-1][0] if self.known else 0
            if 0 < self._opened == self._loaded and former != self._opened:
                steps = rows.step[:at] if rows is not None else np.empty(0)
                steps = steps[~np.isnan(steps)]
                self.known.append((self._opened, int(steps[-1]) if len(steps) else newest))
