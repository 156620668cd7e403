"""How a run ended: in its JSON, on one line, from the words of logs."""

from __future__ import annotations

import pytest

from runwatch.core.ending import HALTED, End, phase_of, state_of
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document

NOW = 1.9e9


def steps(first: int, last: int, total: int = 400, loss: float = 3.0) -> str:
    rows = (
        f"step {at:05d}/{total:05d} ({100 * at / total:.2f}%) | loss: {loss - at * 0.002:.6f} | dt: 100.00ms"
        for at in range(first, last)
    )
    return "\n".join(rows) + "\n"


def judged(text: str) -> dict:
    """Return what is said of a log that is complete."""
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    for batch in (parser.feed(text.encode()), parser.flush()):
        engine.fold("run", batch, written=NOW - 1e6)
    engine.finish(NOW)
    (run,) = document(engine, NOW)["runs"]
    return run


TRACE = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    main()\n{}\n'
SLURM = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2030-01-02T03:04:05{} ***\n"


@pytest.mark.parametrize(
    ("tail", "kind", "state", "health", "reported_by"),
    [
        ("Training completed\n", "finished", "finished", "ok", "log"),
        ("Finished. Total elapsed time (h:m:s): 0:08:43\n", "finished", "finished", "ok", "log"),
        ("Early stopping triggered\n", "stopped_early", "finished", "ok", "log"),
        ("stopping_early: wallclock\n", "stopped_early", "finished", "ok", "log"),
        (TRACE.format("KeyboardInterrupt"), "interrupted", "crashed", "ok", "log"),
        (SLURM.format(""), "interrupted", "crashed", "ok", "scheduler"),
        ("Received SIGTERM, saving and exiting\n", "interrupted", "crashed", "warning", "log"),
        (
            TRACE.format("KeyboardInterrupt") + SLURM.format(" DUE TO TIME LIMIT"),
            "time_limit",
            "crashed",
            "warning",
            "scheduler",
        ),
        (SLURM.format(" DUE TO PREEMPTION"), "preempted", "crashed", "warning", "scheduler"),
        (TRACE.format("ValueError: bad shard"), "crashed", "crashed", "critical", "log"),
        ("Killed\n", "killed", "crashed", "critical", "log"),
        (" 68%|##### | 15/22 [00:19<00:09,  1.29s/it]Killed\n", "killed", "crashed", "critical", "log"),
        ("thread 'main' panicked at src/tensor.rs:1447:13:\n", "crashed", "crashed", "critical", "log"),
        (
            "^CWARNING: Received 2 death signal, shutting down workers\n",
            "interrupted",
            "crashed",
            "ok",
            "log",
        ),
        ("[EARLY STOP] No improvement, stopping training.\n", "stopped_early", "finished", "ok", "log"),
    ],
)
def test_each_kind_of_end_is_reported(tail, kind, state, health, reported_by):
    run = judged(steps(0, 200) + tail)
    assert (run["ending"]["kind"], run["state"], run["health"]) == (kind, state, health)
    assert run["ending"]["reported_by"] == reported_by
    assert run["reason"] == run["ending"]["story"]


def test_of_a_log_that_just_ends_nobody_knows_how():
    run = judged(steps(0, 200))
    assert (run["ending"]["kind"], run["state"], run["health"]) == ("vanished", "stalled", "ok")
    assert run["reason"] == "log ends at step 199 of 400 without an error or a finish line"
    assert run["ending"]["reported_by"] is None


def test_a_run_that_continues_has_no_end():
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold(
        "run", StreamParser(catalogue()).feed(steps(0, 200).encode()), live=True, arrival=NOW, written=NOW
    )
    (run,) = document(engine, NOW + 1)["runs"]
    assert (run["state"], run["ending"], run["reason"], run["health"]) == ("running", None, None, "ok")


def test_a_finished_run_shows_what_is_wrong_with_it():
    run = judged(steps(0, 390) + steps(390, 400).replace("loss: 2", "loss: nan ") + "Training completed\n")
    assert (run["state"], run["ending"]["kind"], run["health"]) == ("finished", "finished", "critical")
    assert run["ending"]["story"] == "finished all 400 steps"
    assert run["reason"].startswith("finished all 400 steps, but ")
    assert "NaN" in run["reason"]


