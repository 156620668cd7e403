"""Delivery that never delays the caller: a queue and a thread per channel.

`Queue` decides, and knows no clock and no thread: what goes next, how long to
wait after a failure, what to drop when full. `Outbox` lends it a thread and
the time. A message is delivered at least once or its loss is told; messages of
one incident keep their order; other incidents pass one that has to wait.

The queue lives in memory. A durable one needs the same five methods.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import msgspec

from runwatch.findings import Severity
from runwatch.snapshot import IncidentRow

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before the second attempt; doubled after each, up to the longest."""
KEEP_TRYING = 24 * 3600.0
"""Seconds after which a message is given up: nobody wants yesterday's alert."""
LONGEST_ORDER = 3600.0
"""Seconds for which a channel's own "retry after" is believed."""
CAPACITY = 256
"""Messages one channel may have waiting."""
REMEMBERED = 4096
"""Ids that are recognised when they are submitted again."""


class Notification(msgspec.Struct, frozen=True):
    """One message about one change of one incident."""

    id: str
    """Idempotency key: the same change has the same id after a restart."""
    run: str
    """Name of the run, as people know it."""
    change: Literal["firing", "resolved"]
    incident: IncidentRow
    host: str
    time: float
    """Unix time of the change."""
    may_repeat: bool = False
    """True if an earlier attempt may have arrived although no answer came."""


class Sent(msgspec.Struct, frozen=True):
    """The channel has it."""


class Retry(msgspec.Struct, frozen=True):
    """It did not arrive; it may later."""

    reason: str
    after: float | None = None
    """Seconds the whole channel asked to be left alone, if it did."""


class Rejected(msgspec.Struct, frozen=True):
    """It did not arrive and never will, however often it is sent."""

    reason: str


class Unsure(msgspec.Struct, frozen=True):
    """It was sent, but no answer came back: it may have arrived."""

    reason: str


Outcome: TypeAlias = Sent | Retry | Rejected | Unsure


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """What people call it, for notices: "slack"."""
        ...

    def accepts(self, notification: Notification) -> bool:
        """Return whether this channel is to carry it. Quick: runs in the caller's thread."""
        ...

    def send(self, notification: Notification) -> Outcome:
        """Try once. May take its time: runs in the channel's own thread. Does not raise."""
        ...


class Clock:
    """Real time. Tests bring another."""

    def now(self) -> float:
        """Return seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        """Return when `changed` (held) is notified or `seconds` have passed; None waits for ever."""
        changed.wait(seconds)


@dataclass(slots=True)
class _Entry:
    notification: Notification
    born: float
    due: float
    tries: int = 0

    @property
    def incident(self) -> tuple[str, str]:
        return (self.notification.run, self.notification.incident.id)

    @property
    def critical(self) -> bool:
        return self.notification.incident.severity == Severity.CRITICAL.value


class Queue:
    """What one channel still has to say, in order. Times are seconds of the caller's clock."""

    def __init__(self, capacity: int = CAPACITY, jitter: Callable[[], float] = random.random) -> None:
        self.capacity, self.jitter = capacity, jitter
        self._entries: list[_Entry] = []
        self._flying: _Entry | None = None
        self._quiet_until = float("-inf")
        self._known: dict[str, None] = {}  # a set that remembers its order

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, notification: Notification, now: float) -> int:
        """Take a message in and return how many were dropped for it: 0 or 1.

        The oldest that is not critical goes first; then, for a critical one,
        the oldest. A message that was taken before is ignored.
        """
        if notification.id in self._known:
            return 0
        self._known[notification.id] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self._entries.append(_Entry(notification, born=now, due=now))
        if len(self._entries) <= self.capacity:
            return 0
        waiting = [entry for entry in self._entries if entry is not self._flying]
        self._entries.remove(next((entry for entry in waiting if not entry.critical), waiting[0]))
        return 1

    def take(self, now: float) -> Notification | None:
        """Return the next message to send, if one is due; `settle` must follow."""
        self._flying = next((entry for entry in self._heads() if self._ready(entry) <= now), None)
        return self._flying.notification if self._flying else None

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next message is due; None if nothing waits."""
        return min((max(0.0, self._ready(entry) - now) for entry in self._heads()), default=None)

    def settle(self, outcome: Outcome, now: float) -> bool:
        """Note what became of the message taken last; return False if it is given up."""
        entry, self._flying = self._flying, None
        assert entry is not None, "nothing was taken"
        if isinstance(outcome, Sent | Rejected) or now - entry.born >= KEEP_TRYING:
            self._entries.remove(entry)
            return isinstance(outcome, Sent | Rejected)
        entry.tries += 1
        if isinstance(outcome, Unsure):
            entry.notification = msgspec.structs.replace(entry.notification, may_repeat=True)
        if isinstance(outcome, Retry) and outcome.after is not None:
            self._quiet_until = now + min(outcome.after, LONGEST_ORDER) + self.jitter()
        else:
            wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(entry.tries - 1, 20))
            entry.due = now + wait * (0.8 + 0.4 * self.jitter())
        return True

    def hurry(self, now: float) -> None:
        """Make all messages due: there will be no later. A channel that asked for rest still gets it."""
        for entry in self._entries:
            entry.due = min(entry.due, now)

    def _heads(self) -> Iterable[_Entry]:
        """Yield the oldest message of each incident, oldest first."""
        seen: set[tuple[str, str]] = set()
        for entry in self._entries:
            if entry.incident not in seen:
                seen.add(entry.incident)
                yield entry

    def _ready(self, entry: _Entry) -> float:
        return max(entry.due, self._quiet_until)


class Outbox:
    """All channels. `submit` returns at once, whatever the channels are doing.

    `notice` receives one line for people when delivery fails, recovers or
    loses something. It is called from the channels' threads.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        notice: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        queue: Callable[[], Queue] = Queue,
    ) -> None:
        self._lanes = [_Lane(channel, notice, clock or Clock(), queue()) for channel in channels]

    def submit(self, notification: Notification) -> None:
        """Hand a message to every channel that accepts it. Does nothing after `close`."""
        for lane in self._lanes:
            if lane.channel.accepts(notification):
                lane.submit(notification)

    def close(self, drain_seconds: float = 5.0) -> int:
        """Try all that waits once more for at most `drain_seconds`; return how many are left.

        A send that hangs longer is abandoned with its (daemon) thread.
        """
        end = time.monotonic() + drain_seconds
        for lane in self._lanes:
            lane.finish(drain_seconds)
        for lane in self._lanes:
            lane.thread.join(max(0.0, end - time.monotonic()))
        return sum(lane.left() for lane in self._lanes)


