"""The bulk path of boxes: those of a block that look alike are compared and read as rows of one array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout, Row
from runwatch.parsers.body.frames import Decoded, Floats
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.columnar import numerals
from runwatch.parsers.columnar.folding import BlockFold
from runwatch.parsers.framing.lines import Bytes, Flags, Ints, Lines
from runwatch.parsers.tables.boxes import BoxReader

_MIN = 4  # fewer boxes than this are cheaper line by line
_LONGEST = 1 << 14
_TRIES = 8
_MAX_PLANS = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the boxes that look like one are read: their text but for the cells that hold numbers."""

    layout: Layout | None
    """None where a box shows no step."""
    text: Bytes
    """(length,)"""
    free: Flags
    """Which bytes of it are of numbers, (length,)."""
    cells: Ints
    """Where the numbers begin, (cells, 1)."""
    width: int
    """How long a cell is."""
    kept: list[int]
    """Which of the numbers are in the record."""

    @classmethod
    def of(cls, box: bytes, reader: BoxReader) -> _Plan | None:
        """Return how boxes that look like this one are read, if they are; their lines end with newlines."""
        lines = box.split(b"\n")[:-1]
        held = reader.items(line for line in lines if line)
        if not held or not any(held):
            return None
        spans = []
        at, holds = 0, iter(held)
        for line in lines:
            if line and next(holds):
                cell = line.rindex(b"|", 0, line.rindex(b"|")) + 1
                lead = len(line) - cell - len(line[cell:].lstrip())
                spans.append((at + cell + lead, at + line.rindex(b"|")))
            at += len(line) + 1
        widths = {end - begin for begin, end in spans}
        if len(widths) > 1:
            return None
        free = np.zeros(len(box), bool)
        for begin, end in spans:
            free[begin:end] = True
        layout, kept = reader.columns()
        text, cells = np.frombuffer(box, np.uint8), np.array(spans)[:, :1]
        return cls(layout, text, free, cells, widths.pop(), kept)

    def read(self, lines: Lines, first: Ints) -> tuple[Floats, Flags]:
        """Return the numbers (kept, n) of the boxes that begin with the records `first`, and which fit."""
        rows = lines.rows(first, len(self.text))
        good = ((rows == self.text) | self.free).all(axis=1)
        begin = (lines.starts[first] + self.cells).ravel()
        end = begin + numerals.filled(lines.buffer, begin, self.width)
        values, right = numerals.read(lines.buffer, begin, end)
        shape = len(self.cells), len(first)
        return values.reshape(shape)[self.kept], good & right.reshape(shape).all(axis=0)


class WholeBoxes(BlockFold):
    """Reads the boxes of blocks, and single lines through the reader before which it is tried."""

    def __init__(self, reader: BoxReader) -> None:
        """Its format is known: all boxes are of that."""
        reader.take_all()
        self._reader = reader
        self._plans: dict[int, list[_Plan]] = {}
        """By the length of a box."""

    def may(self, line: bytes) -> bool:
        """Return whether a line may be of a box."""
        return line.startswith((b"| ", b"----------", b"["))

    def begin(
        self, lines: Lines, text: NDArray[np.bool_], start: int, first_line: int, piece: Piece
    ) -> NDArray[np.bool_]:
        """Read whole boxes of a block that begins at offset `start`; return which records they are."""
        used = np.zeros(len(lines) + 1, bool)
        rules = _rules(lines)
        used[rules[1:][rules[1:] == rules[:-1] + 1]] = True  # behind another rule it contains nothing
        first, last = _boxes(lines, text, rules)
        length = lines.starts[last] - lines.starts[first]
        taken = np.zeros(len(lines) + 1, np.int64)
        for size in np.unique(length[length <= _LONGEST]).tolist():
            same = np.flatnonzero(length == size)
            for decoded, heads in self._decode(lines, first[same], last[same], size):
                taken[heads] += 1
                taken[decoded.lines + 1] -= 1
                if decoded.layout is not _NONE:
                    decoded.place(lines, start, first_line)
                    piece.add_bulk(decoded)
        used |= np.cumsum(taken) > 0
        return text & used[:-1]

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Read one line as the reader would."""
        return self._reader.feed(line, number)

    def flush(self) -> list[Row]:
        """Return what the stream's end completes."""
        return self._reader.flush()

    def _decode(self, lines: Lines, first: Ints, last: Ints, size: int) -> list[tuple[Decoded, Ints]]:
        """Return what boxes of one length show, and their first records."""
        plans = self._plans.get(size, [])
        found: list[tuple[Decoded, Ints]] = []
        tries = _TRIES
        at = 0
        while len(first) >= _MIN:
            if at == len(plans):
                plan = self._learn(lines, int(first[0]), size) if tries else None
                tries -= 1
                if plan is None:
                    if tries <= 0:
                        break
                    first, last = first[1:], last[1:]
                    continue
                plans = self._plans[size]
                at = len(plans) - 1
            plan = plans[at]
            at += 1
            values, good = plan.read(lines, first)
            table = np.empty((2 + len(values), int(np.count_nonzero(good))))
            table[2:] = values if table.shape[1] == len(good) else values[:, good]
            if table.shape[1]:
                found.append((Decoded(plan.layout or _NONE, last[good], table), first[good]))
                first, last = first[~good], last[~good]
        return found

    def _learn(self, lines: Lines, first: int, size: int) -> _Plan | None:
        begin = int(lines.starts[first])
        plan = _Plan.of(lines.buffer[begin : begin + size].tobytes(), self._reader.fresh())
        if plan is not None:
            if sum(map(len, self._plans.values())) >= _MAX_PLANS:
                self._plans.clear()
            self._plans.setdefault(size, []).append(plan)
        return plan


_NONE = Layout("", "", (), ())


def _boxes(lines: Lines, text: Flags, rules: Ints) -> tuple[Ints, Ints]:
    """Return the first and the last records of boxes: lines of cells, and the rule right behind them."""
    if not len(rules):
        return rules, rules
    head = lines.buffer[lines.starts]
    cell = ((head == ord("|")) | (head == ord("^")) | ~lines.clean) & text
    other = np.flatnonzero(text & ~cell)
    first = other[np.searchsorted(other, rules[1:]) - 1] + 1
    cells = np.append(0, np.cumsum(cell))
    alone = (cells[first] == cells[rules[:-1]]) & (first < rules[1:])
    return first[alone], rules[1:][alone]


def _rules(lines: Lines) -> Ints:
    """Return the records that are rules and nothing else."""
    index = np.flatnonzero(lines.beginning(b"--------") & lines.clean)
    length = lines.lengths[index]
    found = [index[:0]]
    for size in np.unique(length[(length > 10) & (length <= 201)]).tolist():
        same = index[length == size]
        found.append(same[(lines.rows(same, size - 1) == 45).all(axis=1)])
    return np.sort(np.concatenate(found))
