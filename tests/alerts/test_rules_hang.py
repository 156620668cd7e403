"""Rules about silence: hang."""

from __future__ import annotations

import dataclasses

import pytest

from runwatch.alerts.rules.life.hang import Hang
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Machine
from runwatch.core.sample import Process, Processes, Sample, process_key

from .made_silences import brief, event, only, quiet, rows


def familiar(**thresholds):
    """A run of a second per step that has shown its pauses."""
    rule = Hang(**thresholds)
    assert list(rule.observe(rows(0, 96, seconds=1.0))) == []
    for row in range(96, 101):
        assert rule.tick(quiet(9)) == []
        assert list(rule.observe(rows(row, row + 1, seconds=1.0))) == []
    return rule


def test_silence_is_pending_at_half_and_fires_at_the_timeout():
    rule = familiar()
    assert rule.tick(quiet(149)) == []
    assert brief(rule.tick(quiet(151))) == [("pending", "warning")]
    assert rule.tick(quiet(200)) == []
    (found,) = rule.tick(quiet(301))
    assert brief([found]) == [("firing", "critical")]
    assert found.title == "no progress while training, since step 99"
    assert found.step == 99
    assert rule.tick(quiet(400)) == []
    assert brief(rule.observe(rows(101, 102, seconds=1.0))) == [("clear", "info")]
    assert list(rule.observe(rows(102, 103, seconds=1.0))) == []


def test_a_run_whose_pauses_are_unknown_gets_more_time():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=1.0))
    assert rule.timeout("training") == 600.0
    assert familiar().timeout("training") == 300.0


def test_a_run_that_starts_again_gets_the_time_of_a_start():
    rule = familiar()
    rule.observe(only(event("resume", 20000)))
    assert rule.timeout("training") == 900.0
    rule.observe(rows(101, 102, seconds=1.0, offset=30000))
    assert rule.timeout("training") == 300.0


def test_the_timeout_adapts_to_long_gaps_between_rows():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=6.0, every=10))  # a row a minute
    assert rule.timeout("training") == 1200.0
    rule.observe(rows(100, 101, seconds=50.0, every=10))
    assert rule.timeout("training") == 1500.0


def test_median_gaps_count_double_until_the_pauses_are_known():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=40.0, every=10))  # a row in 400 s
    assert rule.timeout("training") == 8000.0
    for number in range(5):
        rule.tick(quiet(1300.0))
        rule.observe(rows(100 + number, 101 + number, seconds=40.0, every=10))
    assert rule.timeout("training") == 4000.0


def test_the_first_gap_holds_the_compilation_and_teaches_nothing():
    rule = Hang()
    rule.observe(rows(0, 1, seconds=4000.0))
    rule.observe(rows(1, 50, seconds=1.0))
    rule.observe(rows(50, 51, seconds=4000.0, restarts=[5000]))
    assert rule.timeout("training") == 600.0


def test_without_step_times_arrivals_teach_the_gaps():
    rule = Hang()
    for number in range(20):
        rule.observe(rows(number, number + 1, arrival=1000.0 + 90 * number))
    assert rule.timeout("training") == 1800.0


def test_other_phases_have_more_patience():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=1.0))
    assert rule.tick(quiet(290, phase="evaluating")) == []
    assert brief(rule.tick(quiet(301, phase="checkpointing"))) == [("pending", "warning")]
    assert rule.timeout("starting") == 900.0
    rule = Hang()
    rule.tick(quiet(280, phase="evaluating"))
    rule.observe(rows(0, 10, seconds=1.0))
    assert rule.timeout("evaluating") == 840.0


def test_behind_the_last_step_nothing_is_trained_and_work_takes_its_time():
    rule = familiar()
    assert rule.tick(quiet(299, fraction=1.0)) == []
    assert brief(rule.tick(quiet(599, fraction=1.0))) == [("pending", "warning")]
    (found,) = rule.tick(quiet(601, fraction=1.0))
    assert (found.severity.value, found.title) == (
        "critical",
        "no progress behind the last step, since step 99",
    )
    assert brief(familiar().tick(quiet(301, fraction=0.999))) == [("firing", "critical")]


def test_files_of_a_checkpoint_that_are_written_show_a_save_and_break_the_silence():
    def saved(ago, state=State.COMPLETE):
        newest = Checkpoint("1", "/runs/1", "torch", state, step=99, written=1000.0 + 700 - ago)
        return familiar().tick(quiet(700, checkpoints=Summary(newest=newest)))

    assert saved(5) == saved(299) == [], "it grows"
    assert brief(saved(301)) == [("pending", "warning")]
    (found,) = saved(601)
    assert (found.severity.value, found.title) == (
        "critical",
        "no progress while checkpointing, since step 99",
    )
    (before,) = saved(701)
    assert before.title == "no progress while training, since step 99"


