"""Which of a log's lines are its records: those that tell the loss, not what was saved or what a stage adds."""

from __future__ import annotations

import random

import pytest

from runwatch.core.batch import EVAL

from .logs import parse


def _read(lines: list[str]) -> tuple[list[float], list[float]]:
    parsed = parse(("\n".join(lines) + "\n").encode(), formats=())
    return parsed.column("step").tolist(), parsed.column("train/loss").tolist()


def test_lines_that_show_the_loss_go_before_more_frequent_ones():
    lines = [
        line
        for i in range(1, 31)
        for line in (
            f"[Pretrain] Epoch {i:03d} | Dataset 00 | ACC 0.1 | AUC 0.5",
            f"[Pretrain] Epoch {i:03d} | Dataset 01 | ACC 0.2 | AUC 0.6",
            f"Epoch {i:03d} | Avg Loss {9 / i:.4f} | Mean AUC 0.55",
        )
    ]
    assert _read(lines) == (list(range(1, 31)), [float(f"{9 / i:.4f}") for i in range(1, 31)])


def test_other_scores_on_lines_of_the_same_kind_are_no_records():
    lines = [
        line
        for i in range(1, 31)
        for line in (f"Epoch {i} - avg_train_loss: {9 / i:.4f}  time: 9s", f"Epoch {i} - Score: 0.5")
    ]
    assert _read(lines) == (list(range(1, 31)), [float(f"{9 / i:.4f}") for i in range(1, 31)])


def test_what_was_saved_is_no_step():
    lines = [f"Checkpoint saved -> out/best.pt (epoch {i * i}, loss {9 / i:.4f})" for i in range(1, 31)]
    lines += [f"epoch {100 * i} | loss {5 / i:.4f} | lr 1e-4" for i in range(10, 26)]
    assert _read(lines)[0] == [100 * i for i in range(10, 26)]


def test_stages_that_take_turns_are_all_training():
    lines = [
        f"[Fold {fold}] {stage} E{i}/{ends}: train_loss={9 / i:.4f} val_mse=3.5"
        for fold in range(5)
        for stage, ends in (("Head", 6), ("Finetune", 10))
        for i in range(1, ends + 1)
    ]
    steps, losses = _read(lines)
    assert sorted(steps) == sorted(5 * [*range(1, 7), *range(1, 11)])
    assert len(losses) == 80


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize("known", [20, 400])
def test_a_step_of_all_epochs_is_reported_from_one_that_begins_again(anew, known):
    """`known` is how many lines an epoch has: of many, the end is seen long after the lines are believed."""
    lines, steps = [], []
    for epoch in range(3):
        for i in range(known):
            printed = i if anew else epoch * known + i
            total = known if anew else 3 * known
            lines.append(
                f"[train] epoch:{epoch} step:{printed}/{total} loss:{1 + random.Random(i).random():.4f}"
            )
            steps.append(epoch * known + i)
    assert _read(lines)[0] == steps


def test_a_number_that_falls_within_an_epoch_is_not_its_place():
    rng = random.Random(3)
    lines = [
        f"{agent} [Epoch {i:02d}/30] #Expl.:{300 - 9 * i - rng.randrange(9)}/300 Loss:{9 / i:.4f}"
        for i in range(1, 31)
        for agent in 2 * ["agent"]
    ]
    assert _read(lines)[0] == [i for i in range(1, 31) for _ in range(2)]


PLACES = {
    "behind": "  [{step:8d} eps] loss={loss}  reward=0.5",
    "in brackets behind a logger's prefix": "INFO:tensorflow:[ {step}] | gnorm 0.3 | loss {loss}",
    "glued": "epoch{step} loss {loss}",
    "under a date of ctime": "[ Fri Oct 18 08:28:52 2024 ] Epoch {step} loss {loss}.",
    "glued names": "Epoch: {step}, trloss: {loss}, tracc: 0.5, valloss: 0.7, testloss_1: 0.6",
}


@pytest.mark.parametrize("name", PLACES)
def test_places_as_loops_print_them(name):
    losses = [round(9 / i, 4) for i in range(1, 31)]
    lines = [PLACES[name].format(step=i, loss=loss) for i, loss in enumerate(losses, 1)]
    assert _read(lines) == (list(range(1, 31)), losses)


def test_values_without_a_name():
    lines = [f"epoch {e}, batch {b}: {1 + b / 10}" for e in range(4) for b in range(12)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(48))
    assert parsed.column("value").tolist() == 4 * [1 + b / 10 for b in range(12)]


def test_a_heading_with_a_time_heads_its_block_and_one_of_validation_none():
    lines = [
        line
        for i in range(20)
        for line in (
            *(f"val_epoch: {i} it: {j}  time: 9\nval_acc 0.5 val_loss: 0.7" for j in range(3)),
            f"epoch: {i}     time: 17",
            f"train_loss: {9 / (i + 1):.4f}",
        )
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(20))
    assert parsed.column("train/loss").tolist() == [float(f"{9 / (i + 1):.4f}") for i in range(20)]


