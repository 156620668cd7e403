"""Rules about silence and death: hang and crash."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from runwatch.alerts.rules.life.crash import Crash
from runwatch.alerts.rules.life.hang import Hang
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Machine
from runwatch.core.sample import Process, Processes

from .columns import healthy

TIME = "perf/step_time"


def rows(low, high, *, seconds=None, every=1, events=(), restarts=(), rank=None, arrival=0.0, offset=None):
    number = np.arange(low, high, dtype=float)
    at = number * 100 if offset is None else offset + np.arange(high - low) * 100.0
    progress = Samples(at, number + 1, number * every, number * every)
    samples = {}
    if seconds is not None:
        samples[TIME] = Samples(at, number + 1, number * every, np.full(high - low, float(seconds)))
    return Block(
        samples, progress, list(events), list(restarts), rank=rank, live=arrival > 0, arrival=arrival
    )


def event(kind, offset, title="it broke", **more):
    return Event(kind, offset, offset // 100 + 1, title, **more)


def only(*events, rank=None):
    return Block({}, None, events, rank=rank)


def quiet(seconds, *, log=None, phase="training", **more):
    more.setdefault("fraction", 0.5)
    return Status(
        now=1000.0 + seconds,
        phase=phase,
        silent_for=seconds,
        log_silent_for=seconds if log is None else log,
        last_step=more.pop("last_step", 99),
        last_line=100,
        **more,
    )


def brief(findings):
    return [(f.verdict.value, f.severity.value) for f in findings]


# -- hang ------------------------------------------------------------------------------------------


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
    assert brief(rule.observe(rows(101, 102, seconds=1.0))) == [("clear", "critical")]
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


def test_a_log_that_ends_early_is_a_hang_only_if_its_goal_is_known():
    end = {"live": False, "total": 1000}
    assert Hang().tick(quiet(9999, fraction=None, **end)) == []
    assert Hang().tick(quiet(9999, fraction=0.99, **end)) == []
    assert Hang().tick(quiet(10, fraction=0.5, **end)) == []
    (found,) = Hang().tick(quiet(9999, fraction=0.1, **end))
    assert found.title == "log ends at step 99 of 1,000 without an error or a finish line"


@pytest.mark.parametrize(
    ("last", "size", "severity"), [(4, 1, "info"), (4, 7, "info"), (4, 99, "info"), (12, 7, "warning")]
)
def test_a_log_that_ends_a_few_rows_after_it_began_again_may_hold_attempts(last, size, severity):
    lengths = [5, 3, 6, 4, last]
    log = healthy(sum(lengths))
    log.restarts = np.cumsum(lengths)[:-1].tolist()
    log.steps = np.concatenate([np.arange(length) for length in lengths]).astype(float)
    rule = Hang()
    for low in range(0, log.count, size):
        rule.observe(log.block(low, min(low + size, log.count)))
    (found,) = rule.tick(quiet(9999, fraction=0.1, live=False, total=1000))
    assert found.severity.value == severity
    log.steps += np.repeat(10.0 * np.arange(5), lengths)  # it resumed, each time further on
    resumed = Hang()
    resumed.observe(log.block(0, log.count))
    (found,) = resumed.tick(quiet(9999, fraction=0.1, live=False, total=1000))
    assert found.severity.value == "warning"


def test_rows_of_the_first_step_may_be_those_of_attempts():
    log = healthy(38)
    log.steps = np.append(np.zeros(36), [1.0, 2.0])
    rule = Hang()
    rule.observe(log.block(0, 38))
    (found,) = rule.tick(quiet(9999, fraction=0.1, live=False, total=1000))
    assert found.severity.value == "info"


def test_a_log_that_ends_in_an_evaluation_is_a_note_where_its_goal_is_unknown():
    def end(**more):
        return [
            (f.severity.value, f.title) for f in Hang().tick(quiet(9999, live=False, fraction=None, **more))
        ]

    said = "log ends in an evaluation after step 99, and shows no result or end"
    assert end(phase="evaluating") == [("info", said)]
    assert end(phase="training") == end(phase="checkpointing") == []


# -- crash -----------------------------------------------------------------------------------------


def test_an_error_is_pending_until_the_log_is_silent():
    rule = Crash()
    block = rows(0, 100, events=[event("traceback", 9950, "ValueError: bad", data={"frames": "at x"})])
    (pending,) = rule.observe(block)
    assert brief([pending]) == [("pending", "critical")]
    assert rule.tick(quiet(3)) == []
    (found,) = rule.tick(quiet(6))
    assert brief([found]) == [("firing", "critical")]
    assert found.title == "crashed: ValueError: bad"
    assert (found.step, found.line, found.evidence["frames"]) == (99, 100, "at x")
    assert rule.tick(quiet(60)) == []


def test_slow_rows_delay_the_certainty():
    rule = Crash()
    rule.observe(rows(0, 100, seconds=30.0, events=[event("traceback", 9950)]))
    assert rule.tick(quiet(59)) == []
    assert brief(rule.tick(quiet(61))) == [("firing", "critical")]


def test_the_end_of_the_log_makes_it_certain():
    rule = Crash()
    rule.observe(rows(0, 100, events=[event("traceback", 9950)]))
    assert brief(rule.tick(quiet(0, live=False))) == [("firing", "critical")]


@pytest.mark.parametrize("kind", ["killed", "scheduler", "segfault", "host_oom"])
def test_some_ends_are_certain_at_once(kind):
    assert brief(Crash().observe(only(event(kind, 10)))) == [("firing", "critical")]


def test_what_killed_it_is_looked_for_before_memory_is_blamed():
    (found,) = Crash().observe(only(event("killed", 10)))
    assert "the log does not say by which process" in found.cause
    assert found.advice.startswith("See whether dmesg")
    (found,) = Crash().observe(only(event("host_oom", 10)))
    assert found.advice.startswith("Lower data loader workers")


def test_a_handled_exception_clears_after_three_rows():
    rule = Crash()
    found = list(rule.observe(rows(0, 100, events=[event("traceback", 5050)])))
    assert brief(found) == [("pending", "critical"), ("clear", "critical")]
    assert found[1].step == 53
    assert rule.tick(quiet(0, live=False)) == []


@pytest.mark.parametrize(("lines", "severities"), [(19, ["critical"]), (20, [])])
def test_a_launch_close_behind_an_exception_that_was_caught_shows_that_nothing_came_of_it(lines, severities):
    rule = Crash()
    rule.observe(rows(0, 20))
    rule.observe(only(event("traceback", 5000, data={"caught": "1", "frames": "x"})))
    rule.observe(only(event("launch", 5000 + 100 * lines), event("start", 5100 + 100 * lines)))
    found = rule.observe(only(event("traceback", 9000)))
    assert [f.severity.value for f in found if f.verdict.value == "firing"] == severities
    assert [f.verdict.value for f in found][-2:] == ["clear", "pending"], "the next launch failed, too"


@pytest.mark.parametrize(("lines", "ended"), [(2, False), (3, True)])
def test_an_exception_that_begins_behind_another_in_a_program_of_its_own_is_of_another_launch(lines, ended):
    rule = Crash()
    rule.observe(rows(0, 20))
    rule.observe(only(event("traceback", 5000, data={"main": "45", "frames": "x"})))  # on line 51
    found = rule.observe(only(event("traceback", 6000, data={"main": str(51 + lines), "frames": "y"})))
    assert ("clear" in [f.verdict.value for f in found]) is ended


@pytest.mark.parametrize(("lines", "named"), [(99, "KeyError: 'b'"), (100, "ValueError: a")])
def test_what_was_raised_while_an_exception_was_handled_takes_its_place_if_it_is_near(lines, named):
    rule = Crash()
    rule.observe(only(event("traceback", 5000, "ValueError: a", data={"caught": "1", "frames": "x"})))
    data = {"caught": "1", "handling": "1", "frames": "y"}
    rule.observe(only(event("traceback", 5000 + 100 * lines, "KeyError: 'b'", data=data)))
    (found,) = rule.tick(quiet(60))
    assert found.title == f"crashed: {named}"


@pytest.mark.parametrize(("size", "shown"), [(160, 160), (161, 160)])
def test_a_long_message_is_cut_in_the_title_and_whole_in_the_evidence(size, shown):
    rule = Crash()
    rule.observe(only(event("traceback", 5000, "E" * size)))
    (found,) = rule.tick(quiet(60))
    words = found.title.removeprefix("crashed: ")
    assert (len(words), words.endswith("…"), "message" in found.evidence) == (shown, size > 160, size > 160)


def test_rows_that_are_read_late_do_not_clear_it():
    rule = Crash()
    assert brief(rule.observe(only(event("signal", 2550)))) == [("pending", "warning")]
    assert list(rule.observe(rows(0, 25))) == []  # a learnt format is believed late: they stand before it
    (found,) = rule.tick(quiet(30))
    assert (found.verdict.value, found.step) == ("firing", 24)
    assert brief(rule.observe(rows(26, 30))) == [("clear", "critical")]


def test_two_rows_of_another_pace_do_not_clear_it():
    rule = Crash()
    rule.observe(rows(0, 53, events=[event("traceback", 5050)]))
    assert brief(rule.tick(quiet(6))) == [("firing", "critical")]


def test_rows_of_another_rank_do_not_clear_it():
    rule = Crash()
    rule.observe(only(event("traceback", 5050), rank=3))
    assert list(rule.observe(rows(60, 90, rank=0))) == []
    (found,) = rule.tick(quiet(6))
    assert found.evidence["failed_rank"] is None
    assert found.rank is None


@pytest.mark.parametrize("resumed", [False, True])
def test_a_relaunch_makes_it_certain_and_over(resumed):
    rule = Crash()
    events = [event("traceback", 5050)] + ([event("resume", 5060)] if resumed else [])
    found = list(rule.observe(rows(0, 100, events=events, restarts=[] if resumed else [5100])))
    assert brief(found) == [("pending", "critical"), ("firing", "critical"), ("clear", "critical")]
    assert found[2].step == 51
    rule = Crash()
    rule.observe(only(*events))
    rule.tick(quiet(6))
    assert brief(rule.observe(rows(51, 60, restarts=[] if resumed else [5100]))) == [("clear", "critical")]


def test_an_error_after_the_finish_line_is_no_crash():
    rule = Crash()
    events = [event("finished", 9910), event("elastic", 9950), event("signal", 9960, "Received SIGTERM")]
    assert list(rule.observe(rows(0, 100, events=events))) == []
    assert rule.tick(quiet(60, finished=True)) == []


def test_a_failure_behind_the_finish_line_is_reported_and_the_run_has_finished():
    rule = Crash()
    rule.observe(rows(0, 100, events=[event("finished", 9910)]))
    rule.observe(only(event("traceback", 9970, "KeyError: 'test'")))
    (found,) = rule.tick(quiet(60, finished=True))
    assert brief([found]) == [("firing", "warning")]
    assert found.title == "failed after training was over: KeyError: 'test'"
    assert found.evidence["ending"] == "finished"


def test_a_run_that_cannot_write_its_last_checkpoint_has_not_finished():
    rule = Crash()
    rule.observe(rows(0, 100, events=[event("finished", 9910)]))
    data = {"state": "failed", "frames": "File train.py, in save_checkpoint"}
    rule.observe(only(event("error", 9970, "RuntimeError: PytorchStreamWriter failed", data=data)))
    (found,) = rule.tick(quiet(60, finished=True, fraction=1.0))
    assert brief([found]) == [("firing", "critical")]
    assert (found.cause, found.evidence["ending"]) == ("a checkpoint could not be written", "crashed")


@pytest.mark.parametrize(
    ("kind", "title", "severity", "ending", "begins"),
    [
        ("signal", "KeyboardInterrupt", "info", "interrupted", "interrupted: Key"),
        ("signal", "Received SIGTERM, saving", "warning", "interrupted", "terminated: Rec"),
        ("signal", "Preemption notice received", "warning", "preempted", "preempted: Pre"),
        ("signal", "wall time limit reached", "warning", "time_limit", "hit its time limit: wall"),
        ("scheduler", "CANCELLED AT x DUE TO TIME LIMIT ***", "warning", "time_limit", "hit its time limit:"),
        ("scheduler", "CANCELLED AT x DUE TO PREEMPTION ***", "warning", "preempted", "preempted: CAN"),
        ("scheduler", "*** JOB 1 ON n1 CANCELLED AT x ***", "info", "interrupted", "cancelled: "),
        (
            "scheduler",
            "error: *** JOB 1 CANCELLED AT x DUE TO TIME LIMIT ***",
            "warning",
            "time_limit",
            "hit its time limit: JOB 1 ",
        ),
        ("scheduler", "Node failure on n1", "critical", "crashed", "crashed: Node"),
        ("killed", "Killed", "critical", "killed", "crashed: Killed"),
        ("host_oom", "Killed process 7", "critical", "killed", "crashed: Killed process"),
        ("traceback", "ValueError: x", "critical", "crashed", "crashed: ValueError"),
    ],
)
def test_severity_and_words_follow_from_the_kind_of_end(kind, title, severity, ending, begins):
    rule = Crash()
    found = [*rule.observe(only(event(kind, 10, title))), *rule.tick(quiet(6))][-1]
    assert (found.verdict.value, found.severity.value, found.evidence["ending"]) == (
        "firing",
        severity,
        ending,
    )
    assert found.title.startswith(begins)


def test_a_program_that_receives_a_signal_does_not_know_from_whom():
    rule = Crash()
    rule.observe(only(event("signal", 10, "KeyboardInterrupt"), event("signal", 20, "Received SIGTERM")))
    last = "slurmstepd: error: *** JOB 1 CANCELLED AT x DUE TO PREEMPTION ***"
    found = rule.observe(only(event("scheduler", 30, last)))[-1]
    assert (found.evidence["ending"], found.evidence["reported_by"]) == ("preempted", "scheduler")


def test_an_error_long_before_the_time_limit_is_the_cause():
    rule = Crash()
    rule.observe(only(event("traceback", 10, "ValueError: x", rank=1)))
    rule.tick(quiet(600))
    last = "slurmstepd: error: *** JOB 1 CANCELLED AT x DUE TO TIME LIMIT ***"
    rule.observe(only(event("scheduler", 30, last)))
    assert rule._death.signature.name == "exception"


def test_the_first_root_wins_over_later_ones_and_cascades():
    rule = Crash()
    events = [
        event("nccl", 10, "NCCL error: remote process exited"),
        event("oom", 20, "torch.OutOfMemoryError: CUDA out of memory.", rank=3),
        event("traceback", 30, "ValueError: later", rank=4),
        event("elastic", 40, "ChildFailedError"),
        event("signal", 50, "Received SIGTERM"),
    ]
    found = list(rule.observe(only(*events)))
    assert brief(found) == [("pending", "critical")] * 2
    (found,) = rule.tick(quiet(6))
    assert found.title == "crashed on rank 3: torch.OutOfMemoryError: CUDA out of memory."
    assert found.cause == "a GPU ran out of memory"
    assert found.evidence["events"] == 5
    assert "elastic" in found.evidence["beside"]


def test_the_kernels_word_outranks_the_programs():
    rule = Crash()
    rule.observe(
        only(
            event("traceback", 10, "RuntimeError: DataLoader worker exited"), event("host_oom", 20, "Killed")
        )
    )
    assert rule._death.signature.name == "host_oom"


def test_every_launch_of_one_log_has_its_own_crash():
    """A script goes on to its next configuration when one has died before its first row."""
    killed = "torch.distributed.elastic.multiprocessing.api.SignalException: Process 7 got signal: 15"
    rule = Crash()
    found = rule.observe(
        only(
            event("signal", 1000, killed),
            event("load", 2000, "Loading the checkpoint"),
            event("traceback", 3000, "ValueError: 5 micro batches"),
            event("traceback", 3500, "ValueError: 5 micro batches"),
        )
    )
    assert [(f.verdict.value, f.line) for f in found] == [
        ("pending", 11),
        ("firing", 11),
        ("clear", 31),
        ("pending", 31),
    ]
    assert rule.observe(only(event("load", 4000, "a slower rank"), event("nccl", 5000, "NCCL aborted"))) == []


def seen(state, now=1000.0):
    machine = Machine()
    process = Process(7, 0.0, "main", "python", state, 1)
    machine.fold(Processes(now, (process,)))
    return machine


def test_a_stopped_process_needs_no_long_silence():
    rule = familiar()
    assert rule.tick(quiet(20, machine=seen("stopped"))) == []  # it may be looked at by a debugger
    (found,) = rule.tick(quiet(36, machine=seen("stopped")))
    assert brief([found]) == [("firing", "critical")]
    assert found.title == "stopped by a signal while training, since step 99"
    assert "SIGSTOP" in found.cause
    assert brief(rule.tick(quiet(40, machine=seen("running")))) == [("clear", "critical")]


def test_a_process_that_is_stopped_for_a_moment_again_and_again_is_none():
    rule = familiar()
    for second in range(10, 100, 10):
        assert rule.tick(quiet(second, machine=seen("stopped" if second % 20 else "running"))) == []


def test_a_stopped_process_whose_run_continues_is_none():
    rule = familiar()
    for second in range(5, 100, 5):
        status = quiet(2, machine=seen("stopped"), log=2)
        assert rule.tick(dataclasses.replace(status, now=1000.0 + second)) == []
