"""Another version of runwatch reads the logs again, and keeps what no log says."""

from __future__ import annotations

from runwatch.watcher.persistence import frozen

from .life import HALF, HOUR, NANS, WHOLE
from .test_engine import log


async def test_another_version_reads_the_logs_again_and_reports_nothing_twice(world, monkeypatch):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:NANS])
    one.read()
    assert world.reported(1) == ["firing nonfinite"]
    one.end()
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    two = world.live()
    two.tick()
    assert two.document()[0]["metrics"]["train/grad_norm"]["count"] == 310
    assert any("kept by another version" in line for line in two.notices())
    world.write(log(400)[len(log(400)) // 2 :])
    two.read()
    assert world.reported(2) == ["firing nonfinite", "resolved nonfinite"]
    two.end()


async def test_another_version_forgets_what_is_watched_no_longer(world, monkeypatch):
    one = world.live()
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    world.paths = [world.root / "logs"]
    world.paths[0].mkdir()
    two = world.live()
    assert (two.notices(), two.store.load().groups) == ((), {})
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
    assert world.reported(1) == ["firing nonfinite"]


async def test_another_version_reports_late_what_arose_meanwhile(world, monkeypatch):
    one = world.live(ago=3 * HOUR)
    world.write(WHOLE[:HALF])
    one.read()
    one.end()
    world.write(WHOLE[HALF:])
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    two = world.live()
    two.tick()
    assert world.reported(1) == ["firing nonfinite"]
    assert "found late" in world.hook.got[0].body["note"]
    two.end()
