"""The stable JSON of `check --json` and `status --json`: runs and incidents as plain data."""

from __future__ import annotations

import math
from typing import Any

from runwatch.core.checkpoint import Checkpoint, State
from runwatch.core.findings import Severity
from runwatch.core.run import RankState, Run
from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.evidence import sound
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.watched import WatchedRun

SCHEMA = 1


def document(engine: Engine, now: float) -> dict[str, Any]:
    """Return the whole document; `now` is Unix time."""
    return {"schema": SCHEMA, "runs": [run_object(engine, group, run, now) for group, run in engine.runs()]}


def run_object(engine: Engine, group: Group, watched: WatchedRun, now: float) -> dict[str, Any]:
    """Return one run of the document."""
    run = watched.run
    progress = watched.progress()
    return {
        "name": run.name,
        "title": run.label,
        "sources": list(group.paths),
        "format": run.format,
        "state": engine.state(group, watched, now),
        "reason": watched.reason or None,
        "lines": group.lines,
        "unparsed_lines": group.unparsed,
        "steps": _steps(run),
        "progress": finite(progress.fraction),
        "eta_seconds": finite(progress.eta_seconds),
        "eta_spread": finite(progress.eta_spread),
        "eta_source": progress.eta_source or None,
        "metrics": {name: _metric(watched, name) for name in run.series},
        "ranks": {
            str(rank): {"done": state.done, "total": _rank_total(run, state)}
            for rank, state in sorted(run.ranks.items())
        },
        "checkpoints": _checkpoints(run),
        "last_good_checkpoint": run.good_before(sound(watched.incidents.rows())),
        "incidents": [incident_object(row) for row in sorted(watched.incidents.rows(), key=place)],
        "unseen": [
            {"path": source.id, "reason": source.unseen.reason}
            for source in group.sources.values()
            if source.unseen is not None
        ],
    }


def _steps(run: Run) -> dict[str, int | None]:
    """Return the steps of a run; a total that but ends its first epoch is told with what is planned."""
    steps = {"records": run.records, "first": run.first_step, "last": run.last_step, "total": run.planned}
    if run.epoch_steps is not None and run.total == run.epoch_steps:
        steps |= {"total": run.total, "epoch_steps": run.epoch_steps, "planned": run.planned}
    return steps


def _rank_total(run: Run, state: RankState) -> int | None:
    """Return how much a rank has to do, as far as known: at least what it has done."""
    known = run.total if state.training else state.total
    return state.done if known is None else known


def _checkpoints(run: Run) -> list[dict[str, Any]]:
    """Return the checkpoints that were seen, and those that only the log tells of."""
    seen = [saved for saved in run.checkpoints if saved.state is not State.DELETED]
    steps = {saved.step for saved in run.checkpoints}
    out = [_checkpoint(each) for each in seen]
    out += [
        {"step": saved.step, "path": saved.path, "bytes": None, "complete": None, "state": None}
        for saved in run.saved
        if saved.step not in steps
    ]
    return sorted(out, key=lambda row: row["step"] if isinstance(row["step"], int) else -1)


def _checkpoint(seen: Checkpoint) -> dict[str, Any]:
    """Return what its files tell; how long it took is known better by who saw it written."""
    return {
        "step": seen.at,
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


def incident_object(row: IncidentRow) -> dict[str, Any]:
    """Return one incident of the document."""
    return {
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
        "advice": row.advice,
        "evidence": _evidence(row),
    }


def _evidence(row: IncidentRow) -> dict[str, Any]:
    """Return what a rule saw, and the titles of the incidents that follow from this one."""
    out: dict[str, Any] = {
        key: finite(value) if isinstance(value, float) else value for key, value in row.evidence.items()
    }
    return out | {"symptoms": list(row.symptoms)} if row.symptoms else out


def place(row: IncidentRow) -> tuple[int, int, str, str]:
    """Return a key by which the gravest come first, of those the earliest: what began it."""
    return (-Severity(row.severity).rank, row.line or 0, row.rule, row.metric or "")


def finite(value: float | None) -> float | None:
    """Return the value, or None where JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


def _newest(watched: WatchedRun, name: str) -> float | str | None:
    """Return the newest value of a metric; a word where it is no number: nan, inf or -inf."""
    value = watched.run.latest(name)
    return value if value is None or math.isfinite(value) else str(value)


def _metric(watched: WatchedRun, name: str) -> dict[str, Any]:
    series = watched.run.series[name].summary
    out: dict[str, Any] = {
        "count": series.count,
        "first": finite(series.first),
        "last": finite(series.last),
        "newest": _newest(watched, name),
        "min": finite(series.minimum),
        "max": finite(series.maximum),
        "nonfinite": series.nonfinite,
    }
    if name in watched.run.printed:
        out["printed"] = watched.run.printed[name]
    return out
