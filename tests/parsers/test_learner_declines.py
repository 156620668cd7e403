"""What is no training log is left alone by the learner."""

from __future__ import annotations

import pytest

from .logs import parse
from .templates import log

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
    "predictions": "Predicting batch {step}/{total} score 0.{step}",
    "inference": "inference iter {step}, latency {ms} ms, score 0.{step}",
    "vmstat": "nr_writeback_temp {step}",
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_learned_from_other_text(name):
    parsed = parse(log(NOTHING[name], 300))
    assert parsed.format is None
    assert not parsed.tables


def test_few_step_lines_in_long_prose_are_an_example_not_a_log():
    text = b"Some words about this project.\n" * 60 + b"".join(b"step %d loss 1.5\n" % i for i in range(5))
    assert parse(text).format is None


EPOCHS = [
    f"Epoch {i} | train loss {2 / i:.4f} acc 0.{i} | val loss {3 / i:.4f}\n".encode() for i in range(1, 9)
]
LONG = b"Some words about what was done then.\n" * 600


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        (b"".join(EPOCHS), True),
        (b"prepared\n".join(EPOCHS), False),
        (b"epoch:  40%|####      | 2/5 [00:01<00:02]\repoch:  60%|######    | 3/5 [00:02<00:01]\nsaved\n".join(EPOCHS), True),
    ],
    ids=["below each other", "apart", "between bars"],
)  # fmt: skip
def test_few_lines_in_a_long_text_are_believed_if_they_say_much_in_a_row_or_a_program_drew_bars(
    text, learned
):
    assert (parse(text + LONG).format == "learned") is learned


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


def test_tables_of_other_things_are_left_alone():
    rows = ["name   runs   score"] + [f"{i}   {i * 3}   0.5" for i in range(40)]
    assert parse("\n".join(rows).encode()).format is None


@pytest.mark.parametrize(
    "settings_line",
    [
        "Namespace(arch='vit', lr=0.0{i}, epochs=300, loss=0.5, warmup_epochs=10)",
        "{{'dir': 'out', 'start_epoch': {i}, 'num_epoch': 50, 'phase': 'train', 'debug': False, 'ema': None, 'loss': 0.5}}",
    ],
)
def test_settings_are_no_records(settings_line):
    assert parse("\n".join(settings_line.format(i=i) for i in range(30)).encode()).format is None


def test_examples_in_markdown_are_no_log():
    example = b"".join(b"Train Epoch: %d Loss: 0.%d Acc: 0.5\n" % (i, i) for i in range(1, 30))
    assert parse(b"# My model\n\n```shell\n$ ./train\n" + example + b"```\n", formats=()).format is None
    assert parse(b"sample:\n```\n" + example, formats=()).format == "learned"


def test_a_code_block_too_long_for_an_example_shows_that_all_are_of_a_log():
    """Runs that somebody pasted into a Markdown text: the first of them counts too."""
    runs = [
        b"## Run\n```\n"
        + b"".join(b"Train Epoch: %d Loss: 0.%d\n" % (i, i) for i in range(1, last))
        + b"```\n"
        for last in (101, 401)
    ]
    steps = parse(b"".join(runs), formats=()).column("step").tolist()
    assert steps == [*range(1, 101), *range(1, 401)]


@pytest.mark.parametrize("name", ["return", "score ="])
def test_few_lines_of_long_source_code_are_no_blocks(name):
    block = "    step: %d\n    {} %d.5;\n" + "  call();\n" * 60
    text = "".join(block.format(name) % (i, i) for i in range(5)).encode()
    assert parse(text, formats=()).format is None
    assert parse(text.replace(b"  call();\n", b""), formats=()).format == "learned"


def test_rows_of_classes_are_no_steps():
    lines = []
    for epoch in range(40):
        lines += [f"class {i}: #TP= 4322, #FP= 1160, IoU=0.0{i}" for i in range(12)]
        lines += [f"{epoch} [D loss: 0.5, acc.: 70.30%] [G loss: 0.25]"]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(40))
    assert parsed.column("train/loss").tolist() == [0.25] * 40


def test_entries_of_an_object_over_many_lines_are_no_records():
    text = "".join(
        f"    {i}: {{'model_id': {i}, 'rank': {i % 7}, 'cost': 0.{i}, 'ensemble_weight': 0.02, 'data': <a.b\n"
        for i in range(10, 40)
    )
    assert parse(text.encode(), formats=()).format is None


@pytest.mark.parametrize(
    "line",
    [
        "sample {i}: score 0.{i} label 1",
        "image {i} psnr 2{i}.5 ssim 0.{i}",
        "batch {i} of 40 inferred in 0.{i} s, mean confidence 0.{i}",
    ],
)
def test_things_that_are_scored_one_by_one_are_no_steps(line):
    assert parse("".join(f"{line.format(i=i)}\n" for i in range(10, 50)).encode()).format is None


@pytest.mark.parametrize(
    "line",
    [
        "Precision: 0.{i} Recall: 0.{i} F1-measure: 0.{i}",
        "layers=2, hidden=32 -> MAE=5.{i}, F1=0.{i}",
        "Probe of head 9.{i} (sign=1): top 5 accuracy: {i}.5%, AUC: 0.{i}",
        "depth={i}: test accuracy = 0.8{i}",
        "Bundle adjustment {i}5.25 ms, final cost: 0.{i}",
    ],
)
def test_results_without_a_step_are_no_training(line):
    def text(line: str) -> bytes:
        return "".join(f"{line.format(i=i)}\n" for i in range(10, 50)).encode()

    assert parse(text(line), formats=()).format is None
    assert parse(text(f"{line}, train loss 0.{{i}}"), formats=()).format == "learned"


def test_settings_of_many_experiments_are_none():
    rows = [
        f'{{"file": "out_{i}.csv", "parameters": {{"width": {64 * i}, "rate": 0.{i}, "epochs": {10 * i}}}}}'
        for i in range(1, 9)
    ]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert (parsed.format, len(parsed.column("step"))) == (None, 0)


def test_how_many_epochs_are_planned_is_no_heading():
    rows = [f"agent: \tepochs: 50\nagent: \tmargin: 0.5\nsync:  train_loss {9 / i}\n" for i in range(1, 9)]
    assert len(parse("".join(rows).encode()).column("step")) == 0
