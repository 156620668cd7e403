"""Sentences about gaps and differences, whatever they were computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from runwatch.core.gap import Gap
from runwatch.core.metrics import goal, label
from runwatch.core.noise import STEP, TIME, TOKENS
from runwatch.render import numbers
from runwatch.reports.comparison.variables import Differences

_WRITE: dict[str, Callable[[float], str]] = {
    STEP: numbers.step,
    TOKENS: numbers.si,
    TIME: numbers.duration,
}
_AXES = {STEP: "over steps {} to {}", TOKENS: "over {} to {} tokens", TIME: "from {} to {}"}


def cause(known: Differences, *, differs: bool) -> str:
    """Return what may be concluded about the cause of a difference, or of its absence."""
    variables = known.variables
    if other := sorted(known.groups & {"data", "objective"}):
        return f"{' and '.join(other)} differ: the losses are not of the same thing, so this says little"
    if len(variables) > 1:
        end = "the difference cannot be attributed to any one of them" if differs else "effects may cancel"
        return (
            f"{len(variables)} things changed at once ({', '.join(variables)}): {end}; change one at a time"
        )
    if not known.comparable:
        lacking = unknown(known.unknown) or ["the configuration"]
        said = (
            f"{variables[0]} differs, and may not be the only change"
            if variables
            else "what changed is unknown"
        )
        are = "are" if len({kind for kind, _ in known.unknown}) > 1 else "is"
        return f"{said}: {' and '.join(lacking)} {are} not reported, so nothing is said about the cause"
    if variables:
        said = f"the only reported change that may matter is {variables[0]}"
        return f"{said}: it is the likely cause" if differs else f"{said}: no effect of it is seen"
    if known.is_repeat and differs:
        rare = "only the seed differs, and another seed rarely changes that much"
        return f"{rare}: look at code, data and hardware, or add runs with other seeds"
    return "no reported setting that may matter differs" + differs * ": look at code, data and hardware"


def place(axis: str, found: Gap) -> str:
    """Return where a difference is the mean of: `over steps 3,000 to 4,000`."""
    write = _WRITE[axis]
    return _AXES[axis].format(write(found.first), write(found.last))


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


def said(metric: str, found: Gap, theirs: str) -> str:
    """Return a difference of a metric in words: `loss of B is lower by 0.021 ± 0.006 (better)`."""
    if not found.real:
        return f"no difference of {label(metric)} beyond noise ({amount(found)})"
    wanted = goal(metric)
    good = "" if not wanted else " (better)" if (found.value < 0) == (wanted == "min") else " (worse)"
    way = "lower" if found.value < 0 else "higher"
    return f"{label(metric)} of {theirs} is {way} by {amount(found, sign=False)}{good}"


def unknown(missing: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is not known, and of which runs: `the configuration and the code of A and B`."""
    runs: dict[str, list[str]] = {}
    for kind, run in dict.fromkeys(missing):
        runs.setdefault(kind, []).append(run)
    kinds: dict[str, list[str]] = {}
    for kind, names in runs.items():
        kinds.setdefault(_listed(names), []).append(f"the {kind}")
    return [f"{_listed(what)} of {names}" for names, what in kinds.items()]


def _listed(names: list[str]) -> str:
    """Return `A`, `A and B` or `A, B and C`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
