"""The corpus report says which logs are read exactly, and where the others differ."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.corpus import differences

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "corpus.py"
LOSS = {"count": 3, "first": 3.5, "last": 2.5, "min": 2.5, "max": 3.5, "nonfinite": 0}
CORE = {"records": 3, "first_step": 1, "last_step": 3, "total_steps": 9, "metrics": {"train/loss": LOSS}}
RUNS = {5: list(enumerate((3.5, 3.4, 3.3, 3.2, 3.1), 1)), 3: list(enumerate((9.5, 9.4, 9.3), 1))}
NOTHING = {"records": 0, "metrics": {}}


def log(losses: str = "3.5 3.0 2.5") -> str:
    return "".join(f"step {i + 1}/9 (1.00%) | loss: {x} | dt: 2.00ms\n" for i, x in enumerate(losses.split()))


def report(corpus: Path, *logs: tuple[str, str, dict], options=()) -> subprocess.CompletedProcess[str]:
    rows = []
    for number, (name, text, core) in enumerate(logs):
        (corpus / f"{number}.log").write_text(text)
        rows.append(json.dumps({"path": f"{number}.log", "format": name, "core": core}))
    (corpus / "index.jsonl").write_text("\n".join(rows) + "\n")
    command = [sys.executable, SCRIPT, corpus, "--jobs", "2", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.deep
def test_exact(tmp_path):
    nonfinite = {"count": 3, "nonfinite": 1, "first": None, "last": 2.5, "min": 2.5, "max": 3.0}
    done = report(
        tmp_path,
        ("nanochat", log(), CORE),
        ("nanochat", log("nan 3.0 2.5"), {**CORE, "metrics": {"train/loss": nonfinite}}),
        ("noise", "Hello\n" * 9, NOTHING),
    )
    assert done.returncode == 0, done
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["format", "files", "exact", "wrong"],
        ["nanochat", "2", "2", "0"],
        ["noise", "1", "1", "0"],
        ["total", "3", "3", "0", "100.0", "%", "exact"],
    ]


def test_a_metric_that_may_be_missing_is_no_difference():
    run = {"steps": {"records": 3, "first": 1, "last": 3, "total": 9}, "metrics": {}}
    assert list(differences({**CORE, "metrics": {"train/loss": {"last": [2.5, None]}}}, run)) == []
    (found,) = differences({**CORE, "metrics": {"train/loss": {"first": 3.5, "last": [2.5, None]}}}, run)
    assert str(found) == "train/loss: expected some values, got none"


@pytest.mark.parametrize(
    ("core", "said"),
    [
        ({**CORE, "records": 4}, ("steps.records", 4, 3)),
        ({**CORE, "total_steps": 10}, ("steps.total", 10, 9)),
        ({**CORE, "metrics": {"train/loss": {**LOSS, "min": 2.6}}}, ("train/loss.min", 2.6, 2.5)),
        ({**CORE, "metrics": {"val/loss": LOSS}}, ("val/loss", "3 values", "none")),
    ],
)
def test_the_difference(core, said):
    run = {"steps": {"records": 3, "first": 1, "last": 3, "total": 9}, "metrics": {"train/loss": LOSS}}
    assert list(differences(CORE, run)) == []
    assert [(found.field, found.expected, found.got) for found in differences(core, run)] == [said]


@pytest.mark.parametrize(
    ("core", "said"),
    [
        ({"last_step": [2, 3], "metrics": {"train/loss": {"last": [7.0, 2.5]}}}, []),
        ({"last_step": [2, 4], "metrics": {}}, ["steps.last"]),
        ({"metrics": {"train/loss": {"last": [7.0, None]}}}, ["train/loss.last"]),
        ({"metrics": {"validation": {"last": [0.8, 80.0]}}}, []),
        ({"metrics": {"validation": {"last": [0.9]}}}, ["validation"]),
    ],
)
def test_what_several_readers_would_accept(core, said):
    run = {"steps": {"records": 3, "last": 3}, "metrics": {"train/loss": LOSS, "val/accuracy": {"last": 0.8}}}
    assert [found.field for found in differences(core, run)] == said


@pytest.mark.parametrize(("accepted", "said"), [([30, 29], []), ([31], ["steps.last"]), (30, ["steps.last"])])
def test_of_a_log_without_steps_the_records_count(accepted, said):
    run = {"steps": {"records": 30, "last": None}}
    assert [each.field for each in differences({"last_step": accepted, "metrics": {}}, run)] == said


@pytest.mark.parametrize(
    ("accepted", "last", "said"),
    [
        (["nan", None], math.nan, []),
        (["nan", None], "NaN", []),
        (["nan", None], 0.5, ["validation"]),
        ([0.5], "Infinity", ["validation"]),
        (["nan"], None, ["validation"]),
    ],
)
def test_a_validation_that_may_be_nan_or_missing(accepted, last, said):
    core = {"metrics": {"validation": {"last": accepted}}}
    assert [found.field for found in differences(core, {"metrics": {"val/loss": {"last": last}}})] == said
    assert bool(list(differences(core, {"metrics": {}}))) == (None not in accepted)


@pytest.mark.deep
def test_the_last_of_several_runs(tmp_path):
    core = {"run": "last", "metrics": {"train/loss": {"first": 9.5}}}
    again = "\n".join(f"Epoch {n}/{total}: loss {loss}" for total in (5, 3) for n, loss in RUNS[total])
    assert report(tmp_path, ("x", f"{again}\n", core)).returncode == 0
    assert report(tmp_path, ("x", f"{again}\n", {**core, "run": "longest"})).returncode == 1


@pytest.mark.deep
def test_the_first_difference_of_each_wrong_file(tmp_path):
    done = report(tmp_path, ("x", log(), NOTHING), ("x", "Hello\n", CORE))
    assert done.returncode == 1
    assert "  0.log: steps.records: expected 0, got 3; read as nanochat" in done.stdout
    assert "  1.log: run: expected a document, got exit code 3: runwatch: no training run" in done.stdout


@pytest.mark.deep
def test_a_choice_of_logs(tmp_path):
    logs = (("a", log(), CORE), ("b", log(), NOTHING))
    assert report(tmp_path, *logs, options=("--format", "a")).returncode == 0
    assert report(tmp_path, *logs, options=("--only", "1.log")).returncode == 1
    assert report(tmp_path, *logs, options=("--only", "7.log")).returncode == 2


def test_no_corpus(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no corpus" in done.stderr
