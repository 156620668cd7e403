"""What one record tells: which format the log is in, its numbers, its events.

A parser of logs hands it records (lines, or redrawn parts of one) in order.
Detection goes by training lines; a weak format's records are held back until
there are enough of them, and the learner is asked last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from runwatch.batch import BAR, EVAL, TRAIN, Event
from runwatch.metrics import LOSS
from runwatch.parsers.api import MAX_LINE, Format, Layout, Match, Matcher, Reader, Row
from runwatch.parsers.columns import Columns
from runwatch.parsers.dispatch import Dispatch, trains
from runwatch.parsers.envelope.containers import may_wrap, unwrapped
from runwatch.parsers.envelope.enveloped import Enveloped, Logged, Placing
from runwatch.parsers.envelope.header import Header, opened
from runwatch.parsers.envelope.ranks import RankedReader, Ranks
from runwatch.parsers.escapes import UP, bare, rows
from runwatch.parsers.events import EventScanner
from runwatch.parsers.formats import catalogue
from runwatch.parsers.learner import Learner
from runwatch.parsers.patterns import BarPattern, values
from runwatch.parsers.piece import Held, Piece, tell_loss
from runwatch.parsers.prefilter.gate import Gate
from runwatch.parsers.readers import FoldingReader, message_behind, tells_little
from runwatch.parsers.relearner import Relearner
from runwatch.parsers.weak import Early, WeakFormats
from runwatch.text import decode

if TYPE_CHECKING:
    from runwatch.parsers.bulk import Decoder
    from runwatch.parsers.folding import BlockFold
    from runwatch.parsers.prefilter.sieve import Sieve
    from runwatch.parsers.progress.idle import IdleRedraws, Tells

_BAR = BarPattern()
_LOSSES = frozenset({LOSS, "train/epoch_loss"})
_SURE_RECORDS = 512
"""So many training records of a weak format that was settled on, and no other one is looked for."""


class Interpreter:
    """Reads one source's records. Its state is what it knows about the format, never the text."""

    def __init__(
        self, formats: Sequence[Format] | None, *, bulk: bool, settled: str | None, learn: bool
    ) -> None:
        """See LogParser."""
        self.formats = tuple(fmt.fresh() for fmt in (formats if formats is not None else catalogue()))
        self.format: Format | None = None
        self._open = True
        """Whether the format is not settled for good."""
        self._told = 0
        """Training records of a weak format since it was settled on."""
        self._first: tuple[Matcher, ...] = ()
        """What reads these: nobody else is asked about them."""
        self.learner: Learner | None = Learner() if learn else None
        """The last resort: there until any format is settled on, and beside one that was learnt."""
        self._records = 0
        """Training records that the settled format has read in lines."""
        self.sure: float | None = None
        """Share of the lines a learnt format was learnt from that it reads; None for any other."""
        self.certainty: float | None = None
        """How likely a learnt format reads step and loss right, in [0, 1]; None for any other."""
        self.understood: list[int] = []
        """Lines not yet counted with records that were taken for none and turned out to be some."""
        self.events, self._early = EventScanner(), Early()
        self._own = tuple((Enveloped(m), fmt) for fmt in self.formats if fmt.own for m in fmt.matchers)
        self._behind: dict[int, Logged] = {}
        """Each matcher for lines behind a logging prefix."""
        self._readers: tuple[tuple[Reader, Format], ...] = ()
        self._ranks, self._placing, self._line = Ranks(), Placing(), b""
        """The matchers and readers of each rank's lines, and the columns that envelopes tell."""
        self._header: Header | None = None
        """What stands before its message."""
        self._outer: tuple[bytes, Header] | None = None
        """The line at whose end it stands, and that one's header."""
        self._dispatch: Dispatch
        self._idle: IdleRedraws | None
        self.heads: list[bytes]
        """What a line begins with that may be a record; any other holds a needle or is an event."""
        self._use(tuple(fmt for fmt in self.formats if not fmt.weak))
        self._weak: WeakFormats | None = WeakFormats(self.formats)
        self._gate: Gate | None = None
        """What shuts out lines that nobody wants, made when the first one was declined."""
        self._asleep = False
        """Whether nobody waits for the next line."""
        self._readers += tuple((make(), fmt) for fmt in self.formats if fmt.weak for make in fmt.readers)
        self._bulk = bulk
        self.decoders: list[Decoder] = []
        """The bulk path of the settled format."""
        self.tables: list[Columns] = []
        """Its tables, whose plain rows are taken many at a time."""
        self.folded: BlockFold | None = None
        """The bulk path of its reader, in front of which it stands."""
        for fmt in (one for one in self.formats if one.name == settled):
            self._settle(fmt)

    def prime(self, lines: list[bytes]) -> None:
        """Show the first lines of a stream whose middle is read to those who look for something there."""
        headers = [(line, opened(line)) for line in lines]
        lines = [line if header is None else line[header.end :] for line, header in headers]
        for matcher in (matcher for fmt in self.formats for matcher in fmt.matchers):
            matcher.prime(lines)
        for reader, _ in self._readers:
            reader.prime(lines)

    def finish(self, offset: int, piece: Piece) -> None:
        """Take what the stream's end (or a break in it) completes."""
        self._flush_readers(offset, piece)
        if self._open and self.format is None:
            self._release(piece)
        learner = None if self.learner is None else self.learner.below(self._records)
        if learner is not None and (learned := learner.finish()) is not None:
            self._replay(learned, learner, piece)
        self._early.release(piece)
        piece.events += self.events.flush()

    def read(self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Parse one record that is not empty; return whether it told anything."""
        if len(line) > MAX_LINE:
            title = f"line {number} is longer than {MAX_LINE} bytes; the rest of it is not read"
            piece.events.append(Event("overlong", offset, number, title))
            line = line[:MAX_LINE]
        line = unwrapped(line) or line
        if UP not in line:
            return self._read_row(bare(line), offset, number, ordinal, piece)
        told = [self._read_row(text, offset + at, number, ordinal, piece) for at, text in rows(line)]
        return any(told)

    def _read_row(self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Parse the text of one row of the terminal: its message behind its envelope."""
        self._line, self._header = line, opened(line)
        line = line if self._header is None else line[self._header.end :]
        match = self._leading(self._line) if self._own or self._first else None
        if match is None and self._asleep and not self._ranks and self._shut.shuts_out(line):
            told = self._tell(self._line, offset, number, ordinal, piece)
            learned = self.learner is not None and self._learn(self.learner, line, offset, number, piece)
            return learned or told
        told = self._ask(match, line, offset, number, ordinal, piece)
        if self._open and match is None:  # else no reader was asked
            self._asleep = self._shut.asleep()
        return told

    def _ask(
        self, match: Match | None, line: bytes, offset: int, number: int, ordinal: int, piece: Piece
    ) -> bool:
        """Ask everyone about a message; `match` is what those that go first have found in its line."""
        reads = match is None and self._readers and (not self._asleep or self._shut.is_read(line))
        if reads and self._read(line, offset, number, piece):
            match = self._read_further(line, offset, number, ordinal, piece)
            if match is None:
                return True
        match = match or self._match(line)
        if self.format is not None:
            self._early.release(piece)
        elif self._hold_match(match, line, offset, number, piece):
            return True
        if match is not None:
            piece.add(*self._placed(match.layout, offset, number, values(self._line, match)))
            if match.layout.event:
                piece.events.append(Event(match.layout.event, offset, number, decode(self._line, 300)))
            if match.layout.kind != BAR:
                return True
        if b"%|" in line and (behind := message_behind(line)):
            return self._read_behind(behind, offset, number, ordinal, piece) or match is not None
        told = self._tell(self._line, offset, number, ordinal, piece)
        if match is None and self.learner is not None:
            return self._learn(self.learner, line, offset, number, piece) or told
        return match is not None or told

    def _read_behind(self, behind: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Read what stands behind a bar in the line that is read, and is of the same rank."""
        line, header, outer = self._line, self._header, self._outer
        self._outer = (line, header) if header is not None else outer
        told = self.read(behind, offset + len(line) - len(behind), number, ordinal, piece)
        self._line, self._header, self._outer = line, header, outer
        return told

    def _placed(
        self, layout: Layout, offset: int, number: int, numbers: list[float]
    ) -> tuple[Layout, int, int, list[float]]:
        """Return a record with what the line tells at whose end its own stands."""
        if self._outer is not None:
            layout, numbers = self._placing.row(layout, numbers, *self._outer)
        return layout, offset, number, numbers

    @property
    def quiet(self) -> bool:
        """Whether a line that the sieve holds back tells nothing."""
        busy = self._own or self._first or self.events.inside or self._ranks
        quiet = self._bulk and self._asleep and not busy
        return quiet and (self.learner is None or not self.learner.awake)

    @property
    def idle(self) -> IdleRedraws:
        """What finds the redraws of a block that tell nothing."""
        if self._idle is None:
            from runwatch.parsers.progress.idle import IdleRedraws

            self._idle = IdleRedraws(self._matchers, [reader for reader, _ in self._readers], self.events)
        return self._idle

    def idles(self, tells: Tells) -> bool:
        """Return whether redraws that tell so much tell no more: nothing waits for any line."""
        if self._own or self.events.inside or not self.idle.asleep(tells):
            return False
        return tells is tells.COUNT or self.learner is None or not self.learner.awake

    def pass_redraws(self, count: int) -> None:
        """Take note of redraws that no format knows, and that tell nothing new."""
        if self.learner is not None:
            self.learner = self.learner.below(self._records)
            self.learner.pass_over(count)

    def tell(self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Take the events of a record that was decoded; return whether it told any."""
        return self._tell(bare(line), offset, number, ordinal, piece)

    @property
    def wavers(self) -> bool:
        """Whether a format may yet be settled on, or take the place of the one that was."""
        return self._bulk and self._open

    def pass_over(self, lines: int) -> None:
        """Take note of lines that tell nothing."""
        if self.learner is not None:
            self.learner.pass_over(lines)

    @property
    def sieve(self) -> Sieve:
        """What finds the lines of a block that may tell something, while all is quiet."""
        from runwatch.parsers.prefilter.sieve import Sieve

        return Sieve(self._shut, self.events.heads)

    @property
    def needles(self) -> frozenset[bytes]:
        """What a record holds that does not begin with one of the heads."""
        return self._dispatch.needles

    def may_begin(self, line: bytes) -> bool:
        """Return whether the message behind an envelope may be a record."""
        if may_wrap(line):
            return True
        header = opened(line)
        return header is not None and (self.folded is not None or line.startswith(self._begins, header.end))

    @property
    def _matchers(self) -> tuple[Matcher, ...]:
        return self._dispatch.matchers + (self._weak.matchers if self._weak is not None else ())

    @property
    def _shut(self) -> Gate:
        if self._gate is None:
            self._gate = Gate(self._matchers, [reader for reader, _ in self._readers])
        return self._gate

    def _leading(self, line: bytes) -> Match | None:
        """Match a line with what goes before the readers: the users' formats, then the settled one."""
        match = self._match_own(line) if self._own else None
        for matcher in self._first if match is None else ():
            match = Enveloped(matcher).match(line) if self._header is not None else matcher.match(line)
            if match is not None:
                self.confirm(1)
                break
        return match

    def _read_further(
        self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece
    ) -> Match | None:
        """See what else a line tells that a reader took; return what another format makes of it."""
        if b"%|" in line and (behind := message_behind(line)):
            self._read_behind(behind, offset, number, ordinal, piece)
        if not tells_little(line):
            return None
        if self.sure is not None:
            return self._match(line)
        if self.learner is not None:
            self._learn(self.learner, line, offset, number, piece)
        return None

    def _tell(self, line: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Take the events of a line that is no record; return whether it told any or belongs to one."""
        found = self.events.feed(line, offset, number, ordinal)
        if found and self._readers and any(event.kind in {"finished", "over"} for event in found):
            self._flush_readers(offset - 1, piece)  # what was read so far is of the run that has ended
        piece.events += found or ()
        return found is not None

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
        """Give a line to the readers, the settled format's first; return whether it was theirs."""
        used = False
        rank = self._header.key(self._line) if self._header is not None else b""
        for reader, fmt in self._readers:
            if not rank and self._ranks and reader.observes:
                for one in self._ranks.readers((fmt.name, _place(self._readers, reader, fmt))):
                    one.observe(line)
            rows = (self._of_rank(rank, reader, fmt) if rank else reader).feed(line, number)
            if rows is not None:
                used = True
                self._take_rows(fmt, rows, offset, piece)
                if not self._open or fmt is self.format:
                    break
        return used

    def _of_rank(self, rank: bytes, reader: Reader, fmt: Format) -> Reader:
        """Return the reader of the lines of a rank, which the header of the newest line tells."""
        index = _place(self._readers, reader, fmt)
        line, header = self._line, cast("Header", self._header)
        return self._ranks.copy(
            rank,
            (fmt.name, index),
            reader,
            lambda: RankedReader(reader.of_rank() or fmt.readers[index](), line, header),
        )

    def _flush_readers(self, offset: int, piece: Piece) -> None:
        """Take the records that were not complete yet."""
        readers = self._readers
        for reader, fmt in readers:
            for one in (reader, *self._ranks.readers((fmt.name, _place(readers, reader, fmt)))):
                self._take_rows(fmt, one.flush(), offset, piece)

    def _take_rows(self, fmt: Format, rows: list[Row], offset: int, piece: Piece) -> None:
        """Take a reader's records, at the place where they were completed."""
        for row in rows:
            if self._open and fmt.weak and fmt is not self.format:
                self._hold(fmt, Held(row.layout, offset, row.line, row.values), piece)
                continue
            if self._open and row.layout.kind == TRAIN:
                self._settle(fmt)
            piece.add(*self._placed(row.layout, offset, row.line, row.values))

    def _match(self, line: bytes) -> Match | None:
        if b"%|" in line:
            match = _BAR.match(self._line, 0 if self._header is None else self._header.end)
            if match is not None:
                return match
        asleep = self._asleep and not self._ranks
        found = self._dispatch.first(self._line, self._header, training=self._open, asleep=asleep)
        if found is None:
            return None
        layout = found.match.layout
        if self.format is None and layout.kind == EVAL and not _LOSSES.isdisjoint(layout.names):
            return None  # what tells the loss of training is no evaluation of a format that is not known
        if layout.kind == TRAIN:
            self._records += 1
            self._settle(found.format, logged=found.logged)
        return found.match

    def _settle(self, fmt: Format, *, logged: bool = False) -> None:
        """Settle on a format, one of whose training steps has just been recognised.

        A weak format may yet turn out to be what another one prints beside its own
        lines: then the other one takes its place, unless many records have spoken for the first.
        """
        if not self._open:
            return
        if fmt is self.format:
            self._told += 1
            if self._told < _SURE_RECORDS:
                return
            self._open = False
        else:
            self.format, self._open, self._told = fmt, fmt.weak, 0
            self.learner = self.sure = self.certainty = None
            self.events.use(fmt.markers)
        others = tuple(other for other in self.formats if not other.weak) if self._open else ()
        self._use((fmt, *others), logged=None if fmt.weak else logged or fmt.logged)
        self._weak = None
        if not self._open:
            self._own = ()  # or they are among the matchers now
            self.formats = (fmt,)  # the others, of which every source has its own, are let go
        self._gate, self._asleep = None, False
        matchers = self._dispatch.matchers
        self._first = tuple(m for m, of in self._dispatch.owned if self._open and of is fmt and trains(m))
        known, self.decoders, self.tables = self.decoders, [], []
        if self._bulk and (not self._readers or self._open) and not self._own:
            from runwatch.parsers.bulk import decoders

            self.decoders = decoders(self._first if self._open else matchers, known)
            if not self._open:
                self.tables = [matcher for matcher in matchers if isinstance(matcher, Columns)]
        alone = not self._ranks and len(self._readers) == 1
        if self._bulk and not self._open and not fmt.matchers and alone:
            reader = self._readers[0][0]
            self.folded = reader.bulk()
            if isinstance(reader, FoldingReader):
                from runwatch.parsers.folding import Folded

                self.folded = Folded(reader)
            if self.folded is not None:
                self._readers = ((self.folded, fmt),)
                self.heads = [*self.events.heads, b"^"]

    def confirm(self, records: int) -> None:
        """Count training records of the format that was settled on."""
        self._records += records
        if self._open and self.format is not None and records:
            self._told += records - 1
            self._settle(self.format)

    def _hold_match(self, found: Match | None, line: bytes, offset: int, number: int, piece: Piece) -> bool:
        """Hold an early evaluation, or what weak formats read in a line that no other format knows."""
        if found is not None:
            early = self._early.hold(self._line, found, offset, number)
            if early and self.learner is not None:
                self._learn(self.learner, line, offset, number, piece)
            return early
        used = False
        for fmt, match in self._weak.read(self._line) if self._weak is not None else ():
            used = True
            self._hold(
                fmt, Held(*self._placed(match.layout, offset, number, values(self._line, match))), piece
            )
            if self._weak is None:
                break  # settled
        return used

    def _hold(self, fmt: Format, held: Held, piece: Piece) -> None:
        """Keep a weak format's record back until there are enough of them and nothing better came."""
        elsewhere = self.learner is not None and self.learner.saw_loss
        if self._weak is not None and self._weak.hold(fmt, held, elsewhere=elsewhere):
            self._release(piece)

    def _release(self, piece: Piece) -> None:
        """Settle on the first weak format that has read training steps, and give them out."""
        due = self._weak.due() if self._weak is not None else None
        if due is None:
            return
        fmt, rows = due
        if not tell_loss(rows) and self._prefer_learned(piece):
            return
        self._settle(fmt)
        for row in rows:
            piece.add(*row)

    def _prefer_learned(self, piece: Piece) -> bool:
        """Settle on a learnt format that reads a loss, where the weak one that is due tells none."""
        learner = self.learner
        if learner is None or not learner.saw_loss:
            return False
        learned = learner.finish()
        if learned is None or not learner.reads_loss:
            return False
        self._replay(learned, learner, piece)
        return True

    def _learn(self, learner: Learner, line: bytes, offset: int, number: int, piece: Piece) -> bool:
        """Show the learner a line that no format knows; return whether it now turns out to be a record."""
        self.learner = learner = learner.below(self._records)
        learned = learner.see(line, offset, number, self._line, self._header)
        if learned is None:
            return False
        self._release(piece)  # a weak format is better than none that is known
        return self.learner is learner and self._replay(learned, learner, piece)

    def _replay(self, learned: Format, learner: Learner, piece: Piece) -> bool:
        """Settle on a learnt format and take the records it was learnt from; return if the newest is one.

        They stand before this piece, and lines that were counted as not understood no longer are.
        """
        self._open = True  # another stage of a learnt format takes its place
        self._settle(learned)
        self._early.release(None)
        self.sure, self.certainty = learner.sure, learner.certainty
        self.learner = Relearner.behind(learner, learned)
        self._records, (newest, self.understood) = 0, learner.replay(learned.matchers[-1], piece)
        return newest

    def _use(self, formats: tuple[Format, ...], *, logged: bool | None = None) -> None:
        """Ask the matchers and readers of `formats` from now on; see Dispatch for `logged`."""
        self._dispatch, self._idle = Dispatch(formats, logged, self._behind, self._ranks), None
        known = self._readers  # they know what stood before
        self._readers = tuple(
            pair
            for fmt in formats
            for pair in [one for one in known if one[1] is fmt] or [(make(), fmt) for make in fmt.readers]
        )
        heads = self._dispatch.heads
        told = (*(heads or ()), *self.events.heads, b"^")  # or an echoed key
        self._begins = tuple(told)
        self.heads = [b""] if self._readers or heads is None else list(dict.fromkeys(told))


def _place(readers: tuple[tuple[Reader, Format], ...], reader: Reader, fmt: Format) -> int:
    """Return which of the readers of its format one is."""
    return next(i for i, one in enumerate(of for of, owner in readers if owner is fmt) if one is reader)
