"""More layouts of home-made logs: leaders of dots, frames that are printed again and again, sections by epoch."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL, TRAIN

from .logs import parse

STEPS = list(range(1, 21))
LOSSES = [round(3 / i, 4) for i in STEPS]
VALS = [round(4 / i, 4) for i in STEPS]

ONE_LINE = {
    "short parts": "[07:00:{i:02d}] E{i:03d} tr_loss={x} va_loss={y} tr_acc=0.5{i} va_acc=0.4{i}",
    "part behind": "epoch {i} loss_tr {x} loss_vl {y}",
    "bare val": "epoch\t{i}\tloss\t{x}\tval\t{y}",
    "evaluation of a script": "step {i}: train loss {x}, val loss {y}",
    "frame": "   epoch  train_loss  val_loss\n0  {i:5}   {x:.4f}   {y:.4f}",
}
BLOCK = {
    "leaders": "** Epoch {i} **\n train loss ...... {x}\n val loss ........ {y}\n time ............ 1{i}.2s",
    "same lines": "Epoch {i} - Training\nloss: {x}, acc: 0.5\nEpoch {i} - Validation\nloss: {y}, acc: 0.4",
}


def _log(line: str) -> bytes:
    rows = (line.format(i=i, x=x, y=y) for i, x, y in zip(STEPS, LOSSES, VALS, strict=True))
    return "\n".join([*rows, ""]).encode()


@pytest.mark.parametrize("name", ONE_LINE)
def test_step_and_both_losses_of_one_record(name):
    parsed = parse(_log(ONE_LINE[name]))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


@pytest.mark.parametrize("name", BLOCK)
def test_step_and_both_losses_below_a_heading(name):
    parsed = parse(_log(BLOCK[name]))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize("line", ["epoch {e} val loss {y}", "\tVal. Loss: {y} | Val. PPL: 3{e}.1"])
def test_validation_between_batches(line):
    rows = []
    for e in range(1, 4):
        rows += [f"epoch {e} iter {b} loss {3 - b / 100 - e / 10}" for b in range(0, 100, 10)]
        rows.append(line.format(e=e, y=VALS[e]))
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == [*range(0, 300, 10)]
    assert parsed.column("val/loss", EVAL).tolist() == VALS[1:4]


def test_evaluations_before_the_lines_of_their_format_stay_evaluations():
    rows = ["step 0: train loss 4.2, val loss 4.3"]
    rows += [f"iter {i}: loss {x}, time 12.5ms, mfu 5.00%" for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("val/loss", EVAL).tolist() == [4.3]


def test_progress_that_is_reported_in_percent_only_is_no_step():
    parsed = parse(
        "\n".join(f"Progress: {4 * i}% done, loss {x}" for i, x in zip(STEPS, LOSSES, strict=True)).encode()
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert len(parsed.column("step")) == 0


@pytest.mark.parametrize("head", ["epoch loss", "step;loss", "# iter loss"])
def test_a_table_of_two_columns_below_other_text(head):
    gap = ";" if ";" in head else " "
    rows = ["Number of parameters: 11", head, *(f"{i}{gap}{x}" for i, x in zip(STEPS, LOSSES, strict=True))]
    parsed = parse("\n".join([*rows, "done", ""]).encode())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_pair_of_words_heads_no_table_of_sentences():
    parsed = parse(b"epoch loss\n" + b"".join(b"%d apples %d\n" % (i, i) for i in STEPS))
    assert parsed.format is None


@pytest.mark.parametrize("also", ["", "Val Loss: {x}, Acc: 0.4\n"])
def test_the_loss_of_test_data_is_that_of_validation_if_there_is_no_other(also):
    line = "epoch: {i}, train loss: {x}, train acc: 0.11\n" + also + "Test Loss: {y}, Acc: 0.4\n***"
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("val/loss", EVAL).tolist() == (LOSSES if also else VALS)


def test_what_is_repeated_below_a_record_is_no_evaluation():
    parsed = parse(_log("Epoch {i} - Train Loss: {x}, Val Loss: {y}\n  \u4fdd\u5b58 (val_loss={y})"))
    assert parsed.column("val/loss").tolist() == VALS
    assert len(parsed.column("val/loss", EVAL)) == 0


RATE = {
    "below": "10:00:{i:02d} - Epoch {i}/20, Train Loss: {x}\n10:00:{i:02d} - Current learning rate: {r}",
    "among others": "iter {i} || A_loss: {x} || \nall:2{i}.50  small:1{i}.50 lr:{r}",
    "above, and validation": "new lr {r}\nEpoch {i}/20, Train Loss: {x}\nEpoch {i}/20, Val Loss: {x}",
    "in a heading": "[10:00:{i:02d}] Epoch {i}, lr={r}\n[10:00:{i:02d}] Loss:{x}   TrainAcc:0.5",
}


@pytest.mark.parametrize("name", RATE)
def test_the_learning_rate_on_a_line_next_to_its_record(name):
    rows = [RATE[name].format(i=i, x=x, r=i / 1e3) for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == STEPS
    kind = TRAIN if name == "in a heading" else EVAL
    assert parsed.column("train/learning_rate", kind).tolist() == [i / 1e3 for i in STEPS]
    assert not any("all" in names for _, _, names in parsed.tables)


def test_the_setting_of_each_of_several_launches_is_no_learning_rate_of_its_records():
    runs = ["lr: 0.1\n" + "".join(f"epoch {i} loss {x}\n" for i, x in zip(STEPS, LOSSES, strict=True))] * 4
    parsed = parse("".join(runs).encode())
    assert parsed.column("step").tolist() == STEPS * 4
    assert not any("train/learning_rate" in names for _, _, names in parsed.tables)