def test_what_was_pending_when_the_run_ended_can_no_longer_become_certain():
    slow = steps(200, 300, 300).replace(
        "dt: 100.00ms", "dt: 190.00ms"
    )  # too few seconds for the rule to be sure
    run = judged(steps(0, 200, 300) + slow + "Total training time: 1.00m\n")
    assert (run["state"], run["incidents"]) == ("finished", [])


def test_an_end_is_believed_though_the_rows_before_it_are_read_later():
    rows = "".join(f"Round {at}: fit={900 - at:.3f}  held={950 - at:.3f}\n" for at in range(1, 13))
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    late, first = parser.feed((rows + "Training complete!\n").encode()), parser.flush()
    for batch in (late, first):
        engine.fold("run", batch, written=NOW - 1e6)
    engine.finish(NOW)
    runs = document(engine, NOW)["runs"]
    assert [run["state"] for run in runs if run["steps"]["records"]] in ([], ["finished"])


def test_an_exception_that_ends_a_program_behind_its_training_is_a_crash_and_a_warning():
    run = judged(steps(0, 400) + "Training completed\n" + TRACE.format("KeyError: 'test'"))
    assert (run["state"], run["ending"]["kind"], run["health"]) == ("crashed", "crashed", "warning")
    assert run["reason"] == "failed after training was over: KeyError: 'test'"


def test_another_failure_behind_the_end_leaves_it_finished():
    caught = TRACE.format("KeyError: 'test'").replace("<module>", "report")
    run = judged(steps(0, 400) + "Training completed\n" + caught)
    assert (run["ending"]["kind"], run["health"]) == ("finished", "warning")
    assert run["reason"] == "finished all 400 steps, but failed after training was over: KeyError: 'test'"


def test_a_later_launch_takes_over():
    stopped = steps(0, 200) + "2030-01-02 03:04:05,678 - trainer - WARNING - Received SIGTERM, saving\n"
    run = judged(
        stopped + "Resuming from checkpoint at step 200\n" + steps(200, 400) + "Training completed\n"
    )
    assert (run["ending"]["kind"], run["health"]) == ("finished", "ok")
    (row,) = [row for row in run["incidents"] if row["rule"] == "crash"]
    assert (row["state"], row["severity"]) == ("resolved", "warning")
    assert row["title"] == "terminated: Received SIGTERM, saving"  # without time, logger and level


def test_each_launch_of_a_log_has_its_own_crash_and_the_last_is_the_runs():
    banner = "args: Namespace(config='a.yaml', batch_size={})\n" + "building the model layer by layer\n" * 40
    text = ""
    for number, error in enumerate(("FileNotFoundError: a.bin", "ImportError: lanms", "ValueError: b"), 1):
        text += banner.format(number) + TRACE.format(error)
    run = judged(banner.format(0) + steps(0, 20) + text)
    titles = {row["title"]: row["state"] for row in run["incidents"] if row["rule"] == "crash"}
    assert titles == {
        "crashed: FileNotFoundError: a.bin": "resolved",
        "crashed: ImportError: lanms": "resolved",
        "crashed: ValueError: b": "firing",
    }
    assert run["reason"] == "crashed: ValueError: b"
    assert [(end["kind"], end["story"].split()[-1]) for end in run["endings"]] == [
        ("crashed", "a.bin"),
        ("crashed", "lanms"),
        ("crashed", "b"),
    ]
    assert run["endings"][-1] == run["ending"]


def test_launches_that_fail_again_and_again_are_a_loop_and_their_crashes_its_symptoms():
    banner = "args: Namespace(config='a.yaml', batch_size=8)\n" + "building the model layer by layer\n" * 40
    text = banner + (TRACE.format("ImportError: lanms") + banner) * 4
    rows = judged(text)["incidents"]
    assert [(row["rule"], row["state"]) for row in rows if row["state"] == "firing"] == [
        ("restart_loop", "firing")
    ]
    (loop,) = [row for row in rows if row["rule"] == "restart_loop"]
    assert loop["title"] == "3 launches in a row failed before their first step"
    rows = judged(text + steps(0, 20))["incidents"]
    assert {row["state"] for row in rows if row["rule"] in ("restart_loop", "crash")} == {"resolved"}


