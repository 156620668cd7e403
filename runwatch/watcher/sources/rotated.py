"""Where the files are that were at a path before: renamed, rotated, rotated again."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from runwatch.watcher.sources.openfile import OpenFile, Position

_ROTATED = r"[._-]\d[\d._T:-]*"
"""What a rotation puts behind a name, or before its suffix."""


def find_renamed(path: str, position: Position) -> OpenFile | None:
    """Open the file of `position` under the name it has now in its directory, read up to there.

    One that was written anew since, and then rotated, is to be read from its beginning.
    """
    anew: OpenFile | None = None
    with suppress(OSError), os.scandir(Path(path).resolve().parent) as entries:
        for entry in entries:
            if entry.inode() != position.inode or not entry.is_file(follow_symlinks=False):
                continue
            file = OpenFile.open(entry.path)
            if file.matches(position):
                file.seek(position.offset)
                return file
            if anew is None and names_of_rotated(path).fullmatch(entry.name):
                anew = file
            else:
                file.close()
    return anew


def names_of_rotated(path: str) -> re.Pattern[str]:
    """Return what a file is called that was at `path`: `train.log.2`, `train-20260131.log`."""
    base = os.path.basename(path)
    stem, suffix = map(re.escape, os.path.splitext(base))
    return re.compile(rf"{re.escape(base)}{_ROTATED}|{stem}{_ROTATED}{suffix}")


def between(path: str, old: OpenFile, new: OpenFile, known: Collection[tuple[int, int]]) -> list[OpenFile]:
    """Open the files that were at `path` after `old` and before `new`, the oldest first.

    They are told by their names and by when they were written last. Those of `known`
    identities were read, and a copy of `old` is none.
    """
    names = names_of_rotated(path)
    found: list[tuple[int, OpenFile]] = []
    with suppress(OSError), os.scandir(Path(path).resolve().parent) as entries:
        first, last = os.fstat(old.fd).st_mtime_ns, os.fstat(new.fd).st_mtime_ns
        for entry in entries:
            if not names.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            file = OpenFile.open(entry.path)
            written = os.fstat(file.fd).st_mtime_ns
            again = file.identity in known or (old.offset > 0 and file.matches(old.position()))
            if file.size and first < written <= last and not again and file.identity != new.identity:
                found.append((written, file))
            else:
                file.close()
    return [file for _, file in sorted(found, key=lambda pair: pair[0])]
