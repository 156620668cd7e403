"""Losses that no step stands beside, and tables that are not quite tables, are learnt."""

from __future__ import annotations

import pytest

from .logs import parse

LOSSES = [float(f"{2.5 / (1 + i / 20):.4f}") for i in range(40)]


@pytest.mark.parametrize(
    "line",
    [
        "Training Loss: {loss}\n\nModel evaluation.\n\nModel test error: 0.61342",
        "training loss(MSE): {loss}\nvalidation loss(MSE): 2.5\n",
        "Loss: {loss}\nTime: 19.7794",
        "Current loss is {loss}",
        "2026-11-21 10:00:00 INFO Loss: {loss}",
        "Average cost: {loss}",
        "Tensor loss of type float. Dims: (): {loss}",
    ],
)
def test_a_loss_without_a_step(line):
    parsed = parse("\n".join(line.format(loss=loss) for loss in LOSSES).encode(), formats=())
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "line", ["trade loss: {loss}", "packet loss: {n}.5%", "best loss: 0.5", "validation loss: {loss}"]
)
def test_other_losses_without_a_step_are_none_of_training(line):
    text = "\n".join(line.format(loss=loss, n=n % 3) for n, loss in enumerate(LOSSES))
    assert parse(text.encode()).format is None


@pytest.mark.parametrize("head", ["Loss\t", "train_loss", "# loss", "Avg Loss"])
def test_a_column_of_losses(head):
    rows = "".join(f" {loss:.4e}\t\n" for loss in LOSSES)
    assert parse(f"ready\n{head}\n{rows}done\n".encode()).column("train/loss").tolist() == LOSSES


def test_a_heading_over_one_number_heads_no_column():
    assert parse(b"Loss\n0.5\nAccuracy\n0.8\n" * 40).format is None


