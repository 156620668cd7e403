"""One series a metric for people, whichever of a run's sources report it.

A log, W&B and TensorBoard may all report the loss. Rules and JSON go by the source that leads in the
metric (`group`). What is shown is the union by step of those that agree with it (`agreement`): the one
with most values first, the others where it has no step. Where they differ, the leading one is shown alone,
and the `disagreement` rule says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from runwatch.core.fold.run import Run
from runwatch.core.series import Series, united
from runwatch.core.snapshot import Columns, Latest, finite
from runwatch.watcher.engine.agreement import Report
from runwatch.watcher.protocol import Chart

Repeats = Mapping[str, Mapping[str, Report]]
"""Metric -> what other sources than the leading one report of it, by their ids."""


def reported(run: Run, repeats: Repeats, metric: str) -> list[tuple[Series, float]]:
    """Return what agreeing sources report of a metric, the one with most values first.

    With each comes what to add to its steps, so that they are counted as the leading source does.
    """
    leading = run.series[metric]
    others = ((other.series, other.shift(leading)) for other in repeats.get(metric, {}).values())
    found = [(leading, 0.0), *((series, shift) for series, shift in others if shift is not None)]
    return sorted(found, key=lambda each: len(each[0]), reverse=True)


def columns(run: Run, repeats: Repeats, chart: Chart) -> Columns:
    """Return what to plot of a metric."""
    if chart.metric not in run.series:
        return Columns(chart.metric)
    return united(reported(run, repeats, chart.metric), chart.first, chart.last, chart.width, chart.log)


def latest(run: Run, repeats: Repeats, metric: str) -> Latest:
    """Return the newest value of a metric, and what all of them come to."""
    found = reported(run, repeats, metric)
    leads_first = sorted(found, key=lambda each: each[0] is not run.series[metric])
    newest, shift = max(leads_first, key=_reached)
    value = float(newest.tail(1)[0]) if len(newest.tail(1)) else math.nan
    low, below = min(leads_first, key=lambda each: _or(each[0].summary.minimum, math.inf))
    high, above = max(leads_first, key=lambda each: _or(each[0].summary.maximum, -math.inf))
    last = newest.summary.last_step
    return Latest(
        metric=metric,
        value=finite(value),
        text="" if math.isfinite(value) or not len(newest.tail(1)) else str(value),
        step=None if last is None else last + int(shift),
        count=len(found[0][0]),
        nonfinite=max(series.summary.nonfinite for series, _ in found),
        minimum=finite(low.summary.minimum),
        maximum=finite(high.summary.maximum),
        minimum_at=finite(low.summary.minimum_step + below),
        maximum_at=finite(high.summary.maximum_step + above),
        printed=run.printed.get(metric, ""),
    )


def _reached(report: tuple[Series, float]) -> float:
    """Return how far a series is, in the leading source's steps."""
    series, shift = report
    return -math.inf if series.summary.last_step is None else series.summary.last_step + shift


def _or(number: float, otherwise: float) -> float:
    return otherwise if math.isnan(number) else number
