"""Parts of sentences that several sections use."""

from __future__ import annotations

import time

import numpy as np

from runwatch.core.metrics import goal, label
from runwatch.render import numbers
from runwatch.reports.document import Cell, Line
from runwatch.reports.evidence import Curve, last_pass

WIDTH = 240
"""Points of a line in a figure at most."""
_BYTES = 1 << 20
"""Bytes of memory that any process takes."""


def step(number: float | None, placed: bool = True) -> str:
    """Return `step 1,200`, or `value 1,200` of a series without steps."""
    return f"{'step' if placed else 'value'} {numbers.step(number)}"


def value(metric: str, number: float | None) -> str:
    """Return a value as people read it; a memory that cannot be in bytes has no known unit."""
    name = metric.lower()
    small = number is not None and abs(number) < _BYTES and "mem" in name and not name.endswith("util")
    return numbers.si(number) if small else numbers.value(metric, number)


def cell(metric: str, number: float | None) -> Cell:
    """Return a value with what is shown of it."""
    known = number is not None and np.isfinite(number)
    return Cell(value(metric, number), float(number) if known and number is not None else None)


def place(number: float | None) -> Cell:
    """Return a step, if it is known."""
    known = number is not None and np.isfinite(number)
    return Cell(numbers.step(number) if known else "-", number if known else None)


def times(number: int) -> str:
    """Return `once`, `twice` or `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def all_of(number: int) -> str:
    """Return `both` or `all 3`."""
    return "both" if number == 2 else f"all {number:,}"


def share(part: float, whole: float) -> str:
    """Return a share in percent."""
    return numbers.percent(part / whole) if whole > 0 else "-"


def moment(unix: float | None) -> str:
    """Return a Unix time in this machine's time zone; "" if it is not known."""
    if unix is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(unix))
    except (OverflowError, ValueError, OSError):
        return ""


def aim(metric: str) -> str:
    """Return which values are better."""
    return {"min": "lower is better", "max": "higher is better"}.get(goal(metric), "")


def line(curve: Curve, text: str = "") -> Line:
    """Return a curve condensed to what a figure can show; lows and highs stay."""
    points = curve.points
    text = text or label(curve.metric)
    kept = np.isfinite(points.mean) & last_pass(curve.steps)
    x, mean, low, high, weight = (
        each[kept]
        for each in (curve.steps, points.mean, points.low, points.high, points.count - points.nonfinite)
    )
    if len(x) > WIDTH:
        edges = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], WIDTH + 1)[:-1]))
        total = np.add.reduceat(weight, edges)
        mean = np.add.reduceat(mean * weight, edges) / total
        low, high = np.minimum.reduceat(low, edges), np.maximum.reduceat(high, edges)
        ends = np.concatenate((edges[1:] - 1, [len(x) - 1]))
        x = np.concatenate((x[:1], x[ends][1:])) if len(edges) > 1 else x[ends]
    begin, end = curve.summary.first, curve.summary.last
    if len(x) and not kept[0] and np.isfinite(points.mean[0]):  # steps went back: what it did again counts
        return Line(text, x, mean, low, high, float(mean[0]), end)
    if len(x) and points.count[0] > 1 and np.isfinite(begin):
        x = np.concatenate((points.first_x[:1], x))
        mean, low, high = (np.concatenate(([begin], each)) for each in (mean, low, high))
    return Line(text, x, mean, low, high, begin, end)
