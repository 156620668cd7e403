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
