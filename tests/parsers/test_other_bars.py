"""Bars that count something else than steps of training, although they tell a loss."""

from __future__ import annotations

import pytest

from .logs import parse


def bar(text: str, unit: str = "it", post: str = "loss=0.{0}") -> bytes:
    """Return a bar that is drawn sixty times."""
    drawn = f"\r{text} 40%|####      | {{0}}/60 [00:02<00:09,  2.00{unit}/s, {post}]"
    return b"".join(drawn.format(i).encode() for i in range(1, 61)) + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        *("Trial 3/20:", "Trials:", "Best trial: 3. Best value: 0.85:", "Hyperparameter search:", "Sweep:"),
        *("Tokenizing:", "Map:", "Map (num_proc=8):", "Downloading shards:", "Evaluating:", "Predicting:"),
        *("Scoring:", "Calibrating:", "Inference:", "Quantizing layers:", "Filter:", "Grid search:"),
    ],
)
def test_a_description_shows_that_a_bar_does_not_train(text):
    assert parse(bar(text)).format is None


@pytest.mark.parametrize("unit", ["trial", "file", "fold", "shard", "config"])
@pytest.mark.parametrize("post", ["loss=0.{0}", "best loss: 0.{0}"])
def test_a_unit_shows_that_a_bar_counts_something_else(unit, post):
    assert parse(bar("", unit, post)).format is None


@pytest.mark.parametrize("post", ["best_loss=0.{0}", "best loss: 0.{0}", "min_loss=0.{0}"])
def test_the_best_loss_alone_is_no_loss_of_a_step(post):
    assert parse(bar("", "it", post)).format is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        *((text, "it") for text in ("Trial 3, epoch 1/4:", "Trial 3 training:", "Fold 2/5:", "Fine-tuning:")),
        *(("Training:", unit) for unit in ("batch", "step", "ex", "img")),
        ("Remaining trials 3: train", "it"),
    ],
)
def test_bars_that_train(text, unit):
    parsed = parse(bar(text, unit))
    assert parsed.format == "progress-bar"
    assert len(parsed.column("train/loss")) == 60