def test_validation_behind_training_on_one_line():
    lines = [
        f"Epoch {i}/30 | Train: loss={9 / i:.4f} acc=0.7 | Val: loss={8 / i:.4f} acc=0.6"
        for i in range(1, 31)
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("train/loss").tolist() == [float(f"{9 / i:.4f}") for i in range(1, 31)]
    assert parsed.column("val/loss").tolist() == [float(f"{8 / i:.4f}") for i in range(1, 31)]


def test_a_loss_of_training_on_lines_about_evaluations():
    lines = [f"Eval step {1000 * i} | train loss {9 / (i + 1):.4f} | val loss 2.5" for i in range(30)]
    assert _read(lines) == ([1000 * i for i in range(30)], [float(f"{9 / (i + 1):.4f}") for i in range(30)])


def test_what_shows_the_loss_of_training_is_no_evaluation_of_an_unknown_format():
    lines = [f"Step {100 * i:4d} | norm: 2.5 | lr: 0.001 | loss: {9 / (i + 1):.4f}" for i in range(40)]
    parsed = parse("\n".join(lines).encode())
    assert parsed.column("step").tolist() == [100 * i for i in range(40)]
    assert len(parsed.column("train/loss")) == 40


def test_rare_lines_are_kept_among_many_without_a_place():
    lines = [
        line
        for i in range(20)
        for line in (*(f"loss: 0.{j:03d}" for j in range(300)), f"Train Epoch: {i} Loss: {9 / (i + 1):.4f}")
    ]
    steps, losses = _read(lines)
    assert steps[-10:] == list(range(10, 20))
    assert losses[-1] == 0.45


def test_two_epochs_of_many_lines_count_at_the_end():
    lines = [f"Epoch {1 + i // 20}/2.. Train Loss {9 / (i + 1):.3f}.. " for i in range(40)]
    assert _read(lines)[0] == [1 + i // 20 for i in range(40)]


def test_a_counter_that_is_spelled_another_way_is_the_same():
    lines = [f"Elapsed [0:01:0{i % 10}], Iteration [{500 * i}/9000], loss: {i}.5" for i in range(1, 20)]
    lines += [f"Elapsed [0:01:0{i % 10}], Iter [{500 * i}/9000], loss: {i}.5" for i in range(1, 19)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert len(parsed.column("step")) == 37


def test_an_end_that_differs_from_line_to_line_is_none():
    lines = [
        f"TRAIN Batch {epoch}/{30 * i} loss {5 / (i + 1):.3f} lr 0.1" for epoch in (0, 1) for i in range(20)
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert not len(parsed.column("total"))
    assert not set(parsed.column("step")) & {0, 1}


@pytest.mark.parametrize("name", ["dev loss", "eval loss", "valid loss"])
def test_the_loss_of_a_line_of_its_own_that_is_of_validation(name):
    rows = [
        f"Epoch: {i}, train loss: 0.{50 - i}\nEpoch: {i}, {name}: 0.{90 - i}, f1 score: 0.8{i}"
        for i in range(9, 40)
    ]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == [*range(9, 40)]
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"0.{90 - i}") for i in range(9, 40)]


def _launch(epochs: int, batches: int, summary: str) -> list[str]:
    """Lines of a launch: each epoch has a heading, batches, and a summary that begins as the heading does."""
    lines = []
    for epoch in range(1, epochs + 1):
        lines.append(f"Epoch {epoch}/{epochs}")
        lines += [f"  Batch {b}0/{batches}5 | Loss: {9 / (epoch * b):.4f}" for b in range(1, batches + 1)]
        lines.append(f"Epoch {epoch}/{epochs} | {summary.format(9 / epoch)}")
    return lines


@pytest.mark.parametrize("batches", [2, 16, 40])
@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ("Train Loss: 0.5 | Val Loss: {}", "val/loss"),
        ("Time: 9.5s | Val Energy: 0.25 | Val Perplexity: {}", "val/Perplexity"),
        ("mean loss 0.5, accuracy {}", "accuracy"),
    ],
)
def test_what_sums_up_an_epoch_may_begin_as_its_heading_does(batches, summary, name):
    parsed = parse("\n".join([*_launch(12, batches, summary), ""]).encode(), formats=())
    assert len(parsed.column("step")) == 12 * batches
    assert parsed.column("step")[-1] == 11 * (10 * batches + 5) + 10 * batches
    assert parsed.column(name, EVAL).tolist() == [9 / epoch for epoch in range(1, 13)]


