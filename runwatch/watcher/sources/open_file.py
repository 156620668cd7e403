"""One open regular file: how far it was read, whether it is still what it was, and how it is known again."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from enum import Enum
from zlib import crc32

import msgspec

from runwatch.core.errors import SourceError

HEAD = 1024
"""Bytes of a file's beginning that distinguish it from others."""
RECENT = 256
"""Bytes before the offset that must stay as they were read."""
_FLAGS = os.O_NONBLOCK | os.O_NOCTTY  # only to read, and never inherited: as Python opens files


class Mark(Enum):
    """Why the bytes that follow do not continue the bytes before: end the line held."""

    ROTATED = "rotated"
    """Another file is at the path; the old one, read to its end, lives on under another name."""
    REPLACED = "replaced"
    """Another file is at the path; the old one, read to its end where it could be, is gone."""
    COPIED = "copied"
    """The file was copied and then cut. Its copy was read to the end, and what follows continues there."""
    TRUNCATED = "truncated"
    """The file was cut and is read from its beginning; bytes not yet read were lost."""
    REWRITTEN = "rewritten"
    """The text already read has changed; the file is read from its beginning."""
    LATE = "late"
    """A line had to be cut to fit in what was written late to a file that left the path; also after it."""


class Position(msgspec.Struct, frozen=True):
    """How far a file was read, and how to know that file again in a later session."""

    device: int
    inode: int
    offset: int
    head: int
    """CRC-32 of the first bytes, at most HEAD of those before the offset."""
    recent: int
    """CRC-32 of the last bytes before the offset, at most RECENT."""
    changed: int = 0
    """When the file was written to last, in ns, as far as it was known then."""
    copied: bool = False
    """Whether it is a copy, made before the file at the path was cut: that file continues it."""

    def begins(self, head: bytes) -> bool:
        """Return whether this file began with `head`, the first HEAD bytes or more of one."""
        return self.head == crc32(head[: min(HEAD, self.offset)])


