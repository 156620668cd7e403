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
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from runwatch import text
from runwatch.batch import Batch
from runwatch.errors import SourceError
from runwatch.parsers.formats import Format, catalogue, troubles
from runwatch.parsers.log import LogParser
from runwatch.parsers.stream import StreamParser
from runwatch.watcher import wire
from runwatch.watcher.member import DIRECTORY, Member
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.beside import BesideSource
from runwatch.watcher.sources.checkpoints import CheckpointSource
from runwatch.watcher.sources.tail import Mark, Tail

PREVIEW_BYTES = 1 << 18
"""Newest bytes shown before a history longer than this is read."""
PREVIEW_EVERY = 0.5
"""Seconds between previews while a long history is read."""
LOG_LINES = 400
HEAD_BYTES = 1 << 16
IDLE = 1.0
"""Seconds between signs of life."""
RESCAN = 5.0
"""Seconds between two searches for new files; longer where a search takes long."""
LOOK_EVERY = 5.0
"""Seconds between two looks at a directory of checkpoints; longer where a look takes long."""
FRESH = 300.0
"""Seconds after its last write for which a file that appears is news, not history."""
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
        found: discover.Found,
        resume: wire.Resume | None = None,
        formats: Sequence[Format] | None = None,
    ) -> None:
        self.path, self.name, self.member = found
        self._formats = formats
        self.id = source_id(found.path)
        self._tail = Tail(found.path) if resume is None else Tail.resume(found.path, resume.position)
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

    def arrived(self) -> None:
        """Take what it holds for new: it appeared while its directory was watched."""
        written = self.written()
        if written is None or time.time() - written < FRESH:
            self.history = 0

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
    member = Member()
    history = 0

    def __init__(self, formats: Sequence[Format] | None = None) -> None:
        self._parser = StreamParser(formats)
        self._open = True
        os.set_blocking(0, False)

    def written(self) -> None:
        """Return None: a stream has no date."""

    def arrived(self) -> None:
        """Do nothing: all of it is new."""

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


class DirectorySource:
    """One directory of checkpoints, or of facts: looked at now and then."""

    history = 0

    def __init__(self, found: discover.Found, pulse: Callable[[], object] = lambda: None) -> None:
        self.path, self.name, self.member = found
        self.id = source_id(found.path)
        self._checkpoints = CheckpointSource(found.path, pulse=pulse)
        self._beside = BesideSource(found.path)
        self._due = 0.0
        self._live = False
        self._problem = ""

    def written(self) -> None:
        """Return None: what was written there need not be of a run that goes on."""

    def arrived(self) -> None:
        """Do nothing: each checkpoint has its own times."""

    def step(self, send: _Send) -> bool:
        """Look if it is time; return False: there is nothing to go on with at once."""
        begun = time.monotonic()
        if begun < self._due:
            return False
        now = time.time()
        look, beside = self._checkpoints.look(now), self._beside.look()
        if look.changes or beside.facts or beside.batches or look.problem != self._problem or not self._live:
            send(wire.Looked(self.id, look, beside, self._live, now))
        self._problem, self._live = look.problem, True
        self._due = begun + max(LOOK_EVERY, 20 * (time.monotonic() - begun))
        return False


