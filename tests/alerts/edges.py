"""A threshold of a rule, and what the rule says of a run at each side of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runwatch.alerts.rules.base import Rule

JUST = 1e-6


class Edge(NamedTuple):
    rule: type[Rule]
    run: Callable[[Rule, float], list]
    """Shows a rule a run in which what its threshold is about has a value; returns what it finds."""
    at: float
    """Where it begins: an int counts, and fires itself; just above a float it fires, just below it does not."""
    what: str = "warning"
    """info, warning, critical, or the verdict: clear or pending."""
    falls: bool = False
    """Whether it is the other way round: it fires below."""


def sides(at):
    """Return the value just above a threshold, and the one just below it."""
    return (at, at - 1) if isinstance(at, int) else (at * (1 + JUST), at * (1 - JUST))


def fires_on_one_side(edge):
    """Return whether a rule fires on the side of a threshold that it should fire on, and not on the other."""
    return tuple(said(edge, value) for value in sides(edge.at)) == (not edge.falls, edge.falls)


def said(edge, value):
    """Return whether a rule says at least that of a run."""
    found = edge.run(edge.rule(), value)
    if edge.what in {"clear", "pending"}:
        return any(f.verdict.value == edge.what for f in found)
    order = ("info", "warning", "critical")
    worst = max((order.index(f.severity.value) for f in found if f.verdict.value == "firing"), default=-1)
    return worst >= order.index(edge.what)
