"""One run in the figures that a comparison lists: end, best, stability, speed and cost."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from runwatch.core.metrics import LOSS, MFU, SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC, VAL_BPB, VAL_LOSS
from runwatch.reports.analysis import Options
from runwatch.reports.analysis import gpus as gpus_of
from runwatch.reports.evidence import Curve, RunEvidence

_SPIKES = ("loss_spike", "grad_spike")


@dataclass(frozen=True, slots=True)
class Account:
    """One run; None is not known."""

    name: str
    source: str
    """Where it was read from."""
    state: str
    """How it ended, or that it has not: finished, crashed ..."""
    health: str
    reason: str
    records: int
    last_step: int | None
    total: int | None
    loss: float | None
    """Newest training loss; NaN for one that is no number."""
    validation: dict[str, tuple[float, float | None]]
    """Metric of an evaluation -> its best value and where that was."""
    broken_at: float | None
    """Step from which the training loss is NaN or Inf to its end."""
    nonfinite: int
    """Losses and gradient norms that are NaN or Inf."""
    spikes: int
    restarts: int
    incidents: dict[str, int]
    """Severity -> how many."""
    found: tuple[str, ...]
    """Titles of the critical incidents, then of the warnings; symptoms left out."""
    seconds: float | None
    """From the first record to the last."""
    step_time: float | None
    speed: float | None
    speed_metric: str
    mfu: float | None
    gpus: int | None
    gpu_hours: float | None
    cost: float | None


def account(run: RunEvidence, name: str, options: Options) -> Account:
    """Return the figures of a run, of its main stage."""
    stage = run.main
    rows = [row for row in stage.incidents if not row.lead]
    order = ("critical", "warning")
    shown = sorted((row for row in rows if row.severity in order), key=lambda row: order.index(row.severity))
    seconds = stage.clock.length if stage.clock is not None and stage.clock.length > 0 else None
    gpus, _ = gpus_of(run, options)
    hours = seconds * gpus / 3600.0 if seconds is not None and gpus is not None else None
    speed = next((each for each in (TOKENS_PER_SEC, SAMPLES_PER_SEC) if each in stage.curves), "")
    return Account(
        name=name,
        source=run.sources[0] if run.sources else "",
        state=run.state if run.phase == "training" else run.phase.replace("_", " "),
        health=run.health,
        reason=run.reason,
        records=stage.records,
        last_step=stage.last_step,
        total=stage.total,
        loss=_newest(stage.curves.get(LOSS)),
        validation={
            each: (summary.minimum, _finite(summary.minimum_step))
            for each in (VAL_LOSS, VAL_BPB)
            if each in stage.curves and math.isfinite((summary := stage.curves[each].summary).minimum)
        },
        broken_at=_broken_at(stage.curves.get(LOSS)),
        nonfinite=sum(
            curve.summary.nonfinite for each, curve in stage.curves.items() if each.startswith("train/")
        ),
        spikes=sum(row.rule in _SPIKES for row in stage.incidents),
        restarts=len(stage.restarts),
        incidents=dict(Counter(row.severity for row in rows)),
        found=tuple(row.title for row in shown),
        seconds=seconds,
        step_time=_typical(stage.curves.get(STEP_TIME)),
        speed=_typical(stage.curves.get(speed)),
        speed_metric=speed,
        mfu=_typical(stage.curves.get(MFU)),
        gpus=gpus,
        gpu_hours=hours,
        cost=hours * options.price if hours is not None and options.price is not None else None,
    )


def _newest(curve: Curve | None) -> float | None:
    if curve is None:
        return None
    return math.nan if curve.broken else float(curve.summary.last)


def _typical(curve: Curve | None) -> float | None:
    """Return the median of a metric."""
    means = curve.values[np.isfinite(curve.values)] if curve is not None else np.empty(0)
    return float(np.median(means)) if len(means) else None


def _broken_at(curve: Curve | None) -> float | None:
    """Return the step from which a metric is NaN or Inf to its end; None if it ends in a number."""
    bad = ~np.isfinite(curve.values) if curve is not None else np.empty(0, bool)
    if curve is None or not len(bad) or not bad[-1]:
        return None
    good = np.flatnonzero(~bad)
    return float(curve.points.first_x[good[-1] + 1 if len(good) else 0])


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
