"""One pathname as one perpetual stream of bytes, whatever happens to the files behind it.

A log is rotated, truncated, replaced, deleted and written again while a run
goes on. `Tail` hides that: `poll` returns the next bytes, each once and in
order, and a mark where the stream breaks, so that a reader can end the line it
holds. It neither sleeps nor watches; the caller decides when to look.

Three ideas carry it. An open file keeps its inode, so a number cannot be
reused while we read. The bytes just before the offset are read again with the
bytes after it: if they changed, the file was rewritten under us. And a file
that left its path is read on until the new one has text, and after that for
`rotate_wait` seconds, because its writers may not have noticed yet.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from runwatch.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

HEAD = 1024
"""Bytes of a file's beginning that tell it from other files."""
RECENT = 256
"""Bytes before the offset that must stay as they were read."""
DELETED_WAIT = 600.0
"""Seconds a deleted file may stay silent before it is let go, and its disk space with it."""
_ROTATED = r"[._-]\d[\d._T:-]*"
"""What a rotation puts behind a name, or before its suffix."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Mark(Enum):
    """Why the bytes that follow do not continue the bytes before: end the line held."""

    ROTATED = "rotated"
    """Another file is at the path; the old one, read to its end, lives on under another name."""
    REPLACED = "replaced"
    """Another file is at the path; the old one, read to its end where it could be, is gone."""
    TRUNCATED = "truncated"
    """The file was cut and is read from its beginning; bytes not yet read were lost."""
    REWRITTEN = "rewritten"
    """The text already read has changed; the file is read from its beginning."""
    LATE = "late"
    """A line had to be cut to fit in what was written late to a file that left the path; also after it."""


@dataclass(frozen=True)
class Piece:
    """The next bytes of the stream, never empty, and what happened just before them."""

    data: bytes
    mark: Mark | None = None


class Position(msgspec.Struct, frozen=True):
    """How far a file was read, and how to know that file again in a later session."""

    device: int
    inode: int
    offset: int
    head: int
    """CRC-32 of the first bytes, at most HEAD of those before the offset."""
    recent: int
    """CRC-32 of the last bytes before the offset, at most RECENT."""

    def begins(self, head: bytes) -> bool:
        """Return whether this file began with `head`, the first HEAD bytes or more of one."""
        return self.head == crc32(head[: min(HEAD, self.offset)])


class Tail:
    """Follows the regular file at `path`, which need not exist yet.

    `block` is the most bytes one poll returns, `rotate_wait` the seconds a file
    is read on after its successor has text, `clock` gives seconds and never
    goes back, and `start` is the byte to begin at if the file is there at the
    first poll. Nothing is opened before that poll.
    """

    def __init__(
        self,
        path: str,
        *,
        block: int = 1 << 20,
        rotate_wait: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        start: int = 0,
    ) -> None:
        self.path = path
        self.problem: str | None = "not looked for yet"
        """Why the path cannot be read at the moment, in the system's words; None if it can."""
        self._block = block
        self._rotate_wait = rotate_wait
        self._clock = clock
        self._start = start
        self._anchor: Position | None = None  # where to go on in the next file opened, if it is that file
        self._queue: deque[_File] = deque()  # being read, and those found at the path since
        self._late: list[tuple[_File, float]] = []  # left behind but perhaps still written to, and until when
        self._known: deque[tuple[int, int]] = deque(maxlen=64)  # files that were rotated, newest last
        self._mark: Mark | None = None  # owed to the next piece
        self._line_open = False  # the last byte given was not a newline
        self._active = clock()

    @classmethod
    def resume(cls, path: str, position: Position | None, **options: Any) -> Tail:
        """Go on from `position`; from the beginning, with the right mark, if that file is no longer there.

        A file renamed within its directory in the meantime is read to its end first.
        """
        tail = cls(path, **options)
        tail._anchor = position
        return tail

    def poll(self) -> Piece | None:
        """Return what is new, at most one block, or None if nothing is new now.

        Raises SourceError if the path is not a regular file. A file that is
        missing or may not be read is no error: see `problem`.
        """
        self._look()
        return self._read_late() or self._read()

    def position(self, held: int = 0) -> Position | None:
        """Return the place after the last piece; None before anything was opened.

        `held` bytes of it are to be read again (an unfinished line).
        """
        return self._queue[0].position(held) if self._queue else self._anchor

    @property
    def offset(self) -> int:
        """Bytes of the current file that are behind us."""
        return self._queue[0].offset if self._queue else 0

    @property
    def size(self) -> int:
        """Bytes the current file had at the last poll."""
        return self._queue[0].size if self._queue else 0

    @property
    def backlog(self) -> int:
        """Bytes known to be unread at the last poll."""
        return sum(max(0, file.size - file.offset) for file in self._queue)

    def last_block(self, count: int) -> tuple[int, bytes]:
        """Return (offset, bytes) of at most the last `count` bytes, from the start of a line if there is one.

        The position does not move. (0, b"") if there is nothing to read.
        """
        if not self._queue:
            self._look()
        with suppress(OSError, IndexError):
            return self._queue[-1].last_block(count)
        return 0, b""

    def around(self, head: int, recent: int) -> tuple[bytes, bytes] | None:
        """Return the first bytes of the file being read, and the last ones before its next.

        At most so many of each; None while there is no file.
        """
        if not self._queue:
            self._look()
        with suppress(OSError, IndexError):
            return self._queue[0].around(head, recent)
        return None

    def close(self) -> None:
        """Close every file; a later poll would begin anew where this one stopped."""
        self._anchor = self.position()
        for file in [*self._queue, *(file for file, _ in self._late)]:
            file.close()
        self._queue.clear()
        self._late.clear()

    def _look(self) -> None:
        try:
            now = os.stat(self.path)
            _require_regular(self.path, now)
            if not self._queue or self._queue[-1].identity != (now.st_dev, now.st_ino):
                self._take(_File.open(self.path))
            self.problem = None
        except OSError as error:
            self.problem = error.strerror
            self._start = 0
            self._let_go_of_deleted()
        for file in self._queue:
            file.measure()

    def _take(self, file: _File) -> None:
        if not self._queue:
            self._begin(file)
            return
        old = self._queue[-1]
        if len(self._queue) == 1 and old.gone() and file.is_copy_of(old):
            # A copier (rsync, an editor) put a longer copy in place: the same stream goes on.
            file.seek(old.offset)
            self._queue.pop().close()
            self._queue.append(file)
            return
        self._queue += _between(self.path, old, file, self._known)
        self._queue.append(file)
        self._known += [file.identity for file in self._queue]

    def _begin(self, file: _File) -> None:
        anchor, self._anchor = self._anchor, None
        self._queue.append(file)
        if anchor is None:
            file.seek(self._start)
        elif file.matches(anchor):
            file.seek(anchor.offset)
        elif renamed := _find_renamed(self.path, anchor):
            if not renamed.offset and anchor.offset:
                self._mark = _anew(renamed, anchor)
            self._queue.extendleft(reversed([renamed, *_between(self.path, renamed, file, ())]))
        elif file.identity != (anchor.device, anchor.inode):
            self._mark = Mark.REPLACED
        else:
            self._mark = _anew(file, anchor)
        self._start = 0

    def _let_go_of_deleted(self) -> None:
        if len(self._queue) == 1 and self._clock() - self._active > DELETED_WAIT and self._queue[0].gone():
            self._drop()

    def _drop(self) -> None:
        """Close the current file; if it comes back, go on where it was left."""
        if len(self._queue) == 1:
            self._anchor = self._queue[0].position()
        else:
            self._mark = Mark.REPLACED
        self._queue.popleft().close()

    def _read(self) -> Piece | None:
        while self._queue:
            file = self._queue[0]
            try:
                mark, data = file.read(self._block)
            except OSError as error:  # ESTALE, EIO: open it again at the next poll
                self.problem = error.strerror
                self._drop()
                return None
            self._mark = mark or self._mark
            if data:
                self._active = self._clock()
                return self._give(data)
            if not self._advance():
                return None
        return None

    def _advance(self) -> bool:
        """Turn to the next file that has text; False if there is none.

        A writer that has begun the new file is done with the old one, which was
        just found at its end: so nothing is given out of order. Other writers
        may not be done yet; theirs is what `_read_late` is for.
        """
        newer = next((index for index, file in enumerate(self._queue) if index and file.size), 0)
        if newer:
            self._mark = Mark.REPLACED if self._queue[0].gone() else Mark.ROTATED
        until = self._clock() + self._rotate_wait
        for _ in range(newer):
            self._late.append((self._queue.popleft(), until))
        return newer > 0

    def _give(self, data: bytes) -> Piece:
        piece = Piece(data, self._mark)
        self._mark = None
        self._line_open = not data.endswith(b"\n")
        return piece

    def _read_late(self) -> Piece | None:
        """Return lines that a slow writer still put into a file that left the path.

        They are fitted in between whole lines, so no mark is needed; only at
        the end of the wait may a line have to be cut.
        """
        for entry in tuple(self._late):
            file, until = entry
            expired = self._clock() >= until
            if self._line_open and not expired:
                continue
            try:
                mark, data = file.read(self._block, whole_lines=not expired)
            except OSError:
                mark, data = Mark.TRUNCATED, b""
            if data and mark is None:
                return self._splice(data)
            if mark or expired:  # cut after its time, it has nothing left that is owed
                file.close()
                self._late.remove(entry)
        return None

    def _splice(self, data: bytes) -> Piece:
        owed = self._mark
        self._mark = Mark.LATE if self._line_open else None
        piece = self._give(data)
        self._mark = owed or (Mark.LATE if self._line_open else None)
        return piece


