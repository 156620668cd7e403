"""What public training loops print in ways that no other file of tests has."""

from __future__ import annotations

import pytest

from runwatch.core.batch import BAR, EVAL, TRAIN

from .logs import Parsed, parse

N = 30
LOSSES = [round(4.0 / (i + 1), 4) for i in range(N)]


def read(lines: list[str]) -> Parsed:
    """What is read of lines, however they arrive."""
    data = "\n".join([*lines, ""]).encode()
    parsed = parse(data)
    parse(data, range(7, len(data), 311)).same_as(parsed)
    parse(data, bulk=False).same_as(parsed)
    return parsed


def epochs(line: str = "epoch {e} loss {loss} lr 0.001") -> list[str]:
    return [line.format(e=i + 1, loss=loss, val=round(loss + 0.5, 4)) for i, loss in enumerate(LOSSES)]


@pytest.mark.parametrize(
    ("line", "metric", "value"),
    [
        ("Test accuracy: 0.875", "val/accuracy", 0.875),
        ("Accuracy on test set: 87.5%", "val/Accuracy", 0.875),
        ("Accuracy of the network on the 10000 test images: 53 %", "val/Accuracy of the network", 0.53),
        ("perplexity on test data: 207.5", "val/perplexity", 207.5),
        ("    sea_test.acc: 0.875", "val/sea.acc", 0.875),
    ],
)
def test_a_score_of_a_test_is_of_held_out_data_where_no_other_is(line, metric, value):
    parsed = read([*epochs(), line])
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(metric, EVAL).tolist() == [value]


def test_a_score_of_a_test_next_to_a_validation_keeps_its_name():
    parsed = read([*epochs("epoch {e} loss {loss} val_loss {val}"), "Test accuracy: 0.875"])
    assert parsed.column("Test accuracy", EVAL).tolist() == [0.875]


def test_the_error_of_a_validation_is_not_its_loss_where_another_line_shows_that():
    lines = [
        text
        for i, loss in enumerate(LOSSES)
        for text in (
            f"Epoch {i + 1}/{N}:",
            f"Train Loss: {loss}",
            f"Val Loss: {loss + 1:.4f}",
            f"Val MAE: {loss + 9:.4f} BPM",
            f"Validation loss decreased from {loss + 2:.4f} to {loss + 1:.4f}. Saving model...",
        )
    ]
    parsed = read(lines)
    assert parsed.column("train/loss").tolist() == LOSSES  # below headings
    assert parsed.column("val/loss", EVAL).tolist() == [round(loss + 1, 4) for loss in LOSSES]
    assert parsed.column("val/MAE", EVAL).tolist() == [round(loss + 9, 4) for loss in LOSSES]
    assert not [names for _, _, names in parsed.tables if {"val/to", "to"} & {*names}]


def bar(n: int, total: int, postfix: str = "", desc: str = "", pace: str = "1.50it/s") -> str:
    return f"{desc}{100 * n // total:3}%|####      | {n}/{total} [00:{n % 60:02}<01:00,  {pace}{postfix}]"


def test_scores_of_a_test_in_a_bar_of_training_are_of_held_out_data():
    parsed = read(
        [bar(i + 1, 90, f", test_acc=0.75, test_loss={x}, train_loss={x}") for i, x in enumerate(LOSSES)]
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == LOSSES
    assert set(parsed.column("val/acc", EVAL).tolist()) == {0.75}


@pytest.mark.parametrize("desc", ["", "Training: "])
def test_a_bar_shows_what_an_agent_earns(desc):
    parsed = read([bar(i + 1, 90, f", reward={i}.5, best_reward=99.5", desc) for i in range(N)])
    assert parsed.column("reward").tolist() == [i + 0.5 for i in range(N)]
    assert parsed.column("step").tolist() == [*range(1, N + 1)]


def test_a_bar_of_the_training_places_it_though_the_percent_is_padded():
    parsed = read([bar(i, 500, desc="Training Progress: ") for i in range(N)])
    assert parsed.column("step", BAR).tolist() == [*range(N)]


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        (["Epoch: {n}, global_step={n}00", "SPS: 17{n}"], [100 * n for n in range(1, N + 1)]),
        (["current episode: {n}", "Switch model"], [*range(1, N + 1)]),
    ],
)
def test_lines_that_only_show_how_far_training_is_are_its_progress(lines, steps):
    parsed = read([line.format(n=n) for n in range(1, N + 1) for line in lines])
    assert parsed.column("step").tolist() == steps


