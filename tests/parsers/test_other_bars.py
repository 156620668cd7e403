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


def _lightning(epochs: int, steps: int, end: str, shown: str = ", v_num=7]") -> bytes:
    bars = "\rEpoch {e}:  50%|#####     | {n}/{steps} [00:10<00:10,  5.00it/s{shown}"
    return "".join(
        "".join(bars.format(e=e, n=n, steps=steps, shown=shown) for n in range(1, steps + 1))
        + "\n"
        + end.format(e=e, loss=4 / (e + 2))
        for e in range(epochs)
    ).encode()


@pytest.mark.parametrize("shown", [", v_num=7]", ", v_num=x7-a1]", ", v_num=7, val_acc=0.5]"])
@pytest.mark.parametrize("epochs", [1, 4])
def test_lightnings_bar_shows_how_far_training_is(shown, epochs):
    data = _lightning(epochs, 30, "", shown)
    parsed = parse(data)
    assert parsed.column("step").tolist() == list(range(1, 30 * epochs + 1))
    assert parsed.column("total")[-1] == 30 * epochs
    parse(data, range(7, len(data), 311)).same_as(parsed)
    parse(data, bulk=False).same_as(parsed)


@pytest.mark.parametrize(
    "end",
    [
        "Epoch {e}: train_loss={loss:.4f}\n",
        "Train loss: {loss:.4f}\n",
        "{{'epoch': {e}, 'loss': {loss:.4f}}}\n",
    ],
)
def test_losses_that_a_script_prints_go_before_lightnings_bar(end):
    parsed = parse(_lightning(30, 40, end))
    assert parsed.column("train/loss").tolist() == [float(f"{4 / (e + 2):.4f}") for e in range(30)]


def test_a_long_epoch_of_lightnings_bar_keeps_its_first_and_last_step():
    steps = parse(_lightning(1, 900, "")).column("step").tolist()
    assert (steps[0], steps[-1]) == (1, 900)


def test_what_is_left_of_a_bar_that_a_logger_wrote_over_counts_no_steps():
    said = "[Tool I 2030-01-02 03:04:05 wer:32{}]"
    drawn = (
        "Epoch {e}: {n}0%|###   | {n}/10 [00:0{n}<00:09,  2.00it/s, v_num=7]" + said.format(9) + " \n    \n"
    )
    over = (
        " " * 60
        + said.format(9)
        + "     | {n}/30 [00:00<00:07, 12.50it/s]\n    \n"
        + said.format(1)
        + " text\n"
    )
    lines = [drawn.format(e=e, n=n) for e in (0, 1) for n in range(1, 10)]
    lines[9:9] = [over.format(n=n) for n in range(1, 31)]
    parsed = parse("".join(lines).encode())
    assert parsed.format == "epoch-bar"
    assert parsed.column("step").tolist() == [*range(1, 10), *range(11, 20)]
