"""The loss of held-out data is found next to that of training, whatever distinguishes their names."""

from __future__ import annotations

import json

import pytest

from .logs import parse

LOSSES = [round(3 / (i + 1), 4) for i in range(30)]
STEPS = list(range(1, 31))
LINES = {
    "a letter": "epoch {i} tloss {x} vloss {y} vacc 0.5",
    "a letter apart": "Epoch {i}: train_loss={x}, v_loss={y}, v_acc=0.5",
    "a word before": "Epoch {i} | mse_loss: {x} | [Val] loss: {y}",
    "a dash": "e{i}, TotalLoss is {x}, Val - Loss is {y} (best 0.1)",
    "joined": "epoch_{i} with loss(train) = {x} and acc = 0.5 and devel loss = {y}",
    "no. and arrows": "No.{i} - train loss -> {x}   psnr -> 12.5   valid loss -> {y}",
    "other script": "Epoch {i} | 训练损失 -> {x} | 验证损失 -> {y}",
    "other script in brackets": "Epoch {i}  损失 ({x})  测试损失 ({y})",
    "accents in brackets": "Epoch {i} - pérdida [{x}] - pérdida validación [{y}]",
    "quoted": "('Iter: {i}', 'pérdida', {x}, 'valid_loss', {y})",
    "dict": "[rank0]: {{'epoch': {i}, 'recon_loss': {x}, 'validation loss': {y}}}",
    "month and day": "03-04 10:00:{i:02d} Epoch {i} | train MSE: {x} | val MSE: {y}",
}


@pytest.mark.parametrize("name", LINES)
def test_losses_of_both_parts_of_the_data(name):
    rows = [LINES[name].format(i=i, x=x, y=x + 1) for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", "").tolist() == [x + 1 for x in LOSSES]


def test_the_loss_of_values_is_an_agents():
    rows = [f"iter {i} loss {x} pi_loss 0.1{i} v_loss {x}1" for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("v_loss").tolist() == [float(f"{x}1") for x in LOSSES]


def test_a_dict_of_whole_epochs_shows_its_place():
    rows = [f"{{'epoch': {i}, 'loss': {x}}}" for i, x in zip(STEPS, LOSSES, strict=True)]
    assert parse("\n".join([*rows, ""]).encode()).column("step").tolist() == STEPS


@pytest.mark.parametrize(
    ("train", "held_out"), [("cost", "Loss (val)"), ("recon loss", "dev loss"), ("epoch_loss", "vloss")]
)
def test_a_loss_of_some_kind_in_a_json_line(train, held_out):
    rows = [json.dumps({"epoch": i, train: x, held_out: x + 1}) for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [x + 1 for x in LOSSES]


@pytest.mark.parametrize(
    "line",
    [
        "2030-01-02 03:04:05,678 - INFO - Epoch {e} - {part} - Batch {b} - Loss = {x} | Accuracy = 50.0%",
        "Epoch {e} | {part} | step {b} | loss {x}",
    ],
)
def test_the_part_of_the_data_between_two_places(line):
    rows = []
    for epoch in range(5):
        rows += [
            line.format(e=epoch, part="TRAIN", b=b, x=3 - 0.1 * epoch - b / 1e4) for b in range(0, 1600, 100)
        ]
        rows += [
            line.format(e=epoch, part="VAL", b=b, x=4 - 0.1 * epoch - b / 1e4) for b in range(0, 300, 100)
        ]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert len(parsed.column("train/loss")) == 5 * 16
    assert parsed.column("train/epoch").tolist() == [epoch for epoch in range(5) for _ in range(16)]
    assert parsed.column("train/loss").max() <= 3
    assert len(parsed.column("val/loss", "")) == 5 * 3
    assert parsed.column("val/loss", "").min() > 3


def test_the_index_of_a_data_frame_next_to_both_losses():
    rows = [f"{i},{x},{x + 1},0.5" for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([",Loss,ValLoss,ReconstructRate", *rows, ""]).encode())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("val/loss", "").tolist() == [x + 1 for x in LOSSES]


def test_a_loss_named_behind_its_number_at_the_end_of_a_sentence():
    rows = [f"Training Epoch 1 | Batch: {i} ended with {x} loss." for i, x in zip(STEPS, LOSSES, strict=True)]
    assert parse("\n".join([*rows, ""]).encode()).column("train/loss").tolist() == LOSSES
