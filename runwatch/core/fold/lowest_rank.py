"""Which of the records that several ranks print into one log make its series: those of the lowest rank."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from runwatch.core.batch import EVAL, TRAIN, Batch, Table
from runwatch.core.fold.rows import Floats, column_of, number_of, pick

_HEAD_START = 4
"""Records by which ranks of one launch may be ahead of its lowest one."""


@dataclass(slots=True)
class LowestRank:
    """The lowest rank (of the lowest node) whose records were seen."""

    _lowest: float = np.inf
    _led_from: float = np.nan
    """First step that it provided."""
    _led: int = 0
    """Records that it provided so far."""

    @property
    def rank(self) -> int | None:
        """Its number; None if no record shows a rank."""
        return int(self._lowest) if math.isfinite(self._lowest) else None

    def records(self, batch: Batch) -> tuple[Batch, list[Table], bool]:
        """Return the batch with the records of the lowest rank seen so far, and those of the others.

        Launchers that tag lines with ranks print the same step once per rank: series are of one rank.
        Which of them is first to print the first step is chance: what others provided before the lowest one
        provides it counts no more, and True is returned too if that was in earlier batches.
        """
        if not any(table.kind in (TRAIN, EVAL) and "rank" in table.names for table in batch.tables):
            return batch, [], False
        ranked = [t for t in batch.tables if t.kind in (TRAIN, EVAL) and "rank" in t.names]
        offset, rank, node, step = (column_of(ranked, name) for name in ("offset", "rank", "node", "step"))
        order = np.argsort(offset, kind="stable")
        who = number_of(rank[order], node[order])
        lowest = np.minimum(np.minimum.accumulate(who), self._lowest)
        begin, again = self._led_again(who, lowest, step[order])
        self._lowest = float(lowest[-1])
        keep = np.empty(len(who), bool)
        keep[order] = (who == lowest) & (np.arange(len(who)) >= begin)
        if keep.all():
            return batch, [], again
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
                tables.append(pick(table, kept))
            if not kept.all():
                others.append(pick(table, ~kept))
        return msgspec.structs.replace(batch, tables=tuple(tables)), others, again

    def _led_again(self, who: Floats, lowest: Floats, step: Floats) -> tuple[int, bool]:
        """Return where the lowest rank begins that has the steps from the first, and if others led before.

        One that comes when another one has led for long is of a launch of its own. All of shape (n,), a
        record of the batch each: its rank, the lowest rank up to it, its step.
        """
        begin, known, again, since = 0, math.isfinite(self._lowest), False, 0
        for at in np.flatnonzero(lowest < np.append(self._lowest, lowest[:-1])).tolist():
            led = self._led + int(np.count_nonzero(who[since:at] == lowest[at - 1])) if at else self._led
            if not known and not at:
                self._led_from = float(step[at])
            elif not step[at] > self._led_from and led <= _HEAD_START:  # or they have no steps
                self._led_from, begin, again = float(step[at]), at, known
            self._led, since = 0, at
        self._led += int(np.count_nonzero(who[since:] == lowest[-1]))
        return begin, again
