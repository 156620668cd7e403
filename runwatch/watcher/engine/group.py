"""The sources of the same runs, and which of them leads.

A run leaves many traces: a log, one log per rank, standard error next to
standard output, a tracker's files. One of them leads: its training records are
the run's steps. The others add what the leader does not show: ranks, events,
metrics of their own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec

from runwatch.alerts.incidents.incidents import Doubt
from runwatch.core.batch import BAR, NODE, TRAIN, Batch, Event
from runwatch.core.block import Block, Samples
from runwatch.core.ending import ENDS, HALTED
from runwatch.core.fold.rows import times_of
from runwatch.core.fold.run import REST as PAUSE
from runwatch.core.machine import Machine
from runwatch.core.metrics import label
from runwatch.core.readability import Lost
from runwatch.core.run_names import folder
from runwatch.core.series import Series
from runwatch.core.snapshot import Progress
from runwatch.core.stale import stale
from runwatch.render.numbers import duration
from runwatch.watcher.engine.agreement import Report, clocks, compare
from runwatch.watcher.engine.provisional import Provisional, Settled
from runwatch.watcher.engine.source import NOTHING, RECORDS, Source
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources.member import DIRECTORY, LOG, METRICS, ORDER, TENSORBOARD, WANDB

FRESH = 300.0
"""Seconds after its last write for which a file that just ends still counts as running."""
REST = 3600.0
"""Seconds without a line or a process after which it is at rest."""
YOUNG = 64
"""Training records until which a source that ought to lead may still take over."""
MOST_DARK = 64
"""Times in which a group could not be seen that are remembered."""
ENDED_OR_BLIND = HALTED | {"blind"}
"""Phases that a run keeps when nobody has seen it alive."""
KINDS = {
    LOG: "log",
    WANDB: "W&B run",
    TENSORBOARD: "TensorBoard",
    METRICS: "metrics",
    DIRECTORY: "checkpoints and facts",
}
_OF_STAGES = frozenset({"stage", "tracker", "result"})
"""Events that are read with the steps of their own source."""
_SAID_BY_LEADER = frozenset(ENDS) | _OF_STAGES
"""Events that are about the run only where its leader shows them: one rank may end before the others."""


@dataclass(slots=True)
class Group:
    """All sources of the same runs, oldest run first."""

    id: str
    name: str
    path: str = ""
    """The path that it is called after, unless it has a title."""
    title: str = ""
    """What a tracker or the scheduler calls it."""
    former: tuple[str, ...] = ()
    """Names that it had before: silences and routes may still say them."""
    sources: dict[str, Source] = field(default_factory=dict)
    runs: list[WatchedRun] = field(default_factory=list)
    begun: int = 0
    """Runs that ever began here, each stage of a pipeline counted."""
    launches: int = 0
    """The same, each pipeline counted once."""
    stale: bool = False
    """It was old when it was opened."""
    lived: bool = False
    """It was seen alive: it grew while somebody watched, or a process of it was there.

    What silence says of one that was not is history: it ended before.
    """
    judged: bool = False
    """Rules about silence and about several ranks have looked at it."""
    leader: Source | None = None
    machine: Machine = field(default_factory=Machine)
    deadline: float | None = None
    """Unix time by which its runs must have ended, if a person said so."""
    usual_job: str = ""
    """What the configuration calls the job of runs that have none."""
    prefer: tuple[str, ...] = ORDER
    """Kinds of source, those that are believed first."""
    dark_since: float | None = None
    """Unix time since which its newest run cannot be seen; None while it can."""
    dark: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MOST_DARK))
    """When it could not be seen, from and until Unix time, the newest last."""
    aside: WatchedRun | None = None
    """A run of which nothing was read, begun because its log could not be."""
    facts: dict[str, str] = field(default_factory=dict)
    """What files next to it said before its first run began."""
    provisional: dict[str, Provisional] = field(default_factory=dict)
    """Source id -> what it reports while it rests, and may yet change."""
    settled: Settled | None = None
    """Its state without that, while that is folded."""
    reported_early: dict[tuple[str, bool], None] = field(default_factory=dict)
    """Changes that arose meanwhile, their ids and whether they were sent: what confirms them repeats none."""
    doubts: dict[str, Doubt] = field(default_factory=dict)
    """Incidents that arose from what was provisional, and is neither confirmed nor refuted yet."""

    @property
    def folder(self) -> str:
        """Directory above that of its runs."""
        return folder(self.path)

    @property
    def job(self) -> str:
        """What its newest run is called on all nodes of it; "" where nobody says so."""
        return self.machine.launch or self.usual_job

    @property
    def ends(self) -> float | None:
        """Unix time by which its runs must have ended, as a person or the scheduler says."""
        ends = (self.deadline, self.machine.job.deadline if self.machine.job is not None else None)
        return min((end for end in ends if end is not None), default=None)

    @property
    def twin(self) -> WatchedRun | None:
        """The newest run as it is without what is provisional; None where nothing is."""
        runs = self.settled.runs[-1:] if self.settled is not None else []
        return next((run for run in runs if run.run.id == self.runs[-1].run.id), None) if self.runs else None

    @property
    def lasting(self) -> Group:
        """This group without what is folded provisionally."""
        settled = self.settled
        if settled is None:
            return self
        return replace(
            self,
            runs=settled.runs,
            sources=settled.sources,
            leader=settled.leader,
            begun=settled.begun,
            launches=settled.launches,
            aside=settled.aside,
            settled=None,
        )

    @property
    def lines(self) -> int:
        """Lines read of all sources."""
        return sum(source.lines for source in self.sources.values())

    @property
    def unparsed(self) -> int:
        """Lines that gave nothing."""
        return sum(source.unparsed for source in self.sources.values())

    @property
    def written(self) -> float | None:
        """Unix time of the newest write to any source, as far as known."""
        return max((s.written for s in self.sources.values() if s.written is not None), default=None)

    @property
    def lost(self) -> Lost | None:
        """Why its runs cannot be seen: their leader, or, before there is one, no source can be read."""
        if self.leader is not None:
            return self.leader.unseen
        read = [source for source in self.sources.values() if source.member.kind != DIRECTORY]
        return read[0].unseen if read and all(source.unseen for source in read) else None

    @property
    def lost_ranks(self) -> bool:
        """Whether the log of any rank cannot be read: ranks cannot be compared."""
        return any(source.unseen for source in self.sources.values() if source.member.rank is not None)

    def unseen_for(self, since: float, now: float) -> float:
        """Return for how many of the seconds between two Unix times it could not be seen."""
        dark = [*self.dark, (self.dark_since, now)] if self.dark_since is not None else self.dark
        return sum(max(0.0, min(end, now) - max(begin, since)) for begin, end in dark)

    def lives(self, now: float) -> bool:
        """Return whether it was written to lately, or a process of it is there, at Unix time `now`."""
        return (self.written is not None and now - self.written < FRESH) or any(self.machine.own())

    def rests(self, now: float) -> bool:
        """Return whether nothing is expected of it at Unix time `now`, though it may yet continue."""
        return (self.written is None or now - self.written >= REST) and not any(self.machine.own())

    def pack(self) -> None:
        """Keep what rules know, and lines, as bytes until they are needed."""
        settled = self.settled
        for watched in (*self.runs, *(settled.runs if settled is not None else ())):
            watched.judges.pack()
        for source in self.sources.values():
            source.tail.pack()

    def goes_on(self, watched: WatchedRun, now: float) -> bool:
        """Return whether a run whose training is over continues with something else, such as evaluations."""
        behind = watched is self.runs[-1] and watched.phase == "finished" and watched.run.goes_on
        fresh = self.written is not None and now - self.written < PAUSE
        starts = watched.run.stage.next_trains and any(self.machine.own())
        return behind and self.lived and (fresh or starts) and self.machine.ended is None

    def progress(self, watched: WatchedRun, now: float) -> Progress:
        """Return how far a run is at Unix time `now`; one that was seen alive and is silent has no ETA."""
        progress, written = watched.progress(), self.written
        silent = self.lived and not watched.run.finished and written is not None
        if silent and stale(progress, now - (written or now)):
            return msgspec.structs.replace(progress, eta_seconds=None, eta_spread=None)
        return progress

    def shown_phase(self, watched: WatchedRun, now: float) -> str:
        """Return a run's phase for people: one that nobody saw alive may have ended long ago."""
        phase = watched.phase
        if self.goes_on(watched, now):
            return "starting" if watched.run.stage.next_trains else "evaluating"
        gone = watched.closed or not (self.lived or self.lives(now))
        return "unknown" if gone and phase not in ENDED_OR_BLIND else phase

    @property
    def format(self) -> str | None:
        """Format of the leader; before there is one, of whatever has one."""
        if self.leader is not None:
            return self.leader.format
        return next((s.format for s in self.sources.values() if s.format), None)

    @property
    def unseen(self) -> bool:
        """Whether one of its directories is still to be looked at for the first time."""
        return any(s.member.kind == DIRECTORY and not s.looked for s in self.sources.values())

    @property
    def paths(self) -> tuple[str, ...]:
        """Where its sources are, the leader first."""
        first = [self.leader.path] if self.leader is not None else []
        states = [path for path in self._paths if path.endswith("/trainer_state.json")]
        old = {*states[:-1]} - {*first}  # each checkpoint's repeats those before it
        return tuple(dict.fromkeys([*first, *(path for path in self._paths if path not in old)]))

    @property
    def _paths(self) -> list[str]:
        return [source.path for source in self.sources.values()]

    @property
    def whys(self) -> tuple[str, ...]:
        """What each of `paths` is to the run, and why it belongs to it, for people; none for one source."""
        sources = {source.path: source for source in self.sources.values()}
        return tuple(self._why(sources[path]) for path in self.paths) if len(sources) > 1 else ()

    def _why(self, source: Source) -> str:
        member = source.member
        node, rank = divmod(member.rank or 0, NODE)
        what = f"rank {rank}" + (f" of node {node}" if node else "")
        what = KINDS[member.kind] if member.rank is None else what
        leads = ["the steps of the run are from it"] if source is self.leader else []
        return "; ".join([what, *leads, *([member.why] if member.why else [])])

    @property
    def about(self) -> str:
        """What was grouped and why, for people; "" for one source."""
        if len(self.sources) == 1:
            return ""
        reasons = dict.fromkeys(s.member.why for s in self.sources.values() if s.member.why)
        why = f" ({'; '.join(list(reasons)[:3])})" if reasons else ""
        return f"{len(self.paths)} sources{why}"

    def speaker(self, path: str | None = None) -> Source | None:
        """Return the source at `path`, else the leader, else whoever said something."""
        sources = self.sources.values()
        asked = next((source for source in sources if source.path == path), None) if path else None
        return asked or self.leader or next((source for source in sources if source.log), None)

    def elect(self, source: Source) -> bool:
        """Let `source` lead if it should, now that it has values; return True if its steps begin again.

        A later attempt continues where the one before it stopped. Otherwise the first to have
        training records leads, unless one of a lower rank comes while there are few of them.
        """
        leader = self.leader
        if source is leader or source.strength == NOTHING:
            return False
        if leader is None or source.strength > leader.strength:
            self.leader = source
        elif source.member.kind == leader.member.kind and source.member.attempt > leader.member.attempt:
            source.splitter, self.leader = leader.splitter, source
        elif source.strength == leader.strength and self._before(source, leader) and leader.records <= YOUNG:
            self.leader = source
            return source.strength == RECORDS
        return False

    def run_of(self, source: Source, block: Block) -> WatchedRun:
        """Return the run that a block of a source that does not lead is of.

        It is the one whose log names the tracker's run. A tracker writes late: what continues the steps of
        a stage that is over is still of that stage.
        """
        for watched in self.runs:
            stage = watched.run.stage
            if any(f"/{name}/" in source.path for name in (*stage.trackers, *stage.next_trackers)):
                return watched
        steps = [samples.step for samples in block.samples.values() if len(samples)]
        first, last = min((s[0] for s in steps), default=-1.0), max((s[-1] for s in steps), default=-1.0)
        former = next((w for w in self.runs[:-1] if w.run.id == source.run_id and w.closed), None)
        if former is None or not source.reached <= first <= last <= (former.run.last_step or 0):
            former = self.runs[-1]
        source.run_id, source.reached = former.run.id, float(last)
        return former

    def reported(self, source: Source, block: Block, *, leads: bool, watched: WatchedRun) -> Block:
        """Return what a block of `source` reports about a run.

        The leader reports everything. The log of another rank says how far that rank is and
        what happened to it; any other source what the leader does not report.
        """
        rank, run = source.member.rank, watched.run
        if len(self.sources) == 1 and not source.member.group:
            run.take_over(block.samples)  # others may come
            return block
        block = of_source(block, source)
        if block.rank is not None:
            return block
        if leads:
            self.runs[-1].source = source.path
            with _setting_aside(watched, block.samples):
                run.take_over(block.samples)
            return block if rank is None else replace(block, lead=rank)
        block = replace(block, events=[event for event in block.events if not self._repeats(event)])
        if rank is not None and self.leader is not None and rank != self.leader.member.rank:
            events = [event for event in block.events if event.kind not in _SAID_BY_LEADER]
            return replace(
                block, rank=rank, events=events, marks={}, ranks={}, restarts=(), total=None, bar=None,
                results={},
            )  # fmt: skip
        worse = {other.id for other in self.sources.values() if self._goes_over(source, other)}
        with _setting_aside(watched, block.samples):
            mine = run.claim(block.samples, source.id, self._earlier(source), worse)
        samples = {name: each for name, each in block.samples.items() if name in mine}
        repeated = {name: each for name, each in block.samples.items() if name not in mine}
        own = (event for event in block.events if event.kind not in _OF_STAGES)
        events = [*own, *self._disagreements(watched, source, repeated)]
        marks = {kind: at for kind, at in block.marks.items() if kind not in (TRAIN, BAR)}
        bar = None if run.records and run.position.stepped else block.bar
        if bar is not None and run.finished and bar[1] < (run.last_step or 0):
            bar = None  # of the next launch
        return replace(
            block, samples=samples, events=events, progress=None, restarts=(), begins_again=math.inf,
            marks=marks, bar=bar, results={},
        )  # fmt: skip

    def _repeats(self, event: Event) -> bool:
        """Return whether another source has reported the same checkpoint, of an older run too."""
        *older, newest = self.runs
        return newest.run.saves.repeats(event) or any(each.run.saves.holds(event) for each in older)

    def clocks_apart(self, source: Source, batch: Batch) -> Iterator[Event]:
        """Compare when steps were made with what the leader says; yield an event if that differs, once."""
        samples, leader = times_of(batch), self.leader
        if not len(samples) or not source.clock.add(samples) or leader is None:
            return
        if leader is source or source.member.rank not in (None, leader.member.rank):
            return
        judged, found = clocks(*leader.clock.series.newest(), *source.clock.series.newest())
        source.clock.judged, source.clock.differs = source.clock.judged or judged, found is not None
        if found is not None:
            apart = found.theirs - found.ours
            order = f"{duration(abs(apart))} {'after' if apart > 0 else 'before'}"
            title = f"{source.path} dates the same steps {order} {leader.path}: another clock, zone or launch"
            data = {"seconds": f"{apart:.0f}", "source": source.path, "other": leader.path}
            last = int(samples.offset[-1]), int(samples.line[-1])
            yield Event("clocks", *last, title, step=found.step, data=data)

    def _before(self, source: Source, other: Source) -> bool:
        return source.member.place(self.prefer) < other.member.place(self.prefer)

    def _goes_over(self, source: Source, other: Source) -> bool:
        """Return True if a metric that both have is taken from `source`: preferred, or complete again."""
        states = [each.path.endswith("/trainer_state.json") for each in (source, other)]
        preferred = source.member.kind != other.member.kind and self._before(source, other)
        return preferred or (all(states) and source.opened > other.opened)

    def _earlier(self, source: Source) -> set[str]:
        """Return the ids of earlier launches' sources of the same kind: a tracker makes one per launch."""
        kind, attempt = source.member.kind, source.member.attempt
        sources = self.sources.values()
        return {s.id for s in sources if s.member.kind == kind and s.member.attempt < attempt}

    def _disagreements(
        self, watched: WatchedRun, source: Source, repeated: Mapping[str, Samples]
    ) -> Iterator[Event]:
        """Compare what another source has too; yield an event for each metric that differs, once."""
        run = watched.run
        for name, samples in repeated.items():
            others = watched.repeats.setdefault(name, {})
            other = others.setdefault(source.id, Report(Series(name)))
            if not other.add(samples):
                continue
            judged, found = compare(*run.series[name].newest(), *other.series.newest())
            other.judged, other.differs = other.judged or judged, found is not None
            if found is None:
                continue
            owner = self.sources.get(run.owners.get(name, ""), self.leader)
            first = owner.path if owner is not None else "the log"
            one, two = (path.rpartition("/")[2] for path in (first, source.path))
            one, two = (one, two) if one != two else (first, source.path)
            title = f"{label(name)} is {found.ours:g} in {one} and {found.theirs:g} in {two}"
            data = {
                "metric": name,
                "ours": f"{found.ours:g}",
                "theirs": f"{found.theirs:g}",
                "source": source.path,
                "other": first,
            }
            last = int(samples.offset[-1]), int(samples.line[-1])
            yield Event("disagreement", *last, title, step=found.step, data=data)


@contextmanager
def _setting_aside(watched: WatchedRun, names: Iterable[str]) -> Iterator[None]:
    """Keep what sources reported of metrics in which another leads from then on."""
    run = watched.run
    before = [(name, run.owners.get(name), run.series.get(name)) for name in names]
    yield
    for name, owner, series in before:
        if owner and series is not None and run.series.get(name) is not series:
            watched.repeats.setdefault(name, {})[owner] = Report(series)


def title_of(source: Source, block: Block, title: str) -> str:
    """Return what to call a run called `title`, by what a block of a W&B run's file says: its name there."""
    facts = [event.data for event in block.events if event.kind == "facts"]
    if not facts or source.member.kind != WANDB:
        return title
    return next((data["name"] for data in reversed(facts) if "name" in data), title)


def of_source(block: Block, source: Source) -> Block:
    """Return the block with the path its lines are of; events keep it, for rules that remember them."""
    path, written = source.path, block.arrival or source.written or 0.0
    events = [
        event
        if event.kind == "facts"
        else msgspec.structs.replace(event, data={"source": path, **event.data})
        for event in block.events
    ]
    return replace(block, events=events, source=path, attempt=source.member.attempt, written=written)
