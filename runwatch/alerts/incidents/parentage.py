"""Which incident is the symptom of which: a pure function of the incidents, not of the order they came in.

Rules look at a block one after the other, so that what they find in a long block
comes rule by rule, and in short ones row by row. What counts is therefore where an
incident began and ended, never when it was reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from math import inf
from typing import NamedTuple

from runwatch.alerts.rules.causes import FOLLOWS, follows, near
from runwatch.core.findings import Severity
from runwatch.core.metrics import LOSS
from runwatch.core.snapshot import IncidentRow


class Point(NamedTuple):
    """Where something was in the log."""

    step: int | None
    line: int | None


class Life(NamedTuple):
    """An incident that fires, or did."""

    row: IncidentRow
    over: Point | None = None
    """Where it ended; None while it continues."""

    @property
    def begin(self) -> Point:
        """Return where it began."""
        return Point(self.row.step, self.row.line)


def parents(lives: Iterable[Life]) -> dict[str, str]:
    """Return incident id -> id of the one that it follows from, "" if there is none.

    The most severe leads, among equals the cause, then the earlier. What ends later
    than another is not its symptom.
    """
    found: dict[str, str] = {}
    placed: dict[str, list[tuple[float, Life]]] = {}
    for number, life in enumerate(sorted(lives, key=_precedence)):
        row = life.row
        first = min(
            (
                next(((at, other) for at, other in placed[rule] if _leads(other, life)), _NOBODY)
                for rule in _RELATED.get(row.rule, ())
                if rule in placed
            ),
            default=_NOBODY,
            key=lambda entry: entry[0],
        )
        lead = first[1]
        found[row.id] = "" if lead is None else lead.row.id
        placed.setdefault(row.rule, []).append((number, life))
    return found


def before(one: Point, other: Point) -> bool | None:
    """Return whether one precedes another; None where the log does not show."""
    if one.step is not None and other.step is not None:
        return one.step < other.step
    if one.line is not None and other.line is not None:
        return one.line < other.line
    return None


def _precedence(life: Life) -> tuple[int, float, float, float, str, bool, str, str]:
    """Return what sorts those that may lead first."""
    row = life.row
    return (
        -Severity.of(row.severity).rank,
        _DEPTH.get(row.rule, inf),
        inf if row.step is None else row.step,
        -inf if row.line is None else row.line,
        row.rule,
        row.metric != LOSS,
        row.metric or "",
        row.id,
    )


def _leads(lead: Life, life: Life) -> bool:
    """Whether `lead` is near enough to be related, and lasted while the other began and ended."""
    one, other = lead.row, life.row
    if not any(
        follows(cause.rule, effect.rule) and near(cause.rule, cause.step, effect.step)
        for cause, effect in ((one, other), (other, one))
    ):
        return False
    if lead.over is None:
        return life.over is None or before(life.over, lead.begin) is False
    if life.over is None or before(lead.over, life.over) is not False:
        return False
    return before(lead.over, life.begin) is False and before(life.over, lead.begin) is False


def _depths() -> Mapping[str, int]:
    """Return how far down the graph of causes each rule is; mutual causes do not count."""
    causes: dict[str, set[str]] = {rule: set() for rule in FOLLOWS}
    for cause, effects in FOLLOWS.items():
        for effect in effects:
            if not follows(effect, cause):
                causes.setdefault(effect, set()).add(cause)
    depths: dict[str, int] = {}
    for rule in TopologicalSorter(causes).static_order():
        depths[rule] = max((depths[cause] + 1 for cause in causes[rule]), default=0)
    return depths


_DEPTH = _depths()
_RELATED: Mapping[str, frozenset[str]] = {
    rule: frozenset(other for other in _DEPTH if follows(rule, other) or follows(other, rule))
    for rule in _DEPTH
}
"""Rule -> the rules that it may follow from, or that may follow from it."""
_NOBODY: tuple[float, Life | None] = (inf, None)
