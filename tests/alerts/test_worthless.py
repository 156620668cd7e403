"""Runs that are worth nothing, as their logs show it: NaN, zeros and batches that were never trained."""

from __future__ import annotations

from itertools import pairwise

import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document

NOW = 1.9e9


def rows(first: int, last: int, more: str = "") -> str:
    return "".join(f"step: {at}/400  loss: {3 - at * 0.005:.4f}{more}\n" for at in range(first, last))


def found(text: str, *pieces: int) -> list[tuple[str, str, str, int | None]]:
    """Return (rule, severity, state, line) of what is found in a complete log that is read in pieces."""
    engine, parser, data = Engine(), StreamParser(catalogue()), text.encode()
    engine.add_source("run", "run", "run.log")
    edges = [0, *pieces, len(data)]
    batches = [parser.feed(data[low:high]) for low, high in pairwise(edges)]
    for batch in (*batches, parser.flush()):
        engine.fold("run", batch, written=NOW - 1e6)
    engine.finish(NOW)
    rows = (row for run in document(engine, NOW)["runs"] for row in run["incidents"])
    return [(row["rule"], row["severity"], row["state"], row["line"]) for row in rows]


def of(rule: str, text: str, *pieces: int) -> list[tuple[str, str, int | None]]:
    return [(severity, state, line) for name, severity, state, line in found(text, *pieces) if name == rule]


def test_lines_without_a_record_that_say_nan_are_reported():
    bars = "".join(f"Epoch {at}/9 [Train]: {at}/9 done\n" for at in range(1, 4))
    assert of("nonfinite", rows(1, 60) + "INFO avg. test_loss nan avg. top1 0.001\n" * 3) == []
    reported = of("nonfinite", rows(1, 60) + "INFO avg. test_loss nan avg. top1 0.001\n" * 30)
    assert reported == [("warning", "firing", 63)]
    text = bars + TRACE + "Fitting q\n" + "Loss: nan\n" * 40
    assert of("nonfinite", text) == [("critical", "firing", 12)]
    assert of("nonfinite", text, 50, 130, 300) == of("nonfinite", text)


def test_a_loss_of_held_out_data_that_was_never_finite_is_a_note_where_training_is_sound():
    line = "INFO avg. test_loss nan avg. top1 0.001\n"
    text = "".join(rows(at, at + 10) + line for at in range(1, 101, 10))
    assert of("nonfinite", text) == [("info", "firing", 44)]
    assert of("nonfinite", text, 50, 900, 2_000) == of("nonfinite", text)
    assert of("nonfinite", rows(1, 60) + line * 3) == []


TRACE = 'Traceback (most recent call last):\n  File "fit.py", line 3, in <module>\n    main()\nKeyError: 1\n'


def test_a_loss_that_is_read_says_it_itself():
    text = rows(1, 60) + "step: 60/400  loss: nan\n" + "best loss: nan\n" * 9
    assert len(of("nonfinite", text)) == 1


@pytest.mark.parametrize(
    ("line", "count", "severity"),
    [
        ("WARNING: ran out of memory, skipping batch", 30, "warning"),
        ("| WARNING: ran out of memory", 200, "critical"),
        ("NaN in the inputs, skipping this batch", 200, "critical"),
    ],
)
def test_batches_that_are_all_skipped_are_an_alarm(line, count, severity):
    text = rows(1, 60) + f"{line}\n" * count
    ((worst, state, _),) = of("skipped_steps", text)
    assert (worst, state) == (severity, "firing")
    ((_, state, _),) = of("skipped_steps", text + rows(60, 70))
    assert state == "resolved"
    assert of("skipped_steps", text, 1000, 1500) == of("skipped_steps", text)


def test_a_batch_skipped_now_and_then_is_none():
    text = "".join(
        rows(at, at + 4) + "WARNING: ran out of memory, skipping batch\n" for at in range(1, 300, 4)
    )
    assert of("skipped_steps", text) == []


def bar(at: int, loss: str, more: str = "") -> str:
    return (
        f"Train:  {at // 2:2d}%|##        | {at}/200 [00:{at // 4:02d}<01:00,  4.00it/s, loss={loss}{more}]\r"
    )


