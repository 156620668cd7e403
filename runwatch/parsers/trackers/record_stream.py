"""A file of records (a W&B log, a TensorBoard event file) as a source's stream: bytes to batches.

A line number is a record's number here. What the end holds of an unfinished record
is waited for and never read. A file that is written again from its beginning, with
the same beginning, continues where it was: only what is new is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runwatch.core.batch import Batch, Event
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.framing.record_files import LevelDbLog, TFRecords

if TYPE_CHECKING:
    from runwatch.parsers.trackers.tensorboard import EventDecoder
    from runwatch.parsers.trackers.wandb.log import WandbDecoder

_HEAD = 512
"""Bytes by which a file is known again."""
_MAX_WARNINGS = 100


class Known(NamedTuple):
    """A file that was read before."""

    kind: type[LevelDbLog] | type[TFRecords]
    head: bytes
    sent: int
    """Bytes of it whose records were reported."""


class RecordFile:
    """Parses one file's records. Memory is bounded by the size of a piece and MAX_RECORD."""

    def __init__(
        self,
        kind: type[LevelDbLog] | type[TFRecords],
        *,
        start: int,
        origin: int,
        first_line: int = 1,
        inside: bool = False,
        before: Known | None = None,
    ) -> None:
        """`origin` is the stream's byte at which the file begins, `start` the one that comes first.

        `inside`: no record need begin at `start`. `before` is what was read at this place
        until the stream broke.
        """
        self.kind = kind
        self._framing = kind(start, origin, inside=inside)
        self._decoder = _decoder(kind)
        self._origin = origin
        self._end = start
        self._line = first_line
        self._head = b""
        self._grows = start == origin
        """Whether the head is still coming."""
        self._before = before if before is not None and before.kind is kind and before.head else None
        self._waiting = b""
        self._sent_until = start
        """Records before this byte of the stream are known."""
        self._warnings = 0

    @property
    def format(self) -> str:
        """Name of the format."""
        return self.kind.format

    @property
    def held(self) -> int:
        """Bytes behind the last complete record, which a successor has to be fed again."""
        return self._framing.held + len(self._waiting)

    @property
    def place(self) -> tuple[int, int]:
        """Stream offset and number at which the next record begins."""
        return self._end - self.held, self._line

    @property
    def known(self) -> Known:
        """What is to be remembered of this file when the stream breaks."""
        reported = max(self.place[0], self._sent_until) - self._origin
        return Known(self.kind, self._head, reported)

    def prime(self, head: bytes, recent: bytes) -> None:
        """Show how the file begins (names) and the bytes just before the start (how far each metric is)."""
        self._head = head[:_HEAD]
        start = self._end
        recent = recent[-(start - self._origin) :] if start > self._origin else b""
        shown = [(head[: start - len(recent) - self._origin], self._origin), (recent, start - len(recent))]
        for data, at in shown:
            found = self.kind(at, self._origin, inside=at > self._origin).feed(data)
            self._decoder.decode(found.records, 1, Piece(0))

    def feed(self, data: bytes, *, tail: int = 0) -> Batch:
        """Parse the next bytes; with `tail`, carry that many newest console lines along."""
        begin = self.place[0]
        self._end += len(data)
        if self._grows and len(self._head) < _HEAD:
            self._head += data[: _HEAD - len(self._head)]
        if self._before is not None:
            self._waiting += data
            if len(self._head) < len(self._before.head) and self._before.head.startswith(self._head):
                return Piece(begin).batch(self.place[0], self.format)
            if self._head.startswith(self._before.head):
                self._sent_until = self._origin + self._before.sent
            data, self._waiting, self._before = self._waiting, b"", None
        piece = Piece(begin)
        records, damages = self._framing.feed(data)
        line, until = self._line, self._sent_until
        self._line += len(records)
        if begin < until:
            known, records = records.split(until)
            self._decoder.decode(known, line, Piece(begin))
        shown = self._decoder.decode(records, self._line - len(records), piece)
        piece.lines = len(records)
        for damage in damages:
            if damage.offset >= until:
                title = f"{damage.title} (byte {damage.offset - self._origin:,} of the file)"
                piece.events.append(Event("damaged", damage.offset, line + damage.after, title))
        piece.events.sort(key=lambda event: event.offset)
        piece.events = [event for event in piece.events if event.kind != "damaged" or self._warns()]
        return piece.batch(self.place[0], self.format, shown[-tail:] if tail else ())

    def flush(self) -> Batch:
        """Take the stream for ended: an unfinished record is none."""
        piece = Piece(self.place[0])
        self._decoder.flush(piece)
        return piece.batch(self.place[0], self.format)

    def _warns(self) -> bool:
        """Return whether there may be one more warning."""
        self._warnings += 1
        return self._warnings <= _MAX_WARNINGS


def _decoder(kind: type[LevelDbLog] | type[TFRecords]) -> WandbDecoder | EventDecoder:
    if kind is LevelDbLog:
        from runwatch.parsers.trackers.wandb.log import WandbDecoder

        return WandbDecoder()
    from runwatch.parsers.trackers.tensorboard import EventDecoder

    return EventDecoder()
