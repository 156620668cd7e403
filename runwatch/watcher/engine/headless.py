"""The headless stream: one plain object when a run appears, is renamed, progresses, has an incident, ends.

While a long history is read, `preview` objects report its newest values. The `id` of a run never changes;
its name does when a tracker names it, or when another run could have the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from runwatch.alerts.incidents.incidents import Change
from runwatch.core.ending import HALTED
from runwatch.core.errors import ExitCode
from runwatch.core.fold.run import Run
from runwatch.core.snapshot import IncidentRow, Progress, finite
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.group import FRESH, Group
from runwatch.watcher.engine.pipelines import Pipeline
from runwatch.watcher.engine.views.document import incident_object, run_object
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.engine.watched import WatchedRun

SETTLE = 3.0
"""Seconds a log that finished, crashed or stalled must stay silent before its run counts as ended."""
SETTLE_TOGETHER = 8.0
"""The same where several sources have it: files are looked for, and directories looked at, every 5 s."""
_CHANGES = {
    "firing": "firing",
    "escalated": "firing",
    "eased": "firing",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
}


class Headless:
    """What one follower of the stream has received."""

    def __init__(self, engine: Engine, interval: float, every: int | None) -> None:
        self._engine = engine
        self._interval = interval
        self._every = every
        self._known: dict[str, str] = {}
        """Id of each run that was announced -> id of its first stage; nothing is sent of other runs."""
        self._names: dict[str, str] = {}
        """Id of a first stage -> name under which the run was last announced."""
        self._ended: dict[str, int] = {}
        """Id of a run whose end was sent -> its records then."""
        self._newest: dict[str, tuple[float, int]] = {}
        """Run id -> (time, step) of its newest progress object."""
        self._previewed: dict[str, float] = {}
        """Group id -> time of its newest preview object."""
        self._gave_up = False

    def previews(self, shown: Iterable[Shown], now: float) -> Iterator[dict[str, Any]]:
        """Yield the newest values of groups whose history is still being read, as often as progress."""
        for item in shown:
            group, run = item.group, item.preview
            if run is None or now - self._previewed.get(group.id, -1e18) < self._interval:
                continue
            self._previewed[group.id] = now
            body = _values(run, run.progress(), run.phase, now)
            head = {"type": "preview", "id": run.id, "format": run.format, "sources": list(group.paths)}
            yield {**head, **body, "history": finite(item.history)}

    def progress(self, now: float, *, reading: Collection[str] = ()) -> Iterator[dict[str, Any]]:
        """Yield what is due at Unix time `now`; nothing of groups whose history is still being read.

        Until all is read nothing ends: who waits for the end of all runs must know all of them.
        """
        runs = [each for each in self._engine.pipelines() if each.group.id not in reading]
        for pipeline in runs:
            for watched in pipeline.stages:
                if watched.run.id not in self._known:
                    yield from self._announce(pipeline, watched)
            yield from self._renamed(pipeline)
        for pipeline in runs:
            watched = pipeline.newest
            if watched.run.records > self._ended.get(watched.run.id, watched.run.records):
                del self._ended[watched.run.id]  # its launcher started it again
            known = pipeline.group.judged or pipeline.group.lives(now)  # an old run may have ended
            if known and self._due(watched, now):
                yield self._progress(watched, now)
        groups = self._engine.groups
        if all(name in groups and groups[name].lost for name in reading):
            yield from self._ends(runs, now)
        if not self._gave_up and self._is_nothing(now):
            self._gave_up = True
            name = ", ".join(group.name for group in list(self._engine.groups.values())[:3])
            yield {"type": "end", "run": name, "state": "no run", "exit_code": int(ExitCode.UNREADABLE)}

    def _ends(self, runs: Iterable[Pipeline], now: float) -> Iterator[dict[str, Any]]:
        """Yield the end of each run that is over and was not reported to be."""
        for pipeline in runs:
            watched = pipeline.newest
            if watched.run.id not in self._ended and self._is_over(pipeline.group, watched, now):
                self._ended[watched.run.id] = watched.run.records
                if self._newest.get(watched.run.id, (now, None))[1] != (watched.run.last_step or 0):
                    yield self._progress(watched, now)  # so that the newest is where it ended
                yield self._end(pipeline, now)

    def incident(self, change: Change) -> Iterator[dict[str, Any]]:
        """Yield a change of an incident of an announced run, at once."""
        name = _CHANGES.get(change.kind)
        if name is not None and change.run in self._known:
            yield self._incident(change.run, change.row, name)

    def _announce(self, pipeline: Pipeline, watched: WatchedRun) -> Iterator[dict[str, Any]]:
        """Yield a run, or a further stage of one, and the incidents its history left, as they are now."""
        run, first = watched.run, pipeline.stages[0].run
        self._known[run.id] = first.id
        head = {"id": first.id, "run": run.name}
        if watched.follows and run is not first:
            yield {"type": "stage", **head, "stage": watched.stage, "number": watched.number}
        else:
            self._names[run.id] = run.name
            yield {"type": "run", **head, "format": run.format, "sources": list(pipeline.group.paths)}
        for row in sorted(watched.incident_rows(), key=lambda row: (row.line or 0, row.rule)):
            if row.state != "pending":  # in the order of the log, as if it had been watched
                yield self._incident(run.id, row, row.state)

    def _renamed(self, pipeline: Pipeline) -> Iterator[dict[str, Any]]:
        """Yield the new name of a run that was announced under another."""
        run = pipeline.stages[0].run
        former = self._names.get(run.id, run.name)
        if former != run.name:
            self._names[run.id] = run.name
            yield {"type": "renamed", "id": run.id, "run": run.name, "former": former}

    def _incident(self, run_id: str, row: IncidentRow, change: str) -> dict[str, Any]:
        head = {"type": "incident", "id": self._known[run_id], "run": row.run}
        return {**head, "change": change, "symptom": bool(row.lead), "incident": incident_object(row)}

    def _due(self, watched: WatchedRun, now: float) -> bool:
        run = watched.run
        if run.id in self._ended or watched.closed:
            return False
        sent_at, sent_step = self._newest.get(run.id, (-1e18, -(1 << 60)))
        if self._every is not None:
            step = run.last_step
            return step is not None and not sent_step <= step < sent_step + self._every
        return now - sent_at >= self._interval

    def _progress(self, watched: WatchedRun, now: float) -> dict[str, Any]:
        run = watched.run
        self._newest[run.id] = (now, run.last_step or 0)
        body = _values(run, watched.progress(), watched.phase, now)
        body |= {"stage": watched.stage_now} if watched.stage_now else {}
        why = {"reason": watched.reason} if watched.reason else {}
        return {"type": "progress", "id": self._known[run.id], **body, **why, "records": run.records}

    def _is_over(self, group: Group, watched: WatchedRun, now: float) -> bool:
        """Return whether nothing more comes of a run: neither lines nor incidents."""
        if not group.judged:
            return False
        if watched.closed or all(source.ended for source in group.sources.values()):
            return True
        if group.unseen:
            return False
        settle = SETTLE if len(group.sources) == 1 else SETTLE_TOGETHER
        quiet = group.written is None or now - group.written >= settle
        if group.goes_on(watched, now):
            return False
        return quiet and watched.phase in HALTED

    def _is_nothing(self, now: float) -> bool:
        """Return whether there is no run and none will come: all is closed, or was written long ago."""
        groups = list(self._engine.groups.values())

        def over(group: Group) -> bool:
            if all(source.ended for source in group.sources.values()):
                return True
            # An empty file is one that a run has yet to write.
            old = group.stale and group.written is not None and now - group.written >= FRESH
            return old and group.lines > 0 and all(source.rested for source in group.sources.values())

        return bool(groups) and all(not group.runs and over(group) for group in groups)

    def _end(self, pipeline: Pipeline, now: float) -> dict[str, Any]:
        watched = pipeline.newest
        state = self._engine.state(pipeline.group, watched, now)
        rows = [row for stage in pipeline.stages for row in stage.incidents.rows()]
        serious = any(row.severity == "critical" for row in rows)
        code = ExitCode.FINDINGS if state in ("crashed", "stalled") or serious else ExitCode.OK
        return {
            "type": "end",
            "id": self._known[watched.run.id],
            "run": watched.run.name,
            "state": state,
            "exit_code": int(code),
            "summary": run_object(self._engine, pipeline, now),
        }


def _values(run: Run, progress: Progress, phase: str, now: float) -> dict[str, Any]:
    """Return how far a run is, and its newest values."""
    return {
        "run": run.name,
        "time": now,
        "phase": phase,
        "step": run.last_step,
        "total": run.planned,
        "progress": finite(progress.fraction),
        "eta_seconds": finite(progress.eta_seconds),
        "metrics": {name: finite(run.latest(name)) for name in run.series},
    }
