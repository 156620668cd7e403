"""Reads runs to their end and judges them, in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core import text
from runwatch.core.errors import SourceError
from runwatch.core.readability import unread
from runwatch.core.series import FULL, Detail
from runwatch.parsers.api import Format
from runwatch.parsers.formats import in_use
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.sight import CLOSING
from runwatch.watcher.ingest.record_times import newest
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.compressed import blocks
from runwatch.watcher.sources.member import DIRECTORY, LOG, ORDER, SCHEME, TENSORBOARD, WANDB
from runwatch.watcher.sources.rotated_history import RotatedHistory, chosen, pieces, rotated
from runwatch.watcher.sources.sidecars import SidecarSource
from runwatch.watcher.sources.wandb_online import OnlineRun, said

_REST = 1000
"""Bytes kept of a line that does not end."""
BLOCK = 2 << 20
"""Bytes read at once: with less, numpy is called for too few rows at a time."""


def check(
    paths: Sequence[str],
    rules: Ruleset | None = None,
    now: float | None = None,
    unreadable: Callable[[SourceError], None] | None = None,
    own: Sequence[Format] = (),
    only: str | None = None,
    prefer: tuple[str, ...] = ORDER,
    busy: Callable[[str], object] = lambda doing: None,
    detail: Detail = FULL,
) -> Engine:
    """Return an engine that has read and judged every log behind `paths`.

    `own` are formats to try before the known ones, `only` names the one to read logs as,
    `prefer` the kinds of source in the order in which those of one run are believed.
    `now` (Unix time) decides what an old file is. A file that cannot be read is reported to
    `unreadable` and left out; `busy` receives what is being done. `detail`: how much of each series is kept.
    Raises SourceError if nothing can be read or no run is in it.
    """
    now = time.time() if now is None else now
    engine = Engine(rules, prefer, detail)
    for path in paths:
        if os.path.isdir(path):
            busy(f"searching {path}")
    blind = unreadable or (lambda error: None)
    files = discover.find(paths, prefer=prefer, note=engine.troubles.append, unread=blind)
    read(engine, files, now, unreadable, own, only, busy)
    return engine


def read(
    engine: Engine,
    files: Sequence[discover.Found],
    now: float,
    unreadable: Callable[[SourceError], None] | None = None,
    own: Sequence[Format] = (),
    only: str | None = None,
    busy: Callable[[str], object] = lambda doing: None,
) -> None:
    """Let an engine read these files to their end and judge them; see `check`. Raises SourceError."""
    errors: list[SourceError] = []
    formats = in_use(own, only)
    older = rotated(file.path for file in files if file.member.kind == LOG)
    for number, file in enumerate(files, 1):
        busy(f"reading {file.path}" + (f" ({number:,} of {len(files):,})" if len(files) > 1 else ""))
        try:
            if file.path.startswith(SCHEME):
                _ask(engine, file)
            else:
                before = older.get(file.path, ())
                _read(
                    engine, file, formats, now, only, chosen(file.path, before, formats) if before else None
                )
        except SourceError as error:
            errors.append(error)
            if isinstance(error.__cause__, OSError):
                _lose(engine, file, error.__cause__, now)
    if len(errors) == len(files):
        raise errors[0]
    for missing in errors:
        if unreadable is not None:
            unreadable(missing)
    engine.finish(now)
    if not any(True for _ in engine.runs()):
        lines = sum(source.lines for _, source in engine.sources.values())
        where = files[0].path if len(files) == 1 else f"{len(files)} files"
        read = f"{lines:,} line{'' if lines == 1 else 's'} read"
        advice = f"{read}; `runwatch formats PATH` shows what is understood"
        raise SourceError("no training run recognized", where, advice)


def _read(
    engine: Engine,
    file: discover.Found,
    formats: Sequence[Format],
    now: float,
    only: str | None,
    older: RotatedHistory | None = None,
) -> None:
    """Read a file, and before it what was rotated away from it."""
    path = file.path
    if path == "-":
        raise SourceError("only files are read here", path, "pipe into `runwatch tail - --headless`")
    if file.member.kind == DIRECTORY:
        source = text.path(str(Path(path).absolute()))
        engine.add_source(source, file.name, text.path(path), file.member)
        engine.look(source, CheckpointSource(path).look(now), SidecarSource(path).look())
        return
    parser = StreamParser(formats, settled=only)
    try:
        status = os.stat(path)
        if status.st_size == 0:
            raise SourceError("nothing to read", path, "the file is empty")
        source = text.path(str(Path(path).absolute()))
        engine.add_source(source, file.name, text.path(path), file.member)
        if older is not None:
            _read_older(engine, source, older, parser, status.st_mtime)
        written, rest = None, b""
        for data in blocks(path, BLOCK):
            rest = (rest + data).rpartition(b"\n")[2][:_REST]
            batch = parser.feed(data, tail=CLOSING)
            if file.member.kind in (WANDB, TENSORBOARD):
                written = newest(batch) or written
            engine.fold(source, batch, written=written or status.st_mtime)
    except OSError as error:
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    except SourceError as error:  # compressed, and cut: what precedes that was read
        if not parser.place[0]:
            raise
        engine.troubles.append(str(error))
    engine.fold(source, parser.flush(), written=written or status.st_mtime)
    if rest and file.member.kind == LOG:
        engine.unfinished(source, text.decode(rest))


def _lose(engine: Engine, file: discover.Found, error: OSError, now: float) -> None:
    """Note that a file cannot be read: what cannot be seen is not well."""
    source = text.path(str(Path(file.path).absolute()))
    if source not in engine.sources:
        engine.add_source(source, file.name, text.path(file.path), file.member)
    why = error.strerror or str(error)
    engine.lose(source, unread(text.path(file.path), why, now, always=True), now)


def _read_older(
    engine: Engine, source: str, older: RotatedHistory, parser: StreamParser, written: float
) -> None:
    """Read what was rotated away from a log, and say so."""
    if older.note:
        engine.troubles.append(f"{engine.sources[source][0].name}: {older.note}")
    try:
        for data in pieces(older.paths, BLOCK):
            engine.fold(source, parser.feed(data) if data else parser.break_off(), written=written)
    except (SourceError, OSError) as error:
        engine.fold(source, parser.break_off(), written=written)
        engine.troubles.append(str(error))


def _ask(engine: Engine, found: discover.Found) -> None:
    """Read all there is of a run on a server."""
    run = OnlineRun(found.path)
    engine.add_source(found.path, found.name, found.path, found.member)
    written = None
    try:
        for batch in run.poll():
            written = newest(batch) or written
            engine.fold(found.path, batch, written=written)
    except SourceError:
        raise
    except Exception as error:  # the network, the server, the package
        raise SourceError("cannot read", found.path, said(error)) from error
