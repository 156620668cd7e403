"""Keeps what an engine is given, in its order: of logs only how much came when, as they can be read again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec

from runwatch import __version__
from runwatch.core import sample
from runwatch.watcher.ingest import wire
from runwatch.watcher.recordings.entries import (
    VERSION,
    Began,
    Changed,
    Entry,
    Jumped,
    Lines,
    Sampled,
    Ticked,
    Took,
    bits,
)
from runwatch.watcher.recordings.file import Writer
from runwatch.watcher.sources.member import SCHEME

FLUSH = 5.0
"""Seconds after which what was recorded is written: as much is lost at a kill."""
CHECK = 32
"""Messages of a log of which one carries a check of its bytes."""
_UNUSED = (wire.Preview, wire.Beat)


class Recorder:
    """Writes one recording; where that fails it says so once and stops."""

    def __init__(
        self, path: str, now: float, notice: Callable[[str], object], only: str | None = None
    ) -> None:
        """Begin it; `only` is the only format that logs are read as. Raises OSError."""
        self._notice = notice
        self._writer: Writer | None = Writer(path)
        if self._writer.path != path:
            notice(f"{path} is a recording already: this one is {self._writer.path}")
        self._last = 0
        self._flushed = now
        self._sources: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        """Source -> bytes of it that a replay will have read; those that are missing are kept whole."""
        self._reads = 0
        self._shapes: dict[tuple[str, ...], tuple[int, list[float]]] = {}
        """Group and names of values -> number, and the newest values."""
        self._groups: tuple[str, ...] | None = None
        self._put(Began(self._at(now), VERSION, __version__, only))

    def took(self, message: wire.Message, now: float) -> None:
        """Record a worker's message."""
        if isinstance(message, _UNUSED):
            return
        if isinstance(message, wire.Opened):
            self._sources.setdefault(message.source, len(self._sources))
            self._ends.setdefault(message.source, 0)
            message = msgspec.structs.replace(message, path=_absolute(message.path))
        if isinstance(message, wire.Read):
            self._before(message)
            if self._is_in_its_log(message):
                self._lines(message)
                return
            self._ends.pop(message.source, None)  # a replay cannot read on from here
            message = msgspec.structs.replace(message, resume=None)
        elif isinstance(message, wire.Looked):
            message = msgspec.structs.replace(message, resume=None)
        self._put(Took(self._at(now), message))

    def sampled(self, group: str, message: sample.Message, now: float) -> None:
        """Record a sampler's message."""
        if not isinstance(message, sample.Sample):
            self._put(Sampled(self._at(now), group, message))
            return
        key, values = (group, *message.values), list(message.values.values())
        number, before = self._shapes.get(key, (len(self._shapes), []))
        self._shapes[key] = number, values
        if before:
            changed = {i: new for i, (old, new) in enumerate(zip(before, values, strict=True)) if old != new}
            self._put(Changed(self._at(message.time), number, changed))
        else:
            self._put(Sampled(self._at(message.time), group, message))

    def ticked(self, now: float, groups: Sequence[str]) -> None:
        """Record that rules judged the passing of time."""
        same = self._groups == tuple(groups)
        self._groups = tuple(groups)
        self._put(Ticked(self._at(now), None if same else self._groups))
        if not 0 <= now - self._flushed < FLUSH:
            self._flushed = now
            self.flush()

    def jumped(self, now: float, seconds: float) -> None:
        """Record that the clock was set."""
        self._put(Jumped(self._at(now), seconds))

    def flush(self) -> None:
        """Have everything written so far, so that it can be read."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """End the recording."""
        if self._writer is not None:
            self._writer.close()
        self._check()
        self._writer = None

    def _is_in_its_log(self, message: wire.Read) -> bool:
        """Return whether a replay that has read the log up to here finds these bytes in it."""
        return self._is_at_its_place(message) and self._ends.get(message.source) == message.batch.start

    @staticmethod
    def _is_at_its_place(message: wire.Read) -> bool:
        """Return whether the stream of a log and its file have the same bytes up to here."""
        resume = message.resume
        if resume is None or resume.position is None or resume.position.copied:
            return False
        return resume.offset == resume.position.offset == message.batch.end

    def _before(self, message: wire.Read) -> None:
        """Record what was read of a log before the recording began: a daemon continues where it stopped."""
        start = message.batch.start
        if self._ends.get(message.source) == 0 < start and self._is_at_its_place(message):
            number = self._sources[message.source]
            self._ends[message.source] = start
            self._put(Lines(self._at(message.arrival), number, start, live=False, late=False, left=0))

    def _lines(self, message: wire.Read) -> None:
        batch, arrival = message.batch, message.arrival
        self._ends[message.source] = batch.end
        at = self._at(arrival)
        written = None if message.written is None else bits(message.written) - self._last
        position = message.resume.position if message.resume is not None else None
        check = position.recent if position is not None and self._reads % CHECK == 0 else None
        self._reads += 1
        number, count = self._sources[message.source], batch.end - batch.start
        self._put(Lines(at, number, count, message.live, message.late, message.left, written, check))

    def _at(self, time: float) -> int:
        before, self._last = self._last, bits(time)
        return self._last - before

    def _put(self, entry: Entry) -> None:
        if self._writer is not None:
            self._writer.append(entry)
        self._check()

    def _check(self) -> None:
        """Report it once if nothing can be written any more."""
        if self._writer is not None and self._writer.failure:
            self._notice(f"the recording ends here: {self._writer.path}: {self._writer.failure}")
            self._writer = None


def _absolute(path: bytes) -> bytes:
    """Return where a source is, from anywhere; standard input and servers are what they are."""
    return path if path == b"-" or path.startswith(os.fsencode(SCHEME)) else os.path.abspath(path)
