"""Curves of two runs at equal step, equal tokens and equal time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runwatch.core.metrics import STEP_TIME, TOKENS_PER_SEC
from runwatch.core.noise import TIME, TOKENS, Line
from runwatch.reports.evidence import Curve, StageEvidence, last_pass

_STEADY = 0.02
"""Largest relative spread of the tokens per step by which they count as one number."""


def line(curve: Curve) -> Line:
    """Return a metric over steps: what a restart did over counts once, NaN and Inf are left out."""
    middle = (curve.points.first_x + curve.points.last_x) / 2
    keep = last_pass(middle) & np.isfinite(curve.points.mean) & np.isfinite(middle)
    return Line(middle[keep], curve.points.mean[keep])


def over(stage: StageEvidence, metric: str, axis: str) -> Line | None:
    """Return a metric of a run over steps, tokens or seconds; None if that is not known, or of one point."""
    if metric not in stage.curves:
        return None
    found = line(stage.curves[metric])
    if axis == TOKENS:
        per_step = tokens_per_step(stage.curves)
        found = Line(found.x * per_step, found.y) if per_step else Line(found.x[:0], found.y[:0])
    elif axis == TIME:
        at = stage.clock.at(found.x) if stage.clock is not None else np.full(len(found), np.nan)
        keep = np.isfinite(at)
        keep[1:] &= np.diff(np.maximum.accumulate(np.nan_to_num(at))) > 0
        found = Line(at[keep], found.y[keep])
    return found if len(found) > 1 else None


def tokens_per_step(curves: Mapping[str, Curve]) -> float | None:
    """Return the tokens of a step: throughput by step time, if it is steady; None if it is not known."""
    speed, took = curves.get(TOKENS_PER_SEC), curves.get(STEP_TIME)
    if speed is None or took is None:
        return None
    left, right = line(speed), line(took)
    _, here, there = np.intersect1d(left.x, right.x, return_indices=True)
    tokens = left.y[here] * right.y[there]
    tokens = tokens[len(tokens) // 10 :]  # the first steps compile
    if not len(tokens):
        return None
    low, middle, high = np.percentile(tokens, (25, 50, 75))
    return float(middle) if middle > 0 and high - low <= _STEADY * middle else None
