"""A Hugging Face Trainer reporting to W&B and TensorBoard, watched from before, within and after its run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from .watching import Object, Watched, check, watch

pytestmark = pytest.mark.real
METRICS = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "learning_rate": "train/learning_rate",
    "eval_loss": "val/loss",
}


def trained(tmp_path: Path, *arguments: str, kill: bool = False) -> tuple[Watched, dict[str, list[float]]]:
    """Run the Trainer in `tmp_path`/run; return what was told of it and what it says it logged, by name."""
    top, said = tmp_path / "run", tmp_path / "said.json"
    ending = "stalled" if kill else "finished"
    watched = watch(top, "hf_run.py", top, said, *arguments, log="train.log", kill=kill, ending=ending)
    logged: dict[str, list[float]] = {}
    for row in json.loads(said.read_text()):
        for name, value in row.items():
            logged.setdefault(name, []).append(value)
    return watched, logged


def same(run: Object, logged: dict[str, list[float]], kept: Callable[[float], float]) -> None:
    """Compare the summaries of all metrics with those of the logged values as a source keeps them."""
    for ours, name in METRICS.items():
        values = [kept(value) for value in logged[ours]]
        assert run["metrics"][name] | {"printed": ""} == summary(values) | {"printed": ""}, name


def summary(values: Sequence[float]) -> Object:
    finite = [value for value in values if math.isfinite(value)]
    out = {
        "count": len(values),
        "first": finite[0],
        "last": finite[-1],
        "min": min(finite),
        "max": max(finite),
        "newest": values[-1] if math.isfinite(values[-1]) else str(values[-1]),
    }
    return {**out, "nonfinite": len(values) - len(finite)}


def printed(value: float) -> float:
    """As the Trainer prints it."""
    return float(f"{value:.4g}")


def test_a_run_told_by_log_wandb_and_tensorboard(tmp_path):
    watched, logged = trained(tmp_path)
    assert watched.code == 0
    run = watched.agree()
    assert (run["format"], run["state"]) == ("hf-trainer", "finished")
    assert (run["steps"]["records"], run["steps"]["last"], run["steps"]["total"]) == (30, 30, 30)
    assert {Path(source).suffix for source in run["sources"]} >= {".log", ".wandb", ".0", ".json"}
    same(run, logged, printed)
    assert [(c["step"], c["complete"]) for c in run["checkpoints"]] == [(20, True), (30, True)]
    assert [i["rule"] for i in run["incidents"] if i["severity"] != "info"] == []
    (exact,) = check(tmp_path / "run" / "wandb")[0].values()
    assert exact["format"] == "wandb"
    same(exact, logged, float)
    (single,) = check(tmp_path / "run" / "runs")[0].values()
    assert single["format"] == "tfevents"
    same(single, logged, lambda value: float(np.float32(value)))


def test_a_run_that_is_killed(tmp_path):
    watched, logged = trained(tmp_path, kill=True)
    assert watched.code == -9
    run = watched.agree()
    assert (run["state"], run["steps"]["records"], run["steps"]["total"]) == ("stalled", 10, 30)
    same(run, logged, printed)
    assert "hang" in [i["rule"] for i in run["incidents"]]


def test_a_loss_that_turns_nan(tmp_path):
    watched, logged = trained(tmp_path, "nan")
    run = watched.agree()
    assert (run["state"], run["metrics"]["train/loss"]["nonfinite"]) == ("finished", 15)
    same(run, logged, printed)
    found = [i for i in run["incidents"] if i["rule"] == "nonfinite"]
    assert found
    assert {i["step"] for i in found} == {16}
    live = [o for o in watched.seen if o["type"] == "incident" and o["incident"]["rule"] == "nonfinite"]
    assert [o["change"] for o in live][:1] == ["firing"]
    assert [end["exit_code"] for end in watched.seen if end["type"] == "end"] == [1]
