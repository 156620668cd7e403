"""From the engine's state to what one client shows: snapshots, built per view."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runwatch.batch import Batch
from runwatch.metrics import LOSS
from runwatch.run import Run
from runwatch.segments import Splitter
from runwatch.snapshot import Columns, Latest, Mark, RankRow, RunRow, RunView, Snapshot
from runwatch.watcher.engine import Source, WatchedRun
from runwatch.watcher.protocol import View

MAX_METRICS = 128
"""Metrics described to a client at once."""
MAX_MARKS = 200
MAX_INCIDENTS = 100
"""Incidents of a run in one picture: those that are open and the newest of the others."""
MAX_WIDTH = 4096
"""Widest chart a client may ask for, in columns."""


class Shown:
    """A source as clients see it: its fold, or a preview while a long history is read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.preview: Run | None = None
        self.preview_log: Sequence[tuple[int, str]] = ()
        self.backlog = 0
        self.left = 0
        self._since: float | None = None

    def take_preview(self, batch: Batch, written: float | None) -> None:
        """Show the newest lines of a source whose history is still being read."""
        run = None
        for segment in Splitter().split(batch):
            if run is None or segment.begins_run:
                run = Run(self.source.id, self.source.name, self.source.id, format=batch.format)
            run.fold(segment.block)
        if run is not None and run.records:
            self.preview, self.preview_log = run, batch.tail
        if written is not None:
            self.source.written = written

    def waited(self, now: float) -> float:
        """Return the seconds since this was first asked: how long nothing was recognised."""
        self._since = now if self._since is None else self._since
        return now - self._since

    @property
    def unrecognised(self) -> str:
        """What to say of a log in which no run was found."""
        return f"no training run recognised yet in {self.source.name} ({self.source.lines:,} lines read)"

    @property
    def history(self) -> float | None:
        """Fraction of the backlog read; None once all is."""
        return None if not self.left or not self.backlog else 1.0 - self.left / self.backlog

    @property
    def log(self) -> Sequence[tuple[int, str]]:
        """Newest (line number, text)."""
        return self.preview_log if self.preview is not None else self.source.log


def snapshot(shown: Sequence[Shown], view: View, now: float, notices: Sequence[str] = ()) -> Snapshot:
    """Return the picture for `view` at Unix time `now`."""
    rows: list[RunRow] = []
    picked: tuple[Shown, WatchedRun | None, Run] | None = None
    best: tuple[int, int, float] | None = None
    for item in shown:
        entries: list[tuple[WatchedRun | None, Run]] = [
            (watched, watched.run) for watched in item.source.runs
        ]
        if not entries:  # its lines are worth seeing before a run is recognised
            entries = [(None, Run(item.source.id, item.source.name, item.source.id))]
        if item.preview is not None:
            entries = [*entries[:-1], (entries[-1][0] if entries else None, item.preview)]
        for watched, run in entries:
            row = _row(watched, run)
            rows.append(row)
            urgency = (row.critical, min(run.records, 1), item.source.written or 0.0)
            newest = watched is None or not watched.closed
            if view.run == run.id or (view.run is None and newest and (best is None or urgency > best)):
                picked, best = (item, watched, run), urgency
    view_of = _run_view(*picked, view, now) if picked else None
    return Snapshot(now, tuple(rows), view_of, tuple(notices))


def _row(watched: WatchedRun | None, run: Run) -> RunRow:
    loss = run.latest(LOSS)
    firing = [r for r in watched.incidents.rows() if r.state == "firing"] if watched else []
    return RunRow(
        id=run.id,
        name=run.name,
        phase=watched.phase if watched else run.phase,
        progress=watched.progress() if watched and watched.run is run else run.progress(),
        critical=sum(r.severity == "critical" for r in firing),
        warning=sum(r.severity == "warning" for r in firing),
        loss=_finite(loss),
        loss_text="" if loss is None or math.isfinite(loss) else str(loss),
    )


def _run_view(shown: Shown, watched: WatchedRun | None, run: Run, view: View, now: float) -> RunView:
    source = shown.source
    phase = watched.phase if watched and shown.preview is None else run.phase
    written = source.written
    saved = list(reversed(run.checkpoints))[:20]
    log = [line for line in shown.log if view.log_before is None or line[0] <= view.log_before]
    return RunView(
        id=run.id,
        name=run.name,
        phase=phase,
        progress=watched.progress() if watched and watched.run is run else run.progress(),
        format=run.format,
        sources=(source.path,),
        age=None if written is None else max(0.0, now - written),
        elapsed=_finite(run.latest("total time")),
        history=shown.history,
        records=run.records,
        latest=tuple(_latest(run, name) for name in list(run.series)[:MAX_METRICS]),
        charts=tuple(
            run.series[chart.metric].columns(chart.first, chart.last, max(1, min(chart.width, MAX_WIDTH)))
            if chart.metric in run.series
            else Columns(chart.metric)
            for chart in view.charts
        ),
        marks=tuple(_marks(watched, run)),
        ranks=tuple(
            RankRow(rank, p.done, p.total, None if rank not in run.rank_seen else now - run.rank_seen[rank])
            for rank, p in sorted(run.ranks.items())
        ),
        incidents=watched.incidents.rows()[:MAX_INCIDENTS] if watched else (),
        checkpoints=tuple(f"step {c.step:,}" if c.step is not None else f"line {c.line}" for c in saved),
        log=tuple(log[-view.log_lines :]) if view.log_lines > 0 else (),
        facts={"lines": f"{source.lines:,}", "not understood": f"{source.unparsed:,}"},
    )


def _latest(run: Run, name: str) -> Latest:
    series = run.series[name]
    summary, newest = series.summary, series.tail(1)
    value = float(newest[-1]) if len(newest) else math.nan
    last_step = summary.last_step
    return Latest(
        metric=name,
        value=_finite(value),
        text="" if math.isfinite(value) else str(value),
        step=last_step,
        count=summary.count,
        nonfinite=summary.nonfinite,
        minimum=_finite(summary.minimum),
        maximum=_finite(summary.maximum),
    )


def _marks(watched: WatchedRun | None, run: Run) -> list[Mark]:
    marks = [Mark("restart", step, "restart") for step in run.restarts]
    marks += [Mark("checkpoint", c.step, "checkpoint") for c in run.checkpoints if c.step is not None]
    if watched is not None:
        marks += [Mark("incident", r.step, r.title) for r in watched.incidents.rows() if r.step is not None]
    return marks[-MAX_MARKS:]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
