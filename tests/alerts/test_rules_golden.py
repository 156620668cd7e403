"""What each rule finds in made-up runs is what was read last: a change of a rule shows what it changes.

UPDATE_GOLDEN=1 writes tests/alerts/golden anew. Read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import RankRule
from runwatch.core.block import Status

from .made_runs import SEEDS, made
from .made_watches import WATCHES, watched

GOLDEN = Path(__file__).with_name("golden")


def shown(value):
    """Show a value of the evidence; the last digits of floats differ between processors."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def lines(name, found):
    """Return a line for each finding."""
    for each in found:
        where = f"step {each.step} line {each.line}" + (f" rank {each.rank}" if each.rank is not None else "")
        evidence = " ".join(f"{key}={shown(value)}" for key, value in each.evidence.items())
        words = " | ".join(filter(None, (each.title, each.cause, evidence)))
        yield f"{name}: {each.verdict.value} {each.severity.value} {where} {each.metric or ''}: {words}\n"


def compare(name, found):
    """Compare with what was read last."""
    path = GOLDEN / f"{name}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.unlink(missing_ok=True)
        if found:
            path.write_text(found, encoding="utf-8")
    read = path.read_text(encoding="utf-8") if path.exists() else ""  # some have nothing to find here
    assert found.splitlines() == read.splitlines()


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
def test_findings_in_runs_at_rest(rule):
    with np.errstate(over="ignore"):
        compare(rule.name, "".join(line for seed in SEEDS for line in lines(seed, made(seed).judge(rule()))))


@pytest.mark.few(2)
@pytest.mark.parametrize("seed", WATCHES)
def test_findings_in_live_runs(seed):
    rules = [rule() for rule in CATALOGUE if not issubclass(rule, RankRule)]  # those judge each rank as above
    found = {rule.name: [] for rule in rules}
    for each in watched(seed):
        for rule in rules:
            found[rule.name] += rule.tick(each) if isinstance(each, Status) else rule.observe(each)
    compare(f"live-{seed}", "".join(line for name in sorted(found) for line in lines(name, found[name])))