class _File:
    """One open regular file and how far it was read. Every method but close may raise OSError."""

    def __init__(self, fd: int, now: os.stat_result) -> None:
        self.fd = fd
        self.identity = (now.st_dev, now.st_ino)
        self.size = now.st_size
        self.offset = 0
        self._head = b""  # the first bytes, as they were given
        self._recent = b""  # the bytes just before the offset, as they were given

    @classmethod
    def open(cls, path: str) -> _File:
        fd = os.open(path, _FLAGS)
        try:
            now = os.fstat(fd)
            _require_regular(path, now)
            return cls(fd, now)
        except BaseException:
            os.close(fd)
            raise

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.fd)

    def gone(self) -> bool:
        """Whether no name is left for the file."""
        try:
            return os.fstat(self.fd).st_nlink == 0
        except OSError:
            return True

    def measure(self) -> None:
        """Learn the size, if the file still answers."""
        with suppress(OSError):
            self.size = os.fstat(self.fd).st_size

    def seek(self, offset: int) -> None:
        """Go to `offset`, trusting what is there now."""
        self.offset = offset
        self._recent = self._before(offset)
        self._head = os.pread(self.fd, min(HEAD, offset), 0)

    def read(self, block: int, *, whole_lines: bool = False) -> tuple[Mark | None, bytes]:
        """Return the bytes after the offset, and how the file was changed before it, if it was.

        With `whole_lines` an unfinished last line stays unread, unless it fills a block.
        """
        mark = None
        data = self._continue(block)
        if data is None:
            mark = Mark.TRUNCATED if self._was_cut() else Mark.REWRITTEN
            self.seek(0)
            data = self._continue(block) or b""
        if whole_lines and (b"\n" in data or len(data) < block):
            data = data[: data.rfind(b"\n") + 1]
        if data:
            self.offset += len(data)
            self._recent = (self._recent + data[-RECENT:])[-RECENT:]
            if len(self._head) < min(HEAD, self.offset):
                self._head = os.pread(self.fd, min(HEAD, self.offset), 0)
        return mark, data

    def _continue(self, block: int) -> bytes | None:
        """Return the bytes after the offset; None if those before it are not what they were."""
        self.measure()
        if self.size < self.offset:
            return None
        if not self._recent and not self._skip_hole(block):
            return b""
        kept = len(self._recent)
        chunk = os.pread(self.fd, kept + block, self.offset - kept)
        if not chunk.startswith(self._recent) or os.pread(self.fd, len(self._head), 0) != self._head:
            return None
        return chunk[kept:] if kept else chunk

    def _was_cut(self) -> bool:
        """Whether a file that changed was truncated, as far as can be told: shorter, or begun with a hole."""
        return self.size < self.offset or os.pread(self.fd, 1, 0) == b"\0"

    def _skip_hole(self, block: int) -> bool:
        """Pass over NUL bytes at the beginning of the file; False, and no move, if no text follows them.

        A writer without O_APPEND goes on at its old place in a file that was
        truncated, and leaves a hole before it, perhaps of gigabytes.
        """
        try:
            at = os.lseek(self.fd, self.offset, getattr(os, "SEEK_DATA", os.SEEK_SET))
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but hole up to the end
                return False
            at = self.offset
        while chunk := os.pread(self.fd, block, at):
            text = chunk.lstrip(b"\0")
            at += len(chunk) - len(text)
            if text:
                self.offset = at
                return True
        return False

    def around(self, head: int, recent: int) -> tuple[bytes, bytes]:
        return os.pread(self.fd, head, 0), self._before(self.offset, recent)

    def _before(self, offset: int, count: int = RECENT) -> bytes:
        count = min(count, offset)
        return os.pread(self.fd, count, offset - count)

    def position(self, held: int = 0) -> Position:
        offset = max(0, self.offset - held)
        recent = self._recent
        if held:
            with suppress(OSError):
                recent = self._before(offset)
        return Position(*self.identity, offset, crc32(self._head[:offset]), crc32(recent))

    def matches(self, position: Position) -> bool:
        """Whether this is the file of `position`, by its number or, if much was read, by its text alone."""
        offset = position.offset
        same = self.identity == (position.device, position.inode)
        return (
            (same or offset >= HEAD)
            and self.size >= offset
            and crc32(os.pread(self.fd, min(HEAD, offset), 0)) == position.head
            and crc32(self._before(offset)) == position.recent
        )

    def is_copy_of(self, other: _File) -> bool:
        return self.size >= other.size and self.matches(other.position())

    def last_block(self, count: int) -> tuple[int, bytes]:
        start = max(0, os.fstat(self.fd).st_size - count)
        before = min(1, start)  # the byte before tells whether a line starts right there
        data = os.pread(self.fd, count + before, start - before)
        line = data.find(b"\n") + 1 if before else 0
        if not 0 < line < len(data):
            line = before
        text = data[line:].lstrip(b"\0")
        return start - before + len(data) - len(text), text


