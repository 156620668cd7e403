"""A log's bytes to batches: line splitting, detection, records, events.

Feed it bytes in any pieces; the concatenated batches are always the same. A
record ends at a newline or a carriage return (bars redraw themselves with
one). Small pieces go record by record through the matchers, large ones through
the bulk path first; numbers are bit-identical either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runwatch.batch import BAR, TRAIN, Batch, Event
from runwatch.parsers.columns import Columns, Rows
from runwatch.parsers.escapes import bare
from runwatch.parsers.events import EventScanner
from runwatch.parsers.formats import Format, catalogue
from runwatch.parsers.learner import Learner
from runwatch.parsers.patterns import BarPattern, Match, Matcher, values
from runwatch.parsers.piece import Held, Piece
from runwatch.parsers.prefix import Logged
from runwatch.parsers.readers import Reader, Row
from runwatch.text import decode

if TYPE_CHECKING:
    from runwatch.parsers.skeleton import Decoder

MAX_LINE = 1 << 16
"""A longer line is read past: its first bytes are parsed, the rest is dropped."""
BULK_SIZE = 1 << 15
"""Pieces at least this long are worth the bulk path."""
_TAIL_BYTES = 1 << 16
_WINDOW = 1 << 9
"""Bytes looked at for rows of a table; more where all of them were."""
_NOT_PLAIN = re.compile(rb"[\x1b\x00^]|%\|")
_RECORD = re.compile(rb"[^\r\n]*[\r\n]")
_BAR = BarPattern()
_WEAK_RECORDS = 16
"""So many training records of a weak format, and none of another, settle on it."""
_SURE_RECORDS = 4096
"""So many more, and no other format is looked for."""


def _has_stem(text: bytes) -> bool:
    """Return whether `text` holds a part of the words that most needles hold: a cheap first look."""
    return (
        b"step" in text
        or b"poch" in text
        or b"iter" in text
        or b"Iter" in text
        or b"rain" in text
        or b"loss" in text
        or b"eval" in text
    )


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
        self._formats = tuple(fmt.fresh() for fmt in (formats if formats is not None else catalogue()))
        self._format: Format | None = None
        self._open = True
        """Whether the format is not settled for good."""
        self._told = 0
        """Training records of a weak format since it was settled on."""
        self._learner = Learner() if learn else None
        """The last resort: there until any format is settled on."""
        self._sure: float | None = None
        self._events = EventScanner()
        self._own = tuple((matcher, fmt) for fmt in self._formats if fmt.own for matcher in fmt.matchers)
        self._readers: tuple[tuple[Reader, Format], ...]
        self._bare: tuple[Matcher, ...]
        self._logged: tuple[tuple[bytes, Logged], ...]
        self._owner: dict[int, Format]
        self._use(tuple(fmt for fmt in self._formats if not fmt.weak))
        weak = [fmt for fmt in self._formats if fmt.weak]
        self._weak = tuple((fmt, tuple((m.prefix, Logged(m)) for m in fmt.matchers)) for fmt in weak)
        self._held: dict[str, list[Held]] = {}
        self._readers += tuple((make(), fmt) for fmt in weak for make in fmt.readers)
        self._bulk = bulk
        self._decoders: list[Decoder] = []
        self._tables: list[Columns] = []
        """The format's tables, whose plain rows are taken many at a time."""
        self._window = _WINDOW
        self._carry = b""
        self._skipping = False
        self._offset = start
        self._line = first_line
        self._ordinal = 0
        self._line_has_text = self._line_used = False
        for fmt in self._formats:
            if fmt.name == settled:
                self._settle(fmt)

    @property
    def held(self) -> int:
        """Bytes of an unfinished line that a successor has to be fed again."""
        return len(self._carry)

    @property
    def place(self) -> tuple[int, int]:
        """Stream offset and line number at which the next record begins."""
        return self._offset - len(self._carry), self._line

    @property
    def format(self) -> str | None:
        """Name of the detected format, or None while unsure."""
        return self._format.name if self._format else None

    @property
    def example(self) -> str | None:
        """A typical line of the detected format, or None while unsure."""
        return self._format.example if self._format else None

    @property
    def learned(self) -> float | None:
        """How sure a learnt format is: the share it reads of the lines it was learnt from; else None."""
        return self._sure

    def prime(self, head: bytes) -> None:
        """Show how the stream begins, where it is read from its middle: tables have their header there."""
        for matcher in (matcher for fmt in self._formats for matcher in fmt.matchers):
            if hasattr(matcher, "prime"):
                matcher.prime(head.splitlines())

    def feed(self, data: bytes, *, tail: int = 0) -> Batch:
        """Parse the next bytes of the stream; with `tail`, carry that many newest lines along.

        The unfinished last line is kept for the next call.
        """
        self._offset += len(data)
        if self._skipping:
            data = self._skip(data)
        block = self._carry + data
        piece = Piece(self._offset - len(block))
        cut = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        self._carry = block[cut:]
        if cut:
            self._parse(block, cut, piece)
        newest = self._tail(block[max(0, cut - _TAIL_BYTES) : cut], tail) if tail and cut else ()
        if len(self._carry) > MAX_LINE:
            self._give_up(piece)
        return self._batch(piece, newest)

    def flush(self) -> Batch:
        """Take the unfinished line as all there will be of it: the stream ends or breaks here."""
        piece = Piece(self._offset - len(self._carry))
        text, self._carry, self._skipping = self._carry, b"", False
        if text:
            self._note(self._record(text, piece.start, self._line, self._ordinal, piece))
            self._ordinal += 1
        if text or self._line_has_text:
            self._end_line(piece)
        for reader, fmt in self._readers:
            self._take_rows(fmt, reader.flush(), self._offset, piece)
        if self._open and self._format is None:
            self._release(piece)
        if self._learner is not None and (learned := self._learner.finish()) is not None:
            self._replay(learned, self._learner, piece)
        piece.events += self._events.flush()
        return self._batch(piece)

    def break_off(self) -> Batch:
        """Take what comes next as the beginning of another file: line numbers start again."""
        batch = self.flush()
        self._line = 1
        for matcher in self._format.matchers if self._format else ():
            if hasattr(matcher, "break_off"):  # it remembers what it read
                matcher.break_off()
        return batch

    def _parse(self, block: bytes, end: int, piece: Piece) -> None:
        """Parse block[:end], which ends with a line end."""
        start = 0
        while start < end:
            if self._decoders and end - start >= BULK_SIZE:
                self._parse_bulk(block, start, end, piece)
                return
            if self._tables and not self._line_has_text:
                start += self._parse_rows(block, start, end, piece)
            found = _RECORD.match(block, start, end)
            if found is None:
                return
            stop = found.end()
            if stop - start > 1:
                record = block[start : stop - 1]
                self._note(self._record(record, piece.start + start, self._line, self._ordinal, piece))
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
            for table in self._tables:
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

    def _parse_bulk(self, block: bytes, begin: int, end: int, piece: Piece) -> None:
        import numpy as np

        from runwatch.parsers.skeleton import Lines

        lines = Lines(block, begin, end)
        text = lines.lengths > 1
        open_ = text.copy()
        used = np.zeros(len(lines), bool)
        offset = piece.start + begin
        for decoder in self._decoders:
            for decoded in decoder.decode(
                lines, np.flatnonzero(open_ & lines.beginning(decoder.matcher.prefix))
            ):
                open_[decoded.lines] = False
                used[decoded.lines] = True
                decoded.place(lines, offset, self._line)
                piece.add_bulk(decoded)
        rest = np.flatnonzero(text & ~used)
        telling = np.array(self._heads)[lines.buffer[lines.starts[rest]]]
        telling |= ~lines.clean[rest] | (lines.lengths[rest] > MAX_LINE)
        ordinals = np.cumsum(text) - 1 + self._ordinal
        places = (rest, lines.starts[rest], lines.lengths[rest], lines.line[rest], ordinals[rest], telling)
        events, trigger = self._events, self._events.trigger
        for index, start, length, line, ordinal, tells in zip(*(p.tolist() for p in places), strict=True):
            first, last = begin + start, begin + start + length - 1
            if not tells and trigger(block, first, last) is None and not events.inside:
                continue
            used[index] = self._record(block[first:last], offset + start, self._line + line, ordinal, piece)
        self._ordinal += int(np.count_nonzero(text))
        line_text, line_used = lines.by_line(text), lines.by_line(used)
        line_text[0] |= self._line_has_text
        line_used[0] |= self._line_used
        whole = int(np.count_nonzero(lines.ends_line))
        piece.lines += whole
        piece.unparsed += int(np.count_nonzero(line_text[:whole] & ~line_used[:whole]))
        self._line += whole
        open_end = len(line_text) > whole  # the block ends with a redrawn, unfinished line
        self._line_has_text = bool(open_end and line_text[-1])
        self._line_used = bool(open_end and line_used[-1])

    def _note(self, used: bool) -> None:
        self._line_has_text = True
        self._line_used |= used

    def _end_line(self, piece: Piece) -> None:
        piece.lines += 1
        if self._line_has_text and not self._line_used:
            piece.unparsed += 1
            if self._learner is not None:
                self._learner.ended(self._line)
        self._line += 1
        self._line_has_text = self._line_used = False

    def _record(self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Parse one record that is not empty; return whether it told anything."""
        if len(line) > MAX_LINE:
            title = f"line {number} is longer than {MAX_LINE} bytes; the rest of it is not read"
            piece.events.append(Event("overlong", offset, number, title))
            line = line[:MAX_LINE]
        line = bare(line)
        match = self._match_own(line) if self._own else None
        if match is None:
            if self._readers and self._read(line, offset, number, piece):
                return True
            match = self._match(line)
        if match is None and self._weak and self._hold_match(line, offset, number, piece):
            return True
        if match is not None:
            piece.add(match.layout, offset, number, values(line, match))
            if match.layout.event:
                piece.events.append(Event(match.layout.event, offset, number, decode(line, 300)))
            if match.layout.kind != BAR:
                return True
        found = self._events.feed(line, offset, number, ordinal)
        piece.events += found or ()
        if match is None and self._learner is not None:
            return self._learn(self._learner, line, offset, number, piece) or found is not None
        return match is not None or found is not None

    def _match_own(self, line: bytes) -> Match | None:
        """Match a line with the formats that users described, which go before all others."""
        for matcher, fmt in self._own:
            match = matcher.match(line)
            if match is not None:
                if match.layout.kind == TRAIN:
                    self._settle(fmt)
                return match
        return None

    def _read(self, line: bytes, offset: int, number: int, piece: Piece) -> bool:
        """Give a line to the readers, to all of them while unsure; return whether it was theirs."""
        used = False
        for reader, fmt in self._readers:
            rows = reader.feed(line, number)
            if rows is not None:
                used = True
                self._take_rows(fmt, rows, offset, piece)
                if not self._open:
                    break
        return used

    def _take_rows(self, fmt: Format, rows: list[Row], offset: int, piece: Piece) -> None:
        """Take a reader's records, at the place where they were completed."""
        for row in rows:
            if self._open and fmt.weak and fmt is not self._format:
                self._hold(fmt, Held(row.layout, offset, row.line, row.values), piece)
                continue
            if self._open and row.layout.kind == TRAIN:
                self._settle(fmt)
            piece.add(row.layout, offset, row.line, row.values)

    def _match(self, line: bytes) -> Match | None:
        if b"%|" in line and b"{'" not in line:
            match = _BAR.match(line)
            if match is not None:
                return match
        other = None
        for matcher in self._by_head.get(line[:1], self._headless):
            match = matcher.match(line)
            if match is not None:
                if not self._open or match.layout.kind == TRAIN:
                    self._settle(self._owner[id(matcher)])
                    return match
                other = other or match  # while unsure, another format's training line goes first
        for needle, logged in self._logged if _has_stem(line) else self._stemless:
            if needle in line:
                match = logged.match(line)
                if match is not None:
                    if not self._open or match.layout.kind == TRAIN:
                        self._settle(self._owner[id(logged)], logged=True)
                        return match
                    other = other or match
        return other

    # -- which format it is ----------------------------------------------------------------------

    def _settle(self, fmt: Format, *, logged: bool = False) -> None:
        """Settle on a format, one of whose training steps has just been recognised.

        A weak format may yet turn out to be what another one prints beside its own
        lines: then the other one takes its place.
        """
        if not self._open:
            return
        if fmt is self._format:
            self._told += 1
            if self._told < _SURE_RECORDS:
                return
        else:
            self._told = 0
        self._format, self._open = fmt, fmt.weak and self._told < _SURE_RECORDS
        self._learner = self._sure = None
        self._held.clear()
        self._events.use(fmt.markers)
        readers = tuple(
            (reader, of) for reader, of in self._readers if of is fmt
        )  # they know what stood before
        others = tuple(other for other in self._formats if not other.weak) if self._open else ()
        self._use((fmt, *others), logged=None if fmt.weak else logged or fmt.logged)
        self._weak = ()
        if not self._open:
            self._own = ()  # or they are among the matchers now
        if readers:
            self._readers = readers + tuple(pair for pair in self._readers if pair[1] is not fmt)
        if self._bulk and not self._readers:
            from runwatch.parsers.skeleton import decoders

            matchers = (*self._bare, *(matcher for _, matcher in self._logged))
            self._decoders = decoders(matchers)
            if not self._open:
                self._tables = [matcher for matcher in matchers if isinstance(matcher, Columns)]

    def _hold_match(self, line: bytes, offset: int, number: int, piece: Piece) -> bool:
        """Hold what weak formats read in a line that no other format knows."""
        used = False
        for fmt, matchers in self._weak:
            for needle, matcher in matchers:
                match = matcher.match(line) if needle in line else None
                if match is not None:
                    used = True
                    self._hold(fmt, Held(match.layout, offset, number, values(line, match)), piece)
                    break
            if not self._weak:
                break  # settled
        return used

    def _hold(self, fmt: Format, held: Held, piece: Piece) -> None:
        """Keep a weak format's record back until there are enough of them and nothing better came."""
        rows = self._held.setdefault(fmt.name, [])
        rows.append(held)
        if sum(row.layout.kind == TRAIN for row in rows) >= _WEAK_RECORDS:
            self._release(piece)
        elif len(rows) > 8 * _WEAK_RECORDS:
            del rows[0]

    def _release(self, piece: Piece) -> None:
        """Settle on the first weak format that has read training steps, and give them out."""
        for fmt in self._formats:
            rows = self._held.get(fmt.name, ())
            if sum(row.layout.kind == TRAIN for row in rows) > 1:  # one is no evidence
                self._settle(fmt)
                for row in rows:
                    piece.add(*row)
                return

    def _learn(self, learner: Learner, line: bytes, offset: int, number: int, piece: Piece) -> bool:
        """Show the learner a line that no format knows; return whether it now turns out to be a record."""
        learned = learner.see(line, offset, number)
        if learned is None:
            return False
        self._release(piece)  # a weak format is better than none that is known
        return self._format is None and self._replay(learned, learner, piece)

    def _replay(self, learned: Format, learner: Learner, piece: Piece) -> bool:
        """Settle on a learnt format and take the records it was learnt from; return if the newest is one.

        They stand before this piece, and lines that were counted as not understood no longer are.
        """
        self._settle(learned)
        self._sure = learner.sure
        told = -1
        match = None
        for kept in learner.kept:
            match = learned.matchers[0].match(kept.line)
            if match is not None:
                piece.add(match.layout, kept.offset, kept.number, values(kept.line, match))
                if kept.unparsed and kept.number != told:
                    piece.unparsed -= 1
                    told = kept.number
                self._line_used |= not kept.unparsed and kept.number == self._line
        return match is not None

    def _use(self, formats: tuple[Format, ...], *, logged: bool | None = None) -> None:
        """Sort the matchers of `formats` by what their lines begin with or hold, keeping their order.

        `logged` tells whether lines stand behind a logging prefix; None: both ways are tried.
        """
        owned = [(matcher, fmt) for fmt in formats for matcher in fmt.matchers]
        bare = [(m, fmt) for m, fmt in owned if not logged or not m.prefix or fmt.alone]
        prefixed = [
            (Logged(m), fmt) for m, fmt in owned if logged is not False and m.prefix and not fmt.alone
        ]
        self._owner = {id(m): fmt for m, fmt in (*bare, *prefixed)}
        self._readers = tuple((make(), fmt) for fmt in formats for make in fmt.readers)
        self._bare = tuple(m for m, _ in bare)
        self._logged = tuple((m.needle, m) for m, _ in prefixed)
        self._stemless = tuple(pair for pair in self._logged if not _has_stem(pair[0]))
        self._headless = tuple(m for m in self._bare if not m.prefix)
        first = {m.prefix[:1] for m in self._bare if m.prefix}
        self._by_head = {h: tuple(m for m in self._bare if m.prefix[:1] in (h, b"")) for h in first}
        telling = first | {text[:1] for text in self._events.heads} | {b"^"}
        every = bool(self._headless or self._logged or self._readers)
        self._heads = [every or bytes([byte]) in telling for byte in range(256)]

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
        self._note(self._record(self._carry, start, self._line, self._ordinal, piece))
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
