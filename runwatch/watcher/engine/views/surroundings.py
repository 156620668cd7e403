"""What the engine knows around an incident and of its runs, for the messages about them."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from runwatch.core.checkpoint import State
from runwatch.core.ending import ENDED
from runwatch.core.metrics import LOSS, VAL_BPB, VAL_LOSS, label
from runwatch.core.snapshot import OPEN
from runwatch.render.numbers import spelled
from runwatch.render.plain import results
from runwatch.watcher.engine.evidence import sound
from runwatch.watcher.engine.pipelines import pipeline_of

if TYPE_CHECKING:
    from runwatch.alerts.delivery.run_notices import Look
    from runwatch.alerts.delivery.signals import Target
    from runwatch.alerts.incidents.incidents import Change
    from runwatch.watcher.engine.engine import Engine
    from runwatch.watcher.engine.pipelines import Pipeline
    from runwatch.watcher.engine.watched import WatchedRun

TREND_POINTS = 240


class Surroundings(NamedTuple):
    """Around one incident."""

    checkpoint: int | None = None
    """Step of the last good checkpoint."""
    trend: tuple[float, ...] = ()
    """The newest values of its metric."""
    span: tuple[int, int] | None = None
    """Steps of the first and the last of them."""
    path: str = ""
    """What was given to be watched."""
    over: tuple[str, str] | None = None
    """Id and name of the run, where it is over."""


def around(engine: Engine, change: Change) -> Surroundings:
    """Return what is known around a change's incident."""
    found = engine.find(change.run)
    if found is None:
        return Surroundings()
    group, watched = found
    good = watched.run.last_good(sound(watched.incidents.rows()))
    series = watched.run.series.get(change.row.metric or "")
    trend: tuple[float, ...] = ()
    span = None
    if series is not None and len(series):
        x, values = series.newest()
        trend = tuple(float(value) for value in values[-TREND_POINTS:])
        first, last = float(x[-len(trend)]), float(x[-1])
        span = (int(first), int(last)) if math.isfinite(first) and math.isfinite(last) else None
    path = group.paths[0] if group.paths else ""
    over = (pipeline_of(group, watched.run.id).id, watched.run.name) if watched.phase in ENDED else None
    return Surroundings(None if good is None else good.at, trend, span, path, over)


def threads(engine: Engine, run_id: str) -> tuple[str, ...]:
    """Return the ids of the open incidents of a run, of all its stages, the most severe first."""
    stages = next((each.stages for each in engine.pipelines() if each.id == run_id), ())
    rows = (row for stage in reversed(stages) for row in stage.incidents.rows())
    return tuple(row.id for row in rows if row.state in OPEN)


def processes(engine: Engine | None, change: Change) -> list[Target]:
    """Return the processes that train a change's run: this user's, on this machine."""
    from runwatch.alerts.delivery.signals import Target

    found = engine.find(change.run) if engine is not None else None
    own = found[0].machine.own() if found is not None else ()
    return [Target(process.pid, process.started) for process in own]


def looks(engine: Engine, now: float, command: str) -> list[Look]:
    """Return how every run is; `command` is how to see it."""
    from runwatch.alerts.delivery.run_notices import Look

    found = []
    for pipeline in engine.pipelines():
        group, watched = pipeline.group, pipeline.newest
        run, progress = watched.run, watched.progress()
        state = engine.state(group, watched, now)
        found.append(
            Look(
                id=pipeline.id,
                group=group.id,
                name=run.name,
                phase=state if state in ("blind", "unknown") else group.shown_phase(watched, now),
                live=run.progressed is not None or state == "running",
                records=sum(stage.run.records for stage in pipeline.stages),
                stage=progress.stage,
                step=run.last_step,
                total=run.planned,
                health=watched.health,
                reason=watched.reason,
                eta=progress.eta_seconds,
                metrics=partial(_metrics, pipeline),
                checkpoint=partial(_checkpoint, watched),
                look=command,
            )
        )
    return found


def _metrics(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the newest values of the metrics that matter at an end, and their best where it is behind.

    Behind them what each stage gave in the evaluation behind its training.
    """
    parts = []
    run = pipeline.newest.run
    for name in (LOSS, VAL_LOSS, VAL_BPB):
        value, series = run.latest(name), run.series.get(name)
        if value is None or series is None:
            continue
        best = series.summary.minimum
        behind = math.isfinite(best) and not value <= best and name != LOSS
        parts.append(f"{label(name)} {spelled(f'{value:.4g}')}" + (f" (best {best:.4g})" if behind else ""))
    for stage in pipeline.stages:
        if stage.run.results:
            of = f" of {stage.stage}" if pipeline.many else ""
            parts.append(f"Results{of}: {results(stage.run.results)}")
    return tuple(parts)


def _checkpoint(watched: WatchedRun) -> str:
    """Return the best checkpoint, where checkpoints have a validation loss; else the last good one."""
    judged = [
        (checkpoint.metrics[name], checkpoint)
        for checkpoint in watched.run.checkpoints
        for name in (VAL_LOSS, VAL_BPB)
        if checkpoint.state is State.COMPLETE and name in checkpoint.metrics
    ]
    if judged:
        value, best = min(judged, key=lambda pair: pair[0])
        return f"Best checkpoint: {best.at} ({value:.4g})"
    good = watched.run.good_before(sound(watched.incidents.rows()))
    return "" if good is None else f"Last good checkpoint: step {good:,}"
