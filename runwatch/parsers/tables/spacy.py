"""spaCy's training table: rows of numbers under a header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import EPOCH
from runwatch.parsers.api import Layout, Match, Matcher, Row
from runwatch.parsers.body.matchers import VALUE, values
from runwatch.parsers.body.readers import FoldingReader, RowMaker, same_until

if TYPE_CHECKING:
    from runwatch.parsers.body.decoded import Floats
    from runwatch.parsers.body.frames import Frames
    from runwatch.parsers.columnar.bulk import BulkDecoder

_HEAD = re.compile(rb"\s{0,3}(?:E\s+#\s+(\S.*SCORE)|Itn\.?\s{2,}(\S.*WPS))\s*$")
_NUMBERS = re.compile(rb"\s*" + VALUE + rb"(?:\s+" + VALUE + rb"){2,40}\s*$")
_WORD = re.compile(rb"\S+")
_HELD = b"SCORE", b"WPS"
"""One of these is in any header."""


def _head(line: bytes) -> tuple[str, ...]:
    """Return the columns of a header, or nothing; scores next to losses are of held-out data."""
    head = _HEAD.match(line) if line.rstrip().endswith(_HELD) else None
    if head is None:
        return ()
    names = re.split(r"\s{2,}", (head[1] or head[2]).decode("utf-8", "replace"))
    if head[1] is None:
        return ("step", *names)
    return (EPOCH, "step", *(name if name.startswith("LOSS") else f"val/{name}" for name in names))


class _Rows(Matcher):
    """Matches rows of as many numbers as the newest header has names."""

    skeletons = False

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self._decoder: BulkDecoder | None = None
        self._row = RowMaker("spacy")
        self._layout: Layout | None = None
        self._kept: list[int] = []

    def use(self, columns: tuple[str, ...]) -> None:
        """Take a header; of two columns of one name the first counts."""
        if self._decoder is not None and columns != self.columns:
            self._decoder.forget()  # its rows have the names of the header before
        self.columns = columns
        self._kept = [i for i, name in enumerate(columns) if name not in columns[:i]]
        self._layout = self._row.layout(TRAIN, tuple(columns[i] for i in self._kept))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row."""
        if self._layout is None or not _NUMBERS.match(line, start):
            return None
        spans = [word.span() for word in _WORD.finditer(line, start)]
        if len(spans) != len(self.columns):
            return None
        return Match(self._layout, tuple(spans[i] for i in self._kept))

    def bulk(self) -> Any:
        """Return the bulk path of rows."""
        from runwatch.parsers.columnar.bulk import BulkDecoder

        self._decoder = BulkDecoder(self)
        return self._decoder


class SpacyReader(FoldingReader):
    """spaCy's training table: a header `E  #  LOSS NER ... SCORE`, then rows of numbers.

    That of version 2 begins with `Itn`: a row per epoch. Each row is complete with its line.
    """

    begins = rb"\s{0,3}(?:E\s+#|Itn)"

    def __init__(self) -> None:
        self._rows = _Rows()
        self.frames = (self._rows,)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the header or a row."""
        columns = _head(line)
        if columns:
            self._rows.use(columns)
            return []
        match = self._rows.match(line)
        return None if match is None else [Row(match.layout, number_, values(line, match))]

    @property
    def awake(self) -> bool:
        """Whether a header was seen: any numbers may be a row."""
        return bool(self._rows.columns)

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where another header is."""
        known = (self._rows.columns, ())
        return same_until(block, begin, end, _HELD, lambda line: _head(line) in known)

    def concerns(self, line: bytes) -> bool:
        """Return whether a line may be a header."""
        return any(held in line for held in _HELD)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row or a header."""
        return line[:40].lstrip()[:1] in b"+-.0123456789nNiI" or self.concerns(line)

    def fold(self, frames: Frames) -> Iterable[tuple[Layout, Floats]]:
        """Return the rows: each is a record."""
        return frames.tables()
