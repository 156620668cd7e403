"""What each rule finds at the edges of its thresholds is what was read last: words, steps, evidence, and its end.

The runs are those of `test_rules_edges*`, just before a rule fires, just behind that, and well behind; those of
metrics continue as they began, go wrong again, and continue. UPDATE_GOLDEN=1 writes tests/alerts/golden anew.
Read the difference before you commit it.
"""

from __future__ import annotations

import numpy as np
import pytest

from . import (
    test_rules_edges,
    test_rules_edges_events,
    test_rules_edges_levels,
    test_rules_edges_machine,
    test_rules_edges_time,
)
from .columns import Log
from .edges import sides
from .test_rules_golden import compare, lines

CALM = 300
"""Rows for which a run continues as it began."""


def values(edge):
    """Return what is tried of an edge: the three numbers, the one that does not fire first."""
    quiet, over = sides(edge.at)[:: 1 if edge.falls else -1]
    further = edge.at / 1.5 if edge.falls else edge.at * 1.5
    return quiet, over, int(further) if isinstance(edge.at, int) else further


def again(log):
    """Return a run that continues as it began, goes wrong as before, and continues."""
    begin = min(20, log.count)
    rows = np.concatenate(
        [np.arange(log.count), np.arange(CALM) % begin, np.arange(log.count), np.arange(CALM) % begin]
    )
    longer = Log(events=log.events, restarts=log.restarts, rank=log.rank, x=rows)
    longer.columns = {name: column[rows] for name, column in log.columns.items()}
    longer.steps[: log.count] = log.steps
    longer.steps[log.count :] = log.steps[-1] + 1 + np.arange(len(rows) - log.count)
    return longer


def of_metrics(edge):
    for value in values(edge):
        log = edge.run(value)
        yield log.judge(edge.rule())
        yield again(log).judge(edge.rule(), cuts=[log.count, log.count + 7])


def of_others(edge):
    for value in values(edge):
        yield edge.run(edge.rule(), value)


EDGES = {
    "metrics": (test_rules_edges.STEP, of_metrics),
    "levels": (test_rules_edges_levels.EDGES, of_metrics),
    "events": (test_rules_edges_events.EDGES, of_others),
    "machine": (test_rules_edges_machine.EDGES, of_others),
    "time": (test_rules_edges_time.EDGES, of_others),
}


def rule_names(kind):
    return sorted({edge.rule.name for edge in EDGES[kind][0].values()})


@pytest.mark.parametrize(("kind", "rule"), [(kind, rule) for kind in EDGES for rule in rule_names(kind)])
def test_findings_at_the_edges(kind, rule):
    edges, show = EDGES[kind]
    with np.errstate(all="ignore"):
        found = [
            line
            for name, edge in edges.items()
            if edge.rule.name == rule
            for number, findings in enumerate(show(edge))
            for line in lines(f"{name} ({number})", findings)
        ]
    compare(f"edge-{kind}-{rule}", "".join(found))