def test_an_exception_that_was_caught_explains_less_and_proves_no_end():
    caught = TRACE.replace("<module>", "__getitem__").format("IndexError: too many indices")
    run = judged(steps(0, 200) + caught + "other words\n" + TRACE.format("KeyError: 'x'"))
    assert run["reason"] == "crashed: KeyError: 'x'"
    run = judged(steps(0, 200) + caught + "Resuming from checkpoint at step 200\n" + steps(200, 400))
    assert [row for row in run["incidents"] if row["rule"] == "crash"] == []
    assert judged(steps(0, 200) + caught)["reason"] == "crashed: IndexError: too many indices"


def test_after_errors_that_may_have_been_caught_and_much_more_output_a_run_has_not_crashed():
    oom = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB"
    failed = TRACE.replace("<module>", "main").format(oom) + f"best.pt failed: {oom}\n"
    layers = "".join(f"layer {at:2d}  Conv2d(64, 128, kernel_size=3)\n" for at in range(30))
    run = judged((failed + layers) * 3)
    (row,) = run["incidents"]
    assert (row["rule"], row["severity"], row["cause"]) == ("crash", "warning", "a GPU ran out of memory")
    assert row["title"].startswith(
        "an error was caught, and nothing was trained since, 6 errors in all: torch"
    )
    assert (run["ending"], run["state"]) == (None, "unknown")
    assert judged((failed + layers) * 2 + failed)["state"] == "crashed"
    trained = judged((failed + layers) * 3 + steps(0, 100))
    assert [row["rule"] for row in trained["incidents"]] == ["hang"]
    uncaught = TRACE.format("ValueError: bad shard") + layers
    assert judged(uncaught)["reason"] == "crashed: ValueError: bad shard"


def test_the_end_of_an_epoch_is_not_that_of_a_run_with_more_to_come():
    rows = "".join(
        f"2030-01-02 03:{4 + epoch:02d}:{at // 10:02d},448 - mmdet - INFO - Epoch [{epoch}][{at}/500]\tlr: 1.000e-02, "
        f"eta: 1:08:06, time: 0.386, data_time: 0.088, memory: 3114, loss: {3 / epoch - at / 1000:.4f}\n"
        for epoch in (1, 2, 3)
        for at in range(10, 501, 10)
    )
    plan = "2030-01-02 03:04:00,567 - mmdet - INFO - workflow: [('train', 1)], max: {} epochs\n"
    run = judged(plan.format(12) + rows)
    assert (run["ending"]["kind"], run["progress"]) == ("vanished", 0.25)
    assert judged(plan.format(3) + rows)["ending"]["kind"] == "finished"


def test_a_launcher_that_begins_parts_the_errors_of_two_launches():
    begins = "W0101 1 run.py:8] Setting OMP_NUM_THREADS environment variable for each process to be 1\n"
    killed = "launch.sh: line 218: 595635 Killed                  torchrun train.py\n"
    run = judged(begins + TRACE.format("ValueError: bad mesh") + begins + killed + begins + steps(0, 400))
    crashes = sorted((row["line"], row["title"], row["state"]) for row in run["incidents"])
    assert [(line, state) for line, _, state in crashes] == [(5, "resolved"), (7, "resolved")]
    assert "ValueError: bad mesh" in crashes[0][1]
    assert "595635 Killed" in crashes[1][1]


def test_training_behind_the_end_of_a_launcher_is_that_of_another_launch():
    trace = TRACE.format("RuntimeError: invalid device ordinal")
    launcher = TRACE.format("torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ")
    tokenizer = "Tokenizer training completed\n"
    for before in ("", tokenizer):
        run = judged(before + trace + launcher + tokenizer + steps(0, 400) + "Training completed\n")
        (row,) = run["incidents"]
        assert (row["rule"], row["state"]) == ("crash", "resolved"), before
        assert row["title"] == "crashed: RuntimeError: invalid device ordinal"
        assert (run["state"], run["health"]) == ("finished", "ok")


