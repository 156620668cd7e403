"""Whether the newest words of a run may end it, with hardly a training row after them."""

from __future__ import annotations

import numpy as np

from runwatch.core.batch import CRASH_KINDS
from runwatch.core.block import Block

_SURVIVED = 3
"""Training rows behind such an event that show that it continued; a bar draws its last row once more."""


class LastWords:
    """Follows a run's events and rows.

    Rows may come later than an event that follows them: a format that is learned is
    believed after several rows, which are read only then. So places are compared, where
    both are of one source.
    """

    def __init__(self) -> None:
        self.fatal = False
        """Whether the run's last words were such an event."""
        self._source: tuple[int | None, str] = (None, "")
        self._at = -1
        self._behind = 0

    def push(self, block: Block) -> None:
        """Take what is new."""
        source = (block.rank, block.source)
        offsets = [event.offset for event in block.events if event.kind in CRASH_KINDS]
        if offsets:
            self.fatal, self._source, self._at, self._behind = True, source, max(offsets), 0
        if block.progress is not None:
            own = source == self._source
            behind = block.progress.offset > self._at if own else block.progress.offset > -np.inf
            self._behind += int(behind.sum())
            self.fatal &= self._behind < _SURVIVED
