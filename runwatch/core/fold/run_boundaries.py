"""Cuts one source's batches into runs: a log may hold a whole pipeline, or many launches.

A step that goes back is a restart of the same run, unless the run had finished, it had stopped early,
or the kind of step line changed: then another run begins. So it does if an epoch starts from the first and
nothing had failed. It is a further stage of a pipeline if its lines are of another kind, or a line announced
a stage.
Where a format prints no step, the bar printed just before a record has it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import (
    BAR,
    BY_EPOCH,
    BY_FIT,
    BY_LAUNCH,
    BY_ROUND,
    CRASH_KINDS,
    EVAL,
    PLAN,
    SYSTEM,
    TRAIN,
    Batch,
)
from runwatch.core.block import Block, Samples
from runwatch.core.fold.bar_steps import Redraws, without_unrelated
from runwatch.core.fold.bars import Bars
from runwatch.core.fold.duplicate_records import DuplicateRecords
from runwatch.core.fold.early_events import EarlyEvents
from runwatch.core.fold.lowest_rank import LowestRank
from runwatch.core.fold.next_plan import NextPlan
from runwatch.core.fold.rank_dedup import Echoes
from runwatch.core.fold.regular_end import is_last_row
from runwatch.core.fold.rows import (
    Floats,
    Rows,
    by_rank,
    marks_of,
    newest_of,
    part_of,
    ranks_of,
    samples_of,
    step_of_last,
)
from runwatch.core.fold.stages import results_of, trains
from runwatch.core.loss_level import LossLevel
from runwatch.core.metrics import STEP_TIME

_CRASHED, _OVER = "crashed", "over"
_SAID = dict.fromkeys((*CRASH_KINDS, "resume"), _CRASHED) | {"over": _OVER}
"""Kinds of events that show whether a step that starts from the beginning is a restart, or of another run."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A block, and whether it begins another run of its source."""

    block: Block
    begins_run: bool = False
    is_stage: bool = False
    """Its first training record shows that the run is a further stage of the one before, no launch."""
    leads_anew: bool = False
    """Whether a lower rank provides the steps from the first from now on: those of another count no more."""


@dataclass(frozen=True, slots=True)
class _Former:
    """What is known of a run where another one begins."""

    pattern: str
    """Kind of its newest training record."""
    announced: bool
    """A line has announced a stage behind it."""


