"""Lines that show no place but how far training is, in per cent or in epochs, next to a loss."""

from __future__ import annotations

import pytest

from .logs import parse

LINES = {
    "a share": "({share}%) Loss:{loss} | weight_decay:0.01",
    "a share by name": 'log: {{"done_pct": {share}, "train_loss": {loss}}}',
    "an epoch": "progress: epoch={epoch} | loss={loss} | mem_reserved_gib=41.0 | ||g||={norm}",
    "a stamp": "ts=2030-01-02T03:04:05Z lvl=INFO event=train_step share_pct={share} loss={loss} acc={norm}",
    "a pace": "progress {share}% | loss/train {loss}, grads/l2 {norm}, perf/sec_per_iter 3.25",
}


@pytest.mark.parametrize("line", LINES)
def test_such_lines_are_training(line):
    losses = [round(4.0 - i / 32 + (i % 3) / 8, 4) for i in range(60)]
    text = "".join(
        LINES[line].format(
            share=round(1.3 * i + 1, 1), epoch=f"{i / 40:.2f}", loss=loss, norm=f"{0.5 + i / 64:.3f}"
        )
        + "\n"
        for i, loss in enumerate(losses)
    )
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == losses


@pytest.mark.parametrize("other", ["count={n}", "queue={n}.5"])
def test_a_loss_next_to_other_numbers_is_none(other):
    text = "".join(f"packet loss={4 - i / 16} {other.format(n=i * i % 17)}\n" for i in range(60))
    assert not parse(text.encode()).tables


AMOUNTS = {
    "before": "tokens {n:.2f}M/90.00M | loss {loss}",
    "behind": "{n:.2f}M / 90.00M tokens   loss -> {loss}",
    "by itself": "{n:.2f}M tokens; avg_loss : {loss}",
    "by name": "num_tokens={n:.2f}M/90.00M, train_xent={loss}",
}


@pytest.mark.parametrize("line", AMOUNTS)
def test_amounts_of_what_was_consumed_are_the_place(line):
    losses = [round(4.0 - i / 32, 4) for i in range(60)]
    text = "".join(AMOUNTS[line].format(n=1.25 * (i + 1), loss=loss) + "\n" for i, loss in enumerate(losses))
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == [1.25e6 * (i + 1) for i in range(60)]
    totals = {
        value for kind, name, names in parsed.tables if "total" in names for value in parsed.column("total")
    }
    assert totals == ({9e7} if "90" in AMOUNTS[line] else set())


def test_a_validation_by_epochs_next_to_how_many_are_planned():
    lines = []
    for epoch in range(1, 7):
        lines += [
            f"level=info event=train_step epoch={epoch} total_epochs=6 batch_num={b} loss={5 - (epoch * 60 + b) / 128}"
            for b in range(0, 60, 6)
        ]
        lines += [f'level=info msg="validation" epoch={epoch} total_epochs=6 avg_val_loss={4.5 - epoch / 4}']
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert parsed.column("val/loss", "eval").tolist() == [4.5 - epoch / 4 for epoch in range(1, 7)]


def test_the_loss_on_a_part_of_the_data():
    lines = []
    for step in range(10, 410, 10):
        lines += [f"Step {step}: loss fell to {5 - step / 128} and learning rate 0.002."]
        lines += [f"Step {step}: the loss on the validation set is {5 - step / 256}."] * (step % 100 == 0)
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert parsed.column("val/loss", "eval").tolist() == [5 - step / 256 for step in range(100, 410, 100)]


def test_openmmlab_behind_a_stamp_in_brackets():
    text = "".join(
        f"[2030-01-02 03:04:{i:02d}] Iter(train) [{20 * i:4d}/1800]  lr: 1.0e-03  time: 0.25  loss: {5 - i / 16}\n"
        for i in range(1, 50)
    )
    assert len(parse(text.encode()).column("train/loss")) == 49
