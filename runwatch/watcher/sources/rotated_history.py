"""What was rotated away from a log before anyone watched: its history, where the log continues from it.

A name alone is not enough: a launcher may rotate the log of the run before. So a
file counts as older history if its steps begin before those of the one that
followed it; the first that does not ends the search.
"""

from __future__ import annotations

import os
import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from runwatch.core import text
from runwatch.core.batch import TRAIN, Batch
from runwatch.core.errors import SourceError
from runwatch.parsers.api import Format
from runwatch.watcher.sources import compressed
from runwatch.watcher.sources.rotated import ROTATED

MAX_BYTES = 512 << 20
"""Most that is read of what was rotated away from one log."""
_AWAY = re.compile(rf"(?P<base>.+?){ROTATED}(?:\.(?:{'|'.join(compressed.SUFFIXES)}))?")
_RATIO = 10
"""By how much logs become smaller, about."""
_HEAD = 1 << 16
_SLICE = 1 << 12


class RotatedHistory(NamedTuple):
    """The files to read before a log, the oldest first."""

    paths: tuple[str, ...]
    left_out: int
    """How many more have such a name."""
    why: str = ""

    @property
    def note(self) -> str:
        """What to say of it; "" if there is nothing to say."""
        names = [text.path(os.path.basename(path)) for path in self.paths]
        parts = (
            [f"its history is in {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"] if names else []
        )
        parts += [f"{self.left_out} rotated before it left out: {self.why}"] if self.left_out else []
        return "; ".join(parts)


def rotated(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return for logs those files next to them whose names say that they were rotated away, newest first."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        directory, base = os.path.split(path)
        wanted[directory][base] = path
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for directory, bases in wanted.items():
        try:
            with os.scandir(directory or ".") as entries:
                for entry in entries:
                    match = _AWAY.fullmatch(entry.name)
                    if match and match["base"] in bases and entry.is_file():
                        path = bases[match["base"]]
                        found[path].append((-entry.stat().st_mtime, os.path.join(directory, entry.name)))
        except OSError:  # unreadable, or gone meanwhile
            continue
    return {path: [name for _, name in sorted(others)] for path, others in found.items()}


def chosen(log: str, candidates: Sequence[str], formats: Sequence[Format]) -> RotatedHistory:
    """Return which of `candidates`, the newest first, are the history of a log."""
    paths: list[str] = []
    after, left, why = _begins(log, formats), MAX_BYTES, ""
    for path in candidates:
        before = _begins(path, formats)
        size = _size(path)
        if before is None:
            why = "no training step at its beginning"
        elif after is not None and (before[0] != after[0] or before[1] >= after[1]):
            why = "of another run"
        elif size > left:
            why = f"more than {MAX_BYTES >> 20} MiB together"
        else:
            paths.append(path)
            after, left = before, left - size
            continue
        break
    return RotatedHistory(tuple(reversed(paths)), len(candidates) - len(paths), why)


def pieces(paths: Sequence[str], size: int) -> Iterator[bytes]:
    """Yield what these files hold, in blocks of at most `size` bytes; an empty one is the end of a file.

    Raises OSError and SourceError.
    """
    left = MAX_BYTES
    for path in paths:
        for data in compressed.blocks(path, size):
            left -= len(data)
            if left < 0:
                raise SourceError("more than can be read as older history", path, "decompress and name it")
            yield data
        yield b""


class RotatedFiles:
    """What was rotated away from a log, read block by block; which files that is, is looked at first."""

    def __init__(self, log: str, candidates: Sequence[str]) -> None:
        """`candidates` are as `rotated` gives them."""
        self.note = ""
        """What to say of them, once that is known."""
        self.left = sum(map(_size, candidates))
        """Bytes still to be read, about."""
        self._log, self._candidates = log, candidates
        self._pieces: Iterator[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether one of them is being read."""
        return self._pieces is not None

    def read(self, formats: Sequence[Format], size: int = 1 << 20) -> bytes | None:
        """Return the next block, empty at the end of a file, None at the end of all.

        Raises OSError and SourceError: then nothing more can be read.
        """
        if self._pieces is None:
            found = chosen(self._log, self._candidates, formats)
            self.note, self.left = found.note, sum(map(_size, found.paths))
            self._pieces = pieces(found.paths, size)
        data = next(self._pieces, None)
        self.left = 0 if data is None else max(1, self.left - len(data))
        return data


def _size(path: str) -> int:
    """Return how many bytes a file holds, about; 0 if it is gone."""
    try:
        return os.path.getsize(path) * (_RATIO if path.endswith(compressed.SUFFIXES) else 1)
    except OSError:
        return 0


def _begins(path: str, formats: Sequence[Format]) -> tuple[str, float] | None:
    """Return the first step, or else epoch, near the beginning of a file, with that word."""
    from runwatch.parsers.log import LogParser  # here: it is large, and trackers' files need none

    parser, seen = LogParser(formats, bulk=False), 0
    try:
        for data in compressed.blocks(path, _SLICE):
            if (reported := _first(parser.feed(data))) is not None:
                return reported
            seen += len(data)
            if seen >= _HEAD:
                return None
        return _first(parser.flush())
    except (OSError, SourceError):
        return None


def _first(batch: Batch) -> tuple[str, float] | None:
    for table in batch.tables:
        for word in ("step", "epoch"):
            if table.kind == TRAIN and word in table.names and table.rows:
                return word, struct.unpack_from("<d", table.data, table.names.index(word) * table.rows * 8)[0]
    return None