def test_a_launch_that_broke_off_with_other_data_does_not_hide_that_batches_begin_again():
    first = _launch(12, 500, "Val Loss: {}")[:3]
    lines = [*first, *_launch(12, 8, "Val Loss: {}")]
    parsed = parse("\n".join([*lines, ""]).encode(), formats=())
    assert parsed.column("step")[2:].tolist() == [
        85 * epoch + 10 * b for epoch in range(12) for b in range(1, 9)
    ]


@pytest.mark.parametrize(
    "place", ["{}00/2050 (batches) done", "{}00/2050 mini-batches", "{}00/2050 (batchs) done!"]
)
def test_batches_that_are_named_behind_their_number_begin_again_with_each_epoch(place):
    lines = []
    for epoch in range(3):
        for batch in range(1, 21):
            lines += [
                "----- train loss & acc -----",
                place.format(batch),
                f"train mean loss: {9 / (20 * epoch + batch):.4f}",
            ]
        lines += ["----- start eval -----", f"eval mean loss: {5 - epoch}.5"]
    parsed = parse(("\n".join(lines) + "\n").encode(), formats=())
    steps = [2050 * epoch + 100 * batch for epoch in range(3) for batch in range(1, 21)]
    assert parsed.column("step").tolist() == steps
    assert parsed.column("train/loss", "").tolist() == [float(f"{9 / (i + 1):.4f}") for i in range(60)]


STEPS = {
    "redrawn": ("{} Step {}/{}, summary_loss: {:.4f}, time: 9.5\r", "Train", "Val"),
    "by a name that both have": ("Iter {1}/{2} {0}_loss {3:.4f}\n", "train", "val"),
    "training is counted": ("{}: {}/{} - loss: {:.4f}\n", "Training", "Validation"),
    "without an end": ("{0} step {1}: loss {3:.4f}\n", "train", "val"),
    "first on its line": ("{0}{1}: curr loss {3:.4f}\n", "", "val "),
    "behind a time": ("2030-01-02 03:04:05 {} [{}/{}] loss={:.4f}\n", "train", "valid"),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("known", [12, 60])
def test_steps_that_begin_again_at_their_end_continue_where_the_loss_does(name, again, known):
    """`again` says that each time another training begins; `known` is how many steps it has."""
    printed, train, val = STEPS[name]
    text, steps = "", []
    for turn in range(12):
        loss = [9 / (i if again else turn * known + i) for i in range(1, known + 1)]
        text += "".join(printed.format(train, i, known, x) for i, x in enumerate(loss, 1))
        text += "".join(printed.format(val, i, 3, loss[-1] + 0.1) for i in range(1, 4)) + "\n"
        steps += [i if again else turn * known + i for i in range(1, known + 1)]
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == steps
    counted = any("step" in names for kind, _, names in parsed.tables if kind == EVAL)
    assert not counted or "/" not in printed  # without an end, they may be steps of the run
    assert parsed.column("val/loss" if name != "redrawn" else "val/summary_loss", EVAL).size == 36


@pytest.mark.parametrize(
    "client",
    [
        "  client {c} epoch {e}/2 loss {loss}",
        "[client {c}] epoch {e} batch 3/9 loss: {loss}",
        "| Round : {r} | Local Epoch : {e} | [{b}/480] Loss: {loss}",
        "round {r} client {c} step {e} loss {loss}",
        "INFO: Client Index = {c}\tEpoch: {e}\tLoss: {loss}",
        "\tClient{c} loss {loss} acc 0.5",
        "客户端 {c}: 本地损失 {loss}, 样本数 2{c}",
    ],
)
def test_the_rounds_of_federated_clients_are_one_run(client):
    text, losses = "", []
    for r in range(1, 9):
        text += f"Round {r}/8: clients 4, 5, 6\n"
        for c, e in ((c, e) for c in (4, 5, 6) for e in (1, 2)):
            losses.append(round(3 / r + 0.1 / e, 4))
            text += client.format(r=r, c=c, e=e, b=100 * e, loss=losses[-1]) + "\n"
        text += f"global model: test loss {4 / r:.3f}, test acc 0.{r}\n"
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("step").tolist() == [r for r in range(1, 9) for _ in range(6)]
    assert parsed.column("val/acc", EVAL).tolist() == [r / 10 for r in range(1, 9)]


def test_what_a_round_came_to_waits_for_the_losses_of_its_clients():
    lines, losses = [], []
    for r in range(1, 9):
        losses += [round(3 / r + c / 100, 4) for c in (4, 5, 6)]
        lines.append(f"[Round {r:02}/08] lr=0.02")
        lines += [f"   - client {c}: samples=2{c} loss={3 / r + c / 100:.4f} acc=0.5" for c in (4, 5, 6)]
        lines.append(f"[Round {r:02}/08] merged: test_loss={4 / r:.4f} test_acc=0.{r} (9.5s)")
    assert _read(lines) == ([r for r in range(1, 9) for _ in range(3)], losses)
