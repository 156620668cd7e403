"""Looking at directories and files that change underfoot: bounded, tolerant, following no loops."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from runwatch.watcher.layouts.layout import Size
from runwatch.watcher.layouts.signatures import Read

MAX_ENTRIES = 200_000
MAX_FILES = 16_384
"""Files of one checkpoint that are looked at."""
MAX_DEPTH = 6


@dataclass(slots=True)
class Listing:
    """Names of what is in one directory. Links to directories are not followed, and not among them."""

    files: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """All names, those of directories with a slash behind them."""
        return [*self.files, *(f"{name}/" for name in self.directories)]


def listing(path: str, limit: int = MAX_ENTRIES) -> Listing:
    """Return what is in a directory, unsorted. Raises OSError if it cannot be read."""
    found = Listing()
    with os.scandir(path) as entries:
        for entry in islice(entries, limit):
            try:
                if entry.is_dir(follow_symlinks=False):
                    found.directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and entry.is_file()):
                    found.files.append(entry.name)
            except OSError:  # it vanished, or a link that leads to itself
                continue
    return found


def size_of(path: str) -> Size | None:
    """Return a file's size, last change and identity, or None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _size(status) if stat.S_ISREG(status.st_mode) else None


def sizes(directory: str, names: Iterable[str]) -> dict[str, Size]:
    """Return the sizes of those files that are still there."""
    found = ((name, size_of(os.path.join(directory, name))) for name in sorted(names))
    return {name: size for name, size in found if size is not None}


def walk(top: str) -> dict[str, Size]:
    """Return every file below `top` by its path below it. Raises OSError if a directory cannot be read."""
    found: dict[str, Size] = {}
    todo = [("", 0)]
    while todo:
        below, depth = todo.pop()
        try:
            inside = listing(os.path.join(top, below) if below else top, MAX_FILES)
        except FileNotFoundError:
            if not below:
                raise
            continue
        names = [below + name for name in inside.files]
        found.update(sizes(top, names[: MAX_FILES - len(found)]))
        if depth < MAX_DEPTH:
            todo.extend((f"{below}{name}/", depth + 1) for name in sorted(inside.directories, reverse=True))
    return found


@contextmanager
def reading(path: str) -> Iterator[Read]:
    """Open a file for reading at offsets. Raises OSError if it cannot be opened."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield lambda offset, length: os.pread(handle, length, offset)
    finally:
        os.close(handle)


def contents(path: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file. Raises OSError if it cannot be read."""
    with reading(path) as read:
        parts = []
        offset = 0
        while offset < limit and (data := read(offset, limit - offset)):
            parts.append(data)
            offset += len(data)
        return b"".join(parts)


def free_bytes(path: str) -> int | None:
    """Return the bytes that the user may still write on this file system."""
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _size(status: os.stat_result) -> Size:
    return Size(status.st_size, status.st_mtime, status.st_ino)
