"""Events that were reported before the records that precede them: those of a format that is learned late.

What happens is reported at once, records only when their format is known. The first records show where the
events before them belong: behind a run, or between two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from runwatch.core.batch import TRAIN, Batch, Event

_MOST = 64
"""Events that are remembered until a record shows their place."""


@dataclass(slots=True)
class EarlyEvents:
    """The newest events of a source without a training record; bounded."""

    _waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST))

    def placed(self, batch: Batch, trained: bool) -> tuple[Batch, Collection[Event]]:
        """Return a batch with the events before its records, and those that a run has seen.

        `trained`: records were seen before. Settings are given to a run once more: of several, the one
        that holds for it is the newest before its records.
        """
        if trained:
            return batch, ()
        if not any(table.kind == TRAIN for table in batch.tables):
            self._waiting.extend(batch.events)
            return batch, ()
        early = tuple(self._waiting)
        self._waiting.clear()
        seen = [event for event in early if event.kind != "facts"]
        return msgspec.structs.replace(batch, events=(*early, *batch.events)), seen
