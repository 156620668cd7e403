"""Logs of home-made loops: what is on lines next to the records, and what a name or a time means there."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

N = 30
LOSSES = [round(3 / (i + 1), 4) for i in range(N)]
VALS = [round(4 / (i + 1), 4) for i in range(N)]


def _log(line: str, every: str = "", of: int = 10) -> bytes:
    """Return N lines, and one below each `of` of them."""
    lines = []
    for i, loss in enumerate(LOSSES):
        reported = {
            "i": i,
            "step": i + 1,
            "loss": loss,
            "val": VALS[i],
            "epoch": i // of + 1,
            "batch": i % of + 1,
        }
        lines.append(line.format(**reported))
        if every and i % of == of - 1:
            lines.append(every.format(**reported))
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize("name", ["val_loss", "test_loss", "Loss/test", "test/loss", "cv_loss", "loss_va"])
@pytest.mark.parametrize(
    "line", ["step: {step} {name}: {x}", "[2030-01-02 03:04:05] INFO step: {step} {name}: {x}", "{dict}"]
)
def test_validation_on_lines_of_its_own_under_any_name(line, name):
    line = line.replace("{dict}", "{{'step': {step}, '{name}': {x}}}")
    train = line.replace("{name}", "loss").replace("{x}", "{loss}")
    parsed = parse(_log(train, line.replace("{name}", name).replace("{x}", "{val}")))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


@pytest.mark.parametrize(
    "below",
    [
        "Epoch {epoch} 完成 | 训练损失: {loss} | 验证损失: {val}",
        "Epoch {epoch} done | train loss: {loss} | val loss: {val}",
        "RESULT ON TEST SET: Loss = {val}, Accuracy = 0.5",
    ],
)
def test_the_summary_of_an_epoch_shows_the_validation_loss(below):
    parsed = parse(_log("Epoch: {epoch} | Batch: {batch}/10 | Loss: {loss}", below))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


@pytest.mark.parametrize("score", ["acc", "top-1 accuracy", "f1_score"])
def test_scores_of_training_and_of_validation_under_one_name_are_two_series(score):
    line = "Epoch {i}/30 {split}: loss {loss} {score} {x}"
    train = line.replace("{split}", "train").replace("{score}", score).replace("{x}", "0.{step}")
    val = line.replace("{split}", "val").replace("{score}", score).replace("{x}", "0.9{step}")
    parsed = parse(_log(train, val, of=1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(score).tolist() == [float(f"0.{i + 1}") for i in range(N)]
    assert parsed.column(f"val/{score}", EVAL).tolist() == [float(f"0.9{i + 1}") for i in range(N)]


def test_of_two_rates_with_a_slash_between_the_first_counts():
    parsed = parse(_log("Step {step}/30; acc: 12.5; xent: {loss}; 5{step}/3{step} tok/s; {step} sec"))
    assert parsed.column("perf/tokens_per_sec").tolist() == [float(f"5{i + 1}") for i in range(N)]
    assert set(parsed.column("total").tolist()) == {30}


def test_thousands_of_words_a_second_are_a_rate():
    parsed = parse(_log("[Epoch {epoch} Batch {batch}/10] loss={loss}, throughput=5{step}.25K wps, wc=9.5K"))
    assert parsed.column("perf/tokens_per_sec").tolist() == [1000 * float(f"5{i + 1}.25") for i in range(N)]


def test_a_time_that_starts_again_with_each_epoch_is_no_step_time():
    lines = "Epoch: {epoch} | Batch: {batch}/10 | Loss: {loss} | Time: {batch}.{step}s"
    assert not len(parse(_log(lines)).column("perf/step_time"))


def test_blocks_below_headings_of_epochs_have_one_growing_step():
    lines = []
    for i, loss in enumerate(LOSSES):
        lines += [f"**** EPOCH {i // 10:03d} ****"] * (i % 10 == 0)
        lines += [f" -- {i % 10 + 1:03d} / 10 --", f"mean loss: {loss}", f"mask accuracy: 0.{i + 10}"]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]


@pytest.mark.parametrize(
    "rate",
    ["Epoch: {epoch} | Current Learning Rate: 0.0{epoch}", "learning rate of epoch {epoch}: 0.0{epoch}"],
)
def test_a_learning_rate_may_be_on_a_line_of_its_epoch(rate):
    parsed = parse(_log("Epoch: {epoch} | Batch {batch}/3 | Loss: {loss}", rate, of=3))
    assert parsed.column("train/learning_rate", EVAL).tolist() == [float(f"0.0{i}") for i in range(1, 11)]


def test_a_tensor_is_named_by_what_precedes_it():
    parsed = parse(_log("train_loss tensor({loss}, device='cuda:0')"))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("name", ["Generator Learning Rate", "lr_g", "trainer/lr", "lr"])
def test_learning_rate_by_any_name(name):
    parsed = parse(_log("Iter: {step}, D Learning Rate: 0.5, " + name + ": 0.25, Loss: {loss}"))
    assert parsed.column("train/learning_rate").tolist() == [0.25] * N


def test_a_lone_eval_next_to_a_loss_is_no_loss():
    parsed = parse(_log("Iteration {step}  loss = {loss}  eval = 0.{step}"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert not len(parsed.column("val/loss"))


def test_the_pace_of_a_validation_is_none_of_training():
    line = "epoch:[ {step}/30 ] {split} step:0 loss: {x} top1: 0.5 batch_cost: 1.{step} sec, ips: 3{step}.5 ins/s."
    train, val = (
        line.replace("{split}", split).replace("{x}", x)
        for split, x in (("train", "{loss}"), ("val", "{val}"))
    )
    parsed = parse(_log(train, val, of=2))
    assert parsed.column("perf/samples_per_sec").tolist() == [float(f"3{i + 1}.5") for i in range(N)]
    assert parsed.column("perf/step_time", EVAL).size == parsed.column("top1", EVAL).size == 0
    assert parsed.column("val/loss", EVAL).tolist() == VALS[1::2]


def test_epochs_and_validation_on_json_lines_of_their_own():
    parsed = parse(
        _log('{{"epoch": {step}, "train_loss": {loss}}}', '{{"epoch": {step}, "val_loss": {val}}}')
    )
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]


def test_the_epoch_is_the_step_of_many_lines_that_show_nothing_else():
    lines = "".join(f"epoch: {i // 300} | loss: {3 / (i + 1)}\n" for i in range(900))
    assert parse(lines.encode()).column("step").tolist() == [i // 300 for i in range(900)]


def test_a_remark_may_be_between_a_name_and_its_place():
    parsed = parse(_log("Training loss (for one batch) at step {step}: {loss}"))
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_the_best_epochs_may_be_marked():
    marks = ["[NEW BEST] " * (i % 3 == 0) for i in range(N)]
    lines = [
        f"{m}Epoch #{i}: train_loss={x}, t=0.5s" for i, (m, x) in enumerate(zip(marks, LOSSES, strict=True))
    ]
    assert parse("\n".join([*lines, ""]).encode()).column("train/loss").tolist() == LOSSES


def test_a_logger_may_show_how_long_it_has_run():
    parsed = parse(
        _log("INFO - 01/02/30 03:04:05 - 1 days, 0:00:{step:02d} -   {step} - 5.5 words/s - LR: 0.5")
    )
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/learning_rate").tolist() == [0.5] * N


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("iteration:{epoch} step:{batch}/13, loss:{loss}", 13),
        ("epoch_out: {epoch}, epoch_in: {batch}, loss: {loss}", 10),
    ],
)
def test_a_counter_that_starts_again_with_every_round_is_one_growing_step(line, length):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == [i // 10 * length + i % 10 + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_launch_that_ended_in_its_first_epoch_keeps_the_steps_of_the_next_one():
    lines = ["[2030-01-02 03:04:05,678]Epoch: 0001"]
    for i, loss in enumerate(LOSSES):
        lines += [f"[2030-01-02 03:04:05,678]Epoch: {i // 10 + 1:04}"] * (i % 10 == 0)
        lines.append(f"[2030-01-02 03:04:06,789]iter:{i % 10 + 1:04} loss_train: {loss} acc_train: 0.5")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_tensor_that_is_trained_on_is_a_loss_in_brackets_too():
    parsed = parse(_log("epoch: {step} tensor([{loss}], device='cuda:0', grad_fn=<DivBackward0>)"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_loss_is_named_before_two_places():
    parsed = parse(_log("Loss at epoch {epoch} and iteration {batch} is {loss}"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_bar_that_a_script_draws_itself_is_the_same_line_however_far_it_is_filled():
    lines = []
    for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True)):
        filled = "=" * (i + 1) + " " * (N - i - 1)
        lines.append(
            f"Training [{filled}] {i + 1}0.5% {i + 1}/{N} | ETA: {N - i}.5 s | loss={loss} | val_loss={val}"
        )
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


def test_a_dict_of_settings_may_precede_the_record():
    settings = "{{'norm': 'batch', 'act': 'relu', 'bias': True, 'amp': False, 'ema': None, 'num_epochs': 30}}"
    parsed = parse(_log("Config: " + settings + ", Epoch {step}/30, Train Loss: {loss}, Test Acc: 50.5%"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_the_error_of_training_is_the_loss_and_not_that_of_a_part():
    parsed = parse(_log("Epoch {step} | Train MSE: {loss} | Gate Loss: 0.{step} | Val MSE: {val}"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


def test_a_loss_below_its_batch_goes_before_the_summary_of_the_epoch():
    lines = []
    for i, loss in enumerate(LOSSES):
        lines += [f"Epoch: {i // 3 + 1}\tBatch: {50 * (i % 3 + 1)}", f"Running Loss: {loss}"]
        if i % 3 == 2:
            lines += [
                "",
                f"Epoch {i // 3 + 1} Train Loss: 9.5",
                f"Epoch {i // 3 + 1} Valid Loss: {VALS[i]}",
                "",
            ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [50 * (i + 1) for i in range(N)]
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[2::3]


def test_scores_of_the_samples_of_an_evaluation_are_no_training():
    line = "12:00:{b:02d} - INFO - Sample {b}, validation pixAcc: 9{b}.5%, mIoU: 3{b}.25%\n"
    lines = "".join(
        f"Model: net, From Epoch: {e}\n" + "".join(line.format(b=b) for b in range(20)) for e in range(4)
    )
    assert parse(lines.encode()).format is None


def test_a_line_of_an_epoch_may_name_its_numbers_without_a_colon():
    block = "Epoch {}/30\n----------\nTrain loss {} accuracy 0.5\nVal   loss {} accuracy 0.4\n\n"
    text = "".join(block.format(i + 1, x, y) for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True)))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize("per", [5, 25])
def test_losses_below_headings_of_epochs_are_of_the_epoch_above_them(per):
    lines, losses = [], [round(3 / (i + 1), 6) for i in range(4 * N)]
    for i in range(4 * N):
        if i % per == 0:
            lines += [f"**** EPOCH {i // per:03d} ****", "2030-01-02 03:04:05.678901"]
        lines.append(f"mean loss: {losses[i]:.6f}")
        if i % per == per - 1:
            lines += [f"eval mean loss: {VALS[i % N]:.6f}", "eval accuracy: 0.886953"]
    text = "\n".join([*lines, ""]).encode()
    parsed = parse(text)
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == [i // per for i in range(4 * N)]
    for cuts in (range(1, len(text), 7), [len(text) // 2], range(0, len(text), 200)):
        parse(text, cuts).same_as(parsed)


@pytest.mark.parametrize(
    "line",
    [
        "iter {step}:, hard_loss_metric=0.436, full_loss_metric={loss}, full_loss_num=186494.125, lr=0.0001",
        "Epoch: {step} avg_loss_tgt: {loss} origin_loss_tgt: 30.171 cluster_loss_tgt: 1.413 time: 12.5s",
        "ITER {step} TRAINING (phase 1). loss_vae: {loss}; loss_recon: 3.4916; loss_kl: 1.93; loss_mmd: -1.96",
    ],
)
def test_of_losses_with_words_in_common_the_whole_is_the_loss(line):
    parsed = parse(_log(line))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "line",
    [
        "step {step} l1_loss: {loss} adv_loss: 0.25 d_loss: 0.5 lr: 0.001",
        "[{step:4d}] disc loss: 0.5, gen loss: {loss}",
        "[{step}/90] Loss_D: 0.5 Loss_G: {loss} D(x): 0.75 D(G(z)): 0.25 / 0.125",
        "Iteration: {step}, Generator Loss : {loss}, Discriminator Loss : 2.141, domain_classifier_loss: 1.5",
        "Epoch {step}/30 mse={loss}",
    ],
)
def test_of_losses_of_several_networks_the_first_stands_for_training_but_no_judges(line):
    assert parse(_log(line)).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("line", ["epoch {step} mse: 0.5 mae: {loss}", "epoch {step} best_loss: {loss}"])
def test_one_of_two_errors_and_what_was_best_stand_for_no_loss(line):
    assert not parse(_log(line)).column("train/loss").size


def test_values_made_bold_in_an_issue_are_read():
    text = _log("step: {step}, acc: 92.77**39, loss: {loss}**, lr: **0.5**")
    assert parse(text).column("train/loss").tolist() == LOSSES
    assert set(parse(text).column("train/learning_rate")) == {0.5}


def test_a_log_may_begin_inside_a_box():
    rows = [
        f"|    fps | 10 |\n|    total_timesteps | {i} |\n|    loss | {9 / i} |\n{'-' * 20}\n"
        for i in (1, 2, 3)
    ]
    text = rows[0] + "".join("-" * 20 + "\n" + row for row in rows[1:])
    assert parse(text.encode()).column("step").tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {step}: train(loss={loss}, acc=0.5) val(loss={val}, acc=0.25)",
        "{step} \tTrain(L={loss}  | A=0.500) \tValid(L={val}  | A=0.500) \tTest(L=0.9 | A=0.5)",
        "{{'epoch': {step}, 'train': {{'loss': {loss}}}, 'val': {{'loss': {val}}}}}",
    ],
)
def test_values_in_groups_are_of_the_part_that_the_group_is(line):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


def test_batches_below_headings_that_say_how_many_epochs_there_are():
    heading, rows = "Epoch {epoch}/3", "  batch {batch}/10 loss {loss}"
    lines = _log(rows, "  validation loss {val}").decode().split("\n")
    text = "".join(
        f"{heading.format(epoch=i // 11 + 1)}\n{line}\n" if i % 11 == 0 else f"{line}\n"
        for i, line in enumerate(lines[:-1])
    )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert set(parsed.column("total")) == {N}
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]  # once


def test_a_later_stage_may_train_with_another_loss():
    stages = (f"Epoch {e + 1}: Train {of} Loss: {x}\n" for of in ("MSE", "MAE") for e, x in enumerate(LOSSES))
    parsed = parse("".join(stages).encode())
    assert parsed.column("step").tolist() == 2 * list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == 2 * LOSSES


@pytest.mark.parametrize(
    ("score", "name"),
    [("mAP: {:.1f}%", "val/mAP"), ("PSNR: {:.2f}", "val/PSNR"), ("validation: top1={:.3f}", "val/top1")],
)
def test_scores_below_the_heading_of_a_validation_are_its_own(score, name):
    text = "".join(
        f"INFO: Epoch[{e}] done. Loss: {x}, Lr: 4.1e-04\nINFO: Validation Results - Epoch: {e}\n"
        f"INFO: {score.format(50 + e)}\n"
        for e, x in enumerate(LOSSES, 1)
    )
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert len(parsed.column(name, EVAL)) == N


def test_a_heading_may_show_its_share_next_to_its_counter():
    lines = (
        f"epoch: 1, {i + 1}/40 {2.5 * i}%, 0.31s per iter, lr: 0.1\n    recon loss: {x}\n"
        for i, x in enumerate(LOSSES)
    )
    parsed = parse("".join(lines).encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert set(parsed.column("total").tolist()) == {40}
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


def test_a_dict_shows_how_many_steps_are_planned():
    text = "".join(
        f"{{'loss': {x}, 'epoch': 0.1, 'step': {i}, 'max_steps': 90}}\n" for i, x in enumerate(LOSSES, 1)
    )
    assert parse(text.encode()).column("total").tolist() == [90] * N


@pytest.mark.parametrize(
    "line",
    [
        "epoch;{step};train loss;{loss};val loss;{val}",
        "epoch|{step}|loss|{loss}|val_loss|{val}",
        "epoch, {step}, loss, {loss}, val_loss, {val}",
        "('epoch:', {step}, 'loss:', {loss}, 'val loss:', {val})",
        "('Epoch: ', {step}, '| train loss: ', {loss}, '| val loss: ', {val})",
        "('epoch', {step}, 'loss', {loss}, 'val loss', {val})",
    ],
)
def test_what_separates_a_name_from_its_value_may_separate_all(line):
    parsed = parse(_log(line))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


@pytest.mark.parametrize(
    "line", ["in May, {step}, we lost, {loss}, of them", "a loss of {step}, then {loss}"]
)
def test_numbers_between_commas_of_a_sentence_are_no_values(line):
    assert parse(_log(line)).format is None


@pytest.mark.parametrize("opening", ["Evaluation:", "Testing...", "=== Validation ==="])
def test_the_same_step_again_below_a_heading_of_validation_is_an_evaluation(opening):
    line = "2030-01-02T03:04:05.678901: step {step}, loss {x}, acc 0.5"
    train = line.replace("{x}", "{loss}")
    parsed = parse(_log(train, f"\n{opening}\n{line.replace('{x}', '{val}')}\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS[9::10]
    assert parse(_log(f"{opening}\n{train}")).column("train/loss").tolist() == LOSSES


def test_each_line_may_show_one_of_two_losses():
    line = "INFO:__main__:Epoch: {i:04d} avg_loss_{of}: {x} time: 9.5s"
    source = line.replace("{of}", "src").replace("{x}", "0.5")
    parsed = parse(_log(line.replace("{of}", "tgt").replace("{x}", "{loss}"), source, of=1))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("avg_loss_src").tolist() == [0.5] * N
