"""What is kept of runs for those who ask what was watched."""

from __future__ import annotations

from runwatch.core.fold.run import Run
from runwatch.core.metrics import LOSS, VAL_BPB, VAL_LOSS, goal
from runwatch.core.snapshot import PastRun, finite
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import Pipeline, pipelines
from runwatch.watcher.engine.views.run_rows import elapsed

_JUDGED = (VAL_LOSS, VAL_BPB, LOSS)


def of(group: Group) -> tuple[PastRun, ...]:
    """Return what is kept of the runs of a group; of a pipeline the figures of its main stage."""
    return tuple(_past_run(each) for each in pipelines(group.lasting))


def _past_run(pipeline: Pipeline) -> PastRun:
    group, newest, run = pipeline.group, pipeline.newest, pipeline.main.run
    metric = _judged(run)
    summary = run.series[metric].summary if metric else None
    low = goal(metric) != "max"
    best = None if summary is None else finite(summary.minimum if low else summary.maximum)
    at = None if summary is None else finite(summary.minimum_step if low else summary.maximum_step)
    return PastRun(
        id=pipeline.id,
        name=newest.run.name,
        phase=newest.phase,
        sources=tuple(group.paths),
        format=newest.run.format,
        step=run.last_step,
        total=run.planned,
        loss=finite(run.latest(LOSS)),
        best_metric=metric if best is not None else "",
        best=best,
        best_at=None if at is None else int(at),
        seconds=elapsed(group, run),
        health=newest.health,
        reason=newest.reason,
        written=group.written,
    )


def _judged(run: Run) -> str:
    """Return the metric that says how good a run is; "" without one."""
    known = [name for name in _JUDGED if name in run.series]
    known += [name for name in run.series if goal(name)]
    return known[0] if known else ""
