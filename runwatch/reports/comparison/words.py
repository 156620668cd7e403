"""What a comparison says, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from runwatch.core.metrics import LOSS, goal, label
from runwatch.render import numbers
from runwatch.reports.comparison.compare import (
    HIGHER,
    IDENTICAL,
    LOWER,
    NOT_COMPARABLE,
    Comparison,
    Pair,
)
from runwatch.reports.comparison.curves import STEP, TIME, TOKENS
from runwatch.reports.comparison.noise import Gap

_DIRECTIONS = {LOWER: "lower", HIGHER: "higher"}
_WRITE: dict[str, Callable[[float], str]] = {
    STEP: numbers.step,
    TOKENS: numbers.si,
    TIME: numbers.duration,
}
_AXES = {STEP: "at step {}", TOKENS: "at {} tokens", TIME: "after {}"}


def verdict(comparison: Comparison, pair: Pair) -> str:
    """Return the verdict on one pair in a sentence, with its uncertainty."""
    ours, theirs = comparison.reference.name, pair.other.name
    if pair.verdict == NOT_COMPARABLE:
        return f"{theirs} cannot be compared with {ours}: {pair.problem}"
    if pair.verdict == IDENTICAL:
        what = f"the same {label(pair.metric)} at all {pair.common:,} common steps"
        return f"{theirs} is identical to {ours}: {what}"
    found, metric = pair.gaps[STEP], label(pair.metric)
    where = place(STEP, found.last)
    if pair.verdict not in _DIRECTIONS:
        both = f"no difference beyond noise between {theirs} and {ours}"
        return f"{both}: {metric} differs by {amount(found)} {where}"
    better = {True: " (better)", False: " (worse)", None: ""}[pair.better]
    by = f"{_DIRECTIONS[pair.verdict]} than {ours} by {amount(found, sign=False)} {where}{better}"
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
            yield f"{place(axis, found.last)}: {_gap(pair.metric, found, theirs)}"
    yield cause(pair)


def cause(pair: Pair) -> str:
    """Return what may be concluded about the cause of a difference, or of its absence."""
    variables, differs = pair.differences.variables, pair.verdict in _DIRECTIONS
    if other := sorted(pair.differences.groups & {"data", "objective"}):
        return f"{' and '.join(other)} differ: the losses are not of the same thing, so this says little"
    if len(variables) > 1:
        end = "the difference cannot be attributed to any one of them" if differs else "effects may cancel"
        return (
            f"{len(variables)} things changed at once ({', '.join(variables)}): {end}; change one at a time"
        )
    if not pair.differences.comparable:
        missing = " and ".join(pair.differences.unknown) or "the configuration"
        said = (
            f"{variables[0]} differs, and may not be the only change"
            if variables
            else "what changed is unknown"
        )
        return f"{said}: {missing} is not reported, so nothing is said about the cause"
    if variables:
        said = f"the only reported change that may matter is {variables[0]}"
        return f"{said}: it is the likely cause" if differs else f"{said}: no effect of it is seen"
    if differs:
        return "no reported setting that may matter differs: look at code, data and hardware"
    return "no reported setting that may matter differs"


def place(axis: str, at: float) -> str:
    """Return a place on an axis: `at step 4,000`."""
    return _AXES[axis].format(_WRITE[axis](at))


def amount(found: Gap, *, sign: bool = True) -> str:
    """Return a difference with half of its 95 % range: `-0.021 ± 0.006`."""
    value = found.value if sign else abs(found.value)
    places = _places(found)
    return f"{value:{'+' if sign else ''}.{places}f} ± {found.half:.{places}f}"


def level(value: float, found: Gap) -> str:
    """Return a value with as many places as its difference has."""
    return f"{value:.{max(3, _places(found))}f}"


def _places(found: Gap) -> int:
    """Return the places that show one or two digits of the uncertainty, or of a sure difference."""
    size = found.half or abs(found.value)
    if not size or not math.isfinite(size):
        return 3
    exponent = math.floor(math.log10(size))
    two_digits = size < 3 * 10.0**exponent
    return min(8, max(0, two_digits - exponent))


def _gap(metric: str, found: Gap, theirs: str) -> str:
    if not found.real:
        return f"no difference of {label(metric)} beyond noise ({amount(found)})"
    wanted = goal(metric)
    good = "" if not wanted else " (better)" if (found.value < 0) == (wanted == "min") else " (worse)"
    way = "lower" if found.value < 0 else "higher"
    return f"{label(metric)} of {theirs} is {way} by {amount(found, sign=False)}{good}"


def _evaluation(metric: str, found: Gap | None, theirs: str) -> str:
    if found is None:
        return f"{label(metric)}: too few common evaluations to judge"
    return f"{place(STEP, found.last)}: {_gap(metric, found, theirs)}"


def _broken(comparison: Comparison, pair: Pair) -> Iterator[str]:
    for run in (pair.other, comparison.reference):
        if run.broken_at is not None:
            since = f"from step {numbers.step(run.broken_at)} to its end"
            yield f"{run.name} failed: its {label(LOSS)} is NaN or Inf {since}"
        elif run.health == "critical" and run.found:
            yield f"{run.name} is not healthy: {run.found[0]}"
