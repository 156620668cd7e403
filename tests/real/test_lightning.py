"""Lightning with a CSVLogger, checkpoints and its bar on a pipe, watched from before, within and after its run."""

from __future__ import annotations

import json
import math

import pytest

from .watching import check, watch

pytestmark = pytest.mark.real


def test_a_run_told_by_bar_and_metrics_file(tmp_path):
    top, said = tmp_path / "run", tmp_path / "said.json"
    watched = watch(top, "lightning_bar.py", top, said, log="train.log")
    assert watched.code == 0
    logged = [row["train_loss"] for row in json.loads(said.read_text())]
    run = watched.agree()
    assert run["state"] == "finished"
    assert [(c["step"], c["complete"]) for c in run["checkpoints"]] == [(10, True), (20, True), (30, True)]
    assert run["incidents"] == []
    (exact,) = check(top / "lightning_logs")[0].values()
    loss = exact["metrics"]["train/loss"]
    wanted = (len(logged), logged[0], logged[-1], min(logged), max(logged))
    assert tuple(loss[key] for key in ("count", "first", "last", "min", "max")) == wanted
    assert exact["metrics"]["val/loss"]["count"] == 3


def test_a_loss_that_turns_nan(tmp_path):
    """The bar fills NaN up to `nan.0`, as it does numbers."""
    top, said = tmp_path / "run", tmp_path / "said.json"
    watch(top, "lightning_bar.py", top, said, "nan", log="train.log")
    logged = [row["train_loss"] for row in json.loads(said.read_text())]
    nonfinite = sum(not math.isfinite(loss) for loss in logged)
    assert nonfinite > 10
    (run,) = check(top / "train.log")[0].values()
    loss = run["metrics"]["train/loss"]
    assert (run["format"], loss["count"], loss["nonfinite"]) == ("progress-bar", len(logged), nonfinite)
    assert run["metrics"]["val/loss"]["nonfinite"] == 1
    found = [i for i in run["incidents"] if i["rule"] == "nonfinite"]
    assert {i["step"] for i in found if i["metric"] == "train/loss"} == {len(logged) - nonfinite + 1}
