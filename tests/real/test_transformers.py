"""A Hugging Face Trainer reporting to W&B and TensorBoard, watched from before, within and after its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .watching import watch

pytestmark = pytest.mark.real


def logged(path: Path) -> dict[str, list[float]]:
    """What the script says it logged, by name."""
    out: dict[str, list[float]] = {}
    for row in json.loads(path.read_text()):
        for name, value in row.items():
            out.setdefault(name, []).append(value)
    return out


def test_a_run_of_many_sources(tmp_path):
    watched = watch(tmp_path / "run", "hf_run.py", tmp_path / "run", tmp_path / "said.json", log="train.log")
    run = watched.agree()
    print(run)
