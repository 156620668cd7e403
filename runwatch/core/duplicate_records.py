"""Records that a program's own logger prints and the Trainer prints once more.

AutoTrain's callback and LLaMA-Factory's log a dict; the Trainer prints the same one right below, with
the epoch rounded. It is one record: the first counts. That it is the same is known by the logger's time,
or by the rounding, once either was seen: steps may also be alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import TRAIN, Batch
from runwatch.core.metrics import EPOCH, GRAD_NORM, LEARNING_RATE, LOSS
from runwatch.core.rows import Floats, column_of, pick

_COLUMNS = ("line", "time", LOSS, LEARNING_RATE, EPOCH, GRAD_NORM)
_NEAR = 3
"""Lines within which it is printed again: bars may be drawn between."""
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

    def without(self, batch: Batch) -> Batch:
        """Return the batch without records that were printed just before."""
        tables = [t for t in batch.tables if t.kind == TRAIN and "step" not in t.names and t.rows]
        if not tables:
            return batch
        order = np.argsort(column_of(tables, "offset"), kind="stable")
        columns = [column_of(tables, name)[order] for name in _COLUMNS]
        again = np.zeros(len(order), bool)
        again[order] = self._again(columns)
        self._before = tuple(float(column[-1]) for column in columns)
        if not again.any():
            return batch
        kept, at = [], 0
        for table in batch.tables:
            if not any(table is t for t in tables):
                kept.append(table)
                continue
            mine = ~again[at : at + table.rows]
            at += table.rows
            if mine.any():
                kept.append(pick(table, mine))
        return msgspec.structs.replace(batch, tables=tuple(kept))

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
