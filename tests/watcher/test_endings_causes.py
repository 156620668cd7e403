"""What is named as the cause of an end, among all that went wrong around it."""

from __future__ import annotations

import pytest

from .test_endings import TRACE, judged, steps

IN = 'Traceback (most recent call last):\n  File "train.py", line 9, in {}\n    call()\n{}\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # what was caught inside the program is not what ended it
        (
            IN.format("main", "KeyError: 1") + "no tracker\n" * 3 + IN.format("<module>", "OSError: 2"),
            "crashed: OSError: 2",
        ),
        (
            IN.format("main", "KeyError: 1") + "no tracker\n" * 3 + IN.format("main", "OSError: 2"),
            "crashed: KeyError: 1",
        ),
        (
            IN.format("main", "torch.OutOfMemoryError: CUDA out of memory.")
            + IN.format("<module>", "OSError: 2"),
            "crashed: torch.OutOfMemoryError: CUDA out of memory.",
        ),
        # native code aborts because of what it said
        (
            "double free or corruption (!prev)\nAborted (core dumped)\n",
            "crashed: double free or corruption (!prev)",
        ),
        (
            "terminate called after throwing an instance of 'E'\n  what():  bad shard\nAborted (core dumped)\n",
            "crashed: terminate called after throwing an instance of 'E' what():  bad shard",
        ),
        ("Aborted (core dumped)\n", "crashed: Aborted (core dumped)"),
        # workers that are gone do not say why
        (
            IN.format("handler", "RuntimeError: DataLoader worker (pid 7) is killed by signal: Terminated.")
            + IN.format("<module>", "RuntimeError: DataLoader worker (pid(s) 7, 8) exited unexpectedly"),
            "terminated: RuntimeError: DataLoader worker (pid 7) is killed by signal: Terminated.",
        ),
        (
            IN.format("<module>", "RuntimeError: DataLoader worker (pid(s) 7, 8) exited unexpectedly"),
            "crashed: RuntimeError: DataLoader worker (pid(s) 7, 8) exited unexpectedly",
        ),
    ],
)
def test_what_ended_it_is_named_and_not_what_else_went_wrong(text, reason):
    assert judged(steps(0, 200) + text)["reason"] == reason


@pytest.mark.parametrize(
    "words",
    [
        "train.py: error: unrecognized arguments: --batch 32",
        "train.py: error: the following arguments are required: --data",
        "python: can't open file '/runs/trian.py': [Errno 2] No such file or directory",
        "/usr/bin/python3: No module named acme.launch",
        "run.sh: line 3: torchrun: command not found",
        "Could not override 'optim.lrr'.",
        "In 'config': Could not find 'model/big'",
        "FATAL:   could not open image /images/y.sif: no such file or directory",
    ],
)
def test_a_program_that_could_not_be_started_has_crashed(words):
    run = judged(f"Starting the job\nusage: train.py [-h]\n{words}\n")
    assert (run["ending"]["kind"], run["reason"]) == ("crashed", f"crashed: {words}")
    (row,) = run["incidents"]
    severity = "critical" if "train.py" in words else "warning"  # nothing shows that it trains
    assert (row["severity"], row["evidence"]["signature"]) == (severity, "not_started")


def test_the_last_words_of_a_chain_of_exceptions_are_in_the_evidence():
    because = "\nThe above exception was the direct cause of the following exception:\n\n"
    text = TRACE.format("KeyError: 'lr'") + because + TRACE.format("acme.ConfigError: no lr")
    (row,) = judged(steps(0, 200) + text)["incidents"]
    assert row["title"] == "crashed: KeyError: 'lr'"
    assert row["evidence"]["led_to"] == "acme.ConfigError: no lr"


BANNER = "args: Namespace(config='a.yaml')\n" + "building the model\n" * 40


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        ("KeyboardInterrupt", "interrupted", "interrupted: KeyboardInterrupt"),
        ("ValueError: b", "crashed", "crashed: ValueError: b"),
    ],
)
def test_a_program_that_could_not_be_started_is_an_earlier_launch(error, kind, reason):
    run = judged(
        "python: can't open file 'trian.py': [Errno 2] No such file\n" + BANNER + TRACE.format(error)
    )
    assert (run["ending"]["kind"], run["reason"]) == (kind, reason)
    assert [end["kind"] for end in run["endings"]] == ["crashed", kind]


def test_what_trains_behind_a_program_that_could_not_be_started_is_another_launch():
    run = judged("python: can't open file 'trian.py': [Errno 2] No such file\n" + steps(0, 20))
    crashes = [row["state"] for row in run["incidents"] if row["rule"] == "crash"]
    assert (crashes, run["ending"]["kind"]) == (["resolved"], "vanished")


OOM = "OOM: CUDA out of memory. Tried to allocate 2.00 GiB\n"


@pytest.mark.parametrize(
    ("text", "crashes"),
    [
        (
            OOM + "memory summary\n" + "attempting to recover from OOM in forward/backward pass\n",
            [],
        ),
        (OOM + "Skipping batch\n", []),
        (OOM + "memory summary\n", ["firing"]),
        (TRACE.format("torch.OutOfMemoryError: CUDA out of memory.") + "Skipping batch\n", ["firing"]),
        ("CUDA out of memory on batch 7, skipping it\n", []),
    ],
)
def test_memory_that_was_not_enough_for_a_batch_that_is_skipped_is_no_crash(text, crashes):
    rows = judged(steps(0, 200) + text)["incidents"]
    assert [row["state"] for row in rows if row["rule"] == "crash"] == crashes
