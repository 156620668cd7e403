"""The fold: batches and the passing of time in; runs, incidents and their changes out.

Pure of I/O and of clocks (time is an argument): the same batches give the same
state, whether they come live, from history, or in a test.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.batch import CRASH_KINDS, Batch
from runwatch.core.block import Block, Reference, Status
from runwatch.core.checkpoint import Look
from runwatch.core.ending import ENDS, state_of
from runwatch.core.fold.planned import of_checkpoint
from runwatch.core.readability import Lost
from runwatch.core.run_names import has_specific_part, is_specific
from runwatch.core.sample import Job, MachineEvent, Message
from runwatch.core.series import FULL, Detail
from runwatch.watcher.engine import launchers, reference
from runwatch.watcher.engine.beginnings import begin, follow, led_anew
from runwatch.watcher.engine.clock_jump import shift
from runwatch.watcher.engine.endings import end, event_of, orphaned
from runwatch.watcher.engine.group import ENDED_OR_BLIND, Group, title_of
from runwatch.watcher.engine.judging import Judging, adapted, released
from runwatch.watcher.engine.naming import Naming
from runwatch.watcher.engine.packable import Packable
from runwatch.watcher.engine.pipelines import Pipeline, pipelines, settle_checkpoints
from runwatch.watcher.engine.provisional import Provisional, is_news
from runwatch.watcher.engine.sight import sight, status_of, why_unseen
from runwatch.watcher.engine.source import Source
from runwatch.watcher.engine.supposing import put_aside, take_back, unreported, withdrawn
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources.layout import named_by
from runwatch.watcher.sources.member import LOG, ORDER, Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

SWITCHED_OFF = "its rule was switched off"
FEW = 4
"""Sources that rest whose provisional records are folded again at once when another source continues."""

T = TypeVar("T")
Observer = Callable[[WatchedRun, Source, Block, Batch], object]
"""Takes a run, the source that reports it, the next block, and the batch that it is a part of."""


class Engine:
    """All sources in their groups, and the judgement of their runs."""

    def __init__(
        self, rules: Ruleset | None = None, prefer: tuple[str, ...] = ORDER, detail: Detail = FULL
    ) -> None:
        """`prefer`: kinds of source in the order in which those of one run are believed.

        `detail`: how much of each run is kept.
        """
        self._prefer, self._detail = prefer, detail
        self.rules = rules or Ruleset()
        self.rules.check()  # a bad threshold is an error now, not at the first run
        self.groups: dict[str, Group] = {}
        self.sources: dict[str, tuple[Group, Source]] = {}
        self.deadline: float | None = None
        """Unix time by which every run must have ended, if a person said so."""
        self._job = ""
        self.troubles: list[str] = list(self.rules.troubles)
        """What went wrong in runwatch itself, for people."""
        self.observe: Observer = lambda *given: None
        """Gets every block that is folded, before it is decided whose values of a metric count."""
        self._judging = Judging(self.troubles)
        self._naming = Naming(self.groups, self._take_back)
        self._waiting = launchers.Waiting()

    def add_source(self, source_id: str, name: str, path: str, member: Member | None = None) -> Group:
        """Watch another stream; a known id starts afresh. Return the group it belongs to."""
        member = Member() if member is None else member
        group_id = member.group or source_id
        afresh = source_id in self.sources and group_id == source_id
        if group_id not in self.groups or afresh:
            self.groups[group_id] = Group(group_id, name, deadline=self.deadline, prefer=self._prefer)
        group = self.groups[group_id]
        group.usual_job = self._job
        self._take_back(group)
        others = [known.member.kind for known in group.sources.values()]
        if not others or (member.kind == LOG and LOG not in others):
            # It is called as if the log had been there at first.
            group.path = named_by(source_id, member)
            self._naming.call(group, self.rules, name if not group.title or is_specific(path) else "")
        source = Source(source_id, name, path, member, opened=len(group.sources))
        source.tail = Packable(deque(maxlen=self._detail.lines))
        source.read_when = deque(maxlen=self._detail.lines)
        group.sources[source_id] = source
        self.sources[source_id] = group, source
        return group

    def adopt(self, group: Group) -> None:
        """Take over a group that an engine before this one had folded."""
        group.deadline, group.usual_job, group.prefer = self.deadline, self._job, self._prefer
        self.groups[group.id] = group
        self._naming.call(group, self.rules, group.name)
        self.sources.update((key, (group, source)) for key, source in group.sources.items())

    def belong_to(self, job: str) -> None:
        """Take runs for a part of this job unless the scheduler or the launcher names one."""
        self._job = job
        for group in self.groups.values():
            group.usual_job = job

    def prefer(self, kinds: tuple[str, ...]) -> None:
        """Believe kinds of source in this order from now on."""
        self._prefer = kinds
        for group in self.groups.values():
            group.prefer = kinds

    def fold(
        self,
        source_id: str,
        batch: Batch,
        *,
        live: bool = False,
        arrival: float = 0.0,
        written: float | None = None,
        late: bool = False,
    ) -> list[Change]:
        """Take in the next batch of a source; return what changed in its incidents.

        `late` says that it was written while nobody watched: `arrival` means little. What the source reported
        provisionally is taken back, unless these are lines that report nothing yet.
        """
        group, _ = self.sources[source_id]
        if is_news(batch):
            self._take_back(group, arrival)
            former = group.provisional.pop(source_id, None)
            if former is not None and not (batch.tables or batch.events):
                group.provisional[source_id] = former.uncounted()
        changes = self._fold(source_id, batch, live=live, arrival=arrival, written=written, late=late)
        changes = unreported(group, changes)
        self._naming.entitle(
            group, self.rules, next((watched.run.title for watched in group.runs if watched.run.title), "")
        )
        if group.settled is None and 0 < len(group.provisional) <= FEW:
            changes += self._fold_provisional(group)
        return changes

    def suppose(
        self, source_id: str, batch: Batch, *, live: bool = False, arrival: float = 0.0, late: bool = False
    ) -> list[Change]:
        """Take in what a source that rests would report if it ended here, until more comes (see `fold`).

        It takes the place of what the source reported so before. Return what changed in incidents.
        """
        group, _ = self.sources[source_id]
        self._take_back(group, arrival)
        self.sources[source_id][1].rested = True
        group.provisional.pop(source_id, None)
        if is_news(batch):
            group.provisional[source_id] = Provisional(batch, live, arrival, late)
        return self._fold_provisional(group) if group.provisional else []

    def _fold(
        self, source_id: str, batch: Batch, *, live: bool, arrival: float, written: float | None, late: bool
    ) -> list[Change]:
        group, source = self.sources[source_id]
        group.lived |= live and batch.end > batch.start
        if source.lost is not None and live and batch.end > batch.start:  # its path is gone, it is still open
            source.lost = msgspec.structs.replace(source.lost, since=arrival, brief=True)
        batch = source.take(batch, written, arrival if live and not late else 0.0)
        if apart := tuple(group.clocks_apart(source, batch)):
            batch = msgspec.structs.replace(batch, events=(*batch.events, *apart))
        before = group.leader
        if group.elect(source) and group.runs:
            follower = before.id if before is not None and before.member.rank is None else None
            group.runs[-1] = led_anew(group.runs[-1], self.rules, follower)
        changes: list[Change] = []
        for segment in source.splitter.split(batch, live=live, arrival=arrival):
            leads = source is group.leader or group.leader is None
            if segment.leads_anew and leads and group.runs:
                group.runs[-1] = led_anew(group.runs[-1], self.rules, None)
            if segment.begins_run and leads and group.runs:
                changes += self._close(group.runs[-1], arrival)
                begin(group, self.rules, self._detail)
            if segment.is_stage and leads:
                follow(group)
            whole = source.with_early(source.placed(segment))
            if not group.runs:
                if not _has_evidence(whole) or launchers.may_belong(source, whole):
                    source.keep_early(whole)
                    continue
                begin(group, self.rules, self._detail)
                changes += self._hand_over_ends(group, source)
            source.early, source.early_total = (), None
            watched = group.runs[-1] if leads else group.run_of(source, whole)
            seen = replace(whole, late=True) if late else whole
            self.observe(watched, source, seen, batch)
            block = group.reported(source, seen, leads=leads, watched=watched)
            watched.run.format = group.format
            watched.run.title = title_of(source, whole, watched.run.title)
            own = {name: text for name, text in batch.printed.items() if leads or name in block.samples}
            watched.run.printed.update(own)
            watched.run.fold(block)
            changes += self._judging.judge(watched, block)
        if any(event.kind == "checkpoint" for event in batch.events):
            settle_checkpoints(group)
        if live and not group.runs:
            changes += self._place_early(group, arrival, live=True)
        sight(group, arrival)
        if source.member.rank is not None and group.runs:
            rank = group.runs[-1].run.rank(source.member.rank)
            rank.seen = arrival if live and batch.lines else rank.seen
        return changes

    def lose(self, source_id: str, lost: Lost, now: float) -> None:
        """Note at Unix time `now` that a source cannot be read."""
        group, source = self.sources[source_id]
        known = source.lost
        if known is not None:
            brief = known.brief and lost.brief
            lost = msgspec.structs.replace(lost, since=min(known.since, lost.since), brief=brief)
        source.lost = lost
        sight(group, now)

    def see(self, source_id: str, now: float) -> None:
        """Note at Unix time `now` that a source can be read."""
        group, source = self.sources[source_id]
        if source.lost is not None:
            source.lost = None
            sight(group, now)

    def look(
        self,
        source_id: str,
        look: Look,
        sidecars: SidecarFacts,
        *,
        live: bool = False,
        arrival: float = 0.0,
        partial: bool = False,
    ) -> list[Change]:
        """Take in what a look at a directory gave, or the `partial` one before it.

        Return what changed in incidents.
        """
        group, source = self.sources[source_id]
        source.looked = source.looked or not partial
        if not group.lasting.runs and (look.present or sidecars.batches):
            self._take_back(group)
            begin(group, self.rules, self._detail)
        for facts in () if group.lasting.runs else sidecars.facts.values():
            group.facts |= facts
        for watched in group.runs[-1:]:
            watched.run.checkpoints.fold(look, None if live or partial else arrival)
            for facts in (*sidecars.facts.values(), of_checkpoint(look.settings)):
                watched.run.add_facts(facts)
        settle_checkpoints(group)
        changes: list[Change] = []
        for batch in sidecars.batches.values():
            changes += self.fold(source_id, batch, live=live, arrival=arrival)
        return changes

    def sample(self, group_id: str, message: Message) -> list[Change]:
        """Take in what a sampler says of the machine under a group; return what changed in incidents."""
        group = self.groups[group_id]
        group.machine.fold(message)
        if isinstance(message, Job) and not has_specific_part(group.path) and is_specific(message.name):
            self._naming.entitle(group, self.rules, message.name)
        group.lived |= any(group.machine.own())
        if not isinstance(message, MachineEvent) or not group.runs:
            return []
        watched = group.runs[-1]
        event = None if watched.run.finished else event_of(message, watched.run)
        if event is None:
            return []
        return self._judging.take(group, Block({}, None, events=(event,), live=True, arrival=message.time))

    def tick(self, now: float, group_ids: Iterable[str] | None = None) -> list[Change]:
        """Let rules about silence judge the newest run of each group, or of those named."""
        changes: list[Change] = []
        for group_id in self.groups if group_ids is None else group_ids:
            group = self.groups[group_id]
            group.judged = True
            if group.provisional and group.settled is None:
                changes += self._fold_provisional(group)
            changes += withdrawn(group, now)
            changes += self._place_early(group, now, live=True)
            if sight(group, now) is not None and not group.lasting.runs:
                self._take_back(group)
                begin(group, self.rules, self._detail)
                group.runs[-1].begun_blind = True
                sight(group, now)
            for watched in group.runs[-1:]:
                lost = why_unseen(group)
                if lost is None and (group.machine.ended is None or group.machine.ended.inferred):
                    group.machine.ended = orphaned(group, watched.run, now)
                if lost is None:
                    end(group, watched, now)
                status = status_of(group, watched.run, now, self._reference(watched), live=True)
                send = group.lived or lost is not None
                if (twin := group.twin) is not None:
                    self._elapse(twin, status, now, send=send)
                changes += unreported(group, self._elapse(watched, status, now, send=send))
                if lost is None and watched.begun_blind:
                    watched.begun_blind = False
                    if watched.run.bare:  # nothing proves that it was a run at all
                        group.aside = group.runs.pop()
            if group.rests(now):
                group.pack()
        return changes

    def finish(self, now: float) -> list[Change]:
        """Judge every group as sources that are complete: nothing more will come."""
        changes: list[Change] = []
        for group in self.groups.values():
            changes += self._place_early(group, now, live=False)
        for group in self.groups.values():
            group.judged = True
            if sight(group, now) is not None and not group.runs:
                begin(group, self.rules, self._detail)
                sight(group, now)
            for watched in group.runs[-1:]:
                status = status_of(group, watched.run, now, self._reference(watched), live=False)
                name = reference.named(self.rules, watched)
                if name and status.reference is None:
                    self.troubles.append(f"there is no run {name!r} to compare {watched.run.name} with")
                changes += self._judging.tick(watched, status, None, send=False)
        return changes

    def unfinished(self, source_id: str, line: str) -> None:
        """Take the last line of a source, which does not end; it has been counted."""
        _, source = self.sources[source_id]
        source.log.append((source.lines, line))

    def drop_source(self, source_id: str) -> None:
        """Watch a stream no longer; a group without any is forgotten, and its runs with it."""
        self._take_back(self.sources[source_id][0])
        group, _ = self.sources.pop(source_id)
        group.provisional.pop(source_id, None)
        group.sources.pop(source_id, None)
        if not group.sources:
            self.groups.pop(group.id, None)
            self._naming.drop(group.id)

    def configure(self, rules: Ruleset) -> None:
        """Judge by other rules and thresholds from now on; what rules have learned stays.

        Raises ConfigError, changing nothing.
        """
        rules.check()
        self.rules = rules
        self.troubles += rules.troubles
        for watched in self._every():
            watched.rules = adapted(watched.rules, rules.build(watched.run.name, watched.incidents.former))

    def retired(self) -> list[Change]:
        """Resolve what rules raised that are switched off by now; return these changes."""
        changes: list[Change] = []
        for watched in self._every():
            changes += watched.incidents.retire({rule.name for rule in watched.rules}, SWITCHED_OFF)
        return list({change.id: change for change in changes}.values())

    def acknowledge(self, incident_id: str) -> Change | None:
        """Note that somebody has seen a firing incident; None if there is none of that id."""
        found = (watched.incidents.acknowledge(incident_id) for watched in self._every())
        return next(iter([change for change in found if change is not None]), None)

    def shift(self, seconds: float) -> None:
        """Move what is known of times of arrival: the clock jumped by so many seconds."""
        for group in self.groups.values():
            shift(group, seconds)

    def runs(self) -> Iterator[tuple[Group, WatchedRun]]:
        """Yield every run, oldest first within its group."""
        for group in self.groups.values():
            for watched in group.runs:
                yield group, watched

    def find(self, run_id: str) -> tuple[Group, WatchedRun] | None:
        """Return the run of an id; None if there is none."""
        return next(((group, watched) for group, watched in self.runs() if watched.run.id == run_id), None)

    def pipelines(self) -> Iterator[Pipeline]:
        """Yield every run as people see it, the stages of a pipeline together."""
        for group in self.groups.values():
            yield from pipelines(group)

    def state(self, group: Group, watched: WatchedRun, now: float) -> str:
        """Return running, stalled, crashed, finished, blind or unknown."""
        if watched.phase in ENDED_OR_BLIND and not group.goes_on(watched, now):
            return state_of(watched.phase)
        return "running" if group.lives(now) and not watched.closed else "unknown"

    # -- inside ----------------------------------------------------------------------------------

    def _place_early(self, group: Group, now: float, *, live: bool) -> list[Change]:
        """Hand what a log says of an end alone to the run that it is of, or begin one of its own."""
        changes: list[Change] = []
        for source in () if group.runs else tuple(group.sources.values()):
            found = self._waiting.decided(source, group, self.groups.values(), now, live=live)
            if found is None:
                continue
            owner, block = found
            if owner is None:
                source.early = ()
                begin(group, self.rules, self._detail)
                owner, block = group, group.reported(source, block, leads=True, watched=group.runs[-1])
            changes += self._judging.take(owner, block)
        return changes

    def _hand_over_ends(self, group: Group, leader: Source) -> list[Change]:
        """Give the run that begins with `leader` the ends that other files of it reported before."""
        changes: list[Change] = []
        for source in group.sources.values():
            if source is not leader and any(event.kind in ENDS for event in source.unplaced):
                whole = source.with_early(Block({}, None))
                block = group.reported(source, whole, leads=False, watched=group.runs[-1])
                changes += self._judging.take(group, block)
                source.early = ()
        return changes

    def _reference(self, watched: WatchedRun) -> Reference | None:
        """Return the run that one is compared with, if one is named and known."""
        return reference.of(self.rules, watched, (each for _, each in self.runs()))

    def _every(self) -> Iterator[WatchedRun]:
        """Yield every run, and the newest ones as they are without what is provisional, too."""
        for group in self.groups.values():
            yield from group.runs
            if (twin := group.twin) is not None:
                yield twin

    def _elapse(self, watched: WatchedRun, status: Status, now: float, *, send: bool) -> list[Change]:
        found = self._judging.tick(watched, status, now if send else None, send=send)
        watched.held += [change.row.id for change in found if change.kind == "firing" and not send]
        return [*found, *released(watched)] if send else found

    def _fold_provisional(self, group: Group) -> list[Change]:
        """Fold what the sources of a group report provisionally; return what changed and is new."""
        try:
            put_aside(group)
        except Exception as error:  # a rule may be anybody's code
            group.provisional.clear()
            self.troubles.append(
                f"{group.name}: its newest record waits for more: {type(error).__name__}: {error}"
            )
            return []
        changes: list[Change] = []
        for source_id, provisional in group.provisional.items():
            changes += self._fold(
                source_id,
                provisional.batch,
                live=provisional.live,
                arrival=provisional.arrival,
                written=None,
                late=provisional.late,
            )
        return unreported(group, changes)

    def _take_back(self, group: Group, now: float = 0.0) -> None:
        """Undo what was folded provisionally, at Unix time `now`."""
        if group.settled is None:
            return
        take_back(group, now)
        self.sources.update((key, (group, source)) for key, source in group.sources.items())

    def _close(self, watched: WatchedRun, now: float) -> list[Change]:
        """Judge a run whose successor has begun: it will not continue."""
        watched.closed = True
        watched.run.rest(silent_for=math.inf)
        watched.run.end()
        run = watched.run
        status = Status(
            now=now,
            phase=run.phase,
            live=False,
            finished=run.finished,
            stopped_early=run.stopped_early,
        )
        changes = self._judging.tick(watched, status, None, send=False)
        watched.judges.pack()
        return changes


def _has_evidence(block: Block) -> bool:
    """Return True if a block holds anything a run could be known by."""
    events = any(event.kind in CRASH_KINDS for event in block.events)
    return bool(block.progress is not None or block.samples or block.bar or block.ranks or events)
