"""Compressed logs, as rotation leaves them behind: known by how they begin, read with what Python brings."""

from __future__ import annotations

import importlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from runwatch.core.errors import SourceError

SUFFIXES = ("gz", "bz2", "xz", "zst")
Opener = Callable[[str, int], int]
"""What returns a descriptor of a file, as `open` takes it."""
_BEGINS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma", b"\x28\xb5\x2f\xfd": "compression.zstd"}


def at_once(path: str, flags: int) -> int:
    """Open a file, as `open` wants its opener; a pipe that has no writer is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def packed(head: bytes) -> bool:
    """Return whether a file that begins so is compressed."""
    return head.startswith(tuple(_BEGINS))


def is_packed(path: str) -> bool:
    """Return whether the file at `path` is compressed; False if it cannot be read."""
    try:
        with open(path, "rb", buffering=0, opener=at_once) as file:
            return packed(file.read(6))
    except OSError:
        return False


_DAMAGED = frozenset(("LZMAError", "ZstdError"))
"""Names of errors, so as not to load what they are of."""


def blocks(path: str, size: int, opener: Opener | None = None) -> Iterator[bytes]:
    """Yield what a file holds, decompressed if need be, in blocks of at most `size` bytes.

    Raises OSError, and SourceError where the rest cannot be decompressed.
    """
    try:
        with opened(path, opener) as stream:
            read = getattr(stream, "read1", stream.read)  # what comes before damage, and not the error alone
            while data := read(size):
                yield data
    except (EOFError, zlib.error, ValueError) as error:
        raise SourceError("the compressed file is cut or damaged", path, str(error)) from error
    except Exception as error:
        damaged = isinstance(error, OSError) and error.errno is None  # of gzip and bz2
        if not damaged and type(error).__name__ not in _DAMAGED:
            raise
        raise SourceError("the compressed file is damaged", path, str(error)) from error


@contextmanager
def opened(path: str, opener: Opener | None = None) -> Iterator[IO[bytes]]:
    """Open a file to read what it holds, decompressed if it is compressed. Raises OSError and SourceError."""
    with open(path, "rb", buffering=0, opener=opener or at_once) as stream:
        head = stream.read(6)
        stream.seek(0)
        way = next((way for begin, way in _BEGINS.items() if head.startswith(begin)), None)
        if way is None:
            yield stream
            return
        try:
            module: Any = importlib.import_module(way)
        except ImportError as error:
            raise SourceError("this Python cannot decompress it", path, "decompress it first") from error
        with module.open(stream, "rb") as unpacked:
            yield unpacked
