"""The queue of a channel at its edges: how long it waits, when it gives up, and how much it holds."""

from __future__ import annotations

import threading

import pytest

from runwatch.alerts.delivery.dead_letters import dead, revive
from runwatch.alerts.delivery.journal import Journal
from runwatch.alerts.delivery.outbox import Outbox
from runwatch.alerts.delivery.queue import CAPACITY, KEEP_TRYING, LONGEST_ORDER, REMEMBERED, Queue
from runwatch.alerts.routing.notification import Notification, Rejected, Retry, Sent, Unsure
from runwatch.core.snapshot import IncidentRow

from .test_outbox import FastClock, Scripted

FAILED = Retry("no answer")


def message(name, severity="warning") -> Notification:
    return Notification(
        name, "run", "firing", IncidentRow(name, "run", "hang", severity, "firing", name), "host", 0.0
    )


def queue(*names, **more) -> Queue:
    found = Queue(jitter=lambda: 0.5, **more)
    for name in names:
        found.add(message(name), 0.0)
    return found


def failed(found: Queue, times: int) -> float:
    """Let the next message fail as often, each time as soon as it is due; return the time of the last."""
    now = 0.0
    for _ in range(times):
        now += found.pause(now)
        assert found.take(now) is not None
        assert found.settle(FAILED, now) == "waiting"
    return now


@pytest.mark.parametrize(
    ("times", "seconds"),
    [(1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (7, 128.0), (8, 256.0), (9, 300.0), (40, 300.0)],
)
def test_a_pause_doubles_from_two_seconds_to_five_minutes(times, seconds):
    found = queue("a")
    now = failed(found, times)
    assert found.pause(now) == pytest.approx(seconds)
    assert found.take(now + seconds - 0.001) is None
    assert found.take(now + seconds + 0.001) is not None


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 1.6), (1.0, 2.4)])
def test_a_pause_differs_by_a_fifth(jitter, seconds):
    found = Queue(jitter=lambda: jitter)
    found.add(message("a"), 0.0)
    found.take(0.0)
    found.settle(FAILED, 0.0)
    assert found.pause(0.0) == pytest.approx(seconds)


@pytest.mark.parametrize(("failures", "is_open"), [(4, False), (5, True)])
def test_after_five_failures_in_a_row_the_channel_pauses(failures, is_open):
    found = queue(*map(str, range(6)))
    for _ in range(failures):
        found.take(0.0)
        found.settle(FAILED, 0.0)
    assert (found.take(0.0) is None) == is_open
    assert found.pause(0.0) == (pytest.approx(32.0) if is_open else 0.0)


@pytest.mark.parametrize("outcome", [Sent(), Rejected("no")])
def test_an_answer_ends_the_row_of_failures(outcome):
    found = queue(*map(str, range(9)))
    for result in (*[FAILED] * 4, outcome, *[FAILED] * 4):
        found.take(0.0)
        found.settle(result, 0.0)
    assert found.open_until == float("-inf")
    found.take(2.0)
    found.settle(FAILED, 2.0)
    assert found.open_until == pytest.approx(34.0)


@pytest.mark.parametrize(("age", "fate"), [(KEEP_TRYING - 1, "waiting"), (KEEP_TRYING, "expired")])
@pytest.mark.parametrize("outcome", [FAILED, Unsure("timeout")])
def test_a_message_is_given_up_after_a_day(age, fate, outcome):
    assert KEEP_TRYING == 24 * 3600
    found = queue()
    found.add(message("a"), 1000.0)
    found.take(1000.0 + age)
    assert found.settle(outcome, 1000.0 + age) == fate
    assert len(found) == (fate == "waiting")


@pytest.mark.parametrize(
    ("asked", "seconds"), [(10.0, 10.5), (3599.0, 3599.5), (3600.0, 3600.5), (9999.0, 3600.5)]
)
def test_a_channel_may_ask_for_an_hour_at_most(asked, seconds):
    assert LONGEST_ORDER == 3600
    found = queue("a", "b")
    found.take(0.0)
    found.settle(Retry("busy", asked), 0.0)
    assert found.pause(0.0) == seconds
    assert found.take(seconds - 0.1) is None
    found.hurry(0.0)  # it holds for who ends, too
    assert found.take(0.0) is None
    assert found.take(seconds).id == "a"


def test_a_hurry_makes_all_due_and_lets_none_wait_longer():
    found = queue(*map(str, range(6)))
    for _ in range(5):
        found.take(0.0)
        found.settle(FAILED, 0.0)
    found.hurry(1.0)
    assert found.take(0.9) is None  # its circuit is open until then
    assert [found.take(1.0).id, found.pause(1.0)] == ["0", 0.0]


def test_it_holds_1024_messages_and_remembers_4096():
    assert (CAPACITY, REMEMBERED) == (1024, 4096)
    found = queue(*map(str, range(1024)))
    assert len(found) == 1024
    assert found.add(message("new"), 0.0).id == "0"
    assert len(found) == 1024
    for number in range(4096 - 1026):
        found.remember(f"old{number}")
    assert found.knows("0")
    found.remember("one")
    assert found.knows("0")
    found.remember("one more")
    assert not found.knows("0")
    assert found.knows("1")


