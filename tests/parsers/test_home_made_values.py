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
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize(
    "line",
    [
        "step {step} || Task Loss: {loss} || KD Loss: {val}\n",
        "Epoch {step}/40 train_mse_scaled={loss} val_mae={val} val_rmse=12{acc}.5\n",
    ],
)
def test_what_else_is_the_loss(line):
    parsed = parse(_lines(line))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("Average validation loss: {}", "val/loss"),
        ("2030-01-02 03:04:05,678 - __main__ - INFO - Current val loss: {}", "val/loss"),
        ("Mean Validation Loss = {}", "val/loss"),
        (">> avg eval loss {}", "val/loss"),
        ("Overall validation pixAcc: {}, mIoU: 0.5", "val/pixAcc"),
        ("Validation F1: {} | AUROC: 0.5", "val/F1"),
        (
            "2030-01-02 03:04:05,678 - " + "long_name_" * 7 + ".trainer - INFO - Validation loss: {}",
            "val/loss",
        ),
        ("Final validation loss: {}", "Final validation loss"),
    ],
)
def test_a_line_may_say_which_loss_of_validation_it_shows(below, name):
    steps = "Step {step} loss {loss} lr 0.1\n"
    parsed = parse(_lines(steps + below.format("{val}") + "\n"))
    assert parsed.column(name, EVAL).tolist() == VALS


@pytest.mark.parametrize(
    "below", ["Lowest validation loss: {val}", "Previous val loss: {val}", "Best val loss {val}"]
)
def test_a_loss_of_validation_that_was_shown_before(below):
    parsed = parse(_lines("Step {step} loss {loss} lr 0.1\n" + below + "\n"))
    assert not len(parsed.column("val/loss", EVAL))


def test_an_evaluation_is_placed_by_what_counts_the_records():
    text = _lines("Epoch {step} loss {loss}\n Epoch {step}, minibatch 120/120, validation error {val} %\n")
    assert parse(text).column("step", EVAL).tolist() == list(range(1, N + 1))


def test_errors_of_validation_are_named_like_its_other_scores():
    parsed = parse(_lines("Epoch {step}/40 loss={loss} val_mae={val} val_acc={acc}\n"))
    assert parsed.column("val/mae").tolist() == VALS
    assert parsed.column("val/acc").tolist() == [i + 10 for i in range(N)]


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("Accuracy on Test-Set: {acc}.00% ({acc}00 / 10000)", "val/Accuracy"),
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