def test_what_python_ignores_at_its_end_is_no_cause_and_what_native_code_quotes_is_one():
    ignored = "Exception ignored in: <function Iter.__del__ at 0x7f>\n" + TRACE.format(
        "RuntimeError: DataLoader worker (pid 7) is killed by signal: Aborted."
    )
    index = TRACE.format("IndexError: tuple index out of range")
    assert (
        judged(steps(0, 200) + ignored + index)["reason"] == "crashed: IndexError: tuple index out of range"
    )
    assert judged(steps(0, 200) + ignored)["reason"].startswith("crashed: RuntimeError: DataLoader worker")
    quoted = TRACE.format("a.b.XlaRuntimeError: INTERNAL: failed: Traceback (most recent call last):")
    quoted += '  File "train.py", line 9, in step\nKeyboardInterrupt:\n--------\n'
    assert judged(steps(0, 200) + quoted)["ending"]["kind"] == "interrupted"


def test_a_tracker_that_cannot_be_used_is_no_crash_where_training_follows():
    for said in ("ModuleNotFoundError: No module named 'wandb'", "wandb.errors.CommError: Network error"):
        assert judged(TRACE.format(said) + steps(0, 400))["incidents"] == [], said
        assert judged(TRACE.format(said))["state"] == "crashed", said
    assert judged(TRACE.format("ImportError: libcudart.so.12") + steps(0, 400))["incidents"] != []


def test_an_exception_about_values_that_are_not_finite_says_so():
    long = "ValueError: Expected parameter loc of distribution Normal to satisfy the constraint Real(), " + (
        "of which the shape is (800, 7) and the scale as well, but found invalid values:\ntensor([nan, nan])"
    )
    (row,) = [i for i in judged(steps(0, 200) + TRACE.format(long))["incidents"] if i["rule"] == "crash"]
    assert row["cause"] == "a value was NaN or infinite"
    assert "found invalid values" not in row["title"]
    assert "found invalid values" in row["evidence"]["message"]


def test_of_exceptions_the_direct_cause_explains_the_next_and_while_handling_one_the_next_itself():
    inner = TRACE.replace("<module>", "load").format("KeyError: 'weights'")
    because = "\nThe above exception was the direct cause of the following exception:\n\n"
    run = judged(steps(0, 200) + inner + because + TRACE.format("RuntimeError: cannot restore"))
    assert run["reason"] == "crashed: KeyError: 'weights'"
    during = "\nDuring handling of the above exception, another exception occurred:\n\n"
    run = judged(steps(0, 200) + inner + during + TRACE.format("RuntimeError: cannot restore"))
    assert run["reason"] == "crashed: RuntimeError: cannot restore"


def test_the_message_of_an_exception_may_be_on_the_next_line():
    run = judged(steps(0, 200) + TRACE.format("RuntimeError:\n   Failed to run stage backward:\n   Output"))
    assert run["reason"] == "crashed: RuntimeError: Failed to run stage backward:"
    run = judged(steps(0, 200) + TRACE.format("RuntimeError:\nbye"))
    assert run["reason"] == "crashed: RuntimeError: bye"


def test_of_a_failed_command_it_is_reported_how_it_ended():
    command = (
        f"Command '{['python', '-u', 'train.py', *map(str, range(100))]}' died with <Signals.SIGKILL: 9>."
    )
    run = judged(steps(0, 200) + TRACE.format(f"subprocess.CalledProcessError: {command}"))
    assert run["ending"]["kind"] == "killed"
    assert run["reason"].endswith("...' died with <Signals.SIGKILL: 9>.")


def test_an_early_stop_that_training_passes_is_none():
    run = judged(steps(0, 200) + "Early stopping triggered\n" + steps(200, 400) + "Training completed\n")
    assert run["ending"]["kind"] == "finished"


def test_every_end_has_a_phase_and_every_phase_a_state():
    phases = {phase_of(end) for end in End}
    assert phases == HALTED
    assert {state_of(phase) for phase in phases} == {"finished", "crashed", "stalled"}


def test_advice_about_a_run_that_is_over_does_not_say_to_stop_it():
    broken = steps(0, 300) + steps(300, 390, 600).replace("loss: 2", "loss: nan ")
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", StreamParser(catalogue()).feed(broken.encode()), live=True, arrival=NOW, written=NOW)
    (going,) = document(engine, NOW)["runs"][0]["incidents"]
    (over,) = [i for i in judged(broken + "Training completed\n")["incidents"] if i["rule"] == "nonfinite"]
    assert going["advice"].startswith("Stop; go back to a checkpoint")
    assert over["advice"] == going["advice"].replace("Stop; go", "Go")


