"""What current versions of widely used libraries print: made up, as they print it to a file or a terminal."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import Parsed, parse

HEAVY = "\u2501"


def read(text: str) -> Parsed:
    """What is read of a text, however it arrives."""
    data = text.encode()
    parsed = parse(data)
    parse(data, range(7, len(data), 311)).same_as(parsed)
    parse(data, bulk=False).same_as(parsed)
    return parsed


def tqdm(desc: str, n: int, total: int, post: str = "") -> str:
    """Return a redraw of a bar."""
    desc += ": " * bool(desc)
    return f"\r{desc}{100 * n // total:3}%|{'#' * n:20}| {n}/{total} [00:01<00:09,  4.00it/s{post}]"


@pytest.mark.parametrize("glued", [True, False])
def test_lines_of_an_epoch_may_come_behind_the_bar_of_epochs_that_moved_on(glued):
    text = tqdm("Epochs", 0, 3)
    for epoch in range(3):
        for n in range(11):
            text += "\n" + tqdm("Batches", n, 10, f", loss={9 - 2 * epoch - n / 8:.3f}") + "\x1b[A"
        text += "\n\r        \x1b[A" + tqdm("Epochs", epoch + 1, 3) + "\n" * (not glued)
        text += f"Epoch {epoch + 1}: val_loss = {8 - 2 * epoch:.2f}\n"
    parsed = read(text)
    assert parsed.column("step").max() == 30
    assert set(parsed.column("total").tolist()) == {30}
    assert parsed.column("val/loss", EVAL).tolist() == [8, 6, 4]
    assert "epochs" not in {name for e in parsed.events if e.kind == "facts" for name in e.data}


def rich(epoch: str, n: int, total: int, values: str) -> str:
    """Return a line that Lightning draws with rich."""
    return f"Epoch {epoch} {HEAVY * 24} {n}/{total} 0:00:01 \u2022 0:00:02 9.50it/s {values}\n"


def test_the_next_line_of_a_narrow_bar_of_lightning_may_begin_with_the_value():
    gap = " " * 60
    text = "".join(
        rich(f"{e}/2 ", 8, 8, "train_loss_step:   ")
        + f"{gap}{4 - e}.250 val_loss:    \n{gap}{5 - e}.125     \n"
        for e in range(3)
    )
    parsed = read(text)
    assert parsed.column("step").tolist() == [8, 16, 24]
    assert parsed.column("train/loss").tolist() == [4.25, 3.25, 2.25]
    assert parsed.column("val/loss", EVAL).tolist() == [5.125, 4.125, 3.125]


def test_where_lightning_counts_steps_the_number_of_epochs_is_open_and_the_last_may_be_short():
    text = "".join(
        "\x1b[2K" + rich(f"{e}/-2", n, total, f"train_loss: {9 - e - n / 8:.3f}")
        for e, total in enumerate((8, 8, 4))
        for n in range(1, total + 1)
    )
    assert read(text).column("step").tolist() == list(range(1, 21))


def test_keras_ends_at_a_loss_that_is_no_number_behind_its_bar():
    done = "\x1b[1m 1/16\x1b[0m \x1b[32m\u2501\x1b[0m \x1b[1m0s\x1b[0m 9ms/step - loss: 6.5000"
    nan = "\r\x1b[1m16/16\x1b[0m \x1b[32m\u2501\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 9ms/step - loss: nan\n"
    parsed = read(f"Epoch 1/6\n\r{done}Batch 4: Invalid loss, terminating training\n{nan}")
    assert [(e.kind, e.title) for e in parsed.events if e.kind == "error"] == [
        ("error", "Batch 4: Invalid loss, terminating training")
    ]


def test_the_bar_of_numpyro_shows_the_first_loss_and_the_mean_of_the_newest():
    text = "".join(
        tqdm("", n, 20, f", init loss: 900.5000, avg. loss [{n - 1}-{n}]: {40 - n}.2500")
        for n in range(2, 21)
    )
    parsed = read(text + "\n")
    assert parsed.column("train/loss").tolist() == [40.25 - n for n in range(2, 21)]


def test_names_of_fastais_table_may_begin_with_a_line_and_its_bars_are_wiped():
    wiped = "\rEpoch {n}/6 :" + " " * 60
    bar = "\r\rEpoch {n}/6 : |####----| 50.00% [5/10 00:01<00:01... 5.9000]" + 2 * wiped
    text = "\u2588\repoch     train_loss  valid_loss  _rmse     time    \n"
    text += "".join(
        (2 * bar).format(n=i + 1) + f"\r{i:<10}{6 - i}.125000    {7 - i}.250000    1.500000  00:00     \n"
        for i in range(6)
    )
    parsed = read(text)
    assert parsed.column("step").tolist() == list(range(6))
    assert parsed.column("train/loss").tolist() == [6.125 - i for i in range(6)]
    assert parsed.column("_rmse").tolist() == [1.5] * 6


def test_poutynes_bar_is_read_when_it_is_full_and_its_epochs_line_names_both_losses():
    text = ""
    for epoch in range(1, 4):
        for n in range(1, 13):
            bar = "\u2588" * (20 * n // 12) + " " * (20 - 20 * n // 12)
            text += f"\rEpoch: {epoch}/3 Step: {n:2}/12 {100 * n / 12:6.2f}% |{bar}|ETA: 0.50s loss: {9 - n / 2:.6f}"
        text += f"\rEpoch: {epoch}/3 Train steps: 12 Val steps: 4 0.50s loss: 6.500000 val_loss: {7 - epoch}.250000\n"
    parsed = read(text)
    assert parsed.column("step").tolist() == list(range(1, 37))
    assert parsed.column("val/loss", EVAL).tolist() == [6.25, 5.25, 4.25]


def test_the_dicts_within_one_that_is_printed_with_an_item_a_line_are_read():
    text = "".join(
        f"{{'epoch': {e},\n 'train': {{'accuracy': 0.5, 'loss': {9 - e}.25}},\n"
        f" 'valid': {{'accuracy': 0.25, 'loss': {10 - e}.5}}}}\n"
        for e in range(8)
    )
    parsed = read(text)
    assert parsed.column("step").tolist() == list(range(8))
    assert parsed.column("train/loss").tolist() == [9.25 - e for e in range(8)]
    assert parsed.column("val/loss", EVAL).tolist() == [10.5 - e for e in range(8)]


def test_a_short_last_epoch_is_drawn_once_more_behind_the_words_that_end_the_run():
    text = "".join(
        tqdm(f"Epoch {e}", n, total, f", v_num=3, train_loss={9 - e - n / 8:.3f}")
        for e, total in enumerate((8, 8, 4))
        for n in range(1, total + 1)
    )
    again = tqdm("Epoch 2", 4, 4, ", v_num=3, train_loss=6.500")
    parsed = read(f"{text}`Trainer.fit` stopped: `max_steps=20` reached.\n\n{again}\n")
    assert parsed.column("step").tolist() == list(range(1, 21))


def test_a_bar_of_an_epoch_may_show_nothing_but_a_loss_of_validation():
    text = "".join(
        tqdm(f"Epoch {e}", n, 8, f", val_loss={5 - e}.250" if e else "")
        for e in range(3)
        for n in range(1, 9)
    )
    parsed = read(text + "\n")
    assert parsed.column("step").tolist() == list(range(1, 25))
    assert parsed.column("val/loss", EVAL).tolist() == [4.25, 3.25]


def test_a_bar_of_the_run_that_is_drawn_once_more_when_it_is_full_is_of_no_further_epoch():
    text = tqdm("", 0, 12)
    for n in range(1, 13):
        text += tqdm("", n, 12, f", step_loss={9 - n / 4:.2f}") + tqdm(
            "", n, 12, f", step_loss={8 - n / 4:.2f}"
        )
        if n % 4 == 0:
            text += f"01/02/2030 03:04:05 - INFO - train - epoch {n // 4 - 1}: eval_loss: {9 - n / 4}\n"
    parsed = read(text + tqdm("", 12, 12, ", step_loss=5.00") + "\n")
    assert parsed.column("step").max() == 12
