"""The planned number of steps, where only a setting says it."""

from __future__ import annotations

import pytest

from runwatch.core.planned import planned_steps
from runwatch.core.run import Run
from runwatch.core.run_boundaries import Splitter
from runwatch.parsers.log import LogParser


def run_of(head: str, steps: int = 200, size: int = 1 << 20) -> Run:
    """Return the run of a log with a head, whose step lines print no total; read in pieces."""
    lines = [f"iter {step}: loss {4 - step / 300:.4f}, time 20.10ms, mfu 6.95%\n" for step in range(steps)]
    data = (head + "\n" + "".join(lines)).encode()
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    for batch in (*(parser.feed(data[at : at + size]) for at in range(0, len(data), size)), parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    return run


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize(
    "head",
    [
        "Overriding: max_iters = 600",
        "max_iters: 600",
        "{'lr': 0.1, 'max_steps': 600, 'seed': 1}",
        '    "max_train_steps": 600,',
        "Namespace(lr=0.1, max_steps=600, warmup_steps=20)",
        "  train_iters ..................................... 600",
        "python train.py --max-steps 600 --lr 0.1",
        "2030-01-02 03:04:05 INFO total_steps = 600",
        "  MAX_ITER: 600",
        "    niter: 600",
        "Namespace(alg='deepq', num_timesteps=600.0, play=False)",
    ],
)
def test_a_setting_in_the_head_of_the_log(head, size):
    run = run_of(head, size=size)
    progress = run.progress()
    assert (progress.total, round(progress.fraction or 0, 2)) == (600, 0.33)
    assert progress.eta_seconds == pytest.approx(400 * 0.0201, rel=0.01)
    assert progress.total_source in head.replace("-", "_").lower()


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
    run.total = 300
    assert (run.planned, run.progress().total_source) == (300, "")


def test_configurations_beside_the_log():
    assert planned_steps({"trainer/max_steps": "1,000", "lr": "0.1"}) == (1000, "max_steps")
    assert planned_steps({"max_steps": "1e4"}) == (10_000, "max_steps")
    assert planned_steps({"a/max_steps": "10", "b/total_steps": "10"}) in {
        (10, "max_steps"),
        (10, "total_steps"),
    }
    assert planned_steps({"max_steps": "none"}) is None
