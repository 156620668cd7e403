"""What an engine kept, the next one goes on with: in one process, message by message."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runwatch.alerts.routing.silences import silence
from runwatch.core.sample import Process, Processes
from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.engine.document import document
from runwatch.watcher.ingest import feeds, wire
from runwatch.watcher.ingest.directories import DirectorySource
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.ingest.worker import Reader
from runwatch.watcher.persistence import frozen, keeper
from runwatch.watcher.persistence.store import Store
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server
from runwatch.watcher.sources.discover import find
from runwatch.watcher.sources.tail import Tail

from ..alerts.endpoints import HttpServer
from ..daemon.live import until
from .test_engine import log

HOUR = 3600.0


class Life:
    """An engine from its start to its death, which reads in this process."""

    def __init__(self, root: Path, paths: list[Path], config: Path, *, ago: float = 0.0) -> None:
        """It commits as if it lived `ago` seconds ago."""
        raw = tuple(map(os.fsencode, paths))
        state = os.fsencode(root / "state")
        self.server = Server(Assignment(raw, config=os.fsencode(config), state=state))
        self.keeper, self.store = self.server.keeper, self.server.store
        self.store._now = lambda: time.time() - ago
        setup = self.keeper.ready(wire.Setup(raw, wait=True))
        setup = msgspec.json.decode(msgspec.json.encode(setup), type=wire.Setup)
        self.reader = Reader(setup)
        for source in self.reader.sources:
            self._send(
                wire.Opened(
                    source.id,
                    source.name,
                    os.fsencode(source.path),
                    source.left,
                    source.written(),
                    source.member,
                )
            )
        self.read()

    def _send(self, message: wire.Message) -> None:
        self.server.receive(wire.decode(wire.encode(message)[wire.HEADER.size :]))

    def read(self) -> None:
        """Read all there is."""
        while self.reader.sweep(self._send):
            pass

    def tick(self) -> None:
        """Let a second pass."""
        now = time.time()
        read = [group for group, shown in self.server.shown.items() if not shown.left]
        self.server.changed(self.keeper.late(self.server.engine.tick(now, read)))
        self.server.changed(self.keeper.settled(read))
        self.keeper.tick()

    def die(self) -> None:
        """End without a commit."""
        self.server.notifier._outbox._journal.close() if self.server.notifier._outbox else None
        self.store.close()

    def end(self) -> None:
        """End in good order."""
        self.server.notifier.close()
        self.keeper.close()

    def document(self) -> list:
        return document(self.server.engine, 1e9)["runs"]

    def incidents(self) -> tuple[IncidentRow, ...]:
        (group,) = self.server.engine.groups.values()
        return group.runs[-1].incidents.every()

    def notices(self) -> tuple[str, ...]:
        return self.server.notices


class World:
    def __init__(self, root: Path, hook: HttpServer) -> None:
        self.root, self.hook, self.paths = root, hook, [root / "run.log"]
        self.paths[0].write_bytes(b"")
        self.config = root / "runwatch.toml"
        self.config.write_text(f"[channels.hook]\ntype = 'webhook'\nurl = '{hook.url}'\nper_minute = 600\n")

    def live(self, ago: float = 0.0) -> Life:
        return Life(self.root, self.paths, self.config, ago=ago)

    def write(self, data: bytes) -> None:
        with self.paths[0].open("ab") as file:
            file.write(data)

    def told(self, count: int) -> list[str]:
        """Wait for so many messages; return what they say happened, of those that are repeated once."""
        end = time.monotonic() + 60
        while len({r.body["id"] for r in self.hook.got}) < count and time.monotonic() < end:
            time.sleep(0.01)
        bodies = {r.body["id"]: r.body for r in self.hook.got}
        return [f"{body['change']} {body['incident']['rule']}" for body in bodies.values()]


@pytest.fixture
async def world(tmp_path, monkeypatch) -> Iterator[World]:
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RUNWATCH_SLACK_WEBHOOK", "")
    monkeypatch.setenv("no_proxy", "*")
    with HttpServer() as hook:
        yield World(tmp_path, hook)


WHOLE = log(400, faults=dict.fromkeys(range(300, 400), "nan"))
HALF, BEFORE_NAN = WHOLE.index(b"step 00200"), WHOLE.index(b"step 00300")
NANS = WHOLE.index(b"step 00310")


async def test_it_continues_where_the_last_commit_was(world):
    one = world.live()
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    two = world.live()
    world.write(WHOLE[HALF:BEFORE_NAN])
    two.read()
    two.die()  # nothing of this was committed
    three = world.live()
    world.write(WHOLE[BEFORE_NAN:])
    three.read()
    (run,) = three.document()
    assert run["metrics"]["train/grad_norm"]["count"] == 400
    assert run["lines"] == 400
    assert world.told(1) == ["firing nonfinite"]
    assert not any("found late" in str(r.body) for r in world.hook.got)
    three.end()


async def test_what_people_receive_is_committed_first_and_sent_once(world):
    one = world.live()
    world.write(WHOLE)
    one.read()
    assert world.told(1) == ["firing nonfinite"]
    one.die()  # what was told is not struck off yet
    two = world.live()
    assert len(two.document()[0]["incidents"]) == 1
    two.end()
    assert world.told(1) == ["firing nonfinite"]


async def test_what_was_committed_and_not_handed_over_is_reported_by_the_next(world, monkeypatch):
    one = world.live()
    world.write(WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr(Server, "_hand", lambda self, changes: None)
        one.read()
    one.die()
    assert world.hook.got == []
    two = world.live()
    assert world.told(1) == ["firing nonfinite"]
    two.end()


async def test_the_end_of_an_incident_is_reported_after_a_restart_in_good_order(world):
    one = world.live()
    world.write(WHOLE[:NANS])
    one.read()
    world.told(1)
    one.end()
    two = world.live(ago=-2 * HOUR)
    world.write(log(400)[len(log(400)) // 2 :])
    two.read()
    assert world.told(2) == ["firing nonfinite", "resolved nonfinite"]
    two.end()


async def test_what_arose_while_nobody_watched_is_reported_late(world):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    world.write(WHOLE[HALF:])
    two = world.live()
    assert world.told(1) == ["firing nonfinite"]
    (message,) = world.hook.got
    assert message.body["note"].startswith("found late: runwatch had not been watching for 3h 0")
    two.end()


async def test_a_file_that_appeared_while_nobody_watched_is_no_history(world):
    world.paths = [world.root / "logs"]
    world.paths[0].mkdir()
    (world.paths[0] / "old.log").write_bytes(WHOLE)
    one = world.live(ago=3 * HOUR)
    one.end()
    (world.paths[0] / "new.log").write_bytes(WHOLE)
    two = world.live()
    assert world.told(1) == ["firing nonfinite"]
    assert world.hook.got[0].body["run"] == "new"
    two.end()


async def test_history_that_was_not_read_to_its_end_stays_history(world, monkeypatch):
    resume = Tail.resume
    with monkeypatch.context() as patch:
        patch.setattr(Tail, "resume", lambda path, position: resume(path, position, block=5000))
        patch.setattr(feeds, "TOGETHER", 0)
        patch.setattr(Life, "read", lambda self: self.reader.sweep(self._send))
        world.write(WHOLE)
        one = world.live()
    assert one.document()[0]["metrics"]["train/loss"]["nonfinite"] == 0
    one.end()
    two = world.live()
    assert two.document()[0]["metrics"]["train/loss"]["nonfinite"] == 100
    two.end()
    assert world.hook.got == []


async def test_another_version_reads_the_logs_again_and_reports_nothing_twice(world, monkeypatch):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:NANS])
    one.read()
    assert world.told(1) == ["firing nonfinite"]
    one.end()
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    two = world.live()
    two.tick()
    assert two.document()[0]["metrics"]["train/grad_norm"]["count"] == 310
    assert any("kept by another version" in line for line in two.notices())
    world.write(log(400)[len(log(400)) // 2 :])
    two.read()
    assert world.told(2) == ["firing nonfinite", "resolved nonfinite"]
    two.end()


async def test_another_version_keeps_what_no_log_says(world, monkeypatch):
    one = world.live()
    world.write(WHOLE[:NANS])
    one.read()
    (row,) = one.incidents()
    assert row.since is not None
    one.server.changed([one.server.engine.acknowledge(row.id)])
    one.end()
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    two = world.live()
    two.tick()
    (again,) = two.incidents()
    assert (again.id, again.since, again.state) == (row.id, row.since, "acknowledged")
    two.end()
    assert world.told(1) == ["firing nonfinite"]


async def test_another_version_reports_late_what_arose_meanwhile(world, monkeypatch):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    world.write(WHOLE[HALF:])
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    two = world.live()
    two.tick()
    assert world.told(1) == ["firing nonfinite"]
    assert "found late" in world.hook.got[0].body["note"]
    two.end()


def silent(life: Life) -> None:
    """Let an hour pass in which nothing is written."""
    life.server.changed(life.server.engine.tick(time.time() + HOUR))


@pytest.mark.parametrize("shape", ["", "another"])
async def test_a_run_that_was_watched_and_died_while_nobody_did_is_reported(world, monkeypatch, shape):
    one = world.live(ago=60.0)
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    if shape:
        monkeypatch.setattr(frozen, "shape", lambda: shape)
    two = world.live()
    silent(two)
    assert world.told(1) == ["firing hang"]
    two.end()


async def test_a_run_whose_process_was_seen_and_died_while_nobody_watched_is_reported(world):
    world.write(WHOLE[:HALF])
    world.live(ago=120.0).end()
    one = world.live(ago=60.0)
    (group,) = one.server.engine.groups
    process = Process(4711, time.time() - 60, "main", "python train.py", "sleeping", 1)
    one.server.sampled(group, Processes(time.time(), (process,)))
    one.tick()
    one.end()
    two = world.live()
    silent(two)
    assert world.told(1) == ["firing hang"]
    two.end()


async def test_what_had_ended_before_anyone_watched_is_not_reported_after_a_restart_either(world):
    world.write(WHOLE[:HALF])
    for ago in (60.0, 0.0):
        life = world.live(ago=ago)
        silent(life)
        life.end()
    assert world.hook.got == []


async def test_acknowledged_stays_acknowledged(world):
    one = world.live()
    world.write(WHOLE)
    one.read()
    (watched,) = (watched for _, watched in one.server.engine.runs())
    (row,) = watched.incidents.rows()
    one.server.changed([watched.incidents.acknowledge(row.id)])
    one.die()
    two = world.live()
    assert two.document()[0]["incidents"][0]["state"] == "acknowledged"
    two.end()


async def test_a_rotated_log_is_committed_at_once(world):
    one = world.live()
    one.keeper.tick()
    world.write(WHOLE[:HALF])
    one.read()
    one.keeper.tick()
    (before,) = one.store.load().groups.values()
    world.paths[0].rename(world.root / "run.log.1")
    world.write(WHOLE[HALF:BEFORE_NAN])
    one.read()
    one.keeper.tick()
    assert one.store.load().groups != {str(world.paths[0]): before}
    one.end()


async def test_large_bodies_are_committed_less_often(world, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(keeper, "RATE", 1000.0)
    monkeypatch.setattr(keeper, "BURST", 1000.0)
    one = world.live()
    one.keeper._clock = lambda: now[0]
    one.keeper._filled = one.keeper._committed = one.keeper._swept = 0.0
    one.keeper._dirty.clear()
    saved = []
    commit = one.store.commit
    one.store.commit = lambda groups=(), *a, **k: saved.extend(groups) or commit(groups, *a, **k)
    for second in range(100):
        now[0] = 6.0 * second
        world.write(WHOLE[:HALF].splitlines(keepends=True)[second % 100])
        one.read()
        one.keeper.tick()
    written = sum(len(group.body) for group in saved)
    assert 5 < len(saved) < 90
    assert written < 1000 + 600 * 1000 + 2 * len(saved[-1].body)
    one.end()


async def test_the_whole_state_goes_into_a_file_that_begins_again(world):
    one = world.live()
    world.write(WHOLE[:HALF])
    one.read()
    one.keeper._commit(one.server.engine.groups)
    one.store.path.unlink()
    one.keeper._commit(())
    one.end()
    assert any("was removed while it was in use" in line for line in one.notices())
    two = world.live()
    assert two.document() == one.document()
    two.end()


async def test_standard_input_is_not_continued(world):
    one = world.live()
    one._send(wire.Opened("-", "stdin", b"-", 0))
    batch = wire.Batch(0, 0)
    one._send(wire.Read("-", batch, True, time.time(), None, 0))
    one.end()
    kept = Store(world.root / "state").load()
    assert "-" not in kept.groups


async def test_what_is_no_longer_watched_is_forgotten(world):
    one = world.live()
    world.write(WHOLE)
    one.read()
    one.end()
    world.paths = []
    two = world.live()
    assert len(two.document()) == 1
    two.server._read()
    assert two.document() == []
    two.end()
    kept = Store(world.root / "state")
    assert kept.load().groups == {}
    assert len(kept.history()) == 1


async def test_silences_outlive_the_engine_that_got_them(world):
    one = world.live()
    one.server.notifier.silence(silence(["rule=nonfinite"], HOUR, now=time.time()))
    one.end()
    two = world.live()
    assert len(two.server.notifier.silences()) == 1
    world.write(WHOLE)
    two.read()
    assert two.document()[0]["incidents"] != []
    two.end()
    assert world.hook.got == []


async def test_checkpoints_deleted_while_nobody_watched_are_known_to_be(world):
    directory = world.root / "out"
    directory.mkdir()
    for step in (100, 200, 300):
        (directory / f"model_{step:06d}.pt").write_bytes(b"PK" + bytes(4000))
        (directory / f"meta_{step:06d}.json").write_text(f'{{"step": {step}}}')
    world.paths = [directory]
    one = world.live()
    (run,) = (watched.run for _, watched in one.server.engine.runs())
    states = {c.step: c.state for c in run.checkpoints}
    one.end()
    for name in ("model_000100.pt", "meta_000100.json"):
        (directory / name).unlink()
    two = world.live()
    (run,) = (watched.run for _, watched in two.server.engine.runs())
    after = {c.step: c.state.value for c in run.checkpoints}
    assert after == {**{step: state.value for step, state in states.items()}, 100: "deleted"}
    two.end()


async def test_metrics_next_to_checkpoints_are_reported_once(world):
    directory = world.root / "out"
    directory.mkdir()
    world.paths = [directory]

    def write(rows: int) -> None:
        (directory / "trainer_state.json").write_bytes(
            msgspec.json.encode(
                {
                    "global_step": rows,
                    "max_steps": 100,
                    "log_history": [
                        {"loss": 3.0 / (1 + s), "step": s, "epoch": s / 50} for s in range(1, rows)
                    ],
                }
            )
        )

    (directory / "checkpoint-10").mkdir()
    (directory / "checkpoint-10" / "model.safetensors").write_bytes(bytes(100))
    write(20)
    one = world.live()
    one.end()
    write(30)
    two = world.live()

    def counted() -> bool:
        two.read()
        (run,) = two.document()
        return run["metrics"]["train/loss"]["count"] == 29

    until(counted)  # a document at rest is read once it has rested
    two.end()


def test_find_is_what_the_reader_finds(tmp_path):
    """The harness above names sources as a worker does."""
    (tmp_path / "a.log").write_bytes(b"")
    (found,) = find([str(tmp_path / "a.log")])
    assert LogSource(found).id == str(tmp_path / "a.log")
    assert DirectorySource.history == 0


async def test_a_clock_that_was_set_back_makes_no_age_negative(world):
    one = world.live()
    world.write(WHOLE[:HALF])
    one.read()
    one.store._now = lambda: time.time() + 5 * HOUR
    for group in one.server.engine.groups.values():
        group.runs[-1].run.progressed = time.time() + 5 * HOUR
    one.end()
    two = world.live()
    (watched,) = (watched for _, watched in two.server.engine.runs())
    assert abs(watched.run.progressed - time.time()) < 60
    two.end()
