"""Cross tables of an epoch: rows that have a name below columns that have one."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse
from .test_home_made import LOSSES, VALS

STAMP = "2026-03-04 05:06:07,890 - "
EPOCHS = list(range(1, len(LOSSES) + 1))


def log(*block: str, stamp: str = "", heading: str = "Epoch {i}/{n}") -> bytes:
    """Return epochs of such lines."""
    lines = []
    for i, loss, val in zip(EPOCHS, LOSSES, VALS, strict=True):
        lines.append(heading.format(i=i, n=len(LOSSES)))
        lines += [stamp + line.format(t=loss, v=val, a=i / 100) for line in block]
    return "\n".join([*lines, "Training took 5 min", ""]).encode()


BLOCKS = [
    (
        "-----------",
        "METRIC   | TRAIN | VALIDATION",
        "-----------",
        "Loss     | {t} | {v}",
        "Recall | {a} | {a}",
    ),
    ("| metric | train | val |", "| loss | {t} | {v} |", "| acc | {a} | {a} |"),
    ("             train      val", "loss        {t}     {v}", "accuracy    {a}     {a}"),
    ("        Loss   Acc", "Train   {t}   {a}", "Val     {v}   {a}"),
    ("       | loss | acc", "train  | {t} | {a}", "valid  | {v} | {a}"),
]


@pytest.mark.parametrize("stamp", ["", STAMP])
@pytest.mark.parametrize("block", BLOCKS)
def test_numbers_are_named_by_their_row_and_their_column(block, stamp):
    parsed = parse(log(*block, stamp=stamp))
    assert parsed.column("step").tolist() == EPOCHS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert [*parsed.column("val/loss"), *parsed.column("val/loss", EVAL)] == VALS


@pytest.mark.parametrize("block", BLOCKS[:4])
def test_such_tables_are_read_next_to_bars(block):
    bar = "Epoch {i}/{n}: 100%|##########| 30/30 [00:03<00:00, 9.10it/s, loss=0.5]"
    parsed = parse(log(*block, heading=bar))
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_a_table_whose_rows_have_a_place_is_none():
    rows = [f"{i}  {loss}  {val}" for i, loss, val in zip(EPOCHS, LOSSES, VALS, strict=True)]
    parsed = parse("\n".join(["Epoch  Train  Valid loss", *rows, ""]).encode())
    assert parsed.column("step").tolist() == EPOCHS
    assert parsed.column("train/loss").tolist() == LOSSES
