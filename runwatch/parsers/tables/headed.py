"""Tables whose rows of numbers are under a header: spaCy's, and those of a row an epoch, as fastai's."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import EPOCH, STEP_TIME
from runwatch.parsers.api import Layout, Match, Matcher, Row, as_printed
from runwatch.parsers.body.matchers import VALUE, values
from runwatch.parsers.body.readers import FoldingReader, RowMaker, same_until

if TYPE_CHECKING:
    from runwatch.parsers.body.decoded import Floats
    from runwatch.parsers.body.frames import Pictures
    from runwatch.parsers.columnar.bulk import BulkDecoder

_SPACY_HEAD = re.compile(rb"\s{0,3}(?:E\s+#\s+(\S.*SCORE)|Itn\.?\s{2,}(\S.*WPS))\s*$")
_NUMBERS = re.compile(rb"\s*" + VALUE + rb"(?:\s+" + VALUE + rb"){2,40}\s*$")
_EPOCH_HEAD = re.compile(rb"\s{0,3}epoch(?: {2,80}[A-Za-z][\w.@/-]{0,60}){1,40} {2,80}(?:time|dur)\s*$")
_WORD = re.compile(rb"\S+")
_CELL = re.compile(rb"(" + VALUE + rb")|\d+(?::\d\d){1,2}|\+")
"""A number, how long the epoch took, or that it was saved."""
_WIDEST = 1024
_Column = TypeVar("_Column")


class _Rows(Matcher, Generic[_Column]):
    """Matches the rows under the newest header."""

    held: tuple[bytes, ...]
    """One of these is in any header."""

    def __init__(self) -> None:
        self.columns: tuple[_Column, ...] = ()
        self._decoder: BulkDecoder | None = None

    @abstractmethod
    def head(self, line: bytes) -> tuple[_Column, ...]:
        """Return the columns of a header, or nothing."""

    def use(self, columns: tuple[_Column, ...]) -> None:
        """Take a header."""
        if self._decoder is not None and columns != self.columns:
            self._decoder.forget()  # its rows have the names of the header before
        self.columns = columns

    skeletons = False

    def bulk(self) -> Any:
        """Return the bulk path of rows."""
        from runwatch.parsers.columnar.bulk import BulkDecoder

        self._decoder = BulkDecoder(self)
        return self._decoder


class _Reader(FoldingReader):
    """Reads a header, then rows: each is complete with its line."""

    def __init__(self, rows: _Rows[Any]) -> None:
        self._rows = rows
        self.pictures = (rows,)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the header or a row."""
        columns = self._rows.head(line)
        if columns:
            self._rows.use(columns)
            return []
        match = self._rows.match(line)
        return None if match is None else self._reported(match.layout, values(line, match), number_)

    @abstractmethod
    def _reported(self, layout: Layout, shown: list[float], number_: int) -> list[Row]:
        """Return the records of a row."""

    @property
    def awake(self) -> bool:
        """Whether a header was seen: any numbers may be a row."""
        return bool(self._rows.columns)

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where another header is."""
        known = (self._rows.columns, ())
        return same_until(block, begin, end, self._rows.held, lambda line: self._rows.head(line) in known)

    def minds(self, line: bytes) -> bool:
        """Return whether a line may be a header."""
        return any(held in line for held in self._rows.held)


class _SpacyRows(_Rows[str]):
    """Rows of as many numbers as the header has names."""

    held = b"SCORE", b"WPS"

    def __init__(self) -> None:
        super().__init__()
        self._row = RowMaker("spacy")
        self._layout: Layout | None = None
        self._kept: list[int] = []

    def head(self, line: bytes) -> tuple[str, ...]:
        """See _Rows."""
        head = _SPACY_HEAD.match(line) if line.rstrip().endswith(self.held) else None
        if head is None:
            return ()
        first = ("step",) if head[1] is None else (EPOCH, "step")
        return (*first, *re.split(r"\s{2,}", (head[1] or head[2]).decode("utf-8", "replace")))

    def use(self, columns: tuple[str, ...]) -> None:
        """See _Rows; of two columns of one name the first counts."""
        super().use(columns)
        self._kept = [i for i, name in enumerate(columns) if name not in columns[:i]]
        self._layout = self._row.layout(TRAIN, tuple(columns[i] for i in self._kept))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """See _Rows."""
        if self._layout is None or not _NUMBERS.match(line, start):
            return None
        spans = [word.span() for word in _WORD.finditer(line, start)]
        if len(spans) != len(self.columns):
            return None
        return Match(self._layout, tuple(spans[i] for i in self._kept))


class SpacyReader(_Reader):
    """spaCy's training table: a header `E  #  LOSS NER ... SCORE`, then rows of numbers.

    That of version 2 begins with `Itn`: a row per epoch.
    """

    begins = rb"\s{0,3}(?:E\s+#|Itn)"

    def __init__(self) -> None:
        super().__init__(_SpacyRows())

    def _reported(self, layout: Layout, shown: list[float], number_: int) -> list[Row]:
        return [Row(layout, number_, shown)]

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row or a header."""
        return line[:40].lstrip()[:1] in b"+-.0123456789nNiI" or self.minds(line)

    def fold(self, pictures: Pictures) -> Iterable[tuple[Layout, Floats]]:
        """Return the rows: each is a record."""
        return pictures.tables()


class _EpochRows(_Rows[tuple[str, int, int]]):
    """Rows with cells that may be empty: a cell is below, or above, some of its column's name.

    A column is its name, and where that begins and ends.
    """

    held = (b"train_loss",)

    def head(self, line: bytes) -> tuple[tuple[str, int, int], ...]:
        """See _Rows."""
        if self.held[0] not in line or len(line) > _WIDEST or not _EPOCH_HEAD.match(line):
            return ()
        return tuple((word[0].decode("ascii"), *word.span()) for word in _WORD.finditer(line))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """See _Rows."""
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
        names = tuple(self.columns[at][0] for at in kept)
        return Match(as_printed("picture", "epochs", names), tuple(spans))


class EpochTableReader(_Reader):
    """`epoch  train_loss  valid_loss  accuracy  time`, then a row an epoch; a step is an epoch.

    What is no loss of training and no duration was measured on held-out data.
    """

    begins = rb"\s{0,3}epoch  "

    def __init__(self) -> None:
        super().__init__(_EpochRows())
        self._row = RowMaker("epochs", {"epoch": "step", "dur": STEP_TIME})

    def _reported(self, layout: Layout, shown: list[float], number_: int) -> list[Row]:
        return [Row(of, number_, [shown[i] for i in kept]) for of, kept in self._records(layout)]

    def _records(self, picture: Layout) -> Iterator[tuple[Layout, Sequence[int]]]:
        """Return what a row shows: the layout of each record, and which of the row's numbers are its own."""
        trains = [i for i, name in enumerate(picture.names) if i and (name[:6] == "train_" or name == "dur")]
        others = [i for i in range(1, len(picture.names)) if i not in trains]
        for kind, kept in ((TRAIN, [0, *trains]), (EVAL, [0, *others])):
            if len(kept) > 1:
                yield self._row.layout(kind, tuple(picture.names[i] for i in kept)), kept

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row or a header."""
        return line[:40].lstrip()[:1].isdigit() or self.minds(line)

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Return the records of the rows."""
        every = pictures.offset >= 0
        for part in pictures.parts:
            for layout, kept in self._records(part.layout):
                yield layout, pictures.rows(part, every, [part.columns[i] for i in kept])
