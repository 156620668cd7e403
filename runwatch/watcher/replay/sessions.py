"""What is played: a finished log or a recording, as what an engine is given and when."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import IO, Protocol
from zlib import crc32

from runwatch.core import sample, text
from runwatch.core.batch import Batch
from runwatch.core.errors import SourceError
from runwatch.parsers.stream import StreamParser, joined
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import LOG_LINES
from runwatch.watcher.recordings import entries, file
from runwatch.watcher.replay.timeline import BLOCK, Survey, Timeline
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.compressed import opened
from runwatch.watcher.sources.open_file import RECENT

RECORDED = "times of arrival that were recorded"
MakeParser = Callable[[str | None], StreamParser]
"""Returns a new parser; of logs of the named format only, if one is named."""


@dataclass(frozen=True)
class Sampled:
    """What a sampler said."""

    group: str
    message: sample.Message


@dataclass(frozen=True)
class Ticked:
    """Rules judged the passing of time."""

    groups: tuple[str, ...]


@dataclass(frozen=True)
class Jumped:
    """The clock was set."""

    seconds: float


Given = wire.Message | Sampled | Ticked | Jumped


class Session(Protocol):
    """Something to play, any number of times from its beginning."""

    @property
    def first(self) -> float:
        """Unix time at which it begins."""

    @property
    def last(self) -> float:
        """Unix time at which it ends, as far as it is known."""

    @property
    def basis(self) -> str:
        """What its times are from, for people."""

    @property
    def share(self) -> float:
        """How much of it was looked through; below 1.0 its end is not known, and a course of it has none."""

    def look(self, now: float) -> float:
        """Look through some more; return what `now` is by the times that are known then.

        The times change once, when `share` becomes 1.0. Raises SourceError.
        """

    def play(self) -> Play:
        """Return a course of it from its beginning."""


class Play(Protocol):
    """One course of a session."""

    def until(self, time: float) -> Iterator[tuple[float, Given]]:
        """Yield what comes next up to a Unix time, each with its own. Raises SourceError."""

    def close(self) -> None:
        """Close the files that are read."""


def session(path: str, make: MakeParser, only: str | None = None) -> Session:
    """Return what a file holds to be played; `only` names the format to read it as. Raises SourceError."""
    if os.path.isdir(path):
        raise SourceError("a directory", path, "replay plays one log: name it")
    if file.is_recording(path):
        return Recording(path, make)
    found = discover.find([path])
    if os.path.exists(path) and not os.path.getsize(path):
        raise SourceError("nothing to read", path, "the file is empty")
    return FinishedLog(found[0], make, only)


class FinishedLog:
    """A log, at the times that it prints. It is read as `check` does: it is history, not watched live."""

    def __init__(self, found: discover.Found, make: MakeParser, only: str | None) -> None:
        """Look through its beginning. Raises SourceError."""
        self._found, self._make, self._only = found, make, only
        self._survey = Survey(found.path, make(only))
        while not self._survey.begun:
            self._survey.advance()
        self._timeline = self._survey.timeline()

    @property
    def first(self) -> float:
        """Unix time at which it begins."""
        return self._timeline.first

    @property
    def last(self) -> float:
        """Unix time of its last record, of those that are known."""
        return self._timeline.last

    @property
    def basis(self) -> str:
        """What its times are from, for people."""
        return self._timeline.basis

    @property
    def share(self) -> float:
        """How much of it was looked through."""
        return self._survey.share

    def look(self, now: float) -> float:
        """Look through some more; return what `now` is by the times that are known then."""
        if self.share < 1.0:
            self._survey.advance()
            if self.share == 1.0:
                before, self._timeline = self._timeline, self._survey.timeline()
                return self._timeline.time_at(before.offset_at(now))
        return now

    def play(self) -> Play:
        """Return a course of it from its beginning."""
        return _LogPlay(self._found, self._timeline, self._make(self._only), whole=self.share == 1.0)


class _LogPlay:
    def __init__(self, found: discover.Found, line: Timeline, parser: StreamParser, *, whole: bool) -> None:
        self._whole = whole
        self._path, self._timeline, self._parser = found.path, line, parser
        self._source = text.path(os.path.abspath(found.path))
        self._opened = wire.Opened(
            self._source, found.name, os.fsencode(found.path), 0, line.first, found.member
        )
        self._read = 0
        self._state = 0
        """0: not opened yet; 1: open; 2: read to its end."""
        self._files = ExitStack()
        self._stream: IO[bytes] | None = None

    def until(self, time: float) -> Iterator[tuple[float, Given]]:
        """Yield what comes next up to a Unix time."""
        if not self._state:
            self._state = 1
            self._stream = self._files.enter_context(opened(self._path))
            yield self._timeline.first, self._opened
        end = self._timeline.offset_at(time)
        while self._read < end and self._stream is not None:
            data = self._stream.read(min(BLOCK, end - self._read))
            if not data:  # it was cut meanwhile
                break
            self._read += len(data)
            now = min(time, self._timeline.time_at(self._read))
            yield now, self._message(self._parser.feed(data, tail=LOG_LINES), now)
        if self._whole and time >= self._timeline.last and self._state == 1:
            self._state = 2
            self._files.close()
            yield time, self._message(self._parser.flush(), time)
            yield time + self._timeline.silence, wire.Ended(self._source)  # as old as it is, as in `check`

    def close(self) -> None:
        """Close the log."""
        self._files.close()

    def _message(self, batch: Batch, time: float) -> wire.Read:
        return wire.Read(self._source, batch, live=False, arrival=0.0, written=time, left=0)


class Recording:
    """A recorded watch, at the times at which it was watched."""

    basis = RECORDED
    share = 1.0

    def __init__(self, path: str, make: MakeParser) -> None:
        """Look through it. Raises SourceError."""
        self._path, self._make = path, make
        self.first = self.last = 0.0
        for time, _ in _timed(path):
            self.first = self.first or time
            self.last = max(self.last, time)
        if not self.first:
            raise SourceError("nothing was recorded", path, "the recording ended before it began")

    def look(self, now: float) -> float:
        """Return the time: all times are known."""
        return now

    def play(self) -> Play:
        """Return a course of it from its beginning."""
        return _RecordingPlay(self._path, self._make)


class _RecordingPlay:
    def __init__(self, path: str, make: MakeParser) -> None:
        self._entries = _Entries(path, make)
        self._given = self._entries.given()
        self._next = next(self._given, None)

    def until(self, time: float) -> Iterator[tuple[float, Given]]:
        """Yield what comes next up to a Unix time."""
        while self._next is not None and self._next[0] <= time:
            now, self._next = self._next, None
            yield now
            self._next = next(self._given, None)

    def close(self) -> None:
        """Close the recording and its logs."""
        self._entries.close()


def _timed(path: str) -> Iterator[tuple[float, entries.Entry]]:
    """Yield each entry of a recording with its Unix time. Raises SourceError."""
    at = 0
    for entry in file.read(path):
        at += entry.at
        with _damage(path):
            time = entries.time_of(at)
        yield time, entry


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """Raise SourceError where entries do not fit together."""
    try:
        yield
    except (LookupError, ValueError) as error:
        raise SourceError("the recording is damaged", path, str(error)) from error


class _Log:
    """A log that a recording refers to: its next bytes, parsed."""

    def __init__(self, path: str, parser: StreamParser) -> None:
        """Open it. Raises SourceError, OSError."""
        self._path, self._parser = path, parser
        self.files = ExitStack()
        self._stream = self.files.enter_context(opened(path))
        self._recent = b""

    def feed(self, count: int, check: int | None) -> Batch:
        """Return what the next bytes say. Raises SourceError if it is not the log that was recorded."""
        parts: list[Batch] = []
        while count > 0:
            data = self._stream.read(min(BLOCK, count))
            if not data:
                raise SourceError(
                    "shorter than when it was recorded", self._path, "replay needs the whole log"
                )
            count -= len(data)
            self._recent = (self._recent + data)[-RECENT:]
            parts.append(self._parser.feed(data, tail=LOG_LINES))
        if check is not None and crc32(self._recent) != check:
            raise SourceError("not the log that was recorded", self._path, "it was replaced since")
        return reduce(joined, parts) if parts else self._parser.feed(b"")


class _Entries:
    """Makes of entries what the engine was given."""

    def __init__(self, path: str, make: MakeParser) -> None:
        self._path, self._make = path, make
        self._only: str | None = None
        self._logs: dict[int, _Log] = {}
        self._sources: dict[str, wire.Opened] = {}
        self._shapes: dict[tuple[str, ...], list[float]] = {}
        """Group and names of values -> the newest of them."""
        self._groups: tuple[str, ...] = ()

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs.values():
            log.files.close()

    def given(self) -> Iterator[tuple[float, Given]]:
        """Yield what the engine was given, at its times. Raises SourceError."""
        for time, entry in _timed(self._path):
            if isinstance(entry, entries.Began):
                self._only = entry.format
            else:
                yield time, self._of(time, entry)

    def _of(self, time: float, entry: entries.Entry) -> Given:
        match entry:
            case entries.Took(message=message):
                if isinstance(message, wire.Opened):
                    self._sources.setdefault(message.source, message)
                return message
            case entries.Lines():
                return self._read(time, entry)
            case entries.Sampled(group=group, message=message):
                if isinstance(message, sample.Sample):
                    newest = self._shapes.setdefault((group, *message.values), [])
                    newest[:] = message.values.values()
                return Sampled(group, message)
            case entries.Changed():
                with _damage(self._path):
                    (group, *names), values = list(self._shapes.items())[entry.shape]
                    for index, value in entry.values.items():
                        values[index] = value
                return Sampled(group, sample.Sample(time, dict(zip(names, values, strict=True))))
            case entries.Ticked():
                self._groups = self._groups if entry.groups is None else entry.groups
                return Ticked(self._groups)
            case entries.Jumped():
                return Jumped(entry.seconds)
        raise SourceError("the recording is damaged", self._path, "an entry has no meaning")

    def _read(self, time: float, entry: entries.Lines) -> wire.Read:
        with _damage(self._path):
            source = list(self._sources.values())[entry.source]
            written = None
            if entry.written is not None:
                written = entries.time_of(entries.bits(time) + entry.written)
            if entry.source not in self._logs:
                self._logs[entry.source] = _open(source, self._path, self._make(self._only))
        batch = self._logs[entry.source].feed(entry.count, entry.check)
        return wire.Read(source.source, batch, entry.live, time, written, entry.left, late=entry.late)


def _open(source: wire.Opened, recording: str, parser: StreamParser) -> _Log:
    """Open a log where it was, else next to the recording. Raises SourceError."""
    path = os.fsdecode(source.path)
    near = os.path.join(os.path.dirname(recording), os.path.basename(path))
    try:
        return _Log(path if os.path.exists(path) else near, parser)
    except OSError as error:
        advice = "the recording needs the log: put it there, or next to the recording"
        raise SourceError(f"cannot read: {error.strerror}", path, advice) from error
