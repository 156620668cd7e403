"""Reads logs to their end and judges them, in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from runwatch import text
from runwatch.errors import SourceError
from runwatch.parsers.formats import Format, catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine import Engine, Overrides
from runwatch.watcher.member import DIRECTORY
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.beside import BesideSource
from runwatch.watcher.sources.checkpoints import CheckpointSource

BLOCK = 1 << 20


def check(
    paths: Sequence[str],
    overrides: Overrides | None = None,
    now: float | None = None,
    unreadable: Callable[[SourceError], None] | None = None,
    own: Sequence[Format] = (),
) -> Engine:
    """Return an engine that has read and judged every log behind `paths`.

    `own` are formats to try before the known ones. `now` (Unix time) decides what an
    old file is. A file that cannot be read is told to `unreadable` and left out.
    Raises SourceError if nothing can be read or no run is in it.
    """
    now = time.time() if now is None else now
    engine = Engine(overrides)
    files = discover.find(paths)
    formats = (*own, *catalogue())
    errors: list[SourceError] = []
    for file in files:
        try:
            _read(engine, file, formats, now)
        except SourceError as error:
            errors.append(error)
    if len(errors) == len(files):
        raise errors[0]
    for missing in errors:
        if unreadable is not None:
            unreadable(missing)
    engine.finish(now)
    if not any(True for _ in engine.runs()):
        lines = sum(source.lines for _, source in engine.sources.values())
        where = files[0].path if len(files) == 1 else f"{len(files)} files"
        advice = f"{lines:,} lines read; `runwatch formats PATH` shows what is understood"
        raise SourceError("no training run recognised", where, advice)
    return engine


def _read(engine: Engine, file: discover.Found, formats: Sequence[Format], now: float) -> None:
    path = file.path
    if file.member.kind == DIRECTORY:
        source = text.path(str(Path(path).absolute()))
        engine.add_source(source, file.name, text.path(path), file.member)
        engine.look(source, CheckpointSource(path).look(now), BesideSource(path).look())
        return
    parser = StreamParser(formats)
    try:
        with Path(path).open("rb", buffering=0) as stream:
            status = os.fstat(stream.fileno())
            if status.st_size == 0:
                raise SourceError("nothing to read", path, "the file is empty")
            source = text.path(str(Path(path).absolute()))
            engine.add_source(source, file.name, text.path(path), file.member)
            while data := stream.read(BLOCK):
                engine.fold(source, parser.feed(data), written=status.st_mtime)
    except OSError as error:
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    engine.fold(source, parser.flush(), written=status.st_mtime)
