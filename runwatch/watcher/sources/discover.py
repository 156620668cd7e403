"""From the PATH a person typed to the files behind it, and which of them belong together."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

import msgspec

from runwatch import text
from runwatch.batch import BAR, TRAIN, Batch
from runwatch.errors import SourceError
from runwatch.parsers.checkpoints import holds_checkpoints
from runwatch.parsers.checkpoints.grouping import grouped, is_checkpoint
from runwatch.parsers.recordio import framing
from runwatch.watcher.member import DIRECTORY, LOG, METRICS, ORDER, SCHEME, TENSORBOARD, WANDB, Member
from runwatch.watcher.sources import layout
from runwatch.watcher.sources.beside import FACTS
from runwatch.watcher.sources.layout import File
from runwatch.watcher.sources.packed import at_once, blocks, packed

SUFFIXES = (".log", ".out", ".err", ".txt")
"""What a log file's name ends with, when a directory is searched."""
_NUMBERED = re.compile(r"(.*(?:log|out|err|txt))\.\d+")
_METRICS = re.compile(
    r"(?:.*[._-])?(?:metrics|logs?|history|progress)\.jsonl|.*\.log\.json"
    r"|(?:metrics|result|scalars|trainer_state|training_metrics)\.json"
    r"|(?:metrics|progress|results|.*monitor)\.csv|(?:loss|learn_error)\.tsv"
)
_TABLES = (".json", ".jsonl", ".csv", ".tsv")
_SKIPPED = re.compile(r"\..*|__pycache__|node_modules|site-packages|venv|env")
"""Directories in which no run is looked for."""
_KERNEL = frozenset({"/proc", "/sys", "/dev"})
_WANDB_RUN = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-.*")
_BEGUN = 60.0
"""Seconds in which W&B writes the first files of a run."""
_NO_LOG = re.compile(
    r"latest_checkpointed_iteration\.txt|commit_success\.txt|(?:.*[._-])?(?:requirements|vocab|merges|licen[cs]e|readme)"
    r"(?:[._-].*)?\.txt|(?:top_level|entry_points|sources|cmakelists)\.txt",
    re.IGNORECASE,
)
"""Texts that lie beside checkpoints and code, and are never logs."""
MAX_DEPTH = 8
MAX_ENTRIES = 200_000
"""Directory entries looked at before a search ends."""
MAX_HERE = 50_000
"""Entries of one directory that are looked at: one full of data must not end the search."""
MAX_AMONG = 4096
"""Files of runs among so many entries: with more, nobody can have meant all of them."""
MAX_SOURCES = 16_384
"""Files read of one directory: the newest."""
MAX_RUNS = 4096
"""Runs that they may be of, or what looks like runs: each takes 60 KB and a judgement now and then."""
_HEAD = 4096
_ODD = bytes(byte for byte in range(32) if byte < 8 or 13 < byte < 27 or byte > 27)
"""Bytes that no text has many of; bars of Keras go back with as many backspaces as they are long."""
_SOUNDED = 1 << 16
"""Bytes at each end of a log that are looked into to see whether it tells of a run."""
_MAX_SOUNDED = 64
_MANY = 64
"""Checkpoints side by side of which none but so many are searched for files that tell of the run."""


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
) -> list[Found]:
    """Return the files to read for what a person gave: files, directories and globs, each file once.

    Of one group those come first whose kind stands first in `prefer`: they lead.
    What a bound left out is reported to `note`, a directory that cannot be looked into to `unread`;
    a file of a searched directory that cannot be read is returned all the same.
    With `wait`, paths that give nothing yet are no error, and a missing file, or one that
    cannot be read, is returned all the same. Else raises SourceError, saying what is wrong and what to do.
    """
    named: dict[str, str] = {}
    told: dict[str, Member] = {}
    for path in paths:
        if path == "-":
            told[path] = Member()
        elif path.startswith(SCHEME):
            told[path] = Member(kind=WANDB)
            from runwatch.watcher.sources.wandb_online import run_path

            run_path(path)
        elif os.path.isdir(path):
            # W&B's link goes to another run when that begins; the one before is still the same file.
            link = path.rstrip("/")
            latest = os.path.basename(link) == "latest-run" and os.path.islink(link)
            place = os.path.realpath(link) if latest else path
            told |= _of_directory(place, wait=wait, note=note, unread=unread)
        else:
            named |= {os.path.abspath(file): file for file in _files(path, wait=wait)}
    members = layout.members([File(path, _kind(path) or LOG) for path in named])
    told = {named[path]: member for path, member in members.items()} | told
    titles = {path: _title(path, member) for path, member in told.items()}
    different = list(dict.fromkeys(titles.values()))
    short = dict(zip(different, layout.names(different, SUFFIXES), strict=True))
    found = [Found(path, short[titles[path]], _printable(member)) for path, member in told.items()]
    usual = tuple(prefer) == ORDER[: len(prefer)]
    return found if usual else sorted(found, key=lambda each: each.member.place(prefer)[0])


