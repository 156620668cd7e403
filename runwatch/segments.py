"""Cuts one source's batches into runs: a log may hold a whole pipeline, or many launches.

A step that goes back is a restart of the same run, unless the run had finished
or the kind of step line changed: then another run begins. Where a format
prints no step, the bar printed just before a record tells it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.batch import BAR, EVAL, NODE, PLAN, RANK, SYSTEM, TRAIN, Batch, Table
from runwatch.block import Block, RankProgress, Samples
from runwatch.metrics import STEP_TIME

Floats = NDArray[np.float64]
_MAX_BARS = 64


@dataclass(frozen=True, slots=True)
class Segment:
    """A block, and whether it begins another run of its source."""

    block: Block
    begins_run: bool = False


@dataclass(frozen=True, slots=True)
class _Rows:
    """Records of one kind from all tables of a batch, in stream order; arrays of shape (n,)."""

    offset: Floats
    line: Floats
    step: Floats
    total: Floats
    seconds: Floats
    """Step time, for bars."""
    pattern: NDArray[np.str_]

    @classmethod
    def of(cls, batch: Batch, kind: str) -> _Rows:
        tables = [table for table in batch.tables if table.kind == kind]
        offset, line, seconds = (_column(tables, name) for name in ("offset", "line", STEP_TIME))
        step, total = (_counter(_column(tables, name)) for name in ("step", "total"))
        patterns = np.concatenate([np.empty(0, "U1"), *(np.full(t.rows, t.pattern) for t in tables)])
        rows = cls(offset, line, step, total, seconds, patterns)
        return rows if len(tables) < 2 else rows.take(np.argsort(offset, kind="stable"))

    def take(self, index: NDArray[np.int64] | slice) -> _Rows:
        """Return the rows at `index`."""
        return _Rows(
            self.offset[index],
            self.line[index],
            self.step[index],
            self.total[index],
            self.seconds[index],
            self.pattern[index],
        )

    def __len__(self) -> int:
        return len(self.offset)

    def between(self, low: float, high: float) -> _Rows:
        """Return the rows whose offset is in [low, high)."""
        a, b = np.searchsorted(self.offset, (low, high))
        return self.take(slice(a, b))


@dataclass(slots=True)
class _Bar:
    """One progress bar, known by its total."""

    first: int
    last: int
    updates: int = 0
    records: int = 0
    """Training records printed beside it: the training bar has most."""


@dataclass(slots=True)
class Splitter:
    """The state between batches of one source; bounded."""

    _step: float = np.nan
    """Newest training step of the current run."""
    _pattern: str = ""
    _total: float = np.nan
    _finished: bool = False
    _beside: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """Step, total and seconds per step of the newest bar."""
    _outer: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """The same of the newest one beside a record that was not at its end: the training's own."""
    _bars: dict[float, _Bar] = field(default_factory=dict)
    _prints_steps: bool = False
    _plan: int | None = None
    """Newest planned total that stood outside of step lines."""
    _rank: float = np.inf
    """Lowest rank (of the lowest node) whose records were seen: only its records make series."""

    def split(self, batch: Batch, *, live: bool = False, arrival: float = 0.0) -> Iterator[Segment]:
        """Yield the batch's blocks in order; concatenated they are the batch."""
        batch, others = self._of_lowest_rank(batch)
        bars, train, evals, plans = (_Rows.of(batch, kind) for kind in (BAR, TRAIN, EVAL, PLAN))
        train, stepless = self._fill_steps(train, bars)
        first_step = self._step
        begins, restarts = self._boundaries(batch, train, evals)
        evals = _step_of_last(evals, train, first_step)
        system = _step_of_last(_Rows.of(batch, SYSTEM), train, first_step)
        samples = _samples(batch, {TRAIN: train, EVAL: evals, SYSTEM: system})
        if stepless.any() and STEP_TIME not in samples:
            timed = stepless & ~np.isnan(train.seconds)
            samples[STEP_TIME] = Samples(
                train.offset[timed], train.line[timed], train.step[timed], train.seconds[timed]
            )
        edges = [-np.inf, *begins, np.inf]
        for index, (low, high) in enumerate(pairwise(edges)):
            if index:
                self._bars.clear()
                self._prints_steps = False
            rows = train.between(low, high)
            self._count_bars(bars.between(low, high), rows, stepless)
            block = Block(
                samples={name: cut for name, s in samples.items() if len(cut := _cut(s, low, high))},
                progress=Samples(rows.offset, rows.line, rows.step, rows.step) if len(rows) else None,
                events=[event for event in batch.events if low <= event.offset < high],
                restarts=[int(offset) for offset in restarts if low <= offset < high],
                ranks=_ranks(batch, low, high),
                marks=_marks(batch, low, high),
                total=self._newest_total(rows, plans.between(low, high)),
                bar=None if self._prints_steps else self._training_bar(),
                lead=int(self._rank) if math.isfinite(self._rank) else None,
                live=live,
                arrival=arrival,
            )
            yield Segment(block, begins_run=index > 0)
            for rank, columns in _by_rank(others, low, high).items():
                steps = columns.pop("progress")
                yield Segment(
                    Block(columns, steps if len(steps) else None, rank=rank, live=live, arrival=arrival)
                )

    def _newest_total(self, train: _Rows, plans: _Rows) -> int | None:
        """Return the newest total: as steps print it, else as planned, be it before this batch."""
        planned = _newest(plans.total)
        if planned is not None:
            self._plan = planned
        printed = _newest(train.total)
        return self._plan if printed is None and (len(train) or planned is not None) else printed

    def _of_lowest_rank(self, batch: Batch) -> tuple[Batch, list[Table]]:
        """Return the batch with the records of the lowest rank seen so far, and those of the others.

        Launchers that tag lines with ranks print the same step once per rank: series are of one rank.
        """
        if not any(table.kind in (TRAIN, EVAL) and "rank" in table.names for table in batch.tables):
            return batch, []
        ranked = [t for t in batch.tables if t.kind in (TRAIN, EVAL) and "rank" in t.names]
        offset, rank, node = (_column(ranked, name) for name in ("offset", "rank", "node"))
        order = np.argsort(offset, kind="stable")
        who = _who(rank[order], node[order])
        lowest = np.minimum(np.minimum.accumulate(who), self._rank)
        self._rank = float(lowest[-1])
        keep = np.empty(len(who), bool)
        keep[order] = who == lowest
        if keep.all():
            return batch, []
        tables: list[Table] = []
        others: list[Table] = []
        at = 0
        for table in batch.tables:
            if not any(table is t for t in ranked):
                tables.append(table)
                continue
            kept = keep[at : at + table.rows]
            at += table.rows
            if kept.any():
                tables.append(_rows_of(table, kept))
            if not kept.all():
                others.append(_rows_of(table, ~kept))
        return msgspec.structs.replace(batch, tables=tuple(tables)), others

    def _fill_steps(self, train: _Rows, bars: _Rows) -> tuple[_Rows, NDArray[np.bool_]]:
        """Give records without a step what the bar before them shows; say which those are."""
        stepless = np.isnan(train.step)
        if stepless.any():
            at = np.searchsorted(bars.offset, train.offset)
            beside = self._without_inner(
                [
                    np.concatenate(([before], column))[at]
                    for before, column in zip(
                        self._beside, (bars.step, bars.total, bars.seconds), strict=True
                    )
                ]
            )
            step, total, seconds = (
                np.where(stepless, b, own)
                for b, own in zip(beside, (train.step, train.total, train.seconds), strict=True)
            )
            train = replace(train, step=step, total=total, seconds=seconds)
        if len(bars):
            self._beside = (bars.step[-1], bars.total[-1], bars.seconds[-1])
        return train, stepless

    def _without_inner(self, beside: list[Floats]) -> list[Floats]:
        """Replace what a bar shows that ended in the midst of another: of an evaluation, of files written.

        `beside` are step, total and seconds per step by record, arrays of shape (n,). A
        training that steps faster than its bar is redrawn prints a record after such a bar.
        """
        step, total, _ = beside
        under_way = step < total
        newest = np.maximum.accumulate(np.where(under_way, np.arange(1, len(step) + 1), 0))
        outer = [
            np.concatenate(([before], column))[newest]
            for before, column in zip(self._outer, beside, strict=True)
        ]
        inner = ~under_way & ~np.isnan(total) & ~np.isnan(outer[1]) & (total != outer[1])
        self._outer = (float(outer[0][-1]), float(outer[1][-1]), float(outer[2][-1]))
        return [np.where(inner, own, shown) for own, shown in zip(outer, beside, strict=True)]

    def _boundaries(self, batch: Batch, train: _Rows, evals: _Rows) -> tuple[list[float], list[float]]:
        """Return the offsets at which a run begins, and those at which one restarts.

        Only the few records at which something other than the next step happens are looked at.
        """
        ends = np.array([event.offset for event in batch.events if event.kind == "finished"])
        begins: list[float] = []
        restarts: list[float] = []
        for offset, kind, index in _turns(train, evals, ends, self._finished):
            if kind == "finished":
                self._finished = self._finished or not np.isnan(self._last_step(train, offset, begins))
                continue
            rows = train if kind == TRAIN else evals
            step, last = rows.step[index], self._last_step(train, offset, begins)
            other = kind == TRAIN and index > 0 and train.pattern[index] != train.pattern[index - 1]
            other = other or (kind == TRAIN and index == 0 and self._pattern not in ("", train.pattern[0]))
            other = other or (kind == TRAIN and step <= 1 and self._plans_anew(train, index))
            if step < last and (self._finished or other):
                begins.append(offset)
                self._finished = False
            elif step < last and kind == TRAIN:
                restarts.append(offset)
            elif kind == TRAIN:
                self._finished = False
        self._step = self._last_step(train, np.inf, begins)
        if len(train):
            self._pattern, self._total = str(train.pattern[-1]), float(train.total[-1])
        return begins, restarts

    def _plans_anew(self, train: _Rows, index: int) -> bool:
        """Return True if a record that starts from the beginning has another total than the one before."""
        before = train.total[index - 1] if index else self._total
        return bool(
            train.total[index] != before and not np.isnan(before) and not np.isnan(train.total[index])
        )

    def _last_step(self, train: _Rows, offset: float, begins: Sequence[float]) -> float:
        """Return the newest step of the run before `offset`; NaN if it has none yet."""
        index = int(np.searchsorted(train.offset, offset)) - 1
        if index >= 0 and (not begins or train.offset[index] >= begins[-1]):
            return float(train.step[index])
        return np.nan if begins else self._step

    def _count_bars(self, bars: _Rows, train: _Rows, stepless: NDArray[np.bool_]) -> None:
        for step, total in zip(bars.step.tolist(), bars.total.tolist(), strict=True):
            if math.isnan(step) or math.isnan(total):
                continue
            bar = self._bars.setdefault(total, _Bar(int(step), int(step)))
            bar.last = int(step)
            bar.updates += 1
        if stepless.any():
            totals, counts = np.unique(train.total[~np.isnan(train.total)], return_counts=True)
            for total, count in zip(totals.tolist(), counts.tolist(), strict=True):
                if total in self._bars:
                    self._bars[total].records += count
        elif len(train):
            self._prints_steps = True
        while len(self._bars) > _MAX_BARS:
            del self._bars[min(self._bars, key=lambda total: self._bars[total].updates)]

    def _training_bar(self) -> tuple[int, int, int] | None:
        if not self._bars:
            return None
        total, bar = max(self._bars.items(), key=lambda item: (item[1].records, item[1].updates))
        return bar.first, bar.last, int(total)


