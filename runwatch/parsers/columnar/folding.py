"""The bulk path of readers: a block's frames are decoded at once, and folded together (see frames)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout, Match, Reader, Row
from runwatch.parsers.body.enveloped import Unopened
from runwatch.parsers.body.frames import Decoded, Floats, Frames
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.body.readers import FoldingReader, behind_bar
from runwatch.parsers.columnar.bulk import decoders
from runwatch.parsers.framing.ansi import UP
from runwatch.parsers.framing.lines import Lines


class BlockFold(Reader):
    """Reads whole blocks in place of a reader, and single lines as the reader would."""

    at = 0
    """While a block is read: the offset of a line that is fed."""

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] that can be read together."""
        return end

    def may(self, line: bytes) -> bool:
        """Return whether a line may be one of the reader's: a cheap look."""
        raise NotImplementedError

    def begin(
        self, lines: Lines, text: NDArray[np.bool_], start: int, first_line: int, piece: Piece
    ) -> NDArray[np.bool_]:
        """Read what can be read at once of a block that begins at offset `start`; return which records.

        `text` says which records hold any.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Take what is left of the block."""


class Folded(BlockFold):
    """Reads blocks for a reader, and single lines too: the reader before which it is tried.

    While a block is read, lines come here one by one that were not decoded, with `at` as their offset.
    """

    reads_redraws = True

    def __init__(self, reader: FoldingReader) -> None:
        self._reader = reader
        reads = [_Whole(matcher) if matcher.skeletons else matcher for matcher in reader.frames]
        self._decoders = decoders(reads)
        self._piece: Piece | None = None
        self._text = b""
        """The block that is read."""
        self._tables: list[tuple[Layout, Floats]] = []
        """What was decoded of the block and is not folded yet."""
        self._single: dict[Layout, list[list[float]]] = {}

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] that can be read together."""
        return self._reader.until(block, begin, end)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be read, by the reader or as a bar."""
        return b"%|" in line or self._reader.may(line)

    def passes(self, line: bytes) -> bool:
        """Return whether a redraw shows nothing, whichever its numbers, while a block is read."""
        if any(matcher.match(line) is not None for matcher in self._reader.frames):
            return False
        return not self._reader.concerns(line) or self._reader.passes(line)

    def begin(
        self, lines: Lines, text: NDArray[np.bool_], start: int, first_line: int, piece: Piece
    ) -> NDArray[np.bool_]:
        """Decode the frames of a block; return which records they are."""
        self._piece = piece
        self._text = lines.text[lines.begin : lines.begin + lines.size]
        bare = self._reader.thin(self._text)
        thin = lines if bare is self._text else Lines(bare, 0, len(bare))
        open_ = text & (thin.lengths > 1)
        by_layout: dict[Layout, list[Decoded]] = {}
        for decoder in self._decoders:
            for decoded in decoder.decode(thin, np.flatnonzero(open_)):
                open_[decoded.lines] = False
                decoded.place(lines, start, first_line)
                by_layout.setdefault(decoded.layout, []).append(decoded)
        self._tables = [(layout, _ordered(parts)) for layout, parts in by_layout.items()]
        return text & ~open_

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Read one line as the reader would."""
        if self._piece is None:
            return self._reader.feed(line, number)
        for matcher in self._reader.frames:
            match = matcher.match(line)
            if match is not None:
                row = [float(self.at), float(number), *values(line, match)]
                self._single.setdefault(match.layout, []).append(row)
                return []
        if not self._reader.concerns(line):
            return None
        self._fold()
        return self._reader.feed(line, number)

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes, or one of the line at `at`."""
        self._fold()
        return self._reader.flush()

    @property
    def ended(self) -> bool:
        """Whether what the reader holds back is the last record of a run."""
        self._fold()
        return self._reader.ended

    def end(self) -> None:
        """Take what is left of the block."""
        self.at = -1
        self._fold()
        self._reader.took(self._text)
        self._piece, self._text = None, b""

    def _fold(self) -> None:
        """Fold what precedes the line at `at`."""
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
        for layout, table in self._reader.fold(Frames(tables)):
            if table.shape[1]:
                self._piece.add_bulk(Decoded(layout, np.empty(0, np.int64), table))


class _Whole(Unopened):
    """A matcher of lines in which nothing is before or after a bar: an envelope or an event."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the frame of a line."""
        behind = b"%|" in line and behind_bar(line).replace(UP, b"")
        return None if behind else super().match(line, start)


def _ordered(parts: list[Decoded]) -> Floats:
    """Return the table of all frames of a layout, in stream order."""
    table = parts[0].table if len(parts) == 1 else np.concatenate([part.table for part in parts], axis=1)
    if np.all(table[0, 1:] > table[0, :-1]):
        return table
    return table[:, np.argsort(table[0], kind="stable")]
