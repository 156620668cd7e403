"""What a rule says of a run at one side of a threshold."""

from __future__ import annotations


def said(edge, value):
    """Return whether a rule says at least that of a run."""
    found = edge.run(edge.rule(), value)
    if edge.what in {"clear", "pending"}:
        return any(f.verdict.value == edge.what for f in found)
    order = ("info", "warning", "critical")
    worst = max((order.index(f.severity.value) for f in found if f.verdict.value == "firing"), default=-1)
    return worst >= order.index(edge.what)
