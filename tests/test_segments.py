"""A log is cut into the runs it holds."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.core.fold.segments import Segment, Splitter
from runwatch.parsers.log import LogParser


def line(step: int, total: int | None = 100, loss: float = 2.0) -> bytes:
    of = f"/{total:05d}" if total else ""
    return f"step {step:05d}{of} (1.00%) | loss: {loss:.6f} | dt: 10.00ms\n".encode()


def segments(*pieces: bytes) -> list[Segment]:
    """Feed pieces one by one."""
    parser, splitter = LogParser(), Splitter()
    batches = [parser.feed(piece) for piece in pieces] + [parser.flush()]
    return [segment for batch in batches for segment in splitter.split(batch)]


def steps_of_runs(found: list[Segment]) -> list[list[int]]:
    runs: list[list[int]] = [[]]
    for segment in found:
        if segment.begins_run:
            runs.append([])
        if segment.block.progress is not None:
            runs[-1] += segment.block.progress.step.astype(int).tolist()
    return runs


FINISHED = b"Total training time: 1.00m\n"
PIPELINE = (
    line(0) + line(1) + line(2) + FINISHED
    + b"Step 00000 | Validation bpb: 0.5\n" + line(1, None) + line(2, None) + FINISHED
    + b"Step 00000 | Validation loss: 1.0\nStep 00000/00009 | Training loss: 0.8| lrm: 1.0\n"
)  # fmt: skip


@pytest.mark.few(2)
@pytest.mark.parametrize("size", [1, 64, 10_000])
@pytest.mark.parametrize("logged", [b"", b"12:00:00 - INFO - model ready, training begins\n" * 30])
def test_a_bar_that_ended_before_training_shows_no_step(size, logged):
    rows = [f"{{'loss': {i}.5, 'learning_rate': 0.5, 'epoch': {i / 10}}}\n".encode() for i in range(1, 9)]
    text = b"".join(bar(i, 40) for i in range(1, 41)) + logged + b"".join(rows)
    found = segments(*(text[i : i + size] for i in range(0, len(text), size)))
    steps = np.concatenate(
        [s.block.samples["train/loss"].step for s in found if "train/loss" in s.block.samples]
    )
    assert len(steps) == 8
    assert np.isnan(steps[0 if logged else 1 :]).all()


@pytest.mark.parametrize(("epoch", "runs"), [(2, 1), (1, 2)])
def test_a_step_that_falls_while_the_epoch_moves_on_begins_no_run(epoch, runs):
    row = "(epoch: {}, iters: {}, time: 0.125, data: 0.002) G_GAN: {} D_real: 0.25 D_fake: 0.5 \n"
    text = "".join(row.format(1, 100 * n, 4 / n) for n in range(1, 9)) + row.format(epoch, 50, 4.0)
    assert len(steps_of_runs(segments(text.encode()))) == runs


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_pipeline_is_several_runs(size):
    found = segments(*(PIPELINE[i : i + size] for i in range(0, len(PIPELINE), size)))
    assert steps_of_runs(found) == [[0, 1, 2], [1, 2], [0]]
    samples = [(name, s) for segment in found for name, s in segment.block.samples.items()]
    assert [step for name, s in samples if name.startswith("val/") for step in s.step.tolist()] == [0, 0]


def test_another_kind_of_step_line_that_goes_back_is_another_run():
    assert steps_of_runs(segments(line(0) + line(5) + line(1, None) + line(2, None))) == [[0, 5], [1, 2]]


def test_a_step_that_goes_back_is_a_restart_of_the_same_run():
    found = segments(line(0), line(50), line(40), line(41))
    assert steps_of_runs(found) == [[0, 50, 40, 41]]
    assert [bool(s.block.restarts) for s in found if s.block.progress] == [False, False, True, False]


def test_steps_going_on_after_a_finish_line_stay_in_the_run():
    assert steps_of_runs(segments(line(0), b"Training is complete for stage 1\n", line(1))) == [[0, 1]]


def bar(step: int, total: int) -> bytes:
    return f" 10%|#  | {step}/{total} [00:10<01:00,  2.00s/it]\n".encode()


def test_a_second_training_begins_at_the_same_step_of_another_bar():
    first = bar(0, 500) + bar(500, 500) + record(1.5)
    second = bar(0, 2260) + bar(500, 2260) + record(0.5) + bar(1000, 2260) + record(0.4)
    end = b"train_results= TrainOutput(global_step=500, training_loss=0.04, metrics={})\n"
    assert steps_of_runs(segments(first + end + second)) == [[500], [500, 1000]]
    assert steps_of_runs(segments(first + end + bar(500, 500) + record(1.5))) == [[500, 500]]


def record(loss: float) -> bytes:
    return f"{{'loss': {loss}, 'epoch': 1.0}}\n".encode()


def test_records_without_a_step_take_it_from_the_bar_before_them():
    text = (
        bar(0, 3)
        + bar(3, 3)
        + bar(10, 500)
        + record(1.5)
        + bar(20, 500)
        + record(1.4)
        + bar(2, 8)
        + bar(21, 500)
    )
    for pieces in ([text], [text[:100], text[100:]], [text[i : i + 1] for i in range(len(text))]):
        found = segments(*pieces)
        assert steps_of_runs(found) == [[10, 20]]
        assert found[-1].block.bar == (10, 21, 500)
        step_time = [s.block.samples["perf/step_time"] for s in found if "perf/step_time" in s.block.samples]
        assert np.concatenate([s.value for s in step_time]).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_a_bar_that_ended_within_another_shows_no_step(size):
    """transformers evaluates with a bar of its own; a fast training prints before its bar is redrawn."""
    log = b"".join(bar(step, 30) + b"{'loss': '4.1', 'epoch': '1'}\n" for step in range(1, 21))
    log += (
        bar(0, 1)
        + bar(20, 30)
        + bar(1, 1)
        + b"{'loss': '4.1', 'epoch': '1'}\n"
        + bar(22, 30)
        + b"{'loss': '4.1', 'epoch': '1'}\n"
    )
    found = segments(*(log[i : i + size] for i in range(0, len(log), size)))
    assert steps_of_runs(found) == [[*range(1, 21), 20, 22]]


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_behind_a_bar_that_ended_within_another_the_newest_of_that_counts(size):
    """transformers draws its bar once more before and behind an evaluation."""
    log = b"".join(bar(step, 30) + b"{'loss': '4.1', 'epoch': '1'}\n" for step in range(1, 20))
    log += b"{'loss': '4.1', 'epoch': '1'}\n"  # of step 20, beside the bar of 19
    log += (
        bar(20, 30) + bar(0, 5) + bar(20, 30) + bar(5, 5) + b"{'loss': '4.1', 'epoch': '1'}\n" + bar(22, 30)
    )
    found = segments(*(log[i : i + size] for i in range(0, len(log), size)))
    assert steps_of_runs(found) == [[*range(1, 20), 19, 20]]
    assert not any(segment.block.restarts for segment in found)


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_a_run_resumed_with_more_steps_to_do_is_as_far_as_its_newest_bar(size):
    log = b"".join(bar(step, 12) + record(4.0) for step in range(1, 13))
    log += b"{'train_runtime': 1.5, 'train_loss': 4.0, 'epoch': 1.0}\n" + bar(0, 20)
    log += b"".join(bar(step, 20) + record(4.0) for step in range(13, 16))
    found = segments(*(log[i : i + size] for i in range(0, len(log), size)))
    assert steps_of_runs(found) == [[*range(1, 16)]]
    assert found[-1].block.bar == (0, 15, 20)


def test_bars_alone_show_progress():
    found = segments(bar(0, 4), bar(1, 4), bar(4, 4))
    assert found[-1].block.bar == (0, 4, 4)


@pytest.mark.parametrize(
    ("before", "shown"),
    [("d: 2.5;gen: -2.1: ", 4), ("d=2.5, g=0.5: ", 4), ("val: 2.5: ", 1), ("shard 3: ", 1), ("Map: ", 1)],
)
def test_a_bar_described_by_its_values_shows_progress(before, shown):
    bars = b"".join(before.encode() + bar(i, 4).lstrip() for i in (2, 3, 4))
    found = segments(bar(0, 4), bar(1, 4), bars)
    assert found[-1].block.bar == (0, shown, 4)


def test_evaluations_without_a_step_belong_to_the_step_before():
    text = b"step     7 | loss: 1.0 | dt: 1ms\nvalidation loss: 3.5\nstep     8 | loss: 1.0 | dt: 1ms\n"
    (block,) = [s.block for s in segments(text) if s.block.samples]
    assert block.samples["val/loss"].step.tolist() == [7]


def test_ranks_keep_their_newest_progress():
    found = segments(
        b"\rRank 3 | 0/1 (0.00%)\rRank 3 | 1/2 (50.00%)\rRank 1 | 0/1 (0.00%)\r", b"Rank 3 | 1/3 (33.3%)\n"
    )
    assert {rank: (p.done, p.passed) for s in found for rank, p in s.block.ranks.items()} == {
        3: (3, 1),
        1: (1, 0),
    }


def trainer(logged: int, pace: str, *, drawn_again: bool = True, every: int = 3, total: int = 120) -> bytes:
    """What a Hugging Face Trainer writes: a bar redrawn each `every` steps, a dict each `logged`."""
    text, rate = "", pace
    for step in range(total + 1):
        if step % every == 0:
            rate = f"{float(pace) + step / 100:5.2f}it/s" if step else "?it/s"
            text += f"\r{step / total:4.0%}|###   | {step}/{total} [00:01<00:09, {rate}]"
        if step and step % logged == 0:
            text += f"\r{' ' * 60}\r{{'loss': '{9 / step:.4g}', 'epoch': '{step / total:.4g}'}}\n"
            if drawn_again:
                text += f"\r{step / total:4.0%}|###   | {step}/{total} [00:01<00:09, {rate}]"
        if step == total // 2:
            text += "\r 50%|##   | 2/4 [00:00<00:00, 9.00it/s]\r100%|####| 4/4 [00:00<00:00, 9.00it/s]\r"
    return text.encode() + b"\n"


@pytest.mark.few(3)
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.deep), 7, 100, 1 << 20])
@pytest.mark.parametrize("logged", [1, 5, 7])
def test_a_dict_next_to_a_quick_bar_has_the_step_of_the_bar_drawn_behind_it(size, logged):
    text = trainer(logged, "27")
    found = segments(*(text[i : i + size] for i in range(0, len(text), size)))
    assert steps_of_runs(found) == [list(range(logged, 121, logged))]


@pytest.mark.parametrize("size", [7, 100, 1 << 20])
def test_a_dict_that_no_bar_was_drawn_for_has_the_step_of_the_bar_before(size):
    text = trainer(5, "27", drawn_again=False)
    found = segments(*(text[i : i + size] for i in range(0, len(text), size)))
    assert steps_of_runs(found) == [[step - step % 3 for step in range(5, 121, 5)]]


def test_a_dict_next_to_a_slow_bar_does_not_wait():
    text = trainer(4, "2", every=1)
    parser, splitter = LogParser(), Splitter()
    at = text.index(b"}\n", 4000) + 2
    parsed = list(splitter.split(parser.feed(text[:at])))
    assert steps_of_runs(parsed)[0][-1] == text[:at].count(b"{") * 4
    assert parser.held == 0


def reported(step: int, total: int = 60) -> bytes:
    epoch = round(3 * step / total, 2)
    return f"{{'loss': {9 / step:.4f}, 'learning_rate': 1e-4, 'epoch': {epoch}}}\n".encode()


def shown(step: int, pace: str, total: int = 60) -> bytes:
    return f"\r {step}%|###       | {step}/{total} [00:01<00:30, {pace}]".encode()


def loss_steps(text: bytes) -> list[float]:
    samples = [found.block.samples.get("train/loss") for found in segments(text)]
    return [step for s in samples if s is not None for step in s.step.tolist()]


def test_a_bar_whose_pace_is_not_measured_yet_is_drawn_behind_each_dict():
    paces = ["264.54it/s", "146.78it/s", "126.43it/s", "111.92it/s"]
    text = shown(0, "?it/s")
    for step, pace in enumerate(paces, 1):
        text += b"\r   \r" + reported(step) + shown(step, pace)
    assert loss_steps(text) == [1, 2, 3, 4]


def test_a_pace_that_is_stale_shows_no_slow_bar():
    text = shown(1, " 1.50s/it")
    for step in (1, 2, 3, 4):  # the first dict's bar is drawn once more as it was: others are, too
        text += b"\r   \r" + reported(step) + shown(step, " 1.50s/it")
    assert loss_steps(text + b"\n") == [1, 2, 3, 4]
    text = shown(1, " 1.99it/s")
    for step in (5, 10, 15):  # a slow bar shows each step
        text += b"\r   \r" + reported(step) + shown(step, " 1.99it/s")
    assert loss_steps(text + b"\n") == [5, 10, 15]


def test_dicts_that_were_held_back_have_no_step_but_where_the_end_shows_it():
    bars = b"".join(shown(step, " 1.00s/it") for step in range(61)) + b"\n"
    dicts = b"".join(reported(step) for step in (10, 20, 30, 40, 50, 60))
    end = b"{'train_runtime': 60.0, 'train_loss': 0.5, 'epoch': 3.0}\n"
    assert np.isnan(loss_steps(bars + dicts)).tolist() == [True] * 6
    assert loss_steps(bars + dicts + end) == [10, 20, 30, 40, 50, 60]
    uneven = b"".join(reported(step) for step in (25, 50))
    assert 25 not in loss_steps(bars + uneven + end)


@pytest.mark.parametrize("drawn", ["|###  | ", " "])
def test_a_bar_of_evaluations_is_not_how_far_training_is(drawn):
    """Evaluations draw more bars than the training, whose records were held back here."""

    def bar(done: int, of: int) -> str:
        return f"\r{100 * done // of:3}%{drawn}{done}/{of} [00:{done:02d}<00:10,  1.50it/s]"

    text = ""
    for epoch in (1, 2, 3):
        text += "".join(bar(20 * epoch - 20 + i, 60) for i in range(0, 21, 10)) + "\n"
        text += "".join(bar(i, 31) for i in range(32)) + "\n"
        text += f"{{'eval_loss': 0.5, 'eval_runtime': 8.5, 'epoch': {epoch}.0}}\n{bar(20 * epoch, 60)}\n"
        text += bar(31, 31) + "\n"
        for i in range(1, 21):
            text += f"{{'loss': 0.{epoch}5, 'learning_rate': 0.5, 'epoch': {epoch - 1 + i / 20}}}\n"
    shown = [s.block.bar for s in segments(text.encode()) if s.block.bar is not None]
    assert shown[-1] == (0, 60, 60)


def test_what_ranks_print_alike_next_to_one_bar_was_not_held_back():
    bars = shown(0, "?it/s") + shown(10, " 1.00s/it") + b"\n"
    assert loss_steps(bars + reported(10) * 4) == [10] * 4


def test_a_bar_that_has_not_moved_shows_no_step():
    assert np.isnan(loss_steps(shown(0, "?it/s") + b"\nwarning: slow\n" + reported(5))).tolist() == [True]


def _dicts(
    logged: bytes, printed: bytes, bar: bytes = b"\r 5%%|x    | %d/100 [00:10<00:50,  1.50s/it]"
) -> bytes:
    steps = range(5, 30, 5)
    return b"".join(bar % n + logged % (n, n) + b"\r   \r" + printed % (n, n) + bar % n for n in steps)


@pytest.mark.parametrize(
    ("logged", "printed"),
    [
        (  # AutoTrain
            b"INFO     | 2030-01-02 03:04:05 | a.b:on_log:367 - {'loss': 1.%d, 'grad_norm': 2.%d5, 'learning_rate': 1e-05, 'epoch': 0.12345}\n",
            b"{'loss': 1.%d, 'grad_norm': 2.%d5, 'learning_rate': 1e-05, 'epoch': 0.12}\n",
        ),
        (  # LLaMA-Factory
            b"\n[INFO|callbacks.py:310] 2030-01-02 03:04:05,678 >> {'loss': 1.%d, 'learning_rate': 1.2346e-05, 'epoch': 0.%d}\n",
            b"{'loss': 1.%d, 'learning_rate': 1.23456e-05, 'epoch': 0.%d}\n",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [7, 10_000])
def test_what_a_logger_shows_and_the_trainer_prints_again_is_one_record(logged, printed, size):
    text = _dicts(logged, printed)
    found = segments(*(text[i : i + size] for i in range(0, len(text), size)))
    assert steps_of_runs(found) == [[5, 10, 15, 20, 25]]


@pytest.mark.parametrize("norm", [b"0.0", b"1.0"])
def test_equal_dicts_without_a_sign_of_a_logger_are_steps_of_their_own(norm):
    text = b"{'loss': 0.5, 'grad_norm': %s, 'learning_rate': 1e-05, 'epoch': 0.12}\n" % norm * 3
    assert sum(len(s.block.progress) for s in segments(text) if s.block.progress) == 3


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [64, 1, 10_000])
@pytest.mark.parametrize("first", ["INFO:tensorflow:", ""])
def test_what_two_handlers_print_counts_once(size, first):
    text = ""
    for i in range(1, 60):
        for said in (
            f"[{i:5d}] | gnorm  {3 / i:.4f} | loss  {9 / i:.4f}",
            f"Eval batches[  100] | loss  {8 / i:.4f}",
        ):
            text += f"{first}{said}\nI1212 15:10:{i:02d}.449019 1285 train.py:298] {said}\n"
    data = text.encode()
    found = segments(*(data[i : i + size] for i in range(0, len(data), size)))
    assert steps_of_runs(found) == [list(range(1, 60))]
    losses = {
        name: [x for s in found if name in s.block.samples for x in s.block.samples[name].value.tolist()]
        for name in ("train/loss", "val/loss")
    }
    assert losses["train/loss"] == [round(9 / i, 4) for i in range(1, 60)]
    assert losses["val/loss"] == [round(8 / i, 4) for i in range(1, 60)]


@pytest.mark.parametrize("behind", [b"", b"Epoch 3 is the best: val loss 0.5\n"])
@pytest.mark.parametrize(
    "stop", ["Early stopping triggered.", "EarlyStopping counter: 5 out of 5", "Early stopping!"]
)
def test_what_begins_again_behind_an_early_stop_is_another_run(stop, behind):
    epochs = [[f"Epoch {i}: train loss {2 / i:.3f}\n".encode() for i in range(1, last)] for last in (41, 21)]
    first, second = (b"".join(lines) for lines in epochs)
    found = segments(first, stop.encode() + b"\n" + behind, second)
    assert steps_of_runs(found) == [[*range(1, 41)], [*range(1, 21)]]
    killed = b"EarlyStopping counter: 1 out of 5\nKeyboardInterrupt\n"
    assert steps_of_runs(segments(first + killed + second)) == [[*range(1, 41), *range(1, 21)]]
    assert steps_of_runs(segments(first, stop.encode() + b"\n", b"Epoch 41: train loss 0.5\n")) == [
        [*range(1, 42)]
    ]


def _begun_again(size: int, line: str, first: int, last: int, between: str) -> list[list[int]]:
    """Return the steps of the runs in a log of two launches, cut into pieces."""
    launch = "".join(line.format(n) for n in range(first, last + 1))
    data = (launch + between + launch).encode()
    return steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))


@pytest.mark.parametrize("size", [61, 10_000])
@pytest.mark.parametrize(
    ("line", "first", "last", "between", "runs"),
    [
        ("Epoch {}/30 - loss: 2.5\n", 1, 30, "Fold 2\n", 2),  # behind its last epoch
        ("Epoch {}/30 - loss: 2.5\n", 0, 29, "", 2),  # the same, counted from 0
        ("Epoch {}/30 - loss: 2.5\n", 1, 25, "", 1),  # it was cut short, and is restarted
        ("step {}0/305, loss: 2.5\n", 1, 30, "Finished Training\n", 2),  # the last step is not printed
        ("step {}0/315, loss: 2.5\n", 1, 30, "", 1),
        ("step {}, loss: 2.5\n", 0, 29, "", 1),  # may be of an epoch
        ("step {}, loss: 2.5\n", 0, 29, "Finished Training\n", 2),
        ("epoch {}, loss: 2.5\n", 1, 29, "", 2),
        ("epoch 1, iter {}, loss: 2.5\n", 0, 29, "", 2),  # stopped in its first epoch
        ("epoch 1, iter {}, loss: 2.5\n", 0, 29, "CUDA out of memory\n", 1),
        ("[{}]\ttrain-rmse:2.5\tvalidation-rmse:2.75\n", 0, 29, "", 2),  # another model is boosted
        ("[{}]\ttrain-rmse:2.5\tvalidation-rmse:2.75\n", 0, 29, "KeyboardInterrupt\n", 1),
        ("[{}]\ttraining's l2: 2.5\tvalid_1's l2: 2.75\n", 1, 29, "", 2),
        ("{}:\tlearn: 2.5\ttotal: 2.5s\tremaining: 9.5s\n", 0, 29, "", 2),
        ("epoch {}, loss: 2.5\n", 1, 29, "CUDA out of memory\n", 1),
    ],
)
def test_what_begins_again_is_another_run_where_the_first_had_ended(size, line, first, last, between, runs):
    scale = 10 if "}0" in line else 1
    whole = [n * scale for n in range(first, last + 1)]
    expected = [whole, whole] if runs == 2 else [whole + whole]
    assert _begun_again(size, line, first, last, between) == expected


@pytest.mark.parametrize("size", [61, 10_000])
@pytest.mark.parametrize(("between", "runs"), [("INFO:root:\n", 2), ("CUDA out of memory\n", 1)])
def test_episodes_that_begin_again_at_their_first_multiple_are_of_another_run(size, between, runs):
    row = "INFO:root:Episode {}0 | Avg Reward: {}.25 | Epsilon: 0.5\n"
    whole = "".join(row.format(n, n) for n in range(30)) + between
    data = (whole + "".join(row.format(n, n) for n in range(1, 30))).encode()
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    assert (len(found), found[-1][-1]) == (runs, 290)


@pytest.mark.parametrize(("pace", "newest"), [("1331.71it/s", None), ("13.31it/s", 50)])
def test_a_bar_that_nothing_says_to_be_of_training_is_none_where_its_steps_take_no_time(pace, newest):
    bars = "".join(f"\r {n}%|#   | {n}/100 [00:0{n // 10}<00:09, {pace}]" for n in range(0, 51, 5))
    bar = segments(bars.encode() + b"\n")[-1].block.bar
    assert (bar and bar[1]) == newest


def _falling(line: str, *launches: tuple[int, int, float]) -> bytes:
    """Return the lines of launches: their first and last counts, and their first loss, which then falls."""
    return "".join(
        line.format(n=n, loss=f"{loss / (1 + n - first):.4f}")
        for first, last, loss in launches
        for n in range(first, last + 1)
    ).encode()


_KERAS = "Epoch {n}/9\n10/10 [==============================] - 2s 1ms/step - loss: {loss}\n"


@pytest.mark.parametrize("size", [61, 10_000])
@pytest.mark.parametrize(
    ("line", "launches", "runs"),
    [
        ("step {n}, loss: {loss}\n", [(0, 29, 2.5), (0, 29, 2.4)], 2),
        ("Epoch {n}/30 - loss: {loss}\n", [(1, 20, 2.5), (1, 20, 2.4)], 2),  # it had stopped early
        ("step {n}/80 loss: {loss}\n", [(1, 20, 2.5), (1, 20, 2.4)], 1),  # a launch of the same run
        ("epoch: 1, iter: {n}/80 loss: {loss}\n", [(1, 20, 2.5), (1, 20, 2.4)], 1),
        ('{{"iteration": {n}, "total_loss": {loss}}}\n', [(9, 30, 2.5), (9, 30, 2.4)], 1),
        (_KERAS, [(1, 9, 2.5), (1, 9, 2.4)], 2),
        (_KERAS, [(1, 9, 2.5), (1, 9, 0.25)], 1),  # fits train one model further
    ],
)
def test_a_training_that_begins_again_is_another_run_if_its_loss_is_back(size, line, launches, runs):
    data = _falling(line, *launches)
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    counts = [list(range(first, last + 1)) for first, last, _ in launches]
    assert found == (counts if runs == len(launches) else [[count for launch in counts for count in launch]])


@pytest.mark.parametrize("size", [61, 10_000])
@pytest.mark.parametrize(("epochs", "runs"), [(9, 2), (4, 1)])  # the first fit may have been cut short
def test_below_the_first_lines_again_the_next_fit_is_another_run(size, epochs, runs):
    """The last bar of a fit is complete only below them."""
    head = b'Model: "functional_%d"\n' + b"dense (Dense)   (None, 64)   1792\n" * 20
    data = head % 1 + _falling(_KERAS, (1, epochs, 2.5)) + head % 3 + _falling(_KERAS, (1, 9, 0.25))
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    assert len(found) == runs


@pytest.mark.parametrize("size", [61, 10_000])
def test_a_step_that_begins_again_is_of_the_next_epoch_while_the_loss_continues(size):
    data = _falling("step {n}, loss: {loss}\n", (0, 29, 2.5), (0, 29, 0.1), (0, 29, 2.5))
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    assert found == [[*range(60)], [*range(30)]]  # then it is back where training began


@pytest.mark.parametrize("size", [61, 10_000])
@pytest.mark.parametrize(("loss", "runs"), [("2.4", 2), ("0.1", 1)])
@pytest.mark.parametrize("between", [b"", b"RuntimeError: CUDA error: out of memory\n"])
def test_another_total_and_a_loss_that_is_back_are_another_run(size, loss, runs, between):
    """The first launch was cut short; every tenth step is printed."""
    first = _falling("step {n}0/300 loss: {loss}\n", (1, 10, 2.5))
    data = first + between + _falling("step {n}0/200 loss: {loss}\n", (1, 20, float(loss)))
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    launches = [[10 * n for n in range(1, last + 1)] for last in (10, 20)]
    assert found == (launches if runs == 2 else [launches[0] + launches[1]])


def test_an_epoch_whose_first_step_was_not_seen_may_be_that_of_the_same_run():
    data = _falling("epoch 0, iter {n}, loss: {loss}\n", (4, 29, 2.5)) + _falling(
        "epoch 0, iter {n}, loss: {loss}\n", (1, 29, 0.1)
    )
    assert steps_of_runs(segments(data)) == [[*range(4, 30), *range(1, 30)]]
