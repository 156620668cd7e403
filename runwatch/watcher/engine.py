"""The fold: batches and the passing of time in; runs, incidents and their changes out.

Pure of I/O and of clocks (time is an argument): the same batches give the same
state, whether they come live, from history, or in a test.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from runwatch.alerts.incidents import Change, IncidentBook
from runwatch.alerts.rules import build
from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.signatures import CRASH_KINDS
from runwatch.batch import Batch
from runwatch.block import Block, Status
from runwatch.findings import Finding
from runwatch.run import Run
from runwatch.segments import Splitter
from runwatch.snapshot import Progress

LOG_LINES = 2000
"""Newest log lines kept per source, for views."""
MAX_RUNS = 64
"""Runs kept per source; of a longer pipeline the oldest are forgotten."""
FRESH = 300.0
"""Seconds after its last write for which a file that just ends still counts as running."""

T = TypeVar("T")
Overrides = Mapping[str, Mapping[str, float | bool]]


@dataclass(slots=True)
class WatchedRun:
    """A run with what judges it."""

    run: Run
    rules: list[Rule]
    incidents: IncidentBook
    closed: bool = False
    """Another run of the same source has begun."""

    @property
    def phase(self) -> str:
        """Phase for people: what the incidents say goes before what the log says."""
        firing = {row.rule for row in self.incidents.rows() if row.state in ("firing", "acknowledged")}
        if "crash" in firing:
            return "crashed"
        return "stalled" if "hang" in firing and not self.run.finished else self.run.phase

    def progress(self) -> Progress:
        """Return how far the run is; one that stands still has no ETA."""
        progress = self.run.progress()
        if self.phase in ("crashed", "stalled"):
            return msgspec.structs.replace(progress, eta_seconds=None, eta_spread=None, rate=None)
        return progress


@dataclass(slots=True)
class Source:
    """One stream of batches and the runs found in it."""

    id: str
    name: str
    path: str
    runs: list[WatchedRun] = field(default_factory=list)
    lines: int = 0
    unparsed: int = 0
    format: str | None = None
    log: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    written: float | None = None
    """Unix time at which the newest bytes were written, as far as known."""
    stale: bool = False
    """The log was old when it was opened: what silence says about it is history."""
    begun: int = 0
    """Runs that ever began here."""
    splitter: Splitter = field(default_factory=Splitter)


class Engine:
    """All sources, and the judgement of their runs."""

    def __init__(self, overrides: Overrides | None = None) -> None:
        self._overrides = overrides or {}
        build(self._overrides)  # a bad threshold is an error now, not at the first run
        self.sources: dict[str, Source] = {}
        self.troubles: list[str] = []
        """What went wrong in runwatch itself, for people."""

    def add_source(self, source_id: str, name: str, path: str) -> Source:
        """Watch another stream; a known id starts afresh."""
        source = self.sources[source_id] = Source(source_id, name, path)
        return source

    def fold(
        self,
        source_id: str,
        batch: Batch,
        *,
        live: bool = False,
        arrival: float = 0.0,
        written: float | None = None,
    ) -> list[Change]:
        """Take in the next batch of a source; return what changed in its incidents."""
        source = self.sources[source_id]
        source.lines += batch.lines
        source.unparsed += batch.unparsed
        source.format = batch.format or source.format
        source.log.extend(batch.tail)
        if written is not None:
            source.written = written
        changes: list[Change] = []
        for segment in source.splitter.split(batch, live=live, arrival=arrival):
            if segment.begins_run and source.runs:
                changes += self._close(source.runs[-1], arrival)
                self._begin(source)
            if not source.runs:
                if not _tells(segment.block):
                    continue
                self._begin(source)
            watched = source.runs[-1]
            watched.run.format = source.format
            watched.run.printed.update(batch.printed)
            watched.run.fold(segment.block)
            changes += self._judge(watched, segment.block)
        return changes

    def tick(self, now: float, source_ids: Iterable[str] | None = None) -> list[Change]:
        """Let rules about silence judge the newest run of each source, or of those named."""
        changes: list[Change] = []
        for source_id in self.sources if source_ids is None else source_ids:
            source = self.sources[source_id]
            for watched in source.runs[-1:]:
                status = self._status(source, watched.run, now, live=True)
                send = watched.run.progressed is not None or not source.stale
                changes += self._tick(watched, status, now if send else None, send=send)
        return changes

    def finish(self, now: float) -> list[Change]:
        """Judge every source as a file that is complete: nothing more will come."""
        changes: list[Change] = []
        for source in self.sources.values():
            for watched in source.runs[-1:]:
                status = self._status(source, watched.run, now, live=False)
                changes += self._tick(watched, status, None, send=False)
        return changes

    def runs(self) -> Iterator[tuple[Source, WatchedRun]]:
        """Yield every run, oldest first within its source."""
        for source in self.sources.values():
            for watched in source.runs:
                yield source, watched

    def state(self, source: Source, watched: WatchedRun, now: float) -> str:
        """Return running, stalled, crashed, finished or unknown."""
        phase = watched.phase
        if phase in ("crashed", "stalled", "finished"):
            return phase
        fresh = source.written is not None and now - source.written < FRESH
        return "running" if fresh and not watched.closed else "unknown"

    # -- inside ----------------------------------------------------------------------------------

    def _begin(self, source: Source) -> None:
        source.begun += 1
        name = source.name if source.begun == 1 else f"{source.name}#{source.begun}"
        run = Run(id=f"{source.id}#{source.begun}", name=name, source=source.id)
        source.runs.append(WatchedRun(run, build(self._overrides), IncidentBook(run.id, run.name)))
        del source.runs[:-MAX_RUNS]

    def _close(self, watched: WatchedRun, now: float) -> list[Change]:
        """Judge a run whose successor has begun: it will not go on."""
        watched.closed = True
        watched.run.rest(silent_for=math.inf)
        status = Status(now=now, phase=watched.run.phase, live=False, finished=watched.run.finished)
        return self._tick(watched, status, None, send=False)

    def _judge(self, watched: WatchedRun, block: Block) -> list[Change]:
        changes: list[Change] = []
        for rule in tuple(watched.rules):
            found = self._ask(watched, rule, rule.observe, block)
            changes += _apply(watched, found, block.arrival or None, send=block.live)
        return changes

    def _tick(self, watched: WatchedRun, status: Status, now: float | None, *, send: bool) -> list[Change]:
        changes: list[Change] = []
        for rule in tuple(watched.rules):
            found = self._ask(watched, rule, rule.tick, status)
            changes += _apply(watched, found, now, send=send)
        return changes

    def _ask(
        self, watched: WatchedRun, rule: Rule, ask: Callable[[T], Iterable[Finding]], about: T
    ) -> list[Finding]:
        """Return what a rule finds. One that fails is switched off, and that is told: the rest go on."""
        try:
            return list(ask(about))
        except Exception as error:  # a rule may be anybody's code
            watched.rules.remove(rule)
            what = f"{type(error).__name__}: {error}"
            self.troubles.append(f"rule {rule.name} failed and is off for {watched.run.name}: {what}")
            return []

    @staticmethod
    def _status(source: Source, run: Run, now: float, *, live: bool) -> Status:
        written = source.written if source.written is not None else now
        silent_for = max(0.0, now - (run.progressed if run.progressed is not None else written))
        run.rest(silent_for)
        return Status(
            now=now,
            phase=run.phase,
            silent_for=silent_for,
            log_silent_for=max(0.0, now - written),
            live=live,
            finished=run.finished,
            fraction=run.fraction,
            last_step=run.last_step,
            last_line=run.last_line,
            total=run.total,
            facts=run.facts(),
        )


def _apply(
    watched: WatchedRun, findings: Iterable[Finding], now: float | None, *, send: bool
) -> Iterator[Change]:
    for finding in findings:
        change = watched.incidents.apply(finding, now=now, live=send)
        if change is not None:
            yield change


def _tells(block: Block) -> bool:
    """Return True if a block holds anything a run could be known by."""
    events = any(event.kind in CRASH_KINDS for event in block.events)
    return bool(block.progress is not None or block.samples or block.bar or block.ranks or events)
