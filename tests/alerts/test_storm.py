"""Thousands of findings in a minute over many runs, on a clock of our own."""

import time

import msgspec
import pytest

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.routing.grouping import Alert, AlertGroup
from runwatch.alerts.routing.policy import BUILT_IN, Damping, Policy, Receiver, Route
from runwatch.alerts.routing.router import Router
from runwatch.core.findings import Finding, Severity, Verdict

MINUTE = 60.0
PER_MINUTE = 30


class Storm:
    """A router, what it keeps on disk, and what it tells."""

    def __init__(self, runs: int, findings: int) -> None:
        self.books = [IncidentBook(f"id{number}", f"run{number}") for number in range(runs)]
        self.findings = findings
        route = Route(group_by=("run",), group_wait=10.0, group_interval=60.0)
        policy = Policy((Receiver("slack", per_minute=PER_MINUTE),), (), route, BUILT_IN, None, Damping(3))
        self.router = Router(policy, epoch="e", lasting=True, local=time.gmtime)
        self.now, self.kept, self.reported = 0.0, {}, []

    def wave(self, verdict: Verdict) -> None:
        """Let every rule of every run find something, within a minute."""
        for number in range(self.findings):
            self.now += MINUTE / self.findings
            finding = Finding(
                f"rule{number // len(self.books)}",
                verdict,
                Severity.WARNING,
                f"finding {number}",
                step=number,
            )
            change = self.books[number % len(self.books)].apply(finding, now=self.now, live=True)
            scope = f"{number}"
            self.router.take(Alert(change.row, "h", self.now, number=change.number, scope=scope), self.now)
            self.speak()

    def calm(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.router.due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.speak()
        self.now = end

    def speak(self) -> None:
        due = self.router.due()
        if due is not None and due <= self.now:
            self.reported += [message for _, message in self.router.flush(self.now)]
        for key, body in self.router.changes().items():
            self.kept.pop(key, None)
            if body is not None:
                self.kept[key] = body

    def size(self) -> int:
        """Return the bytes that routing keeps, which is all that it knows."""
        return sum(len(key) + len(body) for key, body in self.kept.items())


@pytest.mark.parametrize(
    ("runs", "findings"), [(40, 2000), pytest.param(100, 10_000, marks=pytest.mark.deep)]
)
def test_a_storm_becomes_few_messages_that_count_every_finding(runs, findings):
    storm = Storm(runs, findings)
    storm.wave(Verdict.FIRING)
    storm.calm(600.0)
    assert len(storm.reported) <= PER_MINUTE * (storm.now / MINUTE + 1)
    assert len(storm.reported) <= 5 * runs
    groups = [
        msgspec.msgpack.decode(b, type=AlertGroup) for k, b in storm.kept.items() if k.startswith("group/")
    ]
    assert sum(len(group.sent) for group in groups) == findings, "each was named or counted in a message"
    assert all(len(book.every()) == findings // runs for book in storm.books)

    before = len(storm.reported)
    storm.wave(Verdict.CLEAR)
    storm.calm(600.0)
    assert sum(1 + len(m.more) + m.left_out for m in storm.reported[before:]) >= findings
    assert not any(key.startswith(("alert/", "group/")) for key in storm.kept), "what is over is forgotten"
    msgspec.msgpack.decode(next(body for key, body in storm.kept.items() if key.startswith("flap/")))


@pytest.mark.deep
def test_storms_that_come_and_go_grow_silent_and_do_not_pile_up():
    storm, sizes, spoken = Storm(20, 400), [], []
    for _ in range(6):
        before = len(storm.reported)
        storm.wave(Verdict.FIRING)
        storm.wave(Verdict.CLEAR)
        sizes.append(storm.size())
        spoken.append(len(storm.reported) - before)
    assert spoken[-1] == 0, "all of it flaps"
    assert sizes[-1] <= 1.05 * sizes[-2]
