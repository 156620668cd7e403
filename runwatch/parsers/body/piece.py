"""What one piece of a stream has given so far: rows by layout, events, line counts."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from runwatch.core.batch import Batch, Event, Table
from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Layout
from runwatch.parsers.lexicon.parts import parts_of_loss

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Decoded


class Held(NamedTuple):
    """A record of a weak format, held back."""

    layout: Layout
    offset: int
    line: int
    numbers: list[float]


def have_loss(rows: Sequence[Held]) -> bool:
    """Return whether any of some records shows a loss."""
    return any(LOSS in row.layout.names for row in rows)


class Piece:
    """What one call to feed has found so far."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.events: list[Event] = []
        self.lines = self.unparsed = 0
        self._rows: dict[Layout, array[float]] = {}
        self._known: dict[int, tuple[Layout, array[float]]] = {}
        """The same by a layout's identity: its hash takes longer than the rest of adding a record."""
        self._bulk: dict[Layout, list[Decoded]] = {}

    def add(self, layout: Layout, offset: int, line: int, numbers: list[float]) -> None:
        """Add one record."""
        known = self._known.get(id(layout))
        if known is None:  # the layout is kept too: no other may get its identity
            known = self._known[id(layout)] = layout, self._rows.setdefault(layout, array("d"))
        row = known[1]
        row.append(offset)
        row.append(line)
        row.extend(numbers)

    def add_rows(
        self, layout: Layout, places: Iterable[tuple[int, int]], rows: Iterable[Sequence[float]]
    ) -> None:
        """Add records of one layout: (offset, line) and values of each."""
        row = self._rows.get(layout)
        if row is None:
            row = self._rows[layout] = array("d")
        for place, numbers in zip(places, rows, strict=True):
            row.extend(place)
            row.extend(numbers)

    def add_bulk(self, decoded: Decoded) -> None:
        """Add records decoded in bulk."""
        self._bulk.setdefault(decoded.layout, []).append(decoded)

    def tables(self, without: Sequence[int] = ()) -> tuple[Table, ...]:
        """Return one table per layout, each in stream order, less the records of lines `without`."""
        if without:
            tables = (_less(table, without) for table in self.tables())
            return tuple(table for table in tables if table.rows)
        if self._bulk:
            from runwatch.parsers.body.frames import merge

            return tuple(
                _table(
                    layout, *merge(self._bulk.get(layout, []), self._rows.get(layout), len(layout.names) + 2)
                )
                for layout in dict.fromkeys((*self._rows, *self._bulk))
            )
        return tuple(
            _table(layout, *_transpose(rows, len(layout.names) + 2)) for layout, rows in self._rows.items()
        )

    def batch(
        self,
        end: int,
        fmt: str | None,
        tail: Sequence[tuple[int, str]] = (),
        tables: tuple[Table, ...] | None = None,
    ) -> Batch:
        """Return what was found up to `end`, in a log of this format; `tables` are ours unless given."""
        printed: dict[str, str] = {}
        for layout in (*self._rows, *self._bulk):
            printed.update(layout.printed)
            if parts := parts_of_loss(layout.names):
                printed[LOSS] = " + ".join(parts)
        return Batch(
            start=self.start,
            end=end,
            tables=self.tables() if tables is None else tables,
            events=tuple(self.events),
            lines=self.lines,
            unparsed=self.unparsed,
            format=fmt,
            printed=printed,
            tail=tuple(tail),
        )


def _transpose(rows: array[float], width: int) -> tuple[int, bytes]:
    return len(rows) // width, b"".join(rows[i::width].tobytes() for i in range(width))


def _table(layout: Layout, rows: int, data: bytes) -> Table:
    """Return the records of a layout, with the sum of their losses where only its parts are printed."""
    names = ("offset", "line", *layout.names)
    if parts := parts_of_loss(layout.names):
        columns = array("d", data)
        losses = (columns[names.index(part) * rows :][:rows] for part in parts)
        names, data = (*names, LOSS), data + array("d", map(sum, zip(*losses, strict=True))).tobytes()
    return Table(layout.kind, layout.pattern, names, rows, data)


def _less(table: Table, lines: Sequence[int]) -> Table:
    import numpy as np

    kept = ~np.isin(table.column("line"), lines)
    return (
        table if kept.all() else replace(table, rows=int(kept.sum()), data=table.matrix()[:, kept].tobytes())
    )
