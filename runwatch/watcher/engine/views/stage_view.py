"""The stages of a pipeline as a screen shows them, and the incidents of all of them."""

from __future__ import annotations

from msgspec.structs import replace

from runwatch.core.metrics import LOSS
from runwatch.core.snapshot import IncidentRow, StageRow, finite, not_finite
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import pipeline_of
from runwatch.watcher.engine.watched import WatchedRun


def incidents(group: Group, watched: WatchedRun | None) -> tuple[IncidentRow, ...]:
    """Return the incidents of a run, of a pipeline those of all stages with the stage of each."""
    if watched is None:
        return ()
    stages = pipeline_of(group, watched.run.id).stages
    if len(stages) == 1:
        return watched.incident_rows()
    return tuple(replace(row, stage=each.stage) for each in reversed(stages) for row in each.incident_rows())


def rows(group: Group, watched: WatchedRun | None, now: float) -> tuple[StageRow, ...]:
    """Return the stages of a pipeline; of a run without any its results, if it has some."""
    stages = pipeline_of(group, watched.run.id).stages if watched is not None else ()
    if len(stages) == 1 and not stages[0].run.results:
        return ()
    return tuple(_row(group, each, now) for each in stages)


def _row(group: Group, watched: WatchedRun, now: float) -> StageRow:
    run = watched.run
    firing = [row.severity for row in watched.incidents.rows() if row.state == "firing"]
    return StageRow(
        run.id,
        watched.stage,
        group.shown_phase(watched, now) if watched is group.runs[-1] else watched.phase,
        replace(watched.progress(), stage=""),
        run.records,
        finite(run.latest(LOSS)),
        not_finite(run.latest(LOSS)),
        critical=firing.count("critical"),
        warning=firing.count("warning"),
        results={name: finite(value) for name, value in run.results.items()},
    )
