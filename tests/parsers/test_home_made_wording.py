"""What lines of home-made loops say in other words, in other orders, or over several lines."""

from __future__ import annotations

import json
from pprint import pformat

import pytest

from runwatch.core.batch import EVAL, TRAIN

from .logs import parse
from .test_home_made import LOSSES, VALS, N, _log


@pytest.mark.parametrize(
    "line",
    [
        "{step} steps done, mean loss over last 100: {loss}",
        "step {step} avg loss over the last 50 steps: {loss}",
        "step=={step}; train_loss=={loss}; valid_loss=={val}",
        "{loss} loss at step {step}",
        "Step: {step}/1000 - ETA: 1:02:03 - Loss: {loss} - PSNR: 20.00dB",
        "Step {step} - Losses: {{'ner': {loss}}}",
        "Training loss (epoch {step}): {loss}   Validation loss (epoch {step}): {val}",
        "Epoch<{step}> Loss<{loss}> Val<{val}>",
        "B{step:>3} 94.00% 88.00% loss: {loss} (digits: 82.7) | X   X |",
        "Batch: {step} | CTC: {loss} | CER: 0.5",
        "epoch {step} | nt_xent {loss} | knn@1 33.5",
        "iteration {step}: error {loss} rate 0.3",
        "[02/05 09:10:11] upd {step} | xent {loss} | 31,500 tok/s",
        "Newest test score: {val}. Training step: {step}/900. Games: 12. Loss: {loss}",
        "{{'epoch': 7, 'step': {step}, 'q_loss': {loss}, 'eval_return': {val}}}",
        "Round {step}/40: training 8 clients\n  train_loss: {loss}, 10th percentile: 0.25",
        "(epoch, train_loss, test_loss) = ({step}, {loss}, {val})",
        "Pass 3: Cost on iteration {step} is {loss}",
        "EPOCH #{step} | train/loss | {loss}\nEPOCH #{step} | train/lr | 0.001",
        "Training Loss [{step}]: {loss}\nValidation Loss [{step}]: {val}",
        "Epoch {step} training complete\nCost on training data: {loss}\nAccuracy on training data: 45000 / 50000",
    ],
)
def test_other_ways_to_say_the_loss(line):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {step} | train loss {loss} acc 0.75 | val loss {val} acc 0.5",
        "Epoch {step}: Train: loss {loss} acc 0.75 | Val: loss {val} acc 0.5",
        "Epoch {step} train: loss={loss}, acc=75%; valid acc=50% loss={val}",
        "Epoch {step}: Tr loss={loss} acc=0.75 | Va loss={val} acc=0.5 | Te loss=9.5 acc=0.25 | lr=1e-4",
    ],
)
def test_a_score_that_is_named_again_is_of_the_part_of_the_data_that_was_named_last(line):
    parsed = parse(_log(line))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS
    assert parsed.column("acc").tolist() == [0.75] * N
    assert parsed.column("val/acc").tolist() == [0.5] * N


def test_a_test_next_to_a_validation_is_another_series():
    head = "Epoch {step}\nTrain | loss {loss} | f1 0.5"
    parsed = parse(_log(head + "\nDev   | loss {val} | f1 0.25\nTest  | loss 9.5 | f1 0.125"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS
    assert parsed.column("test loss", EVAL).tolist() == [9.5] * N
    alone = parse(_log(head + "\nTest  | loss {val} | f1 0.125"))
    assert alone.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize(
    "line", ["Gen: {step}  Max: {val}  Mean: {loss}", "gen {step} best {val} avg {loss}"]
)
def test_a_generation_needs_no_loss(line):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]


def test_the_fitness_of_a_generation_is_below_its_heading():
    block = " ****** Running generation {step} ****** \n\nPopulation's average fitness: {loss} stdev: 0.5"
    parsed = parse(
        _log(block + "\nBest fitness: {val} - size: (2, 5) - species 1 - id 7\nTotal extinctions: 0")
    )
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("Best fitness", "").tolist() == VALS


def test_what_is_called_val_next_to_a_loss_is_that_of_validation_below_batches_too():
    lines = []
    for epoch, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True), 1):
        lines += [f"[{epoch}/40] batch {i}/90 loss={loss} lr=5e-6" for i in (30, 60, 90)]
        lines.append(f"Epoch {epoch}/40 (11.1s) | loss={loss} pos=1.9813 | val={val} val_pos=1.8674")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("train/loss").tolist() == [loss for loss in LOSSES for _ in range(3)]
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_steps_in_thousands_before_a_colon():
    assert parse(_log("step {step}k: loss {loss}")).column("step").tolist() == [
        1e3 * (i + 1) for i in range(N)
    ]


