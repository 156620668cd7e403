"""Looks through a directory for files that may be of runs: nearest first, bounded, following no links."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from itertools import islice

from runwatch.core import text
from runwatch.core.errors import SourceError
from runwatch.watcher.layouts import holds_checkpoints
from runwatch.watcher.layouts.grouping import grouped, is_checkpoint
from runwatch.watcher.sources.kinds import kind_of
from runwatch.watcher.sources.member import DIRECTORY, LOG
from runwatch.watcher.sources.neighbors import File
from runwatch.watcher.sources.sidecars import FACTS

_SKIPPED = re.compile(r"\..*|__pycache__|node_modules|site-packages|venv|env")
"""Directories in which no run is looked for."""
_OWN = frozenset({"daemon.log", "state.db"})
"""What a state directory of ours holds: what is said of runs is no run."""
_KERNEL = frozenset({"/proc", "/sys", "/dev"})
_WANDB_RUN = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-.*")
_BEGUN = 60.0
"""Seconds in which W&B writes the first files of a run."""
MAX_DEPTH = 8
MAX_ENTRIES = 200_000
"""Directory entries looked at before a search ends."""
MAX_HERE = 50_000
"""Entries of one directory that are looked at: one full of data must not end the search."""
_MANY = 64
"""Checkpoints side by side of which none but so many are searched for files of the run."""


def search(
    top: str, note: Callable[[str], object], unread: Callable[[SourceError], object]
) -> tuple[list[File], bool]:
    """Return the files whose names may be those of a run's files, and whether the search ended at its bound.

    Nearest directories come first; links are not followed, nor what the kernel makes up.
    """
    level, seen, reported, out = [top], 0, set[str](), list[File]()
    for _ in range(MAX_DEPTH):
        below: list[str] = []
        for directory in level:
            entries = entries_of(directory, note, unread)
            seen += len(entries)
            if seen > MAX_ENTRIES:
                where = text.path(directory)
                note(f"the search ended after {MAX_ENTRIES:,} entries, at {where}: name a directory")
                return out, True
            inside, names = _parted(entries)
            if _OWN.issubset(names):
                continue
            if not _is_wandb_run(directory, entries):
                worth = _without_old(directory, names, inside)
                below += [os.path.join(directory, n) for n in worth if not _SKIPPED.fullmatch(n)]
                place = _place(directory, names, inside, asked=directory == top)
                if place is not None and place.path not in reported:
                    reported.add(place.path)
                    out.append(place)
            for entry in entries:
                kind = kind_of(entry.name)
                if kind == LOG and os.path.basename(directory) == "wandb":
                    continue  # what W&B says of itself
                if kind is not None and (file := _file(entry, kind)) is not None:
                    out.append(file)
        level = [path for path in below if path not in _KERNEL]
    return out, False


def _parted(entries: Sequence[os.DirEntry[str]]) -> tuple[list[str], list[str]]:
    """Return the names of the directories, and those of all else."""
    parts: tuple[list[str], list[str]] = [], []
    for entry in entries:
        parts[0 if _is_directory(entry) else 1].append(entry.name)
    return parts


def _without_old(directory: str, names: Sequence[str], inside: Sequence[str]) -> Sequence[str]:
    """Return the directories worth a search: of very many checkpoints only the newest."""
    if len(inside) <= _MANY or is_checkpoint(names, inside, os.path.basename(directory)):
        return inside
    found = grouped((), inside, "").values()
    saved = [each for each in found if each.named.layout]
    if not saved:
        bare = [each for each in found if each.names[0].isdecimal()]
        newest = max(bare, key=lambda each: each.at, default=None)
        if newest is not None and _is_saved(os.path.join(directory, newest.names[0])):
            saved = bare
    old = {name for each in sorted(saved, key=lambda each: each.at)[:-_MANY] for name in each.names}
    return [name for name in inside if name not in old]


def _is_saved(directory: str) -> bool:
    """Return whether a directory is a checkpoint, by what is in it."""
    inside, names = _parted(entries_of(directory, note=lambda said: None))
    return is_checkpoint(names, inside, os.path.basename(directory))


def _place(directory: str, names: Sequence[str], inside: Sequence[str], *, asked: bool) -> File | None:
    """Return a directory that holds checkpoints, or files of facts.

    One that is itself a checkpoint is reported by the directory above it, unless a person `asked` for it.
    """
    above, own = os.path.split(directory)
    saved = holds_checkpoints(names, inside)
    if saved and not asked and is_checkpoint(names, inside, own):
        # A bare number says by itself nothing of checkpoints: what is in it does (Orbax).
        return File(above, DIRECTORY, _written(above)) if own.isdecimal() else None
    if saved or any(map(FACTS.fullmatch, names)):
        return File(directory, DIRECTORY, _written(directory), has_records=saved)
    return None


def _written(directory: str) -> float:
    """Return when a name was last added to a directory or removed, as Unix time; 0 if it cannot be seen."""
    with contextlib.suppress(OSError):
        return os.stat(directory).st_mtime
    return 0.0


def entries_of(
    directory: str,
    note: Callable[[str], object],
    unread: Callable[[SourceError], object] = lambda error: None,
) -> list[os.DirEntry[str]]:
    """Return the entries of a directory by name, as many as are looked at; none if it cannot be read."""
    try:
        with os.scandir(directory) as found:
            entries = sorted(islice(found, MAX_HERE), key=lambda entry: entry.name)
            if next(found, None) is not None:
                where = text.path(directory)
                note(f"{where} contains more than {MAX_HERE:,} entries: the others are skipped")
            return entries
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):  # gone meanwhile
            lost = SourceError("cannot search", text.path(directory), error.strerror or str(error))
            lost.__cause__ = error
            unread(lost)
        return []


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_wandb_run(directory: str, entries: Sequence[os.DirEntry[str]]) -> bool:
    """Return whether a directory is W&B's of one run. One just made may not hold the run's own file yet."""
    if not _WANDB_RUN.fullmatch(os.path.basename(directory)):
        return False
    begun = time.time() - _written(directory) < _BEGUN
    return begun or any(entry.name.endswith(".wandb") for entry in entries)


def _file(entry: os.DirEntry[str], kind: str) -> File | None:
    """Return the file if it holds something, as far as can be seen."""
    try:
        status = entry.stat()
    except OSError as error:
        return None if error.errno == errno.ENOENT else File(entry.path, kind, 0.0)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return None
    return File(entry.path, kind, status.st_mtime)