BANNER = "args: Namespace(config='a.yaml', batch_size=8)\n" + "building the model layer by layer\n" * 40


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (TRACE.replace("<module>", "run_step").format("RuntimeError: bad shapes"), "crashed"),
        (
            TRACE.replace("<module>", "run_step").format("RuntimeError: bad shapes")
            + "[01/02 03:04:05] d2.engine.hooks INFO: Total training time: 0:00:06 (0:00:00 on hooks)\n",
            "crashed",
        ),
        (
            "F0102 03:04:05.678901 12 io.cpp:36] Check failed: fd != -1 (-1 vs. -1) File not found: a.txt\n"
            "*** Check failure stack trace: ***\n    @     0x7ffa9e0c  (unknown)\n",
            "crashed",
        ),
        (
            "2030-01-02 03:04:05.6: F external/gpu/dnn.cc:533] Check failed: size == 1 (2 vs. 1)\n",
            "crashed",
        ),
        (
            "*** Aborted at 1893553445 (unix time) try date ***\n"
            "*** SIGTERM (@0x3e8) received by PID 12 (TID 0x7f) from PID 11; stack trace: ***\n",
            "interrupted",
        ),
        ("I0102 03:04:05.678901 12 solver.cpp:391] Test interrupted.\n", "interrupted"),
        ("I0102 03:04:05.678901 12 solver.cpp:301] Optimization stopped early.\n", "interrupted"),
        ("[2030-01-02 03:04:05] Error: Unknown optimizer: a.npz\n[CALL STACK]\n[0x5] main\n", "crashed"),
    ],
)
def test_the_end_of_a_launch_in_the_middle_of_a_log_is_reported(words, kind):
    run = judged(BANNER + steps(0, 20) + words + BANNER + steps(0, 40))
    (row,) = [row for row in run["incidents"] if row["rule"] == "crash"]
    assert (row["state"], row["evidence"]["ending"], row["line"] > 60) == ("resolved", kind, True)
    assert judged(BANNER + steps(0, 20) + words)["ending"]["kind"] == kind


def test_an_error_after_which_training_continued_is_no_end():
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")

    def endings(text: str, at: float) -> list[dict]:
        engine.fold("run", parser.feed(text.encode()), live=True, arrival=at, written=at)
        for second in range(30):
            engine.tick(at + second)
        (run,) = document(engine, at + 30)["runs"]
        return run["endings"]

    assert [end["kind"] for end in endings(steps(0, 20) + TRACE.format("ValueError: x"), NOW)] == ["crashed"]
    assert endings(steps(20, 40), NOW + 60) == []


def test_of_the_chain_in_a_loader_worker_the_last_exception_ended_it():
    worker = (
        'Original Traceback (most recent call last):\n  File "/x/audio.py", line 9, in load\n    y = read()\n'
    )
    during = "\nDuring handling of the above exception, another exception occurred:\n\n"
    text = TRACE.format(
        "ValueError: Caught ValueError in DataLoader worker process 0.\n" + worker + "LibError: a"
    )
    second = 'Traceback (most recent call last):\n  File "/x/audio.py", line 20, in load\n    z = open()\n'
    run = judged(steps(0, 200) + text + during + second + "FileNotFoundError: No such file: 'a.wav'\n")
    assert run["reason"] == "crashed: FileNotFoundError: No such file: 'a.wav'"


def test_launches_that_fail_before_their_first_step_each_have_an_end_though_no_words_come_again():
    errors = "ModuleNotFoundError: a", "FileNotFoundError: b", "ValueError: c"
    begun = "loading {}\nreading {}\nbuilding {}\n"
    text = "".join(begun.format(at, at, at) + TRACE.format(error) for at, error in enumerate(errors))
    run = judged(text + begun.format(3, 3, 3) + steps(0, 400) + "Training completed\n")
    assert [(end["kind"], end["story"]) for end in run["endings"]] == [
        *(("crashed", f"crashed: {error}") for error in errors),
        ("finished", "finished all 400 steps"),
    ]
    crashes = [row["state"] for row in run["incidents"] if row["rule"] == "crash"]
    assert crashes == ["resolved"] * 3
    assert run["health"] == "ok"