@pytest.mark.parametrize(
    ("waiting", "new", "dropped"),
    [
        (("warning", "critical"), "warning", "0"),
        (("critical", "warning"), "critical", "1"),
        (("critical", "critical"), "critical", "0"),
        (("critical", "critical"), "warning", "new"),
    ],
)
def test_what_is_dropped_is_not_critical_if_possible(waiting, new, dropped):
    found = Queue(capacity=2, jitter=lambda: 0.5)
    for number, severity in enumerate(waiting):
        assert found.add(message(str(number), severity), 0.0) is None
    assert found.add(message("new", new), 0.0).id == dropped


# -- what is kept of it ----------------------------------------------------------------------------


class Channel:
    """A channel that answers each message as its name says."""

    name, identity = "pager", "pager#1"

    def send(self, notification):
        return {"sent": Sent(), "refused": Rejected("no such place")}.get(notification.id, FAILED)


@pytest.fixture
def journal(tmp_path):
    """A journal in which a process left one message that arrived, one that was refused, and one that waits."""
    left = Journal(tmp_path)
    box = Outbox([Channel()], journal=left)
    for name in ("sent", "refused", "waits"):
        box.submit(message(name))
    assert box.close(1.0) == 1
    found = Journal(tmp_path)
    yield found
    found.close()


def test_a_journal_knows_what_became_of_each_message(journal, tmp_path):
    assert sorted(journal.known("pager#1")) == ["refused", "sent"]
    (kept,) = journal.waiting("pager#1")
    assert kept.notification.id == "waits"
    assert kept.tries in (1, 2)  # once more, if the first was not on its way as the process ended
    ((given_up),) = dead(tmp_path)
    assert (given_up.id, given_up.channel, given_up.reason, given_up.tries) == (
        "refused",
        "pager",
        "no such place",
        0,
    )
    assert "refused" in given_up.subject


@pytest.mark.parametrize(("channel", "count"), [("", 1), ("pager", 1), ("slack", 0)])
def test_what_was_given_up_is_queued_again_once(journal, tmp_path, channel, count):
    assert revive(tmp_path, journal, channel) == count
    assert len(journal.waiting("pager#1")) == 1 + count
    assert len(dead(tmp_path)) == 1 - count
    assert revive(tmp_path, journal, channel) == 0


def test_what_a_living_process_gave_up_is_taken_from_it(journal, tmp_path):
    other = Journal(tmp_path)
    try:
        assert revive(tmp_path, other) == 1
        assert [kept.notification.id for kept in other.waiting("pager#1")] == ["refused"]
        assert dead(tmp_path) == []
        assert sorted(journal.known("pager#1")) == ["sent"]
    finally:
        other.close()


def test_without_a_directory_nothing_was_given_up(tmp_path):
    assert dead(tmp_path / "none") == []


class Patient(FastClock):
    """Time that passes only once the outbox ends."""

    ending = False

    def wait(self, changed, seconds) -> None:
        if self.ending:
            super().wait(changed, seconds)
        else:
            changed.wait(60)


@pytest.mark.parametrize(("asked", "left"), [(4.5, 0), (5.0, 1)])
def test_closing_sends_what_may_be_sent_in_time_and_leaves_the_rest(asked, left):
    settled = threading.Event()

    class Watched(Queue):
        def settle(self, outcome, now):
            try:
                return super().settle(outcome, now)
            finally:
                settled.set()

    clock, channel = Patient(), Scripted(Retry("busy", asked))
    box = Outbox([channel], clock=clock, queue=lambda: Watched(jitter=lambda: 0.5))
    box.submit(message("a"))
    assert settled.wait(60)
    clock.ending = True
    assert box.close() == left  # within 5 s
    assert (len(channel.got), clock.time) == (2 - left, 0.0 if left else 5.0)


def test_closing_waits_for_a_message_in_flight_even_without_time_to_drain(monkeypatch):
    monkeypatch.setattr("runwatch.alerts.delivery.outbox.SETTLE", 60.0)
    inside, gate = threading.Event(), threading.Event()
    channel = Scripted(lambda: inside.set() or (gate.wait(60) and Sent()))
    box = Outbox([channel])
    box.submit(message("a"))
    assert inside.wait(60)
    threading.Timer(0.05, gate.set).start()
    assert box.close(0.0) == 0


@pytest.mark.parametrize(
    ("outcomes", "about"),
    [
        ([FAILED] * 2, []),
        ([FAILED] * 3, ["channel pager"] * 2),
        ([FAILED, FAILED, Sent(), FAILED, FAILED], []),
        ([Rejected("gone"), Sent(), Rejected("gone")], ["", ""]),
    ],
)
def test_an_outage_has_three_failures_in_a_row_and_a_notice_says_what_it_is_about(outcomes, about):
    notices, channel = [], Scripted(*outcomes)
    box = Outbox([channel], notices.append, clock=FastClock())
    for number in range(3):
        box.submit(message(str(number)))
        assert channel.sent.acquire(timeout=60)
    box.close()
    assert [notice.about for notice in notices] == about


def test_without_a_journal_a_look_does_nothing():
    box = Outbox([Scripted()])
    box.look()
    assert box.close() == 0
