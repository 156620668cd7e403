"""The report on labeled public logs: what is right of each, and what counts as reported or as false."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.public_logs import is_about

from .test_corpus import log

ROOT = Path(__file__).parents[2]
TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n'
NOT_FOUND = "python: can't open file 'tools/plot.py': [Errno 2] No such file or directory\n"


def labeled(path: str, text: str, **label: object) -> tuple[dict[str, object], str]:
    row = {
        "path": path,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "format": "listed",
        "core": {
            "run": "last",
            "last_step": 3,
            "metrics": {"train/loss": {"first": [3.5, 3.4], "last": 2.5}, "validation": {"last": [None]}},
        },
        "ending": ["cut_off"],
        "healthy": True,
        "troubles": [],
    }
    return {**row, **label}, text


def report(folder: Path, *logs: tuple[dict[str, object], str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return what was printed of each log, and the cells of the table by their name."""
    for row, text in logs:
        (folder / str(row["path"])).write_text(text)
    (folder / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row, _ in logs))
    command = [sys.executable, "-m", "benchmarks.public_logs", folder, "--index", folder / "index.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    details, table = done.stdout.split("\n\n", 1) if not done.stdout.startswith("\n") else ("", done.stdout)
    cells = {line[:24].strip(): line[24:].split() for line in table.splitlines()}
    return [*details.splitlines(), *done.stderr.splitlines()], cells


@pytest.mark.deep
def test_what_is_right_is_counted(tmp_path):
    died = {"ending": ["crashed"], "healthy": False, "troubles": [{"kind": "crash", "step": None}]}
    details, table = report(
        tmp_path,
        labeled("right.log", log()),
        labeled("died.log", log() + TRACEBACK + "ValueError: no data\n", **died),
        labeled("text.log", "Hello\n" * 9, format="none", core={"metrics": {}}, ending=[None]),
        labeled("failed.log", NOT_FOUND, format="none", core={"metrics": {}}, ending=[None]),
    )
    assert details == []
    assert table["listed"][-3:] == ["2", "of", "2)"]
    assert table["texts without training"][-4:] == ["called", "a", "run:", "none"]
    assert table["failures reported"][-4:] == ["crash", "1", "of", "1"]
    assert table["false warnings"] == ["1", "of", "these", "debatable:", "1"]


@pytest.mark.deep
def test_what_is_wrong_is_named(tmp_path):
    flat = {"healthy": False, "troubles": [{"kind": "flat", "step": None}]}
    other, _ = labeled("other.log", "labeled as this")
    details, table = report(
        tmp_path,
        labeled("lost.log", log("3.0 2.5 2.0"), ending=["finished"]),
        labeled("nan.log", log("3.5 nan nan nan"), core={"last_step": 4, "metrics": {}}),
        labeled("flat.log", log(), **flat),
        labeled("text.log", log(), format="none", core={"metrics": {}}),
        (other, "and this is it now"),
    )
    (false,) = (line for line in details if line.startswith("nan.log"))
    assert false.startswith("nan.log: false critical: nonfinite: ")
    assert "lost.log: train/loss.first: expected [3.5, 3.4], got 3.0" in details
    assert "lost.log: ending: expected ['finished'], got vanished" in details
    assert "flat.log: not reported: flat" in details
    assert any(line.startswith("text.log: called a run, ") for line in details)
    assert any(line.endswith("other.log: not the file that was labelled, left out") for line in details)
    assert table["listed"][-3:] == ["2", "of", "3)"]
    assert table["troubles of the curve"][-4:] == ["flat", "0", "of", "1"]
    assert table["healthy, none critical"][-3:] == ["2", "of", "3)"]


@pytest.mark.parametrize(
    ("kind", "rule", "signature", "about"),
    [
        ("crash", "crash", "", True),
        ("crash", "hang", "", False),
        ("oom", "crash", "cuda_oom", True),
        ("oom", "crash", "exception", False),
        ("hang", "crash", "nccl_timeout", True),
        ("hang", "crash", "nccl", False),
        ("flat", "never_learns", "", True),
        ("flat", "crash", "", False),
        ("spike", "loss_spike", "", True),
        ("other", "step_time", "", True),
        ("unheard", "step_time", "", False),
    ],
)
def test_a_rule_is_about_kinds_of_trouble(kind, rule, signature, about):
    assert is_about(kind, {"rule": rule, "evidence": {"signature": signature}}) is about