class _Lane:
    """One channel with its queue and its thread."""

    TELL_AFTER = 3
    """Failures in a row before people are told: a single one mostly heals itself."""

    def __init__(self, channel: Channel, notice: Callable[[str], None], clock: Clock, queue: Queue) -> None:
        self.channel, self.clock, self.queue = channel, clock, queue
        self._notice = notice
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._dropped = 0
        self._failures = 0
        self._refusal = ""
        self.thread = threading.Thread(target=self._run, name=f"outbox-{channel.name}", daemon=True)
        self.thread.start()

    def submit(self, notification: Notification) -> None:
        with self._changed:
            if self._deadline is None:
                self._dropped += self.queue.add(notification, self.clock.now())
                self._changed.notify()

    def finish(self, seconds: float) -> None:
        with self._changed:
            now = self.clock.now()
            self._deadline = now + seconds
            self.queue.hurry(now)
            self._changed.notify()

    def left(self) -> int:
        with self._changed:
            return len(self.queue)

    def _run(self) -> None:
        while (notification := self._next()) is not None:
            try:
                outcome = self.channel.send(notification)
            except Exception as error:  # a channel's bug costs its message, never the thread
                outcome = Rejected(f"internal error: {type(error).__name__}")
            with self._changed:
                kept = self.queue.settle(outcome, self.clock.now())
                dropped, self._dropped = self._dropped, 0
            if dropped:
                self._tell(f"{dropped} messages dropped: more than {self.queue.capacity} were waiting")
            if not kept:
                self._tell(
                    f"a message given up after {KEEP_TRYING / 3600:.0f} hours: {notification.incident.title}"
                )
            self._report(outcome)

    def _next(self) -> Notification | None:
        """Wait for the next message that is due; None once there is nothing more to do."""
        with self._changed:
            while True:
                now = self.clock.now()
                pause = self.queue.pause(now)
                if self._deadline is not None:
                    if pause is None or now + pause > self._deadline:
                        return None
                elif pause is None:
                    self.clock.wait(self._changed, None)
                    continue
                notification = self.queue.take(now)
                if notification is not None:
                    return notification
                self.clock.wait(self._changed, pause)

    def _report(self, outcome: Outcome) -> None:
        """Tell people what they should know, once per outage."""
        match outcome:
            case Sent():
                if self._failures >= self.TELL_AFTER:
                    self._tell("delivering again")
                self._failures = 0
                self._refusal = ""
            case Rejected(reason):
                if reason != self._refusal:
                    self._refusal = reason
                    self._tell(f"message refused: {reason}")
            case Retry(reason) | Unsure(reason):
                self._failures += 1
                if self._failures == self.TELL_AFTER:
                    self._tell(f"not delivering, still trying: {reason}")

    def _tell(self, text: str) -> None:
        with contextlib.suppress(Exception):  # whoever listens must not stop delivery
            self._notice(f"{self.channel.name}: {text}")
