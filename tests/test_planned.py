"""The planned number of steps, where only a setting says it."""

from __future__ import annotations

import re

import pytest

from runwatch.core.block import Block
from runwatch.core.fold.planned import planned_epochs, planned_steps
from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.parsers.log import LogParser

HEAD = 700
"""Bytes of the settings and the first records."""


def run_of(head: str, steps: int = 200, size: int = 1 << 20) -> Run:
    """Return the run of a log with a head, whose step lines print no total; read in pieces."""
    lines = [f"iter {step}: loss {4 - step / 300:.4f}, time 20.10ms, mfu 6.95%\n" for step in range(steps)]
    return folded(head + "\n" + "".join(lines), size)


def folded(text: str, size: int = 1 << 20) -> Run:
    """Return the run of a log, whose head is read in pieces."""
    data = text.encode()
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    pieces = [data[at : at + size] for at in range(0, HEAD, size)] + [data[-(-HEAD // size) * size :]]
    for batch in (*map(parser.feed, pieces), parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    return run


def test_what_tqdm_loggable_shows_before_its_first_step():
    line = "03:04:05.678 [I] Progress on: {} rate:- remaining:? elapsed:00:00 postfix:- (8:a.py:14)"
    assert run_of(line.format("-/600")).plan.steps == (600, "total_steps")
    assert run_of(line.format("4.00it/30.0kit")).plan.steps is None  # it rounds


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize(
    "head",
    [
        "Overriding: max_iters = 600",
        "max_iters: 600",
        "max_iters          : 600",
        "max_iters\t=\t600",
        "n_iters: 600",
        "Total steps: 600",
        "{'lr': 0.1, 'max_steps': 600, 'seed': 1}",
        '    "max_train_steps": 600,',
        "Namespace(lr=0.1, max_steps=600, warmup_steps=20)",
        "  train_iters ..................................... 600",
        "python train.py --max-steps 600 --lr 0.1",
        "2030-01-02 03:04:05 INFO total_steps = 600",
        "  MAX_ITER: 600",
        "    niter: 600",
        "Namespace(alg='deepq', num_timesteps=600.0, play=False)",
        "INFO:tensorflow:  Num steps = 600",
        "Namespace(lr=0.1, max_iterations=30000)\n[10:00:01.5] 6 iterations per epoch. 600 max iterations ",
    ],
)
def test_a_setting_in_the_head_of_the_log(head, size):
    run = run_of(head, size=size)
    progress = run.progress()
    assert (progress.total, round(progress.fraction or 0, 2)) == (600, 0.33)
    assert progress.eta_seconds == pytest.approx(400 * 0.0201, rel=0.01)
    assert progress.total_source.replace("num_train", "num") in re.sub("[- ]", "_", head).lower()


@pytest.mark.parametrize(
    "head",
    [
        "max_steps: -1",
        "max_steps = 0",
        "max_steps = 1.5",
        "max_steps = 100",  # was passed
        "max_steps = 600, total_steps = 900",
        "warmup_steps = 600",
        "max_episode_steps = 600",
    ],
)
def test_what_says_nothing_certain(head):
    progress = run_of(head).progress()
    assert (progress.total, progress.eta_seconds, progress.total_source) == (None, None, "")


def test_what_step_lines_print_goes_before():
    run = run_of("max_steps = 600")
    run.fold(Block({}, None, total=300))
    assert (run.planned, run.progress().total_source) == (300, "")


def test_configurations_next_to_the_log():
    assert planned_steps({"trainer/max_steps": "1,000", "lr": "0.1"}) == (1000, "max_steps")
    assert planned_steps({"max_steps": "1e4"}) == (10_000, "max_steps")
    assert planned_steps({"a/max_steps": "10", "b/total_steps": "10"}) in {
        (10, "max_steps"),
        (10, "total_steps"),
    }
    assert planned_steps({"max_steps": "none"}) is None
    assert planned_epochs({"trainer/max_epochs": "10", "max_steps": "-1"}) == (10, "max_epochs")
    assert planned_epochs({"max_epoch": "20", "reached/max_epochs": "10"}) == (10, "max_epochs")
    assert planned_epochs({"checkpoint/epochs": "20", "epochs": "10"}) == (10, "epochs")


def drawn(line: str, end: str, epochs: float, per: int = 50) -> str:
    """Return what a program prints that counts batches within epochs, of which none but these are over."""
    places = [(step // per, step % per + 1) for step in range(int(epochs * per))]
    return "".join(
        line.format(epoch=epoch, n=n, per=per, pct=100 * n // per, loss=3 - epoch / 4 - n / 100)
        + ("\n" if n == per else end)
        for epoch, n in places
    )


NESTED = {
    "lightning": (
        "Epoch {epoch}: {pct:3d}%|###  | {n}/{per} [00:01<00:02, 9.8it/s, v_num=0, train_loss={loss:.3f}]",
        "\r",
    ),
    "tqdm": ("Epoch {epoch}: {pct:3d}%|###  | {n}/{per} [00:01<00:02,  9.8it/s, loss={loss:.3f}]", "\r"),
    "plain": ("Epoch {epoch} Batch {n}/{per} Loss {loss:.4f}", "\n"),
    "timm": (
        "Train: {epoch} [{n:4d}/{per} ({pct:3d}%)]  Loss: {loss:.2f} ({loss:.2f})  Time: 0.316s,  405.65/s"
        "  (0.344s,  371.84/s)  LR: 1.0e-01  Data: 0.010 (0.020)",
        "\n",
    ),
    "openmmlab": (
        "2030-01-02 03:04:05,678 - mmdet - INFO - Epoch [{epoch}][{n}/{per}]\tlr: 1.250e-03, eta: 0:01:02,"
        " time: 0.512, data_time: 0.010, memory: 100, loss: {loss:.4f}",
        "\n",
    ),
}


@pytest.mark.parametrize("epochs", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("program", NESTED)
def test_where_an_epoch_ends_is_no_total(program, epochs):
    progress = folded(drawn(*NESTED[program], epochs)).progress()
    assert (progress.total, progress.fraction, progress.eta_seconds) == (None, None, None)


@pytest.mark.parametrize(
    "head",
    [
        *("max_epochs: 8", "python train.py --epochs 8", "{'lr': 0.1, 'epochs': 8}", "    epochs: 8"),
        *("python train.py --n_epoch=8", "Beginning training 8 epochs, batch size 4."),
        "Training for 8 epoch(s)\u2026",
    ],
)
@pytest.mark.parametrize("program", NESTED)
def test_epochs_of_the_settings_times_steps_of_an_epoch(program, head):
    progress = folded(head + "\n" + drawn(*NESTED[program], 2.5)).progress()
    assert progress.total == 400
    assert progress.total_source.endswith(" x 50 steps of an epoch")


EPOCHS_PLANNED = [
    "max_epochs: 8",
    "    epochs: 8",
    *("  Epochs:              8", "num_epochs           (8)"),
    "EPOCHS = 8",
    "Number of epochs: 8",
    " * epochs : 8",
    "| epochs | 8 |\n| lr | 0.1 |",
    "epochs....................8",
    "[2030-01-02 03:04:05] INFO: Epochs: 8",
    "Total Epoch:8 Image_size:(256, 256)",
    "MF: dataset=frappe, #epoch=8, batch=128",
    "Namespace(dim=50, epoch=8, init=None)",
    "{'TRAIN': {'FLAG': True, 'MAX_EPOCH': 8}}",
    "Training ResNet18 for 8 epochs with initial learning rate 0.1",
    "Starting training for 8 epochs...",
    "Training for 1 epochs started!\nTraining for 8 epochs started!",
    '2030-01-02 03:04:05,678  - max_epochs: "8"',
    "2030-01-02 03:04:05,678 - mmdet - INFO - workflow: [('train', 1)], max: 8 epochs",
]


@pytest.mark.parametrize("head", EPOCHS_PLANNED)
def test_epochs_of_the_settings_where_the_step_is_an_epoch(head):
    lines = [f"Epoch {epoch} | train loss: {3 - epoch / 4:.3f} | val loss: 2.5" for epoch in range(5)]
    progress = folded("\n".join([head, *lines, ""])).progress()
    assert (progress.step, progress.total) == (4, 8)


def test_epochs_of_the_settings_where_a_column_is_of_epochs():
    rows = "".join(f"{epoch}  | {3 - epoch / 4:.3f} | 2.5\n" for epoch in range(1, 5))
    progress = folded(f"epochs: 8\nep | train loss | val loss\n{rows}").progress()
    assert (progress.step, progress.total) == (4, 8)


@pytest.mark.parametrize(
    ("head", "total"),
    [
        ("Training for 800 steps", 800),
        ("[2030-01-02 03:04:05] INFO: Starting training of gpt for 8,000 iterations.", 8000),
        ("Training took a minute for 800 steps of warmup", None),
        ("Trained for 800 steps.", None),
    ],
)
def test_steps_that_a_sentence_plans(head, total):
    lines = [f"step {step} loss {3 - step / 400:.4f}" for step in range(0, 400, 20)]
    assert folded("\n".join([head, *lines, ""])).progress().total == total


@pytest.mark.parametrize(
    "head",
    [
        "max_epochs: 3",  # was passed
        "No improvement of the loss for 8 epochs",
        "warmup_epochs: 8",
        "Epoch=8, patience=3",
    ],
)
def test_what_says_nothing_of_the_epochs(head):
    lines = [f"Epoch {epoch} | train loss: {3 - epoch / 4:.3f} | val loss: 2.5" for epoch in range(5)]
    assert folded("\n".join([head, *lines, ""])).progress().total is None


def test_epochs_in_the_line_go_before():
    line = "Epoch {epoch}/3: {pct:3d}%|###  | {n}/{per} [00:01<00:02,  9.8it/s, loss={loss:.3f}]"
    progress = folded("max_epochs: 8\n" + drawn(line, "\r", 1.5)).progress()
    assert (progress.total, progress.total_source) == (150, "")


def test_more_epochs_than_the_settings_say_count_something_else():
    assert folded("max_epochs: 2\n" + drawn(*NESTED["plain"], 2.5)).planned is None


def litgpt(left: float, seconds: float = 0.5) -> str:
    """Return what LitGPT prints in 20 steps, of which each is said to leave so much less, from 100 s on."""
    lines = ""
    for step in range(20):
        rest = max(0, int(100 - left * step))
        lines += (
            f"Epoch 1 | iter {step} step {step} | loss train: {4 - step / 10:.3f}, val: n/a | iter time: "
            f"{seconds * 1000:.2f} ms (step) remaining time: 0:{rest // 60:02d}:{rest % 60:02d}\n"
        )
    return lines


def test_the_remaining_time_that_a_program_prints():
    progress = folded(litgpt(0.5)).progress()
    assert progress.eta_seconds == 90
    assert progress.eta_source == "the remaining time that it prints"
    assert (progress.total, progress.fraction) == (None, None)


@pytest.mark.parametrize("left", [0.0, 2.0, -1.0])
def test_a_remaining_time_that_does_not_pass_as_time_does(left):
    progress = folded(litgpt(left)).progress()
    assert (progress.eta_seconds, progress.eta_source) == (None, "")


def test_a_share_that_is_printed_without_a_total():
    lines = [
        f"step {step:05d} ({step / 2.5:.2f}%) | loss: {3 - step / 100:.6f} | lrm: 1.00 | dt: 100.00ms | "
        f"tok/sec: 1,051,311 | mfu: 63.45 | epoch: 1 | total time: 0.46m\n"
        for step in range(1, 101)
    ]
    progress = folded("".join(lines)).progress()
    assert (progress.step, progress.total, progress.fraction) == (100, None, pytest.approx(0.4))
    assert progress.eta_seconds == pytest.approx(15.0, rel=0.02)


def test_a_run_that_another_source_leads_again_keeps_its_plan():
    run = Run("run", "run")
    run.add_facts({"trainer/max_epochs": "8", "max_steps": "400"})
    anew = run.led_anew(None)
    assert (anew.plan.epochs, anew.plan.steps) == ((8, "max_epochs"), (400, "max_steps"))


TRAINER = "".join(
    f"{{'loss': {3 - n / 20}, 'learning_rate': 0.5, 'epoch': {n / 20}}}\n" for n in range(1, 21)
)
TRAINER += "{'train_runtime': 9.5, 'train_samples_per_second': 2.5, 'train_loss': 1.5, 'epoch': 1.0}\n"
DETECTRON = "".join(
    f"[01/02 03:04:05 d2.utils.events]:  eta: 0:10:00  iter: {n}  total_loss: {3 - n / 20}  time: 0.5  lr: 0.001\n"
    for n in range(20)
)
DETECTRON += (
    "[01/02 03:04:05 d2.engine.hooks]: Overall training speed: 18 iterations in 0:00:09 (0.5 s / it)\n"
)
TWICE = {
    "settings": ("Num Epochs = 1 | Total steps = {}\n", TRAINER),
    "plan": ("***** Running training *****\n  Total optimization steps = {}\n", TRAINER),
    "configuration": ("SOLVER:\n  MAX_ITER: {}\n", DETECTRON),
}


@pytest.mark.parametrize("size", [7, 61, 1 << 20])
@pytest.mark.parametrize("kind", TWICE)
def test_what_is_planned_between_two_runs_is_of_the_second(kind, size):
    head, lines = TWICE[kind]
    points = "Number of points at initialisation : {}\n"
    data = "".join(head.format(n) + points.format(n) + lines for n in (20, 40)).encode()
    parser, splitter, runs = LogParser(), Splitter(), [Run("run", "run")]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for batch in (*map(parser.feed, pieces), parser.flush()):
        for segment in splitter.split(batch):
            if segment.begins_run:
                runs.append(Run("run", "run"))
            runs[-1].fold(segment.block)
    assert [(run.planned, run.about["points"]) for run in runs] == [(20, "20"), (40, "40")]
