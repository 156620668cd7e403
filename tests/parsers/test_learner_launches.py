"""Home-made logs of several launches, of many lines a step, and of few lines among others."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

_AT = "2030-01-02 03:%02d:00,123:INFO: "


def _launch(epochs: int, *, whole: bool, minute: int) -> str:
    at = _AT % minute
    block = (
        f"{at}Epoch {{}}/20\n{at}- Train metrics: loss: 0.{{}} ; f1: 0.5\n{at}- Eval metrics: loss: 0.9{{}}\n"
    )
    rows = "".join(block.format(i, i, i) for i in range(1, epochs + 1))
    return f"{at}Loading the data\n{rows}" + ("" if whole else f"{at}Epoch {epochs + 1}/20\n")


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_an_epoch_that_shows_no_loss_is_no_record(size):
    text = (
        _launch(5, whole=True, minute=1) + "".join(_launch(0, whole=False, minute=m) for m in range(2, 9))
    ).encode()
    parsed = parse(text, range(size, len(text), size))
    assert parsed.column("step").tolist() == [1, 2, 3, 4, 5]
    assert parsed.column("total").tolist() == [20] * 5
    assert parsed.column("train/loss").tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert parsed.column("val/loss", EVAL).tolist() == [0.91, 0.92, 0.93, 0.94, 0.95]
    assert len(set(parsed.column("time"))) == 1


def test_the_first_line_below_an_epoch_is_its_record_only_if_it_shows_a_loss_of_training():
    text = "".join(f"Epoch {i}/20\nEval loss: 0.9{i}\nTrain loss: 0.{i}\n" for i in range(1, 9))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, 9))
    assert parsed.column("train/loss", EVAL).tolist() == [i / 10 for i in range(1, 9)]


def test_a_step_may_be_on_many_lines_with_a_value_each():
    names = ("Training Loss", "Moving Average Training Loss", "Validation Loss", "IoU", "Precision", "Recall")
    text = "".join(
        f"INFO:root:Epoch: {i}, {name}: {at}.{i:02d}\n" for i in range(1, 31) for at, name in enumerate(names)
    )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, 31))
    assert parsed.column("train/loss").tolist() == [i / 100 for i in range(1, 31)]
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"2.{i:02d}") for i in range(1, 31)]


def test_five_plain_lines_that_are_an_eighth_of_those_below_the_first():
    between = "score 0.5\nrate 0.1\nsaved it\n{}\n"
    text = "".join(f"Epoch {i}: Train Loss=0.{i}\n" + between.format("so it was\n" * 2) for i in range(1, 6))
    assert parse(("loading a layer\n" * 70 + text).encode()).column("train/loss").tolist() == [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    ]
    assert parse(("loading a layer\n" * 70 + text + "served it\n" * 40).encode()).format is None


def test_the_lines_of_a_traceback_are_none_of_the_log():
    frames = "".join(f'  File "train.py", line {i}, in step\n    x = go(x)\n' for i in range(1, 12))
    traceback = f"Traceback (most recent call last):\n{frames}KeyboardInterrupt\n"
    text = f"device: a\nEpoch 0 Train Loss: 61.5\n{traceback}device: a\nEpoch 0 Train Loss: 61.25\n"
    parsed = parse(f"{text}Epoch 1 Train Loss: 59.5\n{traceback}".encode())
    assert parsed.column("train/loss").tolist() == [61.5, 61.25, 59.5]


def test_a_step_begins_again_below_the_line_of_the_epoch_that_has_ended():
    text = "".join(
        "".join(f"  step={s} loss={9 / (9 * e + s):.4f} lr=0.001\n" for s in (30, 60, 90))
        + f"[epoch {e}] steps=90 avg_loss=0.5{e}\n"
        for e in range(1, 10)
    )
    assert parse(text.encode()).column("step").tolist() == [30.0 * i for i in range(1, 28)]


def test_an_end_may_be_behind_a_bar_in_brackets():
    text = "".join(
        f"Epoch:[ {e} | 9 ] Batch:[ {b} | 300 ] loss: {9 - e}.{b}\n" for e in range(9) for b in (0, 100, 200)
    )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [300 * e + b for e in range(9) for b in (0, 100, 200)]
    assert set(parsed.column("total")) == {2700}


def test_a_score_may_be_named_in_chinese_around_an_english_name():
    line = "Epoch [{}/9], Step [{}/30], Loss: 0.{}\n"
    text = "".join(
        "".join(line.format(e, s, s) for s in (10, 20, 30)) + f"当前模型在验证集上的F1-score为: 0.{e}5\n"
        for e in range(1, 10)
    )
    parsed = parse(text.encode())
    assert parsed.column("F1-score", EVAL).tolist() + parsed.column("val/F1-score", EVAL).tolist() == [
        float(f"0.{e}5") for e in range(1, 10)
    ]


def test_a_dict_with_parts_of_the_loss_of_training_is_a_record():
    text = "".join(
        f"{{'epoch': {i}, 'train_mel_loss': 0.{i}, 'train_dur_loss': 0.0{i}, 'val_total_loss': 1.{i}}}\n"
        for i in range(1, 9)
    )
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == [i / 10 for i in range(1, 9)]


def test_the_part_of_the_data_may_be_inside_a_name():
    text = "".join(f"Round {i}: train loss 0.{i}\nAveraged Test Accuracy: 0.5{i}\n" for i in range(1, 9))
    scores = parse(text.encode()).column("val/Averaged Accuracy", EVAL).tolist()
    assert scores == [float(f"0.5{i}") for i in range(1, 9)]