def _turns(train: _Rows, evals: _Rows, ends: Floats, finished: bool) -> list[tuple[float, str, int]]:
    """Return (offset, kind, index) of the records worth a look, in stream order."""
    if not len(train) and not len(ends) and not finished:
        return []
    change = np.ones(len(train), bool)  # the first row: its predecessor is in an earlier batch
    change[1:] = (train.step[1:] < train.step[:-1]) | (train.pattern[1:] != train.pattern[:-1])
    after = np.searchsorted(train.offset, ends)
    change[after[after < len(train)]] = True
    turns = [(float(train.offset[i]), TRAIN, i) for i in np.flatnonzero(change).tolist()]
    turns += [(float(offset), "finished", 0) for offset in ends.tolist()]
    if finished or len(ends):
        turns += [(float(evals.offset[i]), EVAL, i) for i in range(len(evals))]
    return sorted(turns)


def _column(tables: Sequence[Table], name: str) -> Floats:
    parts = [t.column(name) if name in t.names else np.full(t.rows, np.nan) for t in tables]
    return np.concatenate(parts) if parts else np.empty(0)


def _counter(column: Floats) -> Floats:
    """Return counts, NaN where a number can be none."""
    return np.where((column >= 0) & (column < 2.0**53), column, np.nan)


def _step_of_last(evals: _Rows, train: _Rows, before: float) -> _Rows:
    """Give rows that tell no step the step of the training record before them."""
    missing = np.isnan(evals.step)
    if not missing.any():
        return evals
    steps = np.concatenate(([before], train.step))[np.searchsorted(train.offset, evals.offset)]
    return replace(evals, step=np.where(missing, steps, evals.step))


