"""What follows from the evidence of one stage: everything that several sections of a report speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from runwatch.alerts.rules.common.roles import REWARD, role
from runwatch.core.metrics import (
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    LR_MULTIPLIER,
    VAL_BPB,
    VAL_LOSS,
    goal,
    is_bookkeeping,
    is_of_machine,
    of_held_out,
)
from runwatch.core.snapshot import IncidentRow
from runwatch.reports.evidence import Curve, RunEvidence, StageEvidence, last_pass
from runwatch.reports.facts import Facts
from runwatch.reports.schedule import Schedule, recognize
from runwatch.reports.shape import Shape, shape_of
from runwatch.reports.timeline import Course, StepTimes, course, step_times

_SCHEDULE = re.compile(r"(?i)(?:^|[./])(?:lr_?)?(?:scheduler|schedule|decay)_?(?:type|style|name)?$")
"""Settings that name the schedule of the learning rate."""
_WHOLE = re.compile(r"map[_ ]?50[-_:]?(?:0?\.)?95|fitness$|/map$|f1$", re.IGNORECASE)
"""Scores that judge as a whole what precision and recall judge in part."""
_SO_FAR = ("min_", "max_", "best_")
"""Begins names of the best value so far, which is never worse than before."""
_CLEARLY = 0.02
"""Share by which another evaluation is better where a score prefers it."""
_NEAR = 8
"""Values of the training loss before an evaluation that it is compared with."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How far validation lies above training, at one evaluation."""

    step: float
    training: float
    validation: float

    @property
    def size(self) -> float:
        """Validation less training."""
        return self.validation - self.training


@dataclass(frozen=True, slots=True)
class Rival:
    """A score that prefers another evaluation than the loss does."""

    metric: str
    best: float
    step: float
    there: float
    """Its value where the loss is best."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The main metric that is validated."""

    curve: Curve
    larger: bool
    """Whether larger values are better."""
    best: float
    best_step: float
    last: float
    last_step: float
    after_best: int
    """Evaluations after the best one."""
    first_gap: Gap | None
    """At the first evaluation in the second half of the run; None where training has another unit."""
    last_gap: Gap | None
    rival: Rival | None
    """A score by which a later evaluation is better, where the main metric is a loss."""

    @property
    def behind(self) -> float:
        """How much worse the last value is than the best."""
        return self.best - self.last if self.larger else self.last - self.best

    @property
    def worse(self) -> float:
        """The same as a share of the best; Inf where their signs differ."""
        return (
            self.behind / abs(self.best)
            if self.best * self.last > 0
            else (float("inf") if self.behind > 0 else 0.0)
        )


@dataclass(frozen=True, slots=True)
class Analysis:
    """A stage, and what follows from its evidence."""

    stage: StageEvidence
    loss: Curve | None
    """The training loss, or what comes nearest to it."""
    shape: Shape | None
    rate: Curve | None
    """The learning rate, or its multiplier."""
    schedule: Schedule | None
    gradient: Curve | None
    validation: Validation | None
    reward: Curve | None
    """What episodes or replies earned."""
    course: Course | None
    times: StepTimes | None
    configured: str = ""
    """The schedule that the configuration names."""

    @property
    def trouble(self) -> tuple[IncidentRow, ...]:
        """Incidents that wanted attention, the most severe first."""
        rows = (row for row in self.stage.incidents if row.state != "pending" and row.severity != "info")
        return tuple(sorted(rows, key=lambda row: (row.severity != "critical", row.line or 0)))

    def over(self, row: IncidentRow) -> str:
        """Return how an incident is over; "" if it is not.

        A plateau ends for its rule with one better median, after which the loss may be as level as before.
        """
        if row.state != "resolved":
            return ""
        shape = self.shape
        level = shape is not None and (shape.flat_since == shape.flat_since or shape.kind in ("flat", "rise"))
        return "interrupted" if row.rule == "plateau" and level else "resolved"


@dataclass(frozen=True, slots=True)
class Options:
    """What the reader asked for."""

    price: float | None = None
    """Of one GPU for an hour, in any currency."""
    gpus: int | None = None
    """Number of GPUs, where nothing else says it."""


def analyze(stage: StageEvidence, facts: Facts) -> Analysis:
    """Return what follows from the evidence of a stage, and what its run's configuration says of it."""
    loss = main_loss(stage)
    rate = stage.curves.get(LEARNING_RATE) or stage.curves.get(LR_MULTIPLIER)
    return Analysis(
        stage=stage,
        loss=loss,
        shape=shape_of(loss) if loss is not None else None,
        rate=rate,
        schedule=recognize(rate) if rate is not None else None,
        gradient=stage.curves.get(GRAD_NORM),
        validation=_validation(stage),
        reward=next((curve for name, curve in stage.curves.items() if role(name) == REWARD), None),
        course=course(stage),
        times=step_times(stage),
        configured=next((text for name, text in facts.settings.items() if _SCHEDULE.search(name)), ""),
    )


