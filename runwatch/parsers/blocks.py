"""A block's records in order: passed over, in bulk, as rows of a table, one by one.

Each record is numbered, and each line is counted, whichever way it is read; numbers are
bit-identical either way.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from runwatch.core.batch import TRAIN
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.framing.ansi import glued
from runwatch.parsers.tables.delimited import Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runwatch.parsers.body.frames import Decoded
    from runwatch.parsers.framing.lines import Lines
    from runwatch.parsers.progress.idle import Run
    from runwatch.parsers.rest import Records

BULK_SIZE = 1 << 15
"""Pieces at least this long are worth the bulk path."""
_WINDOW = 1 << 9
"""Bytes looked at for rows of a table; more where all of them were."""
_WIDEST_WINDOW = 1 << 16
_WIDEST_REACH = 1 << 19
"""Bytes read at once where a format may be settled on, at most: the sieve needs several times that."""
_NOT_PLAIN = re.compile(rb"[\x1b\x00^]|%\|")
_RECORD = re.compile(rb"[^\r\n]*[\r\n]")


class BlockReader:
    """Reads one source's blocks. Its state is where the next record is."""

    def __init__(self, records: Records, line: int) -> None:
        """`line` is the number of the first one."""
        self._records = records
        self.line = line
        self._ordinal = 0
        """Number of the next record."""
        self._line_has_text = self._line_used = False
        """Whether the line that is not ended yet holds a record, and whether one contained anything."""
        self._window = _WINDOW
        """Bytes looked at next for rows of a table."""
        self._reach = BULK_SIZE
        """Bytes read next where a format may be settled on: more, the longer none is."""

    def read(self, block: bytes, end: int, piece: Piece) -> None:
        """Read block[:end], which ends with a line end; the piece begins with the block."""
        start, single, alike, plain = 0, -1, -1, -1
        while start < end:
            if single < start:
                single = glued(block, start, end)
            if plain < start:
                plain = self._plain(block, start, single)
            redrawn = self._records.evidence.detector.wavers and plain - start < BULK_SIZE
            if (self._records.candidates.decoders or redrawn) and single - start >= BULK_SIZE:
                stop = self._near(block, start, single) if self._records.evidence.detector.wavers else single
                start = self._read_bulk(block, start, stop, piece)
                self._reach_further(start == stop)
                continue
            if self._records.candidates.folded and single - start >= BULK_SIZE:
                if alike < start:
                    alike = self._records.candidates.folded.until(block, start, single)
                if alike - start >= BULK_SIZE:
                    start = self._read_bulk(block, start, alike, piece)
                    continue
            if plain - start >= BULK_SIZE and not self._line_has_text and self._records.quiet:
                start = self._pass_over(block, start, plain, piece)
                continue
            if self._records.candidates.tables and not self._line_has_text:
                start += self._read_rows(block, start, end, piece)
            found = _RECORD.match(block, start, end)
            if found is None:
                return
            stop = found.end()
            if stop - start > 1:
                self.read_record(block[start : stop - 1], piece.start + start, piece)
            if block[stop - 1] == 10:
                self._end_line(piece)
            start = stop

    def read_record(self, text: bytes, offset: int, piece: Piece) -> None:
        """Read a record that is not empty."""
        used = self._records.read(text, offset, self.line, self._ordinal, piece)
        self._line_used |= used or self.line in self._records.evidence.understood
        self._line_has_text = True
        self._ordinal += 1

    @property
    def inside(self) -> bool:
        """Whether a line has begun that is not ended yet."""
        return self._line_has_text

    def begin_inside(self) -> None:
        """Take what comes for the rest of a line that was not read."""
        self._line_has_text = True

    def end(self, piece: Piece) -> None:
        """End the line that was begun, if any was."""
        if self._line_has_text:
            self._end_line(piece)

    def _read_rows(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Give the lines of a window to the tables; return how many bytes of it were plain rows."""
        text = block[begin : block.rfind(b"\n", begin, min(end, begin + self._window)) + 1]
        line_end = b"\r\n" if b"\r\n" in text else b"\n"
        lines = text.split(line_end)[:-1]
        parts: Rows = []
        if not _NOT_PLAIN.search(text) and text.count(b"\r") == (len(lines) if len(line_end) > 1 else 0):
            for table in self._records.candidates.tables:
                found = table.take(lines)
                parts = found or []
                if parts or found is None:
                    break
        offset, count = piece.start + begin, 0
        for layout, rows in parts:
            places = []
            for line in lines[count : count + len(rows)]:
                places.append((offset, self.line))
                offset += len(line) + len(line_end)
                self.line += 1
            piece.add_rows(layout, places, rows)
            count += len(rows)
        piece.lines += count
        self._ordinal += count
        self._window = min(2 * self._window, _WIDEST_WINDOW) if count == len(lines) else _WINDOW
        return offset - piece.start - begin

    @staticmethod
    def _plain(block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] that are not redrawn."""
        redrawn = block.find(b"\r", begin, end)
        return end if redrawn < 0 else max(block.rfind(b"\n", begin, redrawn) + 1, begin)

    def _pass_over(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Read those lines of a block that may show something; return where to continue (see _read_bulk)."""
        from runwatch.parsers.framing.lines import Lines, worth

        end = self._near(block, begin, end)
        lines, records = Lines(block, begin, end), self._records
        before = [0, *(lines.lengths > 1).cumsum().tolist()]
        done, candidates = 0, self._records.candidates
        read = worth(candidates.sieve.through(lines), len(lines), lambda: not records.quiet)
        for index in chain(read, (len(lines),)):
            held_back = before[index] - before[done]
            records.evidence.pass_over(held_back)
            piece.lines += index - done
            piece.unparsed += held_back
            self.line += index - done
            self._ordinal += held_back
            if index == len(lines):
                break
            if lines.lengths[index] > 1:
                start = piece.start + begin + int(lines.starts[index])
                self.read_record(lines.record(index), start, piece)
            self._end_line(piece)
            done = index + 1
            if self._records.candidates is not candidates:
                self._reach_further(False)
                return begin + int(lines.starts[index] + lines.lengths[index])
        self._reach_further(True)
        return end

    def _near(self, block: bytes, begin: int, end: int) -> int:
        """Return where to stop in block[begin:end]: what is behind a line that settles is read again."""
        near = begin + self._reach
        if near + BULK_SIZE > end:
            return end
        return max(block.rfind(b"\n", begin, near), block.rfind(b"\r", begin, near)) + 1 or end

    def _reach_further(self, unchanged: bool) -> None:
        """Read more at once next, or little if the format has changed."""
        self._reach = min(2 * self._reach, _WIDEST_REACH) if unchanged else BULK_SIZE

    def _read_bulk(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Parse many records at once; return where to continue: before `end` where the format changed."""
        import numpy as np

        from runwatch.parsers.framing.lines import Lines
        from runwatch.parsers.rest import Rest

        lines = Lines(block, begin, end)
        text = lines.lengths > 1
        decoded = self._decode(lines, text)
        used, trains = np.zeros(len(lines), bool), np.zeros(len(lines), bool)
        for part in decoded:
            used[part.lines] = True
            trains[part.lines] = part.layout.kind == TRAIN
        offset, folded = piece.start + begin, self._records.candidates.folded
        if folded is not None:
            used |= folded.begin(lines, text, offset, self.line, piece)
        runs = self._idle_runs(lines, text & ~used)
        if runs:
            counted, runs = self._records.candidates.idle.counts(lines, runs)
            for part in counted:
                used[part.lines] = True
            decoded += counted
        rest = Rest(self._records, lines, text, used, trains, piece)
        count = rest.read(runs, self.line, self._ordinal)
        if runs:
            self._records.candidates.idle.done()
        if folded is not None:
            folded.end()
        for part in decoded:
            done = part.before(count)
            done.place(lines, offset, self.line)
            piece.add_bulk(done)
        text, used = text[:count], used[:count]
        self._ordinal += int(np.count_nonzero(text))
        line_text, line_used = lines.by_line(text), lines.by_line(used)
        line_text[0] |= self._line_has_text
        line_used[0] |= self._line_used
        for number in self._records.evidence.understood:
            if self.line <= number < self.line + len(line_used):
                line_used[number - self.line] = True
        whole = int(np.count_nonzero(lines.ends_line[:count]))
        piece.lines += whole
        unparsed = line_text[:whole] & ~line_used[:whole]
        piece.unparsed += int(np.count_nonzero(unparsed))
        if self._records.evidence.learner is not None:
            self._records.evidence.learner.ended_many(self.line, unparsed.tolist())
        self.line += whole
        open_end = len(line_text) > whole  # the block ends with a redrawn, unfinished line
        self._line_has_text = bool(open_end and line_text[-1])
        self._line_used = bool(open_end and line_used[-1])
        return begin + int(lines.starts[count - 1] + lines.lengths[count - 1])

    def _decode(self, lines: Lines, text: NDArray[np.bool_]) -> list[Decoded]:
        """Decode what the settled format's bulk path can, each record once."""
        import numpy as np

        found: list[Decoded] = []
        open_ = text.copy()
        for decoder in self._records.candidates.decoders:
            candidates = np.flatnonzero(open_ & lines.beginning(decoder.matcher.prefix))
            parts = decoder.decode(lines, candidates) if len(candidates) else []
            for part in parts:
                open_[part.lines] = False
            found += parts
        return found

    def _idle_runs(self, lines: Lines, rest: NDArray[np.bool_]) -> list[Run]:
        """Return the runs of redraws among the records `rest` that show nothing new."""
        import numpy as np

        candidates = self._records.candidates
        every = b"" in candidates.heads or candidates.folded is not None
        learns = self._records.evidence.learner is not None
        return candidates.idle.passed(lines, np.flatnonzero(rest), learns=learns, every=every)

    def _end_line(self, piece: Piece) -> None:
        piece.lines += 1
        if self._line_has_text and not self._line_used:
            piece.unparsed += 1
            if self._records.evidence.learner is not None:
                self._records.evidence.learner.ended(self.line)
        self.line += 1
        self._line_has_text = self._line_used = False
