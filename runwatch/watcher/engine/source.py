"""One stream of batches: what it has reported so far, and whether it can be read and understood."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from runwatch.core.batch import BAR, EVAL, RANK, TRAIN, Batch, Event
from runwatch.core.block import Block
from runwatch.core.fold.saves import AFTER, UNTIL, is_about_save
from runwatch.core.fold.segments import Segment, Splitter
from runwatch.core.readability import FEWER, KNOWN, LAYOUT, Lost, misread
from runwatch.watcher.engine.agreement import Report
from runwatch.watcher.engine.packable import Packable
from runwatch.watcher.sources.member import Member

LOG_LINES = 2000
"""Newest log lines kept per source, for views."""
EARLY = 256
"""Events kept until a run is known."""
NOTHING, BARS, RECORDS = range(3)


@dataclass(slots=True)
class Source:
    """One stream of batches."""

    id: str
    name: str
    path: str
    member: Member
    lines: int = 0
    unparsed: int = 0
    format: str | None = None
    tail: Packable[deque[tuple[int, str]]] = field(default_factory=lambda: Packable(deque(maxlen=LOG_LINES)))
    read_when: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    """(line, Unix time): from this line on they were read then, as they came; 0 where that means nothing."""
    written: float | None = None
    """Unix time at which the newest bytes were written, as far as known."""
    ended: bool = False
    """It will give nothing more: standard input was closed."""
    rested: bool = False
    """It has said what its parser holds back: without a run by then, it is no log of one."""
    records: int = 0
    """Training records read."""
    splitter: Splitter = field(default_factory=Splitter)
    clock: Report = field(default_factory=Report)
    """When it says that steps were made: Unix time by step."""
    looked: bool = False
    """A directory: it was looked at."""
    run_id: str = ""
    """Id of the run that its newest records were of, where another source leads."""
    reached: float = -1.0
    """The newest step of these records."""
    opened: int = 0
    """How many sources of its group were there before it."""
    early: tuple[Event, ...] = ()
    """What it reported before a run was known: of that run, when it comes."""
    early_total: int | None = None
    """The planned number of steps that it reported before."""
    handed_on: int = -1
    """Offset up to which what it said of an end was taken for that of the run next to it."""
    steps: tuple[int, ...] = ()
    """Up to two newest training steps of the run that it reports."""
    evaluated: int | None = None
    """Step of the newest evaluation that was printed after these."""
    strength: int = NOTHING
    """What it has reported so far: nothing of a run, bars, or records."""
    lost: Lost | None = None
    """Why it cannot be read, while that is so."""
    strange: int = 0
    """Lines below its newest record that look like records of training and gave none."""
    strange_from: int = 0
    drift: Lost | None = None
    """That it grows and is no longer understood, while that is so."""

    @property
    def log(self) -> deque[tuple[int, str]]:
        """The newest lines, each with its number."""
        return self.tail.value

    @property
    def unseen(self) -> Lost | None:
        """Why nothing is known of what it contains now; None if all is well."""
        return self.lost or self.drift

    @property
    def unplaced(self) -> tuple[Event, ...]:
        """Events from before a run was known that no other run took."""
        return tuple(event for event in self.early if event.offset > self.handed_on)

    def keep_early(self, block: Block) -> None:
        """Keep what a block contains that is of no run yet; of events the newest, if there are many."""
        self.early, self.early_total = tuple(block.events)[-EARLY:], block.total

    def with_early(self, block: Block) -> Block:
        """Return a block with what was reported before it."""
        if self.early_total is not None and block.total is None:
            block = replace(block, total=self.early_total)
        early = self.unplaced
        if not early:
            return block
        marks = dict(block.marks)
        for event in early:  # rows may be read after what follows them
            marks[event.kind] = max(event.offset, marks.get(event.kind, -1))
        return replace(block, events=[*early, *block.events], marks=marks)

    def placed(self, segment: Segment) -> Block:
        """Return the next block; each checkpoint it reports says the newest step before it."""
        block = segment.block
        if block.rank is not None:
            return block
        before = [] if segment.begins_run else list(self.steps)
        offsets = [-1.0] * len(before)
        if block.progress is not None:
            known = block.progress.step == block.progress.step  # no NaN
            before += [int(step) for step in block.progress.step[known].tolist()]
            offsets += block.progress.offset[known].tolist()
        evaluations = _evaluations(block, None if segment.begins_run else self.evaluated)
        self.steps = tuple(before[-2:])
        later = [step for offset, step in evaluations if offset > (offsets[-1] if offsets else -1.0)]
        self.evaluated = later[-1] if later else None
        if not any(map(is_about_save, block.events)):
            return block
        events = []
        for event in block.events:
            newest = bisect_left(offsets, event.offset)
            since = offsets[newest - 1] if newest else -1.0
            later = [
                step for offset, step in evaluations if since < offset < event.offset or offset == since < 0
            ]
            events.append(_placed(event, before[:newest], later[-1] if later else None))
        return replace(block, events=events)

    def take(self, batch: Batch, written: float | None, read: float = 0.0) -> Batch:
        """Count a batch in; return it with its events reported by their rank.

        `read` is the Unix time at which its lines came; 0 if they had been there before.
        """
        if batch.tail and (not self.read_when or self.read_when[-1][1] != read):
            self.read_when.append((batch.tail[0][0], read))
        self.lines += batch.lines
        self.unparsed += batch.unparsed
        self.format = batch.format or self.format
        self.log.extend(batch.tail)
        self._forget_when()
        self.written = self.written if written is None else written
        kinds = {table.kind for table in batch.tables}
        self.records += sum(table.rows for table in batch.tables if table.kind == TRAIN)
        self._drifted(batch, read or written or 0.0)
        strength = RECORDS if TRAIN in kinds else BARS if BAR in kinds else NOTHING
        self.strength = max(self.strength, strength)
        rank = self.member.rank
        if rank is None or not batch.events:
            return batch
        events = tuple(_of_rank(event, rank) for event in batch.events)
        return msgspec.structs.replace(batch, events=events)

    def _forget_when(self) -> None:
        """Forget when lines were read that are kept no longer; line numbers may have begun again."""
        when = self.read_when
        while len(when) > 1:
            first, line = when[0][0], self.log[0][0] if self.log else 0
            if not (first <= when[1][0] <= line or (when[1][0] < first and line < first)):
                return
            when.popleft()

    def _drifted(self, batch: Batch, now: float) -> None:
        """Note whether the layout of its records has changed, by Unix time `now`."""
        if any(table.rows for table in batch.tables if table.kind in (TRAIN, EVAL, BAR, RANK)):
            self.strange = self.strange_from = 0
        self.strange += batch.strange
        self.strange_from = self.strange_from or batch.strange_from
        usual = self.strange_from // max(1, self.records)  # lines to a record, about
        if self.records < KNOWN or self.strange < max(LAYOUT, FEWER * usual):
            self.drift = None
        elif self.drift is None:
            self.drift = misread(self.path, self.strange_from, now)


def _evaluations(block: Block, before: int | None) -> list[tuple[float, int]]:
    """Return the offsets and steps of evaluations in their order; `before` is that of the block before."""
    found = [] if before is None else [(-0.5, before)]
    for name, samples in block.samples.items():
        if name.startswith("val/"):
            known = samples.step == samples.step  # no NaN
            found += zip(samples.offset[known].tolist(), map(int, samples.step[known].tolist()), strict=True)
    return sorted(found)


def _placed(event: Event, steps: Sequence[int], evaluated: int | None) -> Event:
    """Return an event about a save with the steps between which it is.

    A step that is evaluated may be printed before its training record, and saved between the two.
    """
    if not is_about_save(event) or not steps:
        return event
    apart = max(1, steps[-1] - steps[-2]) if len(steps) > 1 else 1
    until = steps[-1] + apart
    after = evaluated if evaluated is not None and steps[-1] < evaluated <= until else steps[-1]
    return msgspec.structs.replace(event, data={**event.data, AFTER: str(after), UNTIL: str(until)})


def _of_rank(event: Event, rank: int) -> Event:
    return event if event.rank is not None else msgspec.structs.replace(event, rank=rank)