@pytest.mark.parametrize(
    ("below", "name"),
    [
        ("[10:20:00.123] Testing performance in best val model: mean_dice : {val}", "val/mean_dice"),
        ("Dice coeff of validation: {val}", "val/Dice coeff"),
        ("  >> val {val} | novelty 1.000", "val/loss"),
    ],
)
def test_what_an_evaluation_prints_for_the_first_time(below, name):
    parsed = parse(_lines("[10:20:00.123] iteration {step} : loss : {loss}, lr: 0.1\n" + below + "\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(name, EVAL).tolist() == VALS


def test_a_value_shown_again_because_it_decreased_is_no_series():
    again = "Validation loss decreased ({val} --> {val}).  Saving model ...\n"
    parsed = parse(_lines("Epoch: {step} \tTraining Loss: {loss} \tValidation Loss: {val}\n" + again))
    assert parsed.column("val/loss").tolist() == VALS
    assert not any("decreased" in name for _, _, names in parsed.tables for name in names)


def test_a_cross_entropy_is_a_loss_and_so_is_a_sum_of_losses():
    parsed = parse(
        _lines("epoch={i} crossentropy(train): {loss}\nepoch={i} crossentropy(validation): {val}\n")
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS
    parsed = parse(_lines("Step {step}/90 MLoss: 0.0 GLoss: {val} Sum: {loss}\n"))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_number_alone_below_its_epoch_is_the_loss_if_it_falls():
    parsed = parse(_lines("Epoch: {i}\n{loss}\n"))
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES
    assert not parse(_lines("Epoch: {i}\n0.{acc}\n")).column("train/loss", EVAL).size


def test_runs_of_few_epochs_each():
    epochs = [(k % 3 + 1, loss) for k, loss in enumerate(LOSSES)]
    parsed = parse("".join(f"Epoch {e}/3 | Loss: {loss} | Val Acc: 0.5\n" for e, loss in epochs).encode())
    assert parsed.column("step").tolist() == [e for e, _ in epochs]
    assert parsed.column("train/loss").tolist() == LOSSES


def test_the_total_of_parts_of_a_loss_next_to_a_bar():
    bar = (
        "Training:  50%|#####     | {step}/99 [00:05<00:05, 9.10it/s, Total={loss}, PDE=0.5, Data=0.{acc}]\r"
    )
    parsed = parse(_lines(bar))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("total").tolist() == [99] * N
    assert parse(_lines(bar.replace("PDE", "files").replace("Data", "size"))).format is None


def test_scores_of_held_out_data_next_to_bars():
    bar = "Epoch {step}: 100%|##########| 400/400 [00:05<00:00, 79.10it/s, loss={loss}]\n"
    parsed = parse(
        _lines(bar + "Epoch {step}: test ELBO = -{val}\nValidation loss: {val}, accuracy: 0.{acc}\n")
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("test ELBO", EVAL).tolist() == [-val for val in VALS]
    assert parsed.column("val/loss", EVAL).tolist() == VALS
    assert parsed.column("val/accuracy", EVAL).tolist() == [float(f"0.{i + 10}") for i in range(N)]


def test_a_progress_of_what_was_trained_on():
    line = "Progress:{step}.0% Speed(reviews/sec):1440. #Trained:{step}00 Training Accuracy:{acc}.0%\n"
    assert parse(_lines(line)).column("step").tolist() == [100 * (i + 1) for i in range(N)]


@pytest.mark.parametrize(
    "line",
    [
        '{{"text": "You are at {step}. Epoch {step} has loss: {loss} and step={i}.", "id": "a"}}\n',
        "[CV] net__lr=0.0004, net__max_epochs={step}, net__dropout={loss}, net__layers=3\n",
        "image_{acc}7.png psnr {val} ssim 0.8{step}\n",
    ],
)
def test_other_text_with_numbers_is_no_training(line):
    assert parse(_lines(line)).format is None


@pytest.mark.parametrize(
    "row",
    [
        *("{i} {loss} 0.{acc}\n", "{i}\t{loss}\n", "  {i}   {loss} 0.{acc} 0.5\n"),
        *("{i}: {loss}\n", "{i}  :  {loss}\n"),
    ],
)
def test_columns_without_a_header_are_a_step_and_a_loss_if_it_falls(row):
    parsed = parse(_lines(row))
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parse(_lines(row.replace("{loss}", "0.{acc}"))).format is None


@pytest.mark.parametrize(
    "head", ["step {step} / 90 (epoch 0.{acc} / 20):", "step {step}/90 (epoch 0.{acc}):"]
)
def test_a_heading_with_a_step_and_a_share_of_an_epoch(head):
    below = "  learning_rate = 1.00e-03, loss_average = {loss}\n  validation accuracy: 50.00, loss: {val}\n"
    parsed = parse(_lines(head + "\n" + below))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize("led", ["evaluate: loss {val} acc 0.5", "dev: loss: {val}, acc: 0.5"])
def test_the_first_word_of_a_line_says_that_it_is_of_an_evaluation(led):
    parsed = parse(_lines("step: {step} loss: {loss}\n" + led + "\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize(
    "line", ["Loss [ {loss}] Avg Loss [ {val}]", "Time 0.5  Data 0.2  Err {loss}  top1  50.5"]
)
def test_the_loss_of_a_known_program_in_brackets_or_called_an_error(line):
    parsed = parse(_lines("Epoch: [{i}][30/32]\t " + line + "\n"))
    assert parsed.format == "swav"
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_clock_of_twelve_hours_is_no_part_of_a_name():
    stamp = "06/25 12:00:00 PM "
    parsed = parse(_lines(stamp + "epoch {step} lr 2.5e-02\n" + stamp + "train_acc 0.{acc}\n"))
    assert parsed.column("train_acc", EVAL).tolist() == [float(f"0.{i + 10}") for i in range(N)]
    assert not any("PM" in name for _, _, names in parsed.tables for name in names)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "Epoch {i} MSE: {loss} Val MSE: {val}\n"),
        ("", "Epoch {step}/24 | MAE: {loss} | val_MAE: {val} | lr: 0.1\n"),
        ("", "Epoch {i} MSE: {loss} MAE: 0.5 Val MSE: {val} Val MAE: 0.75\n"),
        ("", "epoch={i} train_mse={loss} val_mse={val}\n"),
        ("", "Epoch {i}: RMSE = {loss}, Test RMSE = {val}\n"),
        ("epoch,mse,val_mse\n", "{i},{loss},{val}\n"),
        ("", '{{"epoch": {i}, "rmse": {loss}, "val_rmse": {val}}}\n'),
    ],
)
def test_an_error_next_to_the_same_of_held_out_data_is_the_loss_where_no_name_is_one(head, line):
    parsed = parse(head.encode() + _lines(line))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {i} MAE: 0.5 RMSE: {val} Val MAE: 0.75 Val RMSE: {val}\n",  # either may be
        "Epoch {i} loss: {loss} MSE: 0.5 Val MSE: 0.75\n",  # another one is
    ],
)
def test_an_error_that_may_be_the_loss_or_not_keeps_its_name(line):
    parsed = parse(_lines(line))
    assert parsed.column("train/loss").tolist() in ([], LOSSES)
    assert parsed.column("val/loss").tolist() == []


