"""A run that is compared with another: from how many steps, how often, and how far above its noise."""

from __future__ import annotations

from math import exp, nan

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.behind_reference import BehindReference
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.block import Reference, Status

from .columns import Log, brief

FIRES, CLEARS = [("firing", "warning")], [("clear", "info")]


def seen(rule, ratios, rows=500, theirs=1.0, begin=0, **fields):
    """Show a rule new rows, and a comparison with a reference; return what it finds, without steps."""
    rule.observe(Log(loss=np.ones(rows)).block(0, rows))
    ratios = np.asarray(ratios, float)
    steps, theirs = begin + np.arange(len(ratios), dtype=float), np.full(len(ratios), theirs)
    found = rule.tick(
        Status(now=0.0, reference=Reference("b", lambda: (steps, ratios * theirs, theirs)), **fields)
    )
    return [verdict[:2] for verdict in brief(found)]


def test_sixteen_steps_are_enough():
    assert seen(BehindReference(), np.full(16, 1.1)) == FIRES
    assert seen(BehindReference(), np.full(15, 1.1)) == []


@pytest.mark.parametrize("loss", [0.0, -1.0, nan])
def test_a_loss_without_a_ratio_is_not_compared(loss):
    ratios = np.full(500, 1.1)
    ratios[0] = loss
    assert seen(BehindReference(), ratios) == []
    assert seen(BehindReference(), np.full(500, 1.1), theirs=loss) == []
    assert seen(BehindReference(), np.full(500, 1.1), theirs=0.25) == FIRES


def test_of_a_live_run_sixty_four_new_rows_are_news():
    rule = BehindReference()
    assert seen(rule, np.ones(500)) == []
    assert seen(rule, np.full(500, 1.1), rows=63) == []
    assert seen(rule, np.full(500, 1.1), rows=1) == FIRES


def test_of_a_run_that_is_over_each_row_is_news_once():
    rule = BehindReference()
    assert seen(rule, np.ones(500)) == []
    assert seen(rule, np.full(500, 1.1), rows=0, live=False) == []
    assert seen(rule, np.full(500, 1.1), rows=1, live=False) == FIRES


@pytest.mark.parametrize("begin", [0, 10_000])
def test_a_twentieth_of_the_steps_is_judged_wherever_they_begin(begin):
    late = np.where(np.arange(400) >= 379, 1.1, 1.0)
    assert seen(BehindReference(), late, begin=begin) == FIRES
    late = np.where(np.arange(400) >= 386, 1.1, 1.0)
    assert seen(BehindReference(), late, begin=begin) == []


@pytest.mark.parametrize(("level", "expected"), [(0.12, FIRES), (0.11, [])])
def test_it_is_above_four_standard_errors(level, expected):
    noise = np.where(np.arange(400) % 2, 0.05, -0.05)  # four standard errors of 20 rows: 0.1175
    assert seen(BehindReference(), np.exp(level + noise)) == expected


@pytest.mark.parametrize(("now", "expected"), [(1.024, CLEARS), (1.0255, [])])
def test_it_has_caught_up_at_half_of_that(now, expected):
    rule = BehindReference()
    assert seen(rule, np.full(400, 1.1)) == FIRES
    assert seen(rule, np.full(400, now)) == expected


def test_it_gets_critical_once():
    rule = BehindReference()
    assert seen(rule, np.full(400, 1.1)) == FIRES
    assert seen(rule, np.full(400, 1.1)) == []
    assert seen(rule, np.full(400, exp(0.5))) == [("firing", "critical")]
    assert seen(rule, np.full(400, 1.1)) == []


def test_it_reports_the_newest_losses():
    rule, steps = BehindReference(), np.arange(400.0)
    rule.observe(Log(loss=np.ones(400)).block(0, 400))
    theirs = np.linspace(3.0, 2.0, 400)
    (found,) = rule.tick(Status(now=0.0, reference=Reference("b", lambda: (steps, 1.5 * theirs, theirs))))
    assert found.evidence == {"reference": "b", "now": 3.0, "theirs": 2.0}
    assert (found.step, found.line) == (399, None)


def test_the_last_reference_that_fits_counts_but_no_run_is_its_own():
    rules = Ruleset({}, references=(("new*", "base"), ("new-2", "other"), ("*", "new-3")))
    assert rules.reference("new-2") == "new-3"
    assert rules.reference("new-3") == "base"
    assert rules.reference("x", ("new-3",)) == "base"
    assert rules.reference("x", ("new-2",)) == "new-3"
    two = Ruleset({}, references=(("new*", "base"), ("new-2", "other")))
    assert [two.reference(run) for run in ("new-2", "new-1", "new-2#3", "old")] == [
        "other",
        "base",
        "other",
        "",
    ]
