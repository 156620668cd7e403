"""Batches that begin again below the heading of each epoch, or behind it, grow as one step."""

from __future__ import annotations

import pytest

from .logs import parse

HEADINGS = (
    "Epoch {e}",
    "Epoch: {e} lr: 0.00{e}",
    "Epoch #{e}",
    "Epoch: {e}",
    "----- Epoch {e}/6 -----",
    "Ep. {e}",
    "E{e}",
)
BATCHES = (
    "Iter [{b}/5] train_loss={x}",
    "[{b}/5] loss: {x}",
    "Batch {b}: loss {x}",
    "iter {b}/5 | loss = {x}",
)


def _rows(heading: str, batch: str) -> tuple[list[str], list[float]]:
    rows, losses = [], []
    for epoch in range(1, 7):
        rows += [heading.format(e=epoch)] if heading else []
        for b in range(1, 6):
            losses.append(round(3 / (epoch + b / 5), 4))
            rows.append(batch.format(e=epoch, b=b, x=losses[-1]))
    return rows, losses


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("heading", HEADINGS)
def test_batches_below_the_heading_of_their_epoch(heading, batch):
    rows, losses = _rows(heading, batch)
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == list(range(1, 31))
    assert parsed.format == "learned"


@pytest.mark.parametrize("epochs", [2, 6])
def test_sizes_may_be_behind_the_epoch(epochs):
    rows = []
    for epoch in range(1, epochs + 1):
        rows.append(f"Epoch {epoch}/9 - train_steps=6000, val_steps=50")
        rows += [f"  [train] step {20 * b}/6000  loss={4 / (epoch + b / 300):.4f}" for b in range(1, 301)]
        rows += [f"  [val] step {b}/50  loss={4 / epoch:.4f}" for b in range(10, 51, 10)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == [20 * i for i in range(1, 300 * epochs + 1)]
    assert set(parsed.column("total").tolist()) == {54_000}


@pytest.mark.parametrize("stamp", ["", "2030-01-02 03:04:05,678 INFO ", "2030-01-02 03:04:05,678 - INFO - "])
def test_no_process_of_syslog_before_a_batch(stamp):
    rows, losses = _rows("", stamp + "epoch {e} - [{b}/5] - Training Loss={x}")
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("train/epoch").tolist() == [epoch for epoch in range(1, 7) for _ in range(5)]


@pytest.mark.parametrize("first", [0, 1, 14])
@pytest.mark.parametrize("size", [9, 1 << 20])
@pytest.mark.parametrize(
    "printed",
    [
        "Gen Loss: {x} Discriminator Loss {y}\nTime for epoch {e} is 14 sec\n",
        "train loss: {x} | val loss: {y}\nEpoch {e} took 14.5s\n\n",
        "train loss: {x}\nval loss: {y}\nFinished epoch {e}/40\n",
        "{bar}train loss: {x}\nepoch {e} done, elapsed {y}s\n",
    ],
)
def test_a_line_that_says_an_epoch_has_ended_is_below_its_record(printed, size, first):
    bar = "\r 50%|#####     | 21/42 [00:02<00:02, 9.1it/s]\r100%|##########| 42/42 [00:04<00:00, 9.1it/s]\n"
    losses = [round(9 / e, 4) for e in range(1, 25)]
    rows = (printed.format(e=e, x=x, y=x + 1, bar=bar) for e, x in enumerate(losses, first))
    text = ("loading\n" + "".join(rows)).encode()
    parsed = parse(text, range(size, len(text), size))
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == list(range(first, first + 24))


def test_a_record_without_the_spaces_of_a_bar_that_was_cleared_is_of_its_epoch():
    losses = [round(9 / e, 4) for e in range(1, 13)]
    rows = [
        f"Epoch {e}\n{'' if e == 11 else ' ' * 60}Train loss: {x}\nTest loss: {x + 1}\nthe text it made\n"
        for e, x in enumerate(losses)
    ]
    parsed = parse("".join(rows).encode())
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == list(range(12))


@pytest.mark.parametrize("epochs", [2, 3])
@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("=== Round {r} ===", "[Client {c}] Epoch {e} - Loss: {x:.3f} - Acc: 52.5%"),
        ("Round {r}/7", "[Client {c}] Epoch {e}: loss={x:.3f}"),
        ("--- Communication Round {r} ---", "Client {c}, Local Epoch {e}/3, Loss: {x:.3f}"),
        ("Global round: {r}", "Epoch {e} - client {c} - train loss: {x:.3f}"),
        ("=== Round {r} ===", "[Client {c}] loss: {x:.3f}"),
    ],
)
def test_the_step_of_clients_that_train_for_epochs_of_their_own_is_the_round(heading, row, epochs):
    rows, rounds, losses = [], [], []
    for r in range(1, 8):
        rows.append(heading.format(r=r))
        for c in range(3):
            for e in range(1, epochs + 1):
                losses.append(round(4 / r + c / e, 3))
                rows.append(row.format(c=c, e=e, x=losses[-1]))
        rounds += [r] * 3 * epochs
        rows.append(f"Round {r} aggregation done.")
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == rounds
    assert parsed.column("train/loss").tolist() == losses


def test_the_step_of_many_batches_within_an_episode_may_be_that():
    rows = [
        f"2030-01-02 03:04:05,678 INFO Episode {n // 40} Step {n % 40} {value}"
        for n in range(200)
        for value in (f"reward: -{n % 7}.5, done: False", f"batch loss: {9 / (n + 1):.4f}")
    ]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("train/loss").tolist() == [float(f"{9 / (n + 1):.4f}") for n in range(200)]
    assert parsed.column("step").tolist() == [n // 40 for n in range(200)]


@pytest.mark.parametrize(("length", "epoch_steps"), [("93", 93), ("{all}", 80)])
def test_a_line_below_its_batches_may_show_how_long_an_epoch_was(length, epoch_steps):
    rows, steps = [], []
    for epoch in range(1, 7):
        rows += [f"\titers: {20 * b}, epoch: {epoch} | loss: {3 / (epoch + b / 5):.4f}" for b in range(1, 5)]
        steps += [epoch_steps * (epoch - 1) + 20 * b for b in range(1, 5)]
        many = length.format(all=500 * epoch)
        rows.append(f"Epoch: {epoch}, Steps: {many} | Train Loss: {3 / epoch:.4f} Vali Loss: {4 / epoch:.4f}")
    data = "\n".join([*rows, ""]).encode()
    parsed = parse(data)
    parse(data, range(50, len(data), 97)).same_as(parsed)
    assert parsed.column("step").tolist() == steps
