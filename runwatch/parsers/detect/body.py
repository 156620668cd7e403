"""What matchers and readers read in the body of a line.

The user's formats go first, then what reads the settled format's training lines, then readers, then the
other matchers, and weak formats last.
"""

from __future__ import annotations

from collections.abc import Iterator

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Match, Reader, Row
from runwatch.parsers.body.enveloped import Enveloped
from runwatch.parsers.body.matchers import BarPattern
from runwatch.parsers.body.piece import Held, Piece
from runwatch.parsers.body.ranks import RankedReader, Ranks
from runwatch.parsers.counters.nesting import HEADING
from runwatch.parsers.detect.candidates import ReaderOf
from runwatch.parsers.detect.evidence import Evidence
from runwatch.parsers.envelope.header import Header
from runwatch.parsers.envelope.line import Line
from runwatch.parsers.progress.grammar import is_drawn

_BAR = BarPattern()


class Body:
    """Asks the candidates about lines. Its state is the copies that ranks have of them."""

    def __init__(self, evidence: Evidence, ranks: Ranks) -> None:
        self._evidence, self._detector, self.ranks = evidence, evidence.detector, ranks

    def shuts_out(self, line: Line) -> bool:
        """Return whether the prefilter says that a line is no record."""
        candidates = self._detector.candidates
        return candidates.asleep and not self.ranks and candidates.gate.shuts_out(line.body)

    def leading(self, line: Line) -> Match | None:
        """Match a line with what goes before the readers: the user's formats, then the settled one."""
        for matcher, fmt in self._detector.candidates.own:
            match = matcher.match(line.text)
            if match is not None:
                if match.layout.kind == TRAIN:
                    self._detector.settle(fmt)
                return match
        for first in self._detector.candidates.first:
            match = (Enveloped(first) if line.header is not None else first).match(line.text)
            if match is not None:
                self._evidence.confirm(1)
                return match
        return None

    def match(self, line: Line) -> Match | None:
        """Match a line with the formats in question; a training step settles on its format."""
        if is_drawn(line.body):
            match = _BAR.match(line.text, 0 if line.header is None else line.header.end)
            if match is not None:
                return match
        detector = self._detector
        asleep = detector.candidates.asleep and not self.ranks
        found = detector.candidates.dispatch.first(
            line.text, line.header, training=not detector.sure, asleep=asleep
        )
        if found is None:
            return None
        layout = found.match.layout
        if layout.kind == TRAIN:
            self._evidence.records += 1
            detector.settle(found.format, logged=found.logged)
        learned = self._evidence.share is not None and found.format is not detector.format
        return None if learned and layout.kind == HEADING else found.match  # the learned format read it

    def feed_readers(self, line: Line, piece: Piece) -> bool:
        """Give a line to the readers, the settled format's first; return whether it was theirs."""
        candidates = self._detector.candidates
        if candidates.asleep and not candidates.gate.is_read(line.body):
            return False
        used = False
        rank = line.header.key(line.text) if line.header is not None else b""
        for one in candidates.readers:
            if not rank and self.ranks and one.reader.observes:
                for copy in self._copies(one):
                    copy.observe(line.body)
            reader = (
                one.reader if line.header is None or not rank else self._of_rank(rank, one, line, line.header)
            )
            rows = reader.feed(line.body, line.number)
            if rows is not None:
                used = True
                self._take(one.format, rows, line.offset, line, piece)
                if self._detector.sure or one.format is self._detector.format:
                    break
        return used

    def flush_readers(
        self, offset: int, piece: Piece, line: Line | None = None, *, ended: bool = False
    ) -> None:
        """Take the records not complete yet, with `ended` only the last of their run; `line` ends them."""
        for one in self._detector.candidates.readers:
            for reader in (one.reader, *self._copies(one)):
                if reader.ended or not ended:
                    self._take(one.format, reader.flush(), offset, line, piece)

    def _copies(self, one: ReaderOf) -> Iterator[Reader]:
        yield from self.ranks.readers((one.format.name, one.place))

    def _of_rank(self, rank: bytes, one: ReaderOf, line: Line, header: Header) -> Reader:
        """Return the reader of the lines of a rank, which the header of the newest line shows."""
        reader, fmt, place = one

        def make() -> Reader:
            return RankedReader(reader.of_rank() or fmt.readers[place](), line.text, header)

        return self.ranks.copy(rank, (fmt.name, place), reader, make)

    def _take(self, fmt: Format, rows: list[Row], offset: int, line: Line | None, piece: Piece) -> None:
        """Take a reader's records, at the place where they were completed."""
        detector = self._detector
        learned = self._evidence.share is not None and fmt is not detector.format and not fmt.weak
        for row in rows:
            if learned and row.layout.kind != TRAIN:
                continue  # the learned format reads it too
            if fmt.weak and not detector.sure and fmt is not detector.format:
                self._evidence.hold(fmt, Held(row.layout, offset, row.line, row.values), piece)
                continue
            if detector.format is None and row.layout.kind != TRAIN:
                self._evidence.early.add(Held(row.layout, offset, row.line, row.values))
                continue
            if not detector.sure and row.layout.kind == TRAIN:
                detector.settle(fmt)
            outer = None if line is None else line.outer
            layout, numbers = self._evidence.placed(outer, row.layout, row.values)
            piece.add(layout, offset, row.line, numbers)
