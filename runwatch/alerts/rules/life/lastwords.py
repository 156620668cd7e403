"""Whether the newest that a run told is something that may end it, with no training row after it."""

from __future__ import annotations

from runwatch.alerts.rules.common.signatures import CRASH_KINDS
from runwatch.core.block import Block


class LastWords:
    """Follows a run's events and rows.

    Rows may come later than an event that stands behind them: a format that is learnt is
    believed after several rows, which are read only then. So places are compared, where
    both are of one source.
    """

    def __init__(self) -> None:
        self.fatal = False
        """Whether the run's last words were such an event."""
        self._source: tuple[int | None, str] = (None, "")
        self._at = -1

    def push(self, block: Block) -> None:
        """Take what is new."""
        source = (block.rank, block.source)
        offsets = [event.offset for event in block.events if event.kind in CRASH_KINDS]
        if offsets:
            self.fatal, self._source, self._at = True, source, max(offsets)
        if block.progress is not None and len(block.progress):
            self.fatal &= source == self._source and self._at >= block.progress.offset[-1]
