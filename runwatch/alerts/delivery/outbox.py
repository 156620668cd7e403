"""Delivery that never delays the caller: a queue, a thread and a circuit breaker per channel.

`Queue` decides what goes next, `Journal` keeps it on disk, `Outbox` lends both
a thread and the time. A message is delivered at least once or its loss is
reported; messages of one incident keep their order; other incidents pass one that
has to wait. A message that was in flight when the process died is sent again
and says that it may repeat.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from runwatch.alerts.delivery.journal import Journal, Kept
from runwatch.alerts.delivery.queue import LONGEST_ORDER, LONGEST_PAUSE, Entry, Fate, Queue
from runwatch.alerts.routing.notification import Channel, Notification, Outcome, Rejected, Retry, Sent, Unsure
from runwatch.core.notice import Notice

SETTLE = 1.0
"""Least seconds for a message in flight when the outbox closes, so that it is not sent twice."""


class Clock:
    """Real time. Tests bring another."""

    def now(self) -> float:
        """Return seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        """Return when `changed` (held) is notified or `seconds` have passed; None waits without limit."""
        changed.wait(seconds)


class Outbox:
    """All channels. `submit` and `post` return immediately, whatever the channels do.

    `notice` receives one line for people when delivery fails, recovers or
    loses something. It is called from the channels' threads. Without a
    journal what waits is lost with the process.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        notice: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        queue: Callable[[], Queue] = Queue,
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal
        self._lanes = {
            channel.name: _Lane(channel, notice, clock or Clock(), queue(), journal) for channel in channels
        }

    def submit(self, notification: Notification) -> None:
        """Hand a message to every channel. Does nothing after `close`."""
        self.post((name, notification) for name in self._lanes)

    def post(
        self,
        addressed: Iterable[tuple[str, Notification]],
        routing: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """Hand messages to their channels, and save them with the routing state in one commit."""
        wanted = [(self._lanes[name], reported) for name, reported in addressed if name in self._lanes]
        if self._journal is not None and (wanted or routing):
            fresh = [(lane.channel.identity, reported) for lane, reported in wanted if lane.takes(reported)]
            self._journal.commit(fresh, routing)
        for lane, reported in wanted:
            lane.submit(reported)

    def close(self, drain_seconds: float = 5.0) -> int:
        """Try all pending messages once more, for at most `drain_seconds`; return how many are left.

        A send that hangs longer is abandoned with its (daemon) thread. What is
        left stays in the journal, if there is one.
        """
        end = time.monotonic() + max(drain_seconds, SETTLE)
        for lane in self._lanes.values():
            lane.finish(drain_seconds)
        for lane in self._lanes.values():
            lane.thread.join(max(0.0, end - time.monotonic()))
        if self._journal is not None:
            self._journal.close()
        return self.left()

    def look(self) -> None:
        """Make sure that pending messages are on disk. Call this regularly."""
        if self._journal is not None:
            self._journal.look()

    def left(self) -> int:
        """Return how many messages wait, over all channels."""
        return sum(lane.left() for lane in self._lanes.values())


class _Lane:
    """One channel with its queue and its thread."""

    NOTICE_AFTER = 3
    """Failures in a row before a notice: a single failure usually resolves itself."""

    def __init__(
        self,
        channel: Channel,
        notice: Callable[[str], None],
        clock: Clock,
        queue: Queue,
        journal: Journal | None,
    ) -> None:
        self.channel, self.clock, self.queue = channel, clock, queue
        self._notice, self._journal = notice, journal
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._dropped = 0
        self._failures = 0
        self._refusal = ""
        if journal is not None:
            self._resume(journal)
        self.thread = threading.Thread(target=self._run, name=f"outbox-{channel.name}", daemon=True)
        self.thread.start()

    def takes(self, notification: Notification) -> bool:
        with self._changed:
            return self._deadline is None and not self.queue.knows(notification.id)

    def submit(self, notification: Notification) -> None:
        with self._changed:
            if self._deadline is None:
                dropped = self.queue.add(notification, self.clock.now())
                self._changed.notify()
                if dropped is not None:
                    self._dropped += 1
                    if self._journal is not None:
                        self._journal.dead(self.channel.identity, dropped.id, "too many were waiting")

    def finish(self, seconds: float) -> None:
        with self._changed:
            now = self.clock.now()
            self._deadline = now + seconds
            self.queue.hurry(now)
            self._changed.notify()

    def left(self) -> int:
        with self._changed:
            return len(self.queue)

    def _resume(self, journal: Journal) -> None:
        """Continue where an earlier process stopped."""
        ahead = self.clock.now() - time.time()  # from Unix times to this clock's
        old, name = 0, self.channel.identity
        for key in journal.known(name):
            self.queue.remember(key)
        for kept in journal.waiting(name):
            if time.time() - kept.born >= self.queue.keep_trying:
                old += 1
                journal.dead(name, kept.notification.id, "too old")
                self.queue.remember(kept.notification.id)
            else:
                due = min(kept.due, time.time() + LONGEST_PAUSE)  # the clock may have been set back
                self.queue.put(Entry(kept.notification, kept.born + ahead, due + ahead, kept.tries))
        self.queue.quiet_until = min(journal.rest(name), time.time() + LONGEST_ORDER) + ahead
        if old:
            hours = self.queue.keep_trying / 3600
            self._say(f"{old} messages given up: older than {hours:g} hours when we came back")

    def _run(self) -> None:
        while (notification := self._next()) is not None:
            if self._journal is not None:
                self._journal.sending(self.channel.identity, notification.id)
            try:
                outcome = self.channel.send(notification)
            except Exception as error:  # a channel's bug costs its message, never the thread
                outcome = Rejected(f"internal error: {type(error).__name__}")
            with self._changed:
                entry = self.queue.flying
                assert entry is not None
                fate = self.queue.settle(outcome, self.clock.now())
                dropped, self._dropped = self._dropped, 0
            self._keep(entry, fate, outcome)
            if dropped:
                self._say(f"{dropped} messages dropped: more than {self.queue.capacity} were waiting")
            if fate == "expired":
                hours = self.queue.keep_trying / 3600
                self._say(f"a message given up after {hours:g} hours: {notification.incident.title}")
            self._report(outcome)

    def _keep(self, entry: Entry, fate: Fate, outcome: Outcome) -> None:
        """Record the outcome of a message."""
        if self._journal is None:
            return
        name, key = self.channel.identity, entry.notification.id
        if fate == "done":
            self._journal.done(name, key)
        elif fate == "waiting":
            ahead = time.time() - self.clock.now()
            kept = Kept(entry.notification, entry.born + ahead, entry.due + ahead, entry.tries)
            self._journal.later(name, kept, self.queue.quiet_until + ahead)
        else:
            self._journal.dead(name, key, "" if isinstance(outcome, Sent) else outcome.reason)

    def _next(self) -> Notification | None:
        """Wait for the next due message; None when there is nothing left to do."""
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
        """Report a problem to people, once per outage."""
        match outcome:
            case Sent():
                if self._failures >= self.NOTICE_AFTER:
                    self._say("delivering again", self.channel.name)
                self._failures = 0
                self._refusal = ""
            case Rejected(reason):
                if reason != self._refusal:
                    self._refusal = reason
                    self._say(f"message rejected: {reason}")
            case Retry(reason) | Unsure(reason):
                self._failures += 1
                if self._failures == self.NOTICE_AFTER:
                    self._say(f"not delivering, still trying: {reason}", self.channel.name)

    def _say(self, text: str, about: str = "") -> None:
        with contextlib.suppress(Exception):  # whoever listens must not stop delivery
            self._notice(Notice(f"{self.channel.name}: {text}", about and f"channel {about}"))