def test_what_costs_seconds_is_no_loss():
    parsed = parse(_lines("Epoch {i} Train, reg:0.5, mae:{loss}, Cost: 67{acc}.1 sec\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("Cost time").tolist() == [float(f"67{i + 10}.1") for i in range(N)]


def test_the_total_of_those_that_are_right_is_no_loss():
    text = _lines("Epoch: {i}.  Avg.loss: {loss}.   Accuracy: 80.5%.\n")
    parsed = parse(text + b"Test accuracy: 83.46%.  Correct: 4173.  Total: 5000.\n")
    assert not any(name == "val/loss" for _, _, names in parsed.tables for name in names)


@pytest.mark.parametrize(("batches", "total"), [(125, None), (4000, 4000)])
def test_an_end_that_the_share_behind_it_contradicts_is_of_samples(batches, total):
    places = [n * batches // 40 for n in range(40)]
    text = "".join(
        f"Step [{n:5}/4000 ({100 * n / batches:3.0f}%)] | Loss {2.5 / (n + 1):.4f}\n" for n in places
    )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == places
    assert {names.count("total") for _, _, names in parsed.tables} == {int(total is not None)}


def test_rows_of_numbers_may_be_nan():
    rows = (
        "".join(f"{n}, {90 - n}.12345,{n + 10}.125\n" for n in range(40))
        + "0,     nan,10.125\n1,     nan,9.5\n"
    )
    parsed = parse(rows.encode())
    assert parsed.column("step").tolist() == [*range(40), 0, 1]
    assert str(parsed.column("train/loss").tolist()[-1]) == "nan"


def test_the_set_that_is_evaluated_may_be_called_evl():
    parsed = parse(
        _lines("epoch {step} >>>>\ntraining set : loss {loss}, acc 0.{acc}\nevl set : loss {val}, acc 0.5\n")
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_thousands_may_be_of_thousands():
    rows = (f"  Batch {n:>5,}  of  1,125.    Elapsed: 0:04:05.\n" for n in range(40, 1125, 40))
    epoch = (
        "======== Epoch {} / 4 ========\nTraining...\n" + "".join(rows) + "  Average training loss: 0.25\n"
    )
    parsed = parse("".join(epoch.format(n) for n in range(1, 5)).encode())
    assert parsed.column("step").tolist()[-1] == 4 * 1125 - 5


def test_two_counters_may_be_named_before_both():
    text = "".join(f"Epoch and iter {n // 20} {n % 20} Loss {9 / (n + 1):.4f}\n" for n in range(60))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(60))
    assert parsed.column("train/epoch").tolist() == [n // 20 for n in range(60)]


@pytest.mark.parametrize(
    ("line", "metric"),
    [("TESTING: {step}), mAP 0.{acc}", "val/mAP"), ("Dev Err: 0.{acc} Time: 9.5 seconds", "val/Err")],
)
def test_what_is_measured_on_held_out_data_is_read_whatever_it_is_called(line, metric):
    parsed = parse(_lines("[{step}/41] {step}00), Loss: {loss}\n" + line + "\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(metric, EVAL).tolist() == [(i + 10) / 100 for i in range(N)]


def test_epochs_count_where_nothing_but_names_in_brackets_is_next_to_them():
    text = _lines("==> training epoch {step}/200\n[acc/test_top1] = {acc}.5\n[path] = e{step}.pth\n")
    parsed = parse(text + b"==> training epoch 31/200 and then it was cut 0.5\n")
    assert parsed.column("step").tolist()[:N] == list(range(1, N + 1))


def test_losses_below_an_epoch_go_before_a_number_that_nothing_names():
    epoch = "EPOCH  {e} ####\n{losses}TEST LOSS: ####\nF1 SCORE:\n0.8{e}\n"
    losses = [f"loss: tf.Tensor({9 / (n + 1):.4f}, shape=(), dtype=float32)\n" for n in range(160)]
    text = "".join(epoch.format(e=e, losses="".join(losses[20 * e : 20 * e + 20])) for e in range(8))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [n // 20 for n in range(160)]
    assert len(parsed.column("train/loss")) == 160


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("Epoch {step}/41 D Loss: {loss} G Loss: {val}\n", {"D Loss": LOSSES, "train/loss": VALS}),
        ("Epoch {step} G loss {loss} D loss {val} M loss 0.25\n", {"train/loss": LOSSES, "D loss": VALS}),
        ("Epoch {step} loss {loss} Top 1 Acc: 0.5, Top 5 Acc: {val}\n", {"Top 5 Acc": VALS}),
        ("Epoch {step} loss {loss} Recall at 5: {val}\n", {"Recall at 5": VALS}),
        ("Epoch {step} loss {loss} IoU: {{0.9: 0.5, 0.75: {val}}}\n", {"IoU 0.75": VALS}),
        ("Epoch {step} loss {loss} the acc is: {val}\n", {"acc": VALS}),
        ("Epoch {step} loss {loss} best loss: 0.5 @ epoch 3\n", {"best epoch": [3.0] * N}),
        ("Epoch {step} loss --> {loss} recall --> {val}\n", {"recall": VALS}),
    ],
)
def test_names_end_where_the_next_begins(line, printed):
    parsed = parse(_lines(line))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    for name, values in printed.items():
        assert parsed.column(name).tolist() == values
    assert not {"train/epoch", "Top", "IoU"} & {name for table in parsed.tables for name in table[2]}


def test_ranks_of_retrieval_are_scores_of_the_validation():
    block = "Epoch[{step}] Loss: {loss}\nValidation Results - Epoch: {step}\nmAP: 50.0%\n"
    parsed = parse(_lines(block + "CMC curve, Rank-1  :{acc}.0%\nCMC curve, Rank-5  :90.0%\n"))
    assert parsed.column("val/Rank-1", EVAL).tolist() == [(i + 10) / 100 for i in range(N)]


def test_lines_that_sum_up_an_epoch_have_the_loss_that_its_steps_do_not_show():
    steps = "".join(
        "[Step {}] CosSim: 0.5 | RelErr: 0.00{}\n".format("{i}" + digit, digit) for digit in "0123456789"
    )
    parsed = parse(_lines(steps + ">>> Ep {step}: Loss {loss} | ACC {acc}.5%\n"))
    assert parsed.column("step").tolist() == list(range(10 * N))
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


def test_what_was_saved_is_no_score_of_its_own():
    block = "Epoch {step}/41\nTrain Loss: {loss}, Train Acc: 0.5\nVal Loss: {val}, Val Acc: 0.5\n"
    parsed = parse(_lines(block + "Best model saved with validation accuracy: 50.0%\n"))
    assert parsed.column("val/loss", EVAL).tolist() == VALS
    assert not any("saved" in name for table in parsed.tables for name in table[2])


def test_what_counts_within_a_record_and_is_followed_by_no_score_is_no_step():
    clients = "".join(f"  training client {n}/10...\n" for n in range(1, 11))
    parsed = parse(_lines("[Round {step}/30] training...\n" + clients + "Averaged Train Loss: {loss}\n"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column("total").tolist() == [30.0] * N
    assert parsed.column("train/loss").tolist() == LOSSES