def main_loss(stage: StageEvidence) -> Curve | None:
    """Return the training loss; without one, the positive loss that was printed most often."""
    if LOSS in stage.curves:
        return stage.curves[LOSS]
    named = [
        curve
        for name, curve in stage.curves.items()
        if goal(name) == "min" and not of_held_out(name) and "loss" in name.lower()
        if curve.summary.minimum > 0  # one of both signs, as of policies, does not fall by learning
    ]
    return max(named, key=lambda curve: curve.summary.count, default=None)


def evaluations(stage: StageEvidence) -> dict[str, Curve]:
    """Return the metrics of evaluations, the ones with a known goal first."""
    found = {
        name: curve
        for name, curve in stage.curves.items()
        if (of_held_out(name) or _is_score(curve, stage.records))
        and not (is_bookkeeping(name) or is_of_machine(name))
        and curve.summary.count > curve.summary.nonfinite
    }
    return dict(
        sorted(
            found.items(),
            key=lambda each: (
                each[0] not in (VAL_LOSS, VAL_BPB),
                not goal(each[0]),
                _is_so_far(each[0]),
                not _WHOLE.search(each[0]),
            ),
        )
    )


def _is_so_far(name: str) -> bool:
    return name.rpartition("/")[2].startswith(_SO_FAR)


def _is_score(curve: Curve, records: int) -> bool:
    return bool(goal(curve.metric) == "max" and curve.summary.count < 0.5 * records)


def gpus(run: RunEvidence, options: Options) -> tuple[int | None, str]:
    """Return the number of GPUs, and what says so."""
    if options.gpus is not None:
        return options.gpus, "as given"
    for name, value in {**run.facts.hardware, **run.facts.settings}.items():
        last = name.replace(".", "/").rpartition("/")[2].lower()
        if (
            last in ("gpus", "gpu_count", "num_gpus", "world_size", "ngpus")
            and value.isdecimal()
            and int(value)
        ):
            return int(value), f"{name} says so"
    seen = {name.split("/")[1] for stage in run.stages for name in stage.curves if name.startswith("gpu/")}
    if seen:
        return len(seen), "as many were measured"
    ranks = max((set(stage.ranks) for stage in run.stages), key=len, default=set[int]())
    whole = len(ranks) > 1 and ranks == set(range(len(ranks)))  # of others, some may be missing
    return (len(ranks), "one for each rank that was read") if whole else (None, "")


def _validation(stage: StageEvidence) -> Validation | None:
    known = {name: curve for name, curve in evaluations(stage).items() if goal(name)}
    if not known:
        return None
    name, curve = next(iter(known.items()))
    larger = goal(name) == "max"
    summary = curve.summary
    best, at = (summary.maximum, summary.maximum_step) if larger else (summary.minimum, summary.minimum_step)
    steps = curve.steps[np.isfinite(curve.values)]
    reached = np.nanargmax(curve.points.high) if larger else np.nanargmin(curve.points.low)
    after = int(curve.points.count[int(reached) + 1 :].sum())  # in the order of the log: steps may go back
    gaps = _gaps(stage.curves.get(LOSS), curve) if name == VAL_LOSS else []
    last_step = float(steps[-1]) if curve.placed else float("nan")
    middle = (steps[0] + steps[-1]) / 2
    first = next((gap for gap in gaps if gap.step >= middle), None)
    scores = [each for name, each in known.items() if goal(name) == "max" and not _is_so_far(name)]
    rival = None if larger else next(filter(None, (_rival(each, at) for each in scores)), None)
    return Validation(
        curve, larger, best, at, summary.last, last_step, after, first, gaps[-1] if gaps else None, rival
    )


def _rival(curve: Curve, step: float) -> Rival | None:
    """Return how a score is better in an evaluation after this step; None if it is hardly better."""
    best, at = curve.summary.maximum, curve.summary.maximum_step
    there = curve.values[curve.steps == step]
    if not (curve.exact and curve.placed and len(there) and at > step):
        return None
    clear = best - float(there[-1]) > _CLEARLY * abs(best)
    return Rival(curve.metric, best, at, float(there[-1])) if clear else None


def _gaps(training: Curve | None, validation: Curve) -> list[Gap]:
    """Return the gap at each evaluation, to the median of the training losses just before it."""
    if training is None or not (training.placed and validation.placed):
        return []
    kept = np.isfinite(training.values) & last_pass(training.steps)
    steps, values = training.steps[kept], training.values[kept]
    found = []
    for step, value in zip(validation.steps.tolist(), validation.values.tolist(), strict=True):
        end = int(np.searchsorted(steps, step, side="right"))
        near = values[max(0, end - _NEAR) : end]
        if len(near) and np.isfinite(value):
            found.append(Gap(step, float(np.median(near)), value))
    return found
