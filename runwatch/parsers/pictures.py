"""The bulk path of readers: what many lines show is decoded at once, then folded together.

A reader's record spans lines or redraws, yet what one line shows, its picture, depends on
that line alone. A block's pictures are decoded like the lines of any format (see skeleton);
the reader's `fold` then runs over their columns. A line whose picture was not decoded takes
the reader's own path and joins the others at its place, so both paths tell the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.bulk import BulkDecoder
from runwatch.parsers.decoded import Decoded, Floats
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.escapes import UP
from runwatch.parsers.lines import Ints, Lines
from runwatch.parsers.patterns import Layout, Match, Matcher, values
from runwatch.parsers.piece import Piece
from runwatch.parsers.readers import Reader, Row, behind_bar


class Part(NamedTuple):
    """The pictures of one layout."""

    layout: Layout
    at: Ints
    """Their places among all pictures, ascending."""
    columns: Floats
    """(values, n)"""


class Pictures:
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

    def only(self, kept: NDArray[np.bool_]) -> Pictures:
        """Return some of the pictures."""
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
        """Offset of the picture after each, (n,): where it was completed, if it was."""
        return np.append(self.offset[1:], 0.0)

    def last_of(self, key: Floats) -> NDArray[np.bool_]:
        """Return which pictures are followed by one with another `key` (k, n)."""
        return np.append((key[:, 1:] != key[:, :-1]).any(axis=0), False)

    def newest(self) -> Row:
        """Return the last picture, where pictures are rows."""
        part = next(part for part in self.parts if part.at[-1] == len(self) - 1)
        return Row(part.layout, int(self.line[-1]), part.columns[:, -1].tolist())

    def single(self, row: Row, at: int) -> tuple[Layout, Floats]:
        """Return the table of a row that picture `at` completes."""
        return row.layout, np.array([[self.offset[at], row.line, *row.values]]).T

    def tables(self) -> list[tuple[Layout, Floats]]:
        """Return the pictures themselves, where each is a record."""
        every = np.ones(len(self), bool)
        return [(part.layout, self.rows(part, every, [*part.columns])) for part in self.parts]

    def rows(
        self, part: Part, chosen: NDArray[np.bool_], columns: Sequence[Floats], offset: Floats | None = None
    ) -> Floats:
        """Return the table of those of a part's pictures that are `chosen` (n,), with `columns` as values.

        Their offsets are those at which they were completed; None: with their own line.
        """
        keep = chosen[part.at]
        at = part.at[keep]
        own = self.offset if offset is None else offset
        return np.stack([own[at], self.line[at], *(column[keep] for column in columns)])

    def one_by_one(
        self, begin: int, end: int, take: Callable[[Layout, Sequence[float], int], list[Row]]
    ) -> Iterator[tuple[Layout, Floats]]:
        """Return the records that `take` tells of the pictures from `begin` to `end`, one after the other."""
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
        """Return one value per picture (n,): those of some parts, `fill` for the others."""
        out = np.full(len(self), fill)
        for part, column in columns:
            out[part.at] = column
        return out


class Folding(Reader, Protocol):
    """A reader whose pictures can be decoded at once.

    It may have a method `thin`, which returns a text with the same records, without what tells
    nothing and varies, as a bar's filling.
    """

    pictures: tuple[Matcher, ...]
    """What its lines show; a line that one of them matches is read by nothing but `fold`'s like."""

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] whose pictures are read alike."""
        ...

    def may(self, line: bytes) -> bool:
        """Whether a line may be a picture, or minded: a cheap look."""
        ...

    def minds(self, line: bytes) -> bool:
        """Whether a line that is no picture may be read by `feed`, or change what it remembers."""
        ...

    def fold(self, pictures: Pictures) -> Iterable[tuple[Layout, Floats]]:
        """Take pictures as `feed` would; return the records (offset, line and values, n) they complete."""
        ...


class Folded:
    """Reads blocks for a reader, and single lines too: the reader in front of which it stands.

    While a block is read, lines come here one by one that were not decoded, with `at` as their offset.
    """

    remembers = False

    def __init__(self, reader: Folding) -> None:
        self._reader = reader
        self._decoders = [
            matcher.bulk() if hasattr(matcher, "bulk") else BulkDecoder(_Whole(matcher))
            for matcher in reader.pictures
        ]
        self._piece: Piece | None = None
        self._text = b""
        """The block that is read."""
        self._tables: list[tuple[Layout, Floats]] = []
        """What was decoded of the block and is not folded yet."""
        self._single: dict[Layout, list[list[float]]] = {}
        self.at = 0

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] that can be read together."""
        return self._reader.until(block, begin, end)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be read, by the reader or as a bar."""
        return b"%|" in line or self._reader.may(line)

    def passes(self, line: bytes) -> bool:
        """Return whether a redraw tells nothing, whichever its numbers, while a block is read."""
        if any(matcher.match(line) is not None for matcher in self._reader.pictures):
            return False
        return not self._reader.minds(line) or (hasattr(self._reader, "passes") and self._reader.passes(line))

    def pass_by(self, text: bytes) -> bool:
        """Return True: what a block holds is taken at its end."""
        return True

    def begin(
        self, lines: Lines, text: NDArray[np.bool_], start: int, first_line: int, piece: Piece
    ) -> NDArray[np.bool_]:
        """Decode the pictures of a block that begins at offset `start`; return which records they are.

        `text` tells which records hold any.
        """
        self._piece = piece
        self._text = lines.text[lines.begin : lines.begin + lines.size]
        thin = self._thin(lines)
        open_ = text & (thin.lengths > 1)
        by_layout: dict[Layout, list[Decoded]] = {}
        for decoder in self._decoders:
            for decoded in decoder.decode(thin, np.flatnonzero(open_)):
                open_[decoded.lines] = False
                decoded.place(lines, start, first_line)
                by_layout.setdefault(decoded.layout, []).append(decoded)
        self._tables = [(layout, _ordered(parts)) for layout, parts in by_layout.items()]
        return text & ~open_

    def _thin(self, lines: Lines) -> Lines:
        if not hasattr(self._reader, "thin"):
            return lines
        bare = self._reader.thin(self._text)
        return lines if bare is self._text else Lines(bare, 0, len(bare))

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Read one line as the reader would."""
        if self._piece is None:
            return self._reader.feed(line, number)
        for matcher in self._reader.pictures:
            match = matcher.match(line)
            if match is not None:
                row = [float(self.at), float(number), *values(line, match)]
                self._single.setdefault(match.layout, []).append(row)
                return []
        if not self._reader.minds(line):
            return None
        self._fold()
        return self._reader.feed(line, number)

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes, or one of the line at `at`."""
        self._fold()
        return self._reader.flush()

    def end(self) -> None:
        """Take what is left of the block."""
        self.at = -1
        self._fold()
        if hasattr(self._reader, "took"):
            self._reader.took(self._text)
        self._piece, self._text = None, b""

    def _fold(self) -> None:
        """Fold what stands before the line at `at`."""
        tables, later = [], []
        for layout, table in self._tables:
            cut = table.shape[1] if self.at < 0 else int(np.searchsorted(table[0], self.at))
            if cut:
                tables.append((layout, table[:, :cut]))
            if cut < table.shape[1]:
                later.append((layout, table[:, cut:]))
        single = [(layout, np.array(rows).T) for layout, rows in self._single.items()]
        self._tables, self._single = later, {}
        if self._piece is None or not (tables or single):
            return
        known = {layout: i for i, (layout, _) in enumerate(tables)}
        for layout, rows in single:
            if layout in known:
                table = np.concatenate([tables[known[layout]][1], rows], axis=1)
                tables[known[layout]] = layout, table[:, np.argsort(table[0], kind="stable")]
            else:
                tables.append((layout, rows))
        for layout, table in self._reader.fold(Pictures(tables)):
            if table.shape[1]:
                self._piece.add_bulk(Decoded(layout, np.empty(0, np.int64), table))


class _Whole:
    """A matcher of lines in which nothing stands before or behind a bar: an envelope or an event."""

    prefix = b""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the picture of a line."""
        behind = b"%|" in line and behind_bar(line).replace(UP, b"")
        if behind or opened(line) is not None:
            return None
        return self._matcher.match(line, start)


def _ordered(parts: list[Decoded]) -> Floats:
    """Return the table of all pictures of a layout, in stream order."""
    table = parts[0].table if len(parts) == 1 else np.concatenate([part.table for part in parts], axis=1)
    if np.all(table[0, 1:] > table[0, :-1]):
        return table
    return table[:, np.argsort(table[0], kind="stable")]
