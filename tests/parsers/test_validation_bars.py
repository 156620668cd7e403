"""Bars of validation that do not say so stand between bars of training."""

from __future__ import annotations

import pytest

from .logs import parse


def bar(total: int, first: float, text: str = "", begin: int = 1) -> str:
    """Return a bar whose losses count on."""
    drawn = (
        f"\r{text} 40%|##        | {i}/{total} [00:02<00:09,  2.00it/s, loss={first + i}.5, acc=0.25]"
        for i in range(begin, total + 1)
    )
    return "".join(drawn)


def reported(text: str, size: int = 1 << 20):
    """Return steps and losses of training, and those of validation; the same in pieces and line by line."""
    data = text.encode()
    parsed = parse(data, range(size, len(data), size))
    parsed.same_as(parse(data, bulk=False))
    train = zip(parsed.column("step").tolist(), parsed.column("train/loss").tolist(), strict=True)
    step, loss = parsed.column("step", "eval").tolist(), parsed.column("val/loss", "eval").tolist()
    assert set(parsed.column("val/acc", "eval").tolist()) <= {0.25}
    return list(train), list(zip(step, loss, strict=True))


@pytest.mark.few(3)
@pytest.mark.parametrize("times", [2, 60])
@pytest.mark.parametrize("text", ["", "Epoch {}/99", "Epoch {}"])
def test_a_shorter_bar_after_each_is_validation(times, text):
    laps = [text.format(lap + 1) for lap in range(times)]
    bars = "\n".join(f"{bar(40, 100 * lap, at)}\n{bar(8, 10_000 + lap, at)}" for lap, at in enumerate(laps))
    train, val = reported(bars + "\n" + bar(40, 100 * times, text.format(times + 1)) + "\n", 30_000)
    assert train == [(40 * lap + i, 100 * lap + i + 0.5) for lap in range(times + 1) for i in range(1, 41)]
    assert val == [(40 * lap + 40, 10_000 + lap + 8.5) for lap in range(times)]


def test_it_may_be_in_the_middle_of_an_epoch():
    half = bar(40, 0).split("\r")
    text = "\r".join(half[:21]) + "\n" + bar(8, 500) + "\n" + bar(40, 0, begin=21) + "\n" + bar(8, 600) + "\n"
    train, val = reported(text)
    assert train == [(i, i + 0.5) for i in range(1, 41)]
    assert val == [(20, 508.5), (40, 608.5)]


@pytest.mark.parametrize("then", [[8, 8], [8, 16], [8]])
def test_shorter_bars_that_continue_are_training(then):
    totals = [40, *then]
    train, val = reported("\n".join(bar(total, 100 * i) for i, total in enumerate(totals)) + "\n")
    assert [loss for _, loss in train] == [
        100 * i + n + 0.5 for i, of in enumerate(totals) for n in range(1, of + 1)
    ]
    assert val == []


def test_a_bar_that_was_broken_off_is_no_validation():
    broken = "\r".join(bar(8, 100).split("\r")[:5])
    train, val = reported(f"{bar(40, 0)}\n{broken}\n{bar(40, 200)}\n")
    assert len(train) == 84
    assert val == []


@pytest.mark.few(4)
@pytest.mark.parametrize("times", [3, 60])
@pytest.mark.parametrize("short", [8, 40])
@pytest.mark.parametrize(
    ("trains", "holds_out"),
    [
        ("Train:", "Valid:"),
        ("train", "val"),
        ("Epoch {}/99 [Train]:", "Epoch {}/99 [Val]:"),
        ("Training", "Evaluating"),
        ("Train epoch {}", "Test epoch {}"),
    ],
)
def test_a_bar_that_is_called_one_of_held_out_data(times, short, trains, holds_out):
    bars = "\n".join(
        f"{bar(40, 100 * lap, trains.format(lap + 1))}\n{bar(short, 10_000 + lap, holds_out.format(lap + 1))}"
        for lap in range(times)
    )
    train, val = reported(bars + "\n", 30_000)
    assert train == [(40 * lap + i, 100 * lap + i + 0.5) for lap in range(times) for i in range(1, 41)]
    assert val == [(40 * lap + 40, 10_000 + lap + short + 0.5) for lap in range(times)]


def test_a_bar_of_held_out_data_that_was_broken_off_shows_nothing():
    broken = "\r".join(bar(8, 100, "Valid:").split("\r")[:5])
    train, val = reported(f"{bar(40, 0, 'Train:')}\n{broken}\n{bar(40, 200, 'Train:')}\n")
    assert (len(train), val) == (80, [])


def test_a_bar_of_test_data_next_to_those_of_validation_is_another():
    text = bar(40, 0, "Train:") + "\n" + bar(8, 500, "Valid:") + "\n" + bar(8, 600, "Test:") + "\n"
    parsed = parse(text.encode())
    assert parsed.column("val/loss", "eval").tolist() == [508.5]
    assert parsed.column("test_loss", "eval").tolist() == [608.5]
    assert parsed.column("train/loss").tolist() == [i + 0.5 for i in range(1, 41)]


