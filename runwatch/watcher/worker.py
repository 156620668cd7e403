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

from runwatch.batch import Batch
from runwatch.errors import SourceError
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

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self._tail = Tail(path)
        self._tail.last_block(0)  # opens it
        self._parser = StreamParser()
        self.history = self._tail.backlog
        self._read = 0
        self._previewed = 0.0

    def step(self, send: _Send) -> bool:
        """Read and send the next block; return False if there is nothing new."""
        in_history = self._read < self.history
        if in_history and self.history - self._read > PREVIEW_BYTES:
            self._preview(send)
        piece = self._tail.poll()
        if piece is None:
            return False
        if piece.mark is not None:
            send(wire.Note(self.name, f"{self.path} was {_BREAKS[piece.mark]}"))
            self._send(send, self._parser.break_off(), live=not in_history)
        self._read += len(piece.data)
        if piece.data:
            self._send(send, self._parser.feed(piece.data, tail=LOG_LINES), live=not in_history)
        return True

    def _send(self, send: _Send, batch: Batch, *, live: bool) -> None:
        left = max(0, self.history - self._read)
        send(wire.Read(self.name, batch, live, time.time(), self._written(), left))

    def _written(self) -> float | None:
        with contextlib.suppress(OSError):
            return os.stat(self.path).st_mtime
        return None

    def _preview(self, send: _Send) -> None:
        if time.monotonic() - self._previewed < PREVIEW_EVERY:
            return
        self._previewed = time.monotonic()
        offset, data = self._tail.last_block(PREVIEW_BYTES)
        batch = LogParser(bulk=False, start=offset, first_line=0).feed(data, tail=LOG_LINES)
        send(wire.Preview(self.name, batch, self._written(), self.history - self._read))


class StdinSource:
    """Standard input, read as it comes."""

    path = "-"
    history = 0

    def __init__(self) -> None:
        self.name = "stdin"
        self._parser = StreamParser()
        self._open = True
        os.set_blocking(0, False)

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
        send(wire.Read(self.name, batch, True, now, now, 0))
        if not data:
            self._open = False
            send(wire.Ended(self.name))
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
    for path in setup.paths:
        if path == "-" or (setup.wait and not os.path.lexists(path)):
            files.append(path)
        else:
            files += discover.logs(path)
    files = list(dict.fromkeys(files))
    return [
        StdinSource() if path == "-" else LogSource(name, path)
        for path, name in zip(files, discover.names(files), strict=True)
    ]


def watch(sources: Sequence[LogSource | StdinSource], send: _Send, *, poll: bool) -> None:
    """Read for ever: everything there is, then whatever is appended."""
    from runwatch.watcher.sources.wake import Waker

    for source in sources:
        send(wire.Opened(source.name, source.path, source.history))
    while _sweep(sources, send):
        pass
    with contextlib.closing(Waker([s.path for s in sources if s.path != "-"], poll=poll)) as waker:
        told = ""
        stdin = any(s.path == "-" for s in sources)
        while True:
            send(wire.Beat())
            while _sweep(sources, send):
                pass
            waker.wait(0.05 if stdin else IDLE)
            if waker.note != told:
                told = waker.note
                send(wire.Note("", told))


def _sweep(sources: Sequence[LogSource | StdinSource], send: _Send) -> bool:
    """Read a block of each source; return whether any had something new."""
    found = False
    for source in sources:
        try:
            found |= source.step(send)
        except SourceError as error:
            send(wire.Trouble(source.name, str(error)))
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
