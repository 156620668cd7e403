"""Scores of a model in home-made logs that no word says to be of held-out data, and bars of scripts."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

EPOCHS = 9
LOSSES = [round(2 / (i + 1), 4) for i in range(EPOCHS)]
SCORES = [round(0.8 - 0.5 / (i + 1), 4) for i in range(EPOCHS)]


def _log(record: str, below: str = "") -> bytes:
    """Return the lines of each epoch: a record, and what is below it."""
    return "".join(
        f"{record}\n{below}\n".format(e=i + 1, loss=loss, score=score)
        for i, (loss, score) in enumerate(zip(LOSSES, SCORES, strict=True))
    ).encode()


def _batches(line: str) -> str:
    """Return the lines of four batches."""
    return "\n".join(line.replace("{b}", str(b)) for b in range(10, 50, 10))


@pytest.mark.parametrize(
    "record", ["epoch {e} train loss {loss}", _batches("epoch {e}/9 it {b}/40 loss {loss}")]
)
@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("mAP: {score}", "mAP"),
        ("==> Avg. PSNR = {score} dB, SSIM = 0.5", "Avg. PSNR"),
        ("DSC: {score}", "DSC"),
        ("mIoU: {score}", "mIoU"),
        ("F1 score: {score}", "F1 score"),
        ("Epoch {e} mIoU = {score}", "mIoU"),
        ("epoch {e} done in 7.5s, student top1 {score} (best 0.9)", "student top1"),
    ],
)
def test_a_score_that_no_record_shows_is_read(record, below, name):
    parsed = parse(_log(record, below))
    assert parsed.column(name, EVAL).tolist() == SCORES
    assert parsed.column("train/loss").tolist()[-1] == LOSSES[-1]
    assert not parsed.unparsed


@pytest.mark.parametrize(
    "below",
    [
        "threshold accuracy {score} of 2 models",
        "AP for bicycle: {score}",
        "Best mAP: {score}",
        "saving the model of epoch {e}, mAP {score}",
        "class 3 dice {score}",
        "acc: {score}",
        "Image 7, validation mIoU: {score}",
    ],
)
def test_what_is_no_score_of_the_model_at_its_place(below):
    parsed = parse(_log("epoch {e} loss {loss} acc 0.5", below))
    assert not [name for kind, _, names in parsed.tables if kind == EVAL for name in names]


def test_a_score_may_come_long_after_the_records():
    lines = [f"step {i + 1} loss {2 - i / 1000}" for i in range(400)]
    parsed = parse("\n".join([*lines, "FID: 31.5", *lines, "FID: 29.5", ""]).encode())
    assert parsed.column("FID", EVAL).tolist() == [31.5, 29.5]


def test_a_score_at_a_step_is_of_that_step():
    parsed = parse(_log(_batches("step {e}{b} loss {loss} lr 0.1"), "FID at step {e}40: {score}"))
    assert parsed.column("FID", EVAL).tolist() == SCORES
    assert parsed.column("step", EVAL).tolist() == [100 * (i + 1) + 40 for i in range(EPOCHS)]


@pytest.mark.parametrize(
    ("below", "names"),
    [
        ("    Val Dice  WT: {score}  TC: 0.5", ("val/Dice WT", "val/Dice TC")),
        ("Test IoU - road: {score} | sky: 0.5", ("val/IoU road", "val/IoU sky")),
    ],
)
def test_a_score_may_precede_the_classes_that_it_is_of(below, names):
    parsed = parse(_log("epoch {e} train loss {loss}", below))
    assert parsed.column(names[0], EVAL).tolist() == SCORES
    assert parsed.column(names[1], EVAL).tolist() == [0.5] * EPOCHS


def test_a_line_below_batches_that_shows_a_mean_and_a_score_of_a_test():
    batches = _batches("Epoch {e}/9 it {b}/40 loss {loss}")
    parsed = parse(_log(batches, "Mean epoch loss: {loss}; test acc: {score}"))
    assert parsed.column("val/acc", EVAL).tolist() == SCORES


@pytest.mark.parametrize("word", ["Epoch", "Эпоха"])
def test_a_bar_that_a_script_draws_before_its_place(word):
    batches = _batches(word + " {e}/9 [####----------------] {b}/40 loss: {loss}").replace("\n", "\r")
    parsed = parse(_log(batches))
    assert parsed.column("step").tolist() == [40 * e + b for e in range(EPOCHS) for b in range(10, 50, 10)]
    assert parsed.column("train/loss").tolist() == [loss for loss in LOSSES for _ in range(4)]


@pytest.mark.parametrize("line", ["epoch#{e} loss {loss} ok", "[Epoch#{e}/9] loss={loss}"])
def test_a_sign_between_an_epoch_and_its_number(line):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == list(range(1, EPOCHS + 1))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_title_between_rules_is_no_heading_of_markdown():
    half = "".join(f"step={i}, loss={3 / i:.4f}, rpn_acc=0.5\n" for i in range(1, 6))
    parsed = parse(f"{half}{'#' * 20}\n# RESULTS\n{'#' * 20}\nCar AP\n{half.replace('=', '=9', 1)}".encode())
    assert len(parsed.column("train/loss")) == 10


@pytest.mark.parametrize(
    "bar",
    [
        "epoch: {e}; loss: {loss}; lr: 0.5: 100%|####| 20/20 [00:10<00:00,  2.00it/s]",
        "epoch: {e}; mse: {loss}; latent: 0.5: 100%|####| 20/20 [00:10<00:00,  2.00it/s]",
        "Epoch {e}: 100%|####| 20/20 [00:10<00:00,  2.00it/s, MSE={loss}]",
    ],
)
def test_the_loss_of_a_bar(bar):
    parsed = parse(_log(bar))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("step").tolist() == [20 * (i + 1) for i in range(EPOCHS)]


_BAR = "Epoch {e}/9: 100%|####| 20/20 [00:10<00:00,  2.00it/s, loss={loss}, acc=0.5]"


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("mIoU: {score}", "mIoU"),
        ("==> Avg. PSNR = {score} dB", "Avg. PSNR"),
        ("Epoch {e} dice: {score} hd95: 3.5", "dice"),
    ],
)
def test_a_score_that_no_bar_shows_is_read(below, name):
    parsed = parse(_log(_BAR, below))
    assert parsed.column(name, EVAL).tolist() == SCORES
    assert parsed.column("step", EVAL).tolist() == [20 * (i + 1) for i in range(EPOCHS)]


@pytest.mark.parametrize("below", ["acc: {score}", "image 3: dice {score}", "Train accuracy: {score}"])
def test_what_is_next_to_a_bar_and_no_score_of_the_model(below):
    parsed = parse(_log(_BAR, below))
    assert not [name for kind, _, names in parsed.tables if kind == EVAL for name in names]


@pytest.mark.parametrize("what", ["Evaluating", "Converting frames"])
def test_an_error_of_a_bar_that_does_not_train_is_no_loss(what):
    bar = what + ": 100%|####| 20/20 [00:10<00:00,  2.00it/s, MSE={loss}]"
    assert not len(parse(_log(bar)).column("train/loss"))


def test_what_is_drawn_before_its_place_and_shows_no_loss_does_not_train():
    assert parse(_log("packing layer {e}/9 [######--------] {e}/9 mse {loss}")).format is None


def test_titles_between_rules_above_all_lines_are_headings():
    rule = "#" * 20
    text = f"{rule}\n# Output\n{rule}\n# epoch 1 loss 0.5\n# epoch 2 loss 0.4\n# epoch 3 loss 0.3\n"
    assert parse(text.encode()).format is None


@pytest.mark.parametrize("run", ["exp2", "lab_run7"])
def test_a_step_in_brackets_behind_the_name_of_a_run(run):
    parsed = parse(_log(run + " [{e}00] (3/7): loss = {loss}, rgb_loss = 0.25"))
    assert parsed.column("step").tolist() == [100 * (i + 1) for i in range(EPOCHS)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_unit_of_a_rate_begins_no_name():
    line = "train: epoch {e}: 5/ 20: 209.5 (211.5) Hz objective: {loss} top1err: 0.5"
    parsed = parse(_log(line))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_description_with_an_epoch_an_iteration_and_losses_of_two_words():
    place = "Step: 7. Epoch: {e}/10. Iteration: 20/20. "
    losses = "Cls loss: 9.5. Reg loss: 0.25. Total loss: {loss}: 100%|####| 20/20 [00:10<00:00,  2.00it/s]"
    parsed = parse(_log(place + losses))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("train/epoch").tolist() == list(range(1, EPOCHS + 1))


@pytest.mark.parametrize(
    "pace", ["1.5 s/iter", "0.5 ms/step", "eta 00:10:22", "0.5 sec/batch", "elapsed: 01:00:10"]
)
def test_a_number_before_a_line_with_a_pace_is_a_step(pace):
    parsed = parse(_log("   {e}0: loss={loss}, lr=0.0001, " + pace))
    assert parsed.column("step").tolist() == [10 * (i + 1) for i in range(EPOCHS)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_scores_of_an_evaluation_whose_place_no_word_names():
    parsed = parse(_log(_batches("iter {e}{b}/940 | loss {loss}"), "eval @ {e}40: AP {score} AP50 0.5"))
    assert parsed.column("val/AP", EVAL).tolist() == SCORES


@pytest.mark.parametrize("place", ["[第 {e} 轮/共 9 轮]", "第{e}轮,共9轮,"])
def test_how_many_there_will_be_in_chinese(place):
    parsed = parse(_log(place + "训练损失={loss}"))
    assert parsed.column("total").tolist() == [9] * EPOCHS
    assert parsed.column("train/loss").tolist() == LOSSES
