"""Whether a log just ends where runs end is what a plain list of reasons says."""

from __future__ import annotations

import math
import re
from itertools import groupby

import numpy as np
import pytest

from runwatch.core.block import Samples
from runwatch.core.fold.regular_end import Close, is_last_row
from runwatch.core.series import Series

CLOSING = {
    "Test accuracy: 0.91": "Test accuracy: #",
    "Test accuracy: 0.88": "Test accuracy: #",
    "12:30:00 INFO > Training time 5 s": "Training time",
    "Done.": "Done.",
    "[main] Best epoch: 12": "Best epoch",
    "results saved to " + 60 * "x": "results saved",
}
"""Lines that close -> what they have in common with others."""
OTHERS = ("step", "Epoch 9 begins", "epoch: 12", "Epoch 40 tra", "loading Test set", "")
EPOCHS = (0, 1, 2, 5, 9, 10, 11, 12, 30, 33, 37, 99, 100, 105, 110, 120, 300)
ROUND = {10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100, 120, 300}


def series(values: list[float]) -> Series:
    made, steps = Series(), np.arange(float(len(values)))
    made.add(Samples(steps, steps, steps, np.array(values)))
    return made


def shown_epochs(rng: np.random.Generator, last: int) -> list[float]:
    """Return printed epochs up to about `last`: whole ones, or their parts too."""
    begin = float(rng.choice([-1, -0.5, 0, 0, 0.5, 1, 1, 2]))
    if rng.random() < 0.1:
        return [float(rng.choice([0, 0.5, 1, last]))]
    every = float(rng.choice([0.5, 1, 1]))
    found = [begin + every * n for n in range(int(rng.integers(1, 40)))]
    return [*found, float(last) + float(rng.choice([0, 0, 0, 0.5]))]


