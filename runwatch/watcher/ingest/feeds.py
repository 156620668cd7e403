"""What a worker reads of logs: each step sends what is new."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial

from runwatch.core import text
from runwatch.core.batch import Batch
from runwatch.core.errors import SourceError
from runwatch.parsers.api import Format
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser, joined
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.record_times import newest
from runwatch.watcher.ingest.resting import Resting
from runwatch.watcher.sources import discover, misnamed
from runwatch.watcher.sources.member import SCHEME, TENSORBOARD, WANDB
from runwatch.watcher.sources.rotated_history import RotatedFiles
from runwatch.watcher.sources.tail import Mark, Piece, Position, Tail

PREVIEW_BYTES = 1 << 18
"""Newest bytes shown before a history longer than this is read."""
PREVIEW_EVERY = 0.5
"""Seconds between previews while a long history is read."""
TOGETHER = 3 << 20
"""Bytes of history that are reported at once, unless they contain much: the engine's work goes by batches."""
MUCH = 3 << 17
"""Bytes of columns that are reported at once."""
LOG_LINES = 400
HEAD_BYTES = 1 << 16
RECENT_BYTES = 1 << 16
"""Bytes before the place where a predecessor stopped that show the state there."""
MAX_UNFINISHED = 4096
"""Bytes of an unfinished line that a successor receives."""
NEWS = 300.0
"""Seconds after its last write for which a file that appears is news, not history, and its parser is kept."""
_BREAKS = {
    Mark.ROTATED: "rotated",
    Mark.COPIED: "rotated",
    Mark.TRUNCATED: "truncated",
    Mark.REPLACED: "replaced by another file",
    Mark.REWRITTEN: "rewritten in place",
    Mark.LATE: "written to after it was renamed",
}
_GONE = os.strerror(errno.ENOENT)

Send = Callable[[wire.Message], None]


