"""Whether a loss is the sum of all since an epoch began: it only grows, then begins again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from runwatch.alerts.rules.baseline import Floats, take
from runwatch.core.block import Samples

_ROWS = 16
"""First rows, none of which may be lower than the one before, that show a sum."""
_SECOND = 1.25
"""Least multiple of the first row that the second one is: each row adds about as much as the first is."""
_MOST = 3.0
"""Most that a row adds, as a multiple of the first; and the last of the first rows, as one of the middle of
them: what explodes adds more with each."""
_MORE = 3
"""Rows of the first that add more than the one before, as batches differ: a smooth rise is none of a sum."""
_AGAIN = 0.5
"""Part of the row before below which it has begun again."""


class Kind(Enum):
    """What rows are."""

    SMOOTH = "may be sums, to which each row added less than the one before"
    MAY = "may be sums"
    ARE = "are sums"
    NOT = "are no sums"


@dataclass
class Sums:
    """Follows the rows of a loss: behind the first ones that show a sum they are sums, until one falls."""

    _kind: Kind = Kind.SMOOTH
    _first: float = np.nan
    _middle: float = np.nan
    _last: float = np.nan
    _rows: int = 0
    _added: float = np.inf
    """What the newest of the first rows added."""
    _more: int = 0
    """How many of them added more than the one before."""

    def split(self, rows: Samples) -> Iterator[tuple[Kind, Samples]]:
        """Yield rows of one kind each."""
        while len(rows):
            kind = self._kind
            count = self._count(rows.value)
            if count:
                yield kind, take(rows, slice(0, count))
            rows = take(rows, slice(count, None))

    def _count(self, values: Floats) -> int:
        """Return how many of the next rows are of the present kind."""
        if self._kind is Kind.NOT:
            return len(values)
        if self._kind is not Kind.ARE:
            return self._begin(values)
        before = np.append(self._last, values[:-1])
        falls = np.flatnonzero((values < before) & (values > _AGAIN * before))
        self._last = float(values[-1])
        if len(falls):
            self._kind = Kind.NOT
        return int(falls[0]) if len(falls) else len(values)

    def _begin(self, values: Floats) -> int:
        for row, value in enumerate(values.tolist()):
            grows = self._last <= value <= self._last + _MOST * self._first
            sum_ = grows or value <= _AGAIN * self._last
            sum_ &= self._rows != 1 or value >= _SECOND * self._first
            if self._rows and not sum_:
                self._kind = Kind.NOT
                return row
            more = value - self._last > self._added
            if more and self._kind is Kind.SMOOTH:
                self._kind = Kind.MAY
                return row
            self._first = self._first if self._rows else value
            self._more += more
            self._added, self._last, self._rows = value - self._last, value, self._rows + 1
            self._middle = value if self._rows == _ROWS // 2 else self._middle
            if self._rows == _ROWS:
                slow = self._more >= _MORE and value <= _MOST * self._middle
                self._kind = Kind.ARE if slow else Kind.NOT
                return row + 1
        return len(values)