def _samples(batch: Batch, rows_of: Mapping[str, _Rows]) -> dict[str, Samples]:
    """Return the samples of every metric in the tables of these kinds."""
    parts: dict[str, list[Samples]] = {}
    for kind, rows in rows_of.items():
        tables = [table for table in batch.tables if table.kind == kind]
        for table in tables:
            offset, line = table.column("offset"), table.column("line")
            step = rows.step if len(tables) == 1 else rows.step[np.searchsorted(rows.offset, offset)]
            for name in table.metrics:
                parts.setdefault(name, []).append(Samples(offset, line, step, table.column(name)))
    return {name: _join(samples) for name, samples in parts.items()}


def _join(parts: list[Samples]) -> Samples:
    """Merge samples of one metric from several tables, in stream order."""
    if len(parts) == 1:
        return parts[0]
    offset = np.concatenate([part.offset for part in parts])
    order = np.argsort(offset, kind="stable")
    line, step, value = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("line", "step", "value")
    )
    return Samples(offset[order], line, step, value)


def _cut(samples: Samples, low: float, high: float) -> Samples:
    if low == -np.inf and high == np.inf:
        return samples
    a, b = np.searchsorted(samples.offset, (low, high))
    return Samples(samples.offset[a:b], samples.line[a:b], samples.step[a:b], samples.value[a:b])


