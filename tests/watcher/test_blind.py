"""What cannot be read is blind: it never looks well, no rule judges its silence, and people are told."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.readability import GRACE, Lost, unheard, unread
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.headless import Headless
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.engine.views.views import Shown, rows
from runwatch.watcher.ingest import wire, workers
from runwatch.watcher.ingest.workers import Worker
from runwatch.watcher.persistence import frozen
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server
from runwatch.watcher.sources.member import Member

NOW = 1_700_000_000.0
DENIED, GONE = "Permission denied", "No such file or directory"


def steps(first: int, last: int, total: int = 5000) -> bytes:
    line = "step {0:05d}/{1:05d} ({2:.2f}%) | loss: {3:.6f} | dt: 1000.00ms\n"
    return "".join(line.format(n, total, 100 * n / total, 5 - n / 1000) for n in range(first, last)).encode()


class Watched:
    """One log that is followed, and the clock."""

    def __init__(self, **member: object) -> None:
        self.engine, self.now, self.step = Engine(), NOW, 0
        self.parsers: dict[str, StreamParser] = {}
        self.reported: list[tuple[str, str]] = []

    def opens(self, name: str = "/runs/a.log", member: Member | None = None) -> None:
        self.engine.add_source(name, "a", name, member)
        self.parsers[name] = StreamParser()

    def reads(self, data: bytes, name: str = "/runs/a.log", *, live: bool = True) -> None:
        batch = self.parsers[name].feed(data)
        self._note(self.engine.fold(name, batch, live=live, arrival=self.now, written=self.now))

    def trains(self, seconds: int, name: str = "/runs/a.log") -> None:
        """Make a step a second."""
        for _ in range(seconds):
            self.reads(steps(self.step, self.step + 1), name)
            self.step += 1
            self.passes(1)

    def loses(self, why: str = DENIED, name: str = "/runs/a.log", *, brief: bool = False) -> None:
        self.engine.lose(name, unread(name, why, self.now, brief=brief), self.now)

    def sees(self, name: str = "/runs/a.log") -> None:
        self.engine.see(name, self.now)

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 10)
            self._note(self.engine.tick(self.now))

    def _note(self, changes) -> None:
        self.reported += [(change.row.rule, change.kind) for change in changes if change.send]

    @property
    def run(self) -> dict:
        return document(self.engine, self.now)["runs"][-1]


@pytest.fixture
def watched() -> Watched:
    watched = Watched()
    watched.opens()
    watched.trains(60)
    assert watched.run["state"] == "running"
    assert watched.run["eta_seconds"] > 0
    return watched


@pytest.mark.parametrize(
    "lost", [unread("/runs/a.log", DENIED, NOW), unheard("/runs/a.log", "is stuck", NOW)]
)
def test_a_run_whose_log_cannot_be_read_is_blind_and_says_why(watched, lost):
    watched.engine.lose("/runs/a.log", lost, watched.now)
    run = watched.run
    assert (run["state"], run["health"], run["eta_seconds"]) == ("blind", "warning", None)
    assert run["reason"] == lost.reason
    (row,) = rows([Shown(group) for group in watched.engine.groups.values()], watched.now)
    assert (row.phase, row.reason, row.progress.eta_seconds) == ("blind", lost.reason, None)
    reported = list(Headless(watched.engine, 1.0, None).progress(watched.now))
    assert [(line["phase"], line["reason"]) for line in reported if line["type"] == "progress"] == [
        ("blind", lost.reason)
    ]


@pytest.mark.deep
def test_silence_is_not_judged_while_nothing_can_be_read(watched):
    watched.loses()
    watched.passes(3600)
    assert watched.reported == [("blind", "firing")]
    (incident,) = watched.run["incidents"]
    assert (incident["severity"], incident["title"]) == (
        "warning",
        "cannot read /runs/a.log: Permission denied",
    )
    watched.sees()
    watched.passes(300)  # of silence that is seen; a hang is 600 s of it
    assert watched.reported == [("blind", "firing"), ("blind", "resolved")]
    assert watched.run["reason"] is None
    watched.passes(600)
    assert ("hang", "firing") in watched.reported


def test_training_that_continued_unseen_is_no_hang(watched):
    watched.loses()
    watched.passes(3600)
    watched.sees()
    watched.trains(30)
    assert watched.reported == [("blind", "firing"), ("blind", "resolved")]
    assert watched.run["state"] == "running"


@pytest.mark.deep
def test_a_log_that_is_rotated_is_gone_for_a_moment_only(watched):
    watched.loses(GONE, brief=True)
    watched.passes(GRACE / 2)
    assert watched.run["state"] == "running"
    watched.sees()
    watched.trains(120)
    assert watched.reported == []


def test_a_log_that_was_deleted_under_its_run_is_blind_after_the_grace(watched):
    watched.loses(GONE, brief=True)
    watched.passes(GRACE)
    assert watched.run["state"] == "blind"
    assert watched.run["reason"].startswith("/runs/a.log is gone: ")
    assert watched.reported == [("blind", "firing")]


def test_a_deleted_log_that_is_still_written_is_read_on(watched):
    watched.loses(GONE, brief=True)
    watched.trains(80)
    assert (watched.run["state"], watched.reported) == ("running", [])
    watched.passes(GRACE)
    assert watched.run["state"] == "blind"


@pytest.mark.few(1)
@pytest.mark.parametrize("why", [DENIED, GONE])
def test_a_run_that_has_ended_stays_so(why):
    watched = Watched()
    watched.opens()
    watched.step = 4990
    watched.trains(10)
    watched.reads(b"Total training time: 83.00m\n")
    watched.passes(600)
    assert watched.run["state"] == "finished"
    reported = list(watched.reported)
    watched.loses(why)
    watched.passes(3600)
    assert (watched.run["state"], watched.reported) == ("finished", reported)


def test_one_ranks_log_of_several_does_not_blind_the_run():
    watched = Watched()
    for rank in range(2):
        watched.opens(f"/runs/rank{rank}.log", Member("/runs/a", "log", rank=rank))
    for _ in range(60):
        for rank in range(2):
            watched.reads(steps(watched.step, watched.step + 1), f"/runs/rank{rank}.log")
        watched.step += 1
        watched.passes(1)
    watched.loses(DENIED, "/runs/rank1.log")
    for _ in range(120):
        watched.reads(steps(watched.step, watched.step + 10), "/runs/rank0.log")
        watched.step += 10
        watched.passes(10)
    assert (watched.run["state"], watched.run["reason"]) == ("running", None)
    assert watched.reported == []  # rank 1 is not silent: it is not seen
    (unseen,) = watched.run["unseen"]
    assert unseen["path"] == "/runs/rank1.log"
    assert unseen["reason"].startswith("cannot read /runs/rank1.log: Permission denied")
    watched.loses(DENIED, "/runs/rank0.log")
    assert watched.run["state"] == "blind"


def test_a_log_that_was_never_read_is_shown_and_reported_while_it_is_written(watched):
    watched = Watched()
    watched.opens()
    watched.engine.sources["/runs/a.log"][1].written = NOW
    watched.loses()
    watched.passes(GRACE + 10)
    assert (watched.run["state"], watched.reported) == ("blind", [("blind", "firing")])
    watched.sees()
    watched.reads(b"nothing of a run\n")
    watched.passes(1200)
    assert watched.reported == [("blind", "firing"), ("blind", "resolved")]
    assert document(watched.engine, watched.now)["runs"] == []
    watched.trains(5)
    assert (watched.run["name"], watched.run["state"], watched.run["steps"]["records"]) == ("a", "running", 5)


def test_an_old_log_that_was_never_read_is_no_alarm():
    watched = Watched()
    watched.opens()
    watched.engine.sources["/runs/a.log"][1].written = NOW - 1e6
    watched.loses()
    watched.passes(3600)
    assert watched.reported == []
    assert document(watched.engine, watched.now)["runs"] == []


def test_blindness_is_kept_with_the_run(watched):
    watched.loses()
    watched.passes(GRACE)
    (group,) = watched.engine.groups.values()
    engine = Engine()
    engine.adopt(frozen.thaw(frozen.freeze(group, pytest.fail), Ruleset()))
    watched.engine = engine
    watched.passes(600)
    assert watched.run["state"] == "blind"
    assert watched.reported == [("blind", "firing")]
    watched.sees()
    watched.passes(10)
    assert watched.reported[1:] == [("blind", "resolved")]


# -- a layout that changes ------------------------------------------------------------------------


def other(first: int, last: int) -> bytes:
    return b"".join(
        b"[train] iteration=%d total_loss=%.4f lr=1e-4\n" % (n, 5 - n / 1000) for n in range(first, last)
    )


def drifted(data: bytes, cuts: list[int]) -> Engine:
    watched, start = Watched(), 0
    watched.opens()
    for cut in [*sorted(cuts), len(data)]:
        watched.reads(data[start:cut], live=False)
        start = cut
    watched.engine.finish(NOW)
    return watched.engine


@given(st.lists(st.integers(0, 30_000), max_size=8))
@settings(max_examples=20, deadline=None)
def test_a_log_that_is_no_longer_understood_is_blind_however_it_is_cut(cuts):
    (run,) = document(drifted(steps(0, 100) + other(100, 398), cuts), NOW)["runs"]
    assert run["state"] == "blind"
    assert run["reason"].startswith(
        "/runs/a.log grows, but its lines are no longer understood since line 101: "
    )
    (incident,) = run["incidents"]
    assert (incident["rule"], incident["severity"], incident["line"]) == ("blind", "warning", 100)


VALIDATION = b"".join(b"val batch %d/400 loss %.4f\n" % (n, 2 + n / 1000) for n in range(400))
SAMPLES = b"".join(b"sample %d: the loss of 3.5 million men in step %d.5\n" % (n, n) for n in range(400))
NOISE = b"".join(b"Loading shard %d/400: 3.%d GB\n" % (n, n) for n in range(400))


@pytest.mark.parametrize(
    "behind", [other(100, 190), VALIDATION, SAMPLES[:0] + NOISE, other(100, 398) + steps(398, 400)]
)
def test_what_is_no_training_or_is_read_again_blinds_nobody(behind):
    (run,) = document(drifted(steps(0, 100) + behind, []), NOW)["runs"]
    assert (run["state"], run["reason"]) != ("blind", None)
    assert [incident for incident in run["incidents"] if incident["rule"] == "blind"] == []


# -- where it is found ----------------------------------------------------------------------------


@pytest.mark.deep
async def test_what_a_stuck_reader_read_is_blind_until_another_one_reads_it(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "GRACE", 0.1)
    log = tmp_path / "train.log"
    log.write_bytes(steps(0, 30))
    said: asyncio.Queue[wire.Message] = asyncio.Queue()
    setup = wire.Setup((os.fsencode(log),))
    worker = Worker(setup, said.put_nowait, lambda notice: None, lambda why: None)

    async def until(kind: type) -> wire.Message:
        while not isinstance(message := await asyncio.wait_for(said.get(), 30), kind):
            pass
        return message

    running = asyncio.create_task(worker.run())
    try:
        assert not (await until(wire.Opened)).problem
        await until(wire.Read)
        assert worker._process is not None
        worker.deadline = 3.0
        os.kill(worker._process.pid, signal.SIGSTOP)
        lost = await until(wire.Sight)
        assert (lost.source, lost.paths) == ("", setup.paths)
        assert lost.why.startswith("did not answer for 3 s")
        worker.deadline = 30.0
        assert not (await until(wire.Opened)).problem
    finally:
        running.cancel()
        worker.stop()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_reader_that_is_lost_blinds_the_runs_it_read(tmp_path):
    logs = [str(tmp_path / name / "train.log") for name in "ab"]
    server = Server(Assignment(tuple(os.fsencode(log) for log in logs), socket=0))
    for log in logs:
        server.receive(wire.Opened(log, log, os.fsencode(log), 0))
        batch = StreamParser().feed(steps(0, 30))
        server.receive(wire.Read(log, batch, True, NOW, NOW, 0))
    server.receive(wire.Sight("", "ended unexpectedly", NOW, (os.fsencode(tmp_path / "a"),)))
    states = {run["name"]: run["reason"] for run in document(server.engine, NOW)["runs"]}
    assert states[logs[0]].startswith(f"cannot read {logs[0]}: its reader ended unexpectedly: ")
    assert states[logs[1]] is None
    server.receive(wire.Opened(logs[0], logs[0], os.fsencode(logs[0]), 0))
    assert [run["reason"] for run in document(server.engine, NOW)["runs"]] == [None, None]


def test_what_is_hostile_in_a_name_reaches_nobody():
    lost = unread("/runs/\x1b[31m a.log", "no\x1b[2J way", 0.0)
    assert isinstance(lost, Lost)
    assert "\x1b" not in lost.reason
