"""A run's progress: how long it will take, and what phase it is in."""

from __future__ import annotations

import pytest

from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.parsers.log import LogParser

TOTAL = 1000


def run_of(times: list[float], after: str = "") -> Run:
    """Return a run that has printed one row for each step time, in seconds."""
    rows = (
        f"step {step:05d}/{TOTAL:05d} (1.00%) | loss: 2.0 | dt: {1000 * seconds:.2f}ms\n"
        for step, seconds in enumerate(times)
    )
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    for batch in (parser.feed("".join([*rows, after]).encode()), parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    return run


@pytest.mark.parametrize("rows", [2, 16, 33, 60, 200, 1000])
def test_a_first_step_that_compiles_does_not_shift_the_estimate(rows):
    rate = run_of([40.0, 1.4, 1.2] + [1.0] * rows).progress().rate
    assert rate == pytest.approx(1.0, rel=0.15)


def test_one_row_is_all_that_is_known():
    assert run_of([4.0]).progress().rate == pytest.approx(0.25)


def test_slow_steps_among_the_others_count():
    times = [1.0, 1.0, 1.0, 2.0] * 100
    assert run_of(times).progress().rate == pytest.approx(1 / 1.25, rel=0.01)


def test_training_continues_after_an_evaluation():
    begun = "Start inference on 5000 images\n"
    assert run_of([1.0] * 20, begun).phase == "evaluating"
    assert run_of([1.0] * 20, begun + "Evaluation done in 12.5 s\n").phase == "training"


@pytest.mark.parametrize(("steps", "fraction"), [(99, 0.099), (985, 1.0), (1000, 1.0)])
def test_what_finishes_early_has_not_done_all(steps, fraction):
    run = run_of([1.0] * steps, "Total training time: 1.00m\n")
    assert run.phase == "finished"
    assert run.progress().fraction == pytest.approx(fraction)


def test_records_without_steps_show_their_epoch():
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    rows = "".join(
        f"{{'loss': 2.5, 'grad_norm': 0.5, 'learning_rate': 0.1, 'epoch': {n / 8}}}\n" for n in range(9)
    )
    for batch in (parser.feed(rows.encode()), parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    assert (run.progress().step, run.progress().epoch) == (None, 1.0)
    assert run_of([1.0] * 20).progress().epoch is None


def learnt(rows: str, size: int) -> Run:
    """Return the run of a home-made log, read in pieces of so many bytes."""
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    data = rows.encode()
    pieces = [parser.feed(data[at : at + size]) for at in range(0, len(data), size)]
    for batch in (*pieces, parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    return run


@pytest.mark.parametrize("size", [200, 1 << 20])
@pytest.mark.parametrize(
    ("epochs", "planned"), [("", [None, None, None]), ("/8", [None, 800, 800])], ids=["unknown", "printed"]
)
def test_where_an_epoch_ends_is_no_total_once_it_was_passed(size, epochs, planned):
    rows = [
        f"INFO Epoch {n // 100 + 1}{epochs} Batch {n % 100}/100 | loss={2.5 - n / 500:.4f} | lr=0.1\n"
        for n in range(290)
    ]
    for count, wanted in zip((90, 150, 290), planned, strict=True):
        run = learnt("".join(rows[:count]), size)
        assert (run.last_step, run.planned) == (count - 1, wanted)
        assert (run.progress().fraction is None) == (wanted is None)
        assert wanted is not None or run.progress().eta_seconds is None


def test_a_bar_that_is_at_none_is_no_first_step():
    bars = b"".join(b"\r %d%%|  | %d/8 [00:0%d<00:09,  1.50s/it]" % (n, n, n) for n in range(9))
    rows = b"".join(
        b"{'loss': 2.5, 'grad_norm': 0.%d, 'learning_rate': 0.1, 'epoch': 0.%d}\n" % (n, n) for n in (1, 2, 4)
    )
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    for batch in (parser.feed(bars + b"\n" + rows), parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    assert (run.records, run.first_step, run.last_step) == (3, 1, 8)


@pytest.mark.parametrize("size", [64, 10_000])
def test_the_bar_of_the_next_launch_does_not_move_a_run_that_has_ended(size):
    def bar(step: int) -> str:
        return f" 10%|#  | {step}/6 [00:10<01:00,  2.00s/it]\n"

    launch = "".join(
        bar(step) + f"{{'loss': 2.5, 'learning_rate': 0.5, 'epoch': {step / 6:.2f}}}\n"
        for step in range(1, 7)
    )
    text = (launch + "{'train_runtime': 12.5, 'train_loss': 2.5, 'epoch': 1.0}\n" + bar(0) + launch).encode()
    parser, splitter, runs = LogParser(), Splitter(), [Run("run", "run")]
    batches = [parser.feed(text[i : i + size]) for i in range(0, len(text), size)]
    for batch in (*batches, parser.flush()):
        for segment in splitter.split(batch):
            if segment.begins_run:
                runs.append(Run("run", "run"))
            runs[-1].fold(segment.block)
    assert [(run.records, run.first_step, run.last_step, run.total) for run in runs] == [(6, 1, 6, 6)] * 2


_BANNER = "Training of the little model begins\nreading 40 files of text\n" + "filler of the beginning\n" * 50


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize(("short", "first"), [(1, 4.75), (2, 4.5)])
def test_a_launch_that_printed_but_its_first_step_is_replaced_by_the_next(size, short, first):
    rows = [f"INFO step: {20 * n} loss: {4.5 - n / 50:.4f} top1: 0.{n + 10}\n" for n in range(30)]
    later = [row.replace("loss: 4.5", "loss: 4.75") for row in rows]
    run = learnt(_BANNER + "".join(rows[:short]) + _BANNER + "".join(later), size)
    assert (run.records, run.first_step, run.last_step) == (short + 30, 0, 580)
    assert run.series["train/loss"].summary.first == first
    continued = learnt(_BANNER + "".join(rows[:9]) + "".join(later[5:]), size)
    assert continued.series["train/loss"].summary.first == 4.5


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_a_launch_is_no_stage_of_the_run_before_it(size):
    rows = [f"Epoch {n}/40, Loss: {2.5 / (n + 1):.4f}\n" for n in range(41)]
    launch = _BANNER + "Stage 1: pretraining\n" + "".join(rows)
    parser, splitter = LogParser(), Splitter()
    data = 2 * launch.encode()
    batches = [parser.feed(data[at : at + size]) for at in range(0, len(data), size)] + [parser.flush()]
    found = [segment for batch in batches for segment in splitter.split(batch)]
    assert sum(segment.begins_run for segment in found) == 1
    assert not any(segment.is_stage for segment in found)


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize(
    ("total", "first", "runs"), [(900, 320, 2), (900, 50, 2), (900, 300, 1), (400, 320, 1)]
)
@pytest.mark.parametrize("between", ["", "CUDA out of memory\n"])
def test_a_launch_with_another_total_is_another_run_unless_its_steps_go_on(size, total, first, runs, between):
    rows = [f"step {n}/400 | loss: {2.5 / (n + 1):.4f}\n" for n in range(0, 300, 10)]
    later = [f"step {n}/{total} | loss: {0.5 / n:.4f}\n" for n in range(first, 390, 10)]
    data = (_BANNER + "".join(rows) + between + _BANNER + "".join(later)).encode()
    parser, splitter = LogParser(), Splitter()
    batches = [parser.feed(data[at : at + size]) for at in range(0, len(data), size)] + [parser.flush()]
    begun = sum(segment.begins_run for batch in batches for segment in splitter.split(batch))
    assert begun + 1 == (1 if between else runs)


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize(
    ("row", "last", "first"),
    [
        ('{{"iteration": {}9, "total_loss": {}, "lr": 0.1}}\n', 20, 0.25),  # a file of one run
        ("Epoch {}/30 - loss: {} - lr: 0.1\n", 20, 4.5),  # a launch of the same run
        ("step {} loss: {} lr: 0.1\n", 20, 4.5),  # may count within an epoch
    ],
)
def test_the_first_loss_of_a_run_whose_step_begins_again(size, row, last, first):
    rows = [row.format(n, loss / n) for loss in (4.5, 0.25) for n in range(1, last + 1)]
    run = learnt("".join(rows), size)
    assert (run.records, run.series["train/loss"].summary.first) == (2 * last, first)
