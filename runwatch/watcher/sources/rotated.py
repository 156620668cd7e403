"""Where the files are that were at a path before: renamed, copied and cut, rotated again, compressed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from runwatch.watcher.sources import compressed
from runwatch.watcher.sources.compressed_file import PackedFile
from runwatch.watcher.sources.open_file import HEAD, OpenFile, Position

ROTATED = r"[._-]\d[\d._T:-]*"
"""What a rotation puts behind a name, or before its suffix."""
_PACKED = rf"\.(?:{'|'.join(compressed.SUFFIXES)})"
_COUNT = re.compile(rf"\.(\d{{1,4}})(?:{_PACKED})?$")
_SECOND = 1_000_000_000

AnyFile = OpenFile | PackedFile
Known = Collection[tuple[int, ...]]
"""Files that were read: (device, inode), of a copy also when it was written last: it may be written again."""


def continuation(path: str, old: Position, new: OpenFile, known: Known = ()) -> list[AnyFile]:
    """Open the file that continues at `old`, there, and those at `path` between it and `new`, oldest first.

    It was renamed within its directory, or it is a copy of what was cut since, known by its name,
    its time and its text. Nothing is returned if there is neither.
    """
    files = _siblings(path, old, {*known, new.identity})
    first = next((file for file in files if _was_renamed(file, old)), None)
    copied = first is None
    if copied:
        first = next((file for file in files if _is_copy(file, old)), None)
    if first is None:
        _close(files)
        return []
    at = files.index(first)
    _close(files[:at])
    first.seek(old.offset)
    chain = [first, *_later(files[at + 1 :], old, new, certain=copied or old.copied)]
    _flag_copies(chain, old, new)
    return chain


def between(
    path: str, old: Position, new: OpenFile, known: Known = (), *, certain: bool = False
) -> list[AnyFile]:
    """Open the files that were at `path` after that of `old` and before `new`, the oldest first.

    They are recognized by their names and by when they were written last; `certain` asks for names that
    nothing else has. A copy of the old one is none; the old one itself is one, if it was written
    again and then rotated.
    """
    wanted: list[AnyFile] = []
    for file in _siblings(path, old, {*known, new.identity}):
        if 0 < old.changed < file.changed or file.identity == (old.device, old.inode):
            wanted.append(file)
        else:
            file.close()
    chain = list(_later(wanted, old, new, certain=certain))
    _flag_copies(chain, old, new)
    return chain


def renamed(path: str, old: Position) -> AnyFile | None:
    """Open the file of `old` at its place, under the name it has now; None if it is not found."""
    files = _siblings(path, old, set())
    found = next((file for file in files if _was_renamed(file, old)), None)
    _close(file for file in files if file is not found)
    if found is not None:
        found.seek(old.offset)
    return found


def was_packed(file: AnyFile, old: AnyFile) -> bool:
    """Whether this is `old`, compressed: its text, and its time or the second of it. Closes it then.

    Of a file that was cut to nothing it is a copy.
    """
    times = {old.changed, old.changed // _SECOND * _SECOND}
    if not isinstance(file, PackedFile) or not isinstance(old, OpenFile) or file.changed not in times:
        return False
    file.seek(file.size)
    packs = old.size > 0 and old.gone() and old.continues(file.position())
    file.seek(0)
    if packs:
        file.close()
    return packs


def names_of_rotated(path: str) -> re.Pattern[str]:
    """Return what a file is called that was at `path`: `train.log.2`, `train-20260131.log.gz`.

    The first group is there in names that nothing else has: `train_1.log` may be another process's.
    """
    base = os.path.basename(path)
    stem, suffix = map(re.escape, os.path.splitext(base))
    return re.compile(rf"(?:({re.escape(base)}){ROTATED}|{stem}{ROTATED}{suffix})(?:{_PACKED})?")


def _siblings(path: str, old: Position, read: set[tuple[int, ...]]) -> list[AnyFile]:
    """Open what is called like a rotated file, or is that of `old` under any name, but not what was `read`.

    The oldest is the first.
    """
    names, stem = names_of_rotated(path), os.path.splitext(os.path.basename(path))[0]
    found: dict[str, AnyFile] = {}
    with suppress(OSError), os.scandir(os.path.dirname(os.path.realpath(path))) as entries:
        for entry in entries:
            match = names.fullmatch(entry.name) if entry.name.startswith(stem) else None
            if not (match or entry.inode() == old.inode) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):  # it was renamed or compressed just now
                file = _open(entry.path)
                file.certain = match is not None and match[1] is not None
                if entry.name.endswith(compressed.SUFFIXES) != isinstance(file, PackedFile):
                    match = None
                again = not read.isdisjoint({file.identity, (*file.identity, file.changed)})
                if again or not (match or _was_renamed(file, old)):
                    file.close()
                else:
                    found[entry.name] = file
    for name in [name for name in found if name.endswith(compressed.SUFFIXES)]:
        if name.rpartition(".")[0] in found:  # it is being compressed
            found.pop(name).close()
    return [found[name] for name in sorted(found, key=lambda name: _age(name, found[name]))]


def _close(files: Iterable[AnyFile]) -> None:
    for file in files:
        file.close()


def _age(name: str, file: AnyFile) -> tuple[int, int, str]:
    """Return what sorts rotated files, the oldest first: of two of one moment, the higher number is older."""
    count = _COUNT.search(name)
    return file.changed, -int(count[1]) if count else 0, name


def _open(path: str) -> AnyFile:
    file = OpenFile.open(path)
    return PackedFile(file, path) if compressed.packed(os.pread(file.fd, 6, 0)) else file


def _was_renamed(file: AnyFile, old: Position) -> bool:
    """Whether this is the file of `old`; a reboot may change the number of its device."""
    same = file.identity[1] == old.inode and (file.identity[0] == old.device or old.offset >= HEAD)
    return same and file.continues(old)


def _is_copy(file: AnyFile, old: Position) -> bool:
    """Whether this is a copy of what was read at `old`, and not older; some tools keep whole seconds only."""
    changed = old.changed if file.changed % _SECOND else old.changed // _SECOND * _SECOND
    return 0 < changed <= file.changed and file.continues(old)


def _later(files: Iterable[AnyFile], old: Position, new: OpenFile, *, certain: bool) -> Iterator[AnyFile]:
    """Yield those of `files` that are not younger than `new`, at their beginnings; close the others.

    A copy of what was read at `old` is left out.
    """
    for file in files:
        with suppress(OSError):
            copy = old.offset >= HEAD and file.continues(old)
            file.seek(0)
            if file.size and file.changed <= new.changed and not copy and file.certain >= certain:
                yield file
                continue
        file.close()


def _flag_copies(chain: list[AnyFile], old: Position, new: OpenFile) -> None:
    """Mark those of a chain that the next one continues from: copies of a file that was cut."""
    place = (old.device, old.inode)
    cut = old.copied or new.identity == place
    last = next((at for at, file in enumerate(chain) if file.identity == place and not cut), 0)
    for file in chain if cut else chain[:last]:
        file.copied = True