def test_what_is_measured_may_be_in_the_description_as_a_share():
    train, test = "Train Epoch: [{e}/20], Loss: {e}.5:", "Test Epoch: [{e}/20] Acc@1:{e}1.25% Acc@5:{e}2.50%:"
    lines = (
        f"{text.format(e=e)} 100%|####| 9/9 [00:02<00:00,  4.50it/s]\n"
        for e in range(1, 21)
        for text in (train, test)
    )
    parsed = parse("".join(lines).encode())
    assert parsed.column("train/loss").tolist() == [e + 0.5 for e in range(1, 21)]
    assert parsed.column("val/Acc@1", "eval").tolist() == pytest.approx(
        [e / 10 + 0.0125 for e in range(1, 21)]
    )
    assert parsed.column("step", "eval").tolist() == [9 * e for e in range(1, 21)]


@pytest.mark.parametrize(
    "line",
    [
        "2030-01-02 03:04:05,678 - INFO - Validating Epoch: {e}, accuracy: 0.{a}, Pk: 0.5",
        "Val epoch {e} - loss: 0.5, acc: 0.5, accuracy: 0.{a}",
        "[Valid] Epoch {e}/20 | accuracy: 0.{a}",
        "\nEpoch {e} val_accuracy=0.{a} metrics={{'dice': 0.5}}",
        "\n  VAL   - Loss: 0.5, accuracy: 0.{a}",
        "\n  tr_loss=0.7  tr_acc=0.5  |  vl_loss=0.5  vl_accuracy=0.{a}",
        "\n[Zork-Val(Clean)] Epoch {e:03d} (Fixed): loss = 0.5, accuracy = 0.{a}",
        "\nVALIDATION FINISHED: ACCURACY: 0.{a}",
        "\nVal accuracy: 0.{a} | best accuracy: 0.99",
        "\n  验证集 - 损失: 0.5, accuracy: 0.{a}\n最优验证 accuracy: 0.99",
        "\nValid Result:\nprecision: 0.5, accuracy: 0.{a}, F1: 0.5",
        "\n--- Validation ---\n  accuracy: 0.{a}\nTraining accuracy: 0.99",
        "\nEval epoch: {e}\n  accuracy: 0.{a}",
    ],
)
@pytest.mark.parametrize("between", ["", "\n"])
def test_a_line_about_validation_may_be_right_behind_a_bar(line, between):
    log = [
        f"Training: 100%|####| 9/9 [00:02<00:00,  4.50it/s, loss={e}.5]\n"
        f"Validating: 100%|####| 4/4 [00:02<00:00,  2.00it/s]{between}{line.format(e=e, a=e + 10)}\n"
        for e in range(1, 31)
    ]
    parsed = parse("".join(log).encode())
    parsed.same_as(parse("".join(log).encode(), bulk=False))
    scores = [*parsed.column("val/accuracy", "eval"), *parsed.column("val/ACCURACY", "eval")]
    assert scores == [(e + 10) / 100 for e in range(1, 31)]
    assert parsed.column("step", "eval").tolist() == [9 * e for e in range(1, 31)]
    assert not {name for table in parsed.tables for name in table[2] if "poch" in name} - {
        "train/epoch",
        "epoch_steps",
    }


def test_losses_by_the_part_of_the_data_alone_next_to_a_bar():
    log = (
        f"Epoch {e}: 100%|####| 9/9 [00:02<00:00,  4.50it/s, loss={e}.5]\n"
        f"Epoch  {e}: Train: {e}.25, Val: {e}.75, Time: 3.1s\n"
        for e in range(1, 31)
    )
    parsed = parse("".join(log).encode())
    assert parsed.column("train/loss").tolist() == [e + 0.5 for e in range(1, 31)]
    assert parsed.column("val/loss", "eval").tolist() == [e + 0.75 for e in range(1, 31)]


def test_a_test_at_the_end_is_no_validation():
    log = [
        f"Epoch {e}: 100%|####| 9/9 [00:02<00:00,  4.50it/s, loss={e}.5]\nVAL - Loss: {e}.75\n"
        for e in range(1, 31)
    ]
    parsed = parse("".join([*log, "\nTEST RESULTS:\n  Loss: 99.5, Acc: 0.5\n"]).encode())
    assert parsed.column("val/loss", "eval").tolist() == [e + 0.75 for e in range(1, 31)]
    assert parsed.column("test Loss", "eval").tolist() == [99.5]


def test_a_line_of_all_ranks_is_at_the_step_of_the_lowest():
    log = (
        f"[GPU0] Epoch {e}: 100%|####| 9/9 [00:02<00:00,  4.50it/s, loss={e}.5]\n"
        f"Epoch {e} val_loss={e}.75 metrics=0.5\n"
        for e in range(30)
    )
    parsed = parse("".join(log).encode())
    assert parsed.column("step", "eval").tolist() == [9.0 * e + 9 for e in range(30)]
    assert parsed.column("val/loss", "eval").tolist() == [e + 0.75 for e in range(30)]
