"""From the PATH a person typed to the files behind it, and which of them belong together."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import NamedTuple

import msgspec

from runwatch.core import text
from runwatch.core.batch import BAR, TRAIN, Batch
from runwatch.core.errors import AbsentError, SourceError
from runwatch.core.run_names import names
from runwatch.watcher.sources import layout, misnamed
from runwatch.watcher.sources.compressed import at_once
from runwatch.watcher.sources.kinds import NUMBERED, SUFFIXES, is_binary, kind_of, may_be_read, opens
from runwatch.watcher.sources.member import DIRECTORY, LOG, ORDER, SCHEME, WANDB, Member
from runwatch.watcher.sources.neighbors import File
from runwatch.watcher.sources.search import MAX_ENTRIES, entries_of, search

MAX_AMONG = 4096
"""Files of runs among so many entries: with more, nobody can have meant all of them."""
MAX_SOURCES = 16_384
"""Files read of one directory: the newest."""
MAX_RUNS = 4096
"""Runs that they may be of, or what looks like runs: each takes 60 KB and a judgement now and then."""
_SOUNDED = 1 << 16
"""Bytes at each end of a log that are looked into to see whether it is of a run."""
_NAMING = 8 << 20
"""Bytes at the beginning of a log in which it may name the directories of its run."""
_MAX_SOUNDED = 64
_BLOCK = 4096


class Found(NamedTuple):
    """A file to read."""

    path: str
    name: str
    """Of its runs; the same for all files of one group."""
    member: Member


def find(
    paths: Sequence[str],
    *,
    wait: bool = False,
    prefer: Sequence[str] = ORDER,
    note: Callable[[str], object] = lambda text: None,
    unread: Callable[[SourceError], object] = lambda error: None,
    known: Container[str] = (),
) -> list[Found]:
    """Return the files to read for what a person gave: files, directories and globs, each file once.

    Of one group those come first whose kind is first in `prefer`: they lead.
    What a bound left out is reported to `note`, a directory that cannot be looked into to `unread`;
    a file of a searched directory that cannot be read is returned all the same.
    Files of a directory that are `known` are not looked into again, and one with no others gives nothing.
    With `wait`, paths that give nothing yet are no error, and a missing file, or one that
    cannot be read, is returned all the same. Else raises SourceError, saying what is wrong and what to do.
    """
    named: dict[str, str] = {}
    reported: dict[str, Member] = {}
    for path in paths:
        if path == "-":
            reported[path] = Member()
        elif path.startswith(SCHEME):
            reported[path] = Member(kind=WANDB)
            from runwatch.watcher.sources.wandb_online import run_path

            run_path(path)
        elif os.path.isdir(path):
            # W&B's link goes to another run when that begins; the one before is still the same file.
            link = path.rstrip("/")
            latest = os.path.basename(link) == "latest-run" and os.path.islink(link)
            place = os.path.realpath(link) if latest else path
            reported |= _of_directory(place, wait=wait, note=note, unread=unread, known=known)
        else:
            named |= {os.path.abspath(file): file for file in _files(path, wait=wait)}
    members = layout.members([File(path, kind_of(path) or LOG) for path in named])
    reported = {named[path]: member for path, member in members.items()} | reported
    titles = {path: layout.named_by(_absolute(path), member) for path, member in reported.items()}
    different = list(dict.fromkeys(titles.values()))
    short = dict(zip(different, names([text.path(path) for path in different]), strict=True))
    found = [Found(path, short[titles[path]], _printable(member)) for path, member in reported.items()]
    usual = tuple(prefer) == ORDER[: len(prefer)]
    return found if usual else sorted(found, key=lambda each: each.member.place(prefer)[0])


def _absolute(path: str) -> str:
    return path if path == "-" or path.startswith(SCHEME) else os.path.abspath(path)


def changing(path: str) -> bool:
    """Return True if other files may be behind `path` later: a directory or a pattern."""
    return os.path.isdir(path) or (glob.has_magic(path) and not os.path.lexists(path))


def _printable(member: Member) -> Member:
    return msgspec.structs.replace(member, group=text.path(member.group)) if member.group else member


def _files(path: str, *, wait: bool) -> list[str]:
    """Return the file PATH names, or those a glob does."""
    if glob.has_magic(path) and not os.path.lexists(path):
        found = sorted(name for name in glob.glob(path) if os.path.isfile(name) and may_be_read(name))
        if not found and not wait:
            raise AbsentError("no file matches", path, "check the pattern")
        return found
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if wait:
            return [path]
        hint = misnamed.question(path).removeprefix("; ") or "check the path"
        raise AbsentError("no such file or directory", path, hint) from None
    except OSError as error:
        if wait:
            return [path]
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    if not stat.S_ISREG(mode):
        raise SourceError("not a regular file", path, "give a log file, or pipe into `runwatch tail -`")
    if wait and not opens(path):
        return [path]
    if is_binary(path):
        raise SourceError("a binary file, not a log", path, "give the log that the run prints to")
    return [path]


def _of_directory(
    path: str,
    *,
    wait: bool,
    note: Callable[[str], object],
    unread: Callable[[SourceError], object],
    known: Container[str],
) -> dict[str, Member]:
    """Return the files of the runs in a directory."""
    unseen: list[str] = []
    lost: list[SourceError] = []
    files, ended = search(path, unseen.append, lost.append)
    itself = f"{SourceError('cannot search', text.path(path))}: "
    for error in lost:
        if wait or not str(error).startswith(itself):  # else it is raised below
            unread(error)
    if ended and len(files) > MAX_AMONG and not wait:
        what = f"{path}: the first {MAX_ENTRIES:,} entries hold {len(files):,} texts"
        raise SourceError("too much to search", what, "name the directory of your runs")
    newest = _without_repeats(sorted(files, key=lambda file: -file.written))
    if len(newest) > MAX_SOURCES:
        where = text.path(path)
        unseen.append(f"{where} contains more than {MAX_SOURCES:,} files of runs: only the newest are read")
    for left_out in unseen:
        note(left_out)
    newest = newest[:MAX_SOURCES]
    if newest and all(file.path in known for file in newest):
        return {}
    files = [
        file for file in newest if file.kind == DIRECTORY or file.path in known or may_be_read(file.path)
    ]
    if not wait and not any(file.kind == DIRECTORY or opens(file.path) for file in files):
        raise _nothing_in(path, newest, unseen)
    found = layout.members(_sounded(sorted(files, key=lambda file: file.path)), searched=True, note=note)
    found = _of_newest(path, found, {file.path: file.written for file in files}, note)
    if not found and not wait:
        raise _nothing_in(path, newest, unseen)
    return found


def _of_newest(
    directory: str, found: dict[str, Member], written: Mapping[str, float], note: Callable[[str], object]
) -> dict[str, Member]:
    """Return the files of the runs that were written to last, where there are too many."""
    runs: dict[str, float] = {}
    for path, member in found.items():
        run = member.group or path
        runs[run] = max(runs.get(run, 0.0), written[path])
    if len(runs) <= MAX_RUNS:
        return found
    note(f"{text.path(directory)} contains more than {MAX_RUNS:,} runs: only the newest are read")
    newest = set(nlargest(MAX_RUNS, runs, key=runs.__getitem__))
    return {path: member for path, member in found.items() if (member.group or path) in newest}


def _nothing_in(path: str, files: Sequence[File], unseen: Sequence[str]) -> SourceError:
    """Return why a directory with these files gives no run: something may not be read, or none is there."""
    try:
        os.scandir(path).close()
        for file in files:
            if file.kind != DIRECTORY:
                is_binary(file.path)
    except OSError as error:
        return SourceError("cannot search", path, error.strerror or str(error))
    except SourceError as error:
        return error
    wanted = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
    empty = next((e for e in entries_of(path, note=lambda said: None) if kind_of(e.name) == LOG), None)
    hint = _not_yet(empty) if empty is not None and not files else ""
    hint = "; ".join(unseen) or hint or f"give a log file, or a directory with {wanted}"
    return AbsentError("no runs in this directory", path, hint)


def _not_yet(entry: os.DirEntry[str]) -> str:
    """Return what to do about a log that holds nothing."""
    with contextlib.suppress(OSError):
        if not entry.is_file():
            return f"{entry.name} is no regular file: pipe it into `runwatch tail -`"
    return f"{entry.name} is still empty"


def _sounded(files: Sequence[File]) -> list[File]:
    """Look into logs where that decides whose the files next to them are."""
    logs = [file for file in files if file.kind == LOG]
    homes = _homes(files)
    alone = len(logs) == 1 and len(homes) <= 1
    if alone or not 0 < len(logs) <= _MAX_SOUNDED or len(logs) == len(files):
        return list(files)
    return [
        replace(
            file, has_records=len(logs) == 1 or has_record(file.path), mentions=_mentioned(file.path, homes)
        )
        if file.kind == LOG
        else file
        for file in files
    ]


def _homes(files: Sequence[File]) -> dict[str, bytes]:
    """Return the newest directories of W&B runs and of checkpoints, each with the words that name it."""
    named = [file for file in files if file.kind in (DIRECTORY, WANDB)]  # others are called like anything
    homes: dict[str, bytes] = {}
    for file in nlargest(_MAX_SOUNDED, named, key=lambda file: file.written):
        home, parts = (file.path, 2) if file.kind == DIRECTORY else (os.path.dirname(file.path), 1)
        homes[home] = os.fsencode("/".join(home.split("/")[-parts:]))
    return homes


def _mentioned(path: str, homes: Mapping[str, bytes]) -> frozenset[str]:
    """Return which of these directories a log names, in its beginning or at its end."""
    try:
        with open(path, "rb", opener=at_once) as file:
            text = file.read(_NAMING)
            file.seek(max(_NAMING, os.fstat(file.fileno()).st_size - _SOUNDED))
            text += file.read(_SOUNDED)
    except OSError:
        return frozenset()
    return frozenset(home for home, words in homes.items() if words in text)


def has_record(path: str) -> bool:
    """Return whether the beginning or the end of a log holds a training record, or a bar."""
    try:
        with open(path, "rb", opener=at_once) as file:
            from runwatch.parsers.log import LogParser  # here: it is large, and trackers' files need none

            parser = LogParser(bulk=False)
            end = os.fstat(file.fileno()).st_size
            for start in (0, max(_SOUNDED, end - _SOUNDED)):
                file.seek(start)
                for _ in range(_SOUNDED // _BLOCK):
                    if _training(parser.feed(file.read(_BLOCK))):
                        return True
            return _training(parser.flush())
    except OSError as error:
        return error.errno != errno.ENOENT  # who knows


def _training(batch: Batch) -> bool:
    return any(table.kind in (TRAIN, BAR) for table in batch.tables)


def _without_repeats(files: Sequence[File]) -> list[File]:
    """Leave out rotated logs, and of a Trainer's states, which repeat each other, all but the newest."""
    paths = {file.path for file in files}
    newest = next((file for file in files if file.path.endswith("/trainer_state.json")), None)
    out = []
    for file in files:
        rotated = NUMBERED.fullmatch(file.path)
        repeats = file.path.endswith("/trainer_state.json") and file is not newest
        if not (rotated and rotated[1] in paths) and not repeats:
            out.append(file)
    return out
