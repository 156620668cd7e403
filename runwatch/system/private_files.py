"""Directories and files of our own: made for their owner alone, and refused where they are not ours.

What was there before is never changed: a directory that somebody chose may be
/tmp, and its mode is not ours to set.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

from runwatch.system import file_trust

SUFFIXES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps next to a database."""


def directory(path: Path, most: int | None = None) -> None:
    """Make a directory that its owner alone may enter, with those above it; check one that is there.

    `most` is the number of directories that may be made; None: all that are missing.

    Raises OSError, also if it is another user's or others can write to it.
    """
    missing = []
    above = path
    while not os.path.lexists(above) and above != above.parent:
        missing.append(above)
        above = above.parent
    for each in reversed(missing[:most]):
        each.mkdir(mode=0o700, exist_ok=True)
    _check(path)


def _check(path: Path) -> None:
    """Refuse a directory that others can write to: its files could be theirs."""
    link, found = os.lstat(path), os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "is not a directory")
    if found.st_uid != os.geteuid() or link.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, "belongs to another user")
    place = file_trust.describe(str(path), "directory", found, str(path))
    unstuck = replace(place, mode=place.mode & ~stat.S_ISVTX)  # nobody else may even add a file
    if file_trust.objection(unstuck, file_trust.current_user()):
        raise PermissionError(errno.EPERM, "others can write to it (chmod go-w it)")


def opened(path: Path, flags: int) -> int:
    """Open a file of ours, made if it is missing; return its descriptor.

    Raises OSError, also if what is there is no regular file or another user's. Never waits, as
    opening a FIFO would.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP, errno.EISDIR, errno.ENODEV):
            raise _irregular(path) from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise _irregular(path)
    if found.st_uid != os.geteuid():
        os.close(descriptor)
        raise PermissionError(errno.EPERM, f"{path.name} belongs to another user: remove it", str(path))
    return descriptor


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file completely or not at all, by default for its owner alone. Raises OSError."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def is_file(path: Path | str) -> bool:
    """Return whether there is a regular file, not a link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def identity(place: Path | int) -> tuple[int, int] | None:
    """Return what no other file has: of the one at a path, or behind a descriptor; None if there is none."""
    try:
        found = os.fstat(place) if isinstance(place, int) else os.lstat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one at its path."""
    return identity(path) == identity(descriptor)


def database(path: Path) -> None:
    """Create the file of a database if it is missing, for SQLite to open. Raises OSError as `opened`."""
    os.close(opened(path, os.O_RDWR))
    for suffix in SUFFIXES:
        file = Path(f"{path}{suffix}")
        if os.path.lexists(file) and not is_file(file):
            raise _irregular(file)


def _irregular(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"{path.name} is not a regular file: move it away", str(path))
