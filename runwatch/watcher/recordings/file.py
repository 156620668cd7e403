"""The file of a recording: a line that says what it is, then one compressed stream of entries.

The stream is flushed every few seconds, so that a kill costs no more than those. What a torn end leaves is
dropped: an entry counts when it is there as a whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec

from runwatch.core.errors import SourceError
from runwatch.watcher.recordings.entries import Entry, decode, encode
from runwatch.watcher.sources.compressed import at_once

HEAD = b"runwatch recording 1\n"
MAX_ENTRY = 64 << 20
"""Bytes of one entry at most: a longer one is damage."""
_BLOCK = 1 << 16


class Writer:
    """Appends entries to a new file."""

    def __init__(self, path: str) -> None:
        """Create the file. Raises OSError; FileExistsError where there is one."""
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  it stays open
        self._pack = zlib.compressobj(6)
        self._held = bytearray(HEAD)
        self.flush()

    def append(self, entry: Entry) -> None:
        """Append an entry; it is written with the next flush, or when there is enough."""
        body = encode(entry)
        self._held += self._pack.compress(_length(len(body)) + body)
        if len(self._held) > _BLOCK:
            self._put()

    def flush(self) -> None:
        """Write what there is, so that it can be read. Raises OSError."""
        self._held += self._pack.flush(zlib.Z_SYNC_FLUSH)
        self._put()

    def close(self) -> None:
        """Write the rest. Raises OSError."""
        self._held += self._pack.flush()
        try:
            self._put()
        finally:
            self._file.close()

    def _put(self) -> None:
        while self._held:
            del self._held[: self._file.write(self._held)]


def is_recording(path: str) -> bool:
    """Return whether a file is a recording; False if it cannot be read."""
    try:
        with open(path, "rb", buffering=0, opener=at_once) as file:
            return file.read(len(HEAD)).startswith(HEAD.split()[0] + b" recording ")
    except OSError:
        return False


def read(path: str) -> Iterator[Entry]:
    """Yield the entries of a recording. Raises SourceError where it cannot be read."""
    try:
        with open(path, "rb", opener=at_once) as file:
            if file.read(len(HEAD)) != HEAD:
                raise SourceError("made by another version of runwatch", path, "replay it with that version")
            buffer = bytearray()
            unpack = zlib.decompressobj()
            while block := file.read(_BLOCK):
                try:
                    buffer += unpack.decompress(block)
                except zlib.error:
                    block = b""
                yield from _whole(buffer)
                if not block:
                    return
    except OSError as error:
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise SourceError("the recording is damaged", path, str(error)) from error


def _whole(buffer: bytearray) -> Iterator[Entry]:
    """Yield the entries that are complete, and remove them. Raises ValueError for damage."""
    at = 0
    while True:
        size, shift, begin = 0, 0, at
        while begin < len(buffer):
            byte = buffer[begin]
            size |= (byte & 127) << shift
            shift, begin = shift + 7, begin + 1
            if byte < 128:
                break
        else:
            break
        if size > MAX_ENTRY:
            raise ValueError("an entry is too long")
        if begin + size > len(buffer):
            break
        yield decode(bytes(buffer[begin : begin + size]))
        at = begin + size
    del buffer[:at]


def _length(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
