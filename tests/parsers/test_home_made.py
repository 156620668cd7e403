"""Logs of home-made loops: what stands on lines beside the records, and what a name or a time means there."""

from __future__ import annotations

import pytest

from runwatch.batch import EVAL

from .logs import parse

N = 30
LOSSES = [round(3 / (i + 1), 4) for i in range(N)]
VALS = [round(4 / (i + 1), 4) for i in range(N)]


def _log(line: str, every: str = "", of: int = 10) -> bytes:
    """Return N lines, and one below each `of` of them."""
    lines = []
    for i, loss in enumerate(LOSSES):
        told = {
            "i": i,
            "step": i + 1,
            "loss": loss,
            "val": VALS[i],
            "epoch": i // of + 1,
            "batch": i % of + 1,
        }
        lines.append(line.format(**told))
        if every and i % of == of - 1:
            lines.append(every.format(**told))
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize("name", ["val_loss", "test_loss", "Loss/test", "test/loss", "cv_loss", "loss_va"])
@pytest.mark.parametrize(
    "line", ["step: {step} {name}: {x}", "[2030-01-02 03:04:05] INFO step: {step} {name}: {x}", "{dict}"]
)
def test_validation_on_lines_of_its_own_under_any_name(line, name):
    line = line.replace("{dict}", "{{'step': {step}, '{name}': {x}}}")
    train = line.replace("{name}", "loss").replace("{x}", "{loss}")
    parsed = parse(_log(train, line.replace("{name}", name).replace("{x}", "{val}")))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


@pytest.mark.parametrize(
    "below",
    [
        "Epoch {epoch} 完成 | 训练损失: {loss} | 验证损失: {val}",
        "Epoch {epoch} done | train loss: {loss} | val loss: {val}",
        "RESULT ON TEST SET: Loss = {val}, Accuracy = 0.5",
    ],
)
def test_the_summary_of_an_epoch_tells_the_validation_loss(below):
    parsed = parse(_log("Epoch: {epoch} | Batch: {batch}/10 | Loss: {loss}", below))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


def test_a_time_that_starts_again_with_each_epoch_is_no_step_time():
    lines = "Epoch: {epoch} | Batch: {batch}/10 | Loss: {loss} | Time: {batch}.{step}s"
    assert not len(parse(_log(lines)).column("perf/step_time"))


def test_blocks_below_headings_of_epochs_have_one_growing_step():
    lines = []
    for i, loss in enumerate(LOSSES):
        lines += [f"**** EPOCH {i // 10:03d} ****"] * (i % 10 == 0)
        lines += [f" -- {i % 10 + 1:03d} / 10 --", f"mean loss: {loss}", f"mask accuracy: 0.{i + 10}"]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]


@pytest.mark.parametrize(
    "rate",
    ["Epoch: {epoch} | Current Learning Rate: 0.0{epoch}", "learning rate of epoch {epoch}: 0.0{epoch}"],
)
def test_a_learning_rate_may_stand_on_a_line_of_its_epoch(rate):
    parsed = parse(_log("Epoch: {epoch} | Batch {batch}/3 | Loss: {loss}", rate, of=3))
    assert parsed.column("train/learning_rate", EVAL).tolist() == [float(f"0.0{i}") for i in range(1, 11)]


def test_a_tensor_is_named_by_what_stands_before_it():
    parsed = parse(_log("train_loss tensor({loss}, device='cuda:0')"))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("name", ["Generator Learning Rate", "lr_g", "trainer/lr", "lr"])
def test_learning_rate_by_any_name(name):
    parsed = parse(_log("Iter: {step}, D Learning Rate: 0.5, " + name + ": 0.25, Loss: {loss}"))
    assert parsed.column("train/learning_rate").tolist() == [0.25] * N
