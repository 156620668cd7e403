"""From the engine's state to what one client shows: snapshots, built per view."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from urllib.parse import quote

from msgspec.structs import replace

from runwatch.core.batch import Batch
from runwatch.core.findings import Severity
from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.core.metrics import LOSS
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import (
    Compared,
    Mark,
    RunRow,
    RunView,
    Snapshot,
)
from runwatch.core.text import plain
from runwatch.watcher.engine import parallel
from runwatch.watcher.engine.evidence import spoilt
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import pipelines
from runwatch.watcher.engine.source import Source
from runwatch.watcher.engine.views import (
    checkpoint_view,
    comparison,
    event_rows,
    machine_view,
    one_series,
    rank_rows,
    stage_view,
)
from runwatch.watcher.engine.views.run_rows import elapsed, run_row
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.protocol import View

MAX_RUNS = 256
"""Runs in the list of one picture."""
MAX_METRICS = 128
"""Metrics described to a client at once."""
MAX_MARKS = 200
MAX_EVALUATIONS = 64
MAX_INCIDENTS = 100
"""Incidents of a run in one picture: those that are open and the newest of the others."""
MAX_SOURCES = 64
MAX_CHECKPOINTS = 200
FEW_CHECKPOINTS = 20
MAX_NAMED = 64
"""Runs a view may name to be laid over another."""
MAX_TREND = 64
"""Values of a run's loss in one row at most."""
MAX_WIDTH = 4096
"""Widest chart a client may ask for, in columns."""
MAX_CHARTS = 160
"""Charts of one view."""
MAX_COLUMNS = 8192
"""Columns of all charts of one picture; where more are asked for, each chart gets its part of them."""
FASTEST = 0.02
"""Least seconds between two pictures for one client."""


