"""Lines as many authors print them are learnt: pairs, sections, rounds, batches that begin anew, lists."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

LOSSES = [round(3 / (i + 1), 4) for i in range(30)]
STEPS = list(range(1, 31))

LINES = {
    "pair": "Epoch {i}: train/val loss: {x}/{y}, acc: 0.5{i}/0.4{i}",
    "pair, named behind": "Epoch {i} | loss (train/val): {x} / {y}",
    "pair of scores": "Epoch {i} train (loss/acc): {x}/0.7{i}",
    "one name for two": "Epoch {i} LOSS train {x} valid {y}",
    "glued": "EPOCH[{i}/30] loss{x}-|Sample:1.{i}|",
    "dotted": "Ep.{i:03d} Loss {x} Val {y}",
    "hashed": "#{i:04d}: loss={x}, t=0.{i}s",
    "over": "Mean loss over epoch {i}: {x} (took 12.{i}s)",
    "after": "Training loss after {i} epochs = {x}",
    "angled": "<{i}> train_loss={x}; lr=1e-3",
    "syslog": "Jan 07 10:00:{i:02d} node12 train[2211]: epoch={i} loss={x}",
    "array": "epoch={i}, {{'loss': Array({x}, dtype=float32), 'acc': Array(0.5{i}, dtype=float32)}}",
    "round": "Round {i}\nTrain loss: {x}, Test acc: 0.5{i}",
    "clients": "--- Round {i} ---\n[client 1] loss 0.{i}\n[client 2] loss 0.{i}\nGlobal loss: {x} | acc: 0.5",
    "in brackets": "2030_01_02_03_04_05 [Epoch] {i:03d} [Loss] loss_a 0.5 loss_b 1.{i} loss_overall {x}",
    "counted sets": "# of sets = 12\nEpoch [{i}/30], Loss: {x}",
    "semicolons": "{i};{x};{y}",
    "drawn box": "║ {i:>5} ║ {x} ║ {y} ║",
}
HEADS = {"semicolons": "epoch;loss;val_loss", "drawn box": "║ Epoch ║ Loss ║ Val Loss ║"}


def _log(line: str, head: str = "") -> bytes:
    rows = [line.format(i=i, x=x, y=x + 1) for i, x in zip(STEPS, LOSSES, strict=True)]
    return "\n".join([*filter(None, [head]), *rows, ""]).encode()


@pytest.mark.parametrize("name", LINES)
def test_step_and_loss_of_home_made_lines(name):
    parsed = parse(_log(LINES[name], HEADS.get(name, "")), formats=())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


def test_the_second_of_a_pair_is_of_validation():
    parsed = parse(_log(LINES["pair"]), formats=())
    assert parsed.column("val/loss").tolist() == [x + 1 for x in LOSSES]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Iter {step} | critic {x} | gen {y}", "critic"),
        ("Iteration #{step}  E = {x}", "E"),
        ("Generation {i}/30 - Best: {x} - Std: 0.{i}", "Best"),
    ],
)
def test_steady_measures_need_no_known_name(line, name):
    rows = [line.format(i=i, step=50 * i, x=x, y=x + 1) for i, x in zip(STEPS, LOSSES, strict=True)]
    assert parse("\n".join([*rows, ""]).encode(), formats=()).column(name).tolist() == LOSSES


@pytest.mark.parametrize(
    "line", ["Step {step} took {x} s", "Iteration {step}: {x} ms/op", "step {odd} size {x}"]
)
def test_times_and_uneven_counts_alone_are_no_training(line):
    rows = [line.format(step=i, odd=i * i, x=x) for i, x in zip(STEPS, LOSSES, strict=True)]
    assert parse("\n".join([*rows, ""]).encode()).format is None


SECTIONED = (
    "*** Epoch {i} ***\nTraining:\n  loss: {x}\nValidation:\n  loss: {y}\n",
    "Epoch {i}/30\nPhase: train\nLoss: {x}\nPhase: val\nLoss: {y}\n",
    "[INFO] Epoch {i}/30\n[INFO] train results\n[INFO] loss = {x}\n[INFO] test results\n[INFO] loss = {y}\n",
    "[INFO] Epoch {i}/30\nTraining\nValidation\nTraining loss: {x}\nValidation loss: {y}\n",
    "Train epoch: {i}\n  loss: {x}\nEval epoch: {i}\n  loss: {y}\n",
    "[Epoch: {i}, images: 1464]\nLoss: {x}\nValidation:\n[Epoch: {i}, images: 449]\nmIoU: 0.5\nLoss: {y}\n",
    "Epoch: {i}\n  TRAIN    100/1680  200/1680\n\tLoss: {x}\n  DEV    100/390  200/390\n\tLoss: {y}\n",
)


@pytest.mark.parametrize("block", SECTIONED)
def test_a_section_says_what_its_lines_are_about(block):
    parsed = parse(_log(block), formats=())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == [x + 1 for x in LOSSES]


def test_sections_are_the_same_line_by_line():
    text = b"some preamble\n" * 3000 + _log(SECTIONED[0])  # longer than what is passed over at once
    parse(text).same_as(parse(text, bulk=False))


def test_batches_that_begin_again_at_their_end_continue():
    line = "Batch {b}/200, loss: {x}\n"
    text = "".join(line.format(b=20 * (i % 10 + 1), x=x) for i, x in enumerate(LOSSES))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == [20 * (i + 1) for i in range(30)]
    assert parsed.column("total").tolist() == [200.0 * (i // 10 + 1) for i in range(30)]


def test_batches_that_begin_again_before_their_end_are_another_run():
    places = [20 * (i % 10 + 1) for i in range(25)] + [20, 40, 60, 80]
    text = "".join(f"Batch {b}/200, loss: {i}.5\n" for i, b in enumerate(places))
    assert parse(text.encode(), formats=()).column("step").tolist()[-5:] == [500, 20, 40, 60, 80]


def test_epochs_that_begin_again_do_not_continue():
    text = "".join(f"Epoch {i % 10 + 1}/10 loss {i}.5\n" for i in range(30))
    assert parse(text.encode(), formats=()).column("step").tolist() == [i % 10 + 1 for i in range(30)]


def test_the_line_of_a_program_is_no_place():
    stamp = "2030-01-02 03:04:05.678 | INFO     | __main__:main:{line} - "
    rows = [stamp.format(line=60 + i) + f"Untrained loss: {x}\n" for i, x in enumerate(LOSSES[:8])]
    assert parse("".join(rows).encode(), formats=()).format is None


def test_all_lines_of_a_block_are_learned():
    block = (
        "Epoch {i}/30\nTRAINING:\nRecon Loss_a: 0.{i} | KL Loss: 0.5{i}\nTotal Training Loss: {x}\n"
        "VALIDATION:\nRecon Loss_b: 0.{i} | KL Loss: 0.5{i}\nGenerator Loss: 0.0 | Discriminator Loss: 0.{i}\n"
        "Total Validation Loss: 1.{i}\nValidation loss improved from 2.0 to 1.{i}. Saving model...\n"
    )
    rows = [block.format(i=i, x=x) for i, x in zip(STEPS, LOSSES, strict=True)]
    parsed = parse("".join(rows).encode(), formats=())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


@pytest.mark.parametrize(
    "line",
    [
        "{i}  MSError={x}, MSTestError=2.5, |G|=1{i}.5",
        "{i}/40 batch error is : {x}",
        "Epoch {i}: reconstruction error = {x}",
        "step {i} - mean squared error: {x}",
    ],
)
def test_errors_that_are_losses(line):
    losses = [round(3 / i, 4) for i in range(1, 41)]
    rows = [line.format(i=i, x=x) for i, x in enumerate(losses, 1)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == [*range(1, 41)]
    assert parsed.column("train/loss").tolist() == losses


@pytest.mark.parametrize("line", ["epoch {i} batch error: {x}%", "epoch {i} train error: {x}"])
def test_shares_of_what_was_guessed_wrong_are_no_losses(line):
    rows = [line.format(i=i, x=round(30 / i, 4)) for i in range(1, 41)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert not any("train/loss" in names for _, _, names in parsed.tables)


def _epochs(line: str) -> bytes:
    return "".join(line.format(i=i, x=x, y=x + 1) for i, x in zip(STEPS, LOSSES, strict=True)).encode()


@pytest.mark.parametrize("end", ["[BEST]", "(no improve 3/10)", "(early stopping: 3/10)", "[patience 3/10]"])
def test_what_waits_for_an_improvement_is_no_counter(end):
    parsed = parse(_epochs("Epoch {i:03d}: train={x}, val={y}, ppl=1.{i} " + end + "\n"), formats=())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [x + 1 for x in LOSSES]


def test_next_to_a_loss_train_and_val_are_other_scores():
    parsed = parse(_epochs("Done epoch {i} / 60: cost {x}, train: 0.9{i}, val 0.7{i}, lr 1e-4\n"), formats=())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert not parsed.column("val/loss").tolist()


def test_the_whole_loss_is_the_record_and_its_parts_are_next_to_it():
    lines = " {i}    0 /  320 whole_loss = {x}\n {i}    0 /  320 L1_loss = 0.{i}\n"
    lines += " {i}    0 /  320 SSIM_loss = 0.1{i}\n\n"
    assert parse(_epochs(lines), formats=()).column("train/loss").tolist() == LOSSES


def test_a_copula_belongs_to_no_name_and_batches_join_epochs():
    line = "Epoch is [{e}/600], mini-batch is [{b}/4], batch_loss is {e}.{b}\n"
    text = "".join(line.format(e=e, b=b) for e in range(1, 6) for b in range(1, 5))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("total").tolist() == [2400] * 20


def test_blocks_count_within_the_first_epoch_that_they_show():
    block = "| epoch {e:3d} | {b:5d}/ 100 batches |\ng_loss0: 2.4{b} w_loss: 1.7 kl_loss: 2.5\n"
    text = "".join(block.format(e=e, b=b) for e in (7, 8) for b in range(0, 100, 10))
    assert parse(text.encode(), formats=()).column("step").tolist() == list(range(600, 800, 10))


def test_losses_glued_to_a_bar_are_read():
    bar = "Epoch {i} /30:   0%|          | {i}/30 [01:35<6:35:47, 95.37s/it]"
    text = _epochs("\r" + bar + "L_adv:0.7{i},L_con:0.3,L_total:{x},disc_loss0.03\n")
    assert parse(text).column("train/loss").tolist() == LOSSES


def test_reports_of_classes_are_no_training():
    row = "{{'a': {{'precision': 0.{i}, 'recall': 0.6, 'f1-score': {x}, 'support': 42}}, 'accuracy': {x}}}\n"
    assert parse(_epochs("SVM accuracy:  7{i}.2\n" + row)).format is None


def test_a_letter_distinguishes_training_from_validation():
    row = "[INFO] - Epoch {i}:  t_loss: {x}   t_kl: 1.{i}e+01   v_loss: {y}   v_kl: 1.{i}e+01\n"
    parsed = parse(_epochs(row), formats=())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [x + 1 for x in LOSSES]
    assert parsed.column("val/kl").size == len(STEPS)


def test_a_value_loss_is_not_one_of_validation():
    parsed = parse(_epochs("Update {i}: pg_loss={x}, v_loss={y}\n"), formats=())
    assert not parsed.column("val/loss").size


def test_a_name_may_end_with_a_number_behind_an_at_sign():
    parsed = parse(_epochs("Epoch {i}/30 | loss={x} | R@1=2{i}.5/24.1 mR=39.8\n"), formats=())
    assert parsed.column("R@1").tolist() == [float(f"2{i}.5") for i in STEPS]


def test_glued_batches_count():
    text = "".join(f"epoch0; batch{i}; d_loss: {x}; g_loss: 1.5\n" for i, x in enumerate(LOSSES))
    assert parse(text.encode(), formats=()).column("step").tolist() == list(range(30))


@pytest.mark.parametrize(
    "line",
    [
        "Epoch2-train_step{i}-loss={x}\n",
        "Epoch2-step{i}-loss: {x}\n",
        "Epoch{i}-loss={x}\n",
        "train_step{i} loss={x}\n",
        "loss={x} global_step{i}\n",
    ],
)
def test_places_glued_to_what_follows_count(line):
    parsed = parse(_epochs(line), formats=())
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


def test_places_in_names_of_files_do_not_count():
    parsed = parse(_epochs("loss={x} best=epoch3-best.pt of train_step7.ckpt\n"), formats=())
    assert not parsed.column("step").size


def test_dicts_of_held_out_data_are_evaluations():
    row = "{{'epoch': {i}, 'loss': {x}, 'lr': 0.01}}\n"
    parsed = parse(_epochs("train: " + row + "val: " + row.replace("{x}", "{y}") + "test: " + row))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == [x + 1 for x in LOSSES]


_READ = """
import sys
from runwatch.parsers.log import LogParser
parser = LogParser()
batches = parser.feed(sys.stdin.buffer.read()), parser.flush()
print([(t.kind, t.pattern, t.names, t.data.hex()) for batch in batches for t in batch.tables])
"""


def test_the_order_of_sets_decides_nothing():
    lines = "Samples: Train=670 Val=123 Test=45\n"
    for epoch in range(1, 9):
        lines += "".join(
            f"[{epoch}/8] batch {i}/90 loss={9 / (epoch + i / 90):.4f} lr=5e-6\n" for i in range(10, 91, 10)
        )
        lines += f"Epoch {epoch}/8 (11.1s) | loss={8 / epoch:.4f} pos=1.9813 | val={9 / epoch:.4f} val_pos=1.8674\n"
    found = {
        subprocess.run([sys.executable, "-c", _READ], input=lines.encode(), capture_output=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": str(seed)}).stdout
        for seed in range(6)
    }  # fmt: skip
    assert len(found) == 1
    assert b"val/" in found.pop()