def _require_regular(path: str, now: os.stat_result) -> None:
    if stat.S_ISREG(now.st_mode):
        return
    kinds = ((stat.S_ISDIR, "directory"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
    kind = next((name for test, name in kinds if test(now.st_mode)), "device")
    raise SourceError(f"a {kind} cannot be followed as a log", path, "name a regular file")


def _anew(file: _File, position: Position) -> Mark:
    """Return what happened to the file of `position`, whose text is another."""
    return Mark.TRUNCATED if file.size < position.offset else Mark.REWRITTEN


def _find_renamed(path: str, position: Position) -> _File | None:
    """Open the file of `position` under the name it has now in its directory, read up to there.

    One that was written anew since, and then rotated, is to be read from its beginning.
    """
    anew: _File | None = None
    with suppress(OSError), os.scandir(Path(path).resolve().parent) as entries:
        for entry in entries:
            if entry.inode() != position.inode or not entry.is_file(follow_symlinks=False):
                continue
            file = _File.open(entry.path)
            if file.matches(position):
                file.seek(position.offset)
                return file
            if anew is None and _rotated_names(path).fullmatch(entry.name):
                anew = file
            else:
                file.close()
    return anew


def _rotated_names(path: str) -> re.Pattern[str]:
    """Return what a file is called that was at `path`: `train.log.2`, `train-20260131.log`."""
    base = os.path.basename(path)
    stem, suffix = map(re.escape, os.path.splitext(base))
    return re.compile(rf"{re.escape(base)}{_ROTATED}|{stem}{_ROTATED}{suffix}")


def _between(path: str, old: _File, new: _File, known: Collection[tuple[int, int]]) -> list[_File]:
    """Open the files that were at `path` after `old` and before `new`, the oldest first.

    They are told by their names and by when they were written last. Those of `known`
    identities were read, and a copy of `old` is none.
    """
    names = _rotated_names(path)
    found: list[tuple[int, _File]] = []
    with suppress(OSError), os.scandir(Path(path).resolve().parent) as entries:
        first, last = os.fstat(old.fd).st_mtime_ns, os.fstat(new.fd).st_mtime_ns
        for entry in entries:
            if not names.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            file = _File.open(entry.path)
            written = os.fstat(file.fd).st_mtime_ns
            again = file.identity in known or (old.offset > 0 and file.matches(old.position()))
            if file.size and first < written <= last and not again and file.identity != new.identity:
                found.append((written, file))
            else:
                file.close()
    return [file for _, file in sorted(found, key=lambda pair: pair[0])]