class LogSource:
    """One log file: its tail, its parser, and how much of it is history."""

    def __init__(
        self,
        found: discover.Found,
        resume: wire.Resume | None = None,
        formats: Callable[[], Sequence[Format]] = catalogue,
        settled: str | None = None,
        older: Sequence[str] = (),
    ) -> None:
        """`resume` says where a predecessor stopped, `settled` the format if a person named it.

        `formats` returns those that a log may have; a tracker's file needs none.

        `older` are files that may have been rotated away from it, the newest first.
        """
        self.path, self.name, self.member = found
        self.id = source_id(found.path)
        self._formats, self._settled = formats, settled
        self._place = resume.position if resume is not None else None
        """Where a predecessor stopped, until the file is there."""
        self._tail = Tail.resume(found.path, self._place)
        try:
            self._tail.last_block(0)  # opens it
        except SourceError as error:
            self._tail.problem = _cause(error)
        self._make = partial(StreamParser, formats, settled=settled)
        if resume is not None and self._place is not None:
            self._make = self._successor(resume, self._place)
        backlog = self._tail.backlog
        self.history = backlog if resume is None else min(resume.history, backlog)
        """Bytes that were there before anyone watched; 0 once they are read."""
        self.late = 0 if resume is None else backlog - self.history
        """Bytes behind them that were written while nobody watched."""
        self.older = RotatedFiles(found.path, older) if older else None
        """What precedes it in other files, until that is read."""
        self._unfinished = b"" if resume is None else resume.unfinished
        """What a predecessor had read behind the place, until something was read."""
        self._before = b"" if resume is None else resume.before
        """The lines before that."""
        self._carried = b"" if resume is None else resume.carried
        """What of it is in a file before this one, until something was read."""
        self._reported = False
        """Whether the engine knows where this is."""
        self._resting = Resting()
        self._read_until: float | None = None
        """Until when all that was written has been read, on the monotonic clock; None before that was so."""
        self._newest: float | None = None
        """Unix time of the newest record, if records have one."""
        self.rested = False
        """Whether it was closed once and its parser let go."""
        self._previewed: tuple[float, float, int] = (0.0, 0.0, -1)
        """When a preview was sent last, the seconds it took, and where the file ended then."""
        self._problem: str | None = None
        self._read = False
        """Whether the path could be read once."""
        self._opened_blind = self._tail.problem is not None
        """Whether it could not be read when it was opened, as the engine knows, and no look followed."""
        self._gathered: Batch | None = None
        """History that was read and not reported yet."""
        self._recent: Batch | None = None
        """What the newest bytes contained when it was opened, until that was shown."""
        if self.history and self._dated:
            self._recent = self._parse(*self._tail.last_block(RECENT_BYTES))
            self._date(self._recent)

    @cached_property
    def _parser(self) -> StreamParser:
        """Its parser, made when there is something to parse: that of a file that says nothing is large."""
        return self._make()

    def _successor(self, resume: wire.Resume, place: Position) -> partial[StreamParser]:
        """Return a maker of the parser that continues where another stopped."""
        return partial(
            StreamParser,
            self._formats,
            start=resume.offset,
            first_line=resume.line,
            settled=resume.format or self._settled,
            origin=resume.offset - place.offset,
            resume_state=resume.resume_state,
        )

    @property
    def behind(self) -> bool:
        """Whether there is more to be read at once than was read at the last step."""
        return self.left > 0 or self._tail.backlog > 0

    @property
    def files(self) -> int:
        """Files that it holds open."""
        return self._tail.files + (self.older is not None and self.older.is_open)

    @property
    def is_parsing(self) -> bool:
        """Whether it has a parser."""
        return "_parser" in vars(self)

    def close(self) -> bool:
        """Close its file until it changes; return False if it cannot be closed now."""
        return (self.older is None or not self.older.is_open) and self._tail.rest()

    def shut(self) -> None:
        """Close all of it: it is read no longer."""
        self._tail.close()

    def rest(self) -> bool:
        """Let go of the parser too, as if a successor was to continue; return False if that cannot be now."""
        return self._released() is not None

    def _released(self) -> StreamParser | None:
        """Return the parser, not needed any more as a successor can continue; None if that cannot be now."""
        if self.left or not self._reported:
            return None
        parser = self._parser
        if parser.held and not self._tail.files:
            self._tail.last_block(0)  # opens it: the place before the unfinished line has to be known
        if self._tail.elsewhere(parser.held):  # a part of that line is in a copy that is read
            return None
        if not self._tail.rest(parser.held):
            return None
        resume = self._resume()
        if resume.position is not None:
            self._make = self._successor(resume, resume.position)
        self._place, self._unfinished, self._before = resume.position, resume.unfinished, resume.before
        del self._parser
        self.rested = True
        return parser

    @property
    def _called(self) -> str:
        """What to call it in a message: the run, and its file where the run is not called after that."""
        own = text.path(os.path.basename(self.path))
        alone = not self.member.group and own.startswith(self.name.rpartition("/")[2])
        return self.name if alone else f"{self.name} ({own})"

    @property
    def problem(self) -> str:
        """Why it cannot be read, in the system's words; "" if it can."""
        return self._tail.problem or ""

    @property
    def left(self) -> int:
        """Bytes to be read until all is known that was there at the beginning."""
        return self.history + self.late + (self.older.left if self.older is not None else 0)

    @property
    def owes(self) -> bool:
        """Whether it has yet to send what its parser holds back, once it rests."""
        return self._resting.due

    @property
    def is_resting(self) -> bool:
        """Whether it rests, and has yet to send what its parser holds back."""
        return self.owes and self._resting.rests(self.written())

    def arrived(self, since: float | None = None) -> None:
        """Take what it holds for new: it appeared while its directory was watched.

        Or after Unix time `since`, when somebody had watched last.
        """
        self.older = None
        written = self.written()
        if since is not None:
            if written is not None and written >= since:
                self.history, self.late = 0, self.history
        elif written is None or time.time() - written < NEWS:
            self.history = 0

    def step(self, send: Send) -> bool:
        """Read and send the next block; return False if there is nothing new."""
        if self.history and (self.older is not None or self._tail.backlog > PREVIEW_BYTES):
            self._preview(send)
        if self.older is not None:
            return self._read_older(self.older, send)
        if self._place is not None and self._tail.changed():
            self._go_on(self._place)
        polled, piece = time.monotonic(), self._poll(send)
        self._report_problem(send)
        if piece is None:
            self._idle(send)
            self._read_until = polled
            return False
        before: Batch | None = None
        count, piece = len(piece.data), self._continued(piece)
        if piece.mark is not None:
            if not self.path.endswith(".json"):  # a document is written whole, again and again
                send(wire.Note(self.id, f"{self._called} was {_BREAKS[piece.mark]}{_lost(piece.lost)}"))
            before = self._turn(piece.mark)
            if self.history:
                self._send(send, before or self._parser.feed(b""), live=False, whole=False)
                self.history, before = 0, None
        live, late = not self.history, bool(self.late and not self.history)
        if live:
            self.late = max(0, min(self.late - count, self._tail.backlog))
        else:
            self.history = max(0, min(self.history - count, self._tail.backlog))
        batch = self._parser.feed(piece.data, tail=LOG_LINES)
        batch = batch if before is None else joined(before, batch)
        if self.history and self._gather(batch):
            return True
        self._send(send, batch, live=live, late=late)
        if not self.behind:
            self._read_until = polled
            self._rest_if_due(send)  # it may have rested for days
        return True

    def _idle(self, send: Send) -> None:
        """Send where it is, once, and what the parser holds back."""
        if self.left or not self._reported:  # it was cut meanwhile, or there is nothing in it yet
            live, self.history, self.late = not self.history, 0, 0
            self._send(send, self._parser.feed(b""), live=live)
        else:
            self._rest_if_due(send)

    def _rest_if_due(self, send: Send) -> None:
        if self.is_resting and self.is_parsing:
            over = self._released() if self._is_old else None
            self._resting.report(send, self.id, over or self._parser, last=over is not None)

    @property
    def _is_old(self) -> bool:
        """Whether nothing was written for so long that it will hardly be continued."""
        written = self.written()
        return written is not None and time.time() - written >= NEWS

    def _continued(self, piece: Piece) -> Piece:
        """Return what the parser is to be fed: first what a predecessor had read and no place leads to.

        The line that it held begins the text, or that is another text than the predecessor's.
        """
        unfinished, before, carried = self._unfinished, self._before, self._carried
        self._unfinished = self._before = self._carried = b""
        if piece.mark is None and not piece.data.startswith(unfinished[len(carried) :]):
            piece = replace(piece, mark=Mark.TRUNCATED)
        if piece.mark not in (None, Mark.COPIED):  # the line ends where it was cut
            if unfinished or carried:
                self._parser.remember(before)
                self._parser.feed(max(unfinished, carried, key=len))
            carried = b""
        return replace(piece, data=carried + piece.data)

    def _turn(self, mark: Mark) -> Batch | None:
        """Take what comes next as the beginning of a file: one that continues the last, or a new one."""
        if mark is Mark.COPIED and self._parser.turn():
            return None
        return self._parser.break_off()

    def _poll(self, send: Send) -> Piece | None:
        """Return what the file holds next; what was gathered is sent before a problem is."""
        try:
            return self._tail.poll()
        except SourceError as error:
            if self._gathered is not None:
                self._send(send, self._parser.feed(b""), live=False)
            self._tail.problem = _cause(error)
            return None

    def _gather(self, batch: Batch) -> bool:
        """Keep a batch of history back, to be reported with the next; return False if there is enough."""
        whole = batch if self._gathered is None else joined(self._gathered, batch)
        few = whole.end - whole.start < TOGETHER and sum(len(table.data) for table in whole.tables) < MUCH
        self._gathered = whole if few else self._gathered
        return few

    def _read_older(self, older: RotatedFiles, send: Send) -> bool:
        """Read and send a block of what was rotated away; a successor continues behind all of it."""
        try:
            data = older.read(self._formats())
        except (SourceError, OSError) as error:
            data = None
            send(wire.Note(self.id, str(error)))
        if older.note:
            send(wire.Note(self.id, f"{self._called}: {older.note}"))
            older.note = ""
        batch = self._parser.feed(data, tail=LOG_LINES) if data else self._parser.break_off()
        self.older = older if data is not None else None
        resume = wire.Resume(None, 0, 1, None, history=self.history)
        send(wire.Read(self.id, batch, False, time.time(), self.written(), self.left, resume))
        return True

    def _send(self, send: Send, batch: Batch, *, live: bool, late: bool = False, whole: bool = True) -> None:
        """Send what was gathered and a batch; send the place too if it is the `whole` of what was polled."""
        if self._gathered is not None:
            batch, self._gathered = joined(self._gathered, batch), None
        self._date(batch)
        now, written = time.time(), self.written()
        arrival = self._arrival(now, written, late=late)
        begins = (
            whole and not self._reported and batch.end > 0
        )  # a successor too says once what it holds back
        if batch.end > batch.start or self._parser.held or begins:
            self._resting.begin(live=live, arrival=arrival, late=late)
        resume = self._resume() if whole else None
        self._reported |= whole
        send(wire.Read(self.id, batch, live, arrival, written, self.left, resume, late))

    def _arrival(self, now: float, written: float | None, *, late: bool) -> float:
        """Return the Unix time at which what is read `now` was written, however late the reader is.

        That was after it had read all there was: so the clock of another host, or one that was set,
        does no harm.
        """
        if written is None or not (late or self._read_until is not None):
            return now
        since = written if late or self._read_until is None else now + self._read_until - time.monotonic()
        return min(now, max(written, since))

    def _resume(self) -> wire.Resume:
        """Return where a successor continues."""
        parser = self._parser
        unfinished = self._unfinished or parser.unfinished[:MAX_UNFINISHED]
        return wire.Resume(
            self._tail.position(parser.held),
            *parser.place,
            parser.format,
            parser.resume_state,
            history=self.history,
            unfinished=unfinished,
            before=(self._before or parser.recent) if unfinished else b"",
            carried=self._carried or parser.unfinished[: self._tail.elsewhere(parser.held)],
        )

    def _go_on(self, place: Position) -> None:
        """Show the parser how the file begins and what precedes the place, once it is there."""
        shown = self._tail.around(HEAD_BYTES, RECENT_BYTES)
        if shown is not None:
            self._place = None
            if place.begins(shown[0]):
                self._parser.prime(*shown)

    def _head(self) -> bytes:
        """Return how the file begins, for what is read from its middle."""
        with contextlib.suppress(OSError), open(self.path, "rb") as file:
            return file.read(HEAD_BYTES)
        return b""

    @property
    def _dated(self) -> bool:
        """Whether its records say when they were written."""
        return self.member.kind in (WANDB, TENSORBOARD)

    def _date(self, batch: Batch) -> None:
        """Note how old the newest record of a tracker's file is: the file itself may be a fresh copy."""
        if self._dated:
            self._newest = max((t for t in (self._newest, newest(batch)) if t), default=None)

    def written(self) -> float | None:
        """Return the Unix time of the newest record, else of the file's last change, if it can be known."""
        if self._newest is not None:
            return self._newest
        with contextlib.suppress(OSError):
            return os.stat(self.path).st_mtime
        return None

    def _report_problem(self, send: Send) -> None:
        """Say when the path can no longer be read, and when it can again."""
        problem = self._tail.problem
        self._read |= problem is None
        passes = self._read and self.path.endswith("/trainer_state.json")  # with its checkpoint
        at_first, self._opened_blind = self._opened_blind and problem is None, False
        if (problem == self._problem and not at_first) or (problem == _GONE and passes):
            return
        if problem is not None:
            send(wire.Trouble(self.id, self._unread(problem)))
            brief = self._read and problem == _GONE
            send(wire.Sight(self.id, problem, time.time(), brief=brief))
        else:
            if self._problem is not None:
                send(wire.Note(self.id, f"{self._called} can be read again", resolved=True))
            send(wire.Sight(self.id, "", time.time()))
        self._problem = problem

    def _unread(self, problem: str) -> str:
        """Say why the path cannot be read: one that is not there is waited for."""
        if problem != _GONE:
            return f"cannot read {self._called}: {problem}"
        return f"waiting for {self._called}: it is gone" if self._read else misnamed.waited_for(self.path)

    def _preview(self, send: Send) -> None:
        """Show the newest bytes, now and then: what was read to see how old they are comes first."""
        begun = time.monotonic()
        at, took, seen = self._previewed
        if begun - at < max(PREVIEW_EVERY, 10 * took):
            return
        batch, end = self._recent, -1
        if batch is None:
            offset, data = self._tail.last_block(PREVIEW_BYTES)
            end = offset + len(data)
            if end == seen:  # nothing was written: what it will say was shown
                return
            batch = self._parse(offset, data)
        self._recent = None
        self._date(batch)
        send(wire.Preview(self.id, batch, self.written()))
        self._previewed = time.monotonic(), time.monotonic() - begun, end

    def _parse(self, offset: int, data: bytes) -> Batch:
        parser = StreamParser(
            self._formats, bulk=False, start=offset, first_line=0 if offset else 1, settled=self._settled
        )
        parser.prime(self._head())
        return parser.feed(data, tail=LOG_LINES)


def _cause(error: SourceError) -> str:
    """Return what is wrong, without the place and the advice."""
    return str(error).partition(": ")[0]


def _lost(count: int) -> str:
    """Say how many bytes are in no file any more."""
    return f": {count:,} bytes of it could not be read" if count else ""


def source_id(path: str) -> str:
    """Return what a source is known by: its absolute path, printable."""
    return text.path(path if path.startswith(SCHEME) else os.path.abspath(path))
