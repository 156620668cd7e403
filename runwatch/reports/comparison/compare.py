"""Runs against a reference: the differences, the gaps between their curves, and what may be concluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from runwatch.core.gap import Gap
from runwatch.core.metrics import LEARNING_RATE, LOSS, VAL_LOSS, goal, primary
from runwatch.core.noise import STEP, TIME, TOKENS, Line, common, gap
from runwatch.core.plural import listed
from runwatch.core.series import Floats
from runwatch.reports.analysis import Options
from runwatch.reports.comparison.account import Account, account
from runwatch.reports.comparison.curves import over, tokens_per_step
from runwatch.reports.comparison.known import Known, apart, same_tokens
from runwatch.reports.comparison.variables import Differences
from runwatch.reports.evidence import Curve, RunEvidence, StageEvidence
from runwatch.watcher.engine.agreement import parted

AXES = (STEP, TOKENS, TIME)
_NOTHING = Options()
_NAMED = 4
"""Metrics that an error names."""
_ENOUGH = 10
"""Equal steps at the beginning that are worth a sentence: the first loss of one seed is always the same."""

# What a verdict may be.
IDENTICAL, NO_DIFFERENCE, LOWER, HIGHER, NOT_COMPARABLE = (
    "identical", "no difference", "lower", "higher", "not comparable",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """One run against the reference."""

    other: Account
    differences: Differences
    metric: str = ""
    """What the verdict is about: the training loss if both have it."""
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    """Axis -> how far the other one is above the reference at equal step, tokens or time."""
    evaluations: Mapping[str, Gap | None] = field(default_factory=dict)
    """Metric -> the same of evaluations, at equal step; None with too few of them."""
    common: int = 0
    """Steps that both report."""
    parted_at: float | None = None
    """The first of them at which the values differ; None if they are the same."""
    same_until: float | None = None
    """The last common step before that, if there is one."""
    same_tokens: bool = False
    """Whether a step is of as many tokens in both: then equal tokens are equal steps."""
    problem: str = ""
    """Why nothing can be compared; else ""."""

    @property
    def verdict(self) -> str:
        """One of the words above."""
        if self.problem or STEP not in self.gaps:
            return NOT_COMPARABLE
        if self.parted_at is None and self.common > 1:
            return IDENTICAL
        found = self.gaps[STEP]
        return NO_DIFFERENCE if not found.real else LOWER if found.value < 0 else HIGHER

    @property
    def differs(self) -> bool:
        """Whether any difference at equal step is more than noise."""
        found = (self.gaps.get(STEP), *self.evaluations.values())
        return self.verdict != IDENTICAL and any(gap is not None and gap.real for gap in found)

    @property
    def better(self) -> bool | None:
        """Whether the other one is better; None without a difference, or if nobody knows what is better."""
        wanted = {"min": LOWER, "max": HIGHER}.get(goal(self.metric))
        return self.verdict == wanted if wanted and self.verdict in (LOWER, HIGHER) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs against one."""

    reference: Account
    pairs: tuple[Pair, ...]

    @property
    def runs(self) -> tuple[Account, ...]:
        """All of them, the reference first."""
        return (self.reference, *(pair.other for pair in self.pairs))


def compare(
    runs: Sequence[RunEvidence], names: Sequence[str], reference: int = 0, options: Options = _NOTHING
) -> Comparison:
    """Compare runs with the one at `reference`."""
    accounts = [account(run, name, options) for run, name in zip(runs, names, strict=True)]
    base = runs[reference]
    known = [_known(run, name) for run, name in zip(runs, names, strict=True)]
    found = [(at, apart(known[reference], each)) for at, each in enumerate(known) if at != reference]
    alike = [base, *(runs[at] for at, rows in found if rows.is_repeat and _alike(base.main, runs[at].main))]
    pairs = [
        _pair(base, runs[at], (names[reference], names[at]), accounts[at], rows, _without(alike, runs[at]))
        for at, rows in found
    ]
    return Comparison(accounts[reference], tuple(pairs))


def _pair(
    base: RunEvidence,
    run: RunEvidence,
    names: tuple[str, str],
    account: Account,
    differing: Differences,
    alike: Sequence[StageEvidence],
) -> Pair:
    ours, theirs = base.main, run.main
    metric = primary(ours.curves, theirs.curves)
    problem = _problem(ours, theirs, metric, names)
    if problem:
        return Pair(account, differing, metric, problem=problem)
    as_many = same_tokens(tokens_per_step(ours.curves), tokens_per_step(theirs.curves))
    gaps = {}
    for axis in AXES:
        left, right = over(ours, metric, axis), over(theirs, metric, axis)
        if left is None or right is None or (axis == TOKENS and as_many):
            continue
        if (found := gap(left, right, _lines(alike, metric, axis))) is not None:
            gaps[axis] = found
    if STEP not in gaps:
        return Pair(account, differing, metric, problem=_too_few(ours, theirs, metric))
    evaluations = _evaluations(ours, theirs, metric, gaps[STEP], alike)
    together = _parted(ours.curves[metric], theirs.curves[metric])
    return Pair(account, differing, metric, gaps, evaluations, *together, same_tokens=as_many)


