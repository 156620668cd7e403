"""A log's bytes to batches: line splitting, bulk and single records, what stands on which line.

Feed it bytes in any pieces; the concatenated batches are always the same. A
record ends at a newline or a carriage return (bars redraw themselves with
one). Small pieces go record by record through the matchers, large ones through
the bulk path first; numbers are bit-identical either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from runwatch.batch import BESIDE, Batch
from runwatch.parsers.columns import Columns, Rows
from runwatch.parsers.escapes import glued
from runwatch.parsers.formats import Format
from runwatch.parsers.interpreter import MAX_LINE, Interpreter
from runwatch.parsers.piece import Piece
from runwatch.parsers.redraws import settled
from runwatch.parsers.told import Told
from runwatch.text import decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runwatch.parsers.lines import Lines
    from runwatch.parsers.skeleton import Decoded

BULK_SIZE = 1 << 15
"""Pieces at least this long are worth the bulk path."""
_BEHIND = b"\n" * 1024
"""What stands behind a block, so that its lines can be read in place (see lines.PAD)."""
_TAIL_BYTES = 1 << 16
_WINDOW = 1 << 9
"""Bytes looked at for rows of a table; more where all of them were."""
_NOT_PLAIN = re.compile(rb"[\x1b\x00^]|%\|")
_RECORD = re.compile(rb"[^\r\n]*[\r\n]")


class LogParser:
    """Parses one source's stream. Memory is bounded by the size of a piece and MAX_LINE."""

    def __init__(
        self,
        formats: Sequence[Format] | None = None,
        *,
        bulk: bool = True,
        start: int = 0,
        first_line: int = 1,
        settled: str | None = None,
        learn: bool = True,
    ) -> None:
        """`start` and `first_line` place the first byte in the source's stream.

        `settled` names the format of a stream that is gone on with; a learnt one is
        learnt again. `learn` tells whether an unknown format is learnt.
        """
        self._records = Interpreter(formats, bulk=bulk, settled=settled, learn=learn)
        self._window = _WINDOW
        """Bytes looked at next for rows of a table."""
        self._reach = BULK_SIZE
        """Bytes passed over next: more, the longer no format is known."""
        self._carry = self._recent = b""
        self._skipping = False
        self._offset = start
        self._line = first_line
        self._ordinal = 0
        self._line_has_text = self._line_used = False

    @property
    def held(self) -> int:
        """Bytes of an unfinished line that a successor has to be fed again."""
        return len(self._carry)

    @property
    def unfinished(self) -> bytes:
        """The unfinished line."""
        return self._carry

    @property
    def place(self) -> tuple[int, int]:
        """Stream offset and line number at which the next record begins."""
        return self._offset - len(self._carry), self._line

    @property
    def format(self) -> str | None:
        """Name of the detected format, or None while unsure."""
        return self._records.format.name if self._records.format else None

    @property
    def example(self) -> str | None:
        """A typical line of the detected format, or None while unsure."""
        return self._records.format.example if self._records.format else None

    @property
    def learned(self) -> float | None:
        """How sure a learnt format is: the share it reads of the lines it was learnt from; else None."""
        return self._records.sure

    @property
    def certainty(self) -> float | None:
        """How likely a learnt format reads step and loss right, in [0, 1]; None if none was learnt."""
        return self._records.certainty

    def prime(self, head: bytes) -> None:
        """Show how the stream begins, where it is read from its middle: tables have their header there."""
        for matcher in (matcher for fmt in self._records.formats for matcher in fmt.matchers):
            if hasattr(matcher, "prime"):
                matcher.prime(head.splitlines())

    def warm(self, head: bytes, recent: bytes, *, whole: bool) -> None:
        """Show what stands before the start, of which nothing is told again.

        So a traceback that is open, a bar that may be redrawn and what a format was to be
        learnt from are known again. `recent` ends at the start, `head` is how the file
        begins; `whole` tells that `recent` does, too.
        """
        start, line = self._offset, self._line
        if not whole:
            ends = [at for at in (recent.find(b"\n"), recent.find(b"\r")) if at >= 0]
            if not ends:
                self._skipping = self._line_has_text = len(recent) >= MAX_LINE
                return
            recent = recent[min(ends) + 1 :]
            if self._records.format is None:
                self.feed(head[: head.rfind(b"\n") + 1])
        self._offset, self._line = start - len(recent), line - recent.count(b"\n")
        self.feed(recent)
        self._carry, self._offset, self._line = b"", start, line

    @property
    def told(self) -> Told:
        """What a successor has to know of a table that may be written anew."""
        matchers = self._records.format.matchers if self._records.format else ()
        tables = [matcher.told for matcher in matchers if isinstance(matcher, Columns)]
        return max(tables, key=lambda told: told.rows, default=Told())

    def recall(self, told: Told) -> None:
        """Take over what a predecessor told of the table that is gone on with."""
        for matcher in self._records.format.matchers if self._records.format else ():
            if isinstance(matcher, Columns):
                matcher.recall(told)

    def feed(self, data: bytes, *, tail: int = 0) -> Batch:
        """Parse the next bytes of the stream; with `tail`, carry that many newest lines along.

        The unfinished last line is kept for the next call.
        """
        self._offset += len(data)
        if self._skipping:
            data = self._skip(data)
        end = len(self._carry) + len(data)
        block = b"".join((self._carry, data, _BEHIND))
        piece = Piece(self._offset - end)
        cut = max(block.rfind(b"\n", 0, end), block.rfind(b"\r", 0, end)) + 1
        ready = settled(self._recent, block, cut)
        cut = ready if end - ready <= MAX_LINE else cut
        self._carry = block[cut:end]
        if cut:
            self._parse(block, cut, piece)
            self._recent = (self._recent + block[max(0, cut - BESIDE) : cut])[-BESIDE:]
        newest = self._tail(block[max(0, cut - _TAIL_BYTES) : cut], tail) if tail and cut else ()
        if len(self._carry) > MAX_LINE:
            self._give_up(piece)
        return self._batch(piece, newest)

    def flush(self) -> Batch:
        """Take the unfinished line as all there will be of it: the stream ends or breaks here."""
        start = self._offset - len(self._carry)
        piece = Piece(start)
        text, self._carry, self._recent, self._skipping = self._carry, b"", b"", False
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if cut:  # a record that waited for what comes behind it
            self._parse(text + _BEHIND, cut, piece)
            text = text[cut:]
        if text:
            self._note(self._records.read(text, start + cut, self._line, self._ordinal, piece))
            self._ordinal += 1
        if text or self._line_has_text:
            self._end_line(piece)
        self._records.finish(self._offset, piece)
        return self._batch(piece)

    def break_off(self) -> Batch:
        """Take what comes next as the beginning of another file: line numbers start again."""
        batch = self.flush()
        self._line = 1
        for matcher in self._records.format.matchers if self._records.format else ():
            if hasattr(matcher, "break_off"):  # it remembers what it read
                matcher.break_off()
        return batch

    def _parse(self, block: bytes, end: int, piece: Piece) -> None:
        """Parse block[:end], which ends with a line end."""
        start, single, alike, plain = 0, -1, -1, -1
        while start < end:
            if single < start:
                single = glued(block, start, end)
            if self._records.decoders and single - start >= BULK_SIZE:
                start = self._parse_bulk(block, start, single, piece)
                continue
            if self._records.folded and single - start >= BULK_SIZE:
                if alike < start:
                    alike = self._records.folded.until(block, start, single)
                if alike - start >= BULK_SIZE:
                    start = self._parse_bulk(block, start, alike, piece)
                    continue
            if plain < start:
                plain = self._plain(block, start, single)
            if plain - start >= BULK_SIZE and not self._line_has_text and self._records.quiet:
                start = self._pass_over(block, start, plain, piece)
                continue
            if self._records.tables and not self._line_has_text:
                start += self._parse_rows(block, start, end, piece)
            found = _RECORD.match(block, start, end)
            if found is None:
                return
            stop = found.end()
            if stop - start > 1:
                record = block[start : stop - 1]
                self._note(self._records.read(record, piece.start + start, self._line, self._ordinal, piece))
                self._ordinal += 1
            if block[stop - 1] == 10:
                self._end_line(piece)
            start = stop

    def _parse_rows(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Give the lines of a window to the tables; return how many bytes of it were plain rows."""
        text = block[begin : block.rfind(b"\n", begin, min(end, begin + self._window)) + 1]
        line_end = b"\r\n" if b"\r\n" in text else b"\n"
        lines = text.split(line_end)[:-1]
        parts: Rows = []
        if not _NOT_PLAIN.search(text) and text.count(b"\r") == (len(lines) if len(line_end) > 1 else 0):
            for table in self._records.tables:
                found = table.take(lines)
                parts = found or []
                if parts or found is None:
                    break
        offset, count = piece.start + begin, 0
        for layout, rows in parts:
            places = []
            for line in lines[count : count + len(rows)]:
                places.append((offset, self._line))
                offset += len(line) + len(line_end)
                self._line += 1
            piece.add_rows(layout, places, rows)
            count += len(rows)
        piece.lines += count
        self._ordinal += count
        self._window = min(2 * self._window, _TAIL_BYTES) if count == len(lines) else _WINDOW
        return offset - piece.start - begin

    @staticmethod
    def _plain(block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] that are not redrawn."""
        redrawn = block.find(b"\r", begin, end)
        return end if redrawn < 0 else max(block.rfind(b"\n", begin, redrawn) + 1, begin)

    def _pass_over(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Read those lines of a block that may tell something; return where to go on (see _parse_bulk)."""
        from runwatch.parsers.lines import Lines, worth

        end = block.rfind(b"\n", begin, begin + self._reach) + 1 or end if end - begin > self._reach else end
        lines, records = Lines(block, begin, end), self._records
        before = [0, *(lines.lengths > 1).cumsum().tolist()]
        done, heads = 0, records.heads
        read = worth(records.sieve.through(lines), len(lines), lambda: not records.quiet)
        for index in chain(read, (len(lines),)):
            held_back = before[index] - before[done]
            records.pass_over(held_back)
            piece.lines += index - done
            piece.unparsed += held_back
            self._line += index - done
            self._ordinal += held_back
            if index == len(lines):
                break
            if lines.lengths[index] > 1:
                start = piece.start + begin + int(lines.starts[index])
                self._note(records.read(lines.record(index), start, self._line, self._ordinal, piece))
                self._ordinal += 1
            self._end_line(piece)
            done = index + 1
            if records.heads is not heads:
                self._reach = BULK_SIZE
                return begin + int(lines.starts[index] + lines.lengths[index])
        self._reach *= 1 if self._reach > MAX_LINE << 4 else 2
        return end

    def _parse_bulk(self, block: bytes, begin: int, end: int, piece: Piece) -> int:
        """Parse many records at once; return where to go on: before `end` where the format changed."""
        import numpy as np

        from runwatch.parsers.lines import Lines

        lines = Lines(block, begin, end)
        text = lines.lengths > 1
        decoded = self._decode(lines, text)
        used = np.zeros(len(lines), bool)
        for part in decoded:
            used[part.lines] = True
        offset, folded = piece.start + begin, self._records.folded
        if folded is not None:
            used |= folded.begin(lines, text, offset, self._line, piece)
        count = self._read_rest(lines, text, used, piece)
        if folded is not None:
            folded.end()
        for part in decoded:
            done = part.before(count)
            done.place(lines, offset, self._line)
            piece.add_bulk(done)
        text, used = text[:count], used[:count]
        self._ordinal += int(np.count_nonzero(text))
        line_text, line_used = lines.by_line(text), lines.by_line(used)
        line_text[0] |= self._line_has_text
        line_used[0] |= self._line_used
        whole = int(np.count_nonzero(lines.ends_line[:count]))
        piece.lines += whole
        piece.unparsed += int(np.count_nonzero(line_text[:whole] & ~line_used[:whole]))
        self._line += whole
        open_end = len(line_text) > whole  # the block ends with a redrawn, unfinished line
        self._line_has_text = bool(open_end and line_text[-1])
        self._line_used = bool(open_end and line_used[-1])
        return begin + int(lines.starts[count - 1] + lines.lengths[count - 1])

    def _decode(self, lines: Lines, text: NDArray[np.bool_]) -> list[Decoded]:
        """Decode what the settled format's bulk path can, each record once."""
        import numpy as np

        found: list[Decoded] = []
        open_ = text.copy()
        for decoder in self._records.decoders:
            parts = decoder.decode(lines, np.flatnonzero(open_ & lines.beginning(decoder.matcher.prefix)))
            for part in parts:
                open_[part.lines] = False
            found += parts
        return found

    def _read_rest(self, lines: Lines, text: NDArray[np.bool_], used: NDArray[np.bool_], piece: Piece) -> int:
        """Read what was not decoded, in order, and note in `used` what told anything.

        Return how many records of the block are done: all, or those up to the one that
        changed the format or made it sure.
        """
        import numpy as np

        from runwatch.parsers.lines import UNCLEAN, worth

        records, events, folded = self._records, self._records.events, self._records.folded
        rest = np.flatnonzero(text & ~used)
        telling = lines.lengths[rest] > MAX_LINE
        for head in records.heads:
            telling |= lines.beginning(head, rest)
        quiet = ~telling
        telling[quiet] = lines.holding(rest[quiet], (*records.needles, *UNCLEAN), events.trigger)
        ordinals = (np.cumsum(text) - 1 + self._ordinal)[rest]
        decoded = np.cumsum(used)
        places = (rest, lines.starts[rest], lines.line[rest], ordinals, decoded[rest])
        indices, starts, numbers, ordinal, before = (place.tolist() for place in places)
        offset, confirmed, heads = piece.start + lines.begin, 0, records.heads
        if folded is not None:
            telling |= np.fromiter(map(folded.may, lines.records(rest)), bool, len(rest))
        for at in worth(telling.nonzero()[0].tolist(), len(telling), lambda: events.inside):
            index, start = indices[at], starts[at]
            record = lines.record(index)
            if folded is not None:
                folded.at = offset + start
            records.confirm(before[at] - confirmed)
            confirmed = before[at]
            used[index] = records.read(record, offset + start, self._line + numbers[at], ordinal[at], piece)
            if records.heads is not heads:
                return int(index) + 1
        records.confirm(int(decoded[-1]) - confirmed)
        return len(lines)

    def _note(self, used: bool) -> None:
        self._line_has_text = True
        self._line_used |= used or self._records.understood == self._line

    def _end_line(self, piece: Piece) -> None:
        piece.lines += 1
        if self._line_has_text and not self._line_used:
            piece.unparsed += 1
            if self._records.learner is not None:
                self._records.learner.ended(self._line)
        self._line += 1
        self._line_has_text = self._line_used = False

    # -- lines that never end, and the newest lines --------------------------------------------

    def _skip(self, data: bytes) -> bytes:
        """Drop the rest of an overlong line; return what follows, from its line end on."""
        ends = [i for i in (data.find(b"\n"), data.find(b"\r")) if i >= 0]
        if not ends:
            return b""
        self._skipping = False
        return data[min(ends) :]

    def _give_up(self, piece: Piece) -> None:
        """Stop keeping an overlong line: parse its beginning, drop the rest when it comes."""
        start = self._offset - len(self._carry)
        self._note(self._records.read(self._carry, start, self._line, self._ordinal, piece))
        self._carry, self._skipping = b"", True

    def _tail(self, block: bytes, count: int) -> tuple[tuple[int, str], ...]:
        """Return the newest lines of a parsed block, of a redrawn line only what it shows last."""
        parts = block.split(b"\n")
        if len(block) == _TAIL_BYTES:
            parts = parts[1:] or parts
        number = self._line - len(parts) + 1
        shown = [
            (number + i, next((s for s in reversed(part.split(b"\r")) if s.strip()), b""))
            for i, part in enumerate(parts)
        ]
        return tuple((n, decode(text, 1000)) for n, text in shown if text)[-count:]

    def _batch(self, piece: Piece, tail: tuple[tuple[int, str], ...] = ()) -> Batch:
        return Batch(
            start=piece.start,
            end=self._offset - len(self._carry),
            tables=piece.tables(),
            events=tuple(piece.events),
            lines=piece.lines,
            unparsed=piece.unparsed,
            format=self.format,
            printed=piece.printed(),
            tail=tail,
        )
