"""A run in few lines: its best validation, its results, how much it did, and what is said once.

What moves is a chart; what one value says all of is a line here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from runwatch.core import metrics
from runwatch.core.snapshot import Latest, RunView
from runwatch.render import checkpoints, numbers

FEW = 3
"""Values from which they are a series."""
_FROM = {"min": ("minimum", "minimum_at"), "max": ("maximum", "maximum_at")}
_EXTREMES = {"min": "lowest", "max": "highest"}
_TOKENS = re.compile(r"(?:^|[_/ ])tokens?(?:[_/ ]|$)")
_PARAMETERS = re.compile(r"(?:^|[_/ ])param(?:eter)?s?(?:[_/ ]|$)")
_FLOAT32 = 1e-6
"""Part of a number by which sources may differ that keep it with other precision."""
SIZES = ("parameters", "trainable parameters")
"""Facts about the model that are shown with what it reached."""
_LENGTHS = frozenset(("total time", "train_runtime"))
"""Metrics that say how long the run took."""


class SummaryLine(NamedTuple):
    """One line: what it is, its value, how the value is colored, and the metric with its curve, if any."""

    label: str
    value: str
    role: str = "value"
    metric: str = ""


class Best(NamedTuple):
    """The best value of a metric, and its step, if that is known."""

    metric: str
    value: float
    step: float | None


def best(run: RunView) -> list[Best]:
    """Return the best values of what is validated, losses first; none where no value is known to be good."""
    found = (best_of(item) for item in run.latest if item.metric.startswith("val/"))
    return sorted(filter(None, found), key=lambda each: metrics.goal(each.metric) != "min")


def lines(run: RunView, single: Sequence[str]) -> list[SummaryLine]:
    """Return the lines of a run, the most important first; `single` are the metrics without a chart."""
    known = {item.metric: item for item in run.latest}
    said: set[str] = set(_LENGTHS)
    out: list[SummaryLine] = []
    for each in {metrics.goal(each.metric): each for each in reversed(best(run))}.values():
        several = known[each.metric].count > 1
        at = "" if each.step is None else f" @{numbers.step(each.step)}"
        name, text = metrics.label(each.metric), numbers.value(each.metric, each.value) + at
        out.append(SummaryLine(f"best {name}" if several else name, text, metric=each.metric))
        said |= set() if several else {each.metric}
    out.reverse()
    for name, value in (run.stages[-1].results if run.stages else {}).items():
        what = metrics.label(name)
        text = numbers.latest(name, value, "not finite")
        role = "bad" if value is None else "value"
        out.append(SummaryLine(what if what.startswith("final") else f"final {what}", text, role))
        said.add(name)
    out += [SummaryLine("checkpoints", _checkpoints(run))] if run.checkpoints else []
    out += [SummaryLine(name, run.facts[name]) for name in SIZES if name in run.facts]
    out += [SummaryLine("duration", numbers.duration(run.elapsed))] if run.elapsed is not None else []
    for name in single:
        what = _counts(name)
        out += [SummaryLine(what, numbers.si(known[name].value))] if what and what not in run.facts else []
        said |= {name} if what or not _is_worth_a_line(name) else set()
    return out + [last(known[name]) for name in single if name not in said and not _is_setting(known[name])]


def last(item: Latest) -> SummaryLine:
    """Return the newest value of a metric."""
    bad = item.value is None and bool(item.text)
    text = numbers.latest(item.metric, item.value, item.text)
    return SummaryLine(metrics.label(item.metric), text, "bad" if bad else "value", item.metric)


def is_constant(item: Latest) -> bool:
    """Return whether all values of a metric are one."""
    low, high = item.minimum, item.maximum
    same = low is not None and high is not None and high - low <= _FLOAT32 * max(abs(low), abs(high))
    return same and not item.nonfinite


def best_of(item: Latest) -> Best | None:
    """Return the best value of a metric; None where it is not known which is better."""
    goal = metrics.goal(item.metric)
    value, step = (getattr(item, name) for name in _FROM[goal]) if goal else (None, None)
    return None if value is None else Best(item.metric, value, step)


def best_is(metric: str) -> str:
    """Return what the best value of a metric is called.

    A training loss jumps from row to row: its lowest value is one lucky batch. What rules call its
    best is smoothed.
    """
    return "best" if metric.startswith("val/") else _EXTREMES.get(metrics.goal(metric), "best")


def _is_setting(item: Latest) -> bool:
    """Return whether a metric repeats one value that nobody asks for; the learning rate is asked for."""
    return item.count >= FEW and is_constant(item) and item.metric != metrics.LEARNING_RATE


def _counts(metric: str) -> str:
    """Return what a metric counts that people ask for: tokens seen, parameters."""
    if not metrics.is_bookkeeping(metric):
        return ""
    return "tokens" if _TOKENS.search(metric) else "parameters" if _PARAMETERS.search(metric) else ""


def _is_worth_a_line(metric: str) -> bool:
    """Return whether a metric says more than a count or a time, or what the machine did."""
    counts = metrics.is_bookkeeping(metric) and metric != metrics.EPOCH
    return not counts and not metrics.is_of_machine(metric)


def _checkpoints(run: RunView) -> str:
    """Return how many were seen and the newest good one; of those in the log alone, the newest."""
    good, seen = run.saving.last_good, run.saving.present
    if not seen:
        # one that was saved after NaN is not what a reader wants to go back to
        newest = checkpoints.newest_unchecked(run.checkpoints, run.saving)
        at = good if newest is None else newest.at
        return "in the log" if at is None else f"@{numbers.step(at)} (log)"
    return f"{seen:,}" if good is None else f"{seen:,}, good @{numbers.step(good)}"
