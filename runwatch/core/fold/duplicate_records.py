"""Records that are printed twice: by two handlers of one logger, or by a logger and the Trainer.

Two handlers print the same numbers right below each other, one of them with the time. It is one record,
and so is an evaluation.

AutoTrain's callback and LLaMA-Factory's log a dict; the Trainer prints the same one right below, with
the epoch rounded. It is one record: the first counts. That it is the same is known by the logger's time,
or by the rounding, once either was seen: steps may also be alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import EVAL, TRAIN, Batch, Table
from runwatch.core.fold.rows import Floats, column_of, pick
from runwatch.core.metrics import EPOCH, GRAD_NORM, LEARNING_RATE, LOSS

_COLUMNS = ("line", "time", LOSS, LEARNING_RATE, EPOCH, GRAD_NORM)
_NEAR = 3
"""Lines within which it is printed again: bars may be drawn between."""
_SHAPES = 32
_ROUNDED = {LOSS: 6e-5, EPOCH: 6e-3}
"""By how much what is printed with a few decimals may differ."""
_DIGITS = 1e-3
"""The same for a learning rate, of which some digits are printed: a share of it."""


@dataclass(slots=True)
class DuplicateRecords:
    """Finds such records of one source."""

    _before: tuple[float, ...] = (np.nan,) * len(_COLUMNS)
    """Those of the newest record without a step."""
    _known: bool = False
    """Whether any was certainly printed again."""

    _handled: dict[str, tuple[bool, tuple[float, ...]]] = field(default_factory=dict)
    """By the shape of a record: whether its newest one shows a time, its line and its numbers."""

    def without(self, batch: Batch) -> Batch:
        """Return the batch without records that were printed just before."""
        return self._without_trainers(self._without_handlers(batch))

    def _without_handlers(self, batch: Batch) -> Batch:
        """Return the batch without records that another handler has just printed."""
        shapes: dict[str, list[Table]] = {}
        for table in batch.tables:
            if table.kind in (TRAIN, EVAL) and table.rows:
                shapes.setdefault(_shape(table), []).append(table)
        again: dict[int, NDArray[np.bool_]] = {}
        for shape, tables in shapes.items():
            timed, before = self._handled.pop(shape, ("time" in tables[0].names, ()))
            if len({timed, *("time" in table.names for table in tables)}) > 1:
                again |= _printed_again(tables, timed, before)
            newest = max(tables, key=lambda table: float(table.column("offset")[-1]))
            last = tuple(newest.column(name)[-1] for name in _compared(newest))
            self._handled[shape] = ("time" in newest.names, last)
            if len(self._handled) > _SHAPES:
                del self._handled[next(iter(self._handled))]
        return _less(batch, again)

    def _without_trainers(self, batch: Batch) -> Batch:
        tables = [t for t in batch.tables if t.kind == TRAIN and "step" not in t.names and t.rows]
        if not tables:
            return batch
        order = np.argsort(column_of(tables, "offset"), kind="stable")
        columns = [column_of(tables, name)[order] for name in _COLUMNS]
        again = np.zeros(len(order), bool)
        again[order] = self._again(columns)
        self._before = tuple(float(column[-1]) for column in columns)
        return _less(batch, _by_table(tables, again))

    def _again(self, columns: Sequence[Floats]) -> NDArray[np.bool_]:
        """Return which records repeat the one before them, shape (n,); `columns` are those of _COLUMNS."""
        line, time, loss, rate, epoch, norm = columns
        was = [np.append(before, now)[:-1] for before, now in zip(self._before, columns, strict=True)]
        logged = np.isnan(time) & ~np.isnan(was[1])
        same: NDArray[np.bool_] = (abs(line - was[0]) <= _NEAR) & (abs(epoch - was[4]) < _ROUNDED[EPOCH])
        same &= (abs(loss - was[2]) < _ROUNDED[LOSS]) | (np.isnan(loss) & np.isnan(was[2]))
        same &= abs(rate - was[3]) <= _DIGITS * abs(was[3])
        normed = same & (norm == was[5]) & (norm > 0)
        known = np.logical_or.accumulate(np.append(self._known, normed & (logged | (epoch != was[4]))))
        self._known = bool(known[-1])
        same &= np.isnan(norm + was[5]) & logged
        same |= normed & known[1:]
        return same


def _shape(table: Table) -> str:
    """Return what records of two handlers share: all but the time."""
    return "\t".join((table.kind, table.pattern, *_compared(table)))


def _compared(table: Table) -> list[str]:
    """Return the line and the numbers of records."""
    return ["line", *sorted(set(table.names) - {"line", "offset", "time"})]


def _printed_again(
    tables: list[Table], timed: bool, before: tuple[float, ...]
) -> dict[int, NDArray[np.bool_]]:
    """Return which rows of tables of one shape are those just before them, of which one shows a time."""
    order = np.argsort(column_of(tables, "offset"), kind="stable")
    names = _compared(tables[0])
    rows = np.array([column_of(tables, name)[order] for name in names])
    times = np.concatenate([np.full(table.rows, "time" in table.names) for table in tables])[order]
    was = np.concatenate((np.array([before or (np.nan,) * len(names)]).T, rows[:, :-1]), axis=1)
    same = (rows[1:] == was[1:]) | (np.isnan(rows[1:]) & np.isnan(was[1:]))
    again = np.empty(len(order), bool)
    again[order] = same.all(axis=0) & (rows[0] - was[0] <= _NEAR) & (times != np.append(timed, times[:-1]))
    return _by_table(tables, again)


def _by_table(tables: Sequence[Table], rows: NDArray[np.bool_]) -> dict[int, NDArray[np.bool_]]:
    """Return flags of the rows of several tables by the table they are of."""
    ends = np.cumsum([table.rows for table in tables])[:-1]
    return dict(zip(map(id, tables), np.split(rows, ends), strict=True))


def _less(batch: Batch, again: Mapping[int, NDArray[np.bool_]]) -> Batch:
    """Return a batch without some rows of its tables."""
    if not any(rows.any() for rows in again.values()):
        return batch
    kept = [(table, again.get(id(table))) for table in batch.tables]
    left = [t if rows is None else pick(t, ~rows) for t, rows in kept if rows is None or not rows.all()]
    return msgspec.structs.replace(batch, tables=tuple(left))
