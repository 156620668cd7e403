"""What a log says in words becomes events."""

from __future__ import annotations

import pytest

from .logs import parse


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 16.00 GiB.", "oom"),
        (b"[rank7]:[E521] Process group watchdog thread terminated with exception", "nccl"),
        (
            b"slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-04-07T08:18:54 DUE TO TIME LIMIT ***",
            "scheduler",
        ),
        (b"Killed", "killed"),
        (b"Segmentation fault (core dumped)", "segfault"),
        (b"[rank3]: KeyboardInterrupt", "signal"),
        (b"[CUDA ERROR] at file train_gpt2.cu:1024: misaligned address", "cuda_error"),
        (b"[Sun Feb 23 16:24:30 2025] NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380", "xid"),
        (b"OSError: [Errno 28] No space left on device", "error"),
        (
            b"2026-01-01 - nanochat.checkpoint_manager - INFO - Saved model file to: /x/model_021400.pt",
            "checkpoint",
        ),
        (b"Finished training, saving model...", "finished"),
        (b"Resuming from checkpoint at step 500", "resume"),
    ],
)
def test_telling_lines(line, kind):
    events = parse(b"noise\n" + line + b"\n").events
    assert [(event.kind, event.line) for event in events] == [(kind, 2)]


@pytest.mark.parametrize(
    "line",
    [
        b"number of nan iterations: 0",
        b"CUDA kernel errors might be asynchronously reported at some other API call",
        b"nan_check enabled, 0 errors",
        b"UserWarning: This may be caused by a CUDA error: see the docs",
        b"the killed process list is empty",
    ],
)
def test_harmless_words(line):
    assert parse(line + b"\n").events == []


def test_a_traceback_is_one_event_with_its_last_line():
    text = (
        b"[rank3]: Traceback (most recent call last):\n"
        b'[rank3]:   File "train.py", line 9, in <module>\n'
        b"[rank3]:     main()\n"
        b"[rank3]: ValueError: bad shard \x1b[31m<!channel>\x1b[0m\n"
    )
    (event,) = parse(text).events
    assert (event.kind, event.rank, event.line) == ("traceback", 3, 4)
    assert event.title == "ValueError: bad shard <!channel>"
    assert "main()" in event.data["frames"]


def test_chained_exceptions_are_one_event():
    text = (
        b"Traceback (most recent call last):\n  File a\nKeyError: 1\n\n"
        b"During handling of the above exception, another exception occurred:\n\n"
        b"Traceback (most recent call last):\n  File b\ntorch.OutOfMemoryError: CUDA out of memory.\n"
    )
    assert [event.kind for event in parse(text).events] == ["traceback", "oom"]


def test_a_traceback_cut_off_is_still_told():
    (event,) = parse(b"Traceback (most recent call last):\n  File a\n").events
    assert event.kind == "traceback"


def test_a_step_line_ends_a_traceback():
    text = b"step 1/9 (1.00%) | loss: 1.0\nTraceback (most recent call last):\n  File a\nstep 2/9 (2.00%) | loss: 1.0\nKeyError: 1\n"
    parsed = parse(text)
    assert [event.kind for event in parsed.events] == ["traceback"]
    assert parsed.column("step").tolist() == [1, 2]


def test_the_step_of_a_checkpoint():
    (event,) = parse(b"Saved model file to: /r/step_3/base_checkpoints/d20/model_021400.pt\n").events
    assert event.step == 21400