def test_a_loss_that_is_zero_from_the_first_row_is_a_warning():
    text = "".join(bar(at, "0.0000") for at in range(1, 150))
    ((severity, state, _),) = of("masked_nan", text)
    assert (severity, state) == ("warning", "firing")
    assert of("masked_nan", "".join(bar(at, "0.0000") for at in range(1, 19))) == []
    assert of("masked_nan", "".join(bar(at, "0.0000", ", kd_loss=0.31") for at in range(1, 150))) == []


@pytest.mark.parametrize(
    ("epochs", "plan", "more", "found"),
    [
        (10, 100, "", ["warning"]),
        (9, 90, "", []),
        (10, 101, "", []),  # less than a tenth of the plan
        (10, 100, " aux_loss 0.7", []),  # a part that is switched off
        (10, 100, " reward 0.0", []),
    ],
)
def test_a_tenth_of_the_plan_at_a_loss_of_zero_is_enough(epochs, plan, more, found):
    text = "".join(f"Epoch {at}/{plan} loss 0.0000{more}\n" for at in range(1, epochs + 1))
    assert [severity for severity, *_ in of("masked_nan", text)] == found


def test_gradients_that_are_all_zero_make_a_flat_loss_a_warning():
    text = "".join(
        f"step: {at}/900  loss: {1.17 + 0.02 * (at * 7919 % 11 - 5):.4f}  grad_norm: {{}}\n"
        for at in range(1, 450)
    )
    ((severity, _, _),) = of("never_learns", text.replace("{}", "0.0"))
    assert severity == "warning"
    assert [severity for severity, *_ in of("never_learns", text.replace("{}", "0.3"))] == ["info"]


def test_a_bar_that_is_drawn_once_more_behind_an_interrupt_is_no_hang():
    text = "".join(bar(at, f"{3 - at / 100:.4f}") for at in range(1, 90)) + "\n"
    stop = TRACE.replace("KeyError: 1", "KeyboardInterrupt") + bar(90, "2.1000") + "\n"
    incidents = found(text + stop)
    assert ("crash", "info", "firing") in [each[:3] for each in incidents]
    assert "hang" not in [each[0] for each in incidents]


@pytest.mark.parametrize(("lines", "severity"), [(25, "info"), (10, "warning")])
def test_a_file_that_an_installer_cannot_compile_ends_nothing(lines, severity):
    listing = "Listing './lib/a'...\n"
    text = listing * 9 + "SyntaxError: can't assign to literal\n\n" + listing * lines
    assert of("crash", text) == [(severity, "firing", 10)]
    assert of("crash", text, 40, 220, 260) == of("crash", text)


GONE = (
    "Exception in thread Thread-3:\nTraceback (most recent call last):\n"
    '  File "/py/threading.py", line 926, in _bootstrap_inner\n    self.run()\n'
    '  File "/x/site-packages/wandb/sdk/wandb_run.py", line 144, in run\n    ask()\n'
    "Exception: The wandb backend process has shutdown\n"
)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (rows(1, 100) + GONE, [("warning", "firing", 99)]),
        (rows(1, 100) + GONE + "\r 25%|##  | 1/4 [00:01<00:03,  1.00s/it]\n", []),
        (rows(1, 100) + GONE + rows(100, 110), []),
        (rows(1, 401) + GONE, []),
        (rows(1, 100) + GONE + "Training finished\n", []),
    ],
)
def test_a_log_that_ends_where_a_trackers_process_had_gone_is_a_warning(text, reported):
    assert of("ended", text) == of("ended", text, 90, 3100, len(text) - 40) == reported


def test_what_fails_before_anything_shows_a_training_is_a_note_once_one_runs():
    """A launcher that does not find its image, a command that is not there: the next launch had all it needed."""
    text = "docker: Error response from daemon: No such image: sandbox:7.\n\n" + rows(1, 60)
    assert [severity for severity, *_ in of("crash", text)] == ["info"]
    text = "starting to train\n" + TRACE + "starting to train\n" + rows(1, 60)
    assert [severity for severity, *_ in of("crash", text)] == ["warning"]
