"""Records of several lines, boxes and tables are learnt."""

from __future__ import annotations

import pytest

from runwatch.parsers.inference.tables import Header, TableMatcher

from .logs import parse

BOX = """-----------------------------
| rollout/      |           |
|    ep_rew_mean| {reward}   |
| time/         |           |
|    fps        | 941       |
|    total_timesteps | {step} |
| train/        |           |
|    loss       | {loss}    |
-----------------------------
"""


def test_boxes_of_names_and_values():
    text = "".join(BOX.format(reward=-100 + i, step=2048 * i, loss=5 / i) for i in range(1, 21)).encode()
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [2048 * i for i in range(1, 21)]
    assert parsed.column("train/loss", "eval").tolist() == [5 / i for i in range(1, 21)]
    assert len(parsed.column("fps", "eval")) == 20


def test_blocks_of_lines():
    text = "".join(
        f"Epoch: {i}/20\nTime: 3.5s - LR: 1e-4\nTrain Loss: {5 / i} - Train PPL: 3.5\n----\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("total").tolist() == [20] * 20
    assert parsed.column("train/loss").tolist() == [5 / i for i in range(1, 21)]


@pytest.mark.parametrize(
    "heading",
    [
        "Epoch {i} took 12.5s",
        "Starting epoch {i}...",
        "Epoch {i}: 128 batches, 8192 samples",
        "Epoch {i}/20, lr: 0.0010",
        "Epoch-{i} lr: 0.0010",
        "batch i:{i}, episode_len:28",
        "trainer: epoch {i} begins",
    ],
)
def test_headings_that_show_more_than_their_place(heading):
    lines = []
    for i in range(1, 21):
        lines += [heading.format(i=i), f"  mean loss: {5 / i:.3f}", "  perplexity: 9.5"]
        lines += [f"trainer: epoch {i} ends"] * heading.endswith("begins")
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("train/loss", "").tolist() == [float(f"{5 / i:.3f}") for i in range(1, 21)]


def test_in_a_block_the_loss_is_that_of_training():
    text = "".join(
        f"epoch {i}\ntrain mean loss={5 / i:.3f}, accuracy=0.5\ntest  mean loss={6 / i:.3f}, accuracy=0.5\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("train/loss").tolist() == [float(f"{5 / i:.3f}") for i in range(1, 21)]


def test_a_block_below_its_step():
    lines = []
    for i in range(20):
        lines += [f"2030-01-02 03:04:05.678\tnode-03:0\ttrainer.train:990\tINFO\t[step={10 * i}/900,epoch=0]"]
        lines += [
            "    optim/total_grad_norm=0.5",
            f"    train/CrossEntropyLoss={5 / (i + 1):.3f}",
            "    train/Perplexity=9.5",
        ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [10 * i for i in range(20)]
    assert set(parsed.column("total")) == {900}
    assert parsed.column("train/loss", "eval").tolist() == [float(f"{5 / (i + 1):.3f}") for i in range(20)]


@pytest.mark.parametrize("gap", ["   ", " | ", "\t"])
def test_tables_under_a_header(gap):
    rows = [gap.join(["E", "#", "LOSS NER", "SCORE"]), gap.join(["---"] * 4)]
    rows += [gap.join([str(i // 2), str(200 * i), "2.5", f"0.{i}"]) for i in range(8)]
    parsed = parse("\n".join(rows).encode(), formats=())
    assert parsed.column("step").tolist() == [200 * i for i in range(8)]
    assert parsed.column("train/loss").tolist() == [2.5] * 8


def test_table_cells_that_are_no_plain_numbers():
    rows = ["epoch     train_loss  valid_loss  accuracy  lr     time    gpu_mem"]
    rows += [f"{i}         0.5{i}        0.6         91.5%     1e-3   00:1{i}   7.8G" for i in range(8)]
    rows[4] += "  <- best"
    parsed = parse("\n".join(rows).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(8))
    assert parsed.column("train/loss").tolist() == [float(f"0.5{i}") for i in range(8)]
    assert {names for _, _, names in parsed.tables} == {
        ("offset", "line", "step", "train/loss", "val/loss", "accuracy", "train/learning_rate", "gpu_mem")
    }


@pytest.mark.parametrize(
    "line", [b"1.5s " * 200, b"1 " * 32 + b"x1 " * 90, b"-" * 1000, b"1-" * 500, b"1:11 " * 200]
)
def test_hard_rows_cost_little(line):
    import time

    table = TableMatcher(Header((b"step", b"loss", *(b"column %d" % i for i in range(30)))))
    begun = time.process_time()
    assert table.match(line) is None
    assert time.process_time() - begun < 2


def test_whole_records_are_waited_for_where_blocks_would_do():
    text = b"".join(
        b"Starting epoch %d\nEpoch[%d] - Iter: [0/6]\tLoss 2.5\tlr 0.1\nTest:\tLoss 1.5\n" % (e, e)
        for e in range(20)
    )
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [6 * e for e in range(20)]
    assert parsed.column("train/loss").tolist() == [2.5] * 20


def test_blocks_whose_heading_shows_the_time():
    text = "".join(
        f"Saving latest model at the end of epoch {i}\nEnd of epoch {i} / 100 \t Time Taken: 16{i}.5 sec\n"
        f"Generator Loss: {9 / (i + 1):.4f}, Discriminator Loss: 2.5\nlearning rate = 0.0002\n"
        for i in range(20)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(20))
    assert set(parsed.column("total")) == {100}
    assert len(parsed.column("train/loss")) == 20


def test_blocks_below_a_bare_place():
    text = "".join(
        f" -- {10 * i:03d} / 2297 --\nmean loss: {9 / i:.4f}\naccuracy: 0.5\n" for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == [10 * i for i in range(1, 21)]
    assert parsed.column("train/loss", "eval").tolist() == [float(f"{9 / i:.4f}") for i in range(1, 21)]


def test_blocks_behind_a_stamp_without_dashes():
    text = "".join(
        f"20200204-20:{i:02d}:01 Train Epoch: {i}/70 ...\n20200204-20:{i:02d}:09     total_loss: {9 / i:.4f} time: 10m 8s\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("train/loss").tolist() == [float(f"{9 / i:.4f}") for i in range(1, 21)]


def test_a_score_that_is_counted_is_what_it_says_in_per_cent():
    text = "".join(
        f"Train Epoch: {i} [128/256 (50%)]\tLoss: {2 / i:.6f}\n\n"
        f"Test set: Average loss: {1 / i:.4f}, Accuracy: {200 + i}/256 ({78 + i}%)\n\n"
        for i in range(1, 9)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("val/Accuracy", "eval").tolist() == [(78 + i) / 100 for i in range(1, 9)]
    assert len(parsed.column("step")) == 8


def test_the_line_below_an_evaluation_that_begins_with_a_star():
    lines = []
    for epoch in range(6):
        lines += [
            f"Epoch: [{epoch}][{batch}/80]  Loss {5 / (8 * epoch + batch + 1):.4f}" for batch in range(8)
        ]
        lines += [f" * Prec@1 {46 + epoch}.865"]
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    assert parsed.column("val/Prec@1", "eval").tolist() == [46.865 + epoch for epoch in range(6)]
    assert len(parsed.column("train/loss")) == 48
