"""What checkpoints say together."""

from __future__ import annotations

import pytest

from runwatch.core.block import Block
from runwatch.core.checkpoint import (
    LOOK_EVERY,
    Checkpoint,
    Checkpoints,
    Look,
    State,
    in_order,
    last_good,
    summarise,
)
from runwatch.core.fold.run import Run
from runwatch.watcher.engine.views.checkpoint_view import saving


def saved(step, when=None, state=State.COMPLETE, **more):
    when = 60.0 * step if when is None else when
    fields = {"bytes": 1000, "files": 1, "begun": when, "written": when, **more}
    return Checkpoint(id=f"c{step}", path=f"c{step}", kind="torch", state=state, step=step, **fields)


def test_the_last_good_one_is_not_the_newest_that_is_broken():
    known = [saved(100), saved(200), saved(300, state=State.DAMAGED), saved(400, state=State.WRITING)]
    assert last_good(known).step == 200
    assert last_good(known, until=199).step == 100
    assert last_good(known, until=99) is None
    assert summarise(known).newest.step == 400


def test_after_going_back_the_last_good_one_is_the_last_written():
    known = [saved(s, 10.0 * s) for s in (100, 200, 300, 400)] + [saved(250, 5000.0)]
    assert last_good(known).step == 250


def test_in_a_copied_directory_steps_show_the_order():
    jumbled = [saved(s, 1000.0 + (s * 7) % 11) for s in range(1, 10)]
    assert [c.step for c in in_order(jumbled)] == list(range(1, 10))


def test_cadence_is_not_moved_by_a_pause_or_the_odd_last_one():
    times = {100: 0.0, 200: 60.0, 300: 120.0, 400: 9000.0, 500: 9060.0, 520: 9072.0}
    summary = summarise([saved(step, when) for step, when in times.items()])
    assert (summary.interval, summary.interval_seconds, summary.gaps) == (100, 60.0, 5)
    assert (summary.next_at, summary.next_time) == (620, 9132.0)


def test_one_alone_claims_no_cadence():
    summary = summarise([saved(100)], free=10_000)
    assert (summary.interval, summary.next_time, summary.gaps, summary.full_time) == (None, None, 0, None)
    assert summary.room == 10


def test_the_disk_is_full_when_the_first_that_does_not_fit_is_due():
    summary = summarise([saved(1, 0.0), saved(2, 100.0), saved(3, 200.0)], free=2500)
    assert summary.room == 2
    assert summary.full_time == 500.0  # those due at 300 and 400 fit


def test_rotation_makes_room():
    gone = [saved(s, state=State.DELETED, deleted=60.0 * (s + 2)) for s in (1, 2, 3)]
    summary = summarise([*gone, saved(4), saved(5)], free=500)
    assert (summary.rotates, summary.present, summary.deleted, summary.full_time) == (True, 2, 3, None)


def test_deletions_long_ago_are_no_rotation():
    gone = [saved(1, state=State.DELETED, deleted=61.0)]
    assert not summarise([*gone, saved(2), saved(3), saved(4)]).rotates


def test_a_shrunken_one_is_seen_against_the_three_before_it():
    known = [saved(s) for s in (1, 2, 3)] + [saved(4, bytes=450)]
    assert summarise(known).size_ratio == pytest.approx(0.45)


def test_nothing_is_known_of_nothing():
    assert summarise([]).last_good is None
    assert summarise([], free=10).room is None


def test_looks_are_folded_by_id_and_problems_clear():
    known = Checkpoints()
    known.fold(Look("d", (saved(1), saved(2, state=State.WRITING)), free=100))
    known.fold(Look("d", problem="Stale file handle"))
    assert known.problems == {"d": "Stale file handle"}
    assert known.last_good().step == 1
    known.fold(Look("d", (saved(2),)))
    assert not known.problems
    assert [c.step for c in known] == [1, 2]
    assert known.summary().last_good.step == 2


def reported(now, phase="training", total=None):
    """What the view of checkpoints says of a run that saved every 100 steps, every 20 s."""
    run = Run("r", "r")
    run.fold(Block({}, None, total=total))
    run.checkpoints.fold(Look("d", (saved(100, 0.0), saved(200, 20.0), saved(300, 40.0))))
    seen = saving(run, phase, now)
    return seen.next_at, seen.next_in


def test_what_may_be_there_unseen_is_not_late():
    assert reported(50.0) == (400, 10.0)
    assert reported(60.0 + 2 * LOOK_EVERY) == (400, 0.0)
    assert reported(61.0 + 2 * LOOK_EVERY) == (400, -1.0 - 2 * LOOK_EVERY)


def test_no_checkpoint_is_next_after_the_end():
    assert reported(99.0, total=400)[0] == 400
    assert reported(99.0, total=300) == (None, None)
    assert reported(99.0, "finished") == reported(99.0, "crashed") == (None, None)
