"""Many records at once: what was decoded of a block, and readers' bulk path, in which frames become records.

A reader's record spans lines or redraws, yet what one line shows, its frame, depends on
that line alone. A block's frames are decoded like the lines of any format (see skeleton);
the reader's `fold` then runs over their columns. A line whose frame was not decoded takes
the reader's own path and joins the others at its place, so both paths report the same records.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout, Row
from runwatch.parsers.framing.lines import Ints, Lines

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Decoded:
    """Records decoded in bulk: their indices (n,), and offset, line and values (2 + columns, n)."""

    layout: Layout
    lines: Ints
    table: Floats

    def before(self, count: int) -> Decoded:
        """Return those of the block's first `count` records."""
        kept = self.lines < count
        return self if kept.all() else Decoded(self.layout, self.lines[kept], self.table[:, kept])

    def place(self, lines: Lines, start: int, first_line: int) -> None:
        """Set where the records are in the stream."""
        self.table[0] = lines.starts[self.lines] + start
        self.table[1] = lines.line[self.lines] + first_line


def merge(decoded: list[Decoded], rows: array[float] | None, width: int) -> tuple[int, bytes]:
    """Return (rows, column-major float64 bytes) of all records of a layout, in stream order."""
    parts = [part.table for part in decoded]
    if rows:
        parts.append(np.frombuffer(rows, np.float64).reshape(-1, width).T)
    if len(parts) == 1:
        return parts[0].shape[1], parts[0].tobytes()
    table = np.concatenate(parts, axis=1)
    order = np.argsort(table[0], kind="stable")
    return len(order), table.take(order, axis=1).tobytes()


class Part(NamedTuple):
    """The frames of one layout."""

    layout: Layout
    at: Ints
    """Their places among all frames, ascending."""
    columns: Floats
    """(values, n)"""


class Frames:
    """What a stretch of records shows, in stream order."""

    def __init__(self, tables: Sequence[tuple[Layout, Floats]]) -> None:
        """`tables` are (offset, line and values, n) per layout, each in stream order."""
        places = np.concatenate([table[:2] for _, table in tables], axis=1)
        order = np.argsort(places[0], kind="stable")
        self.offset, self.line = places[:, order]
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        ends = np.cumsum([table.shape[1] for _, table in tables])
        self.parts = [
            Part(layout, at, table[2:])
            for (layout, table), at in zip(tables, np.split(rank, ends[:-1]), strict=True)
        ]

    def __len__(self) -> int:
        return len(self.offset)

    def only(self, kept: NDArray[np.bool_]) -> Frames:
        """Return some of the frames."""
        if kept.all():
            return self
        chosen = copy(self)
        rank = np.cumsum(kept) - 1
        parts = [(part, kept[part.at]) for part in self.parts]
        chosen.parts = [p._replace(at=rank[p.at[k]], columns=p.columns[:, k]) for p, k in parts if k.any()]
        chosen.offset, chosen.line = self.offset[kept], self.line[kept]
        return chosen

    @property
    def next_offset(self) -> Floats:
        """Offset of the frame after each, (n,): where it was completed, if it was."""
        return np.append(self.offset[1:], 0.0)

    def last_of(self, key: Floats) -> NDArray[np.bool_]:
        """Return which frames are followed by one with another `key` (k, n)."""
        return np.append((key[:, 1:] != key[:, :-1]).any(axis=0), False)

    def newest(self) -> Row:
        """Return the last frame, where frames are rows."""
        part = next(part for part in self.parts if part.at[-1] == len(self) - 1)
        return Row(part.layout, int(self.line[-1]), part.columns[:, -1].tolist())

    def single(self, row: Row, at: int) -> tuple[Layout, Floats]:
        """Return the table of a row that frame `at` completes."""
        return row.layout, np.array([[self.offset[at], row.line, *row.values]]).T

    def tables(self) -> list[tuple[Layout, Floats]]:
        """Return the frames themselves, where each is a record."""
        every = np.ones(len(self), bool)
        return [(part.layout, self.rows(part, every, [*part.columns])) for part in self.parts]

    def rows(
        self, part: Part, chosen: NDArray[np.bool_], columns: Sequence[Floats], offset: Floats | None = None
    ) -> Floats:
        """Return the table of a part's frames that are `chosen` (n,), completed at `offset` if given."""
        keep = chosen[part.at]
        at = part.at[keep]
        own = self.offset if offset is None else offset
        return np.stack([own[at], self.line[at], *(column[keep] for column in columns)])

    def one_by_one(
        self, begin: int, end: int, take: Callable[[Layout, Sequence[float], int], list[Row]]
    ) -> Iterator[tuple[Layout, Floats]]:
        """Return the records that `take` makes of the frames from `begin` to `end`, one after the other."""
        part_of = np.empty(len(self), np.int64)
        column = np.empty(len(self), np.int64)
        for i, part in enumerate(self.parts):
            part_of[part.at] = i
            column[part.at] = np.arange(len(part.at))
        for at in range(begin, end):
            part = self.parts[part_of[at]]
            for row in take(part.layout, part.columns[:, column[at]].tolist(), int(self.line[at])):
                yield self.single(row, at)

    def spread(self, columns: Iterable[tuple[Part, Any]], fill: float = 0.0) -> Floats:
        """Return one value per frame (n,): those of some parts, `fill` for the others."""
        out = np.full(len(self), fill)
        for part, column in columns:
            out[part.at] = column
        return out
