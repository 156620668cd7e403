"""Records that were decoded many at once, and how those of a piece become one table."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout
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
