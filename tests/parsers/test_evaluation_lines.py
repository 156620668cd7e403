"""What a script prints about held-out data next to the records of a known format."""

from __future__ import annotations

import pytest

from .logs import parse

EVALUATIONS = {
    "Validation accuracy: {score}": "val/accuracy",
    "2030-01-02 03:04:05,678 - INFO - Validation accuracy: {score}": "val/accuracy",
    "Overall validation mIoU: {score}": "val/mIoU",
    "Test accuracy: {score}": "Test accuracy",
}
OTHERS = (
    "2030-01-02 03:04:05,678 - eval - INFO - GSM8K accuracy: {score}",
    "Best validation accuracy: {score}",
    "val bpb: {score}",
    "accuracy: {score}",
)


def log(line: str, ranks: str = "") -> bytes:
    """A log of a known format, with a line of a script's after each epoch."""
    lines = []
    for epoch in range(1, 9):
        batch = f"2030-01-02 03:04:05,678 - INFO - Epoch {epoch} - Batch loss: {9 / epoch:.4f}"
        lines += [*[batch] * 5, *(rank + line.format(score=f"0.{epoch}25") for rank in ranks or [""])]
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize("line", EVALUATIONS)
def test_scores_that_a_script_says_are_of_held_out_data_are_read(line):
    parsed = parse(log(line))
    assert (parsed.format, len(parsed.column("train/loss"))) == ("epoch-batch-loss", 40)
    assert parsed.column(EVALUATIONS[line], "eval").tolist() == [float(f"0.{e}25") for e in range(1, 9)]
    parse(log(line), [100, 333, 700]).same_as(parsed)
    parse(log(line), bulk=False).same_as(parsed)


@pytest.mark.parametrize("line", OTHERS)
def test_what_is_shown_again_or_not_said_to_be_of_held_out_data_is_no_evaluation(line):
    assert not [table for table in parse(log(line)).tables if table[0] == "eval"]


def test_the_rank_of_an_evaluation_is_that_of_its_line():
    parsed = parse(log("Validation accuracy: {score}", ["[rank0]: ", "[rank1]: "]))
    assert parsed.column("rank", "eval").tolist() == [0, 1] * 8


STEPS = "".join(
    f"step {step}: train loss {9 / (step + 1):.4f} | val loss {8 / (step + 1):.4f}\n" for step in range(16)
)


@pytest.mark.parametrize(
    "line",
    [
        "{'name': 'small', 'learning_rate': 0.001, 'batch_size': 8, 'eval_interval': 50, 'eval_iters': 20}",
        '{"learning_rate": 0.001, "eval_interval": 50, "eval_iters": 20}',
        "  val_loss_every: 4000",
        "val loss decrease from 1.2441 to 0.9176, save model to runs/best.pt",
        "Samples: train=67,890 val=12,345 K=3",
        "Splits - train: 67,890  val: 12,345  test: 23,456",
    ],
)
def test_settings_and_sizes_of_data_are_no_evaluation(line):
    parsed = parse(f"{line}\n{STEPS}{line}\n".encode())
    assert parsed.column("train/loss").tolist() == [round(9 / (step + 1), 4) for step in range(16)]
    assert {kind for kind, _, _ in parsed.tables} == {"train"}