def test_without_a_total_it_is_a_warning_unless_a_process_is_alive():
    (found,) = familiar().tick(quiet(601, fraction=None, last_step=77))
    assert brief([found]) == [("firing", "warning")]
    assert "ended without a word" in found.title
    machine = Machine()
    machine.fold(Processes(1000.0, (Process(1, 0.0, "main", "python train.py", "sleeping", 0),)))
    (found,) = familiar().tick(quiet(601, fraction=None, machine=machine))
    assert brief([found]) == [("firing", "critical")]


def test_a_log_that_still_speaks_needs_three_times_the_silence():
    rule = Hang()
    assert brief(rule.tick(quiet(400, log=2.0))) == [("pending", "warning")]
    assert brief(rule.tick(quiet(1801, log=2.0))) == [("firing", "critical")]


def test_finished_and_crashed_runs_do_not_hang():
    rule = Hang()
    assert rule.tick(quiet(9999, finished=True)) == []
    rule.observe(rows(0, 10, events=[event("traceback", 5000)]))
    assert rule.tick(quiet(9999)) == []
    rule.observe(rows(10, 20))  # a learnt format is believed late: they stand before the error
    assert rule.tick(quiet(9999)) == []
    rule.observe(rows(60, 70))
    assert brief(rule.tick(quiet(9999))) == [("firing", "critical")]


def test_a_log_that_ends_early_is_a_note_and_only_if_its_goal_is_known():
    end = {"live": False, "total": 1000}
    assert Hang().tick(quiet(9999, fraction=None, **end)) == []
    assert Hang().tick(quiet(9999, fraction=0.99, **end)) == []
    assert Hang().tick(quiet(10, fraction=0.5, **end)) == []
    (found,) = Hang().tick(quiet(9999, fraction=0.1, **end))
    assert found.title == "log ends at step 99 of 1,000 without an error or a finish line"
    assert found.severity.value == "info"


def test_a_log_that_ends_in_an_evaluation_is_a_note_where_its_goal_is_unknown():
    def end(**more):
        return [
            (f.severity.value, f.title) for f in Hang().tick(quiet(9999, live=False, fraction=None, **more))
        ]

    said = "log ends in an evaluation after step 99, and shows no result or end"
    assert end(phase="evaluating") == [("info", said)]
    assert end(phase="training") == end(phase="checkpointing") == []


def seen(state, now=1000.0):
    machine = Machine()
    process = Process(7, 0.0, "main", "python", state, 1)
    machine.fold(Processes(now, (process,)))
    return machine


@pytest.mark.parametrize(
    ("pressure", "cores", "seconds"),
    [(0.6, 0.2, 900), (0.6, 1.0, 900), (0.4, 0.2, 300), (0.6, 0.01, 300), (0.6, None, 300)],
)
def test_on_a_crowded_machine_a_run_that_works_needs_a_longer_silence(pressure, cores, seconds):
    machine = seen("sleeping")
    key = process_key(machine.processes[0])
    values = {"host/cpu_pressure": pressure} | ({} if cores is None else {f"proc/{key}/cores": cores})
    rule = familiar()
    for late, found in ((-1, []), (1, [("firing", "critical")])):
        now = 1000.0 + seconds + late
        machine.fold(Sample(now, values))
        assert [f for f in brief(rule.tick(quiet(seconds + late, machine=machine))) if "firing" in f] == found


def test_a_stopped_process_needs_no_long_silence():
    rule = familiar()
    assert rule.tick(quiet(20, machine=seen("stopped"))) == []  # it may be looked at by a debugger
    (found,) = rule.tick(quiet(36, machine=seen("stopped")))
    assert brief([found]) == [("firing", "critical")]
    assert found.title == "stopped by a signal while training, since step 99"
    assert "SIGSTOP" in found.cause
    assert brief(rule.tick(quiet(40, machine=seen("running")))) == [("clear", "info")]


def test_a_process_that_is_stopped_for_a_moment_again_and_again_is_none():
    rule = familiar()
    for second in range(10, 100, 10):
        assert rule.tick(quiet(second, machine=seen("stopped" if second % 20 else "running"))) == []


def test_a_stopped_process_whose_run_continues_is_none():
    rule = familiar()
    for second in range(5, 100, 5):
        status = quiet(2, machine=seen("stopped"), log=2)
        assert rule.tick(dataclasses.replace(status, now=1000.0 + second)) == []


def test_a_log_that_did_not_grow_since_it_is_watched_may_have_ended():
    (found,) = familiar().tick(quiet(9999, lived=False))
    assert (found.verdict.value, found.severity.value) == ("firing", "warning")
    assert found.title.endswith(": it hangs, or has ended without a word")
    assert brief(familiar().tick(quiet(9999, lived=False, machine=seen("sleeping")))) == [
        ("firing", "critical")
    ]
    assert brief(familiar().tick(quiet(9999))) == [("firing", "critical")]
    assert familiar().tick(quiet(9999, lived=False, fraction=None)) == []