class OpenFile:
    """One open regular file and how far it was read. Every method but close may raise OSError."""

    def __init__(self, fd: int, now: os.stat_result) -> None:
        self.fd = fd
        self.identity = (now.st_dev, now.st_ino)
        self.size = now.st_size
        self.changed = now.st_mtime_ns
        self.offset = 0
        self.begin = 0
        """Where its text begins: behind the hole, if a writer has left one."""
        self.copied = False
        """Whether it is a copy that the file at the path continues."""
        self.certain = False
        """Whether it has a name that only a rotated file has."""
        self._known = (self.size, self.changed)
        """Size and time of the last write when the bytes before the offset were seen intact."""
        self._head = b""  # the first bytes, as they were given
        self._recent = b""  # the bytes just before the offset, as they were given

    @classmethod
    def open(cls, path: str) -> OpenFile:
        """Open it; what waits for another end (a pipe) is not waited for. Raises SourceError and OSError."""
        fd = os.open(path, _FLAGS)
        try:
            now = os.fstat(fd)
            require_regular(path, now)
            return cls(fd, now)
        except BaseException:
            os.close(fd)
            raise

    def close(self) -> None:
        """Close it."""
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
            now = os.fstat(self.fd)
            self.size, self.changed = now.st_size, now.st_mtime_ns

    def seek(self, offset: int) -> None:
        """Go to `offset`, trusting what is there now."""
        self.offset, self.begin = offset, 0
        self._known = (self.size, self.changed)
        self._recent = self._before(offset)
        self._head = os.pread(self.fd, min(HEAD, offset), 0)

    def read(self, block: int, *, whole_lines: bool = False) -> tuple[Mark | None, bytes]:
        """Return the bytes after the offset; none and a mark if those before it are not what they were.

        With `whole_lines` an unfinished last line stays unread, unless it fills a block.
        """
        first = not self.offset
        data = self._continue(block)
        if data is None:
            return (Mark.TRUNCATED if self._was_cut() else Mark.REWRITTEN), b""
        if whole_lines and (b"\n" in data or len(data) < block):
            data = data[: data.rfind(b"\n") + 1]
        if not first:
            self._known = (self.size, self.changed)
        if data:
            self.offset += len(data)
            self._recent = (self._recent + data[-RECENT:])[-RECENT:]
            if len(self._head) < min(HEAD, self.offset):
                self._head = os.pread(self.fd, min(HEAD, self.offset), 0)
        return None, data

    def intact(self) -> bool:
        """Whether the bytes before the offset are what they were; True if the file does not answer."""
        try:
            return self._continue(0) is not None
        except OSError:
            return True

    @property
    def unread(self) -> int:
        """Bytes that are known to have been behind the offset when it was intact."""
        return max(0, self._known[0] - self.offset)

    def written_since(self) -> int | None:
        """Return a time, in ns, if the file was written to or cut since it was asked so last; else None.

        Any copy of what it held meanwhile is younger. (One of text that it had is as old as that.) A file
        that was cut in the same tick of the clock as it was written to shows it by its size.
        """
        size, changed = self._known
        if changed == self.changed and self.size >= size:
            return None
        self._known = (self.size, self.changed)
        return changed - 1 if size else changed

    def _continue(self, block: int) -> bytes | None:
        """Return the bytes after the offset; None if those before it are not what they were."""
        self.measure()
        if self.size < self.offset:
            return None
        if not self._recent and (not block or not self._skip_hole(block)):
            return b""
        kept = len(self._recent)
        chunk = os.pread(self.fd, kept + block, self.offset - kept)
        if not chunk.startswith(self._recent) or os.pread(self.fd, len(self._head), 0) != self._head:
            return None
        return chunk[kept:] if kept else chunk

    def _was_cut(self) -> bool:
        """Whether a changed file was truncated, as far as can be known: shorter, or begun with a hole."""
        return self.size < self.offset or os.pread(self.fd, 1, 0) == b"\0"

    def _skip_hole(self, block: int) -> bool:
        """Pass over NUL bytes at the beginning of the file; False, and no move, if no text follows them.

        A writer without O_APPEND continues at its old place in a file that was
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
                self.offset = self.begin = at
                return True
        return False

    def around(self, head: int, recent: int) -> tuple[bytes, bytes]:
        """Return the first bytes, and the last ones before the offset; a hole there is none."""
        before = self._before(self.offset, recent)
        return os.pread(self.fd, head, 0), before if before.strip(b"\0") else b""

    def _before(self, offset: int, count: int = RECENT) -> bytes:
        count = min(count, offset)
        return os.pread(self.fd, count, offset - count)

    def position(self, held: int = 0) -> Position:
        """Return the place `held` bytes before the offset, or where the text begins."""
        offset = max(self.begin, self.offset - held)
        recent = self._recent.rjust(min(RECENT, offset), b"\0")  # a hole precedes it
        if offset < self.offset:
            with suppress(OSError):
                recent = self._before(offset)
        head = crc32(self._head[:offset])
        changed = self._known[1] - (not offset and self.offset > 0)  # a copy of the text may be as old
        return Position(*self.identity, offset, head, crc32(recent), changed, self.copied)

    def matches(self, position: Position) -> bool:
        """Whether this is the file of `position`, by its number or, if much was read, by its text alone."""
        same = self.identity == (position.device, position.inode)
        return (same or position.offset >= HEAD) and self.continues(position)

    def continues(self, position: Position) -> bool:
        """Whether this holds what had been read at `position`, as far as its prints show."""
        offset = position.offset
        return (
            self.size >= offset
            and crc32(os.pread(self.fd, min(HEAD, offset), 0)) == position.head
            and crc32(self._before(offset)) == position.recent
        )

    def is_copy_of(self, other: OpenFile) -> bool:
        """Whether this is what was read of the other, and perhaps more."""
        return self.size >= other.size and self.matches(other.position())

    def last_block(self, count: int) -> tuple[int, bytes]:
        """Return (offset, bytes) of at most the last `count` bytes, from a line's start if there is one."""
        start = max(0, os.fstat(self.fd).st_size - count)
        before = min(1, start)  # the byte before shows whether a line starts right there
        data = os.pread(self.fd, count + before, start - before)
        line = data.find(b"\n") + 1
        if not before or not 0 < line < len(data):
            line = before
        text = data[line:].lstrip(b"\0")
        return start - before + len(data) - len(text), text


def require_regular(path: str, now: os.stat_result) -> None:
    """Raise SourceError for what cannot be followed as a log."""
    if stat.S_ISREG(now.st_mode):
        return
    kinds = ((stat.S_ISDIR, "directory"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
    kind = next((name for test, name in kinds if test(now.st_mode)), "device")
    raise SourceError(f"a {kind} cannot be followed as a log", path, "name a regular file")


def written_anew(size: int, position: Position) -> Mark:
    """Return what happened to the file of `position`, now of `size`, whose text is another."""
    return Mark.TRUNCATED if size < position.offset else Mark.REWRITTEN
