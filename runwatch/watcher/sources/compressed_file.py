"""A compressed copy of a log, read like the log that it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from zlib import crc32

from runwatch.core.errors import SourceError
from runwatch.watcher.sources import compressed
from runwatch.watcher.sources.open_file import HEAD, RECENT, Mark, OpenFile, Position

MAX_BYTES = 512 << 20
"""Most that is decompressed of one copy."""
_KEPT = 1 << 17
"""Bytes kept of its beginning and of those before the offset."""
_BLOCK = 1 << 18


class PackedFile:
    """An open compressed file; offsets and size are those of what it holds. It grows no more.

    `read` and `seek` may raise OSError.
    """

    unread = 0

    def __init__(self, file: OpenFile, path: str) -> None:
        """`file` is the compressed file itself, which is closed with this."""
        self._file, self._path = file, path
        self.identity, self.changed = file.identity, file.changed
        self.size = self.offset = self.begin = 0
        self.copied = self.certain = False
        self._head = self._recent = b""
        self._blocks: Iterator[bytes] | None = None
        self._ahead = b""

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def gone(self) -> bool:
        """Whether no name is left for the file."""
        return self._file.gone()

    def measure(self) -> None:
        """Do nothing: its size is known once it was sought in."""

    def intact(self) -> bool:
        """Return True: nobody writes to it."""
        return True

    def written_since(self) -> None:
        """Return None: nobody writes to it."""

    def continues(self, position: Position) -> bool:
        """Whether this holds what had been read at `position`; then it is there."""
        with suppress(OSError):
            self.seek(position.offset)
            return (
                self.offset == position.offset
                and crc32(self._head[: min(HEAD, self.offset)]) == position.head
                and crc32(self._recent[-RECENT:]) == position.recent
            )
        return False

    def seek(self, offset: int) -> None:
        """Go to `offset`, or to the end if that comes before; learn the size."""
        self.size, self._head, self._recent = 0, b"", b""
        for data in self._unpack():
            self._head += data[: _KEPT - len(self._head)]
            before = data[: max(0, offset - self.size)]
            self._recent = (self._recent + before)[-_KEPT:]
            self.size += len(data)
            if self.size > MAX_BYTES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        self.offset, self.begin = min(offset, self.size), 0
        self._blocks, self._ahead = None, b""

    def read(self, block: int, *, whole_lines: bool = False) -> tuple[Mark | None, bytes]:
        """Return the bytes after the offset; what it holds does not change, so there is no mark."""
        if self._blocks is None:
            self._blocks = self._unpack()
            left = self.offset
            while left and (data := next(self._blocks, b"")):
                self._ahead, left = data[left:], max(0, left - len(data))
        while not self._ahead and (data := next(self._blocks, b"")):
            self._ahead = data if self.offset > self.begin else data.lstrip(b"\0")
            if hole := len(data) - len(self._ahead):  # at its beginning, as a writer left it
                self.offset = self.begin = self.offset + hole
        data, self._ahead = self._ahead[:block], self._ahead[block:]
        self.offset += len(data)
        self._recent = (self._recent + data)[-_KEPT:]
        return None, data

    def last_block(self, count: int) -> tuple[int, bytes]:
        """Return (0, b""): what it holds is history, and soon read."""
        return 0, b""

    def around(self, head: int, recent: int) -> tuple[bytes, bytes]:
        """Return the first bytes, and the last ones before the offset, as far as they are kept."""
        return self._head[:head], self._recent[-recent:]

    def position(self, held: int = 0) -> Position:
        """Return the place `held` bytes before the offset, or where the text begins."""
        offset = max(self.begin, self.offset - held)
        recent = self._recent[: len(self._recent) + offset - self.offset][-RECENT:]
        recent = recent.rjust(min(RECENT, offset), b"\0")  # a hole precedes it
        head = crc32(self._head[: min(HEAD, offset)])
        return Position(*self.identity, offset, head, crc32(recent), self.changed, self.copied)

    def _unpack(self) -> Iterator[bytes]:
        os.lseek(self._file.fd, 0, os.SEEK_SET)
        try:
            yield from compressed.blocks(self._path, _BLOCK, lambda *_: os.dup(self._file.fd))
        except SourceError as error:
            raise OSError(errno.EIO, str(error)) from error