def _rows_of(table: Table, kept: NDArray[np.bool_]) -> Table:
    data = np.ascontiguousarray(table.matrix()[:, kept]).tobytes()
    return msgspec.structs.replace(table, rows=int(kept.sum()), data=data)


def _who(rank: Floats, node: Floats) -> Floats:
    """Return one number per rank, that of rank 0 of node 0 the lowest."""
    return np.nan_to_num(node) * NODE + rank


def _by_rank(tables: Sequence[Table], low: float, high: float) -> dict[int, dict[str, Samples]]:
    """Return the samples of each rank in [low, high); under `progress` its training records."""
    parts: dict[int, dict[str, list[Samples]]] = {}
    for table in tables:
        offset, line = table.column("offset"), table.column("line")
        rank, node, step = (_column([table], name) for name in ("rank", "node", "step"))
        who = _who(rank, node)
        within = (offset >= low) & (offset < high)
        for one in np.unique(who[within]).tolist():
            rows = within & (who == one)
            at = offset[rows], line[rows], _counter(step[rows])
            mine = parts.setdefault(int(one), {"progress": []})
            if table.kind == TRAIN:
                mine["progress"].append(Samples(*at, at[2]))
            for name in table.metrics:
                mine.setdefault(name, []).append(Samples(*at, table.column(name)[rows]))
    nothing = Samples(*(np.empty(0),) * 4)
    return {
        rank: {name: _join(found) if found else nothing for name, found in mine.items()}
        for rank, mine in sorted(parts.items())
    }


def _ranks(batch: Batch, low: float, high: float) -> dict[int, RankProgress]:
    """Return the newest progress of each rank."""
    ranks: dict[int, RankProgress] = {}
    for table in batch.tables:
        if table.kind != RANK:
            continue
        offset, rank, done = (_counter(table.column(name)) for name in ("offset", "rank", "done"))
        passed = _counter(table.column("passed")) if "passed" in table.names else None
        total = table.column("total") if "total" in table.names else None
        known = ~np.isnan(rank) & ~np.isnan(done)
        for i in np.flatnonzero(known & (offset >= low) & (offset < high)).tolist():
            ranks[int(rank[i])] = RankProgress(
                int(done[i]),
                int(total[i]) if total is not None else None,
                int(passed[i]) if passed is not None else None,
            )
    return ranks


def _marks(batch: Batch, low: float, high: float) -> dict[str, int]:
    """Return the newest offset of each kind of table and event."""
    marks: dict[str, int] = {}
    for table in batch.tables:
        offsets = table.column("offset")
        index = int(np.searchsorted(offsets, high)) - 1
        if index >= 0 and offsets[index] >= low:
            marks[table.kind] = max(marks.get(table.kind, -1), int(offsets[index]))
    for event in batch.events:
        if low <= event.offset < high:
            marks[event.kind] = event.offset
    return marks


def _newest(column: Floats) -> int | None:
    known = column[~np.isnan(column)]
    return int(known[-1]) if len(known) else None
