"""The daemon's own log: one line an event, `key=value`, to a file that is rotated, to journald, or here.

journald keeps time and process itself and wants a priority before each line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import re
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

from runwatch.core.redaction import redact
from runwatch.core.text import plain
from runwatch.system import private_files

NAME = "daemon.log"
MAX_BYTES = 4 << 20
KEPT = 3
"""Older files kept."""
_LOGGER = logging.getLogger("runwatch.daemon")
logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of children that others reaped
_LEVELS = {"notice": logging.WARNING, "incident": logging.WARNING, "error": logging.ERROR}
_PRIORITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}
_BARE = re.compile(r"[\w./:@+-]+")


def report(kind: str, text: str, **facts: object) -> None:
    """Log one event: a kind of news, one line, and facts by name."""
    said = " ".join(f"{key}={_value(value)}" for key, value in facts.items())
    _LOGGER.log(
        _LEVELS.get(kind, logging.INFO), "kind=%s text=%s%s", kind, _value(text), f" {said}" * bool(said)
    )


def to_file(path: Path) -> None:
    """Log to a file, made readable by its owner alone, and start a new one when it is full.

    Raises OSError.
    """
    _use(_File(path), "time=%(asctime)s level=%(levelname)s %(message)s")


class _File(logging.handlers.RotatingFileHandler):
    """A file that is made again when it was removed. Where it cannot be, the removed one takes the lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=KEPT)

    def _open(self) -> TextIOWrapper:
        descriptor = private_files.opened(self._path, os.O_WRONLY | os.O_APPEND)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not private_files.is_at(self._path, self.stream.fileno()):
            with contextlib.suppress(OSError):
                private_files.directory(self._path.parent, 1)
                before, self.stream = self.stream, self._open()
                before.close()
        super().emit(record)


def to_stderr(environ: Mapping[str, str] = os.environ) -> None:
    """Log to standard error, in journald's way if it is what reads it."""
    handler = logging.StreamHandler(sys.stderr)
    if is_journal(environ):
        _use(handler, "<%(priority)d>%(message)s")
        handler.addFilter(_with_priority)
    else:
        _use(handler, "time=%(asctime)s level=%(levelname)s %(message)s")


def is_journal(environ: Mapping[str, str]) -> bool:
    """Return whether standard error goes to journald."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _use(handler: logging.Handler, pattern: str) -> None:
    handler.setFormatter(logging.Formatter(pattern, "%Y-%m-%dT%H:%M:%S%z"))
    for old in tuple(_LOGGER.handlers):
        _LOGGER.removeHandler(old)
        old.close()
    logging.raiseExceptions = False  # a full disk must not fill standard error with tracebacks
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def _with_priority(record: logging.LogRecord) -> bool:
    record.priority = _PRIORITIES.get(record.levelno, 6)
    return True


def _value(value: object) -> str:
    text = redact(plain(str(value)))
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
