"""Saving that stalls a run, and GPUs that compute little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_slow import CheckpointSlow
from runwatch.alerts.rules.speed.low_mfu import LowMfu
from runwatch.core.batch import Event
from runwatch.core.block import Block, Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Ended, Machine
from runwatch.core.sample import Gpu, Gpus, Process, Processes

from .columns import Log, brief

EVERY = 20
"""Rows between two checkpoints."""


def watch(pauses, live=True, rule=None, held=False):
    """Return what is found while rows arrive each second, with a pause after every 20th.

    `held`: the row before a pause is held back, and arrives with the row behind it.
    """
    count = EVERY * (len(pauses) + 1)
    saves = [EVERY * number for number in range(1, len(pauses) + 1)]
    events = [Event("checkpoint", row * 100 - 50, row, "Saving checkpoint") for row in saves]
    log = Log(train__loss=np.ones(count), events=events)
    one, clock, found = rule or CheckpointSlow(), 1000.0, []
    for row in range(count):
        clock += 1.0 + (pauses[saves.index(row)] if row in saves else 0.0)
        if held and row + 1 in saves:
            continue
        first = row - 1 if held and row in saves else row
        block = log.block(first, row + 1)
        said = [event for event in events if first * 100 - 100 <= event.offset < row * 100]
        found += one.observe(replace(block, events=said, live=live, arrival=clock if live else 0.0))
    return found


def test_saves_that_get_slow_are_reported_and_end():
    found = watch([90, 10, 11, 9, 100, 110, 120, 10])
    assert brief(found) == [("firing", "warning", 120), ("clear", "info", 160)]
    assert found[0].title == "training waited 1m 50s for the last checkpoint, usually 11 s"


def test_a_save_may_arrive_between_two_rows_of_one_block():
    found = watch([90, 10, 11, 9, 100, 110, 120, 10], held=True)
    fired, clear = found
    assert fired.title == "training waited 1m 50s for the last checkpoint, usually 11 s"
    assert (clear.verdict.value, clear.evidence["pause_seconds"]) == ("clear", pytest.approx(10))


def test_among_many_rows_that_arrive_at_once_no_pause_is_seen():
    """Where rows get slower, what is left of a block's time behind its usual rows is no pause of a save."""
    events = [Event("checkpoint", row * 100 - 50, row, "Saving checkpoint") for row in range(10, 400, 20)]
    times = np.where(np.arange(400) < 200, 1.0, 30.0)
    log = Log(train__loss=np.ones(400), perf__step_time=times, events=events)
    one, clock, found = CheckpointSlow(), 1000.0, []
    for row in range(0, 400, 20):
        clock += 10.0 + float(times[row : row + 20].sum())
        said = [event for event in events if row * 100 <= event.offset < (row + 20) * 100]
        found += one.observe(replace(log.block(row, row + 20), events=said, live=True, arrival=clock))
    assert found == []


def test_saves_among_many_rows_that_arrive_at_once_show_what_is_usual():
    """A daemon that looks every ten seconds sees a pause only once it is long."""
    events = [Event("checkpoint", row * 100 - 50, row, "Saving checkpoint") for row in range(10, 300, 20)]
    log = Log(train__loss=np.ones(300), perf__step_time=np.full(300, 1.0), events=events)
    one, clock, found = CheckpointSlow(), 1000.0, []
    for low, high, pause in [
        *((row, row + 20, 2.0) for row in range(0, 160, 20)),
        (160, 170, 0.0),
        (170, 190, 80.0),
        (190, 210, 80.0),
        (210, 230, 2.0),
        (230, 250, 2.0),
    ]:
        clock += float(high - low) + pause
        said = [event for event in events if low * 100 - 100 <= event.offset < high * 100 - 100]
        found += one.observe(replace(log.block(low, high), events=said, live=True, arrival=clock))
    fired, clear = found
    assert fired.title == "training waited 1m 20s for the last checkpoint, usually 2.00 s"
    assert (clear.verdict.value, clear.evidence["pause_seconds"]) == ("clear", pytest.approx(2))


@pytest.mark.parametrize(
    "pauses",
    [
        [90, 10, 11, 9, 100, 10, 100, 10],  # never two in a row
        [90, 10, 11, 9, 35, 36, 38],  # not much longer
        [90, 10, 100, 100],  # too few are known
        [300, 310, 290, 600, 620, 610],  # twice as long
        [90, 70, 0, 94, 0, 0, 95, 0, 54, 77],  # saves that take no time, and complete ones
    ],
)
def test_saves_that_are_not_reported(pauses):
    assert watch(pauses) == []


