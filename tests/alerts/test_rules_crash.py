"""Rules about death: crash."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules.life.crash import Crash
from runwatch.alerts.rules.life.restart_loop import RestartLoop

from .made_silences import brief, event, only, quiet, rows

SETTINGS = event("facts", 5, "settings", data={"epochs": "3"})


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
    assert brief(Crash().observe(only(SETTINGS, event(kind, 10)))) == [("firing", "critical")]


def test_what_killed_it_is_looked_for_before_memory_is_blamed():
    (found,) = Crash().observe(only(event("killed", 10)))
    assert "the log does not say by which process" in found.cause
    assert found.advice.startswith("See whether dmesg")
    (found,) = Crash().observe(only(event("host_oom", 10)))
    assert found.advice.startswith("Lower data loader workers")


@pytest.mark.parametrize(
    ("frames", "behind", "title"),
    [
        ({}, 30, "an error was caught, and nothing was trained since: SyntaxError: bad"),
        ({}, 3, "crashed: SyntaxError: bad"),
        ({"frames": "at x"}, 30, "crashed: SyntaxError: bad"),
    ],
)
def test_what_compiles_files_continues_behind_one_that_it_cannot_read(frames, behind, title):
    rule = Crash()
    error = event("traceback", 10, "SyntaxError: bad", data=frames)
    rule.observe(only(SETTINGS, error))
    (found,) = rule.tick(quiet(9, live=False, lines={"": error.line + behind}))
    assert found.title == title


@pytest.mark.parametrize(
    "wrapper", ["Error Message Summary: ", "Error executing job with overrides: ['a=[3]'] "]
)
def test_a_title_begins_with_the_cause(wrapper):
    rule = Crash()
    rule.observe(only(SETTINGS, event("error", 10, wrapper + "NotFoundError: no such file")))
    (found,) = rule.tick(quiet(9))
    assert found.title == "crashed: NotFoundError: no such file"


def skipping(times):
    kinds = enumerate(["oom", "skip"] * times)
    return [event(kind, 10_000 + 10 * n, "CUDA out of memory") for n, kind in kinds]


def test_a_log_that_skipped_all_its_last_batches_trained_nothing():
    few, rule = Crash(), Crash()
    for each, times in ((few, 7), (rule, 8)):
        each.observe(rows(0, 100))
        each.observe(only(*skipping(times)))
        assert each.tick(quiet(600)) == [], "while it may still train"
    assert few.tick(quiet(600, live=False)) == []
    (found,) = rule.tick(quiet(600, live=False))
    assert found.title.startswith("an error was caught, and nothing was trained since, 8 errors")
    assert found.severity.value == "warning"


def test_what_is_not_skipped_ends_it_whatever_was_skipped_before():
    rule = Crash()
    rule.observe(rows(0, 100))
    rule.observe(only(*skipping(8), event("oom", 11_000, "CUDA out of memory")))
    assert brief(rule.tick(quiet(6))) == [("firing", "critical")]


def test_a_handled_exception_clears_after_three_rows():
    rule = Crash()
    found = list(rule.observe(rows(0, 100, events=[event("traceback", 5050)])))
    assert brief(found) == [("pending", "critical"), ("clear", "info")]
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
    assert brief(rule.observe(rows(26, 30))) == [("clear", "info")]


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
    assert brief(found) == [("pending", "critical"), ("firing", "critical"), ("clear", "info")]
    assert found[2].step == 51
    rule = Crash()
    rule.observe(only(*events))
    rule.tick(quiet(6))
    assert brief(rule.observe(rows(51, 60, restarts=[] if resumed else [5100]))) == [("clear", "info")]


def test_a_launch_that_failed_before_it_trained_and_was_replaced_is_a_warning():
    rule = Crash()
    failed = event("traceback", 50, "KeyError: 'lr' in train.py")
    found = list(rule.observe(rows(1, 100, events=[failed, event("launch", 60)], restarts=[100])))
    assert brief(found)[1:] == [("firing", "warning"), ("clear", "info")]
    rule = Crash()
    rule.observe(only(failed))
    assert brief(rule.tick(quiet(60))) == [("firing", "critical")]


def test_an_error_after_the_finish_line_is_no_crash():
    rule = Crash()
    events = [event("finished", 9910), event("elastic", 9950), event("signal", 9960, "Received SIGTERM")]
    assert list(rule.observe(rows(0, 100, events=events))) == []
    assert rule.tick(quiet(60, finished=True)) == []


@pytest.mark.parametrize(
    ("said", "trained", "fires"),
    [("over", 0, True), ("finished", 0, False), ("over", 10, False)],
)
def test_what_hooks_say_of_a_program_that_was_asked_to_end_is_no_finish(said, trained, fires):
    rule = Crash()
    rule.observe(rows(0, 100, events=[event("signal", 9910, "*** SIGTERM received at time=17 on cpu 2 ***")]))
    if trained:
        rule.observe(rows(100, 100 + trained))
    rule.observe(only(event(said, 20_000)))
    found = rule.tick(quiet(60))
    assert [f.evidence["ending"] for f in found] == ["interrupted"] * fires


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
    found = [*rule.observe(only(SETTINGS, event(kind, 10, title))), *rule.tick(quiet(6))][-1]
    assert (found.verdict.value, found.severity.value, found.evidence["ending"]) == (
        "firing",
        severity,
        ending,
    )
    assert found.title.startswith(begins)


@pytest.mark.parametrize(
    ("block", "severity"),
    [
        (
            only(
                event("traceback", 10, "KeyError: 'b'", data={"frames": 'File "serve.py", line 3, in answer'})
            ),
            "warning",
        ),
        (only(event("traceback", 10, data={"frames": 'File "net.py", in from_pretrained'})), "warning"),
        (only(event("traceback", 10, data={"frames": "in check\n  raise of a constraint"})), "warning"),
        (only(event("killed", 10, "run.sh: line 3: 7 Killed   uvicorn api:app")), "warning"),
        (
            only(event("traceback", 10, data={"frames": 'File "pretrain.py", line 3, in <module>'})),
            "critical",
        ),
        (only(event("traceback", 10, data={"frames": "in run\n  trainer.fit(model)"})), "critical"),
        (only(event("traceback", 10, "PermissionError: '/data/train_bone.npy'")), "warning"),
        (only(event("traceback", 10, "python: can't open file '/x/train.py': [Errno 2]")), "critical"),
        (only(event("traceback", 10, data={"frames": "step()", "program": "06_train.py"})), "critical"),
        (only(event("traceback", 10, data={"program": "net_finetune.py"})), "critical"),
        (only(event("traceback", 10, data={"frames": "sac.py, line 9, in learn"})), "critical"),
        (only(event("traceback", 10, data={"program": "evaluate.py"})), "warning"),
        (only(event("elastic", 10, "srun: error: n1: task 0: Exited with exit code 1")), "warning"),
        (only(event("elastic", 10, "runwatch: the command exited with code 3")), "critical"),
        (only(event("killed", 10, "run.sh: line 3: 7 Killed   python train.py")), "critical"),
        (only(event("killed", 10, rank=0)), "critical"),
        (only(event("resume", 5), event("killed", 10)), "critical"),
        (only(SETTINGS, event("killed", 10)), "critical"),
        (only(event("facts", 5, "model size"), event("killed", 10)), "warning"),
        (only(event("host_oom", 10)), "critical"),  # the kernel says so, whatever it was
        (rows(0, 3, events=[event("killed", 250)]), "critical"),
    ],
)
def test_the_crash_of_what_shows_no_training_is_a_warning(block, severity):
    rule = Crash()
    found = [*rule.observe(block), *rule.tick(quiet(6))][-1]
    assert (found.verdict.value, found.severity.value) == ("firing", severity)
    assert found.cause.endswith("nothing shows that it is a training") == (severity == "warning")


@pytest.mark.parametrize(("before", "severity"), [([], "critical"), ([rows(0, 3)], "warning")])
def test_an_error_is_milder_at_the_end_of_training_and_not_of_something_before_it(before, severity):
    rule = Crash()
    for block in (*before, only(event("traceback", 1000, data={"program": "train.py"}))):
        rule.observe(block)
    (found,) = rule.tick(quiet(60, fraction=1.0))
    assert found.severity.value == severity


def test_launches_of_what_shows_no_training_are_a_warning():
    def launches(words, **data):
        events = (
            made
            for at in range(1, 5)
            for made in (event("launch", 1000 * at, words), event("traceback", 1000 * at + 500, data=data))
        )
        return [(f.verdict.value, f.severity.value) for f in RestartLoop().observe(only(*events))]

    assert launches("Serving on port 80") == [("firing", "warning")]
    assert launches("Serving on port 80", caught="1") == []
    assert launches("python train.py") == [("firing", "critical")]


def test_that_it_trains_may_be_known_after_the_crash():
    rule = Crash()
    assert brief(rule.observe(only(event("killed", 250)))) == [("firing", "warning")]
    assert brief(rule.observe(rows(0, 2))) == [("firing", "critical")]  # read late: they stand before it
    rule = Crash()
    rule.observe(only(event("killed", 250)))
    assert brief(rule.observe(only(event("elastic", 300, "ChildFailedError")))) == [("firing", "critical")]


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
    assert "elastic" in found.evidence["also_reported"]


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


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("[hydra.utils][ERROR] - Error instantiating Net : x", "Error instantiating Net : x"),
        ("ERROR:acme.launch:worker 3 failed", "worker 3 failed"),
        ("2030-01-02 03:04:05.678901: W acme/core/op.cc:1273] it failed", "it failed"),
        ("F acme/core/op.cc:1273] it failed", "it failed"),
        ("ERROR: LoadError: x", "ERROR: LoadError: x"),
    ],
)
def test_a_title_begins_with_the_words_of_the_error(words, shown):
    (found,) = Crash().observe(only(event("segfault", 10, words)))
    assert found.title == f"crashed: {shown}"