def _title(path: str, member: Member) -> str:
    """Return the path that names a run: an event file's own name says nothing, that of its directory does."""
    if member.group:
        return layout.title(member.group)
    return os.path.dirname(os.path.abspath(path)) if member.kind == TENSORBOARD else path


def changing(path: str) -> bool:
    """Return True if other files may stand behind `path` later: a directory or a pattern."""
    return os.path.isdir(path) or (glob.has_magic(path) and not os.path.lexists(path))


def _printable(member: Member) -> Member:
    return msgspec.structs.replace(member, group=text.path(member.group)) if member.group else member


def _files(path: str, *, wait: bool) -> list[str]:
    """Return the file PATH names, or those a glob does."""
    if glob.has_magic(path) and not os.path.lexists(path):
        found = sorted(name for name in glob.glob(path) if os.path.isfile(name) and _may_be_read(name))
        if not found and not wait:
            raise SourceError("no file matches", path, "check the pattern, and quote it from the shell")
        return found
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if wait:
            return [path]
        raise SourceError(
            "no such file or directory", path, "check the path (tail can --wait for it)"
        ) from None
    except OSError as error:
        if wait:
            return [path]
        raise SourceError("cannot look at", path, error.strerror or str(error)) from error
    if not stat.S_ISREG(mode):
        raise SourceError("not a regular file", path, "give a log file, or pipe into `runwatch tail -`")
    if wait and not _opens(path):
        return [path]
    if is_binary(path):
        raise SourceError("a binary file, not a log", path, "give the log that the run prints to")
    return [path]


def _of_directory(
    path: str, *, wait: bool, note: Callable[[str], object], unread: Callable[[SourceError], object]
) -> dict[str, Member]:
    """Return the files of the runs in a directory."""
    unseen: list[str] = []
    files, ended = _search(path, unseen.append, unread)
    if ended and len(files) > MAX_AMONG and not wait:
        what = f"{path}: the first {MAX_ENTRIES:,} entries hold {len(files):,} texts"
        raise SourceError("too much to search", what, "name the directory of your runs")
    newest = _without_repeats(sorted(files, key=lambda file: -file.written))
    if len(newest) > MAX_SOURCES:
        where = text.path(path)
        unseen.append(f"{where} holds more than {MAX_SOURCES:,} files of runs: only the newest are read")
    for left_out in unseen:
        note(left_out)
    newest = newest[:MAX_SOURCES]
    files = [file for file in newest if file.kind == DIRECTORY or _may_be_read(file.path)]
    if not wait and not any(file.kind == DIRECTORY or _opens(file.path) for file in files):
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
    note(f"{text.path(directory)} holds more than {MAX_RUNS:,} runs: only the newest are read")
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
        return SourceError("cannot look into", path, error.strerror or str(error))
    except SourceError as error:
        return error
    wanted = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
    empty = next((e for e in _entries(path, note=lambda said: None) if _kind(e.name) == LOG), None)
    hint = _not_yet(empty) if empty is not None and not files else ""
    hint = "; ".join(unseen) or hint or f"give a log file, or a directory with {wanted}"
    return SourceError("no runs in this directory", path, hint)


def _not_yet(entry: os.DirEntry[str]) -> str:
    """Return what to do about a log that holds nothing."""
    with contextlib.suppress(OSError):
        if not entry.is_file():
            return f"{entry.name} is no regular file: pipe it into `runwatch tail -`"
    return f"{entry.name} is empty yet: tail --wait waits for it"


def _sounded(files: Sequence[File]) -> list[File]:
    """Look into logs where that decides whose the files beside them are."""
    logs = [file for file in files if file.kind == LOG]
    if not 1 < len(logs) <= _MAX_SOUNDED or len(logs) == len(files):
        return list(files)
    return [replace(file, tells=file.kind != LOG or _tells(file.path)) for file in files]


