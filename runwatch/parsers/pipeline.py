"""A log's way from bytes to columns: framing, envelope, body, lexicon, counters, columns.

`feed` takes a piece of the stream, `read` a record of it. Framing cuts the bytes into records. The
envelope is what precedes a message (Line). The body is read by matchers and readers (Body), or
by the learner (Evidence); both ask the lexicon what the printed names mean when they make the layout
of a row. The counters place the rows in the run (Nests); the rows of one layout become columns
(Piece). Where the format is known, blocks take the same way at once (BlockReader).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runwatch.core.batch import BAR, EVAL, Event, Table
from runwatch.core.ending import ENDS
from runwatch.core.text import decode
from runwatch.parsers.api import MAX_LINE, Format, Match, as_printed
from runwatch.parsers.blocks import BlockReader
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.body.ranks import Ranks
from runwatch.parsers.body.readers import message_behind, says_little
from runwatch.parsers.counters.nesting import Nests
from runwatch.parsers.detect.body import Body
from runwatch.parsers.detect.candidates import Candidates
from runwatch.parsers.detect.evidence import Evidence
from runwatch.parsers.envelope.containers import unwrapped
from runwatch.parsers.envelope.line import Line
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.events.glued import KINDS, glued
from runwatch.parsers.events.opening import Opening
from runwatch.parsers.events.stages import held_out
from runwatch.parsers.framing.ansi import UP, bare, rows
from runwatch.parsers.framing.chunks import Chunk, Framing
from runwatch.parsers.lexicon.words import split_of

if TYPE_CHECKING:
    from runwatch.parsers.progress.idle import Shown


class Pipeline:
    """The stages of one source's log. Each of them owns its state."""

    def __init__(
        self, formats: Sequence[Format] | None, *, bulk: bool, start: int, first_line: int, learn: bool
    ) -> None:
        """See LogParser."""
        ranks = Ranks()
        self.framing, self.events = Framing(start), EventScanner()
        self.opening = Opening(from_begin=not start)
        self.evidence = Evidence(formats, self.events, ranks, bulk=bulk, learn=learn)
        self._body = Body(self.evidence, ranks)
        self.blocks = BlockReader(self, first_line)
        self.counters = Nests()

    # -- a piece of the stream ---------------------------------------------------------------------

    def feed(self, data: bytes) -> tuple[Chunk, Piece]:
        """Read the next bytes of the stream; return the records that are whole, and what they show."""
        chunk = self.framing.feed(data)
        piece = Piece(chunk.start)
        self._read_chunk(chunk, piece)
        return chunk, piece

    def _read_chunk(self, chunk: Chunk, piece: Piece) -> None:
        """Read whole records."""
        if not chunk.end:
            return
        line = self.blocks.line
        found = list(self.opening.launches(chunk.text, chunk.end, chunk.start, line))
        self.blocks.read(chunk.text, chunk.end, piece)  # comes back to `read` for single records
        known = {event.line for event in piece.events if event.kind in KINDS}
        found += glued(chunk.text, chunk.end, chunk.start, line, known)
        if found:
            piece.events = sorted([*found, *piece.events], key=lambda event: event.offset)

    def end_overlong(self, piece: Piece) -> None:
        """Read the beginning of an unfinished line that is too long to wait for its end."""
        if len(self.framing.unfinished) > MAX_LINE:
            offset = self.framing.done
            self.blocks.read_record(self.framing.give_up(), offset, piece)

    def flush(self) -> Piece:
        """Take the unfinished line as all there will be of it: the stream ends or breaks here."""
        chunk, text, cut = self.framing.flush()
        piece = Piece(chunk.start)
        self._read_chunk(chunk, piece)
        if cut:
            self.blocks.begin_inside()
        elif text:
            self.blocks.read_record(text, chunk.start + chunk.end, piece)
        self.blocks.end(piece)
        self._body.flush_readers(self.framing.offset, piece)
        self.evidence.finish(piece)
        piece.events += self.events.flush()
        return piece

    @property
    def holds_back(self) -> bool:
        """Whether `flush` may show more than the unfinished line."""
        evidence = self.evidence
        undecided = evidence.learner is not None or not evidence.detector.sure
        return bool(undecided or self.candidates.readers or self.events.inside or self.blocks.inside)

    def columns(self, piece: Piece, without: Sequence[int]) -> tuple[Table, ...]:
        """Return what a piece holds as columns, its steps placed in the run, less the lines `without`."""
        return self.counters.placed(piece.tables(without), piece.events)

    # -- a record ----------------------------------------------------------------------------------

    def read(
        self, record: bytes, offset: int, number: int, ordinal: int, piece: Piece, outer: Line | None = None
    ) -> bool:
        """Read one record, maybe at the end of `outer`; return whether it contained anything."""
        if len(record) > MAX_LINE:
            title = f"line {number} is longer than {MAX_LINE} bytes; the rest of it is not read"
            piece.events.append(Event("overlong", offset, number, title))
            record = record[:MAX_LINE]
        record = unwrapped(record) or record
        if UP not in record:
            return self._read_line(Line(bare(record), offset, number, ordinal, outer), piece)
        drawn = [Line(text, offset + at, number, ordinal, outer) for at, text in rows(record)]
        reported = [self._read_line(line, piece) for line in drawn]
        return any(reported)

    def _read_line(self, line: Line, piece: Piece) -> bool:
        """Read a line, its envelope separated from its body."""
        match = self._body.leading(line)
        if match is None and self._body.shuts_out(line):
            return self._report_or_learn(line, piece)
        reported = self._read_body(match, line, piece)
        if match is None and not self.evidence.detector.sure:  # else no reader was asked
            self.candidates.asleep = self.candidates.gate.asleep()
        return reported

    def _read_body(self, match: Match | None, line: Line, piece: Piece) -> bool:
        """Ask everyone about a body; `match` is what those that go first have found in its line."""
        if match is None and self._body.feed_readers(line, piece):
            match = self._read_further(line, piece)
            if match is None:
                return True
        match = match or self._body.match(line)
        if self.evidence.detector.format is not None:
            self.evidence.early.release(piece)
        elif self.evidence.hold_match(match, line, piece):
            return True
        if match is not None:
            self._add(match, line, piece)
            if match.layout.kind != BAR:
                return True
        if behind := self._behind(line):
            return self._read_behind(behind, line, piece) or match is not None
        return self._report_or_learn(line, piece, read=match is not None) or match is not None

    def _report_or_learn(self, line: Line, piece: Piece, *, read: bool = False) -> bool:
        """Take the events of a line, and learn from one that is not inside a traceback; see _report."""
        events = len(piece.events)
        reported = self._report(line, piece)
        inside = reported and len(piece.events) == events
        return inside or (not read and self.evidence.learn(line, piece)) or reported

    def _read_further(self, line: Line, piece: Piece) -> Match | None:
        """See what else a line shows that a reader took; return what another format makes of it."""
        if behind := self._behind(line):
            self._read_behind(behind, line, piece)
        if not says_little(line.body):
            return None
        if self.evidence.share is not None:
            return self._body.match(line)
        self.evidence.learn(line, piece)
        return None

    @staticmethod
    def _behind(line: Line) -> bytes:
        return message_behind(line.body) if b"%|" in line.body else b""

    def _read_behind(self, behind: bytes, line: Line, piece: Piece) -> bool:
        """Read what follows a bar in a line, and is of the same rank."""
        offset = line.offset + len(line.text) - len(behind)
        outer = line if line.header is not None else line.outer
        return self.read(behind, offset, line.number, line.ordinal, piece, outer)

    def _add(self, match: Match, line: Line, piece: Piece) -> None:
        """Add the row that was read in a line."""
        layout, numbers = self.evidence.placed(line.outer, match.layout, values(line.text, match))
        piece.add(layout, line.offset, line.number, numbers)
        if layout.event:
            title = decode(line.text, 300)
            piece.events.append(Event(layout.event, line.offset, line.number, title))

    def emit(self, record: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Take the events of a record that was decoded; return whether it reported any."""
        return self._report(Line(bare(record), offset, number, ordinal), piece)

    def _report(self, line: Line, piece: Piece) -> bool:
        """Take the events of a line that is no record; return whether it reported any or belongs to one."""
        found = self.events.feed(line.text, line.offset, line.number, line.ordinal)
        if found and any(event.kind in ENDS for event in found):
            self._body.flush_readers(
                line.offset - 1, piece, line
            )  # what was read is of the run that has ended
        scores = [score for score in map(held_out, found or ()) if score is not None]
        if any(split_of(name.encode()) == "test" for name, _ in scores):  # the test behind the last epoch
            self._body.flush_readers(line.offset - 1, piece, line, ended=True)
        for name, value in scores:
            self._evaluate(name, value, line, piece)
        piece.events += found or ()
        return found is not None

    def _evaluate(self, name: str, value: float, line: Line, piece: Piece) -> None:
        """Add a script's score of held-out data next to a known format; a learned one reads these itself."""
        fmt = self.evidence.detector.format
        if fmt is None or fmt.own or self.evidence.share is not None:
            return
        envelope = line if line.header is not None else line.outer
        layout, numbers = self.evidence.placed(envelope, as_printed(EVAL, "evaluation", (name,)), [value])
        piece.add(layout, line.offset, line.number, numbers)

    # -- what blocks may pass over -----------------------------------------------------------------

    @property
    def candidates(self) -> Candidates:
        """Who is asked about lines."""
        return self.evidence.detector.candidates

    @property
    def quiet(self) -> bool:
        """Whether a line that the sieve holds back shows nothing."""
        asked, learner = self.candidates, self.evidence.learner
        busy = asked.own or asked.first or self.events.inside or self._body.ranks or not asked.asleep
        return not busy and self.evidence.detector.bulk and not (learner is not None and learner.awake)

    def idles(self, shows: Shown) -> bool:
        """Return whether redraws of this kind show nothing more: nothing waits for any line."""
        candidates, learner = self.candidates, self.evidence.learner
        if candidates.own or self.events.inside or not candidates.idle.asleep(shows):
            return False
        return shows is shows.COUNT or learner is None or not learner.awake