def _problem(ours: StageEvidence, theirs: StageEvidence, metric: str, names: tuple[str, str]) -> str:
    """Return why nothing can be compared, and what to do; "" if it can."""
    stages = dict(zip(names, (ours, theirs), strict=True))
    lacking = [name for name, stage in stages.items() if not any(goal(each) for each in stage.curves)]
    if lacking:
        return f"{' and '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no loss"
    if not metric:
        return "no loss in common: " + "; ".join(f"{n} has {_metrics(s)}" for n, s in stages.items())
    if (ours.last_step is None) != (theirs.last_step is None):
        without = names[0] if ours.last_step is None else names[1]
        return f"no steps: {without} numbers no records"
    left, right = over(ours, metric, STEP), over(theirs, metric, STEP)
    for name, found, stage in zip(names, (left, right), (ours, theirs), strict=True):
        if found is None:
            count = stage.curves[metric].summary.count - stage.curves[metric].summary.nonfinite
            return f"{name} has {count or 'no'} finite {'value' if count == 1 else 'values'} of {metric}"
    assert left is not None
    assert right is not None
    if max(left.x[0], right.x[0]) >= min(left.x[-1], right.x[-1]):
        spans = (
            f"{n} has steps {x.x[0]:,.0f} to {x.x[-1]:,.0f}"
            for n, x in zip(names, (left, right), strict=True)
        )
        return "no steps in common: " + ", ".join(spans)
    return ""


def _too_few(ours: StageEvidence, theirs: StageEvidence, metric: str) -> str:
    """Return that two runs have too few records in common to compare them."""
    curves = [curve for stage in (ours, theirs) if (curve := over(stage, metric, STEP)) is not None]
    first, last = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    held = min(len(curve.between(first, last)) for curve in curves)
    return f"too few records in common: {held} in steps {first:,.0f} to {last:,.0f}, and 4 or more are needed"


def _metrics(stage: StageEvidence) -> str:
    names = [name for name in stage.curves if goal(name)]
    return listed(names, _NAMED) or "none"


def _evaluations(
    ours: StageEvidence, theirs: StageEvidence, metric: str, training: Gap, alike: Sequence[StageEvidence]
) -> dict[str, Gap | None]:
    """Return the gaps of evaluations that both have."""
    found: dict[str, Gap | None] = {}
    for name in ours.curves:
        if not name.startswith("val/") or name not in theirs.curves or not goal(name) or name == metric:
            continue
        left, right = over(ours, name, STEP), over(theirs, name, STEP)
        if left is None or right is None or common(left, right) is None:
            found[name] = None
            continue
        # An overfitted validation loss is flat, and seeds differ in it as in the training loss.
        least = training.seed if name == VAL_LOSS and metric == LOSS and not training.repeats else 0.0
        found[name] = gap(left, right, _lines(alike, name, STEP), least=least, evaluations=True)
    return found


def _parted(left: Curve, right: Curve) -> tuple[int, float | None, float | None]:
    """Return how many steps both report, the first at which their values differ, and the one before it."""
    (steps, ours), (their_steps, theirs) = _samples(left), _samples(right)
    count, first = parted(steps, ours, their_steps, theirs)
    _, here, there = np.intersect1d(steps, their_steps, return_indices=True)
    broken = np.isfinite(ours[here]) != np.isfinite(theirs[there])
    if broken.any():
        at = float(steps[here][np.argmax(broken)])
        first = at if first is None else min(first, at)
    before = steps[here] if first is None else steps[here][steps[here] < first]
    return count, first, float(before[-1]) if first is not None and len(before) >= _ENOUGH else None


def _alike(ours: StageEvidence, theirs: StageEvidence) -> bool:
    """Return whether runs of one configuration are within noise: what a bug changes is no noise."""
    metric = primary(ours.curves, theirs.curves)
    left, right = over(ours, metric, STEP), over(theirs, metric, STEP)
    found = gap(left, right) if left is not None and right is not None else None
    return found is not None and not found.real


def _without(alike: Sequence[RunEvidence], run: RunEvidence) -> list[StageEvidence]:
    """Return runs of one configuration without the one that is judged: it must not widen its own range."""
    return [each.main for each in alike if each is not run]


def _lines(stages: Sequence[StageEvidence], metric: str, axis: str) -> list[Line]:
    found = (over(stage, metric, axis) for stage in stages)
    return [each for each in found if each is not None]


def _samples(curve: Curve) -> tuple[Floats, Floats]:
    """Return steps and values one by one; of a long series the newest."""
    if curve.exact:
        return curve.points.last_x, curve.points.last
    return curve.newest_steps, curve.newest_values


def _known(run: RunEvidence, name: str) -> Known:
    """Return what is known of a run besides the height of its curves."""
    stage = run.main
    rate = stage.curves.get(LEARNING_RATE)
    highest = rate.summary.maximum if rate is not None else None
    return Known(name, run.facts, over(stage, LEARNING_RATE, STEP), highest, tokens_per_step(stage.curves))
