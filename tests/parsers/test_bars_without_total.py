"""Bars that know no total: what they show counts, and those that ended are laid end to end."""

from __future__ import annotations

import pytest

from .logs import parse

PER = 20
TQDM = "{0}{1}it [00:{1:02}, 11.90it/s, loss={2}.5]"


def bars(draw: str, texts: list[str], begun: bool = True) -> str:
    """Return bars of `PER` steps each; their losses count on."""
    out = []
    for lap, text in enumerate(texts):
        out.append(f"\r{text}0it [00:00, ?it/s]" if begun else "")
        out += ["\r" + draw.format(text, i, 100 * lap + i) for i in range(1, PER + 1)]
        out.append("\n")
    return "".join(out)


def reported(text: str, laps: int, size: int = 1 << 20):
    """Return what is read of a text, the same in pieces and line by line."""
    data = text.encode()
    parsed = parse(data, range(size, len(data), size))
    parsed.same_as(parse(data, bulk=False))
    assert parsed.format == "progress-bar"
    assert parsed.column("train/loss").tolist() == [
        100 * lap + i + 0.5 for lap in range(laps) for i in range(1, PER + 1)
    ]
    assert not any("total" in names for _, _, names in parsed.tables)
    assert parsed.column("step").tolist() == list(range(1, PER * laps + 1))
    return parsed


@pytest.mark.few(4)
@pytest.mark.parametrize("laps", [2, 40])
@pytest.mark.parametrize(
    "draw",
    [
        TQDM,
        "{0}{1} batches [00:{1:02}, 11.90 batches/s, loss={2}.5]",
        "{0}|          | {1}/? [00:01<?, 3.20it/s, v_num=0, loss={2}.5]",
        "{0}: {1}it [00:01, ?it/s, loss={2}.5, v_num=0]",
        "{0}loss={2}.5: {1}it [00:01,  2.00s/it]",
    ],
)
def test_bars_of_epochs_are_laid_end_to_end(draw, laps):
    parsed = reported(bars(draw, [f"Epoch {lap}: " for lap in range(laps)]), laps, 10_000)
    assert parsed.column("train/epoch").tolist() == [lap for lap in range(laps) for _ in range(PER)]


@pytest.mark.few(3)
@pytest.mark.parametrize("laps", [2, 200])
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("text", ["", "train: "])
def test_those_that_name_no_epoch_are_too(text, begun, laps):
    reported(bars(TQDM, [text] * laps, begun), laps, 40_000)


@pytest.mark.parametrize("laps", [2, 200])
def test_a_line_between_them_shows_the_epoch(laps):
    text = "".join(f"Epoch {lap + 1}/{laps}\n{{{lap}}}" for lap in range(laps))
    each = [f"{one}\n" for one in bars(TQDM, [""] * laps).split("\n")]
    parsed = reported(text.format(*each), laps)
    assert parsed.column("train/epoch").tolist() == [lap + 1 for lap in range(laps) for _ in range(PER)]


def test_a_run_that_starts_again_counts_from_its_own_beginning():
    text = bars(TQDM, ["Epoch 0: ", "Epoch 1: ", "Epoch 0: "])
    assert parse(text.encode()).column("step").tolist() == [*range(1, 41), *range(1, 21)]


@pytest.mark.parametrize(
    "text",
    [
        bars("{0}{1}it [00:01, 11.90it/s]", ["Map: "] * 4),
        bars("{0}{1}it [00:01, 11.90it/s, loss={2}.5]", ["Validation: "] * 4),
        bars("{0}{1}it [00:01, 11.90it/s, lr={2}.5]", [""] * 4),
        bars("{0}{1} examples [00:01, 901.20 examples/s]", ["Generating train split: "] * 4),
        "Read a loss=0.5 of it [1, 2]\n" * 40,
    ],
)
def test_without_a_loss_of_training_they_show_nothing(text):
    assert parse(text.encode()).format is None


@pytest.mark.few(1)
@pytest.mark.parametrize("lines", [100, 40_000])
def test_they_are_found_behind_much_else(lines):
    reported("A shard of the corpus was read.\n" * lines + bars(TQDM, ["train: "] * 2), 2)


@pytest.mark.parametrize("times", [1, 40])
def test_counts_in_thousands_are_counts(times):
    drawn = [("50.0", 50), ("999", 999), ("1.01k", 1010), ("1.25k", 1250), ("4.02k", 4020), ("19.9k", 19900)]
    text = "".join(
        f"\r  6%|6         | {done}/20.0k [00:01<00:05, 2.00kit/s, loss={count}.5]"
        for done, count in drawn
        for _ in range(times)
    )
    data = f"{text}\n".encode()
    parsed = parse(data)
    parsed.same_as(parse(data, bulk=False))
    assert parsed.column("step").tolist() == [count for _, count in drawn]
    assert parsed.column("total").tolist() == [20_000] * len(drawn)
    assert parsed.column("train/loss").tolist() == [count + 0.5 for _, count in drawn]
    assert parsed.column("perf/step_time").tolist() == [0.0005] * len(drawn)


def test_counts_in_thousands_may_have_no_total():
    text = "".join(f"\r{i / 1000:.2f}kit [00:01, 11.90it/s, loss={i}.5]" for i in range(1000, 1500, 10))
    parsed = parse(f"{text}\n".encode())
    assert parsed.column("step").tolist() == list(range(1000, 1500, 10))
