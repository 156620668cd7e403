"""Writing to a log, and reading all that a tail has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runwatch.watcher.sources.tail import Mark, Tail

if TYPE_CHECKING:
    from pathlib import Path


def drain(tail: Tail) -> tuple[bytes, list[Mark | None]]:
    """Poll until nothing is new; return the bytes and the marks of the pieces."""
    data, marks = b"", []
    while piece := tail.poll():
        assert piece.data
        data += piece.data
        marks.append(piece.mark)
    return data, marks


def read(tail: Tail) -> bytes:
    return drain(tail)[0]


def lines(first: int, last: int) -> bytes:
    return b"".join(b"step %05d | loss %.6f\n" % (step, 1 / (step + 1)) for step in range(first, last))


def opened(path: Path, flags: int = os.O_APPEND) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags)
