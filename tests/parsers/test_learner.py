"""Training lines that no format describes are learnt, and everything else is left alone."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.batch import EVAL
from runwatch.echoes import Echoes
from runwatch.parsers.fields import fields
from runwatch.parsers.learned_tables import TableMatcher
from runwatch.parsers.learner import KEPT_BYTES, KEPT_LINES, Learner
from runwatch.parsers.log import LogParser
from runwatch.parsers.patterns import number

from .logs import parse


def log(
    template: str, steps: int = 60, *, total: int = 400, per_epoch: int = 10, preamble: int = 20
) -> bytes:
    """Lines of a template with {step}, {loss}, ... after a preamble that tells nothing."""
    rng = random.Random(7)
    lines = [f"loading shard {i} of {preamble} from /data/train_{i}.bin" for i in range(preamble)]
    for step in range(1, steps + 1):
        lines.append(
            template.format(
                step=step, total=total, loss=f"{9 / step + rng.random():.4f}", lr=f"{3e-4 * step:.3e}",
                acc=f"{step / total:.3f}", epoch=(step - 1) // per_epoch + 1, within=(step - 1) % per_epoch + 1,
                per=per_epoch, ms=f"{100 + 9 * rng.random():.1f}", clock=f"12:{step // 60:02d}:{step % 60:02d}",
            )
        )  # fmt: skip
        if step % 20 == 0:
            lines.append("INFO saving to /out/model.bin")
    return "\n".join(lines).encode() + b"\n"


LOGS = {
    "colons": "Step: {step}  Loss: {loss}  LR: {lr}",
    "equals": "it={step}/{total} loss={loss} lr={lr} acc={acc}",
    "words": "iter {step} loss {loss} lr {lr} time {ms} ms",
    "dated": "2026-11-21 {clock},123 | INFO | global_step {step} - train_loss {loss} - {ms}ms/step",
    "brackets": "[{clock}] [trainer] update [{step}/{total}] [loss: {loss}] [lr: {lr}]",
    "json-like": 'metrics {{"step": {step}, "loss": {loss}, "lr": {lr}}}',
    "late counter": "loss {loss} (lr {lr}) after {step} steps, step={step}",
    "epochs": "Epoch [{epoch}][{within}/{per}] lr: {lr}, loss: {loss}",
    "leading": "[{step}]\ttrain-rmse:{loss}\ttrain-mae:{acc}",
}


@pytest.mark.parametrize("name", LOGS)
def test_steps_and_losses(name):
    parsed = parse(log(LOGS[name]), formats=())
    assert parsed.format == "learned"
    assert parsed.column("step").tolist() == list(range(1, 61))
    metric = "train-rmse" if name == "leading" else "train/loss"
    wanted = [line.split(b"oss") for line in log(LOGS[name]).splitlines()]
    if metric == "train/loss":
        texts = [
            fields(b"x" + parts[1])[0]
            for parts in wanted
            if len(parts) > 1 and b"INFO saving" not in parts[0]
        ]
        assert len(texts) == 60
    assert len(parsed.column(metric)) == 60
    assert parsed.unparsed == 23


@pytest.mark.parametrize("name", LOGS)
def test_bulk_and_line_by_line_agree(name):
    text = log(LOGS[name], 900, per_epoch=100)
    parse(text).same_as(parse(text, bulk=False))
    parse(text, formats=()).same_as(parse(text, bulk=False, formats=()))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_chunking_does_not_matter(data):
    text = log(LOGS[data.draw(st.sampled_from(sorted(LOGS)))]).replace(b"saving", b"a\rb loss 1")
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    parse(text, cuts, bulk=data.draw(st.booleans())).same_as(parse(text, bulk=False))


@given(
    st.lists(
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"step 1 loss 2.5\n",
                b"step 2 loss nan\n",
                b"step 3 loss -inf\r",
                b"epoch 1 [3/9] loss 4\n",
                b"step ",
                b"loss=",
                b"1e5",
                b"12/500",
                b"{'loss': ",
                b"\xff",
                b"\0",
                b"val_loss 3.5\n",
                b"\x1b[0m",
                b", ",
            ]
        ),
        max_size=80,
    ),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_pieces(parts, data):
    text = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    parse(text, cuts).same_as(parse(text))


def test_epochs_with_a_known_end_give_a_total():
    text = log("Train: [{epoch}/6][{within}/{per}] loss {loss} lr {lr}")
    assert set(parse(text).column("total")) == {60}


def test_a_counter_that_grows_through_epochs_is_not_counted_again():
    parsed = parse(log("epoch {epoch} iter {step}/{total} loss {loss}"))
    assert parsed.column("step").tolist() == list(range(1, 61))
    assert set(parsed.column("total")) == {400}


def test_evaluations_are_no_records():
    lines = log("step {step}: loss {loss}, lr {lr}").splitlines()
    for at in range(70, 20, -10):
        lines.insert(at, b"step %d: val loss 2.50, val accuracy 0.5" % (at - 20))
    parsed = parse(b"\n".join(lines) + b"\n")
    assert len(parsed.column("step")) == 60
    assert parsed.column("val/loss", "eval").tolist() == [2.5] * 5


def test_lines_beside_the_records_are_no_records():
    lines = []
    for step in range(40):
        lines += [b"Iteration %d, loss = %.3f" % (step, 1 / (step + 1)), b"Iteration %d, lr = 0.01" % step]
    parsed = parse(b"\n".join(lines) + b"\n")
    assert parsed.column("step").tolist() == list(range(40))
    assert parsed.column("train/learning_rate", "eval").tolist() == [0.01] * 40


@pytest.mark.parametrize("word", ["nan", "NaN", "NAN", "inf", "-inf", "Infinity"])
def test_nonfinite_values_are_values(word):
    text = b"".join(b"step %d loss %s lr 1e-4\n" % (i, word.encode()) for i in range(20))
    losses = parse(text).column("train/loss").tolist()
    assert len(losses) == 20
    assert not any(math.isfinite(loss) for loss in losses)


def test_units():
    text = b"".join(
        b"update %d | loss 2.5 | iter time (ms): 250.0 | mem 1.5GiB | seen 1.2M | 12,500 tok/s | load 50%%\n"
        % i
        for i in range(20)
    )
    parsed = parse(text)
    expected = {
        "perf/step_time": 0.25,
        "mem": 1.5 * 2**30,
        "seen": 1.2e6,
        "perf/tokens_per_sec": 12500,
        "load": 0.5,
    }
    assert {name: parsed.column(name)[0] for name in expected} == pytest.approx(expected)


def test_dates_and_places_are_no_metrics():
    text = b"".join(
        b"2026-11-21 10:00:%02d.5 train.py:88] step %d loss 2.5 eta 1:02:03\n" % (i, i) for i in range(20)
    )
    assert {names for _, _, names in parse(text).tables} == {("offset", "line", "step", "train/loss")}


def test_a_short_log_is_learnt_at_its_end():
    parser = LogParser()
    fed = parser.feed(b"".join(b"step %d loss 1.5\n" % i for i in range(4)))
    assert (parser.format, fed.unparsed) == (None, 4)
    rest = parser.flush()
    assert (parser.format, rest.unparsed, rest.tables[0].rows) == ("learned", -4, 4)
    assert rest.tables[0].column("line").tolist() == [1, 2, 3, 4]


def test_a_known_format_wins():
    text = b"step 1/9 (1.00%) | loss: 1.0\n" * 30
    assert parse(text).format == "nanochat"


def test_a_known_format_wins_after_another_was_learnt():
    text = log(LOGS["colons"]) + b"step 1/9 (1.00%) | loss: 1.0\n" * 3
    parsed = parse(text)
    assert parsed.format == "nanochat"
    assert len(parsed.column("step")) == 63


def test_what_was_kept_is_dropped_with_a_known_format():
    text = b"".join(b"upd %d xloss 2.5\n" % i for i in range(9)) + b"step 1/9 (1.00%) | loss: 1.0\n" * 3
    parsed = parse(text)
    assert (parsed.format, parsed.unparsed) == ("nanochat", 9)
    assert len(parsed.column("step")) == 3


NOTHING = {
    "prose": "In epoch {step} of our work the loss was great, and {total} readers liked step two.",
    "syslog": "Nov 21 {clock} node7 kernel: [{step}.123456] usb 1-1: device descriptor read, error -71",
    "access log": '10.0.0.7 - - [21/Nov/2026:{clock} +0000] "GET /batch/{step} HTTP/1.1" 200 {ms}',
    "pip": "Downloading torch-2.{step}.0.whl ({step}.4 MB) at {ms} MB/s",
    "source": "    loss = criterion(output[{step}], target)  # step {step}",
    "compiler": "train.cpp:{step}:{total}: warning: unused variable 'loss' [-Wunused]",
    "build": "[{step}/{total}] Building CXX object src/loss.dir/step_{step}.cpp.o",
    "benchmark": "bench_sort[{step}]   {ms} ops/s   0.01 ms   {total} iterations",
    "csv": "{step},{loss},{lr},{acc}",
    "errors": "error: line {step}: return code {step}, step {step} failed in batch {step}",
    "tests": "tests/test_loss.py::test_step_{step} PASSED [{step}%]",
    "vmstat": "nr_writeback_temp {step}",
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_learnt_from_other_text(name):
    parsed = parse(log(NOTHING[name], 300))
    assert parsed.format is None
    assert not parsed.tables


def test_few_step_lines_in_long_prose_are_an_example_not_a_log():
    text = b"Some words about this project.\n" * 60 + b"".join(b"step %d loss 1.5\n" % i for i in range(5))
    assert parse(text).format is None


def test_the_results_in_a_model_card_are_no_log():
    table = "| Training Loss | Epoch | Step | Validation Loss |\n|:---:|:---:|:---:|:---:|\n"
    table += "".join(f"| 0.{i}5 | {i}.0 | {1000 * i} | 0.5{i} |\n" for i in range(1, 9))
    assert parse(table.encode()).format == "learned"
    assert (
        parse(b"---\nlicense: mit\n---\n# A model\n\n### Training results\n\n" + table.encode()).format
        is None
    )


def test_two_lines_of_a_readme_are_no_log():
    lines = b"Epoch 0 | Step 0/90 | Loss: 8.5 | PPL: 7.5 | LR: 1e-5\nEpoch 1 | Step 9/90 | Loss: 7.5 | PPL: 6.5 | LR: 1e-5\n"
    assert parse(lines).format == "learned"
    assert parse(b"# Trainer\n\nIt prints:\n" + lines).format is None


def test_memory_is_bounded():
    learner = Learner()
    for i in range(3 * KEPT_LINES):
        learner.see(b"loss %d " % (i % 2) + b"x" * 1000, i, i)
    assert len(learner.kept) <= KEPT_LINES
    assert sum(len(kept.line) for kept in learner.kept) <= KEPT_BYTES


@pytest.mark.parametrize(
    "line", [b"loss " * 800, b"a" * 4000 + b" 1", b"1 " * 2000, b"1:1" * 1300, b"=" * 4000, b"1," * 2000]
)
def test_hard_lines_cost_little(line):
    import time

    begun = time.perf_counter()
    fields(line)
    assert time.perf_counter() - begun < 0.1


BOX = """-----------------------------
| rollout/      |           |
|    ep_rew_mean| {reward}   |
| time/         |           |
|    fps        | 941       |
|    total_timesteps | {step} |
| train/        |           |
|    loss       | {loss}    |
-----------------------------
"""


def test_boxes_of_names_and_values():
    text = "".join(BOX.format(reward=-100 + i, step=2048 * i, loss=5 / i) for i in range(1, 21)).encode()
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [2048 * i for i in range(1, 21)]
    assert parsed.column("train/loss", "eval").tolist() == [5 / i for i in range(1, 21)]
    assert len(parsed.column("fps", "eval")) == 20


def test_blocks_of_lines():
    text = "".join(
        f"Epoch: {i}/20\nTime: 3.5s - LR: 1e-4\nTrain Loss: {5 / i} - Train PPL: 3.5\n----\n"
        for i in range(1, 21)
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert parsed.column("total").tolist() == [20] * 20
    assert parsed.column("train/loss", "eval").tolist() == [5 / i for i in range(1, 21)]


@pytest.mark.parametrize("gap", ["   ", " | ", "\t"])
def test_tables_under_a_header(gap):
    rows = [gap.join(["E", "#", "LOSS NER", "SCORE"]), gap.join(["---"] * 4)]
    rows += [gap.join([str(i // 2), str(200 * i), "2.5", f"0.{i}"]) for i in range(8)]
    parsed = parse("\n".join(rows).encode(), formats=())
    assert parsed.column("step").tolist() == [200 * i for i in range(8)]
    assert parsed.column("LOSS NER").tolist() == [2.5] * 8


def test_tables_of_other_things_are_left_alone():
    rows = ["name   runs   score"] + [f"{i}   {i * 3}   0.5" for i in range(40)]
    assert parse("\n".join(rows).encode()).format is None


@given(st.lists(st.text("0123456789.,eE+-/:#%|[]() nainfkMs", max_size=24), min_size=16, max_size=40))
@settings(max_examples=100, deadline=None)
def test_every_value_is_a_number_of_the_text(texts):
    lines = [f"step {i} loss 1.5 x {text} y=2" for i, text in enumerate(texts)]
    parsed = parse("\n".join(lines).encode())
    steps = parsed.column("step")
    assert steps.tolist() == sorted(steps.tolist())
    for (_, _, names), matrix in parsed.tables.items():
        for name, column in zip(names[2:], matrix[2:], strict=True):
            for at, value in zip(matrix[1], column, strict=True):
                found = fields(lines[int(at) - 1].encode())
                units = [field.unit(name) for field in found]
                raw = [lines[int(at) - 1][f.start : f.end] for f in found]
                ends = [lines[int(at) - 1][slice(*f.total)] for f in found if f.total]
                seen = [unit.apply(number(text.encode())) for unit, text in zip(units, raw, strict=True)]
                seen += [float(text) for text in [*raw, *ends] if text.isdigit()]
                assert math.isnan(value) or value in seen


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
    "pair": Loop("[{epoch}, {batch:5d}] loss: {loss}", "batch"),
    "two ratios": Loop("[{epoch}/3][{batch}/200] D_loss: {loss} | lr: {a}", "global"),
    "batches": Loop("| epoch {epoch:3d} | {batch:5d}/  200 batches | ms/batch {a} | loss {loss}", "global"),
    "in epoch": Loop("Epoch {epoch}, Batch {batch}, Loss: {loss}", "batch", beside="Epoch {epoch} done. Average loss: {a}"),
    "names unknown": Loop("(epoch: {epoch}, iters: {batch}, time: {a}) G_A: {loss} D_A: {b}", "batch", "G_A"),
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


def test_a_block_below_its_step():
    lines = []
    for i in range(20):
        lines += [f"2030-01-02 03:04:05.678\tnode-03:0\ttrainer.train:990\tINFO\t[step={10 * i}/900,epoch=0]"]
        lines += [
            "    optim/total_grad_norm=0.5",
            f"    train/CrossEntropyLoss={5 / (i + 1):.3f}",
            "    train/Perplexity=9.5",
        ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [10 * i for i in range(20)]
    assert set(parsed.column("total")) == {900}
    assert parsed.column("train/loss", "eval").tolist() == [float(f"{5 / (i + 1):.3f}") for i in range(20)]


def test_lines_without_the_loss_are_no_records():
    lines = [
        f"epoch: {i // 10}, batch: {50 * (i % 10)}, AUC:0.5, ACC:0.25, loss:{2 / (i + 1):.4f}, avg_batch_cost: 0.5"
        for i in range(30)
    ]
    lines += [f"epoch: {i}, batch: 0, AUC: 0.5,ACC: 0.25, avg_batch_cost: 0.5" for i in range(4)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert len(parsed.column("step")) == len(parsed.column("train/loss")) == 30


@pytest.mark.parametrize(
    "settings_line",
    [
        "Namespace(arch='vit', lr=0.0{i}, epochs=300, loss=0.5, warmup_epochs=10)",
        "{{'dir': 'out', 'start_epoch': {i}, 'num_epoch': 50, 'phase': 'train', 'debug': False, 'ema': None, 'loss': 0.5}}",
    ],
)
def test_settings_are_no_records(settings_line):
    assert parse("\n".join(settings_line.format(i=i) for i in range(30)).encode()).format is None


def test_a_weak_format_without_a_loss_gives_way_to_lines_that_tell_it():
    engine = "[2030-01-02 03:04:05,678] [INFO] [logging.py:107:log_dist] [Rank 0] step={i}, skipped=0, lr=[2e-05], mom=[(0.9, 0.999)]"
    lines = []
    for i in range(60):
        lines += [engine.format(i=i), f"[Step {i}/100] Loss: {9 / (i + 1):.4f} | Tokens/s: 92.5"]
    parsed = parse("\n".join(lines).encode())
    assert (parsed.format, len(parsed.column("train/loss"))) == ("learned", 60)
    alone = parse("\n".join(lines[::2]).encode())
    assert (alone.format, len(alone.column("step"))) == ("deepspeed", 60)


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


def test_ranks_are_told_apart():
    text = b"".join(b"[rank%d] it %d loss %d.5 gnorm 2.5\n" % (r, i, r) for i in range(20) for r in range(2))
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [i for i in range(20) for _ in range(2)]
    assert parsed.column("rank").tolist() == [0, 1] * 20


def test_a_later_stage_with_another_head_is_read_as_another_kind_of_line():
    text = b"".join(b"[pretrain] iter %d/500 loss=%d.5 lr=0.1\n" % (i, i) for i in range(40))
    text += b"".join(b"[finetune] iter %d/300 loss=%d.25 lr=0.1 kl=0.5\n" % (i, i) for i in range(20))
    text += b"[best] iter 17/300 loss=3.25 lr=0.1\n"
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [*range(40), *range(20)]
    assert parsed.column("train/loss").tolist() == [
        *(i + 0.5 for i in range(40)),
        *(i + 0.25 for i in range(20)),
    ]
    assert len({pattern for _, pattern, _ in parsed.tables}) == 2


def test_the_loss_is_what_the_records_say():
    loop = HOME_MADE["estimates"]
    parsed = parse(loop.log()[0], formats=())
    assert len(parsed.column("train/loss")) == 30
    assert not len(parsed.column("train/loss", "eval"))
    assert len(parsed.column("train loss", "eval")) == len(parsed.column("val/loss", "eval")) == 6


def test_few_records_after_a_long_preamble():
    preamble = b"layer (linear)  some shape\n" * 200
    epochs = b"".join(b"Epoch %d/4 - loss: 0.%d - val_loss: 0.5\n" % (i, i) for i in range(1, 5))
    assert parse(preamble + epochs + b"Done.\n", formats=()).column("step").tolist() == [1, 2, 3, 4]
    assert parse(preamble + epochs + preamble, formats=()).format is None


def test_two_records_are_enough_if_they_say_much():
    line = b"iteration %d/ 100 | lm loss: 2.5E+00 | learning rate: 1.0E-04 | grad norm: 1.5\n"
    assert parse(line % 10 + line % 20, formats=()).column("step").tolist() == [10, 20]
    assert parse(b"step 10 loss 2.5\nstep 20 loss 2.25\n", formats=()).format is None


def test_examples_in_markdown_are_no_log():
    example = b"".join(b"Train Epoch: %d Loss: 0.%d Acc: 0.5\n" % (i, i) for i in range(1, 30))
    assert parse(b"# My model\n\n```shell\n$ ./train\n" + example + b"```\n", formats=()).format is None
    assert parse(b"sample:\n```\n" + example, formats=()).format == "learned"


@pytest.mark.parametrize("name", ["return", "score ="])
def test_few_lines_of_long_source_code_are_no_blocks(name):
    block = "    step: %d\n    {} %d.5;\n" + "  call();\n" * 60
    text = "".join(block.format(name) % (i, i) for i in range(5)).encode()
    assert parse(text, formats=()).format is None
    assert parse(text.replace(b"  call();\n", b""), formats=()).format == "learned"


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


def test_whole_records_are_waited_for_where_blocks_would_do():
    text = b"".join(
        b"Starting epoch %d\nEpoch[%d] - Iter: [0/6]\tLoss 2.5\tlr 0.1\nTest:\tLoss 1.5\n" % (e, e)
        for e in range(20)
    )
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [6 * e for e in range(20)]
    assert parsed.column("train/loss").tolist() == [2.5] * 20


def test_table_cells_that_are_no_numbers():
    rows = ["epoch     train_loss  valid_loss  accuracy  lr     time    gpu_mem"]
    rows += [f"{i}         0.5{i}        0.6         91.5%     1e-3   00:1{i}   7.8G" for i in range(8)]
    rows[4] += "  <- best"
    parsed = parse("\n".join(rows).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(8))
    assert parsed.column("train/loss").tolist() == [float(f"0.5{i}") for i in range(8)]
    assert {names for _, _, names in parsed.tables} == {
        ("offset", "line", "step", "train/loss", "val/loss", "accuracy", "train/learning_rate")
    }


def certainty(text: bytes) -> float:
    parser = LogParser(())
    parser.feed(text)
    parser.flush()
    assert parser.certainty is not None
    return parser.certainty


def test_certainty():
    clear = certainty(b"".join(b"step %d loss 2.5 lr 0.1\n" % i for i in range(60)))
    few = certainty(b"".join(b"step %d loss 2.5 lr 0.1\n" % i for i in range(4)))
    stepless = certainty(b"".join(b"loss 2.%d lr 0.1\n" % i for i in range(60)))
    odd = certainty(b"".join(b"epoch %d foo 2.5\n" % i for i in range(60)))
    assert 0 < stepless < few < clear <= 1
    assert 0 < odd < clear
    assert clear > 0.9
    assert LogParser(()).certainty is None


def test_after_many_records_a_learnt_format_stays():
    text = log("it {step}/{total} xloss={loss} lr={lr}", 1200)
    parsed = parse(text + b"step 1/9 (1.00%) | loss: 1.0\n" * 40)
    assert parsed.format == "learned"
    assert len(parsed.column("step")) >= 1200
    parse(text).same_as(parse(text, bulk=False))
    parse(text, [len(text) // 3, len(text) // 2]).same_as(parse(text))


@pytest.mark.parametrize(
    "line", [b"1.5s " * 200, b"1 " * 32 + b"x1 " * 90, b"-" * 1000, b"1-" * 500, b"1:11 " * 200]
)
def test_hard_rows_cost_little(line):
    import time

    table = TableMatcher((b"step", b"loss", *(b"column %d" % i for i in range(30))))
    begun = time.perf_counter()
    assert table.match(line) is None
    assert time.perf_counter() - begun < 0.1


HEADLINES = {
    "Epoch 3/30, as of Keras": "Epoch {epoch}/30\nloss: {loss:.4f} acc: 0.5\n",
    "Epoch: 3, as of epoch blocks": "Epoch: {epoch}\nmean loss = {loss:.4f}, acc = 0.5\n",
    "under rules, as of a box": "--------------------\nEpoch {epoch}\n--------------------\navg loss: {loss:.4f}\n",
    "in a box without steps": "------------------------------\n| epoch   | {epoch} |\n| loss | {loss:.4f} |\n",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_headlines_that_a_known_format_may_have_are_learnt_from_too(name):
    text = "".join(HEADLINES[name].format(epoch=epoch, loss=9 / epoch) for epoch in range(1, 31)).encode()
    parsed = parse(text)
    assert parsed.format == "learned"
    assert parsed.column("step").tolist() == list(range(1, 31))
    assert len(parsed.column("train/loss", "eval")) == 30
    parse(text, [100, 333, 700]).same_as(parsed)


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
    assert parse("\n".join(lines).encode(), formats=()).column("step").tolist() == [i % 10 for i in range(40)]


def test_rows_of_classes_are_no_steps():
    lines = []
    for epoch in range(40):
        lines += [f"class {i}: #TP= 4322, #FP= 1160, IoU=0.0{i}" for i in range(12)]
        lines += [f"{epoch} [D loss: 0.5, acc.: 70.30%] [G loss: 0.25]"]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(40))
    assert parsed.column("G loss").tolist() == [0.25] * 40


def plain(template: str, count: int = 5, **more: object) -> bytes:
    """Lines in a row that say all there is to know of a step."""
    return "".join(template.format(step=i + 1, clock=8 * i, **more) + "\n" for i in range(count)).encode()


PLAINLY = "[mine] it={step} of 350 train_loss=nan gnorm=nan lr=1e-4 dt=0.5s"


def test_plain_lines_are_believed_while_few():
    parser = LogParser()
    *before, newest = [parser.feed(line + b"\n") for line in plain(PLAINLY).splitlines()]
    assert not any(batch.tables for batch in before)
    (table,) = newest.tables
    assert table.column("step").tolist() == [1, 2, 3, 4, 5]
    assert table.column("total").tolist() == [350] * 5
    assert all(map(math.isnan, table.column("train/loss").tolist()))


@pytest.mark.parametrize(
    "text",
    [
        plain(PLAINLY, 4),
        plain(PLAINLY.replace(" of 350", ""), 5),
        plain("it={step} of 350 train_loss=nan", 5),
        plain("it={step} of 350 lr=1e-4 grad_norm=nan", 5),
        plain("epoch 1 it={step} of 350 train_loss=nan lr=1e-4", 5),
        plain("it={step} of 350 train_loss=nan lr=1e-4 time {clock}", 5),
        plain(PLAINLY, 4) + b"Epoch 2\n" + plain(PLAINLY, 5),
        plain(PLAINLY, 3) + b"saved\n" + plain(PLAINLY, 5)[3 * len(PLAINLY) :],
        plain("it=7 of 350 train_loss=nan lr=1e-4", 5),
        plain("val: it={step} of 350 val_loss=nan lr=1e-4", 5),
        b"# How to train\n" + plain(PLAINLY, 5),
        plain("it={step} of 35{step} train_loss=nan lr=1e-4", 5),
    ],
)
def test_few_lines_that_leave_doubts_are_waited_for(text):
    assert not LogParser().feed(text).tables


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
    assert parsed.column("train/loss", EVAL).tolist() == [float(f"{9 / i:.3f}") for i in range(1, 21)]
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
