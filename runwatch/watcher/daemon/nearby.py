"""Logs of active runs: those that processes write to, and recently written ones below a directory."""

from __future__ import annotations

import os
import time

import msgspec

from runwatch.core.errors import SourceError
from runwatch.watcher.daemon.logs import NAME as OWN_LOG
from runwatch.watcher.samplers.procfs import Proc
from runwatch.watcher.sources.discover import has_record
from runwatch.watcher.sources.kinds import kind_of
from runwatch.watcher.sources.member import DIRECTORY, LOG
from runwatch.watcher.sources.search import search

_LOGS = (".log", ".out", ".err")
_FRAMES = ("│", "┃", "╭", "╰", "├", "┌", "└")
_HEAD = 1 << 16
LATELY = 3600.0
"""Seconds since its last write for which a log may belong to an active run."""
MOST = 64
"""Most logs that are read, the newest first."""


class Nearby(msgspec.Struct, frozen=True):
    """One log of a run."""

    path: str
    """Absolute."""
    time: float
    """Unix time of its last write."""
    bytes: int
    pid: int | None = None
    """A process that writes to it, if it was seen."""


def logs(directory: str) -> list[Nearby]:
    """Return the logs of runs, the newest first: of our processes, and below `directory`."""
    now, writers = time.time(), dict(written(Proc()))
    found = {path: _nearby(path, pid) for path, pid in writers.items()}
    files, _ = search(os.path.abspath(directory), lambda note: None, lambda error: None)
    for file in files:
        if file.kind != DIRECTORY and file.path not in found and now - file.written < LATELY:
            found[file.path] = _nearby(file.path, None)
    newest = sorted((each for each in found.values() if each is not None), key=lambda each: -each.time)
    runs = [each for each in newest[:MOST] if is_run(each.path) and (each.pid or not framed(each.path))]
    homes = {os.path.dirname(each.path) for each in runs if kind_of(each.path) == LOG}
    return [each for each in runs if kind_of(each.path) == LOG or not _below(each.path, homes)]


def written(proc: Proc) -> list[tuple[str, int]]:
    """Return logs that processes of ours hold open for writing, each with one of them. No log is touched."""
    found: dict[str, int] = {}
    for pid in proc.pids():
        if proc.owner(pid) != os.geteuid():
            continue
        for descriptor, path in proc.descriptors(pid).items():
            new = path.endswith(_LOGS) and path not in found and not path.endswith("/" + OWN_LOG)
            if new and proc.writes(pid, descriptor):
                found[path] = pid
    return list(found.items())


def _nearby(path: str, pid: int | None) -> Nearby | None:
    try:
        status = os.stat(path)
    except OSError:  # removed meanwhile, or not readable
        return None
    return Nearby(path, status.st_mtime, status.st_size, pid) if status.st_size else None


def is_run(path: str) -> bool:
    """Return whether it contains a training record; a tracker's file is recognized by its name."""
    try:
        return kind_of(path) != LOG or has_record(path)
    except SourceError:
        return False


def framed(path: str) -> bool:
    """Return whether most lines of a text are in frames: it shows a screen with a log, and is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read(_HEAD).splitlines() if line.strip()]
    except OSError:
        return False
    return 2 * sum(line.lstrip().startswith(_FRAMES) for line in lines) > len(lines)


def _below(path: str, homes: set[str]) -> bool:
    """Return whether a file is in or below one of these directories: then a log there covers it."""
    return any(path.startswith(home.rstrip("/") + "/") for home in homes)
