"""The queue with a clock of numbers, then the outbox with channels of its own making."""

import threading
import time

import pytest

from runwatch.alerts.delivery.outbox import Clock, Outbox
from runwatch.alerts.delivery.queue import CAPACITY, FIRST_PAUSE, KEEP_TRYING, LONGEST_PAUSE, Queue
from runwatch.alerts.routing.notification import Notification, Rejected, Retry, Sent, Unsure
from runwatch.core.snapshot import IncidentRow


def note(key, change="firing", incident=None, severity="warning") -> Notification:
    row = IncidentRow(incident or key, "r1", "hang", severity, change, f"title {key}")
    return Notification(key, "speedrun", change, row, "node1", 1000.0)


def queue(**options) -> Queue:
    return Queue(**{"jitter": lambda: 0.5, **options})  # the middle: no jitter


def taken(queue: Queue, now: float = 0.0) -> str | None:
    notification = queue.take(now)
    return notification and notification.id


class TestQueue:
    def test_goes_in_order(self):
        q = queue()
        for key in "abc":
            q.add(note(key), 0.0)
        sent = []
        while (key := taken(q)) is not None:
            sent.append(key)
            q.settle(Sent(), 0.0)
        assert sent == ["a", "b", "c"]
        assert q.pause(0.0) is None

    def test_pauses_double_up_to_the_longest(self):
        q, now, pauses = queue(), 0.0, []
        q.add(note("a"), now)
        for _ in range(10):
            assert taken(q, now) == "a"
            q.settle(Retry("down"), now)
            pauses.append(q.pause(now))
            assert taken(q, now + pauses[-1] - 0.01) is None
            now += pauses[-1]
        assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]
        assert (FIRST_PAUSE, LONGEST_PAUSE) == (2.0, 300.0)

    def test_jitter_spreads_the_pause_by_a_fifth(self):
        for jitter, pause in ((0.0, 1.6), (1.0, 2.4)):
            q = queue(jitter=lambda jitter=jitter: jitter)
            q.add(note("a"), 0.0)
            q.take(0.0)
            q.settle(Retry("down"), 0.0)
            assert q.pause(0.0) == pytest.approx(pause)

    def test_after_five_failures_in_a_row_one_message_at_a_time_tries_the_channel(self):
        q = queue()
        for key in "abcdefg":
            q.add(note(key), 0.0)
        tried = []
        while (key := taken(q)) is not None:
            tried.append(key)
            q.settle(Retry("down"), 0.0)
        assert tried == ["a", "b", "c", "d", "e"]
        assert q.pause(0.0) == 32.0
        assert taken(q, 32.0) == "a"
        q.settle(Unsure("lost"), 32.0)
        assert q.pause(32.0) == 64.0
        assert taken(q, 96.0) == "a"
        q.settle(Sent(), 96.0)
        assert [taken(q, 96.0), q.settle(Sent(), 96.0), taken(q, 96.0)] == ["b", "done", "c"]

    def test_an_asked_for_rest_is_kept_by_the_whole_channel(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.add(note("b"), 0.0)
        q.take(0.0)
        q.settle(Retry("slow down", after=30.0), 0.0)
        assert q.pause(0.0) == 30.5
        assert taken(q, 30.0) is None
        assert taken(q, 30.5) == "a"

    def test_an_absurd_rest_is_not_believed(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.take(0.0)
        q.settle(Retry("slow down", after=1e9), 0.0)
        assert q.pause(0.0) < 3602

    def test_a_resolved_message_never_overtakes_its_firing_one(self):
        q = queue()
        q.add(note("a", incident="i"), 0.0)
        q.add(note("a2", "resolved", incident="i"), 0.0)
        assert taken(q) == "a"
        q.settle(Retry("down"), 0.0)
        assert taken(q, 1.0) is None
        assert taken(q, 2.0) == "a"
        q.settle(Sent(), 2.0)
        assert taken(q, 2.0) == "a2"

    def test_other_incidents_pass_one_that_has_to_wait(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.add(note("b"), 0.0)
        q.take(0.0)
        q.settle(Retry("500"), 0.0)
        assert taken(q) == "b"

    def test_an_unsure_message_is_repeated_and_says_so_from_then_on(self):
        q = queue()
        q.add(note("a"), 0.0)
        assert not q.take(0.0).may_repeat
        q.settle(Unsure("reset"), 0.0)
        assert q.take(9.0).may_repeat
        q.settle(Retry("down"), 9.0)
        assert q.take(99.0).may_repeat

    def test_a_refused_message_is_not_repeated(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.take(0.0)
        assert q.settle(Rejected("no such hook"), 0.0) == "rejected"
        assert len(q) == 0

    def test_yesterdays_message_is_given_up(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.take(KEEP_TRYING - 1)
        assert q.settle(Retry("down"), KEEP_TRYING - 1) == "waiting"
        q.take(KEEP_TRYING + 300)
        assert q.settle(Retry("down"), KEEP_TRYING + 300) == "expired"
        assert len(q) == 0

    def test_full_it_drops_the_oldest_that_is_not_critical(self):
        q = queue(capacity=3)
        for key, severity in (("a", "critical"), ("b", "warning"), ("c", "warning"), ("d", "warning")):
            dropped = q.add(note(key, severity=severity), 0.0)
            assert (dropped and dropped.id) == ("b" if key == "d" else None)
        assert q.add(note("e", severity="critical"), 0.0).id == "c"
        assert q.add(note("f", severity="critical"), 0.0).id == "d"
        assert ids(q) == ["a", "e", "f"]

    def test_full_of_critical_ones_a_lesser_message_is_not_taken(self):
        q = queue(capacity=2)
        for key in "ab":
            q.add(note(key, severity="critical"), 0.0)
        assert q.add(note("c"), 0.0).id == "c"
        assert q.add(note("d", severity="critical"), 0.0).id == "a"
        assert ids(q) == ["b", "d"]

    def test_the_message_being_sent_is_not_dropped(self):
        q = queue(capacity=2)
        for key in "ab":
            q.add(note(key), 0.0)
        assert taken(q) == "a"
        q.add(note("c"), 0.0)
        q.settle(Sent(), 0.0)
        assert ids(q) == ["c"]

    def test_a_message_submitted_twice_goes_once(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.add(note("a"), 0.0)
        assert ids(q) == ["a"]
        q.add(note("a"), 0.0)
        assert len(q) == 0

    def test_its_memory_of_ids_is_bounded(self):
        q = queue(capacity=1)
        for number in range(5000):
            q.add(note(str(number)), 0.0)
        assert len(q._known) == 4096

    def test_hurrying_makes_all_due_but_keeps_the_asked_for_rest(self):
        q = queue()
        q.add(note("a"), 0.0)
        q.take(0.0)
        q.settle(Retry("down"), 0.0)
        q.hurry(0.0)
        assert taken(q) == "a"
        q.settle(Retry("slow down", after=10.0), 0.0)
        q.hurry(0.0)
        assert taken(q) is None


def ids(q: Queue) -> list[str]:
    """Send all that is left."""
    result = []
    while (key := taken(q)) is not None:
        result.append(key)
        q.settle(Sent(), 0.0)
    return result


class FastClock(Clock):
    """Time that passes at once whenever somebody waits for it."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, changed, seconds) -> None:
        if seconds is None:
            changed.wait()
        else:
            self.time += seconds


class Scripted:
    """A channel that answers as told, then with success."""

    def __init__(self, *outcomes, name="pager") -> None:
        self.name = name
        self.outcomes, self.got = list(outcomes), []
        self.sent = threading.Semaphore(0)

    @property
    def identity(self) -> str:
        return f"{self.name}#1"

    def send(self, notification):
        self.got.append(notification)
        outcome = self.outcomes.pop(0) if self.outcomes else Sent()
        if callable(outcome):
            outcome = outcome()
        if isinstance(outcome, Sent | Rejected):
            self.sent.release()
        return outcome

    def ids(self) -> list[str]:
        return [notification.id for notification in self.got]


@pytest.fixture
def open_outbox():
    boxes = []

    def make(*channels, **options) -> Outbox:
        boxes.append(Outbox(channels, **{"clock": FastClock(), **options}))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close(60.0)
        assert not any(lane.thread.is_alive() for lane in box._lanes.values())


def test_firing_and_resolved_arrive_once_and_in_order(open_outbox):
    channel = Scripted(Retry("down"), Retry("down"))
    box = open_outbox(channel)
    box.submit(note("a", incident="i"))
    box.submit(note("a2", "resolved", incident="i"))
    assert channel.sent.acquire(timeout=60)
    assert channel.sent.acquire(timeout=60)
    assert box.close() == 0
    assert channel.ids() == ["a", "a", "a", "a2"]


def test_every_channel_gets_what_is_for_it(open_outbox):
    first, second = Scripted(name="first"), Scripted(name="second")
    box = open_outbox(first, second)
    box.submit(note("a"))
    box.post([("second", note("b")), ("third", note("c"))])
    box.close()
    assert (first.ids(), second.ids()) == (["a"], ["a", "b"])


def test_submitting_does_not_wait_for_a_channel_that_hangs(open_outbox):
    gate, inside = threading.Event(), threading.Event()

    def hang():
        inside.set()
        gate.wait()
        return Sent()

    channel = Scripted(hang)
    box = open_outbox(channel, clock=Clock())
    box.submit(note("first"))
    assert inside.wait(60)
    began = time.perf_counter()
    for number in range(2000):
        box.submit(note(f"{number}"))
    assert time.perf_counter() - began < 60, "the channel hangs until the end of the test"
    assert box.close(0.0) == CAPACITY
    gate.set()


def test_closing_is_bounded_and_shows_what_is_left(open_outbox):
    gate = threading.Event()
    box = open_outbox(Scripted(lambda: gate.wait() and Sent()), clock=Clock())
    box.submit(note("a"))
    box.submit(note("b"))
    began = time.perf_counter()
    assert box.close(0.1) == 2
    assert 0.05 < time.perf_counter() - began < 60
    gate.set()


def test_closing_tries_once_more_what_was_waiting(open_outbox):
    settled = threading.Event()

    class Watched(Queue):
        def settle(self, outcome, now):
            settled.set()
            return super().settle(outcome, now)

    channel = Scripted(Retry("down"))
    patient = Watched(jitter=lambda: 200.0)  # a pause that no test would sit through
    box = open_outbox(channel, clock=Clock(), queue=lambda: patient)
    box.submit(note("a"))
    assert settled.wait(60)
    assert box.close(5.0) == 0
    assert channel.ids() == ["a", "a"]


def test_after_closing_nothing_is_taken(open_outbox):
    channel = Scripted()
    box = open_outbox(channel)
    box.close()
    box.submit(note("a"))
    assert box.close() == 0
    assert channel.got == []


def test_drops_are_reported_with_their_number(open_outbox):
    gate, inside = threading.Event(), threading.Event()
    notices = []

    def hang():
        inside.set()
        gate.wait()
        return Sent()

    box = open_outbox(Scripted(hang), notice=notices.append, queue=lambda: Queue(capacity=4))
    box.submit(note("first"))
    assert inside.wait(60)
    for number in range(10):
        box.submit(note(f"{number}"))
    gate.set()
    assert box.close() == 0
    assert notices == ["pager: 7 messages dropped: more than 4 were waiting"]


def test_a_refusal_is_reported_once_per_reason(open_outbox):
    notices = []
    channel = Scripted(Rejected("gone"), Rejected("gone"), Rejected("bad"), Sent(), Rejected("gone"))
    box = open_outbox(channel, notice=notices.append)
    for key in "abcde":
        box.submit(note(key))
    box.close()
    assert notices == [f"pager: message rejected: {reason}" for reason in ("gone", "bad", "gone")]


def test_an_outage_is_reported_once_and_so_is_its_end(open_outbox):
    notices = []
    channel = Scripted(*[Retry("down")] * 3, Unsure("lost"), Retry("down"))
    box = open_outbox(channel, notice=notices.append)
    box.submit(note("a"))
    assert channel.sent.acquire(timeout=60)
    box.close()
    assert notices == ["pager: not delivering, still trying: down", "pager: delivering again"]


def test_a_channel_that_raises_costs_one_message_not_the_thread(open_outbox):
    def bug():
        raise KeyError("https://secret")

    notices = []
    channel = Scripted(bug)
    box = open_outbox(channel, notice=notices.append)
    box.submit(note("a"))
    box.submit(note("b"))
    assert box.close() == 0
    assert channel.ids() == ["a", "b"]
    assert notices == ["pager: message rejected: internal error: KeyError"]


def test_a_listener_that_raises_does_not_stop_delivery(open_outbox):
    def listener(_):
        raise RuntimeError

    channel = Scripted(Rejected("gone"))
    box = open_outbox(channel, notice=listener)
    box.submit(note("a"))
    box.submit(note("b"))
    assert box.close() == 0
    assert channel.ids() == ["a", "b"]


def test_a_message_given_up_is_reported(open_outbox):
    notices = []
    channel = Scripted(*[Retry("down", after=3600.0)] * 25)
    box = open_outbox(channel, notice=notices.append)
    box.submit(note("a"))
    box.submit(note("b", "resolved"))
    assert channel.sent.acquire(timeout=60)
    box.close()
    assert "pager: a message given up after 24 hours: title a" in notices
