"""Where a known format begins, what was learnt gives way; else it stays."""

from __future__ import annotations

import pytest

from .logs import parse
from .templates import LOGS, log


def test_a_known_format_wins():
    text = b"step 1/9 (1.00%) | loss: 1.0\n" * 30
    assert parse(text).format == "nanochat"


def test_a_known_format_wins_after_another_was_learned():
    text = log(LOGS["colons"]) + b"step 1/9 (1.00%) | loss: 1.0\n" * 3
    parsed = parse(text)
    assert parsed.format == "nanochat"
    assert len(parsed.column("step")) == 63


def test_what_was_kept_is_dropped_with_a_known_format():
    text = b"".join(b"upd %d xloss 2.5\n" % i for i in range(9)) + b"step 1/9 (1.00%) | loss: 1.0\n" * 3
    parsed = parse(text)
    assert (parsed.format, parsed.unparsed) == ("nanochat", 9)
    assert len(parsed.column("step")) == 3


def test_a_weak_format_without_a_loss_gives_way_to_lines_that_show_it():
    engine = "[2030-01-02 03:04:05,678] [INFO] [logging.py:107:log_dist] [Rank 0] step={i}, skipped=0, lr=[2e-05], mom=[(0.9, 0.999)]"
    lines = []
    for i in range(60):
        lines += [engine.format(i=i), f"[Step {i}/100] Loss: {9 / (i + 1):.4f} | Tokens/s: 92.5"]
    parsed = parse("\n".join(lines).encode())
    assert (parsed.format, len(parsed.column("train/loss"))) == ("learned", 60)
    alone = parse("\n".join(lines[::2]).encode())
    assert (alone.format, len(alone.column("step"))) == ("deepspeed", 60)


HEADLINES = {
    "Epoch 3/30, as of Keras": "Epoch {epoch}/30\nloss: {loss:.4f} acc: 0.5\n",
    "Epoch: 3, as of epoch blocks": "Epoch: {epoch}\nmean loss = {loss:.4f}, acc = 0.5\n",
    "under rules, as of a box": "--------------------\nEpoch {epoch}\n--------------------\navg loss: {loss:.4f}\n",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_headlines_that_a_known_format_may_have_are_learned_from_too(name):
    text = "".join(HEADLINES[name].format(epoch=epoch, loss=9 / epoch) for epoch in range(1, 31)).encode()
    parsed = parse(text)
    assert parsed.format == "learned"
    assert parsed.column("step").tolist() == list(range(1, 31))
    assert len(parsed.column("train/loss")) == 30
    parse(text, [100, 333, 700]).same_as(parsed)


def test_a_later_stage_with_another_head_is_read_as_another_kind_of_line():
    text = b"".join(b"[pretrain] iter %d/500 loss=%d.5 lr=0.1\n" % (i, i) for i in range(40))
    text += b"".join(b"[finetune] iter %d/300 loss=%d.25 lr=0.1 kl=0.5\n" % (i, i) for i in range(20))
    text += b"[best] iter 17/300 loss=3.25 lr=0.1\n"
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [*range(40), *range(20)]
    assert parsed.column("train/loss").tolist() == [
        *(i + 0.5 for i in range(40)),
        *(i + 0.25 for i in range(20)),
    ]
    assert len({pattern for _, pattern, _ in parsed.tables}) == 2


def test_means_of_epochs_alone_are_no_evaluations_of_a_known_format():
    text = b"".join(
        b"Epoch %d - avg_train_loss: 0.%d  avg_val_loss: 0.%d  time: 20s\nEpoch %d - Score: 0.5\n"
        % (i, i, i, i)
        for i in range(1, 10)
    )
    parsed = parse(text)
    assert parsed.format == "learned"
    assert parsed.column("train/loss").tolist() == [i / 10 for i in range(1, 10)]
