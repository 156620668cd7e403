"""Lines as hand-made training loops print them are learnt: the step and the loss."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.batch import EVAL
from runwatch.core.fold.rank_dedup import Echoes
from runwatch.parsers.log import LogParser

from .logs import parse
from .templates import log


@dataclass(frozen=True)
class Loop:
    """A training loop somebody wrote: what it prints per record, and which field of it is the step."""

    prints: str
    step: str = "epoch"
    metric: str = "train/loss"
    beside: str = ""
    """What it prints after every fifth record."""

    def log(self) -> tuple[bytes, list[int], list[float]]:
        """Return 30 records (3 epochs of 10 where it prints batches), their steps and losses."""
        rng = random.Random(5)
        lines, steps, losses = ["Using device: cuda:0", "Number of parameters: 123456"], [], []
        for i in range(30):
            values: dict[str, int | str] = {
                "epoch": i // 10 + 1 if "{batch" in self.prints else i + 1, "batch": 20 * (i % 10), "step": 50 * i,
                "global": (i // 10) * 200 + 20 * (i % 10), "loss": f"{3 / (i + 1) + rng.random():.4f}",
            }  # fmt: skip
            values |= {name: f"{rng.random():.4f}" for name in ("a", "b", "c")}
            lines.append(self.prints.format(**values))
            steps.append(int(values[self.step]))
            losses.append(float(values["loss"]))
            if i % 5 == 4:
                lines.append(self.beside.format(**values))
        return "\n".join(lines).encode() + b"\n", steps, losses


HOME_MADE = {
    "bars": Loop("Epoch: {epoch} | Train Loss: {loss} | Train Acc: {a} | Val Loss: {b} | F1: {c}"),
    "tabs": Loop("Epoch: {epoch} \tTraining Loss: {loss} \tValidation Loss: {a}", beside="Val loss fell ({a} --> {b})"),
    "equals": Loop("Epoch {epoch}: Loss={loss}, Acc={a}%, Time={b}s", beside="Test: Loss={a}, Acc={b}%"),
    "arrow": Loop("epoch: {epoch} loss => {loss}", beside="new weight value => {a}"),
    "parts": Loop("Epoch {epoch:4d}/30  train={loss}  val={a}  lr=1.0e-03", beside="  pressure  R2={a}  MAE={b}"),
    "dashes": Loop("Train - Epoch {epoch}, Run time: {a} [sec], Loss: {loss}\nTest - Epoch {epoch}, Loss: {b}"),
    "tagged": Loop("[Epoch {epoch}] | [Train] Loss: {loss} | Acc: {a}\n[Epoch {epoch}] | [Val] Loss: {b} | Acc: {c}"),
    "shouted": Loop("EPOCH {epoch} loss {loss} seconds {a} calibration_nll {b}"),
    "words": Loop("Epoch {epoch} finished, mean training loss {loss} (took {a} s)"),
    "sum": Loop("Epoch {epoch} - Error sum: {loss}", metric="Error sum"),
    "bare": Loop("{step} train {loss}", "step", beside="{step} val {a}"),
    "leading": Loop("{epoch:05d} Train Loss: {loss} | Val Loss: {a}"),
    "ratio": Loop("[{epoch:03d}/30] train={loss} (recon={a}, kl={b})  val={c}"),
    "pair": Loop("[{epoch}, {batch:5d}] loss: {loss}", "global"),
    "two ratios": Loop("[{epoch}/3][{batch}/200] D_loss: {loss} | lr: {a}", "global"),
    "batches": Loop("| epoch {epoch:3d} | {batch:5d}/  200 batches | ms/batch {a} | loss {loss}", "global"),
    "batch of epoch": Loop("Epoch {epoch}/3 Batch {batch}/200 | loss={loss} | lr=0.1", "global"),
    "batch loss": Loop("Epoch {epoch}/30 batch loss {loss} took {a}"),
    "in epoch": Loop("Epoch {epoch}, Batch {batch}, Loss: {loss}", "global", beside="Epoch {epoch} done. Average loss: {a}"),
    "names unknown": Loop("(epoch: {epoch}, iters: {batch}, time: {a}) G_A: {loss} D_A: {b}", "global", "G_A"),
    "mnist": Loop("Train Epoch: {epoch} [{batch}/200 (5%)]\tLoss: {loss}", "global", beside="Test set: Average loss: {a}"),
    "meters": Loop("Epoch: [{epoch}][{batch}/200]\tTime {a} ({b})\tLoss {loss} ({c})\tPrec@1 {c} ({a})", "global"),
    "dated": Loop("03/14 10:00:00 AM epoch {epoch}  |  train_loss {loss}  |  valid_acc {b}"),
    "tensorflow": Loop("2026-01-01 10:00:00.5: step {step}, loss = {loss} (900.1 examples/sec; {a} sec/batch)", "step"),
    "hifi": Loop("Steps : {step}, Gen Loss Total : {loss}, Mel-Spec. Error : {a}, s/b : {b}", "step"),
    "in text": Loop("it {step:06d} of the run, loss={loss} (mean {a}), gnorm={b}", "step"),
    "dict": Loop("{{'step': {step}, 'loss': {loss}, 'lr': 0.0001}}", "step"),
    "object": Loop('METRICS {{"time": {a}, "epoch": {epoch}, "train_loss": {loss}, "test_acc": {b}}}'),
    "rewards": Loop("Episode {epoch}\tAverage Score: {loss}", metric="Average Score"),
    "updates": Loop("Update {epoch}/30 | Step {step} | Mean Return: {loss} | SPS: 950", "step", "Mean Return"),
    "validate": Loop("Training epoch {epoch}: Loss: {loss}\nValidate epoch {epoch}: Loss: {a}"),
    "sentence": Loop("Finished epoch {epoch}. Loss = {loss}"),
    "dashed": Loop("Iter-{step}; D_loss: {loss}; G_loss: {a}", "step", "D_loss"),
    "tensor": Loop("{epoch} tensor({loss}, grad_fn=<NllLossBackward0>)"),
    "place behind name": Loop("Train loss {step} {loss} Grad Norm {a} {b}s/it", "step"),
    "name behind value": Loop("epoch {epoch}: {loss} loss, {a}% acc"),
    "julia": Loop("(epoch = {epoch}, loss = {loss}f0)"),
    "tuple": Loop("('epoch', {epoch}, 'loss', {loss}, 'acc', {a})"),
    "count": Loop("INFO:root:count: {step}, loss:{loss}: ", "step"),
    "best so far": Loop("Current epoch: {epoch}, current loss: {loss}, best loss: {a}"),
    "spanish": Loop("Época {epoch}/30 - Pérdida: {loss} - Exactitud: {a}"),
    "german": Loop("Epoche {epoch}: Verlust {loss}, Genauigkeit {a}"),
    "cost": Loop("step {step}, training cost {loss}", "step"),
    "cost after": Loop("Cost after iteration {step}: {loss}", "step"),
    "score at": Loop("Score at iteration {step} is {loss}", "step", "Score"),
    "total": Loop("[epoch: {epoch}/3, iter: {batch}/200] total: {loss}", "global"),
    "running": Loop("Iteration: {step} | Classification loss: {a} | Regression loss: {b} | Running loss: {loss}", "step"),
    "two bracketed": Loop("Epoch[{epoch:03d}] Batch [{batch:04d}]/[0200]\tSpeed: {a} samples/sec\tloss={loss}", "global"),
    "of": Loop("EPOCH {epoch} of 30 loss {loss} acc {a}"),
    "splits": Loop("INFO:root:[Epoch {epoch}] train={a} val={b} loss={loss} time: {c}"),
    "best": Loop("Epoch {epoch}/30 | train: {loss} | val: {a} | lr: {b}", beside="  New best model at epoch {epoch} (val: {a})"),
    "braces": Loop("INFO epoch: {{{epoch}/3}}, step: {{{batch}/200}}, loss : {{{loss}}}, lr : {{{a}}}", "global"),
    "estimates": Loop("iter {step}: loss {loss}, mfu {a}%", "step", beside="step {step}: train loss {a}, val loss {b}"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOME_MADE)
def test_home_made_loops(name):
    loop = HOME_MADE[name]
    text, steps, losses = loop.log()
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == steps
    assert parsed.column(loop.metric).tolist() == losses


def test_steps_in_thousands():
    lines = [f"step:{i // 2}K smpl:{6 * i}K loss:{3 / (i + 1):.4f} lr:1e-5" for i in range(2, 40)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [1000.0 * (i // 2) for i in range(2, 40)]
    assert len(parsed.column("train/loss")) == 38


def test_ends_with_thousands_separators():
    text = "".join(f"Step {500 * i:,} / 15,000 | Loss: {3 / i:.4f}\n" for i in range(1, 31))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == [500 * i for i in range(1, 31)]
    assert set(parsed.column("total")) == {15000}


def test_counts_of_data_are_no_scores():
    text = "Train: 100, Val: 4623, Test: 4624\n" + "".join(
        f"Epoch {i} | train: {3 / i:.4f} | val: {4 / i:.4f}\n" for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert len(parsed.column("val/loss")) == 20
    assert not len(parsed.column("val/loss", "eval"))


def test_the_best_so_far_is_no_evaluation():
    lines = []
    for i in range(40):
        lines += [f"Epoch {i}/90 | train: {9 / (i + 1):.4f} | val: {8 / (i + 1):.4f} | lr: 0.1"]
        lines += [f"  New best model at epoch {i} (val: {8 / (i + 1):.4f})"]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert len(parsed.column("val/loss")) == 40
    assert not len(parsed.column("val/loss", "eval"))


def test_places_of_one_epoch_without_a_loss_by_name():
    lines = [
        f"[Epoch 0/30, Batch {i}/7329] [x 0.25, conf {9 / (i + 1):.3f}, total 7.5, recall: 0.1]"
        for i in range(20)
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(20))
    assert parsed.column("train/loss").tolist() == [7.5] * 20


def test_lines_without_the_loss_are_no_records():
    lines = [
        f"epoch: {i // 10}, batch: {50 * (i % 10)}, AUC:0.5, ACC:0.25, loss:{2 / (i + 1):.4f}, avg_batch_cost: 0.5"
        for i in range(30)
    ]
    lines += [f"epoch: {i}, batch: 0, AUC: 0.5,ACC: 0.25, avg_batch_cost: 0.5" for i in range(4)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert len(parsed.column("step")) == len(parsed.column("train/loss")) == 30


COUNTERS = ["step", "Step", "iter", "Iteration", "global_step", "epoch", "Epoch", "update", "it", "Batch"]


LOSSES = ["loss", "Loss", "train_loss", "Training Loss", "avg_loss", "train/loss", "batch loss"]


EXTRAS = ["lr {0}", "grad_norm={0}", "val_loss: {0}", "acc: {0}%", "({0} s)", "time {0}ms", "eta 0:12:33"]


@given(
    counter=st.sampled_from(COUNTERS),
    loss=st.sampled_from(LOSSES),
    mark=st.sampled_from([": ", "=", " = ", " ", ":"]),
    gap=st.sampled_from([" | ", ", ", "  ", "\t", " - ", "; "]),
    extras=st.lists(st.sampled_from(EXTRAS), max_size=3, unique=True),
    before=st.sampled_from(["", "INFO: ", "[12:00:01] ", "2026-11-21 12:00:01,123 - main - INFO - ", "  "]),
    wrap=st.sampled_from(["{0}", "[{0}]", "{0}/900"]),
    count=st.integers(3, 40),
)
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_usual_parts(counter, loss, mark, gap, extras, before, wrap, count):
    values = [round(5 / (i + 1), 4) for i in range(count)]
    lines = [
        before + gap.join([
            counter + (" " if mark == " " else mark) + wrap.format(3 * i),
            f"{loss}{mark}{value:.4f}",
            *(extra.format(f"0.{i:04d}") for extra in extras),
        ])
        for i, value in enumerate(values)
    ]  # fmt: skip
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [3 * i for i in range(count)]
    assert parsed.column("train/loss").tolist() == values


def test_the_loss_is_what_the_records_say():
    loop = HOME_MADE["estimates"]
    parsed = parse(loop.log()[0], formats=())
    assert len(parsed.column("train/loss")) == 30
    assert not len(parsed.column("train/loss", "eval"))
    assert len(parsed.column("train loss", "eval")) == len(parsed.column("val/loss", "eval")) == 6


def test_keys_of_objects_may_come_in_any_order():
    rng = random.Random(3)
    lines = []
    for i in range(20):
        items = [f'"epoch": {i}', f'"loss": {i}.5', '"test_every": 4', '"name": "test"']
        rng.shuffle(items)
        lines.append("stats {" + ", ".join(items) + "}")
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(20))
    assert parsed.column("train/loss").tolist() == [i + 0.5 for i in range(20)]


def test_a_record_printed_right_behind_a_bar():
    bar = "Epoch {e}/90::   0%|          | 0/41 [00:00<?, ?batch/s]"
    lines = [
        f"{bar.format(e=i + 1)}2030-01-02 03:04:05,678| INFO| Train: STEP {41 * i} - EPOCH {i}/90 | reco loss: {3 / (i + 1):.3e} | lr: 1e-4"
        for i in range(30)
    ]
    parsed = parse("\n".join(lines).encode())
    assert parsed.column("step").tolist() == [41.0 * i for i in range(30)]
    assert len(parsed.column("train/loss")) == 30


def test_ranges_and_indices_count():
    lines = [
        f"Epoch[5] Batch [{20 * i}-{20 * i + 20}]\tSpeed: 25.5 samples/sec\tRPNLoss=0.5" for i in range(20)
    ]
    assert parse("\n".join(lines).encode(), formats=()).column("step").tolist() == [
        20.0 * i + 20 for i in range(20)
    ]
    lines = [f"epoch_out: {i // 10}, epoch_in: {i % 10}, loss: -0.5" for i in range(40)]
    assert parse("\n".join(lines).encode(), formats=()).column("step").tolist() == list(range(40))


def test_the_end_of_a_counter_may_be_aligned():
    for end in ("of 350", "of   350", " of  350", "out of 350", "of 350."):
        parsed = parse(log("step {step} " + end + " loss {loss} lr {lr}"), formats=())
        assert parsed.column("total").tolist() == [350] * 60


def test_chinese_names():
    text = "".join(
        f"2026-01-28 18:28:{i:02d},294 - INFO - \nEpoch {i}/30\n2026-01-28 18:28:{i:02d},500 - INFO - "
        f"训练损失: {9 / i:.3f}, 训练准确率: 36.46%\n2026-01-28 18:28:{i:02d},900 - INFO - 验证损失: {8 / i:.3f}\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("train/loss").tolist() == [float(f"{9 / i:.3f}") for i in range(1, 21)]
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"{8 / i:.3f}") for i in range(1, 21)]
    parsed = parse("".join(f"步数：{i} 损失：{9 / i:.3f} 学习率：0.5\n" for i in range(1, 40)).encode())
    assert parsed.column("step").tolist() == list(range(1, 40))
    assert parsed.column("train/loss").tolist() == [float(f"{9 / i:.3f}") for i in range(1, 40)]


def test_rounded_steps_are_no_echoes():
    lines = "".join(
        f"step:{(i + 4) // 5}K smpl:{(i + 4) // 5}M loss:{9 / i:.3f} lr:1.0e-05\n" for i in range(1, 90)
    )
    parser, echoes = LogParser(), Echoes()
    batches = [echoes.without(batch) for batch in (parser.feed(lines.encode()), parser.flush())]
    assert sum(table.rows for batch in batches for table in batch.tables) == 89


def test_evaluations_that_are_written_as_sums():
    text = log("epoch: {step}/400 loss:{loss}", 40, preamble=0).replace(
        b"INFO saving to /out/model.bin", b"INFO: Eval Loss = 0.5\t Eval Accuracy = 0.625"
    )
    parsed = parse(text, formats=())
    assert parsed.column("val/loss", EVAL).tolist() == [0.5, 0.5]


OF_A_SCORE = {
    "scores behind their numbers": ("Epoch {i} @ 03:15 AM : {loss} C.E. Loss, 98.09% Accuracy", {}),
    "an average behind it": (" {i}: 9.5, {loss} avg loss, 0.001 rate, 12.6 seconds, 64 images", {}),
    "only validation is named": ("Epoch {i:03d}/90 | Train: {loss} | Val MSE: 2.5 | Val MAE: 1.5", {}),
    "one sum among parts": (
        "Epoch: 3, Step: {i}, det loss: 1.5, bbox loss: 0.5, all_loss: {loss}, lr:0.01",
        {},
    ),
    "an error": ("Iteration: {i}\tError: {loss}", {}),
}


@pytest.mark.parametrize("name", OF_A_SCORE)
def test_which_score_is_the_loss(name):
    template, options = OF_A_SCORE[name]
    losses = [f"{9 / (i + 2):.4f}" for i in range(30)]
    text = "\n".join(template.format(i=i, loss=loss) for i, loss in enumerate(losses))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(30))
    assert parsed.column(options.get("metric", "train/loss")).tolist() == [float(loss) for loss in losses]


def test_tags_before_the_counter_make_no_other_counter():
    text = "".join(
        f"{tag} Epoch {i}: Loss = {3 / i:.4f}\n"
        for tag in ("LSTM_e2", "LSTM_e5", "GRU_e5")
        for i in range(1, 8)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 8)) * 3


def test_a_bare_loss_behind_a_score_of_validation_is_of_validation():
    text = "".join(
        f"2023.01.18 17:14:14 [Epoch: {i:02d}] Train acc: 0.5 | loss: {3 / i:.4f}\n"
        f"2023.01.18 17:15:04 [Epoch: {i:02d}] Valid acc: 0.5 | loss: 9.5\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("val/loss", "eval").tolist() == [9.5] * 20
    alone = "".join(f"step {i} valid_acc {i / 90:.3f} loss {3 / i:.4f}\n" for i in range(1, 31))
    assert parse(alone.encode(), formats=()).column("train/loss").tolist() == [
        float(f"{3 / i:.4f}") for i in range(1, 31)
    ]


def test_another_column_of_the_screen_is_another_kind_of_line():
    lines = []
    for i in range(0, 3000, 100):
        if i % 200 == 0:
            lines.append(" " * 60 + f"Epoch 0  Iteration {i} loss = 9.5 * 1  eval = 0.5")
        lines.append(f"Epoch 0  Iteration {i}  learning_rate = 0.01 loss = 1.5 * 1  eval = 0.5")
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(0, 3000, 100))
    assert set(parsed.column("train/loss")) == {1.5}


@pytest.mark.parametrize("key", ["_type", "part", "dataset", "kind"])
def test_objects_that_say_they_are_of_validation(key):
    lines = []
    for i in range(30):
        lines.append(
            f'[INFO] log: 88: {{"{key}": "train_iter", "iter": "{50 * i}/9000", "loss": {3 / (i + 1):.4f}}}'
        )
        lines.append(f'[INFO] log: 88: {{"{key}": "val_iter", "iter": "{7 * i}/100", "loss": 9.5}}')
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [50 * i for i in range(30)]
    assert 9.5 not in parsed.column("train/loss")


def test_what_is_repeated_in_a_summary_is_no_record():
    lines = []
    for i in range(40):
        lines.append(
            f"Train: [{i % 10}/10/10]\tepoch: {i // 10}\titer: {i}\tTime: 1.5 (2.5)\tLoss: {3 / (i + 1):.4f} (2.5)"
        )
        if i % 10 == 9:
            lines.append(f"Train_summary: [9/10/100]\tepoch: {i // 10}\titer: {i}\tTime: 2.5\tLoss: 2.5")
    assert parse("\n".join(lines).encode(), formats=()).column("step").tolist() == list(range(40))