def _tells(path: str) -> bool:
    """Return whether the beginning or the end of a log holds a training record, or a bar."""
    try:
        with open(path, "rb", opener=at_once) as file:
            from runwatch.parsers.log import LogParser  # here: it is large, and trackers' files need none

            parser = LogParser(bulk=False)
            end = os.fstat(file.fileno()).st_size
            for start in (0, max(_SOUNDED, end - _SOUNDED)):
                file.seek(start)
                for _ in range(_SOUNDED // _HEAD):
                    if _training(parser.feed(file.read(_HEAD))):
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
        rotated = _NUMBERED.fullmatch(file.path)
        repeats = file.path.endswith("/trainer_state.json") and file is not newest
        if not (rotated and rotated[1] in paths) and not repeats:
            out.append(file)
    return out


def _search(
    top: str, note: Callable[[str], object], unread: Callable[[SourceError], object]
) -> tuple[list[File], bool]:
    """Return the files by whose names a run may be told, and whether the search ended at its bound.

    Nearest directories come first; links are not followed, nor what the kernel makes up.
    """
    level, seen, told, out = [top], 0, set[str](), list[File]()
    for _ in range(MAX_DEPTH):
        below: list[str] = []
        for directory in level:
            entries = _entries(directory, note, unread)
            seen += len(entries)
            if seen > MAX_ENTRIES:
                where = text.path(directory)
                note(f"the search ended after {MAX_ENTRIES:,} entries, at {where}: name what lies behind it")
                return out, True
            inside, names = _parted(entries)
            if not _is_wandb_run(directory, entries):
                worth = _without_old(directory, names, inside)
                below += [os.path.join(directory, n) for n in worth if not _SKIPPED.fullmatch(n)]
                place = _place(directory, names, inside, asked=directory == top)
                if place is not None and place.path not in told:
                    told.add(place.path)
                    out.append(place)
            for entry in entries:
                kind = _kind(entry.name)
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
    inside, names = _parted(_entries(directory, note=lambda said: None))
    return is_checkpoint(names, inside, os.path.basename(directory))


def _place(directory: str, names: Sequence[str], inside: Sequence[str], *, asked: bool) -> File | None:
    """Return a directory that holds checkpoints, or files of facts.

    One that is itself a checkpoint is told by the directory above it, unless a person `asked` for it.
    """
    above, own = os.path.split(directory)
    saved = holds_checkpoints(names, inside)
    if saved and not asked and is_checkpoint(names, inside, own):
        # A bare number says by itself nothing of checkpoints: what is in it does (Orbax).
        return File(above, DIRECTORY, _written(above)) if own.isdecimal() else None
    if saved or any(map(FACTS.fullmatch, names)):
        return File(directory, DIRECTORY, _written(directory), tells=saved)
    return None


def _written(directory: str) -> float:
    """Return when a name was last added to a directory or removed, as Unix time; 0 if it cannot be seen."""
    with contextlib.suppress(OSError):
        return os.stat(directory).st_mtime
    return 0.0


def _kind(name: str) -> str | None:
    """Return what a file of that name may be; None if nothing of ours."""
    name = os.path.basename(name)
    if name.endswith(".wandb"):
        return WANDB
    if "tfevents" in name:
        return TENSORBOARD
    if name.endswith(_TABLES):
        return METRICS if _METRICS.fullmatch(name) else None
    if _NO_LOG.fullmatch(name):
        return None
    stream = name in ("stdout", "stderr") or (name[-1:].isdigit() and _NUMBERED.fullmatch(name))
    return LOG if stream or name.endswith(SUFFIXES) else None


def _entries(
    directory: str,
    note: Callable[[str], object],
    unread: Callable[[SourceError], object] = lambda error: None,
) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(islice(found, MAX_HERE), key=lambda entry: entry.name)
            if next(found, None) is not None:
                where = text.path(directory)
                note(f"{where} holds more than {MAX_HERE:,} entries: the others are not looked at")
            return entries
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):  # gone meanwhile
            lost = SourceError("cannot look into", text.path(directory), error.strerror or str(error))
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


def _may_be_read(path: str) -> bool:
    """Return whether a file is one of ours, as far as can be seen: one that cannot be opened may be."""
    try:
        return not is_binary(path)
    except SourceError as error:
        cause = error.__cause__
        return isinstance(cause, OSError) and cause.errno not in (None, errno.ENOENT)


def _opens(path: str) -> bool:
    """Return whether a file can be opened to be read."""
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def is_binary(path: str) -> bool:
    """Return True if the file is neither text nor a tracker's. Raises SourceError if it cannot be read."""
    try:
        with open(path, "rb", opener=at_once) as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16 with its mark
        return False
    if framing(head) is not None:
        return False
    if packed(head):
        head = next(blocks(path, _HEAD), b"")
    head = head.lstrip(b"\0")  # a hole left by truncation is not binary content
    odd = len(head) - len(head.translate(None, _ODD))
    return odd > len(head) / 20
