"""What is known of a run besides its curves' height, and what differs in it between two runs.

Whoever compares runs asks here, so that a command and a screen name the same differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from runwatch.core.noise import Line
from runwatch.reports.comparison.variables import (
    BATCH,
    LENGTH,
    MAJOR,
    MINOR,
    RATE,
    WEIGHTS,
    Difference,
    Differences,
    differences,
)
from runwatch.reports.facts import Facts

_SAME = 0.02
"""Relative difference up to which tokens per step, or learning rates, are the same."""


@dataclass(frozen=True, slots=True)
class Known:
    """One run."""

    name: str
    facts: Facts
    rate: Line | None = None
    """Its learning rate over steps; None where that is not known."""
    highest: float | None = None
    """The highest one, exactly."""
    tokens: float | None = None
    """Tokens of a step."""


def apart(ours: Known, theirs: Known) -> Differences:
    """Return what differs between two runs, also what only their curves show."""
    found = differences(ours.facts, theirs.facts, (ours.name, theirs.name))
    rows = list(found.rows)
    paces = _paces_differ(ours.rate, theirs.rate)
    if paces is False:  # one only ran for longer
        rows = [replace(row, weight=MINOR) if row.group == LENGTH else row for row in rows]
    groups = {row.group for row in rows if row.weight == MAJOR}
    if paces and not groups & {RATE, LENGTH}:
        left, right = (f"up to {each.highest or 0.0:.3g}" for each in (ours, theirs))
        rows.append(Difference(RATE, left, right, MAJOR, RATE))
    if BATCH not in groups and ours.tokens and theirs.tokens and not same_tokens(ours.tokens, theirs.tokens):
        left, right = f"{ours.tokens:,.0f}", f"{theirs.tokens:,.0f}"
        rows.append(Difference("tokens per step", left, right, MAJOR, BATCH))
    rows.sort(key=lambda row: WEIGHTS.index(row.weight))
    return replace(found, rows=tuple(rows))


def same_tokens(left: float | None, right: float | None) -> bool:
    """Return whether a step is of as many tokens in both runs."""
    return left is not None and right is not None and math.isclose(left, right, rel_tol=_SAME)


def _paces_differ(left: Line | None, right: Line | None) -> bool | None:
    """Return whether the learning rates differ at equal steps; None if they are not known."""
    if left is None or right is None:
        return None
    first, last = max(left.x[0], right.x[0]), min(left.x[-1], right.x[-1])
    if first >= last:
        return None
    at = np.linspace(first, last, 65)[1:]
    rates = np.interp(at, left.x, left.y), np.interp(at, right.x, right.y)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that no learning rate is
        distance = np.abs(rates[1] - rates[0])
        different = distance > _SAME * np.maximum(np.abs(rates[0]), np.abs(rates[1])) + 1e-12
    return bool(different.mean() > 0.1)