class _Send:
    """Writes messages to the engine; the pipe's fullness is our brake."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, message: wire.Message) -> None:
        data = memoryview(wire.encode(message))
        while data:
            data = data[os.write(self._descriptor, data) :]


AnySource = LogSource | StdinSource | DirectorySource


class Reader:
    """The sources behind the paths of a setup, in the order they are read."""

    def __init__(self, setup: wire.Setup, pulse: Callable[[], object] = lambda: None) -> None:
        """Open what there is. `pulse` is called in between where a look may take long.

        Raises SourceError if a path gives nothing.
        """
        self._setup, self._pulse = setup, pulse
        self._formats = (*(own.build() for own in setup.formats), *catalogue())
        self._paths = [os.fsdecode(path) for path in setup.paths]
        self._search = [path for path in self._paths if path != "-" and discover.changing(path)]
        self._searched, self._pause = time.monotonic(), RESCAN
        self.sources: list[AnySource] = []
        for found in discover.find(self._paths, wait=setup.wait or bool(setup.resume)):
            self.sources.append(self._open(found))

    def _open(self, found: discover.Found) -> AnySource:
        if found.path == "-":
            return StdinSource(self._formats)
        if found.member.kind == DIRECTORY:
            return DirectorySource(found, self._pulse)
        return LogSource(found, self._setup.resume.get(source_id(found.path)), self._formats)

    def appeared(self) -> list[AnySource]:
        """Return the sources that came into being since the last search; it looks now and then."""
        now = time.monotonic()
        if not self._search or now - self._searched < self._pause:
            return []
        known = {source.path: source for source in self.sources}
        new: list[AnySource] = []
        with contextlib.suppress(SourceError):  # it was emptied: what is open goes on
            for found in self._beside(discover.find(self._search), known):
                source = self._open(found)
                source.arrived()
                new.append(source)
        self.sources += new
        self._searched = time.monotonic()
        self._pause = max(RESCAN, 50 * (self._searched - now))
        return new

    @staticmethod
    def _beside(found: Sequence[discover.Found], known: Mapping[str, AnySource]) -> Iterator[discover.Found]:
        """Yield what is new; a source that stood alone until now is joined under its own name."""
        joined = {
            each.member.group: known[each.path].member.group or known[each.path].id
            for each in found
            if each.path in known and each.member.group
        }
        for each in found:
            if each.path not in known:
                group = joined.get(each.member.group, each.member.group)
                yield each._replace(member=msgspec.structs.replace(each.member, group=group))

    def sweep(self, send: _Send) -> bool:
        """Read a block of each source; return whether any had something new.

        Of a group whose history is long, one source after the other: so it does not
        depend on their lengths who of them leads.
        """
        found = False
        busy: set[str] = set()
        for source in self.sources:
            group = source.member.group or source.id
            if group in busy:
                continue
            try:
                found |= source.step(send)
            except SourceError as error:
                send(wire.Trouble(source.id, str(error)))
            if source.history:
                busy.add(group)
        return found


def source_id(path: str) -> str:
    """Return what a source is known by: its absolute path, printable."""
    return text.path(os.path.abspath(path))


def watch(reader: Reader, send: _Send, setup: wire.Setup) -> None:
    """Read for ever: everything there is, then whatever is appended or appears."""
    from runwatch.watcher.sources.wake import SWEEP, Waker

    for source in reader.sources:
        send(_opened(source))
    while reader.sweep(send):
        pass
    stdin = any(isinstance(source, StdinSource) for source in reader.sources)
    files = [source.path for source in reader.sources if isinstance(source, LogSource)]
    sweep = setup.interval if setup.poll and setup.interval else SWEEP
    with contextlib.closing(Waker(files, poll=setup.poll, sweep=sweep)) as waker:
        told = ""
        failed = 0
        while True:
            send(wire.Beat())
            for source in reader.appeared():
                send(_opened(source))
                if isinstance(source, LogSource):
                    waker.add(source.path)
            while reader.sweep(send):
                pass
            waker.wait(0.05 if stdin else IDLE)
            if waker.note != told:
                told = waker.note
                send(wire.Note("", told))
            for trouble in troubles()[failed:]:  # with formats of other packages
                send(wire.Note("", trouble))
            failed = len(troubles())


def _opened(source: AnySource) -> wire.Opened:
    path = os.fsencode(source.path)
    return wire.Opened(source.id, source.name, path, source.history, source.written(), source.member)


def main() -> None:
    """Run as a worker: the setup is the only argument, messages go to standard output."""
    with contextlib.suppress(OSError):
        os.nice(5)
    setup = msgspec.json.decode(sys.argv[1], type=wire.Setup)
    send = _Send(os.dup(1))
    os.dup2(2, 1)  # a stray print must not break the stream
    try:
        watch(Reader(setup, lambda: send(wire.Beat())), send, setup)
    except SourceError as error:
        send(wire.Trouble("", str(error), fatal=True))
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the engine is gone, and with it the reason to be


if __name__ == "__main__":
    main()
