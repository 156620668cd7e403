"""What happened between two engines, while none watched: reported late, once, or not if it is history."""

from __future__ import annotations

import time

import pytest

from runwatch.core.sample import Process, Processes
from runwatch.watcher.ingest import feeds
from runwatch.watcher.persistence import frozen
from runwatch.watcher.sources.tail import Tail

from .life import HALF, HOUR, WHOLE, Life, silent


async def test_what_arose_while_nobody_watched_is_reported_late(world):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    world.write(WHOLE[HALF:])
    two = world.live()
    assert world.reported(1) == ["firing nonfinite"]
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
    assert world.reported(1) == ["firing nonfinite"]
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
    assert world.reported(1) == ["firing hang"]
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
    assert world.reported(1) == ["firing hang"]
    two.end()


async def test_what_had_ended_before_anyone_watched_is_not_reported_after_a_restart_either(world):
    world.write(WHOLE[:HALF])
    for ago in (60.0, 0.0):
        life = world.live(ago=ago)
        silent(life)
        life.end()
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
