"""What each rule finds in made-up runs is what was read last: a change of a rule shows what it changes.

UPDATE_GOLDEN=1 writes tests/alerts/golden anew. Read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import RankRule, RunRule
from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.core.block import Status
from runwatch.core.findings import Verdict
from runwatch.core.sample import MachineEvent

from .made_faults import KINDS
from .made_lives import LIVES, RULES, lived
from .made_runs import SEEDS, made
from .made_watches import WATCHES, watched
from .watched_machine import T0, machine

GOLDEN = Path(__file__).with_name("golden")
FAULTS = range(48)
"""Runs of each kind of fault."""


def shown(value):
    """Show a value of the evidence; the last digits of floats differ between processors."""
    return f"{float(f'{value:.9g}'):.3g}" if isinstance(value, float) else str(value)  # no ties by rounding


def lines(name, found):
    """Return a line for each finding."""
    for each in found:
        where = f"step {each.step} line {each.line}" + (f" rank {each.rank}" if each.rank is not None else "")
        evidence = " ".join(f"{key}={shown(value)}" for key, value in each.evidence.items())
        words = " | ".join(filter(None, (each.title, each.cause, evidence)))
        what = "clear" if each.verdict is Verdict.CLEAR else f"{each.verdict.value} {each.severity.value}"
        yield f"{name}: {what} {where} {each.metric or ''}: {words}\n"


def compare(name, found):
    """Compare with what was read last."""
    path = GOLDEN / f"{name}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.unlink(missing_ok=True)
        if found:
            path.write_text(found, encoding="utf-8")
    read = path.read_text(encoding="utf-8") if path.exists() else ""  # some have nothing to find here
    assert found.splitlines() == read.splitlines()


@pytest.mark.parametrize(
    "rule",
    [rule for rule in CATALOGUE if rule.judge is not RunRule.judge and not rule.of_ranks],
    ids=lambda rule: rule.name,
)
def test_findings_in_runs_at_rest(rule):
    with np.errstate(over="ignore"):
        compare(rule.name, "".join(line for seed in SEEDS for line in lines(seed, made(seed).judge(rule()))))


@pytest.mark.few(10)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_findings_in_runs_with_one_kind_of_fault(kind):
    judges, found = [rule for rule in CATALOGUE if rule.name in KINDS[kind].split()], []
    assert len(judges) == len(KINDS[kind].split())
    with np.errstate(all="ignore"):
        for seed in FAULTS:
            run = kind(np.random.default_rng([seed, 5]))
            found += [line for rule in judges for line in lines(f"{seed} {rule.name}", run.judge(rule()))]
    compare(f"fault-{kind.__name__}", "".join(found))


@pytest.mark.parametrize("name", RULES)
def test_findings_in_runs_that_die_and_live_again(name):
    (judge,) = (rule for rule in CATALOGUE if rule.name == name)
    found = []
    for seed in LIVES:
        rule = judge()
        for each in lived(seed):
            reported = rule.tick(each) if isinstance(each, Status) else rule.observe(each)
            found += lines(seed, reported)
    compare(f"life-{name}", "".join(found))


@pytest.mark.few(4)
@pytest.mark.parametrize("seed", WATCHES)
def test_findings_in_live_runs(seed):
    rules = [rule() for rule in CATALOGUE if not issubclass(rule, RankRule)]  # those judge each rank as above
    found = {rule.name: [] for rule in rules}
    for each in watched(seed):
        for rule in rules:
            found[rule.name] += rule.tick(each) if isinstance(each, Status) else rule.observe(each)
    compare(f"live-{seed}", "".join(line for name in sorted(found) for line in lines(name, found[name])))


def test_findings_of_each_xid():
    found = {}
    for xid in range(1, 200):
        under = machine()
        under.fold(MachineEvent("xid", T0, "NVRM: Xid", gpu="0", xid=xid))
        severity = next((f.severity.value for f in GpuFault().tick(Status(T0, machine=under))), "nothing")
        found.setdefault(severity, []).append(str(xid))
    compare("xids", "".join(f"{severity}: {' '.join(xids)}\n" for severity, xids in sorted(found.items())))
