"""What a comparison says, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from runwatch.core.gap import Gap
from runwatch.core.metrics import LOSS, label
from runwatch.core.noise import STEP
from runwatch.render import numbers
from runwatch.reports.comparison.compare import IDENTICAL, NO_DIFFERENCE, NOT_COMPARABLE, Comparison, Pair
from runwatch.reports.comparison.phrases import amount, cause, level, place, said


def verdict(comparison: Comparison, pair: Pair) -> str:
    """Return the verdict on one pair in a sentence, with its uncertainty."""
    ours, theirs = comparison.reference.name, pair.other.name
    if pair.verdict == NOT_COMPARABLE:
        return f"{theirs} cannot be compared with {ours}: {pair.problem}"
    if pair.verdict == IDENTICAL:
        what = f"the same {label(pair.metric)} at all {pair.common:,} common steps"
        return f"{theirs} is identical to {ours}: {what}"
    found, metric = pair.gaps[STEP], label(pair.metric)
    where = place(STEP, found)
    if pair.verdict == NO_DIFFERENCE:
        both = f"no difference beyond noise between {theirs} and {ours}"
        return f"{both}: {metric} differs by {amount(found)} {where}"
    better = {True: " (better)", False: " (worse)", None: ""}[pair.better]
    by = f"{pair.verdict} than {ours} by {amount(found, sign=False)} {where}{better}"
    values = f"{level(found.level + found.value, found)} against {level(found.level, found)}"
    return f"{theirs} is {by}: {metric} {values}"


def details(comparison: Comparison, pair: Pair) -> Iterator[str]:
    """Yield what else belongs to the verdict on one pair, the most important first."""
    yield from _broken(comparison, pair)
    if pair.verdict == NOT_COMPARABLE:
        return
    theirs = pair.other.name
    if pair.same_until is not None:
        until, first = numbers.step(pair.same_until), numbers.step(pair.parted_at)
        both = f"{theirs} equals {comparison.reference.name}"
        yield f"{both} up to step {until} and differs from step {first} on"
    for metric, found in pair.evaluations.items():
        yield _evaluation(metric, found, theirs)
    for axis, found in pair.gaps.items():
        if axis != STEP:
            yield f"{place(axis, found)}: {said(pair.metric, found, theirs)}"
    if pair.differences.comparable or pair.verdict != IDENTICAL:  # of what is the same nothing is a cause
        yield cause(pair.differences, differs=pair.differs)


def _evaluation(metric: str, found: Gap | None, theirs: str) -> str:
    if found is None:
        return f"{label(metric)}: too few common evaluations to judge"
    return f"{place(STEP, found)}: {said(metric, found, theirs)}"


def _broken(comparison: Comparison, pair: Pair) -> Iterator[str]:
    for run in (pair.other, comparison.reference):
        if run.broken_at is not None:
            since = f"from step {numbers.step(run.broken_at)} to its end"
            yield f"{run.name} failed: its {label(LOSS)} is NaN or Inf {since}"
        elif run.health == "critical" and run.found:
            yield f"{run.name} is not healthy: {run.found[0]}"
