"""What a script prints about held-out data next to the records of a known format."""

from __future__ import annotations

import pytest

from .logs import parse

EVALUATIONS = {
    "Epoch {epoch} - Validation BLEU: BLEU-1 {score}, BLEU-2 0.25": "val/BLEU-1",
    "2030-01-02 03:04:05,678 - INFO - Validation accuracy: {score}": "val/accuracy",
    "Test accuracy: {score} | Test time: 3.5s": "Test accuracy",
    "Overall validation mIoU: {score}": "Overall validation mIoU",
}
OTHERS = (
    "Evaluating: arc (10-shot) accuracy: 0.5",
    "val_loss_every = 250  # VAL_LOSS_EVERY",
    "Validation batch 3/90, accuracy: 0.5",
    "interval accuracy: 0.5",
    "Best validation accuracy: 0.5",
    "Test: loss 0.5",
    "val bpb: 0.8125",
    "2030-01-02 03:04:05,678 - eval - INFO - GSM8K accuracy: 0.5",
)


def log(line: str) -> bytes:
    """A log of a known format, with a line of a script's after each epoch."""
    lines = []
    for epoch in range(1, 9):
        batch = f"2030-01-02 03:04:05,678 - INFO - Epoch {epoch} - Batch loss: {9 / epoch:.4f}"
        lines += [*[batch] * 5, line.format(epoch=epoch, score=f"0.{epoch}25")]
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize("line", EVALUATIONS)
def test_scores_that_a_script_says_are_of_held_out_data_are_read(line):
    parsed = parse(log(line))
    assert (parsed.format, len(parsed.column("train/loss"))) == ("epoch-batch-loss", 40)
    assert parsed.column(EVALUATIONS[line], "eval").tolist() == [float(f"0.{e}25") for e in range(1, 9)]
    parse(log(line), [100, 333, 700]).same_as(parsed)
    parse(log(line), bulk=False).same_as(parsed)


@pytest.mark.parametrize("line", OTHERS)
def test_what_is_a_part_or_a_setting_is_no_evaluation(line):
    assert not [table for table in parse(log(line)).tables if table[0] == "eval"]
