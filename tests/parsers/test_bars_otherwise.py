"""Bars whose values have names of other languages, of several words, or units."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import DATA_TIME, GRAD_NORM, LEARNING_RATE, LOSS
from runwatch.core.metrics import SAMPLES_PER_SEC as SAMPLES
from runwatch.core.metrics import TOKENS_PER_SEC as TOKENS

from .logs import Parsed, parse

LOSSES = [round(4.0 - step / 20, 4) for step in range(1, 31)]
BARS = {
    "values behind": "train: {p:3d}%|####      | {n}/30 [00:02<00:09,  2.00it/s, {}]",
    "values in front": "Training {}: {p:3d}%|####      | {n}/30 [00:02<00:09,  2.00it/s]",
    "rich": "Steps ━━━━━━━━      {p}% {n}/30 0:00:09 {}",
    "alive": "Steps |  |████......| {n}/30 [{p}%] in 4s (4.9/s, eta: 3s) {}",
}


def drawn(bar: str, *pairs: tuple[str, str]) -> Parsed:
    sign, between = ("=", ", ") if bar == "values behind" else ("=", " ") if bar == "alive" else (": ", " ")
    lines = []
    for n, loss in enumerate(LOSSES, 1):
        shown = between.join(f"{name}{sign}{value.format(loss)}" for name, value in pairs)
        lines.append(BARS[bar].format(shown, n=n, p=100 * n // 30))
    return parse("".join(f"\r{line}" for line in lines).encode() + b"\n")


@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("name", ["objective", "训练损失", "pérdida", "xent", "L_train"])
def test_losses_by_other_names(bar, name):
    parsed = drawn(bar, (name, "{}"), ("momentum", "0.9"))
    assert parsed.format == "progress-bar"
    assert parsed.column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize("bar", ["values behind", "values in front", "rich"])
@pytest.mark.parametrize(
    ("name", "value", "metric", "stored"),
    [
        ("learning rate", "2.5e-04", LEARNING_RATE, 2.5e-4),
        ("学习率", "2.5e-04", LEARNING_RATE, 2.5e-4),
        ("global grad norm", "1.25", GRAD_NORM, 1.25),
        ("tok/s", "45.5k", TOKENS, 45500.0),
        ("data time", "12.5 ms", DATA_TIME, 0.0125),
        ("rate", "515.0 img/s", SAMPLES, 515.0),
        ("throughput", "45105 tok/s", TOKENS, 45105.0),
    ],
)
def test_names_of_several_words_and_units(bar, name, value, metric, stored):
    parsed = drawn(bar, ("loss", "{}"), ("wd", "0.05"), (name, value), ("top5", "12.5"))
    assert parsed.column(metric).tolist() == [stored] * 30
    assert parsed.column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize("name", ["train loss", "Loss", "损失"])
def test_loops_that_draw_as_keras_does(name):
    lines = []
    for epoch in range(1, 5):
        lines.append(f"Epoch {epoch}/4\n")
        lines += [
            f"\r{n}/10 [====>.....] - ETA: 2s - {name}: {5 - epoch - n / 100} - tok/s: 45.5k - dt: 215.0 ms"
            for n in range(1, 11)
        ]
        lines.append("\n")
    parsed = parse("".join(lines).encode())
    assert parsed.column(LOSS).tolist() == pytest.approx([3.9, 2.9, 1.9, 0.9])
    assert parsed.column(TOKENS).tolist() == [45500.0] * 4
