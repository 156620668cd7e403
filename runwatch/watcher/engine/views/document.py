"""The stable JSON of `check --json` and `status --json`: runs and incidents as plain data."""

from __future__ import annotations

from typing import Any

from runwatch.core.checkpoint import Checkpoint, State
from runwatch.core.ending import Ending
from runwatch.core.findings import Severity
from runwatch.core.fold.rank_state import trained
from runwatch.core.fold.run import Run
from runwatch.core.snapshot import IncidentRow, finite, not_finite
from runwatch.render import plain
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.evidence import sound
from runwatch.watcher.engine.pipelines import Pipeline
from runwatch.watcher.engine.watched import WatchedRun

SCHEMA = 1


def document(engine: Engine, now: float) -> dict[str, Any]:
    """Return the whole document; `now` is Unix time."""
    return {"schema": SCHEMA, "runs": [run_object(engine, each, now) for each in engine.pipelines()]}


def run_object(engine: Engine, pipeline: Pipeline, now: float) -> dict[str, Any]:
    """Return one run of the document.

    Of a pipeline, steps and metrics are those of its main stage, the one with most records; progress,
    ETA and state those of the stage that is under way.
    """
    group, watched = pipeline.group, pipeline.newest
    run = pipeline.main.run
    progress = group.progress(watched, now)
    incidents = [(stage, row) for stage in pipeline.stages for row in stage.incident_rows()]
    return {
        "id": pipeline.id,
        "name": run.name,
        "title": run.name,
        "sources": list(group.paths),
        "format": run.format,
        "state": engine.state(group, watched, now),
        "ending": None if watched.ending is None else _ending(watched.ending),
        "endings": [_ending(ending) for stage in pipeline.stages for ending in stage.endings],
        "health": watched.health,
        "reason": watched.reason or (watched.ending.story if watched.ending is not None else None),
        "lines": group.lines,
        "unparsed_lines": group.unparsed,
        "steps": _steps(run),
        "progress": finite(progress.fraction),
        "eta_seconds": finite(progress.eta_seconds),
        "eta_spread": finite(progress.eta_spread),
        "eta_source": progress.eta_source or None,
        "stages": [_stage(engine, pipeline, stage, now) for stage in pipeline.stages if pipeline.many],
        "results": {name: finite(value) for name, value in watched.run.results.items()},
        "metrics": {name: _metric(run, name) for name in run.series},
        "ranks": _ranks(run),
        "checkpoints": [row for stage in pipeline.stages for row in _checkpoints(stage.run)],
        "last_good_checkpoint": watched.run.good_before(sound(watched.incidents.rows())),
        "incidents": [
            incident_object(row, stage.stage if pipeline.many else "")
            for stage, row in sorted(incidents, key=lambda pair: place(pair[1]))
        ],
        "unseen": [
            {"path": source.id, "reason": source.unseen.reason}
            for source in group.sources.values()
            if source.unseen is not None
        ],
    }


def _ending(ending: Ending) -> dict[str, Any]:
    """Return how a run or a launch ended, in finer words than a state has."""
    return {
        "kind": ending.kind.value,
        "story": ending.story,
        "reported_by": ending.reported_by or None,
        "step": ending.step,
        "line": ending.line,
    }


def _steps(run: Run) -> dict[str, int | None]:
    """Return the steps of a run; a total that only ends its first epoch is in addition to what is planned."""
    steps = {"records": run.records, "first": run.first_step, "last": run.last_step, "total": run.planned}
    if run.epoch_steps is not None and run.total == run.epoch_steps:
        steps |= {"total": run.total, "epoch_steps": run.epoch_steps, "planned": run.planned}
    return steps


def _stage(engine: Engine, pipeline: Pipeline, stage: WatchedRun, now: float) -> dict[str, Any]:
    """Return one stage of a pipeline."""
    progress = stage.progress()
    return {
        "name": stage.stage,
        "state": engine.state(pipeline.group, stage, now),
        "steps": _steps(stage.run),
        "progress": finite(progress.fraction),
        "eta_seconds": finite(progress.eta_seconds),
        "results": {name: finite(value) for name, value in stage.run.results.items()},
        "metrics": {name: _metric(stage.run, name) for name in stage.run.series},
        "checkpoints": _checkpoints(stage.run),
    }


def _ranks(run: Run) -> dict[str, dict[str, int | None]]:
    """Return how far each rank is, and how much it has to do, as far as known: at least what it has done."""
    steps = trained(run.ranks.values())
    progress = {rank: state.progress(steps, run.total) for rank, state in sorted(run.ranks.items())}
    return {
        str(rank): {"done": done, "total": done if total is None else total}
        for rank, (done, total) in progress.items()
    }


def _checkpoints(run: Run) -> list[dict[str, Any]]:
    """Return the checkpoints that were seen, and those that only the log reports."""
    reported = run.reconciled()
    seen = [saved for saved in run.checkpoints if saved.state is not State.DELETED]
    out = [_checkpoint(each, reported.steps.get(each.id, each.at)) for each in seen]
    out += [
        {"step": save.at, "path": save.path or None, "bytes": None, "complete": None, "state": None}
        for save in reported.unseen
    ]
    return sorted(out, key=lambda row: row["step"] if isinstance(row["step"], int) else -1)


def _checkpoint(seen: Checkpoint, step: int | None) -> dict[str, Any]:
    """Return what its files say; how long it took is known better by who saw it written."""
    return {
        "step": step,
        "path": seen.path,
        "bytes": seen.bytes,
        "complete": seen.state is State.COMPLETE,
        "state": seen.state.value,
        "reason": seen.reason,
        "kind": seen.kind,
        "written": seen.written,
        "files": seen.files,
        "ranks": seen.ranks,
        "ranks_expected": seen.ranks_expected,
        "missing": list(seen.missing),
    }


def incident_object(row: IncidentRow, stage: str = "") -> dict[str, Any]:
    """Return one incident of the document, with the stage of a pipeline in which it arose."""
    return ({"stage": stage} if stage else {}) | {
        "rule": row.rule,
        "severity": row.severity,
        "state": row.state,
        "metric": row.metric,
        "rank": row.rank,
        "step": row.step,
        "line": row.line,
        "time": row.since,
        "resolved_step": row.resolved_step,
        "title": row.title,
        "cause": row.cause,
        "advice": plain.advice(row),
        "evidence": _evidence(row),
    }


def _evidence(row: IncidentRow) -> dict[str, Any]:
    """Return what a rule saw, and the titles of the incidents that follow from this one."""
    out: dict[str, Any] = {
        key: finite(value) if isinstance(value, float) else value for key, value in row.evidence.items()
    }
    return out | {"symptoms": list(row.symptoms)} if row.symptoms else out


def place(row: IncidentRow) -> tuple[int, int, str, str]:
    """Return a key by which the most severe come first, of those the earliest: the one that began it."""
    return (-Severity(row.severity).rank, row.line or 0, row.rule, row.metric or "")


def _newest(run: Run, name: str) -> float | str | None:
    """Return the newest value of a metric; a word where it is no number: nan, inf or -inf."""
    value = run.latest(name)
    return not_finite(value) or value


def _metric(run: Run, name: str) -> dict[str, Any]:
    series = run.series[name].summary
    out: dict[str, Any] = {
        "count": series.count,
        "first": finite(series.first),
        "last": finite(series.last),
        "newest": _newest(run, name),
        "min": finite(series.minimum),
        "max": finite(series.maximum),
        "nonfinite": series.nonfinite,
    }
    if name in run.printed:
        out["printed"] = run.printed[name]
    return out
