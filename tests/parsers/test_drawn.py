"""Bars of rich, alive-progress and TorchBlocks with a loss beside them."""

from __future__ import annotations

import pytest

from .logs import parse

PER = 30
HEAVY, FULL = "\u2501", "\u2588"


def rich(epoch: int, done: int) -> str:
    """Return what rich draws of one bar, in its colours."""
    rest = "\u257a" + HEAVY * (PER - done - 2) if done < PER - 1 else ""
    half = "\u2578" if done == PER - 1 else HEAVY
    filled = f"\x1b[91m{HEAVY * done}{half}\x1b[0m\x1b[90m{rest}\x1b[0m"
    values = f"loss: {100 * epoch + done}.5 acc: 0.25"
    return f"Epoch {epoch}/3 {filled} \x1b[32m{done:2}/{PER}\x1b[0m \x1b[33m0:00:01\x1b[0m -:--:-- {values}"


def alive(epoch: int, done: int) -> str:
    """Return what alive-progress draws."""
    bar = f"|{FULL * done}{' ' * (PER - done)}| \u2582\u2584\u2586 {done}/{PER} [{3 * done}%]"
    return f"Epoch {epoch}/3 {bar} in 1:02.5 (~1s, 20.0/s) loss: {100 * epoch + done}.5"


def steps(text: str, size: int = 1 << 20) -> list[tuple[float, float]]:
    """Return steps and losses that are read, the same in pieces and line by line."""
    data = text.encode()
    parsed = parse(data, range(size, len(data), size))
    parsed.same_as(parse(data, bulk=False))
    assert parsed.format == "progress-bar"
    assert set(parsed.column("total").tolist()) == {3 * PER}
    return list(zip(parsed.column("step").tolist(), parsed.column("train/loss").tolist(), strict=True))


WANTED = [(PER * (e - 1) + i, 100 * e + i + 0.5) for e in (1, 2, 3) for i in range(e > 1, PER + 1)]
"""At 0, the first epoch shows a loss of its own; what a later one shows there is of the epoch before."""


@pytest.mark.parametrize("draw", [rich, alive])
def test_bars_of_epochs_are_laid_end_to_end(draw):
    text = "\n".join("".join(f"\r\x1b[2K{draw(e, i)}" for i in range(PER + 1)) for e in (1, 2, 3))
    assert steps(text + "\n", 5000) == WANTED
    assert steps("The corpus was read.\n" * 400 + text + "\n", 5000) == WANTED


@pytest.mark.parametrize("values", ["[ loss={loss} ]", "loss: {loss} - lr: 0.0010 "])
def test_bars_with_an_arrow_begin_again_with_each_epoch(values):
    def draw(epoch: int, done: int) -> str:
        arrow = "=" * (done - 1) + (">" if done < PER else "=") + "." * (PER - done)
        left = " - ETA: 1:02" if done < PER else " 43.2ms/step"
        return f"[Training] {done}/{PER} [{arrow}]{left}  {values.format(loss=f'{100 * epoch + done}.5')}"

    held_out = "".join(f"\r[Evaluating] {i}/8 [{'=' * i}>{'.' * (7 - i)}] - ETA: 3s" for i in range(1, 8))
    epochs = ("".join(f"\r{draw(e, i)}" for i in range(1, PER + 1)) for e in (1, 2, 3))
    parsed = parse(
        "".join(f"{epoch}\n{held_out}\nloss: 9.5 - f1: 0.5{i}\n" for i, epoch in enumerate(epochs)).encode()
    )
    wanted = [(PER * (e - 1) + i, 100 * e + i + 0.5) for e in (1, 2, 3) for i in range(1, PER + 1)]
    assert parsed.format == "progress-bar"
    assert list(zip(parsed.column("step"), parsed.column("train/loss"), strict=True)) == wanted


def test_those_that_have_ended_are_drawn_again_above():
    drawn = []
    for epoch in (1, 2, 3):
        ended = [rich(e, PER) for e in range(1, epoch)]
        for i in range(PER + 1):
            drawn.append("\r\n".join([*ended, rich(epoch, i)]))
            drawn.append("\r\x1b[2K" + "\x1b[1A\x1b[2K" * (epoch - 1))
        drawn[-1] += "\r\n" if epoch == 3 else ""
    assert steps("".join(drawn), 5000) == WANTED


def test_the_pace_is_read():
    text = "".join(f"\r{alive(1, i)}" for i in range(PER))
    assert set(parse(f"{text}\n".encode()).column("perf/step_time").tolist()) == {0.05}


@pytest.mark.parametrize(
    "line",
    [
        f"Downloading {HEAVY * 30} 3/{PER} 0:00:01 0:00:02",
        f"Validation {HEAVY * 30} 3/{PER} 0:00:01 loss: 2.5",
        "Epoch 1 |##   | 3/30 [10%] in 2s (~4s, 6.7/s)",
        f"{HEAVY * 30} Table 3/4 of losses {HEAVY * 30}",
    ],
)
def test_other_bars_are_no_training(line):
    assert parse(f"{line}\n".encode() * 60).format is None


@pytest.mark.parametrize("text", ["Epoch {0}/3: ", "Epoch {0}/3 [train]: "])
def test_a_narrow_terminal_has_no_place_for_the_bar_itself(text):
    """As tqdm draws it below `!python train.py` in a notebook: only the numbers."""
    text = "\n".join(
        f"{text.format(e)}{100 * i // PER:3}% {i}/{PER} [00:{i:02}<00:{PER - i:02},  1.00it/s, loss={100 * e + i}.5]"
        for e in (1, 2, 3)
        for i in range(PER + 1)
    )
    assert steps(text + "\n", 5000) == WANTED
    assert steps("The corpus was read.\n" * 400 + text + "\n", 5000) == WANTED