@dataclass(slots=True)
class Splitter:
    """The state between batches of one source; bounded."""

    _step: float = np.nan
    """Newest training step of the current run, or its epoch as long as no step was printed."""
    _stepped: bool = False
    """Whether any was."""
    _pattern: str = ""
    _total: float = np.nan
    _epoch: float = np.nan
    _left: float = np.nan
    """Steps from the newest one to the end of the run; NaN if its lines do not show that."""
    _stride: float = np.nan
    """How far the newest step is from the one before."""
    _first: float = np.nan
    """First training step of the current run."""
    _level: LossLevel = field(default_factory=LossLevel)
    """How far its loss has come."""
    _cyclic: bool = False
    """Whether its step began again but not its loss: it counts within an epoch that no line shows."""
    _ended: str = ""
    """What lines said since the newest step of how that launch ended: _CRASHED, or else _OVER."""
    _shows_total: bool = False
    """Whether its lines have printed a total: what is planned counts no more."""
    _finished: bool = False
    _stopped: bool = False
    """A line said that it gets no better, and no step was printed since."""
    _announced: bool = False
    """A line announced a stage of training, and no step was printed since."""
    _former: _Former | None = None
    """How the run before ended, until the first training record of the one that has begun."""
    _beside: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """Step, total and seconds per step of the newest bar."""
    _drawn: tuple[float, float] = (np.nan, np.nan)
    """Its offset and its line."""
    _outer: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """The same of the newest one next to a record that was not at its end: the training's own."""
    _bars: Bars = field(default_factory=Bars)
    _plan: NextPlan = field(default_factory=NextPlan)
    _lowest: LowestRank = field(default_factory=LowestRank)
    _redraws: Redraws = field(default_factory=Redraws)
    _filled: bool = False
    """Whether a bar has given the step of a record."""
    _since: float | None = None
    """Epoch of the newest record without a step since the newest bar; None if there was none."""
    _early: EarlyEvents = field(default_factory=EarlyEvents)
    _echoes: Echoes = field(default_factory=Echoes)
    _duplicates: DuplicateRecords = field(default_factory=DuplicateRecords)

    def split(self, batch: Batch, *, live: bool = False, arrival: float = 0.0) -> Iterator[Segment]:
        """Yield the batch's blocks in order; concatenated they are the batch."""
        batch, others, again = self._lowest.records(batch)
        if again:
            self._step, self._pattern, self._total, self._finished = np.nan, "", np.nan, False
            self._first = self._left = self._stride = self._epoch = np.nan
            self._level, self._cyclic, self._stepped, self._shows_total = LossLevel(), False, False, False
        trained = self._pattern != ""
        batch, early = self._early.placed(self._duplicates.without(self._echoes.without(batch)), trained)
        bars, train, evals, plans = (Rows.of(batch, kind) for kind in (BAR, TRAIN, EVAL, PLAN))
        train, stepless = self._fill_steps(batch, train, bars)
        first_step = self._step if self._stepped else np.nan
        begins, restarts = self._boundaries(batch, self._counted(train), evals)
        events = list(self._plan.place(batch.events, train.offset, trained=trained))
        stepped = train.offset[~np.isnan(train.step)]
        restarts = [offset for offset in restarts if offset in stepped]
        evals = step_of_last(evals, train, first_step)
        system = step_of_last(Rows.of(batch, SYSTEM), train, first_step)
        samples = samples_of(batch, {TRAIN: train, EVAL: evals, SYSTEM: system})
        if stepless.any() and STEP_TIME not in samples:
            timed = stepless & ~np.isnan(train.seconds)
            samples[STEP_TIME] = Samples(
                train.offset[timed], train.line[timed], train.step[timed], train.seconds[timed]
            )
        edges = [-np.inf, *begins, np.inf]
        for index, (low, high) in enumerate(pairwise(edges)):
            if index:
                self._bars, self._shows_total = Bars(), False
                self._former = begins[low]
            rows = train.between(low, high)
            self._bars.count(bars.between(low, high), rows, stepless)
            planned = self._plan.take(rows, plans.between(low, high), trained=trained or index > 0)
            total, epoch_steps = self._newest_total(rows) if planned else (None, None)
            block = Block(
                samples={name: cut for name, s in samples.items() if len(cut := part_of(s, low, high))},
                progress=Samples(rows.offset, rows.line, rows.step, rows.step) if len(rows) else None,
                moments=rows.moments(),
                events=[e for at, e in events if low <= at < high and (index or e not in early)],
                restarts=[int(offset) for offset in restarts if low <= offset < high],
                ranks=ranks_of(batch, low, high),
                marks=marks_of(batch, low, high),
                total=total,
                epoch_steps=epoch_steps,
                by_epoch=str(rows.pattern[-1]).endswith(BY_EPOCH) if len(rows) else None,
                bar=self._bars.of_training(self._total),
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

    def _counted(self, train: Rows) -> Rows:
        """Return records with their epochs in place of steps, as long as no step was printed."""
        known = ~np.isnan(train.step)
        stepped = np.logical_or.accumulate(known) | self._stepped
        self._stepped |= bool(known.any())
        return replace(train, step=np.where(stepped, train.step, train.epoch))

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

    def _fill_steps(self, batch: Batch, train: Rows, bars: Rows) -> tuple[Rows, NDArray[np.bool_]]:
        """Give records without a step what the bar before them shows; say which those are."""
        stepless = np.isnan(train.step)
        if stepless.any():
            at = np.searchsorted(bars.offset, train.offset)
            shown = [
                np.concatenate(([before], column))[at]
                for before, column in zip(
                    (*self._beside, *self._drawn),
                    (bars.step, bars.total, bars.seconds, bars.offset, bars.line),
                    strict=True,
                )
            ]
            nearby = self._without_inner(shown[:3], bars, at)
            if len(bars):
                nearby[0] = self._redraws.steps(nearby, shown[2:], train, bars, at)
            step, total, seconds = (
                np.where(stepless, b, own)
                for b, own in zip(nearby, (train.step, train.total, train.seconds), strict=True)
            )
            train = replace(train, step=step, total=total, seconds=seconds)
            train, epoch = without_unrelated(
                batch, train, stepless, at, shown[3], first=not self._filled, before=self._since
            )
            self._filled = True
            self._since = epoch if at[-1] == len(bars) else None
        elif len(bars):
            self._since = None
        if len(bars):
            self._beside = (bars.step[-1], bars.total[-1], bars.seconds[-1])
            self._drawn = (bars.offset[-1], bars.line[-1])
            for last in np.flatnonzero(bars.total == self._outer[1])[-1:].tolist():
                self._outer = (float(bars.step[last]), self._outer[1], float(bars.seconds[last]))
        return train, stepless

    def _without_inner(self, beside: list[Floats], bars: Rows, at: NDArray[np.int64]) -> list[Floats]:
        """Replace what a bar shows that ended in the middle of another: of an evaluation, of files written.

        `beside` are step, total and seconds per step by record, arrays of shape (n,); `at` is the bar
        behind each. A training that steps faster than its bar is redrawn prints a record after such a bar.
        """
        step, total, _ = beside
        under_way = step < total
        newest = np.maximum.accumulate(np.where(under_way, np.arange(1, len(step) + 1), 0))
        outer = [
            np.concatenate(([before], column))[newest]
            for before, column in zip(self._outer, beside, strict=True)
        ]
        inner = ~under_way & ~np.isnan(total) & ~np.isnan(outer[1]) & (total != outer[1])
        for whole in np.unique(outer[1][inner]):  # the bar of the training may have been drawn since
            those = np.flatnonzero(inner & (outer[1] == whole))
            drawn = np.flatnonzero(bars.total == whole)
            newest = np.searchsorted(drawn, at[those]) - 1
            those, newest = those[newest >= 0], drawn[newest[newest >= 0]]
            outer[0][those], outer[2][those] = bars.step[newest], bars.seconds[newest]
        self._outer = (float(outer[0][-1]), float(outer[1][-1]), float(outer[2][-1]))
        return [np.where(inner, own, shown) for own, shown in zip(outer, beside, strict=True)]

    def _boundaries(self, batch: Batch, train: Rows, evals: Rows) -> tuple[dict[float, _Former], list[float]]:
        """Return the offsets at which a run begins, with what was before, and those at which one restarts.

        Only the few records at which something other than the next step happens are looked at.
        """
        ends, stops = (
            np.array([event.offset for event in batch.events if event.kind == kind], float)
            for kind in ("finished", "early_stop")
        )
        headers = np.array([event.offset for event in batch.events if trains(event)], float)
        said = [(float(event.offset), _SAID[event.kind]) for event in batch.events if event.kind in _SAID]
        begins: dict[float, _Former] = {}
        restarts: list[float] = []
        since = 0
        for offset, kind, index in _turns(train, evals, ends, stops, headers, said, self._finished):
            if kind in ("finished", "early_stop"):
                begun = not np.isnan(self._last_step(train, offset, begins))
                self._finished |= begun and kind == "finished"
                self._stopped |= begun and kind == "early_stop"
                continue
            if kind == "stage":
                self._announced = True
                continue
            if kind in (_CRASHED, _OVER):
                self._ended = self._ended if self._ended == _CRASHED else kind
                continue
            here = index if kind == TRAIN else int(np.searchsorted(train.offset, offset))
            self._follow(train, since, here)
            since = here
            rows = train if kind == TRAIN else evals
            step, last = rows.step[index], self._last_step(train, offset, begins)
            other = kind == TRAIN and index > 0 and train.pattern[index] != train.pattern[index - 1]
            other = other or (kind == TRAIN and index == 0 and self._pattern not in ("", train.pattern[0]))
            other = other or self._announced or (kind == TRAIN and self._stopped)
            anew = kind == TRAIN and step == last and self._finished and self._has_another_total(train, index)
            back = step < last
            again = back and (self._finished or other or (kind == TRAIN and self._begins_again(train, index)))
            if anew or again:
                begins[offset] = _Former(self._last_pattern(train, offset), self._announced)
                self._finished, self._first, self._level, self._cyclic = False, np.nan, LossLevel(), False
            elif back and kind == TRAIN:
                self._cyclic |= step <= self._first and self._ended != _CRASHED
                self._level.restart()
                restarts.append(offset)
            elif kind == TRAIN:
                self._finished = False
            if kind == TRAIN:
                self._announced, self._stopped, self._ended = False, False, ""
        self._follow(train, since, len(train))
        if len(train):
            self._left, self._stride = self._course(train, len(train))
            self._pattern, self._total = str(train.pattern[-1]), float(train.total[-1])
            self._epoch = float(train.epoch[-1])
        self._step = self._last_step(train, np.inf, begins)
        return begins, restarts

    def _follow(self, train: Rows, since: int, until: int) -> None:
        """Take the first step of the current run, where it is among these records, and their losses."""
        steps = train.step[since:until]
        if math.isnan(self._first):
            self._first = next((step for step in steps[~np.isnan(steps)][:1].tolist()), math.nan)
        losses = train.loss[since:until]
        self._level.observe(losses[~np.isnan(losses)].tolist())

    def _begins_again(self, train: Rows, index: int) -> bool:
        """Return True if a record that goes back is the first of another run, though no line says so.

        It starts from the beginning, with another total than the one before (and, if its first step is not
        shown, a loss as high as there), or behind the end of what was planned or said to be over, or with a
        loss as high as there: but a launch is of the run whose steps have not come to their total. So does a
        first epoch or round, or one that begins again with the step with which it began, where nothing had
        failed and no total is known. A step that falls while the epoch moves on is one within epochs.
        """
        step, pattern, loss = train.step[index], str(train.pattern[index]), float(train.loss[index])
        if self._has_another_total(train, index) and (
            step <= 1 or (step <= self._first and self._level.is_back(loss))
        ):
            return True
        if step > self._first or self._ended == _CRASHED:
            return False
        endless = np.isnan(train.total[index]) or not np.isnan(train.epoch_steps[index])
        epoch, before = train.epoch[index], train.epoch[index - 1] if index else self._epoch
        by_epoch = pattern.endswith((BY_EPOCH, BY_ROUND)) or epoch < before
        by_fit = pattern.endswith(BY_FIT)
        may = by_fit or (endless and not pattern.endswith(BY_LAUNCH) and not epoch > before)
        if (by_epoch or (may and not self._cyclic)) and self._level.is_back(loss):
            return True
        if by_fit:
            return False
        left, stride = self._course(train, index)
        ended = is_last_row(left, stride, self._first) or self._ended == _OVER
        same = epoch == before and step == self._first
        return bool(ended or (endless and (by_epoch or same)))

    def _has_another_total(self, train: Rows, index: int) -> bool:
        """Return True if a record and the one before it show their totals, and these differ."""
        total, before = train.total[index], train.total[index - 1] if index else self._total
        return bool(total != before and not np.isnan(before) and not np.isnan(total))

    def _course(self, train: Rows, index: int) -> tuple[float, float]:
        """Return the steps from the record before to the end of its run, and those to the one before that.

        NaN if not known, as if only the end of its epoch is.
        """
        if not index:
            return self._left, self._stride
        step, total, per = (float(c[index - 1]) for c in (train.step, train.total, train.epoch_steps))
        former = float(train.step[index - 2]) if index > 1 else self._step
        return (total - step if math.isnan(per) else math.nan), step - former

    def _last_pattern(self, train: Rows, offset: float) -> str:
        """Return the kind of the newest training record before `offset`."""
        index = int(np.searchsorted(train.offset, offset)) - 1
        return str(train.pattern[index]) if index >= 0 else self._pattern

    def _last_step(self, train: Rows, offset: float, begins: Collection[float]) -> float:
        """Return the newest step of the run before `offset`; NaN if it has none yet."""
        index = int(np.searchsorted(train.offset, offset)) - 1
        if index >= 0 and (not begins or train.offset[index] >= max(begins)):
            return float(train.step[index])
        return np.nan if begins else self._step


def _turns(
    train: Rows,
    evals: Rows,
    ends: Floats,
    stops: Floats,
    headers: Floats,
    said: list[tuple[float, str]],
    finished: bool,
) -> list[tuple[float, str, int]]:
    """Return (offset, kind, index) of the records worth a look, in stream order."""
    if not (len(train) or len(ends) or len(stops) or len(headers) or said or finished):
        return []
    change = np.ones(len(train), bool)  # the first row: its predecessor is in an earlier batch
    change[1:] = (train.step[1:] < train.step[:-1]) | (train.pattern[1:] != train.pattern[:-1])
    for reported in (ends, stops, headers, np.array([offset for offset, _ in said])):
        after = np.searchsorted(train.offset, reported)
        change[after[after < len(train)]] = True
    turns = [(float(train.offset[i]), TRAIN, i) for i in np.flatnonzero(change).tolist()]
    turns += [(float(offset), "finished", 0) for offset in ends.tolist()]
    turns += [(float(offset), "early_stop", 0) for offset in stops.tolist()]
    turns += [(float(offset), "stage", 0) for offset in headers.tolist()]
    turns += [(offset, kind, 0) for offset, kind in said]
    if finished or len(ends):
        turns += [(float(evals.offset[i]), EVAL, i) for i in range(len(evals))]
    return sorted(turns)