class Shown:
    """A group as clients see it: its fold, or a preview while a long history is read."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.preview: Run | None = None
        self.preview_log: Sequence[tuple[int, str]] = ()
        self.backlogs: dict[str, int] = {}
        """Source id -> bytes of it that were there before anyone watched."""
        self._lefts: dict[str, int] = {}
        """Source id -> how many of them are still unread."""
        self.left = 0
        """Bytes of the backlog still unread, of all sources."""
        self._looked_at: set[str] = set()
        self._previewed = ""
        self._trends: dict[str, tuple[int, int, tuple[float | None, ...]]] = {}
        """Run -> the values asked for, how many it had then, and its trend."""
        self._since: float | None = None

    @classmethod
    def kept(cls, group: Group) -> Shown:
        """Return a group that an engine before this one folded: what was written since is still unread."""
        shown = cls(group)
        for source in group.sources:
            shown._leave(source, 1)
        return shown

    def opened(self, source: str, backlog: int, written: float | None) -> None:
        """Note that a source is read from now on; one that is opened again was read meanwhile."""
        if source not in self.backlogs:
            self.backlogs[source] = backlog
            self._leave(source, backlog)
            self.group.sources[source].written = written

    def _leave(self, source: str, left: int) -> None:
        self.left += left - self._lefts.get(source, 0)
        self._lefts[source] = left

    def looked_at(self, source: str) -> None:
        """Note that what there is of a source was seen, be it nothing."""
        self._looked_at.add(source)

    def read(self, source: str, left: int) -> bool:
        """Note how much of a source is still to be read; return whether this was the last of the history."""
        before = self.left
        self._leave(source, left)
        self.looked_at(source)
        if not left and source == self._previewed:
            self.preview = None
        return bool(before and not self.left)

    def lost(self, source: str) -> None:
        """Note that a source that was kept is not there to be read."""
        if source not in self.backlogs:
            self._leave(source, 0)

    def take_preview(self, source: str, batch: Batch, written: float | None) -> None:
        """Show the newest lines of a source whose history is still being read."""
        run = None
        for segment in Splitter().split(batch):
            if run is None or segment.begins_run:
                run = Run(self.group.id, self.group.name, format=batch.format)
            run.fold(segment.block)
        if run is not None and run.records and self._previewed in ("", source):
            self.preview, self.preview_log, self._previewed = run, batch.tail, source
        if written is not None:
            self.group.sources[source].written = written

    def trend(self, run: Run, width: int) -> tuple[float | None, ...]:
        """Return at most `width` values of a run's loss; made again where a column of them would change."""
        series = run.series.get(LOSS) if width else None
        if series is None:
            return ()
        count = series.summary.count
        known = self._trends.get(run.id)
        if known is None or known[0] != width or not 0 <= count - known[1] < max(1, count // MAX_TREND):
            # Two points a column, as for charts: spikes stay.
            values = series.columns(None, None, (width + 1) // 2).mean[:width]
            short = tuple(None if value is None else float(f"{value:.4g}") for value in values)
            known = self._trends[run.id] = width, count, short
        return known[2]

    def waited(self, now: float) -> float:
        """Return for how many seconds nothing was recognized, though all was looked at."""
        self._since = now if self._since is None and self._all_looked_at else self._since
        return 0.0 if self._since is None else now - self._since

    def reading(self, now: float) -> bool:
        """Return whether it is not known yet what became of it: its end was not read, or is old."""
        unread = self.left or not (self._all_looked_at or self.group.runs)
        return bool(unread) and (self.preview is None or not self.group.lives(now))

    @property
    def _all_looked_at(self) -> bool:
        return bool(self.backlogs) and self._looked_at >= self.backlogs.keys()

    @property
    def quiet(self) -> bool:
        """All of it was read and has no run: a file that is only near others."""
        return not (self.left or self.preview or self.group.runs)

    @property
    def history(self) -> float | None:
        """Fraction of the backlog read; None once all is."""
        backlog = sum(self.backlogs.values())
        return None if not self.left or not backlog else 1.0 - self.left / backlog


def unrecognized(shown: Collection[Shown], now: float, after: float) -> str:
    """Return what to say when no run was found for `after` seconds in all there is; "" if there was."""
    waited = [item.waited(now) if item.quiet else 0.0 for item in shown]
    if max(waited, default=0.0) <= after or any(item.preview or item.group.runs for item in shown):
        return ""
    if min(waited) <= after:
        return f"reading {len(shown)} logs: no training run recognized in those that were read"
    lines = sum(item.group.lines for item in shown)
    where = next(iter(shown)).group.name if len(shown) == 1 else f"any of {len(shown)} logs"
    if not lines:
        return f"no line yet in {where}: is the run started, and does it write there?"
    return f"no training run recognized yet in {where} ({lines:,} lines read)"


def snapshot(shown: Sequence[Shown], view: View, now: float, notices: Sequence[str] = ()) -> Snapshot:
    """Return the picture for `view` at Unix time `now`."""
    rows: list[RunRow] = []
    picked: tuple[Shown, WatchedRun | None, Run] | None = None
    best: tuple[object, ...] = ()
    stages = former(shown)
    for item, watched, run in entries(shown):
        if run.id in stages:
            picked = (item, watched, run) if view.run == run.id else picked
            continue
        row = run_row(item.group, watched, run, now, item.trend(run, view.trends), reading=item.reading(now))
        rows.append(row)
        place = not row.progress.begun, *urgency(row)
        newest = watched is None or not watched.closed
        if view.run == run.id or (view.run is None and newest and (not best or place < best)):
            picked, best = (item, watched, run), place
    view_of = _run_view(*picked, view, now) if picked else None
    compared: tuple[Compared, ...] = ()
    if picked and view.compare:
        _, watched, run = picked
        others = {each.run.id: each for item in shown for each in item.group.runs}
        compared = comparison.compared(run, _repeats(watched, run), others, view)
    return Snapshot(now, tuple(_newest(rows)), view_of, tuple(notices), compared)


def rows(shown: Sequence[Shown], now: float) -> list[RunRow]:
    """Return one line for each run at Unix time `now`."""
    stages = former(shown)
    return [
        run_row(item.group, watched, run, now, reading=item.reading(now))
        for item, watched, run in entries(shown)
        if run.id not in stages
    ]


def former(shown: Sequence[Shown]) -> set[str]:
    """Return the ids of the stages of pipelines that others followed: they are no runs of their own."""
    return {stage.run.id for item in shown for each in pipelines(item.group) for stage in each.stages[:-1]}


def _newest(rows: Sequence[RunRow]) -> Sequence[RunRow]:
    """Return the rows that are shown: of too many those with something wrong, and the newest."""
    if len(rows) <= MAX_RUNS:
        return rows
    ranked = sorted(rows, key=lambda row: (not row.critical, row.age if row.age is not None else math.inf))
    kept = {row.id for row in ranked[:MAX_RUNS]}
    return [row for row in rows if row.id in kept]


def entries(shown: Sequence[Shown]) -> Iterator[tuple[Shown, WatchedRun | None, Run]]:
    """Yield every run that there is something to show of; a preview takes the place of its fold."""
    anything = any(item.group.runs or item.preview for item in shown)
    for item in shown:
        if anything and item.quiet:
            continue
        entries: list[tuple[WatchedRun | None, Run]] = [(watched, watched.run) for watched in item.group.runs]
        if not entries:  # its lines are worth seeing before a run is recognized
            entries = [(None, Run(item.group.id, item.group.name))]
        if item.preview is not None:
            entries = [*entries[:-1], (entries[-1][0], item.preview)]
        for watched, run in entries:
            yield item, watched, run


def checked(view: View) -> View:
    """Return a view as it can be shown: no chart too wide, no picture too soon. Raises ValueError."""
    if len(view.charts) > MAX_CHARTS:
        raise ValueError(f"a view has {MAX_CHARTS} charts at most, this one {len(view.charts)}")
    if len(view.compare) > MAX_NAMED:
        raise ValueError(f"a view names {MAX_NAMED} runs at most, this one {len(view.compare)}")
    widths = [max(1, min(chart.width, MAX_WIDTH)) for chart in view.charts]
    runs = 1 + min(len(view.compare), comparison.MAX_COMPARED)
    share = min(1.0, MAX_COLUMNS / max(1, sum(widths) * runs))
    charts = tuple(
        replace(chart, width=max(1, int(width * share)))
        for chart, width in zip(view.charts, widths, strict=True)
    )
    trends = max(0, min(view.trends, MAX_TREND))
    return replace(view, charts=charts, interval=max(FASTEST, view.interval), trends=trends)


def _repeats(watched: WatchedRun | None, run: Run) -> one_series.Repeats:
    return watched.repeats if watched is not None and watched.run is run else {}


def _run_view(shown: Shown, watched: WatchedRun | None, run: Run, view: View, now: float) -> RunView:
    group = shown.group
    phase = group.shown_phase(watched, now) if watched and shown.preview is None else run.phase
    written = group.written
    speaker = group.speaker(view.log_source)
    lines: Sequence[tuple[int, str]] = speaker.log if speaker is not None else ()
    if shown.preview is not None and view.log_source is None:
        lines = shown.preview_log
    log = [line for line in lines if view.log_before is None or line[0] <= view.log_before]
    newest = log[-view.log_lines :] if view.log_lines > 0 else []
    repeats = _repeats(watched, run)
    ending = watched.ending if watched else None
    spoils = spoilt(watched.incidents.rows()) if watched else None
    return RunView(
        id=run.id,
        name=run.name,
        phase=phase,
        progress=shown.group.progress(watched, now) if watched and watched.run is run else run.progress(),
        format=run.format,
        sources=group.paths[:MAX_SOURCES],
        whys=group.whys[:MAX_SOURCES],
        age=None if written is None else max(0.0, now - written),
        elapsed=elapsed(group, run),
        history=shown.history,
        records=run.records,
        latest=tuple(one_series.latest(run, repeats, name) for name in list(run.series)[:MAX_METRICS]),
        charts=tuple(one_series.columns(run, repeats, chart) for chart in view.charts),
        marks=tuple(_marks(watched, run, spoils)),
        ranks=rank_rows.as_counted(run, group.machine, now),
        incidents=stage_view.incidents(shown.group, watched)[:MAX_INCIDENTS],
        checkpoints=checkpoint_view.rows(
            run, now, MAX_CHECKPOINTS if view.details else FEW_CHECKPOINTS, spoils
        ),
        saving=checkpoint_view.saving(run, phase, now, spoils[0] if spoils else None),
        events=event_rows.rows(run) if view.details else (),
        about=run.about if view.details or view.compare else {},
        log=tuple(newest),
        log_source=speaker.path if speaker is not None else "",
        log_read=_read_when(speaker, newest),
        link=_link(run),
        facts=_about(group) | _size(run),
        reason=watched.reason if watched and shown.preview is None else "",
        story=ending.story if ending is not None and shown.preview is None else "",
        parallel=parallel.sizes(run.about) if run.ranks or group.machine.processes else {},
        has_machine=bool(group.machine.processes or group.machine.gpus),
        machine=machine_view.view(group.machine, now, group.ends) if view.machine else None,
        stages=stage_view.rows(group, watched, now),
    )


def _read_when(source: Source | None, lines: Sequence[tuple[int, str]]) -> tuple[tuple[int, float], ...]:
    """Return when these lines were read: the notes of their range, and the last one before it."""
    if source is None or not lines:
        return ()
    notes = [note for note in source.read_when if note[0] <= lines[-1][0]]
    first = bisect_right(notes, lines[0][0], key=lambda note: note[0])
    return tuple(notes[max(0, first - 1) :])


def _link(run: Run) -> str:
    """Return the address of the run's page on W&B; "" if too little is known."""
    parts = [run.about.get(name, "") for name in ("entity", "project", "id")]
    if not all(parts):
        return ""
    entity, project, name = (quote(part, safe="") for part in parts)
    host = os.environ.get("WANDB_BASE_URL", "https://wandb.ai").rstrip("/")
    return f"{plain(host, 200)}/{entity}/{project}/runs/{name}"


def _about(group: Group) -> dict[str, str]:
    about = {"lines": f"{group.lines:,}", "unrecognized lines": f"{group.unparsed:,}"}
    if unread := [source.unseen.says for source in group.sources.values() if source.unseen is not None]:
        about["cannot be seen"] = "; ".join(unread[:4])
    if not group.about:
        return about
    return {"read from": group.about, "preferred sources": ", ".join(group.prefer[:4]), **about}


def _size(run: Run) -> dict[str, str]:
    """Return how many parameters the model has, where its log says it."""
    named = {"parameters": "parameters", "trainable_parameters": "trainable parameters"}
    return {said: run.about[name] for name, said in named.items() if name in run.about}


def _marks(watched: WatchedRun | None, run: Run, spoils: tuple[int, str] | None) -> list[Mark]:
    """Return the marks of charts; what only informs has none."""
    marks = [Mark("restart", step, "restart") for step in run.restarts]
    saved = {*run.reconciled().marks, *(c.step for c in run.checkpoints)}
    sound, after = spoils or (math.inf, "")
    for step in sorted(s for s in saved if s is not None):
        good = step <= sound
        marks.append(Mark("checkpoint" if good else "spoilt", step, "checkpoint" if good else after))
    marks += [Mark("eval", step, "evaluation") for step in _evaluations(run)]
    if watched is not None:
        for row in watched.incidents.rows():
            if row.step is not None and row.severity != Severity.INFO and row.state != "pending":
                kind = "resolved" if row.state == "resolved" else "incident"
                marks.append(Mark(kind, row.step, row.title, row.severity))
    return marks[-MAX_MARKS:]


def _evaluations(run: Run) -> list[int]:
    """Return the newest steps at which something was validated."""
    series = next((run.series[name] for name in run.series if name.startswith("val/")), None)
    steps = series.newest()[0][-MAX_EVALUATIONS:] if series is not None else ()
    return sorted({int(step) for step in steps if math.isfinite(step)})