def close(rng: np.random.Generator) -> tuple[Close, dict[str, list[float]]]:
    """Return a run where its log ends, and the values of its series."""
    last, first = int(rng.choice(EPOCHS)), int(rng.choice([0, 0, 1, 1, 2]))
    records = last - first + 1 + int(rng.choice([0, 0, 0, 1]))
    values: dict[str, list[float]] = {}
    if rng.random() < 0.6:
        count = int(rng.choice([1, max(1, last - 1), max(1, last), last + 1, max(1, 8 * (last - 1) // 10)]))
        values |= {"val/loss": [1.0] * count, "val/accuracy": [1.0]}
    if rng.random() < 0.3:
        rates = [1.0] * int(rng.integers(17, 22))
        values["train/learning_rate"] = [
            *rates,
            *(float(rng.choice([2e-3, 1.5e-3, 1e-3, 9e-4, 0, -1])) for _ in "ab"),
        ]
    if rng.random() < 0.5:
        values["train/epoch"] = shown_epochs(rng, int(rng.choice(EPOCHS)))
    size = int(rng.choice([20, 100, 300]))
    total = int(rng.choice(EPOCHS)) * size if rng.random() < 0.4 else None
    if total is not None and rng.random() < 0.8:
        last = max(0, total - int(rng.choice([0, 1, 2, 3, 4, 9, 10, 11])))
        records = int(rng.choice([5, 10, 30]))
    lines = [[*CLOSING, *OTHERS][n] for n in rng.integers(0, len(CLOSING) + len(OTHERS), 3)]
    before = [*["step"] * int(rng.choice([7, 8, 20])), *lines[: int(rng.integers(0, 3))]]
    planned = [
        int(rng.choice([last, last + 1, last + 2, 40, 100])) if rng.random() < 0.3 else None for _ in "ab"
    ]
    if rng.random() < 0.2:
        planned[0] = int(rng.choice(EPOCHS))
    made = Close(
        {name: series(some) for name, some in values.items()},
        records=records,
        first_step=None if rng.random() < 0.05 else first,
        last_step=None if rng.random() < 0.1 else last,
        by_epoch=bool(rng.random() < 0.3),
        epoch_steps=None if rng.random() < 0.1 else size,
        total=total,
        planned_epochs=planned[0],
        planned=planned[1],
        evaluated=bool(rng.random() < 0.5),
        saved=bool(rng.random() < 0.3),
        before=before,
        behind=lines[int(rng.integers(0, 4)) :],
        stride=float(rng.choice([math.nan, 1, 10])),
    )
    return made, values


def whole(value: float) -> bool:
    return value == int(value)


def expected(run: Close, values: dict[str, list[float]]) -> tuple[str, bool]:
    """Return the reason, and whether the newest epoch was closed as those before it."""
    evaluations = max([0, *(len(some) for name, some in values.items() if name.startswith("val/"))])
    first, last, shown = run.first_step, run.last_step, values.get("train/epoch", [])
    in_parts = len(shown) > 1 and not all(map(whole, shown[-20:]))
    each_row = None not in (first, last) and last - first + 1 == run.records
    each_row = each_row and (run.by_epoch or (run.records > 1 and evaluations >= run.records))

    begun, at_end = 0, each_row or in_parts
    if each_row:
        begun = {0: last + 1, 1: last}.get(first, 0)
    elif run.total is not None and run.epoch_steps:
        begun = round(run.total / run.epoch_steps)
    elif shown and whole(shown[-1]) and 0 <= shown[0] <= 1:
        begun = int(shown[-1]) + (1 if shown[0] == 0 and not in_parts else 0)
    if not each_row and run.total is not None and last is not None and run.epoch_steps:
        left = run.total - last
        at_end = left <= 1 or left <= run.epoch_steps / 100 or is_last_row(left, run.stride, first)
    of_each = evaluations >= 1 and 0.8 * (begun - 1) <= evaluations < begun
    closed = not begun or run.evaluated or not of_each
    complete = begun if closed and (at_end or run.evaluated or run.saved) else 0

    later = [int(found[1]) for line in run.behind if (found := re.search(r"(?i)\bepoch:? (\d+)", line))]
    if each_row and any(number > last for number in later):
        return "", closed
    if complete and complete == run.planned_epochs:
        return f"all {complete} planned epochs are complete", closed
    if run.planned is None and run.planned_epochs is None and complete in ROUND:
        return f"{complete} epochs are complete, a round number", closed
    rates = values.get("train/learning_rate", [])
    if len(rates) >= 20 and 0 <= rates[-1] < rates[-2] and rates[-1] <= max(rates) / 1000:
        return "its learning rate has come down to nothing", closed
    left = 0 if run.planned is None else run.planned - (last or 0)
    if (
        not each_row
        and (last or 0) + 1 < 0.98 * (run.planned or 0)
        and not is_last_row(left, run.stride, first)
    ):
        return "", closed
    if not each_row and run.planned_epochs is not None and begun < run.planned_epochs:
        return "", closed
    if run.records < 10 or len(run.before) < 10:
        return "", closed
    printed = {CLOSING.get(line) for line in run.before}
    words = [line for line in run.behind if line in CLOSING and CLOSING[line] not in printed]
    if not words:
        return "", closed
    line = re.sub(r".*(?:> |\] )", "", words[0])[:60]
    return f"its last lines say {line!r}", closed


@pytest.mark.parametrize("part", range(8))
def test_a_log_ends_where_a_list_of_reasons_says(part):
    reasons = []
    for seed in range(part, 8000, 8):
        run, values = close(np.random.default_rng([seed, 11]))
        found = run.reason(), run.closed
        assert found == expected(run, values), (seed, run)
        reasons.append(re.sub(r"\d+|'.*'", "", found[0]))
    assert all(len(list(group)) >= 5 for _, group in groupby(sorted(reasons)))
    assert len(set(reasons)) == 5


@pytest.mark.parametrize(
    ("left", "stride", "first", "last"),
    [
        (0, math.nan, 1, True),
        (1, math.nan, 1, False),
        (1, math.nan, 0, True),
        (9, 10, None, True),
        (10, 10, None, False),
        (10, 10, 0, True),
        (11, 10, 0, False),
    ],
)
def test_a_row_is_the_last_one_where_the_next_would_be_behind_the_end(left, stride, first, last):
    assert is_last_row(left, stride, first) is last
