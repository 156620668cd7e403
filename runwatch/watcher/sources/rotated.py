"""Where the files are that were at a path before: renamed, rotated, rotated again."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress

from runwatch.watcher.sources.openfile import OpenFile, Position

ROTATED = r"[._-]\d[\d._T:-]*"
"""What a rotation puts behind a name, or before its suffix."""


def find_renamed(path: str, position: Position) -> OpenFile | None:
    """Open the file of `position` under the name it has now in its directory, read up to there.

    One that was written anew since, and then rotated, is to be read from its beginning.
    """
    anew: OpenFile | None = None
    with suppress(OSError), os.scandir(os.path.dirname(os.path.realpath(path))) as entries:
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
    return re.compile(rf"{re.escape(base)}{ROTATED}|{stem}{ROTATED}{suffix}")


def between(
    path: str, old: Position, new: OpenFile, known: Collection[tuple[int, int]] = ()
) -> list[OpenFile]:
    """Open the files that were at `path` after that of `old` and before `new`, the oldest first.

    They are told by their names and by when they were written last. Those of `known`
    identities were read, and a copy of the old one is none.
    """
    names = names_of_rotated(path)
    others = {(old.device, old.inode), new.identity, *known}
    found: list[OpenFile] = []
    with suppress(OSError), os.scandir(os.path.dirname(os.path.realpath(path))) as entries:
        for entry in entries:
            if not names.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            file = OpenFile.open(entry.path)
            again = file.identity in others or (old.offset > 0 and file.matches(old))
            if file.size and old.changed < file.changed <= new.changed and not again:
                found.append(file)
            else:
                file.close()
    return sorted(found, key=lambda file: file.changed)
