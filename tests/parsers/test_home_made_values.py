"""Values of home-made loops that a name alone does not show: where they are, and what is next to them."""

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


def test_a_count_behind_a_score_is_no_place():
    scores = "Loss: {} | Acc: {{acc}}.000% ({{acc}}00/10000)\n"
    text = _lines("Epoch: {i}\n" + scores.format("{loss}") + "Test results:\n" + scores.format("{val}"))
    parsed = parse(text)
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("Accuracy on Test-Set: {acc}.00% ({acc}00 / 10000)", "Accuracy on Test-Set"),
        (" * Prec@1 0.{acc}", "val/Prec@1"),
        (
            "------ Training Accuracy ------\ntraining accuracy (12.5%)\n\n------ Validation Accuracy ------\n"
            "predicted 74335 out of 4672\naccuracy = 0.{acc}\n------",
            "val/accuracy",
        ),
    ],
)
def test_what_a_line_below_says_of_an_evaluation(below, name):
    parsed = parse(_lines("Step {step} loss {loss} lr 0.1\n" + below + "\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(name, EVAL).tolist() == [float(f"0.{i + 10}") for i in range(N)]


def test_losses_named_by_their_part_of_the_data_next_to_a_score_of_another_name():
    line = "[Epoch {step}]  Train={loss}  Val={val}  MAE={val}  R2=0.{acc}\n"
    parsed = parse(_lines(line))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS
    rising = parse(_lines(line.replace("Train={loss}", "Train=0.{acc}")))
    assert not rising.column("train/loss").size
    named = parse(_lines(line.replace("MAE", "loss")))
    assert named.column("train/loss").tolist() == VALS


def test_the_total_of_parts_of_a_loss_that_nothing_else_names():
    parsed = parse(_lines("[Adam] ep= {i}  total={loss}  PDE={val} [colloc=1.0e-03, cfd=2.5e-01] (w=0.3)\n"))
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "line",
    [
        "{i}m {step}s (- 3m {step}s) ({step}000 {acc}%) {loss}\n",
        "{step}000 {acc}% ({i}m {step}s) {loss} Horigome / Japanese X (Arabic)\n",
        "INFO--->2030-01-02 03:04:{acc},678--->0m {step}s ({step}000 {acc}%) {loss}\n",
        "epoch {step}000: {loss}\n",
    ],
)
def test_a_number_behind_a_place_that_falls_is_the_loss(line):
    parsed = parse(_lines(line))
    assert parsed.column("step").tolist() == [1000 * (i + 1) for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES
    rising = parse(_lines(line.replace("{loss}", "0.{acc}")))
    assert not rising.column("train/loss").size
