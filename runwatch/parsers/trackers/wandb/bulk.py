"""Many records of a W&B log at once: history in bulk, in the order in which its steps count.

What a row becomes depends on the rows before it (is it a step of its own?), whichever way
they were read; so all of them are put in order first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Layout
from runwatch.parsers.body.decoded import Decoded, Floats
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.framing.lines import Flags, Ints
from runwatch.parsers.framing.record_files import Records
from runwatch.parsers.trackers.wandb.items import HistoryItems, Keys, sort
from runwatch.parsers.trackers.wandb.shape import HistoryShape

_MAX_KEYS = 4096

Read = tuple[HistoryShape, list[float], int, int]
"""A row that was read by itself: its shape and stored values, its record's offset and number."""


class _Part(NamedTuple):
    """Rows of one shape."""

    shape: HistoryShape
    lines: Ints
    table: Floats
    """Offset, line and stored values (2 + columns, n)."""


class Found(NamedTuple):
    """History that was read in bulk, and the records that were not (their indices)."""

    parts: list[_Part]
    left: list[int]

    def add(
        self, read: Sequence[Read], step: float | None, placed: bool, piece: Piece
    ) -> tuple[float | None, bool]:
        """Add all rows, with those that were `read` by themselves; return what WandbDecoder remembers.

        `step` is the newest step, `placed` whether rows say by a key of their own which they are of.
        """
        lines = np.concatenate([*(part.lines for part in self.parts), [each[3] for each in read]])
        if not len(lines):
            return step, placed
        order = np.argsort(lines, kind="stable")
        sizes = [len(part.lines) for part in self.parts]
        shapes = [(part.shape, size) for part, size in zip(self.parts, sizes, strict=True)]
        shapes += [(each[0], 1) for each in read]
        train = _of(((shape.layout.kind == TRAIN, size) for shape, size in shapes), order)
        counted = _of(((shape.counted, size) for shape, size in shapes), order)
        steps = np.concatenate([*(part.table[2] for part in self.parts), [each[1][0] for each in read]])[
            order
        ]
        unplaced, again, place = np.zeros((3, len(lines)), bool)
        places = train & ~counted
        unplaced[order] = hidden = counted & (placed | (np.cumsum(places) > places))
        new = train & ~hidden
        known = steps[new]
        before = np.concatenate([[np.nan if step is None else step], known])
        place[new] = before[1:] == before[:-1]
        again[order] = place
        begin = 0
        for part, size in zip(self.parts, sizes, strict=True):
            _add(part, unplaced[begin : begin + size], again[begin : begin + size], piece)
            begin += size
        for (shape, values, offset, line), late, more in zip(
            read, unplaced[begin:].tolist(), again[begin:].tolist(), strict=True
        ):
            layout = shape.unplaced if late else shape.again if more else shape.layout
            piece.add(layout, offset, line, values[1:] if late else values)
        return (float(known[-1]) if len(known) else step), placed or bool(places.any())


class HistoryDecoder:
    """Reads history in bulk; remembers the keys."""

    def __init__(self) -> None:
        self._keys = Keys()

    def decode(
        self, records: Records, line: int, shape_of: Callable[[Iterable[bytes]], HistoryShape | None]
    ) -> Found:
        """Read what can be read in bulk of `records`, the first of which has the number `line`.

        `shape_of` says what rows that hold some keys become.
        """
        if len(self._keys.names) > _MAX_KEYS:
            self._keys = Keys()
        history, bodies, others = sort(records.data)
        items = HistoryItems(bodies, self._keys)
        done = np.zeros(len(history), bool)
        parts = []
        offsets = np.array(records.offsets)
        for group in items.groups():
            shape = shape_of(group.keys)
            if shape is None or any(unit.invert for _, unit in shape.units):
                done[group.rows] = shape is None
                continue
            rows, values = items.numbers(group, shape.columns)
            done[rows] = True
            which = history[rows]
            table = np.empty((2 + values.shape[1], len(rows)))
            table[0] = offsets[which]
            table[1] = which + line
            table[2:] = values.T
            for column, unit in shape.units:
                unit.scale(table[2 + column])
            if len(rows):
                parts.append(_Part(shape, which + line, table))
        left = sorted(chain(others.tolist(), history[~done].tolist()))
        return Found(parts, left)


def _of(values: Iterable[tuple[bool, int]], order: Ints) -> Flags:
    """Return what is said of runs of rows, for each row, in order."""
    said, sizes = zip(*values, strict=True)
    return np.repeat(np.array(said, bool), sizes)[order]


def _add(part: _Part, unplaced: Flags, again: Flags, piece: Piece) -> None:
    """Add rows of one shape, each where it belongs."""
    shape, table = part.shape, part.table
    sorts: list[tuple[Layout, Floats, Flags]] = [
        (shape.layout, table, ~(unplaced | again)),
        (shape.again, table, again),
        (shape.unplaced, np.delete(table, 2, axis=0), unplaced),
    ]
    for layout, rows, which in sorts:
        if which.any():
            piece.add_bulk(Decoded(layout, part.lines[which], rows[:, which]))
