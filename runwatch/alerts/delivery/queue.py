"""What one channel still has to say: order, pauses and limits. Knows no clock, no thread and no disk."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent, Unsure
from runwatch.core.findings import Severity

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before the second attempt; doubled after each, up to the longest."""
KEEP_TRYING = 24 * 3600.0
"""Seconds after which a message is given up: nobody wants yesterday's alert."""
LONGEST_ORDER = 3600.0
"""Seconds for which a channel's own "retry after" is believed."""
BREAK_AFTER = 5
"""Failures in a row after which the whole channel rests between attempts: its circuit is open."""
CAPACITY = 1024
"""Messages one channel may have waiting."""
REMEMBERED = 4096
"""Ids that are recognized when they are submitted again."""

Fate = Literal["waiting", "done", "rejected", "expired"]
"""What became of a message after an attempt."""


@dataclass(slots=True)
class Entry:
    """One message that waits; times are seconds of the caller's clock."""

    notification: Notification
    born: float
    due: float
    tries: int = 0

    @property
    def critical(self) -> bool:
        """Return whether it is the last to be dropped."""
        return self.notification.incident.severity == Severity.CRITICAL.value


class Queue:
    """The messages of one channel, in order. Times are seconds of the caller's clock."""

    def __init__(
        self,
        capacity: int = CAPACITY,
        jitter: Callable[[], float] = random.random,
        keep_trying: float = KEEP_TRYING,
    ) -> None:
        self.capacity, self.jitter, self.keep_trying = capacity, jitter, keep_trying
        self.quiet_until = float("-inf")
        """Until when the channel asked to be left alone."""
        self.open_until = float("-inf")
        """Until when it is not tried because it failed too often in a row: its circuit is open."""
        self.flying: Entry | None = None
        """What was taken last and is not settled."""
        self._entries: list[Entry] = []
        self._failures = 0
        self._known: dict[str, None] = {}  # a set that remembers its order

    def __len__(self) -> int:
        return len(self._entries)

    def knows(self, key: str) -> bool:
        """Return whether a message of this id was taken before."""
        return key in self._known

    def remember(self, key: str) -> None:
        """Take no message of this id from now on."""
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def add(self, notification: Notification, now: float) -> Notification | None:
        """Take a message in and return the one that was dropped for it, if one was.

        The oldest that is not critical goes first; then, for a critical one,
        the oldest. A message that was taken before is ignored.
        """
        return None if self.knows(notification.id) else self.put(Entry(notification, born=now, due=now))

    def put(self, entry: Entry) -> Notification | None:
        """Take an entry in as it is; otherwise as `add`."""
        self.remember(entry.notification.id)
        self._entries.append(entry)
        if len(self._entries) <= self.capacity:
            return None
        waiting = [entry for entry in self._entries if entry is not self.flying]
        dropped = next((entry for entry in waiting if not entry.critical), waiting[0])
        self._entries.remove(dropped)
        return dropped.notification

    def take(self, now: float) -> Notification | None:
        """Return the next message to send, if one is due; `settle` must follow."""
        self.flying = next((entry for entry in self._heads() if self._ready(entry) <= now), None)
        return self.flying.notification if self.flying else None

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next message is due; None if nothing waits."""
        return min((max(0.0, self._ready(entry) - now) for entry in self._heads()), default=None)

    def settle(self, outcome: Outcome, now: float) -> Fate:
        """Note what came of the message taken last, and return what becomes of it."""
        entry, self.flying = self.flying, None
        assert entry is not None, "nothing was taken"
        self._failures = 0 if isinstance(outcome, Sent | Rejected) else self._failures + 1
        if isinstance(outcome, Sent | Rejected) or now - entry.born >= self.keep_trying:
            self._entries.remove(entry)
            if isinstance(outcome, Sent):
                return "done"
            return "rejected" if isinstance(outcome, Rejected) else "expired"
        entry.tries += 1
        if isinstance(outcome, Unsure):
            entry.notification = msgspec.structs.replace(entry.notification, may_repeat=True)
        if isinstance(outcome, Retry) and outcome.after is not None:
            self.quiet_until = now + min(outcome.after, LONGEST_ORDER) + self.jitter()
        else:
            entry.due = now + self._backoff(entry.tries)
        if self._failures >= BREAK_AFTER:  # it is the channel, not the message: one attempt, then a pause
            self.open_until = now + self._backoff(self._failures)
        return "waiting"

    def hurry(self, now: float) -> None:
        """Make all messages due: there will be no later. A channel that asked for rest still gets it."""
        self.open_until = min(self.open_until, now)
        for entry in self._entries:
            entry.due = min(entry.due, now)

    def _backoff(self, failures: int) -> float:
        wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
        return wait * (0.8 + 0.4 * self.jitter())

    def _heads(self) -> Iterable[Entry]:
        """Yield the oldest message of each incident or group, oldest first."""
        seen: set[str] = set()
        for entry in self._entries:
            orders = entry.notification.orders
            if seen.isdisjoint(orders):
                yield entry
            seen.update(orders)

    def _ready(self, entry: Entry) -> float:
        return max(entry.due, self.quiet_until, self.open_until)
