"""A disposable process that reads the sources of one mount and parses them.

What is watched can hang whoever touches it, so only this process does: it
stats, opens, reads and parses, and sends columns to the engine. The newest
lines go first, the history after them, then what is appended. It reads nothing
but files, changes nothing, and runs niced.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence

import msgspec

from runwatch import text
from runwatch.batch import Batch
from runwatch.errors import SourceError
from runwatch.parsers.formats import Format, catalogue, troubles
from runwatch.parsers.log import LogParser
from runwatch.parsers.stream import StreamParser
from runwatch.watcher import wire
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.tail import Mark, Tail

PREVIEW_BYTES = 1 << 18
"""Newest bytes shown before a history longer than this is read."""
PREVIEW_EVERY = 0.5
"""Seconds between previews while a long history is read."""
LOG_LINES = 400
HEAD_BYTES = 1 << 16
IDLE = 1.0
"""Seconds between signs of life."""
_BREAKS = {
    Mark.ROTATED: "rotated",
    Mark.TRUNCATED: "truncated",
    Mark.REPLACED: "replaced by another file",
    Mark.REWRITTEN: "rewritten in place",
    Mark.LATE: "written to after it was renamed",
}


class LogSource:
    """One log file: its tail, its parser, and how much of it is history."""

    def __init__(
        self,
        name: str,
        path: str,
        resume: wire.Resume | None = None,
        formats: Sequence[Format] | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self._formats = formats
        self.id = source_id(path)
        self._tail = Tail(path) if resume is None else Tail.resume(path, resume.position)
        self._tail.last_block(0)  # opens it
        self._parser = StreamParser(formats)
        if resume is not None:
            self._parser = StreamParser(
                formats, start=resume.offset, first_line=resume.line, settled=resume.format
            )
            self._parser.prime(self._head())
        self.history = 0 if resume else self._tail.backlog
        """Bytes that were there before anyone watched; 0 once they are read."""
        self._previewed = 0.0
        self._problem: str | None = None

    def step(self, send: _Send) -> bool:
        """Read and send the next block; return False if there is nothing new."""
        if self.history and self._tail.backlog > PREVIEW_BYTES:
            self._preview(send)
        piece = self._tail.poll()
        self._tell_problem(send)
        if piece is None:
            if self.history:  # it was cut meanwhile: there is less of it than was expected
                self.history = 0
                self._send(send, self._parser.feed(b""), live=False)
            return False
        if piece.mark is not None:
            send(wire.Note(self.id, f"{self.name} was {_BREAKS[piece.mark]}"))
            self._send(send, self._parser.break_off(), live=not self.history)
            self.history = 0
        live = not self.history
        self.history = max(0, min(self.history - len(piece.data), self._tail.backlog))
        self._send(send, self._parser.feed(piece.data, tail=LOG_LINES), live=live)
        return True

    def _send(self, send: _Send, batch: Batch, *, live: bool) -> None:
        position = self._tail.position(self._parser.held)
        resume = None
        if position is not None:
            offset, line = self._parser.place
            resume = wire.Resume(position, offset, line, self._parser.format)
        send(wire.Read(self.id, batch, live, time.time(), self.written(), self.history, resume))

    def _head(self) -> bytes:
        """Return how the file begins, for what is read from its middle."""
        with contextlib.suppress(OSError), open(self.path, "rb") as file:
            return file.read(HEAD_BYTES)
        return b""

    def written(self) -> float | None:
        """Return the Unix time of the file's last change, if it can be known."""
        with contextlib.suppress(OSError):
            return os.stat(self.path).st_mtime
        return None

    def _tell_problem(self, send: _Send) -> None:
        """Say when the path can no longer be read, and when it can again."""
        problem = self._tail.problem
        if problem == self._problem:
            return
        if problem is not None:
            send(wire.Trouble(self.id, f"cannot read {self.name}: {problem}"))
        elif self._problem is not None:
            send(wire.Note(self.id, f"{self.name} can be read again"))
        self._problem = problem

    def _preview(self, send: _Send) -> None:
        if time.monotonic() - self._previewed < PREVIEW_EVERY:
            return
        self._previewed = time.monotonic()
        offset, data = self._tail.last_block(PREVIEW_BYTES)
        parser = LogParser(self._formats, bulk=False, start=offset, first_line=0)
        parser.prime(self._head())
        batch = parser.feed(data, tail=LOG_LINES)
        send(wire.Preview(self.id, batch, self.written(), self.history))


