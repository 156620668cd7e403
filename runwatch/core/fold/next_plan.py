"""What a log plans behind the records of a run may be of the next run: it counts from the next record on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.fold.planned import NAMES
from runwatch.core.fold.rows import Floats, Rows, newest_of

_OF_START = frozenset({*NAMES, "points"})
"""What is printed before the first record: plans, and how many points a model begins with."""
_MOST = 64
"""Settings that are kept until a record follows."""


@dataclass(slots=True)
class NextPlan:
    """What was planned since the newest training record, and the planned total that counts; bounded."""

    total: int | None = None
    """Newest planned total that was outside of step lines, before the newest record."""
    _next: int | None = None
    """The same behind it."""
    _settings: list[Event] = field(default_factory=list)

    def place(
        self, events: Sequence[Event], records: Floats, *, trained: bool
    ) -> Iterator[tuple[float, Event]]:
        """Yield the events that count in this batch, and the offset at which each of them does.

        `records` are the offsets of its training records, shape (n,); `trained` is whether there were any
        before.
        """
        if len(records):
            yield from ((float(records[0]), event) for event in self._settings)
            self._settings = []
        for event in events:
            at = float(event.offset)
            if event.kind == "facts" and not _OF_START.isdisjoint(event.data):
                behind = int(np.searchsorted(records, at))
                if behind or trained:
                    if behind == len(records):
                        self._settings = [*self._settings, event][-_MOST:]
                        continue
                    at = float(records[behind])
            yield at, event

    def take(self, train: Rows, plans: Rows, *, trained: bool) -> bool:
        """Take the planned totals of a block; return whether `total` may count in it."""
        last = train.offset[-1] if len(train) else -np.inf if trained else np.inf
        if len(train) and self._next is not None:
            self.total, self._next = self._next, None
        newest = newest_of(plans.total[plans.offset < last])
        self.total = self.total if newest is None else newest
        following = newest_of(plans.total[plans.offset >= last])
        self._next = self._next if following is None else following
        return len(train) > 0 or newest is not None
