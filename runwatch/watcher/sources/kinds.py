"""What a file may be: by its name alone, and by how it begins."""

from __future__ import annotations

import errno
import os
import re

from runwatch.core.errors import SourceError
from runwatch.parsers.framing.record_files import framing
from runwatch.watcher.sources.compressed import at_once, blocks, packed
from runwatch.watcher.sources.member import LOG, METRICS, TENSORBOARD, WANDB

SUFFIXES = (".log", ".out", ".err", ".txt")
"""What a log file's name ends with, when a directory is searched."""
NUMBERED = re.compile(r"(.*(?:log|out|err|txt))\.\d+")
_METRICS = re.compile(
    r"(?:.*[._-])?(?:metrics|logs?|history|progress)\.jsonl|.*\.log\.json"
    r"|(?:metrics|result|scalars|trainer_state|training_metrics)\.json"
    r"|(?:metrics|progress|results|.*monitor)\.csv|(?:loss|learn_error)\.tsv"
)
_TABLES = (".json", ".jsonl", ".csv", ".tsv")
_NO_LOG = re.compile(
    r"latest_checkpointed_iteration\.txt|commit_success\.txt|(?:.*[._-])?(?:requirements|vocab|merges|licen[cs]e|readme)"
    r"(?:[._-].*)?\.txt|(?:top_level|entry_points|sources|cmakelists)\.txt",
    re.IGNORECASE,
)
"""Texts that are near checkpoints and code, and are never logs."""
_HEAD = 4096
_HOLES = re.compile(rb"\0{16,}|\A\0+")
_ODD = bytes(byte for byte in range(32) if byte < 8 or 13 < byte < 27 or byte > 27)
"""Bytes that no text has many of; bars of Keras go back with as many backspaces as they are long."""


def kind_of(name: str) -> str | None:
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
    stream = name in ("stdout", "stderr") or (name[-1:].isdigit() and NUMBERED.fullmatch(name))
    return LOG if stream or name.endswith(SUFFIXES) else None


def may_be_read(path: str) -> bool:
    """Return whether a file is one of ours, as far as can be seen: one that cannot be opened may be."""
    try:
        return not is_binary(path)
    except SourceError as error:
        cause = error.__cause__
        return isinstance(cause, OSError) and cause.errno not in (None, errno.ENOENT)


def opens(path: str) -> bool:
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
    head = _HOLES.sub(b"", head)  # left by truncation, or by a file system: not binary content
    odd = len(head) - len(head.translate(None, _ODD))
    return odd > len(head) / 20