def test_a_pace_is_no_score_of_a_heading():
    block = "[Episode {n}] Avg delay: {n}.5 s | Avg energy: 4{n}.25 J\n Algo mappo updates {n}/90 episodes, "
    block += "total num timesteps {n}00/9000, FPS 38.\n  average reward: -{n}.25"
    parsed = read([block.format(n=n) for n in range(1, N + 1)])
    assert parsed.column("step").tolist() == [100 * n for n in range(1, N + 1)]
    assert set(parsed.column("total").tolist()) == {9000.0}
    assert parsed.column("average reward", EVAL).tolist() == [-n - 0.25 for n in range(1, N + 1)]


def test_few_lines_that_only_show_a_place_are_no_training():
    assert read([f"current episode: {n}" for n in range(1, 6)]).format is None


def test_a_table_below_other_lines_may_be_a_list():
    rows = [f"{n}, {n}.25, 0.{n}5, {26 * n}" for n in range(1, N + 1)]
    parsed = read(["roms/b.bin,5000,,", "Epoch,Epoch avg score,Hours training,Number of episodes", *rows])
    assert parsed.column("step").tolist() == [*range(1, N + 1)]
    assert parsed.column("Epoch avg score").tolist() == [n + 0.25 for n in range(1, N + 1)]


@pytest.mark.parametrize("head", ["iteration,cost", "global_iter,train_loss"])
def test_columns_that_are_called_otherwise(head):
    parsed = read([head, *(f"{i},{loss}" for i, loss in enumerate(LOSSES))])
    assert parsed.column("step").tolist() == [*range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_file_may_be_a_list_of_steps_and_scores():
    parsed = read(["iteration, error_rate", *(f"{i}, {loss}" for i, loss in enumerate(LOSSES))])
    assert parsed.column("step").tolist() == [*range(N)]
    assert parsed.column("error_rate").tolist() == LOSSES


def test_a_return_needs_no_place():
    parsed = read([f"19:24:{i} - INFO | Cumulative Reward: {i}.0" for i in range(10, 60)])
    assert parsed.column("Cumulative Reward").tolist() == [*range(10, 60)]


def test_the_newest_value_of_a_meter_is_of_training():
    rows = [f"{i},{loss},{loss + 1},{loss + 2},{loss + 3}" for i, loss in enumerate(LOSSES)]
    parsed = read(["iteration,loss_val,loss_avg,cls_loss_val,cls_loss_avg", *rows])
    assert parsed.column("train/loss").tolist() == LOSSES
    assert not [names for _, _, names in parsed.tables if any(name.startswith("val/") for name in names)]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_history_that_is_printed_whole_is_read(quote):
    history = str({"loss": LOSSES, "val_acc": [0.5] * N}).replace("'", quote)
    parsed = read(["model built", history, f"history: {history}", "done"])
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/acc").tolist() == [0.5] * N
    assert parsed.column("step").tolist() == [*range(1, N + 1)]


def test_a_history_below_the_epochs_of_keras_adds_nothing():
    rows = [
        text
        for i, loss in enumerate(LOSSES)
        for text in (f"Epoch {i + 1}/{N}", f"9/9 [=====] - 1s 10ms/step - loss: {loss}")
    ]
    assert read([*rows, str({"loss": LOSSES})]).column("train/loss").tolist() == LOSSES


def test_how_many_epochs_are_planned_is_no_heading():
    lines = ["num_epoch: 12"]
    for epoch in range(1, 13):
        lines += [f"Epoch {epoch} out of 12", *(f"Train loss: {loss / epoch:.4f}" for loss in LOSSES[:9])]
    assert sorted({*read(lines).column("step").tolist()}) == [*range(1, 13)]


def test_adversaries_may_be_called_by_their_letters():
    scales = [
        line
        for scale in range(3)
        for i in range(10)
        for line in (
            f"Iteration {100 * i}, D: -0.{i}5, D_gp: 1.25, G: {LOSSES[10 * scale + i]}",
            "Conv2d(3, 32, kernel_size=(3, 3), stride=(1, 1))",
        )
    ]
    parsed = read(scales)
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("step").tolist() == [100 * i for i in range(10)] * 3


def test_scores_that_are_glued_to_the_part_of_the_data():
    parsed = read(epochs("Epoch: {e}, trloss: {loss}, valloss: {val}, valacc: 0.75, valf1: 0.5"))
    assert parsed.column("val/acc").tolist() == [0.75] * N
    assert parsed.column("val/f1").tolist() == [0.5] * N


def test_what_precedes_a_message_is_no_metric():
    lines = epochs("Sat, 03 Nov 2018 16:40:57 train.py[line:227] INFO epoch {e} loss {loss}")
    names = {name for kind, _, of in read(lines).tables for name in of if kind == TRAIN}
    assert names == {"offset", "line", "step", "train/loss"} | ({"time"} & names)
