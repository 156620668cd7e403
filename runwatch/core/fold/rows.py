"""Records of a batch as columns: what is cut into blocks.

A batch's tables are rectangular; records of one kind may be spread over several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import BY_EPOCH, EPOCH_STEPS, NODE, RANK, TRAIN, Batch, Table
from runwatch.core.block import RankProgress, Samples
from runwatch.core.metrics import EPOCH, LOSS, STEP_TIME

Floats = NDArray[np.float64]
DAY = 86_400.0
"""Seconds; a time below this is a clock's without a date."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one kind from all tables of a batch, in stream order; arrays of shape (n,)."""

    offset: Floats
    line: Floats
    step: Floats
    total: Floats
    epoch_steps: Floats
    """Steps of an epoch, where the total is but where that ends."""
    seconds: Floats
    """Step time, for bars."""
    time: Floats
    """Unix time, or seconds since midnight, where it is printed."""
    epoch: Floats
    loss: Floats
    """The training loss; infinite where it is printed as NaN, NaN where it is not printed."""
    pattern: NDArray[np.str_]

    @classmethod
    def of(cls, batch: Batch, kind: str, pattern: str = "") -> Rows:
        """Return the records of one kind, and those of a pattern."""
        tables = [t for t in batch.tables if t.kind == kind or (pattern and t.pattern == pattern)]
        offset, line, seconds = (column_of(tables, name) for name in ("offset", "line", STEP_TIME))
        step, total, per = (counts(column_of(tables, name)) for name in ("step", "total", EPOCH_STEPS))
        time, epoch, loss = column_of(tables, "time"), column_of(tables, EPOCH), _losses_of(tables)
        patterns = np.concatenate([np.empty(0, "U1"), *(np.full(t.rows, t.pattern) for t in tables)])
        rows = cls(offset, line, step, total, per, seconds, time, epoch, loss, patterns)
        return rows if len(tables) < 2 else rows.take(np.argsort(offset, kind="stable"))

    def take(self, index: NDArray[np.int64] | slice) -> Rows:
        """Return the rows at `index`."""
        return Rows(
            self.offset[index],
            self.line[index],
            self.step[index],
            self.total[index],
            self.epoch_steps[index],
            self.seconds[index],
            self.time[index],
            self.epoch[index],
            self.loss[index],
            self.pattern[index],
        )

    def __len__(self) -> int:
        return len(self.offset)

    def moments(self) -> Samples | None:
        """Return when each step was reached, as far as that is printed; None if it is not."""
        known = ~np.isnan(self.step) & ~np.isnan(self.time)
        if not known.any():
            return None
        return Samples(self.offset[known], self.line[known], self.step[known], self.time[known])

    def epochs(self) -> Samples | None:
        """Return the steps that are epochs; None if none are."""
        alike = len(self) > 0 and bool((self.pattern == self.pattern[0]).all())
        ends = np.char.endswith(self.pattern[:1] if alike else self.pattern, BY_EPOCH)
        known = ends & ~np.isnan(self.step)
        if not known.any():
            return None
        return Samples(self.offset[known], self.line[known], self.step[known], self.step[known])

    def between(self, low: float, high: float) -> Rows:
        """Return the rows whose offset is in [low, high)."""
        a, b = np.searchsorted(self.offset, (low, high))
        return self.take(slice(a, b))


def step_of_last(evals: Rows, train: Rows, before: float) -> Rows:
    """Give rows without a step the step of the training record before them."""
    missing = np.isnan(evals.step)
    if not missing.any():
        return evals
    steps = np.concatenate(([before], train.step))[np.searchsorted(train.offset, evals.offset)]
    return replace(evals, step=np.where(missing, steps, evals.step))


def samples_of(batch: Batch, rows_of: Mapping[str, Rows]) -> dict[str, Samples]:
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


def times_of(batch: Batch) -> Samples:
    """Return the Unix time of each training record that prints its step and its date."""
    moments = Rows.of(batch, TRAIN).moments()
    if moments is None:
        return Samples(*(np.empty(0),) * 4)
    dated = moments.value >= DAY
    return Samples(moments.offset[dated], moments.line[dated], moments.step[dated], moments.value[dated])


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


def by_rank(tables: Sequence[Table], low: float, high: float) -> dict[int, dict[str, Samples]]:
    """Return the samples of each rank in [low, high); under `progress` its training records."""
    parts: dict[int, dict[str, list[Samples]]] = {}
    for table in tables:
        offset, line = table.column("offset"), table.column("line")
        rank, node, step = (column_of([table], name) for name in ("rank", "node", "step"))
        who = number_of(rank, node)
        within = (offset >= low) & (offset < high)
        for one in np.unique(who[within]).tolist():
            rows = within & (who == one)
            at = offset[rows], line[rows], counts(step[rows])
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


def ranks_of(batch: Batch, low: float, high: float) -> dict[int, RankProgress]:
    """Return the newest progress of each rank."""
    ranks: dict[int, RankProgress] = {}
    for table in batch.tables:
        if table.kind != RANK:
            continue
        offset, rank, done = (counts(table.column(name)) for name in ("offset", "rank", "done"))
        passed = counts(table.column("passed")) if "passed" in table.names else None
        total = table.column("total") if "total" in table.names else None
        known = ~np.isnan(rank) & ~np.isnan(done)
        for i in np.flatnonzero(known & (offset >= low) & (offset < high)).tolist():
            newest = ranks.get(int(rank[i]))
            if newest is None or newest.offset < offset[i]:
                ranks[int(rank[i])] = RankProgress(
                    int(done[i]),
                    int(total[i]) if total is not None else None,
                    int(passed[i]) if passed is not None else None,
                    float(offset[i]),
                )
    return ranks


def marks_of(batch: Batch, low: float, high: float) -> dict[str, int]:
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


def newest_of(column: Floats) -> int | None:
    """Return the last known number of a column, or None."""
    known = column[~np.isnan(column)]
    return int(known[-1]) if len(known) else None


def pick(table: Table, kept: NDArray[np.bool_]) -> Table:
    """Return the rows of a table where `kept` is True."""
    data = np.ascontiguousarray(table.matrix()[:, kept]).tobytes()
    return msgspec.structs.replace(table, rows=int(kept.sum()), data=data)


def number_of(rank: Floats, node: Floats) -> Floats:
    """Return one number per rank, that of rank 0 of node 0 the lowest."""
    return np.nan_to_num(node) * NODE + rank


def column_of(tables: Sequence[Table], name: str) -> Floats:
    """Return one column of several tables, NaN where a table has none of that name."""
    parts = [t.column(name) if name in t.names else np.full(t.rows, np.nan) for t in tables]
    return np.concatenate(parts) if parts else np.empty(0)


def _losses_of(tables: Sequence[Table]) -> Floats:
    """Return the training loss of several tables, infinite where it is NaN, and NaN where none is printed."""
    loss = column_of(tables, LOSS)
    printed = np.repeat([LOSS in t.names for t in tables], [t.rows for t in tables])
    return np.where(np.isnan(loss) & printed, np.inf, loss) if len(loss) else loss


def counts(column: Floats) -> Floats:
    """Return counts, NaN where a number can be none."""
    return np.where((column >= 0) & (column < 2.0**53), column, np.nan)
