"""What a figure is of: counted values are no steps, single values no levels, printed times not all times."""

from __future__ import annotations

import math
from pathlib import Path

from ..cli.command import called
from .logs import stamped


def _report(path: Path, text: str) -> str:
    path.write_text(text)
    done = called("report", path, "--markdown", cwd=path.parent, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_evaluations_without_steps_are_not_compared_with_training(tmp_path: Path) -> None:
    lines = []
    for epoch in range(1, 31):
        rate = 1e-4 * (1 + math.cos(math.pi * epoch / 30)) / 2
        lines.append(
            f"{{'loss': {3 / epoch + 0.5:.4f}, 'learning_rate': {rate:.6e}, 'epoch': {epoch / 10:.2f}}}\n"
        )
        if epoch % 10 == 0:
            lines.append(f"{{'eval_loss': {0.7 + epoch / 1000:.4f}, 'epoch': {epoch / 10:.2f}}}\n")
    text = _report(tmp_path / "run.log", "".join(lines))
    assert "The best val loss is 0.7100" in text
    for wrong in (
        "below training",
        "above training",
        "step nan",
        "from first to last record",
        "0.7300 at step",
    ):
        assert wrong not in text


def test_trainings_one_after_the_other_are_said_to_be_mixed(tmp_path: Path) -> None:
    one = "".join(
        f"step {step}/30 loss: {1 / step:.4f} val_loss: {1 / step + 0.1:.4f}\n" for step in range(1, 21)
    )
    text = _report(tmp_path / "run.log", one * 3)
    verdict = text.split("## Verdict")[1].split("##")[0]
    assert "Training began again twice from step 1" in verdict
    assert "of all 3 trainings together" in verdict


def test_a_step_time_of_every_tenth_step_is_called_that(tmp_path: Path) -> None:
    rows = (
        f"step {step}/400 loss: {2 + 1 / step:.4f} step_time: {0.5 + step % 3 / 10:.3f}s\n"
        for step in range(10, 401, 10)
    )
    text = _report(tmp_path / "run.log", "".join(rows))
    assert "The log prints one step time for every 10 steps, 40 in all." in text
    assert "A step took" not in text
    assert "One is printed for every 10 steps and taken as that of each of them. If it is that of" in text


def test_values_that_scatter_are_called_single(tmp_path: Path) -> None:
    rows = (
        f"step {step}/200 loss: {2 * (1 + 0.3 * math.sin(step * 12.9898)):.4f}\n" for step in range(1, 201)
    )
    text = _report(tmp_path / "run.log", "".join(rows))
    assert "(single values, which scatter by" in text
    assert "the lowest single value" in text
    assert "It is on a plateau" not in text


def test_a_plateau_with_one_better_median_is_not_called_resolved(tmp_path: Path) -> None:
    def loss(step: int) -> float:
        level = 2 + 3 * math.exp(-step / 60) if step < 1_500 else 1.985
        return level * (1 + 0.001 * math.sin(step * 12.9898))

    text = _report(tmp_path / "run.log", "".join(f"step {s} loss: {loss(s):.5f}\n" for s in range(1, 4_001)))
    assert "info (interrupted)" in text
    assert "info (resolved)" not in text


def test_the_best_value_so_far_is_not_the_validation(tmp_path: Path) -> None:
    lines = []
    for epoch in range(1, 13):
        train = f'"_type": "train_epoch", "epoch": "{epoch}/12", "loss": {2 / epoch:.4f}'
        error = 30 + abs(epoch - 6)
        best = f'"min_top1_err": {30 + max(0, 6 - epoch)}.0, "top1_err": {error}.0'
        lines += [
            f"json_stats: {{{train}}}\n",
            f'json_stats: {{"_type": "val_epoch", "epoch": "{epoch}/12", {best}}}\n',
        ]
    verdict = _report(tmp_path / "run.log", "".join(lines)).split("## Verdict")[1].split("##")[0]
    assert "The best val top1 err is 30, the last 36." in verdict


def test_how_a_run_ended_is_said_once(tmp_path: Path) -> None:
    rows = "".join(f"step {step}/500 loss: {2 + 1 / step:.4f}\n" for step in range(1, 61))
    crash = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: bad shape\n'
    verdict = _report(tmp_path / "run.log", rows + crash).split("## Verdict")[1].split("##")[0]
    assert verdict.count("ValueError: bad shape") == 1


def test_launches_are_counted_and_a_pause_between_two_is_a_restart(tmp_path: Path) -> None:
    head = ["Namespace(config='kitchen.yaml', resume=True, out='runs/one')", "The data has folders of images"]
    head += ["Resuming from checkpoint runs/one/last.pt", "The model is on its device, training begins"]
    rows: list[tuple[float, str]] = []
    now = 0.0
    for launch, (first, last) in enumerate([(1, 100), (101, 200), (201, 200), (201, 300)]):
        now += 3_600.0 * (launch > 0)
        rows += [(now, line) for line in head]
        for step in range(first, last + 1):
            now += 1.0
            rows.append((now, f"step {step}/400 loss: {2 + 3 / step:.4f}"))
        rows.append((now + 0.5, f"Saving checkpoint to runs/one/step_{last}.pt"))
    text = _report(tmp_path / "run.log", stamped(rows))
    assert "The log has 3 launches that trained." in text
    assert "| restart | 2 | 3h 00m |" in text


def test_lines_that_each_rank_prints_are_no_launches(tmp_path: Path) -> None:
    head = (
        "Namespace(config='kitchen.yaml')\nThe data has folders of images\nResuming from runs/one/last.pt\n"
    )
    rows = "".join(f"step {step}/400 loss: {2 + 3 / step:.4f}\n" for step in range(1, 101))
    assert "launches" not in _report(tmp_path / "run.log", head * 30 + rows)


def test_a_first_value_apart_from_the_rest_does_not_decide_which_way_a_loss_went(tmp_path: Path) -> None:
    rows = (f"step {step} loss: {1.5 if step == 1 else 14 - step / 300:.4f}\n" for step in range(1, 301))
    text = _report(tmp_path / "run.log", "".join(rows))
    assert "The loss went from 1.500 to 13.00 (single values; medians fell from 13.99" in text
