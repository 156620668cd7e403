"""A run as one row of the list of runs."""

from __future__ import annotations

from runwatch.core.fold.run import Run
from runwatch.core.machine import Machine
from runwatch.core.metrics import LOSS, SAMPLES_PER_SEC, TOKENS_PER_SEC
from runwatch.core.snapshot import RunRow, finite, not_finite
from runwatch.watcher.engine.group import ENDED_OR_BLIND, Group
from runwatch.watcher.engine.views import machine_view, stage_view
from runwatch.watcher.engine.watched import WatchedRun

_SPEEDS = (TOKENS_PER_SEC, SAMPLES_PER_SEC)
_LENGTHS = ("total time", "train_runtime")
"""Metrics with the length of the run, in seconds."""
_SEVERITIES = ("critical", "warning")


def run_row(
    group: Group,
    watched: WatchedRun | None,
    run: Run,
    now: float,
    trend: tuple[float | None, ...] = (),
    *,
    reading: bool = False,
) -> RunRow:
    """Return the row of a run at Unix time `now`; `trend` is its loss from the beginning to now.

    `reading`: the end of its log was not read yet, so that nobody knows its phase.
    """
    written = group.written
    loss = run.latest(LOSS)
    firing = [row for row in stage_view.incidents(group, watched) if row.state == "firing"]
    counts = {severity: sum(row.severity == severity for row in firing) for severity in _SEVERITIES}
    worst = next((row for each in _SEVERITIES for row in firing if row.severity == each), None)
    speed = next((name for name in _SPEEDS if name in run.series), "")
    phase = group.shown_phase(watched, now) if watched else run.phase
    over = watched is not None and (watched.closed or phase in ENDED_OR_BLIND)
    return RunRow(
        id=run.id,
        name=run.name,
        phase="reading" if reading and not (over or group.lived) else phase,
        progress=group.progress(watched, now) if watched and watched.run is run else run.progress(),
        critical=counts["critical"],
        warning=counts["warning"],
        loss=finite(loss),
        loss_text=not_finite(loss),
        age=None if written is None else max(0.0, now - written),
        reason=watched.reason if watched else "",
        worst=worst.title if worst is not None else "",
        worst_severity=worst.severity if worst is not None else "",
        speed=finite(run.latest(speed)) if speed else None,
        speed_metric=speed,
        gpu=_busy(group.machine, now),
        folder=group.folder,
        trend=trend,
        # What was launched before is over: another part of it may still be shown.
        job=group.job if watched is None or watched is next(reversed(group.runs), watched) else "",
    )


def elapsed(group: Group, run: Run) -> float | None:
    """Return how long training took in seconds: as the log counts it, else as its records are dated."""
    length = next(filter(None, map(run.latest, _LENGTHS)), None)
    if length is None and len(group.runs) == 1 and not run.restarts:
        leads_first = sorted(group.sources.values(), key=lambda source: source is not group.leader)
        dated = next(
            (source.clock.series.summary for source in leads_first if len(source.clock.series)), None
        )
        length = None if dated is None else dated.last - dated.first
    return finite(length)


def _busy(machine: Machine, now: float) -> float | None:
    """Return how busy the GPUs are that the run computes on; None where none is known."""
    owned = frozenset(machine.owned()) if machine.gpus else frozenset()
    found = (machine_view.busy(machine, gpu, now) for gpu in machine.gpus if gpu.index in owned)
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None
