"""When the state of a run is committed, and what of it."""

from __future__ import annotations

import time

from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence import keeper
from runwatch.watcher.persistence.store import Store

from .life import BEFORE_NAN, HALF, WHOLE


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
    (run,) = two.document()
    two.server._read()
    assert two.document() == []
    two.end()
    kept = Store(world.root / "state")
    assert kept.load().groups == {}
    assert len(kept.incidents([run["id"]])) == 1
