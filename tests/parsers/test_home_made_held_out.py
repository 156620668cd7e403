"""Scores of held-out data in home-made loops: below headings, on lines of their own, of test data alone."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

N = 30
LOSSES = [round(3 / (i + 1), 4) for i in range(N)]


def _lines(line: str) -> bytes:
    """Return N lines, or groups of lines."""
    return "".join(
        line.format(i=i, step=i + 1, loss=loss, val=f"{loss + 0.5:.4f}", acc=i + 10)
        for i, loss in enumerate(LOSSES)
    ).encode()


VALS = [float(f"{loss + 0.5:.4f}") for loss in LOSSES]


@pytest.mark.parametrize("head", ["Validating...", "Eval begin...", "--- Start evaluation ---"])
@pytest.mark.parametrize(
    "line", ["Epoch {0} [{1}/{2}] loss: {3}\n", "epoch {0} batch {1}/{2} loss {3} lr 0.1\n"]
)
def test_batches_below_a_heading_of_validation_that_count_to_another_end(head, line):
    text, train, val = "", [], []
    for epoch in range(1, 7):
        for batch in range(1, 31):
            train.append(3 / epoch + batch / 100)
            text += line.format(epoch, batch, 30, train[-1])
        text += head + "\n"
        for batch in range(1, 6):
            val.append(4 / epoch + batch / 100)
            text += line.format(epoch, batch, 5, val[-1])
    parsed = parse(text.encode(), [1000, 2500])
    assert parsed.column("train/loss").tolist() == train
    assert parsed.column("step").tolist() == list(range(1, 181))
    assert parsed.column("val/loss", EVAL).tolist() == val


def test_batches_below_a_heading_that_nothing_is_validated_below_are_of_training():
    text = "".join(
        f"Epoch {epoch} [{batch}/{30 + 10 * (epoch > 3)}] loss: {3 / epoch}\n"
        + "Validating...\n" * (batch == 30)
        for epoch in range(1, 7)
        for batch in range(1, 31)
    )
    assert len(parse(text.encode()).column("train/loss")) == 180


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("epoch {i} train loss: {loss} test acc: {val}", "val/acc"),
        ("epoch {i}, loss {loss}, train acc 0.5, test accuracy {val}", "val/accuracy"),
        ("Epoch: {i}, Loss: {loss}, Train: 0.5, Val: {val}, Test: 0.75", "val/score"),
        ("Epoch: {i}, Loss: {loss}, Train: 0.5, Test: {val}", "val/score"),
    ],
)
def test_scores_of_the_only_held_out_data_are_of_validation(line, metric):
    parsed = parse(_lines(f"{line}\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(metric).tolist() == VALS


def test_scores_of_test_data_keep_their_name_next_to_those_of_validation():
    parsed = parse(_lines("epoch {i} loss: {loss} val acc: {val} test acc: 0.5\n"))
    assert parsed.column("val/acc").tolist() == VALS
    assert parsed.column("test acc").tolist() == [0.5] * len(VALS)


def test_scores_of_test_data_on_lines_of_their_own_are_of_validation():
    parsed = parse(_lines("epoch {i} train loss: {loss}\nTest accuracy: {val}\n"))
    assert parsed.column("val/accuracy", "eval").tolist() == VALS


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("Epoch #{step}: test_reward: {val}, best_reward: 1.5 in #1", "val/reward"),
        (
            "epoch:{step}, time: 12.5(s), valid (NDCG@10: {val}, HR@10: 0.7), test (NDCG@10: 0.5, HR@10: 0.6)",
            "val/NDCG@10",
        ),
    ],
)
def test_epochs_may_show_nothing_but_how_good_they_were_on_held_out_data(line, metric):
    parsed = parse(_lines(f"{line}\n"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column(metric).tolist() == VALS


def test_a_share_of_validation_that_is_done_is_no_loss():
    parsed = parse(_lines("=== epoch {step} ===\ntrain: 100%, loss {loss}\nvalid: 100%, loss {val}\n"))
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_the_only_loss_of_held_out_data_is_that_of_validation_whatever_it_is_called():
    line = "Epoch {step} phase {split} loss {x} acc 0.5\n"
    train = line.replace("{split}", "train").replace("{x}", "{loss}")
    parsed = parse(_lines(train + line.replace("{split}", "val").replace("{x}", "{val}")))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize("heading", ["{} measures:", "{}:", "{} set results", "*** {} metrics ***"])
def test_the_same_names_below_headings_of_parts_of_the_data(heading):
    block = "Epoch {i}\n" + heading.format("Training") + "\n  loss = {loss}, accuracy = 0.{acc}\n"
    parsed = parse(_lines(block + heading.format("Validation") + "\n  accuracy = 0.{acc}5, F1 = 0.25\n"))
    assert parsed.column("accuracy").tolist() == [float(f"0.{i + 10}") for i in range(N)]
    assert parsed.column("val/accuracy", EVAL).tolist() == [float(f"0.{i + 10}5") for i in range(N)]
