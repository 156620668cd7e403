"""The bulk path of rows that are words between spaces: numbers of any width, as tables print them.

Such rows have too many shapes for skeletons, since the numbers of each column vary in width.
They are split into words; the words of a column are checked together, and float() does the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import Protocol

import numpy as np

from runwatch.parsers.lines import Ints, Lines
from runwatch.parsers.patterns import Layout, Matcher
from runwatch.parsers.skeleton import Decoded

_MIN = 24  # fewer rows than this are cheaper through the matcher
_ROWS = 128  # rows told to be alike together: one that is not leaves so many to the matcher

Words = Sequence[bytes]
"""The words of a column."""


class RowMatcher(Matcher, Protocol):
    """A matcher of rows that can take many at once."""

    @property
    def words(self) -> int:
        """How many words of a row are looked at one by one; the next holds what stands behind them."""
        ...

    def begins(self, word: bytes) -> bool:
        """Return whether a row may begin with a word: few other lines do."""
        ...

    def read(self, columns: Sequence[Words]) -> tuple[Layout, list[list[float]]] | None:
        """Return the values, column by column, of rows that `match` would all match, else None."""
        ...


class WordDecoder:
    """Decodes the rows of one matcher. It remembers nothing."""

    def __init__(self, matcher: RowMatcher) -> None:
        self.matcher = matcher

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that have as many words as most."""
        limit = self.matcher.words
        if len(candidates) < _MIN or limit < 1:
            return []
        records = lines.buffer[: lines.size].tobytes().split(b"\n")
        index, begins = candidates.tolist(), self.matcher.begins
        found: dict[Layout, tuple[list[int], list[list[float]]]] = {}
        for begin in range(0, len(index), _ROWS):
            some = index[begin : begin + _ROWS]
            rows = [records[i].split(None, limit) for i in some]  # few at a time: they stay in the cache
            ((most, _),) = Counter(map(len, rows)).most_common(1)
            if not most:
                continue
            fit = [len(row) == most and begins(row[0]) for row in rows]
            alike = list(compress(rows, fit))
            read = self.matcher.read(list(zip(*alike, strict=True))) if alike else None
            if read is None:
                continue
            layout, columns = read
            known, values = found.setdefault(layout, ([], [[] for _ in columns]))
            known += compress(some, fit)
            for column, more in zip(values, columns, strict=True):
                column.extend(more)
        return [_decoded(layout, *parts) for layout, parts in found.items()]


def _decoded(layout: Layout, places: list[int], values: list[list[float]]) -> Decoded:
    table = np.empty((2 + len(values), len(places)))
    for row, column in zip(table[2:], values, strict=True):
        row[:] = column
    return Decoded(layout, np.array(places), table)
