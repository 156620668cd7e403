"""The file of a recording: a line that says what it is, then one compressed stream of entries.

The stream is flushed every few seconds, so that a kill costs no more than those. What a torn end leaves is
dropped: an entry counts when it is there as a whole.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event, Thread

from runwatch.core.decoding import UNDECODABLE
from runwatch.core.errors import SourceError
from runwatch.parsers.framing.protobuf import packed
from runwatch.watcher.recordings.entries import Entry, decode, encode
from runwatch.watcher.sources.compressed import at_once

HEAD = b"runwatch recording 1\n"
MAX_ENTRY = 64 << 20
"""Bytes of one entry at most: a longer one is damage."""
_LONGEST = 35
"""Bits of an entry's length at most."""
MOST_WAITING = 64 << 20
"""Bytes that may wait for a slow disk; with more, the recording ends."""
_BLOCK = 1 << 16


def free(path: str) -> str:
    """Return the path of a new recording: with a number where a recording is already. Raises OSError.

    Any other file there is an error: nothing is overwritten.
    """
    stem, ending = os.path.splitext(path)
    place, number = path, 1
    while is_recording(place):
        number += 1
        place = f"{stem}-{number}{ending}"
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), place)
    folder = os.path.dirname(place) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "no such directory", folder)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    return place


class Writer:
    """Appends entries to a new file, in a thread of its own: no disk can delay who appends."""

    def __init__(self, path: str) -> None:
        """Create the file. Raises OSError."""
        self.path = free(path)
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115  it stays open
        self._pack = zlib.compressobj(6)
        self._held = bytearray(HEAD)
        self._work: SimpleQueue[tuple[bytes, Event | None]] = SimpleQueue()
        """Bodies of entries, and events to be set once all before them is written; None: at the end."""
        self._taken = self._given = 0
        self.failure = ""
        """Why nothing is written any more; "" while it is."""
        self._thread = Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()
        self.flush()

    def append(self, entry: Entry) -> None:
        """Append an entry; it is written with the next flush, or when there is enough."""
        body = encode(entry)
        self._given += len(body)
        if self._given - self._taken > MOST_WAITING:
            self.failure = self.failure or "the disk is too slow"
        if not self.failure:
            self._work.put((body, None))

    def flush(self) -> Event:
        """Have what there is written, so that it can be read; return what is set once it is."""
        written = Event()
        self._work.put((b"", written))
        return written

    def close(self, seconds: float = 5.0) -> None:
        """Write the rest, for as long as that may take."""
        self._work.put((b"", None))
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            body, written = self._work.get()
            self._taken += len(body)
            try:
                if body:
                    self._held += self._pack.compress(packed(len(body)) + body)
                else:
                    self._held += self._pack.flush(zlib.Z_SYNC_FLUSH if written else zlib.Z_FINISH)
                if written or not body or len(self._held) > _BLOCK:
                    self._put()
            except OSError as error:
                self.failure = error.strerror or type(error).__name__
                self._held.clear()
            if written is not None:
                written.set()
            elif not body:
                self._file.close()
                return

    def _put(self) -> None:
        while self._held and not self.failure:
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
    except UNDECODABLE as error:
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
            if shift > _LONGEST:
                raise ValueError("an entry has no length")
        else:
            break
        if size > MAX_ENTRY:
            raise ValueError("an entry is too long")
        if begin + size > len(buffer):
            break
        yield decode(bytes(buffer[begin : begin + size]))
        at = begin + size
    del buffer[:at]
