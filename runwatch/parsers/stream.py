"""What a source's bytes are: a log, a log in UTF-16, a JSON document, or a tracker's records.

Decided by how they begin.

Whatever they turn out to be, the batches depend on the bytes alone, not on the pieces they come in.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from enum import Enum, auto
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from runwatch.core.batch import Batch, Event
from runwatch.parsers.api import Format
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.detect.layout_drift import RECORDS
from runwatch.parsers.document import Document, parse
from runwatch.parsers.framing.record_files import FRAMINGS, framing, may_be_framed
from runwatch.parsers.resume_state import ResumeState
from runwatch.parsers.resume_state import row as known_by
from runwatch.parsers.structured.keyed_records import RecordReader
from runwatch.parsers.trackers.record_stream import Known, RecordFile

if TYPE_CHECKING:
    from runwatch.parsers.log import LogParser

MAX_DOCUMENT = 32 << 20
"""A longer document is taken for a log."""
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}(?:(\{)\s{0,256}[\"}]|(\[)\s{0,256}\{)")
_UNSURE = re.compile(rb"(?:\xff|\xfe|\xef\xbb?|(?:\xef\xbb\xbf)?\s{0,64}(?:[\[{]\s{0,256})?)\Z")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Formats = Sequence[Format] | Callable[[], Sequence[Format]]
"""Formats, or what returns them once a stream turns out to be a log: records need none."""


class _Is(Enum):
    UNSURE = auto()
    LOG = auto()
    DOCUMENT = auto()
    RECORDS = auto()


class StreamParser:
    """Parses one source's stream, whatever it is. A parser of logs with a look at the beginning."""

    def __init__(
        self,
        formats: Formats | None = None,
        *,
        bulk: bool = True,
        start: int = 0,
        first_line: int = 1,
        settled: str | None = None,
        origin: int = 0,
        resume_state: ResumeState | None = None,
    ) -> None:
        """See LogParser; a stream that is continued behind its first line is a log's.

        Or it is a file of records, which `settled` or `prime` says: of those `origin` is
        the stream's byte at which the file begins. `resume_state` is what a predecessor reported.
        """
        self._formats = formats
        self._bulk = bulk
        self._settled = settled
        self._kind = _Is.UNSURE if first_line == 1 else _Is.LOG
        self._held = bytearray()
        """The bytes of a document that is not complete yet, or of a beginning that shows nothing yet."""
        self._closing = b"}"
        self._looked = 0
        """How many of them hold no end of the document."""
        self._tried = 0
        self._offset = start
        """Where the held bytes begin in the stream, or the log."""
        self._text: codecs.IncrementalDecoder | None = None
        self._format: str | None = None
        self._reported = resume_state or ResumeState()
        """Entries of the document that were reported already, and the newest of them."""
        self._origin = origin
        self._first_line = first_line
        self._records: RecordFile | None = None
        self._known: Known | None = None
        """A file of records that was read until the stream broke."""
        for kind in FRAMINGS:
            if kind.format == settled:
                self._begin(RecordFile(kind, start=start, origin=origin, first_line=first_line))

    @cached_property
    def _log(self) -> LogParser:
        """The parser of what is a log from the beginning on, made when it is needed: it is large."""
        log = self._begun(self._offset, first_line=self._first_line, settled=self._settled)
        if self._reported.rows:
            log.recall(self._reported)
        if self._reported.counters is not None:
            log.count_on(self._reported.counters)
        return log

    @property
    def format(self) -> str | None:
        """Name of the detected format, or None while unsure."""
        return self._records.format if self._records else self._format or self._log.format

    @property
    def certainty(self) -> float | None:
        """How likely a learned format reads step and loss right; see LogParser."""
        return self._log.certainty

    @property
    def held(self) -> int:
        """Bytes of an unfinished line or document that a successor has to be fed again."""
        if self._records is not None:
            return self._records.held
        held = len(self._held) + self._log.held
        return 2 * held + len(self._text.getstate()[0]) if self._text else held  # UTF-16 as ASCII here

    @property
    def unfinished(self) -> bytes:
        """The unfinished line of a log, which a successor has to be fed if it is in no file any more."""
        if self._text is not None or self._kind not in (_Is.LOG, _Is.UNSURE):
            return b""
        return self._log.framing.unfinished + self._held

    @property
    def resume_state(self) -> ResumeState:
        """What a successor has to know of a document or table that may be written again."""
        if self._records is not None:
            return self._reported
        reported = self._log.resume_state
        return (
            reported if reported.rows else msgspec.structs.replace(self._reported, counters=reported.counters)
        )

    @property
    def place(self) -> tuple[int, int]:
        """Stream offset and line number at which the next record begins."""
        return self._log.place if self._records is None else self._records.place

    def prime(self, head: bytes, recent: bytes = b"") -> None:
        """Show how the stream begins, where it is continued; see LogParser.prime and warm.

        `recent` are the newest bytes before the start: the state is in them. In a file of
        records whose format is not settled, no record need begin at the start.
        """
        if head[:2] in _UTF16 and self._offset > self._origin:
            name = "utf-16-le" if head[:1] == b"\xff" else "utf-16-be"
            self._text = codecs.getincrementaldecoder(name)("replace")
            head, recent = (
                part.decode(name, "replace").encode() for part in (head, recent[len(recent) % 2 :])
            )
        kind = framing(head)
        if kind is None:
            self._log.prime(head)
            if recent and not self._reported.rows:
                self._kind = _Is.LOG
                self._log.warm(head, recent, whole=len(recent) == self._offset - self._origin)
                if self._reported.counters is not None:
                    self._log.count_on(self._reported.counters)
        elif self._records is not None:
            self._records.prime(head, recent)
        elif self._offset > self._origin:
            line = self._first_line
            start, origin = self._offset, self._origin
            self._begin(RecordFile(kind, start=start, origin=origin, first_line=line, inside=True))
            self.prime(head, recent)

    def feed(self, data: bytes, *, tail: int = 0) -> Batch:
        """Parse the next bytes of the stream; see LogParser.feed."""
        return self._feed(self._text.decode(data).encode() if self._text else data, tail)

    @property
    def recent(self) -> bytes:
        """The newest whole lines of a log that are kept: they show whether the unfinished one was cut."""
        return self._log.framing.recent

    def remember(self, recent: bytes) -> None:
        """Take these for the newest whole lines."""
        self._log.framing.recent = recent

    def flush(self) -> Batch:
        """Take what is unfinished as all there will be of it: the stream ends or breaks here."""
        if self._records is not None:
            return self._records.flush()
        held = self._look(final=True) if self._kind is not _Is.LOG else None
        rest = self._log.flush()
        return rest if held is None else joined(held, rest)

    def provisional(self) -> Batch:
        """Return what `flush` would, and stay as it is: what is held back until more bytes come.

        They may change it, so that what they show takes its place.
        """
        log = self._kind is _Is.LOG and self._records is None
        if log and not self._log.holds_back:
            return Batch(start=self._log.place[0], end=self._log.place[0], format=self.format)
        return deepcopy(self, {id(self._formats): self._formats}).flush()

    def break_off(self) -> Batch:
        """Take what comes next as the beginning of another file: lines and documents start again."""
        batch = self.flush()
        self._text = None
        if self._records is not None:
            self._known, self._records = self._records.known, None
            self._log = self._begun(batch.end)
        self._log.break_off()
        self._kind, self._offset, self._tried, self._looked = _Is.UNSURE, batch.end, 0, 0
        return batch

    def turn(self) -> bool:
        """Take what comes next as the same log in another file, lines from one; False if this is no log."""
        if self._kind not in (_Is.LOG, _Is.UNSURE):
            return False
        self._log.turn()
        return True

    def _feed(self, data: bytes, tail: int) -> Batch:
        if self._records is not None:
            return self._records.feed(data, tail=tail)
        if self._kind is _Is.LOG:
            return self._log.feed(data, tail=tail)
        if self._kind is _Is.UNSURE and not self._held and self._text is None and _is_log(data):
            self._kind = _Is.LOG  # most streams are: without a copy
            return self._log.feed(_unmarked(data), tail=tail)
        self._held += data
        return self._look(tail=tail)

    def _begun(
        self, start: int, *, first_line: int = 1, settled: str | None = None, learn: bool = True
    ) -> LogParser:
        from runwatch.parsers.log import LogParser

        formats = self._formats() if callable(self._formats) else self._formats
        bulk = self._bulk
        return LogParser(formats, bulk=bulk, start=start, first_line=first_line, settled=settled, learn=learn)

    def _begin(self, records: RecordFile) -> None:
        self._records, self._kind = records, _Is.RECORDS

    def _look(self, *, tail: int = 0, final: bool = False) -> Batch:
        """Decide what the held bytes are, if they show it; parse them if so."""
        held = self._held
        if self._kind is _Is.UNSURE:
            if held[:2] in _UTF16 and self._text is None:
                self._text = codecs.getincrementaldecoder("utf-16")("replace")
                held[:] = self._text.decode(bytes(held)).encode()
            if (_UNSURE.match(held) or may_be_framed(held)) and not final:
                return self._nothing()
            kind = framing(held) if self._text is None else None
            if kind is not None:
                start = self._offset
                self._begin(RecordFile(kind, start=start, origin=start, before=self._known))
                data = bytes(held)
                held.clear()
                return self._feed(data, tail)
            opening = _OPENING.match(held)
            self._kind = _Is.DOCUMENT if opening else _Is.LOG
            self._closing = b"}" if opening and opening[1] else b"]"
        if self._kind is _Is.DOCUMENT:
            found = self._complete(final=final)
            if isinstance(found, _Is):
                self._kind = found
            else:
                return self._report(*found, tail)
        if self._kind is _Is.DOCUMENT:
            return self._nothing()
        data = _unmarked(bytes(held))
        held.clear()
        return self._log.feed(data, tail=tail)

    def _complete(self, *, final: bool) -> tuple[Document, int] | _Is:
        """Return the document and its length; LOG if this is none, DOCUMENT if its end has not come yet.

        It ends with the first line if that closes what it opens, else with a line that
        begins with the closing bracket.
        """
        held = self._held
        line = held.find(b"\n")
        ends: Iterable[int]
        if line >= 0 and held[:line].rstrip().endswith(self._closing):
            ends, final = (line,), True
        else:
            ends = chain(self._closings() if line >= 0 else (), (len(held),) if final else ())
        for end in ends:
            found = parse(bytes(held[:end])) if end <= MAX_DOCUMENT else "other"
            if isinstance(found, Document):
                return found, end
            if found == "other":
                return _Is.LOG
        return _Is.LOG if final or len(held) > MAX_DOCUMENT else _Is.DOCUMENT

    def _closings(self) -> Iterator[int]:
        """Yield where the document may end; ever more rarely, so that the trials stay affordable."""
        while (at := self._held.find(b"\n" + self._closing, self._looked)) >= 0:
            self._looked = at + 1
            if at >= 2 * self._tried:
                self._tried = at
                yield at + 2
        self._looked = max(self._looked, len(self._held) - 1)

    def _report(self, document: Document, size: int, tail: int) -> Batch:
        """Return the entries that an earlier writing of the document did not hold."""
        held = bytes(self._held)
        self._held.clear()
        self._kind = _Is.LOG
        self._format = document.format.name
        entries, seen = document.entries, self._reported.rows
        known = 0 < seen <= len(entries) and self._reported.knows(entries[seen - 1].numbers)
        self._reported = ResumeState(len(entries), len(entries), known_by(entries[-1].numbers))
        piece = Piece(self._offset)
        if document.settings:
            piece.events.append(Event("facts", self._offset, 1, "settings", data=document.settings))
        reader = RecordReader(document.format.schema)
        for entry in entries[seen if known else 0 :]:
            match = reader.read(entry.numbers)
            if match is None or match.stored is None:
                continue
            offset, line = self._offset + entry.at, 1 + entry.line
            piece.add(match.layout, offset, line, list(match.stored))
            if match.layout.event:
                piece.events.append(Event(match.layout.event, offset, line, "Training finished"))
        piece.lines = held.count(b"\n", 0, size)
        if document.finished and all(event.kind != "finished" for event in piece.events):
            at = self._offset + size - 1, 1 + held.count(b"\n", 0, size - 1)
            piece.events.append(Event("finished", *at, "Training finished"))
        batch = piece.batch(self._offset + size, self._format)
        self._log = self._begun(batch.end, first_line=piece.lines + 1, learn=False)
        return joined(batch, self._log.feed(held[size:], tail=tail))

    def _nothing(self) -> Batch:
        return Batch(start=self._offset, end=self._offset, format=self.format)


def _is_log(head: bytes) -> bool:
    """Return whether a stream that begins so is a log and nothing else."""
    return not (
        head[:2] in _UTF16
        or _UNSURE.match(head)
        or _OPENING.match(head)
        or may_be_framed(head)
        or framing(head)
    )


def _unmarked(head: bytes) -> bytes:
    """Return a stream's beginning with an escape sequence, which shows nothing, for UTF-8's byte order mark.

    It is as long, so that all that follows keeps its place.
    """
    return b"\x1b[m" + head[3:] if head[:3] == codecs.BOM_UTF8 else head


def joined(first: Batch, rest: Batch) -> Batch:
    """Return two batches that follow each other as one."""
    known = any(table.kind in RECORDS and table.rows for table in rest.tables)
    before = (0, 0) if known else (first.strange, first.strange_from)
    return Batch(
        start=first.start,
        end=rest.end,
        tables=first.tables + rest.tables,
        events=first.events + rest.events,
        lines=first.lines + rest.lines,
        unparsed=first.unparsed + rest.unparsed,
        format=first.format or rest.format,
        printed={**first.printed, **rest.printed},
        tail=first.tail + rest.tail,
        strange=before[0] + rest.strange,
        strange_from=before[1] or rest.strange_from,
    )
