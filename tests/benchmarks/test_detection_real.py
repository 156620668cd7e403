"""The benchmark of real runs: what its cases expect exists, and reports are scored as they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.detection.real.cases import CASES, EVENTS, PROGRAMS, Case
from benchmarks.detection.real.score import judge
from benchmarks.detection.real.watch import CONFIG, Ending, Report
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.ending import End

HERE = Path(__file__).parents[2] / "benchmarks" / "detection" / "real" / "programs"


def test_there_are_at_least_forty_faults_and_thirty_healthy_runs():
    assert sum(not case.healthy for case in CASES) >= 40
    assert sum(case.healthy for case in CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)


def test_programs_and_events_exist():
    for case in CASES:
        assert (HERE / f"{case.program}.py").is_file()
        assert case.event in EVENTS
    assert {case.program for case in CASES} == PROGRAMS.keys()


@pytest.mark.parametrize("event", EVENTS)
def test_expected_rules_and_ends_exist(event):
    expected = EVENTS[event]
    known = {rule.name for rule in Ruleset().build("run")}
    assert set(f"{expected.rules} {expected.besides} {expected.foreseen}".split()) <= known
    assert set(expected.endings.split()) <= {end.value for end in End}
    assert set(re.findall(r"rules\.(\w+)", CONFIG)) <= known
    re.compile(expected.words)


def report(after: float, rule: str, severity: str = "warning", text: str = "") -> Report:
    return Report(1000.0 + after, rule, severity, text)


@pytest.fixture
def top(tmp_path):
    (tmp_path / "onset").write_text("1000.0")
    return tmp_path


def test_a_fault_is_found_by_its_rule_and_its_cause_by_its_words(top):
    reports = [report(2, "crash", "critical", "crashed: killed by SIGKILL")]
    result = judge(Case("numpy_loop", "kill"), "tail", reports, [Ending("crashed", "killed")], top)
    assert (result.caught, result.delay, result.cause) == (reports[0], 2.0, True)
    assert (result.false, result.ended_right) == ((), True)


def test_what_comes_before_the_fault_or_by_another_rule_is_false(top):
    reports = [report(-5, "crash"), report(1, "divergence"), report(1, "divergence", "info")]
    result = judge(Case("numpy_loop", "kill"), "tail", reports, [], top)
    assert result.caught is None
    assert result.false == tuple(reports[:2])
    assert result.ended_right is False


def test_a_note_counts_only_where_nothing_warns(top):
    note, warning = report(1, "grad_spike", "info", "rose"), report(3, "loss_spike", "warning", "rose")
    case = Case("numpy_loop", "bad_batches")
    assert judge(case, "tail", [note, warning], [], top).caught == warning
    assert judge(case, "tail", [note], [], top).caught == note


def test_a_slowdown_that_the_clock_of_the_program_shows_is_counted_apart(top):
    steps = [960 + 0.1 * step for step in range(280)] + [988 + 0.3 * step for step in range(40)]
    (top / "times").write_text("".join(f"{at} {step}\n" for step, at in enumerate(steps)))
    slower = report(0, "step_time")
    result = judge(Case("numpy_loop", "plain"), "tail", [slower], [], top)
    assert (result.false, result.real) == ((), (slower,))
    (top / "times").write_text("".join(f"{960 + 0.1 * step} {step}\n" for step in range(400)))
    assert judge(Case("numpy_loop", "plain"), "tail", [slower], [], top).false == (slower,)
    soon = [990 + 0.1 * step for step in range(60)] + [996 + 0.3 * step for step in range(14)]
    (top / "times").write_text("".join(f"{at} {step}\n" for step, at in enumerate(soon)))
    assert judge(Case("numpy_loop", "plain"), "tail", [slower], [], top).real == (slower,)