def test_losses_in_a_dict_are_losses_whatever_they_are_of():
    assert parse(_log("Losses {{'ner': {loss}}}")).column("train/loss").tolist() == LOSSES


def test_a_dict_may_be_printed_with_an_item_a_line():
    rows = [{"epoch": i, "train_loss": loss, "val_loss": val, "learning_rate": 1e-4 / (i + 1), "valid_accuracy": 0.5}
            for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True))]  # fmt: skip
    parsed = parse("".join(f"{pformat(row)}\n" for row in rows).encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_a_word_may_say_what_each_step_is_of():
    sets = ("VIMEO", "X4K", "WMS")
    lines = [
        f"[{50 * i:05d}/5000] {sets[i * 7 % 3]}  | loss {loss} | ETA 3.1 min" for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert sorted(parsed.column("step").tolist()) == [50.0 * i for i in range(N)]
    assert sorted(parsed.column("train/loss").tolist(), reverse=True) == LOSSES


def test_a_score_next_to_its_best_is_one_of_an_evaluation():
    parsed = parse(_log("step {step} loss {loss} acc 0.5", "Loss: {val}, MeanIU: 0.25, Best_mIoU: 0.5"))
    assert parsed.column("train/loss", TRAIN).tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


def test_a_section_of_validation_may_come_long_after_the_records():
    lines = [f"step {i + 1} loss {2 - i / 1000}" for i in range(400)]
    lines += [
        "Validation results - Epoch: 1",
        "mAP: 62.5%",
        "step 401 loss 1.5",
        "Validation results - Epoch: 2",
        "mAP: 75%",
    ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("val/mAP", EVAL).tolist() == [0.625, 0.75]
    assert len(parsed.column("step", TRAIN)) == 401


@pytest.mark.parametrize(
    "wrapped",
    [
        {"level": "info", "message": "{}", "time": "2030-01-02T03:04:05Z"},
        {"time": "2030-01-02 03:04:05,678", "levelno": 20, "name": "train", "lineno": 12, "msg": "{}"},
    ],
)
def test_a_logger_may_print_json_around_its_message(wrapped):
    lines = [json.dumps(wrapped).replace("{}", f"step {i + 1} loss {loss}") for i, loss in enumerate(LOSSES)]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_json_with_numbers_of_its_own_is_no_message():
    lines = [
        json.dumps({"message": f"step {i} of 30", "step": 2 * i, "loss": loss})
        for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [2 * i for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_time_as_asctime_prints_it_is_no_part_of_a_message():
    stamp = "[ Tue Dec  2 07:51:{i:02d} 2030 ] "
    parsed = parse(
        _log(
            stamp + "\tEpoch: 1, Batch({step}/30) done. Loss: {loss}", stamp + "Dev WER: {val}% DEV del 6.5%"
        )
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert [round(100 * value, 4) for value in parsed.column("val/WER", EVAL)] == VALS[9::10]


def test_a_later_launch_that_counts_to_another_end_is_no_part_of_the_validation_before_it():
    lines = []
    for launch, end in enumerate((1000, 500)):
        for i, loss in enumerate(LOSSES):
            lines.append(f"Iter: {10 * (i + 1 + N * launch)}/{end} loss_pixel: {loss}")
            if i % 10 == 9:
                lines += [*(f"Test iter: [{at}/4]" for at in range(4)), f"Metric ssim: 0.{i + 11}"]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("train/loss", TRAIN).tolist() == LOSSES * 2
    assert parsed.column("val/Metric ssim", EVAL).tolist() == [0.2, 0.3, 0.4] * 2


def test_names_that_differ_in_a_digit_are_different_names():
    lines = [f"step {i + 10} loss {loss} acc{1 + 4 * (i % 2)} 0.{i + 10}" for i, loss in enumerate(LOSSES)]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("acc1").tolist() == [float(f"0.{i + 10}") for i in range(0, N, 2)]
    assert parsed.column("acc5").tolist() == [float(f"0.{i + 10}") for i in range(1, N, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {i}: Validation: batches=30, samples=3840, loss={loss}",
        "Epoch {i} - Validation - loss: {loss}",
        "[VAL] epoch {i}: loss={loss}",
        "Validation epoch {i} | loss {loss}",
        "Epoch {i}, global step {i}00: 'val_loss' reached {loss} (best 0.1), saving model to 'a/e={i}.ckpt' as top 1",
    ],
)  # fmt: skip
def test_records_of_nothing_but_a_validation_are_of_held_out_data(line):
    text = "".join(f"{line.format(i=i, loss=loss)}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(text.encode())
    assert parsed.column("val/loss").tolist() == LOSSES
    names = {name for _, _, columns in parsed.tables for name in columns}
    assert names <= {"offset", "line", "step", "val/loss", "best", "train/epoch"}


def test_a_record_of_both_says_whose_each_is():
    text = "".join(f"Epoch {i} (train and val): loss {loss} | lr 0.1\n" for i, loss in enumerate(LOSSES))
    assert parse(text.encode()).column("train/loss").tolist() == LOSSES


def test_a_file_in_the_head_of_a_record_is_no_part_of_the_data():
    text = "".join(f"test.py:108 - Epoch {i}: loss {loss}\n" for i, loss in enumerate(LOSSES))
    assert parse(text.encode()).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("sign", ["~", "≈"])
def test_a_value_may_be_about_so_much(sign):
    text = "".join(f"step {i}00: lr=0.01 train-CE{sign}{loss}\n" for i, loss in enumerate(LOSSES))
    assert parse(text.encode()).column("train/loss").tolist() == LOSSES


def test_a_place_before_the_dict_behind_a_bar_is_its_own():
    bar, dicts = "100%|####| 51/51 [00:06<00:00,  8.41it/s]", [f"{{'f1': 0.{i}5}}" for i in range(10, 40)]
    lines = [f"epoch {i}: {said}" for i, said in enumerate(dicts)]
    parsed = parse(
        "".join(f"{bar}{'' if i % 3 else chr(10)}{line}\n" for i, line in enumerate(lines)).encode()
    )
    assert parsed.column("step").tolist() == list(range(30))


def test_a_source_in_a_notebook_names_nothing():
    text = "".join(f"[{{361{i:03}.py:45}} INFO - Epoch {i}, loss = {loss}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert "py" not in {name for _, _, columns in parsed.tables for name in columns}


def test_letters_behind_the_part_of_the_data_are_scores():
    text = "".join(
        f"Ep {i}/80 lr=6e-04 trL={loss} trA=0.75 vlL={val} vlA=0.5\n"
        for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True))
    )
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


@pytest.mark.parametrize(
    "message", ["epoch {i}, lr 0.01, loss {loss}, time 178.7 sec", "epoch {i} loss={loss}"]
)
def test_every_message_may_be_right_behind_a_bar(message):
    lines = []
    for i, loss in enumerate(LOSSES):
        lines += [f" 50%|##  | {at}/20 [00:{at:02}<00:10,  4.5s/it]" for at in range(1, 21)]
        bar = f"  5%|5   | {i}/{N} [02:59<56:47, 179.36s/it]"
        lines.append(bar + message.format(i=i, loss=loss))
    parsed = parse("".join(f"{line}\n" for line in lines).encode())
    assert parsed.column("step", TRAIN).tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("name", ["Minibatch accuracy", "train acc", "Mini-batch perplexity"])
def test_a_score_of_what_is_learned_from_may_be_below_the_record(name):
    text = "".join(
        f"Loss at step {i}00: {loss}\n{name}: {val}\nValidation accuracy: 0.5\n"
        for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True))
    )
    parsed = parse((text + f"Best {name}: 9.5\n").encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(name, EVAL).tolist() == VALS
    assert parsed.column("val/accuracy", EVAL).tolist() == [0.5] * N


@pytest.mark.parametrize("line", ["Train accuracy: epoch {i}: {loss}", "Train accuracy - step {i}: {loss}"])
def test_a_place_may_be_between_a_score_and_its_value(line):
    text = "".join(f"{line.format(i=i, loss=loss)}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("Train accuracy").tolist() == LOSSES


def test_how_often_something_is_evaluated_is_no_score():
    text = "Num steps: 2000, Eval interval: 100\n" + "".join(
        f"Num steps: {i}00 Return: {loss} Time: 0:14:01\n" for i, loss in enumerate(LOSSES)
    )
    parsed = parse(text.encode())
    assert parsed.column("Return").tolist() == LOSSES
    assert "val/interval" not in {name for _, _, columns in parsed.tables for name in columns}


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("Episode * {step} * Avg Reward is ==> {val}", "Avg Reward"),
        (
            "Updates {step}, num timesteps {step}00, FPS 900\n Last 9 training episodes: mean/median reward {val}/8.5",
            "mean reward",
        ),
    ],
)
def test_returns_of_agents(line, metric):
    parsed = parse(_log(line))
    assert parsed.column(metric, "").tolist() == VALS
    assert parsed.column("step").tolist() in ([i + 1 for i in range(N)], [100 * (i + 1) for i in range(N)])


def test_hits_below_some_epochs_are_of_held_out_data():
    parsed = parse(_log("epoch {step}: loss={loss} (5.5s)\n  filt  MR=80.5 Hits@10={val}"))
    assert parsed.column("val/Hits@10", EVAL).tolist() == VALS