def test_two_columns_of_losses():
    rows = "".join(f"{loss}\t2.5\n" for loss in LOSSES)
    parsed = parse(f"training loss\ttest loss\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [2.5] * len(LOSSES)


@pytest.mark.parametrize("row", ["{loss},50.5,2.5,40.5", "    {loss},    50.500,    2.5000,    40.500"])
def test_columns_of_losses_and_accuracies_alone(row):
    rows = "\n".join(row.format(loss=loss) for loss in LOSSES)
    parsed = parse(f"train_loss, train_accuracy, test_loss, test_accuracy\n{rows}\n".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [2.5] * len(LOSSES)


def test_columns_of_other_things_next_to_a_loss_and_another_score():
    rows = "\n".join(f"{loss},1.5,40.5,0.75" for loss in LOSSES)
    assert parse(f"loss,qed,sas,accuracy\n{rows}\n".encode()).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("gap", [" ", "\t", "  "])
@pytest.mark.parametrize("mark", ["", "#", "# "])
def test_headers_that_are_comments(mark, gap):
    rows = "\n".join(gap.join((str(i), str(loss), "0.5")) for i, loss in enumerate(LOSSES))
    parsed = parse(f"{mark}{gap.join(('epoch', 'loss', 'val_loss'))}\n{rows}\n".encode())
    assert parsed.column("step").tolist() == list(range(len(LOSSES)))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_columns_of_other_things_next_to_a_loss_are_no_table():
    rows = "\n".join(f"{loss}, 50.5, 40.5" for loss in LOSSES)
    assert parse(f"loss, profit, turnover\n{rows}\n".encode()).format is None


@pytest.mark.parametrize("gap", [";", "; "])
def test_cells_that_hold_objects(gap):
    rows = [gap.join((str(i), "1.5", str(loss), "{min=-0.7, max=0.2}")) for i, loss in enumerate(LOSSES)]
    parsed = parse("\n".join(["epoch;epsilon;Loss;actual", *rows]).encode())
    assert parsed.column("step").tolist() == list(range(len(LOSSES)))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_rows_shorter_than_their_heading_show_up_to_the_loss():
    rows = "".join(f" {i}.0000e+00\t {loss}\t 212.5\t\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"Epoch\tTraining loss.\tVal pixel acc.\tmean IU\t\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert {key[2] for key in parsed.tables} == {("offset", "line", "step", "train/loss")}


def test_a_long_table_is_read_to_its_end():
    rows = "".join(f"{i}  {2.5 / i:.6f}  0.10\n" for i in range(1, 4000))  # more than is read at once
    assert parse(f"epoch  loss  acc\n{rows}".encode()).column("step").tolist() == list(range(1, 4000))


@pytest.mark.parametrize(
    "block",
    [
        "Epoch #{i}\nTrain: {loss}\nValidation: 51.5",
        "Epoch {i}\n  train: {loss}\n  val: 2.5",
        "=== Epoch {i}/40 ===\nTraining: {loss}\nTest: 2.5",
        "| 2026-11-21 13:17:08 | INFO | Start epoch {i}:\n| 2026-11-21 13:18:12 | INFO | Train Loss: {loss}, tp: 2, Acc: 0.6",
    ],
)
def test_blocks_whose_loss_is_hard_to_see(block):
    text = "\n".join(block.format(i=i, loss=loss) for i, loss in enumerate(LOSSES))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(len(LOSSES)))
    assert parsed.column("train/loss", "eval").tolist() == LOSSES


@pytest.mark.parametrize(
    "line", ["{i}th epoch, loss is {loss}", "In the {i}th iteration, the loss is {loss}"]
)
def test_ordinals_are_places(line):
    text = "\n".join(line.format(i=i, loss=loss) for i, loss in enumerate(LOSSES))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(len(LOSSES)))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "before",
    [
        "2026-11-21 10:00:00,123 INFO ",
        "2026-11-21 10:00:00,123 - root - INFO - ",
        "INFO:root:",
        "[10:00:00] ",
    ],
)
@pytest.mark.parametrize("gap", [" | ", "    "])
def test_tables_behind_what_a_logger_prints(before, gap):
    rows = [["epoch", "train loss", "val loss"]] + [
        [str(i), str(loss), "2.5"] for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("\n".join(before + gap.join(row) for row in rows).encode())
    assert parsed.column("step").tolist() == list(range(len(LOSSES)))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_losses_between_lines_that_show_a_place_are_no_records():
    losses = "\n".join(f"loss: 0.{i:03d}" for i in range(300))
    text = "\n".join(f"{losses}\nTrain Epoch:{i} Loss:{loss}" for i, loss in enumerate(LOSSES[:9]))
    assert len(parse(text.encode(), formats=()).tables) == 0


@pytest.mark.parametrize(
    "title", ["Cost function value\t", "Training loss", "% mean class accuracy (train set)\t"]
)
def test_a_file_may_begin_with_the_name_of_its_only_column(title):
    rows = [f" {9 / (i + 1):.4e}\t" for i in range(8)]
    parsed = parse("\n".join([title, *rows, ""]).encode())
    metric = "train/loss" if "acc" not in title else title.strip()
    assert parsed.column(metric).tolist() == [float(row) for row in rows]
    assert parse("\n".join(["Some text", title, *rows, ""]).encode()).format is None or "oss" in title
    assert parse("\n".join([title, *rows[:4], "some text", *rows[4:], ""]).encode()).format is None
    assert parse("\n".join(["Names of all", *rows, ""]).encode()).format is None


@pytest.mark.parametrize(("moves", "read"), [(4, False), (40, True)])
def test_a_number_behind_a_place_that_hardly_ever_moves_is_no_loss(moves, read):
    values = [2.0 - 2.0 * (k * moves // 40) / moves for k in range(40)]
    text = "".join(f"{k:4d}   {value:.4f}     {k / 7 - 19.5:.6f}\n" for k, value in enumerate(values))
    assert (parse(text.encode()).format is not None) == read


_NOISY = [round(loss + 0.04 * (i * 7 % 5), 4) for i, loss in enumerate(LOSSES)]


@pytest.mark.parametrize(
    "row", ["{loss},{share}", "{loss}\t{share}\t0.5", "[{loss}, {share}]", "{loss:.12e} {share:.6e} 1.5e+00"]
)
@pytest.mark.parametrize("losses", [LOSSES, _NOISY], ids=["smooth", "noisy"])
def test_rows_of_a_loss_and_scores_that_nothing_names(row, losses):
    rows = (row.format(loss=loss, share=30.5 + i) for i, loss in enumerate(losses))
    assert parse("\n".join(rows).encode()).column("train/loss").tolist() == losses


@pytest.mark.parametrize(
    "row",
    [
        "{even:.1f},{share}",  # a spectrum: places as far from each other as the next
        "{loss:.4f} {falls:.4f}",  # what falls as the places do
        "{grid:.1f},{share}",  # a map: each place many times
        "{noisy:.4f},{share},{share},{share},{share},{share},{share},{share},{share}.5",
    ],
)
def test_rows_of_other_tables_that_nothing_names(row):
    rows = (
        row.format(
            loss=loss, noisy=_NOISY[i], even=400.5 - 10 * i, falls=50.5 - i, grid=9.5 - i // 5, share=30.5 + i
        )
        for i, loss in enumerate(LOSSES)
    )
    assert parse("\n".join(rows).encode()).format is None


@pytest.mark.parametrize(
    "head", ["loss,accuracy", "acc,loss", "loss,wer", "reward,loss", "loss,lr", "accuracy,train_loss"]
)
def test_two_columns_of_scores_one_of_which_is_the_loss(head):
    row = "0.5,{loss}" if head.endswith("loss") else "{loss},0.5"
    rows = "\n".join(row.format(loss=loss) for loss in LOSSES)
    assert parse(f"{head}\n{rows}\n".encode()).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("head", ["val_loss,val_acc", "loss,profit", "accuracy,f1"])
def test_two_columns_of_other_things(head):
    rows = "\n".join(f"{loss},0.5" for loss in LOSSES)
    assert parse(f"{head}\n{rows}\n".encode()).format is None


def test_columns_of_scores_in_the_order_of_the_alphabet():
    rows = "\n".join(f"0.75,{loss},0.5,2.5" for loss in LOSSES)
    parsed = parse(f"accuracy,loss,val_accuracy,val_loss\n{rows}\n".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [2.5] * len(LOSSES)


@pytest.mark.parametrize(
    "name",
    [
        "Loss",
        "RMS loss",
        "Reconstruction loss",
        "policy loss",
        "generator_loss",
        "contrastive loss",
        "kl_loss",
    ],
)
@pytest.mark.parametrize("digits", [1, 4])
def test_parts_of_a_loss_and_rounded_ones_without_a_step(name, digits):
    losses = [round(loss + (i % 3) / 5, digits) for i, loss in enumerate(LOSSES)]
    parsed = parse("".join(f"{name}: {loss}\n" for loss in losses).encode(), formats=())
    assert parsed.column("train/loss").tolist() == losses


@pytest.mark.parametrize("name", ["MSE", "RMSE", "nll", "Loss", "cost"])
def test_what_falls_like_a_loss_without_a_step(name):
    losses = [*range(4000, 0, -100)] if name in ("Loss", "cost") else LOSSES
    parsed = parse("".join(f"{name} = {loss}\n" for loss in losses).encode(), formats=())
    assert parsed.column("train/loss").tolist() == losses


def test_a_loss_without_a_step_that_no_longer_moves_or_is_nan():
    losses = [*LOSSES, *[0.25] * 100]
    text = "".join(f"Loss: {loss}\n" for loss in losses) + "Loss: nan\n" * 20
    assert parse(text.encode(), formats=()).column("train/loss")[:140].tolist() == losses


@pytest.mark.parametrize(
    "line",
    [
        '    "loss": {loss},',
        "Loss: 0.5",
        "packet loss: {loss}",
        "stop loss: {loss}",
        "MSE: {n}.5",
        "test MSE: {loss}",
    ],
)
def test_losses_of_results_and_of_other_things_without_a_step(line):
    text = "\n".join(line.format(loss=loss, n=i * 7 % 10) for i, loss in enumerate(LOSSES))
    assert parse(text.encode()).format is None


def test_a_lone_column_that_falls_by_little():
    falling = [5.5 + 1.6 * 0.97**i + 0.001 * (i % 3) for i in range(400)]
    losses = [round(x, 6) for x in falling]
    assert parse("".join(f"{x}\n" for x in losses).encode()).column("train/loss").tolist() == losses
    ordered = sorted(losses, reverse=True)
    assert not parse("".join(f"{x}\n" for x in ordered).encode()).tables


@pytest.mark.parametrize("head", ["accuracy,loss,val_accuracy,val_loss", "loss,val_loss,acc,val_acc"])
def test_few_rows_of_both_losses_without_a_counter(head):
    names = head.split(",")
    values = {
        "loss": 0.5,
        "val_loss": 0.75,
        "accuracy": 0.25,
        "val_accuracy": 0.125,
        "acc": 0.25,
        "val_acc": 0.125,
    }
    rows = [",".join(str(values[name] + 0.01 * i) for name in names) for i in range(6)]
    parsed = parse("\n".join([head, *rows, ""]).encode())
    assert len(parsed.column("train/loss")) == len(parsed.column("val/loss")) == 6
