"""What each rule finds in made-up runs is what was read last: a change of a rule shows what it changes.

UPDATE_GOLDEN=1 writes tests/alerts/golden anew. Read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE

from .made_runs import SEEDS, made

GOLDEN = Path(__file__).with_name("golden")


def shown(value):
    """Show a value of the evidence; the last digits of floats differ between processors."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def report(rule) -> str:
    """Return what a rule finds in all runs, a line for each finding."""
    lines = []
    for seed in SEEDS:
        with np.errstate(over="ignore"):
            found = made(seed).judge(rule())
        for each in found:
            where = f"step {each.step} line {each.line}"
            evidence = " ".join(f"{name}={shown(value)}" for name, value in each.evidence.items())
            words = " | ".join(filter(None, (each.title, each.cause, evidence)))
            lines.append(
                f"{seed}: {each.verdict.value} {each.severity.value} {where} {each.metric or ''}: {words}\n"
            )
    return "".join(lines)


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
def test_findings_are_those_that_were_read(rule):
    path = GOLDEN / f"{rule.name}.txt"
    found = report(rule)
    if "UPDATE_GOLDEN" in os.environ:
        path.unlink(missing_ok=True)
        if found:
            path.write_text(found, encoding="utf-8")
    read = path.read_text(encoding="utf-8") if path.exists() else ""  # rules about time have nothing to find
    assert found.splitlines() == read.splitlines()