def test_exceptions_of_ranks_without_a_tag_or_raised_while_one_is_handled_are_one_crash():
    ranks = TRACE.format("ValueError: a") + TRACE.format("KeyError: 'b'")
    chained = TRACE.format("ValueError: a") + "\nDuring handling of the above exception, another exception "
    chained += "occurred:\n\n\n" + TRACE.format("KeyError: 'b'")
    for text in (ranks, chained):
        (end,) = judged("loading\n" + text)["endings"]
        assert end["story"] == "crashed: ValueError: a"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("evaluating..." + TRACE.format("KeyError: 'x'"), "crashed"),
        ("  5%|5    | 1/20 [00:19<06:09, 19.2s/it, loss=0.5]Killed\n", "killed"),
        ("  5%|5    | 1/20 [00:19<06:09, 19.2s/it, loss=0.5]Terminated\n", "interrupted"),
        ("mpirun noticed that process rank 3 with PID 0 on node n5 exited on signal 9 (Killed).\n", "killed"),
        ("Loss is nan, stopping training\n", "crashed"),
        ("[*] All done: 2030-01-02 03:04:05.678\n", "finished"),
        ("Aborted!\n", "interrupted"),
        ("Training interrupted. Saving checkpoint...\n", "interrupted"),
        ("Interrupted by user, saving checkpoint\n", "interrupted"),
        ("wandb: Ctrl-c pressed. Waiting for runs to end.\n", "interrupted"),
        ("Hangup\n", "interrupted"),
        ("run.sh: line 32: 2796136 Terminated              python train.py --lr 0.1\n", "interrupted"),
        ("run.sh: line 32: 2796136 Aborted                 python train.py --lr 0.1\n", "crashed"),
        ("2030-01-02 03:04:05 ERROR Training failed with error: list index out of range\n", "crashed"),
        ("Error during training: shape mismatch\n", "crashed"),
        ("slurmstepd: error: Exceeded job memory limit\n", "killed"),
        ("command terminated with exit code 137\n", "killed"),
        ("make: *** [Makefile:12: train] Error 1\n", "crashed"),
        (
            "KeyError                    Traceback (most recent call last)\nCell In[7], line 3\nKeyError: 1\n",
            "crashed",
        ),
    ],
)
def test_words_that_end_a_run_behind_others_or_in_words_of_their_own(words, kind):
    assert judged(steps(0, 200) + words)["ending"]["kind"] == kind


@pytest.mark.parametrize("end", ["\r", "\n"])
@pytest.mark.parametrize(
    ("words", "kind"),
    [("Killed", "killed"), ("Segmentation fault (core dumped)", "crashed"), ("Hangup", "interrupted")],
)
def test_what_a_shell_says_right_behind_the_last_bar_that_shows_a_loss(end, words, kind):
    bars = (f"Training:   5%|5    | {n}/200 [00:19<06:09, 19.2s/it, loss=0.{n}]" for n in range(20))
    assert judged(end.join(bars) + f"{words}\n")["ending"]["kind"] == kind


def test_what_a_shell_says_right_behind_a_number_that_is_drawn_again():
    epoch = "Epoch {}/5\n" + "".join(
        f"\r {i}/9 [==>..] - ETA: 3s - loss: {2 - i / 10:.4f}" for i in range(1, 10)
    )
    ending = judged("".join(f"{epoch.format(e)}\n" for e in (1, 2)) + f"{epoch.format(3)}Killed\n")["ending"]
    assert (ending["kind"], ending["line"]) == ("killed", 6)


def test_what_ends_the_next_run_of_a_sweep_is_no_failure_behind_the_end_of_the_one_before():
    tracker = "wandb: Run data is saved locally in ./wandb/run-20300102_030405-{}\n"
    first = tracker.format("aaaaaaaa") + steps(0, 400) + "wandb: Run summary:\nwandb: loss 2.2\n"
    run = judged(first + tracker.format("bbbbbbbb") + "loading data\n" + SLURM.format(""))
    assert run["ending"]["kind"] == "interrupted"
    assert judged(first + SLURM.format(""))["ending"]["kind"] == "finished"


def test_the_scheduler_is_understood_behind_a_step_line_that_was_not_ended():
    run = judged(steps(0, 200)[:-1] + " HellaSwag" + SLURM.format(" DUE TO TIME LIMIT"))
    assert (run["ending"]["kind"], run["ending"]["line"]) == ("time_limit", 200)
