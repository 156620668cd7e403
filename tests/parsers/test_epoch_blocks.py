"""A line `Epoch 3` begins a block of a training log only where others confirm it."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

PROSE = (
    b"# Results\n\nEpoch 3\n\nTrain loss: 0.5 and val loss: 0.6\n\nEpoch 4\n\nTrain loss: 0.1\n",
    b"epoch: 3\nlr: 0.1\ntrain_loss: 0.5\nepoch: 10\nlr: 0.01\ntrain_loss: 0.25\n",
    b"Epoch 3 was the best of all.\nThe train loss: 2 was fine.\n",
    b"Epoch 3\nThe train loss is\ngiven here in\nTrain loss: 0.5\nEpoch 4\nwas better\nby far\nTrain loss: 0.25\n",
    b"Epoch 7\nVal loss: 0.5\n",
)
TUTORIAL = "Epoch {}/24\n----------\ntrain Loss: 0.6{} Acc: 0.7\nval Loss: 0.1{} Acc: 0.9\n\n"
NOTED = (
    "Epoch: {}/24\nTime Taken: 30.50s - LR: 9.75e-05\nTrain Loss: 0.6{} - Train Perplexity: 380.5\n"
    "Valid Loss: 0.1{} - Valid Perplexity: 366.5\n----\n"
)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_no_block(text):
    parsed = parse(text)
    assert parsed.format is None
    assert not parsed.tables


@pytest.mark.parametrize("block", [TUTORIAL, NOTED], ids=["tutorial", "noted"])
@pytest.mark.parametrize("epochs", [1, 2, 3, 30])
def test_blocks_are_read_from_the_first_epoch_on(block, epochs):
    parsed = parse("".join(block.format(i, i, i) for i in range(epochs)).encode())
    assert parsed.column("step").tolist() == list(range(epochs))
    assert parsed.column("total").tolist() == [24] * epochs
    assert parsed.column("train/loss").tolist() == [float(f"0.6{i}") for i in range(epochs)]
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"0.1{i}") for i in range(epochs)]
    if block is TUTORIAL:
        assert set(parsed.column("Acc").tolist()) == {0.7}
        assert set(parsed.column("val/Acc", EVAL).tolist()) == {0.9}


@pytest.mark.parametrize("rule", [b"", b"-----\n"])
@pytest.mark.parametrize("size", [1, 1000])
def test_blocks_that_follow_each_other_are(rule, size):
    text = b"".join(
        b"Epoch %d\n%strain_loss: 0.%d acc: 0.5\nval_loss: 0.%d\n\nwarning: slow\n" % (i, rule, i, i + 1)
        for i in range(3, 8)
    )
    parsed = parse(text, range(size, len(text), size))
    assert parsed.column("step").tolist() == [3, 4, 5, 6, 7]
    assert parsed.column("val/loss", EVAL).tolist() == [0.4, 0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize("held_out", [b"Validation", b"Test"])
def test_what_was_measured_on_held_out_data_is_no_number_of_training(held_out, size):
    text = b"".join(
        b"Epoch: %d\nTraining loss: 0.%d; Acc: 0.7\n%s loss: 0.%d; Acc: 0.5\n" % (i, i, held_out, i + 1)
        for i in range(1, 300)
    )
    parsed = parse(text, range(size, len(text), size))
    assert set(parsed.column("Acc").tolist()) == {0.7}
    assert set(parsed.column("val/Acc", EVAL).tolist()) == {0.5}
    assert len(parsed.column("val/loss", EVAL)) == len(parsed.column("train/loss")) == 299


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_an_epoch_is_reported_where_its_numbers_are_further_below(size):
    text = b"".join(
        b"Epoch %d\n%sTraining loss: 0.%d\nValidation loss: 0.%d\n"
        % (i, b"warning: slow\nwarning: slow\n" * (i in (0, 1, 5)), i, i + 1)
        for i in range(9)
    )
    parsed = parse(text, range(size, len(text), size))
    assert parsed.column("step").tolist() == list(range(9))
    assert parsed.column("train/loss").tolist() == [i / 10 for i in range(9)]
    assert parsed.column("val/loss", EVAL).tolist() == [i / 10 for i in range(1, 10)]


def test_batches_below_the_headings_are_one_growing_step():
    text = b"".join(
        b"Epoch %d/4\n" % e
        + b"".join(b"  Batch %d, Loss: %d.5\n" % (50 * i, i + 1) for i in range(15))
        + b"Train Loss: 0.%d, Val Loss: 0.%d\n\n" % (e, e + 1)
        for e in range(1, 5)
    )
    parsed = parse(text)
    assert parsed.column("step").tolist() == [750 * e + 50 * i for e in range(4) for i in range(15)]
    assert parsed.column("val/loss", EVAL).tolist() == [0.2, 0.3, 0.4, 0.5]
