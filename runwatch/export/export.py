"""Reads runs through the engine's fold, in bounded memory, and hands every value to a writer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO, Protocol

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.batch import Batch
from runwatch.core.block import Block
from runwatch.core.errors import SourceError, UsageError
from runwatch.export.output_file import output_file
from runwatch.export.values import Values, values_of
from runwatch.parsers.api import Format
from runwatch.watcher.engine.check import read
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.source import Source
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.member import ORDER

STDOUT = "-"
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


class Writer(Protocol):
    """What takes values, in the order of the log."""

    def write(self, values: Values) -> None:
        """Append values."""

    def close(self) -> None:
        """Write the rest."""


class Selection:
    """Which metrics and runs are wanted: patterns; none mean all."""

    def __init__(self, metrics: Sequence[str], runs: Sequence[str]) -> None:
        self._metrics, self._runs = tuple(metrics), tuple(runs)
        self.seen: dict[str, None] = {}
        """Metrics that the logs have."""
        self.runs: dict[str, None] = {}
        """Runs that they have."""

    def metric(self, name: str) -> bool:
        """Return whether a metric is wanted: by its name, or by the last part of it."""
        self.seen.setdefault(name)
        return _fits(name, self._metrics)

    def run(self, name: str) -> bool:
        """Return whether a run is wanted: by its name, or by the last part of it."""
        self.runs.setdefault(name)
        return _fits(name, self._runs)

    def unmet(self) -> str:
        """Return what was asked for and is not there, with what is; "" if all is there."""
        for what, patterns, known in (("run", self._runs, self.runs), ("metric", self._metrics, self.seen)):
            for pattern in patterns:
                if not any(_fits(name, (pattern,)) for name in known):
                    return f"no {what} {pattern!r}: there is {', '.join(list(known)[:12]) or 'none'}"
        return ""


def _fits(name: str, patterns: Sequence[str]) -> bool:
    names = (name, name.rpartition("/")[2])
    return not patterns or any(fnmatchcase(said, pattern) for said in names for pattern in patterns)


class _NotWrittenError(Exception):
    """A writer raised OSError: while a file is read, that would be taken for an error of reading."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def export(
    paths: Sequence[str],
    writer: Writer,
    selection: Selection,
    now: float,
    *,
    unreadable: Callable[[SourceError], None],
    own: Sequence[Format] = (),
    only: str | None = None,
    prefer: tuple[str, ...] = ORDER,
    output: str = STDOUT,
    busy: Callable[[str], object] = lambda doing: None,
) -> Engine:
    """Hand every value that is wanted to a writer; see `check`.

    Raises UsageError if the file `output` is one of those that are read, SourceError, OSError of the writer.
    """
    engine = Engine(Ruleset(rules=()), prefer)
    names: dict[str, tuple[str, bool]] = {}
    """Id of a run -> the name that it had at its first value, which it keeps; and whether it is wanted."""

    def observe(watched: WatchedRun, source: Source, block: Block, batch: Batch) -> None:
        key = watched.run.id
        if key not in names:
            names[key] = watched.run.name, selection.run(watched.run.name)
        name, wanted = names[key]
        if not wanted:
            return
        values = values_of(
            name, watched.number, source.path, source.member.rank, block, batch, selection.metric
        )
        if values is not None:
            try:
                writer.write(values)
            except OSError as error:
                raise _NotWrittenError(error) from error

    engine.observe = observe
    files = discover.find(paths, prefer=prefer, note=engine.troubles.append, unread=unreadable)
    if output != STDOUT and os.path.realpath(output) in {os.path.realpath(file.path) for file in files}:
        raise UsageError("this is what is read", output, "write to another file")
    try:
        read(engine, files, now, unreadable, own, only, busy)
    except _NotWrittenError as error:
        raise error.cause from None
    return engine


def format_of(output: str, named: str | None) -> str:
    """Return the format to write: as named, else by the name of the output. Raises UsageError."""
    if named is not None:
        return named
    if output == STDOUT:
        return "csv"
    suffix = os.path.splitext(output)[1].lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    raise UsageError(
        "which format?",
        output,
        "end the name in .csv, .jsonl or .parquet, or add --as tensorboard or --figures",
    )


@contextmanager
def opened(output: str, fmt: str) -> Iterator[Writer]:
    """Yield a writer of a format; a file takes its name only when it is whole.

    Raises UsageError where nothing can be written, OSError.
    """
    if fmt in ("tensorboard", "figures"):
        writer = _of_directory(output, fmt)
        yield writer
        writer.close()
        return
    if output == STDOUT:
        if fmt == "parquet" and sys.stdout.isatty():
            raise UsageError("Parquet is no text", "", "give a file: -o values.parquet")
        writer = _of_file(sys.stdout.buffer, fmt)
        yield writer
        writer.close()
        return
    with output_file(output) as file:
        writer = _of_file(file, fmt)
        yield writer
        writer.close()


def _of_file(file: IO[bytes], fmt: str) -> Writer:
    if fmt == "parquet":
        from runwatch.export.parquet import Parquet

        return Parquet(file)
    from runwatch.export.texts import Csv, JsonLines

    return Csv(file) if fmt == "csv" else JsonLines(file)


def _of_directory(output: str, fmt: str) -> Writer:
    if output == STDOUT:
        raise UsageError(f"{fmt} needs a directory", "", "name one: -o DIR")
    if fmt == "figures":
        from runwatch.export.curves import Curves

        return Curves(output)
    if os.path.exists(output) and (not os.path.isdir(output) or os.listdir(output)):
        raise UsageError("event files need an empty directory", output, "name one that does not exist yet")
    from runwatch.export.tensorboard import EventFiles

    return EventFiles(output)
