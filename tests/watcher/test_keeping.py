"""What an engine kept, the next one continues with: in one process, message by message."""

from __future__ import annotations

import time

import msgspec

from runwatch.alerts.routing.silences import silence
from runwatch.watcher.ingest.directories import DirectorySource
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.service.server import Server
from runwatch.watcher.sources.discover import find

from ..daemon.live import until
from .life import BEFORE_NAN, HALF, HOUR, NANS, WHOLE
from .test_engine import log


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
    assert world.reported(1) == ["firing nonfinite"]
    assert not any("found late" in str(r.body) for r in world.hook.got)
    three.end()


async def test_what_people_receive_is_committed_first_and_sent_once(world):
    one = world.live()
    world.write(WHOLE)
    one.read()
    assert world.reported(1) == ["firing nonfinite"]
    one.die()  # what was told is not struck off yet
    two = world.live()
    assert len(two.document()[0]["incidents"]) == 1
    two.end()
    assert world.reported(1) == ["firing nonfinite"]


async def test_what_was_committed_and_not_handed_over_is_reported_by_the_next(world, monkeypatch):
    one = world.live()
    world.write(WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr(Server, "_hand", lambda self, changes: None)
        one.read()
    one.die()
    assert world.hook.got == []
    two = world.live()
    assert world.reported(1) == ["firing nonfinite"]
    two.end()


async def test_the_end_of_an_incident_is_reported_after_a_restart_in_good_order(world):
    one = world.live()
    world.write(WHOLE[:NANS])
    one.read()
    world.reported(1)
    one.end()
    two = world.live(ago=-2 * HOUR)
    world.write(log(400)[len(log(400)) // 2 :])
    two.read()
    assert world.reported(2) == ["firing nonfinite", "resolved nonfinite"]
    two.end()


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
