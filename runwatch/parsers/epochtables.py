"""A row per epoch under a header of column names, with cells that may be empty: fastai, skorch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import STEP_TIME, Unit
from runwatch.parsers.patterns import VALUE, Layout, Match, values
from runwatch.parsers.readers import Row, RowMaker, same_until

if TYPE_CHECKING:
    from runwatch.parsers.bulk import BulkDecoder
    from runwatch.parsers.decoded import Floats
    from runwatch.parsers.pictures import Pictures

_HEAD = re.compile(rb"\s{0,3}epoch(?: {2,80}[A-Za-z][\w.@/-]{0,60}){1,40} {2,80}(?:time|dur)\s*$")
_WORD = re.compile(rb"\S+")
_CELL = re.compile(rb"(" + VALUE + rb")|\d+(?::\d\d){1,2}|\+")
"""A number, how long the epoch took, or that it was saved."""
_WIDEST = 1024


class _Rows:
    """Matches the rows under the newest header: a cell stands below, or above, some of its column's name."""

    prefix = b""

    def __init__(self) -> None:
        self.columns: tuple[tuple[str, int, int], ...] = ()
        """Name, begin and end of each."""
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._decoder: BulkDecoder | None = None

    def head(self, line: bytes) -> tuple[tuple[str, int, int], ...]:
        """Return the columns of a header, or nothing."""
        if b"train_loss" not in line or len(line) > _WIDEST or not _HEAD.match(line):
            return ()
        return tuple((word[0].decode("ascii"), *word.span()) for word in _WORD.finditer(line))

    def use(self, columns: tuple[tuple[str, int, int], ...]) -> None:
        """Take a header."""
        if self._decoder is not None and columns != self.columns:
            self._decoder.forget()  # its rows have the names of the header before
        self.columns = columns
        self._layouts.clear()

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row."""
        if not self.columns or len(line) > _WIDEST:
            return None
        at, kept, spans = 0, [], []
        for word in _WORD.finditer(line, start):
            begin, end = word.start() - start, word.end() - start
            while at < len(self.columns) and self.columns[at][2] <= begin:
                at += 1
            cell = _CELL.fullmatch(line, *word.span())
            if cell is None or at == len(self.columns) or self.columns[at][1] >= end:
                return None
            if cell[1]:
                kept.append(at)
                spans.append(word.span())
            at += 1
        if len(kept) < 2 or kept[0] != 0 or not line[slice(*spans[0])].isdigit():
            return None
        return Match(self._layout(tuple(kept)), tuple(spans))

    def _layout(self, kept: tuple[int, ...]) -> Layout:
        layout = self._layouts.get(kept)
        if layout is None:
            if len(self._layouts) > 256:
                self._layouts.clear()
            names = tuple(self.columns[i][0] for i in kept)
            layout = self._layouts[kept] = Layout("picture", "epochs", names, (Unit(),) * len(names))
        return layout

    def bulk(self) -> BulkDecoder:
        """Return the bulk path of rows."""
        from runwatch.parsers.bulk import BulkDecoder

        self._decoder = BulkDecoder(self)
        return self._decoder


class EpochTableReader:
    """`epoch  train_loss  valid_loss  accuracy  time`, then a row an epoch; a step is an epoch.

    What is no loss of training and no duration was measured on held-out data.
    """

    begins = rb"\s{0,3}epoch  "

    def __init__(self) -> None:
        self._rows = _Rows()
        self.pictures = (self._rows,)
        self._row = RowMaker("epochs", {"epoch": "step", "dur": STEP_TIME})

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the header or a row."""
        columns = self._rows.head(line)
        if columns:
            self._rows.use(columns)
            return []
        match = self._rows.match(line)
        if match is None:
            return None
        shown = values(line, match)
        return [
            Row(layout, number_, [shown[i] for i in kept]) for layout, kept in self._records(match.layout)
        ]

    def _records(self, picture: Layout) -> Iterator[tuple[Layout, Sequence[int]]]:
        """Return what a row tells: the layout of each record, and which of the row's numbers are its own."""
        trains = [i for i, name in enumerate(picture.names) if i and (name[:6] == "train_" or name == "dur")]
        others = [i for i in range(1, len(picture.names)) if i not in trains]
        for kind, kept in ((TRAIN, [0, *trains]), (EVAL, [0, *others])):
            if len(kept) > 1:
                yield self._row.layout(kind, tuple(picture.names[i] for i in kept)), kept

    @property
    def awake(self) -> bool:
        """Whether a header was seen: any numbers may be a row."""
        return bool(self._rows.columns)

    def flush(self) -> list[Row]:
        """Return nothing: a row is complete with its line."""
        return []

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where another header stands."""
        known = (self._rows.columns, ())
        return same_until(block, begin, end, (b"train_loss",), lambda line: self._rows.head(line) in known)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row or a header."""
        return line[:40].lstrip()[:1].isdigit() or b"train_loss" in line

    def minds(self, line: bytes) -> bool:
        """Return whether a line may be a header."""
        return b"train_loss" in line

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Return the records of the rows."""
        every = pictures.offset >= 0
        for part in pictures.parts:
            for layout, kept in self._records(part.layout):
                yield layout, pictures.rows(part, every, [part.columns[i] for i in kept])
