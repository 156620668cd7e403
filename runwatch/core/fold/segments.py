"""Cuts one source's batches into blocks of one run each: a log may hold a pipeline, or many launches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from runwatch.core.batch import BAR, BAR_OF_RUN, BY_EPOCH, EVAL, PLAN, SYSTEM, TRAIN, Batch
from runwatch.core.block import Block, Samples
from runwatch.core.ending import ENDS
from runwatch.core.fold.bar_steps import BarSteps
from runwatch.core.fold.bars import Bars
from runwatch.core.fold.duplicate_records import DuplicateRecords
from runwatch.core.fold.early_events import EarlyEvents
from runwatch.core.fold.lowest_rank import LowestRank
from runwatch.core.fold.next_plan import NextPlan
from runwatch.core.fold.rank_dedup import Echoes
from runwatch.core.fold.rows import (
    Rows,
    by_rank,
    marks_of,
    newest_of,
    ranks_of,
    samples_of,
    step_of_last,
)
from runwatch.core.fold.run_boundaries import Former, RunBoundaries
from runwatch.core.fold.stages import results_of
from runwatch.core.metrics import STEP_TIME


@dataclass(frozen=True, slots=True)
class Segment:
    """A block, and whether it begins another run of its source."""

    block: Block
    begins_run: bool = False
    is_stage: bool = False
    """Its first training record shows that the run is a further stage of the one before, no launch."""
    leads_anew: bool = False
    """Whether a lower rank provides the steps from the first from now on: those of another count no more."""


@dataclass(slots=True)
class Splitter:
    """The state between batches of one source; bounded."""

    _boundaries: RunBoundaries = field(default_factory=RunBoundaries)
    _bar_steps: BarSteps = field(default_factory=BarSteps)
    _former: Former | None = None
    """How the run before ended, until the first training record of the one that has begun."""
    _shows_total: bool = False
    """Whether the run's lines have printed a total: what is planned counts no more."""
    _bars: Bars = field(default_factory=Bars)
    _plan: NextPlan = field(default_factory=NextPlan)
    _lowest: LowestRank = field(default_factory=LowestRank)
    _early: EarlyEvents = field(default_factory=EarlyEvents)
    _echoes: Echoes = field(default_factory=Echoes)
    _duplicates: DuplicateRecords = field(default_factory=DuplicateRecords)

    def split(self, batch: Batch, *, live: bool = False, arrival: float = 0.0) -> Iterator[Segment]:
        """Yield the batch's blocks in order; concatenated they are the batch."""
        batch, others, again = self._lowest.records(batch)
        if again:
            self._boundaries.lead_anew()
            self._shows_total = False
        trained, step = self._boundaries.trained, self._boundaries.step
        batch, early = self._early.placed(self._duplicates.without(self._echoes.without(batch)), trained)
        bars, train, evals = (Rows.of(batch, kind) for kind in (BAR, TRAIN, EVAL))
        plans = Rows.of(batch, PLAN, BAR_OF_RUN)
        train, stepless = self._bar_steps.fill(batch, train, bars)
        found = self._boundaries.find(batch, train, evals)
        events = list(self._plan.place(batch.events, train.offset, trained=trained))
        stepped = train.offset[~np.isnan(train.step)]
        restarts = [offset for offset in found.restarts if offset in stepped]
        evals = step_of_last(evals, train, step)
        system = step_of_last(Rows.of(batch, SYSTEM), train, step)
        samples = samples_of(batch, {TRAIN: train, EVAL: evals, SYSTEM: system})
        if stepless.any() and STEP_TIME not in samples:
            timed = stepless & ~np.isnan(train.seconds)
            samples[STEP_TIME] = Samples(
                train.offset[timed], train.line[timed], train.step[timed], train.seconds[timed]
            )
        edges = [-np.inf, *found.begins, np.inf]
        for index, (low, high) in enumerate(pairwise(edges)):
            if index:
                self._bars, self._shows_total = Bars(), False
                self._former = found.begins[low]
            rows = train.between(low, high)
            among = (train.offset >= low) & (train.offset < high)
            ended = [e.offset for e in batch.events if e.kind in ENDS and low <= e.offset < high]
            self._bars.count(bars.between(low, high), rows, stepless[among], np.array(ended, float))
            planned = self._plan.take(rows, plans.between(low, high), trained=trained or index > 0)
            total, epoch_steps = self._newest_total(rows) if planned else (None, None)
            block = Block(
                samples={name: cut for name, s in samples.items() if len(cut := s.between(low, high))},
                progress=Samples(rows.offset, rows.line, rows.step, rows.step) if len(rows) else None,
                moments=rows.moments(),
                events=[e for at, e in events if low <= at < high and (index or e not in early)],
                restarts=[int(offset) for offset in restarts if low <= offset < high],
                begins_again=max((at for at in found.relaunches if low <= at < high), default=np.inf),
                ranks=ranks_of(batch, low, high),
                marks=marks_of(batch, low, high),
                total=total,
                epoch_steps=epoch_steps,
                by_epoch=str(rows.pattern[-1]).endswith(BY_EPOCH) if len(rows) else None,
                epochs=rows.epochs(),
                bar=self._bars.of_training(self._plan.total),
                lead=self._lowest.rank,
                results=results_of(batch, samples, low, high, rows.offset[-1] if len(rows) else low),
                live=live,
                arrival=arrival,
            )
            stage = self._is_stage(rows)
            yield Segment(block, begins_run=index > 0, is_stage=stage, leads_anew=again and not index)
            for rank, columns in by_rank(others, low, high).items():
                steps = columns.pop("progress")
                yield Segment(
                    Block(columns, steps if len(steps) else None, rank=rank, live=live, arrival=arrival)
                )

    def _is_stage(self, train: Rows) -> bool:
        """Return whether the first training record of a run shows that it is a stage of the one before."""
        former = self._former
        if former is None or not len(train):
            return False
        self._former = None
        return former.announced or former.pattern != str(train.pattern[0])

    def _newest_total(self, train: Rows) -> tuple[int | None, int | None]:
        """Return the newest total, and the steps of an epoch where it but ends one.

        As steps print it, else as planned, be it before this batch.
        """
        known = np.flatnonzero(~np.isnan(train.total))[-1:]
        if len(known):
            self._shows_total = True
            return newest_of(train.total[known]), newest_of(train.epoch_steps[known])
        return None if self._shows_total else self._plan.total, None