class StdinSource:
    """Standard input, read as it comes."""

    path = id = "-"
    name = "stdin"
    history = 0

    def __init__(self, formats: Sequence[Format] | None = None) -> None:
        self._parser = StreamParser(formats)
        self._open = True
        os.set_blocking(0, False)

    def written(self) -> None:
        """Return None: a stream has no date."""

    def step(self, send: _Send) -> bool:
        """Read and send what has arrived; return False if nothing has."""
        if not self._open:
            return False
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return False
        batch = self._parser.feed(data, tail=LOG_LINES) if data else self._parser.flush()
        now = time.time()
        send(wire.Read(self.id, batch, True, now, now, 0))
        if not data:
            self._open = False
            send(wire.Ended(self.id))
        return True


class _Send:
    """Writes messages to the engine; the pipe's fullness is our brake."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, message: wire.Message) -> None:
        data = memoryview(wire.encode(message))
        while data:
            data = data[os.write(self._descriptor, data) :]


def open_sources(setup: wire.Setup) -> list[LogSource | StdinSource]:
    """Return the sources behind the paths. Raises SourceError if there are none."""
    files: list[str] = []
    for path in map(os.fsdecode, setup.paths):
        known = source_id(path) in setup.resume
        if path == "-" or known or (setup.wait and not os.path.lexists(path)):
            files.append(path)
        else:
            files += discover.logs(path)
    files = list(dict.fromkeys(files))
    formats = (*(own.build() for own in setup.formats), *catalogue())
    return [
        StdinSource(formats)
        if path == "-"
        else LogSource(name, path, setup.resume.get(source_id(path)), formats)
        for path, name in zip(files, discover.names(files), strict=True)
    ]


def source_id(path: str) -> str:
    """Return what a source is known by: its absolute path, printable."""
    return text.path(os.path.abspath(path))


def watch(sources: Sequence[LogSource | StdinSource], send: _Send, *, poll: bool) -> None:
    """Read for ever: everything there is, then whatever is appended."""
    from runwatch.watcher.sources.wake import Waker

    for source in sources:
        path = os.fsencode(source.path)
        send(wire.Opened(source.id, source.name, path, source.history, source.written()))
    while _sweep(sources, send):
        pass
    with contextlib.closing(Waker([s.path for s in sources if s.path != "-"], poll=poll)) as waker:
        told = ""
        failed = 0
        stdin = any(s.path == "-" for s in sources)
        while True:
            send(wire.Beat())
            while _sweep(sources, send):
                pass
            waker.wait(0.05 if stdin else IDLE)
            if waker.note != told:
                told = waker.note
                send(wire.Note("", told))
            for trouble in troubles()[failed:]:  # with formats of other packages
                send(wire.Note("", trouble))
            failed = len(troubles())


def _sweep(sources: Sequence[LogSource | StdinSource], send: _Send) -> bool:
    """Read a block of each source; return whether any had something new."""
    found = False
    for source in sources:
        try:
            found |= source.step(send)
        except SourceError as error:
            send(wire.Trouble(source.id, str(error)))
    return found


def main() -> None:
    """Run as a worker: the setup is the only argument, messages go to standard output."""
    with contextlib.suppress(OSError):
        os.nice(5)
    setup = msgspec.json.decode(sys.argv[1], type=wire.Setup)
    send = _Send(os.dup(1))
    os.dup2(2, 1)  # a stray print must not break the stream
    try:
        sources = open_sources(setup)
        watch(sources, send, poll=setup.poll)
    except SourceError as error:
        send(wire.Trouble("", str(error), fatal=True))
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the engine is gone, and with it the reason to be


if __name__ == "__main__":
    main()