def waiting(seconds, phase="checkpointing", **more):
    """The state of a run whose newest row, 179, arrived `seconds` ago."""
    more.setdefault("fraction", 0.5)
    return Status(now=5000.0, phase=phase, silent_for=seconds, last_step=179, last_line=180, **more)


def writing(seconds, state=State.WRITING):
    """What a directory shows in which a checkpoint was last written to `seconds` ago."""
    newest = Checkpoint("1", "/runs/1", "torch", state, step=179, written=5000.0 - seconds)
    return Summary(newest=newest)


def known(**thresholds):
    """A rule that knows four saves of about ten seconds, none of them reported."""
    rule = CheckpointSlow(**thresholds)
    assert watch([90, 10, 11, 9, 10, 10, 10, 10], rule=rule) == []
    return rule


def test_a_save_that_is_not_over_is_reported_at_the_time_of_two_slow_ones():
    rule = known()
    assert rule.tick(waiting(80.9)) == []
    (found,) = rule.tick(waiting(81.1))  # 2 * (10 + 30), and a second of a row
    assert brief([found]) == [("firing", "warning", 179)]
    assert found.title == "training has waited 1m 20s for the last checkpoint, usually 10 s"
    assert rule.tick(waiting(900)) == []
    assert rule.tick(waiting(900, phase="training", checkpoints=writing(3))) == []


def test_where_no_pause_is_known_a_save_may_take_ten_minutes():
    rule = CheckpointSlow()
    assert rule.tick(waiting(600)) == []
    (found,) = rule.tick(waiting(601))
    assert found.title == "training has waited 10m 01s for the last checkpoint"
    (end,) = watch([601], rule=rule)
    assert end.verdict.value == "clear"
    assert CheckpointSlow(unknown=700.0).tick(waiting(601)) == []


def test_files_that_are_written_show_a_save_that_the_log_does_not():
    rule = known()
    assert rule.tick(waiting(200, phase="training")) == []
    assert rule.tick(waiting(200, phase="training", checkpoints=writing(201))) == [], "before it stopped"
    (found,) = rule.tick(waiting(200, phase="training", checkpoints=writing(5)))
    assert brief([found]) == [("firing", "warning", 179)]
    (end,) = rule.observe(Log(train__loss=np.ones(200)).block(190, 191))
    assert end.verdict.value == "clear"


def test_what_follows_the_last_save_of_a_run_is_no_stall():
    done = Machine()
    done.ended = Ended(4000.0, 0, None)
    for ending in (
        {"fraction": 1.0},
        {"fraction": None},
        {"finished": True},
        {"machine": done},
        {"live": False},
        {"phase": "evaluating"},
        {"fraction": None, "checkpoints": writing(5, State.COMPLETE)},
    ):
        assert known().tick(waiting(3600, **ending)) == [], ending
    assert known().tick(waiting(3600, fraction=None, checkpoints=writing(5))) != []


def test_a_run_that_died_while_it_saved_does_not_wait():
    rule = known()
    rule.observe(Block({}, None, [Event("traceback", 10**6, 999, "OSError: no space")]))
    assert rule.tick(waiting(3600)) == []


def test_history_has_no_times():
    assert watch([90, 10, 11, 9, 100, 110, 120], live=False) == []


def mfu(*parts):
    return Log(perf__mfu=np.concatenate([np.full(rows, level) for rows, level in parts]))


def test_a_low_utilisation_is_noted_once():
    found = mfu((300, 0.11), (300, 0.45)).judge(LowMfu())
    assert brief(found) == [("firing", "info", 177), ("clear", "info", 369)]
    assert found[0].title == "MFU is 11%: the GPUs could do several times as much"


def test_nothing_is_said_of_a_run_on_a_machine_without_gpus():
    log, own = mfu((300, 0.11)), Process(7, 0.0, "main", "python train.py", "running", 1)
    for gpus, reported in (((), 0), ((Gpu("0"),), 1)):
        rule, machine = LowMfu(), Machine()
        assert list(rule.observe(log.block(0, 300))) == []
        assert rule.tick(Status(now=10.0, machine=machine)) == [], "it has not said yet what it has"
        machine.fold(Processes(10.0, (own,)))
        machine.fold(Gpus(10.0, gpus, note="" if gpus else "no NVIDIA GPU"))
        assert len(rule.tick(Status(now=11.0, machine=machine))) == reported
        assert rule.tick(Status(now=99.0, machine=machine)) == []


@pytest.mark.parametrize("level", [0.45, 0.21, 0.004, -1.0, np.nan])
def test_utilisation_that_is_usual_or_not_meant(level):
    assert mfu((400, level)).judge(LowMfu()) == []


def test_the_first_rows_do_not_count():
    assert mfu((40, 0.05), (200, 0.4)).judge(LowMfu(rows=16)) == []
