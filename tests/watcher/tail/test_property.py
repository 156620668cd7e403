"""Whatever is done to a log between polls, what was there to be read is delivered once.

The log is written in tokens of eight bytes, each unique, so a delivered stream
can be taken apart again. What a token's fate must be:

* on a file that stood at the path during some poll: delivered exactly once,
  unless the file was truncated, without a copy, before a poll got to it;
* written to a file after it left the path: delivered exactly once if that
  happens within `rotate_wait` of its leaving;
* on a file that came and went between two polls: nobody can have seen it, and
  it is delivered at most once.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runwatch.watcher.sources.tail import Piece, Tail

TOKEN = 8
WAIT = 5.0


@dataclass
class Writer:
    """A file and the one who writes it; an epoch ends with each truncation."""

    fd: int
    epoch: int = 0
    seen: bool = False
    left: float | None = None
    unread: list[int] = field(default_factory=list)


class AnyLog(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.path = Path(self.home.name) / "run.log"
        self.now = 0.0
        self.tail = Tail(str(self.path), block=2 * TOKEN, rotate_wait=WAIT, clock=lambda: self.now)
        self.current: Writer | None = None
        self.old: list[Writer] = []
        self.origin: list[tuple[Writer, int]] = []
        self.delivered: list[int] = []
        self.owed: set[int] = set()
        self.renames = self.copies = 0
        self.written = 1_700_000_000 * 10**9

    def teardown(self) -> None:
        for _ in range(2):
            self.drain()
            self.now += WAIT
        self.drain()
        self.tail.close()
        for writer in [*self.old, *([self.current] if self.current else [])]:
            os.close(writer.fd)
        self.home.cleanup()
        missing = self.owed - set(self.delivered)
        assert not missing, f"never delivered: {sorted(missing)}"

    # What writers, people and logrotate do

    @precondition(lambda self: self.current is None)
    @rule(append=st.booleans())
    def create(self, append: bool) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
        self.current = Writer(os.open(self.path, flags))
        self._age(self.current.fd)

    @precondition(lambda self: self.current)
    @rule(count=st.integers(1, 5), whole=st.booleans())
    def write(self, count: int, whole: bool) -> None:
        self._write(self.current, count, whole)

    @precondition(lambda self: self.old)
    @rule(data=st.data(), count=st.integers(1, 5), whole=st.booleans())
    def write_late(self, data: st.DataObject, count: int, whole: bool) -> None:
        self._write(data.draw(st.sampled_from(self.old)), count, whole)

    def _write(self, writer: Writer, count: int, whole: bool) -> None:
        for index in range(count):
            number = len(self.origin)
            self.origin.append((writer, writer.epoch))
            end = b"\n" if whole and index == count - 1 else b"."
            os.write(writer.fd, b"%07d" % number + end)
            self._age(writer.fd)
            writer.unread.append(number)
            if writer.seen and (writer.left is None or self.now < writer.left + WAIT):
                self.owed.add(number)

    @precondition(lambda self: self.current)
    @rule()
    def rename_away(self) -> None:
        self.renames += 1
        self.path.rename(self.path.with_suffix(f".{self.renames}"))
        self._leave(gone=False)

    @precondition(lambda self: self.current)
    @rule()
    def delete(self) -> None:
        self.path.unlink()
        self._leave(gone=True)

    @precondition(lambda self: self.current)
    @rule(append=st.booleans())
    def replace(self, append: bool) -> None:
        new = self.path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
        writer = Writer(os.open(new, flags))
        self._write(writer, 2, whole=True)
        new.replace(self.path)
        self._leave(gone=True)
        self.current = writer

    def _leave(self, *, gone: bool) -> None:
        self.current.left = self.now
        self.old.append(self.current)
        self.current = None

    @precondition(lambda self: self.current)
    @rule()
    def truncate(self) -> None:
        os.truncate(self.path, 0)
        self._age(self.path)
        self.owed -= set(self.current.unread)
        self.current.unread.clear()
        self.current.epoch += 1

    @precondition(lambda self: self.current)
    @rule(times=st.booleans(), pack=st.booleans(), later=st.booleans())
    def copytruncate(self, times: bool, pack: bool, later: bool) -> None:
        """As logrotate does; the copy keeps the time or has its own, and may be compressed."""
        for number in range(self.copies, 0, -1):
            for end in ("", ".gz"):
                with suppress(FileNotFoundError):
                    os.rename(f"{self.path}.{number}{end}", f"{self.path}.{number + 1}{end}")
        self.copies += 1
        copy = Path(f"{self.path}.1.gz" if pack else f"{self.path}.1")
        data = self.path.read_bytes()
        copy.write_bytes(gzip.compress(data, 1) if pack else data)
        if times:
            os.utime(copy, ns=(self.path.stat().st_mtime_ns,) * 2)
        else:
            self._age(copy)
        os.truncate(self.path, 0)
        self._age(self.path, later)
        if not self.current.seen:
            self.current.unread.clear()
        self.current.epoch += 1

    def _age(self, file: int | Path, later: bool = True) -> None:
        """Give a file the time of its last write: the next one, as if some passed between any two."""
        self.written += 4_000_000 * later
        os.utime(file, ns=(self.written, self.written))

    @rule(seconds=st.sampled_from([0.1, 3.0, WAIT]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # What the tail does

    @rule()
    def poll(self) -> None:
        self._poll()

    @rule()
    def drain(self) -> None:
        while self._poll():
            pass

    def _poll(self) -> bool:
        if self.current:
            self.current.seen = True
            self.owed.update(self.current.unread)
        piece = self.tail.poll()
        if piece is not None:
            self._receive(piece)
        return piece is not None

    def _receive(self, piece: Piece) -> None:
        assert piece.data
        assert len(piece.data) % TOKEN == 0
        numbers = [int(piece.data[at : at + 7]) for at in range(0, len(piece.data), TOKEN)]
        writers = {id(self.origin[number][0]) for number in numbers}
        assert len(writers) == 1, "a piece mixes two files"
        writer, epoch = self.origin[numbers[0]]
        before = [self.origin[number][1] for number in self.delivered if self.origin[number][0] is writer]
        if before and before[-1] != epoch and self.origin[self.delivered[-1]][0] is writer:
            assert piece.mark, "a truncated file went on without a mark"
        for number in numbers:
            if number in writer.unread:
                writer.unread.remove(number)
        self.delivered.extend(numbers)

    @invariant()
    def nothing_is_delivered_twice(self) -> None:
        assert len(set(self.delivered)) == len(self.delivered)

    @invariant()
    def every_file_is_in_order(self) -> None:
        last: dict[int, int] = {}
        for number in self.delivered:
            writer = id(self.origin[number][0])
            assert last.get(writer, -1) < number
            last[writer] = number


class RestingLog(AnyLog):
    """The same where the file is closed now and then: nothing is promised of one that is deleted meanwhile."""

    @rule()
    def rest(self) -> None:
        self.tail.rest()

    def _leave(self, *, gone: bool) -> None:
        if gone and not self.tail.files:
            self.owed -= set(self.current.unread)
            self.current.seen = False
        super()._leave(gone=gone)


_SETTINGS = settings(
    max_examples=150 if "RUNWATCH_DEEP" in os.environ else 40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnyLog = AnyLog.TestCase
TestAnyLog.settings = _SETTINGS
TestRestingLog = RestingLog.TestCase
TestRestingLog.settings = _SETTINGS
