"""From the PATH a person typed to the log files behind it."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence

from runwatch import text
from runwatch.errors import SourceError
from runwatch.parsers.recordio import framing

SUFFIXES = (".log", ".out", ".err", ".txt")
"""What a log file's name ends with, when a directory is searched."""
METRIC_FILES = re.compile(
    r"(?:.*\.jsonl|.*\.log\.json|(?:metrics|result|scalars|trainer_state|training_metrics)\.json"
    r"|(?:metrics|progress|results|.*monitor)\.csv|(?:loss|learn_error)\.tsv)"
)
"""Files of metrics alone, by name: read where a directory holds no log, or they would tell a run twice."""
MAX_DEPTH = 2
MAX_FILES = 2000
"""Directory entries looked at before a search gives up."""
_HEAD = 4096


def logs(path: str) -> list[str]:
    """Return the log files PATH stands for: itself, those in a directory, or those of a glob.

    Raises SourceError, saying what is wrong and what to do, if there is none.
    """
    if glob.has_magic(path) and not os.path.lexists(path):
        found = sorted(name for name in glob.glob(path) if os.path.isfile(name) and not is_binary(name))
        if not found:
            raise SourceError("no file matches", path, "check the pattern, and quote it from the shell")
        return found
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise SourceError(
            "no such file or directory", path, "check the path (tail can --wait for it)"
        ) from None
    except OSError as error:
        raise SourceError("cannot look at", path, error.strerror or str(error)) from error
    if stat.S_ISDIR(mode):
        found = sorted(_search(path, lambda name: name.endswith(SUFFIXES)))
        found = found or _metric_files(path)
        if not found:
            wanted = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
            raise SourceError(
                "no runs in this directory", path, f"give a log file, or a directory with {wanted}"
            )
        return found
    if not stat.S_ISREG(mode):
        raise SourceError("not a regular file", path, "give a log file, or pipe into `runwatch tail -`")
    if is_binary(path):
        raise SourceError("a binary file, not a log", path, "give the log that the run prints to")
    return [path]


def is_binary(path: str) -> bool:
    """Return True if the file is neither text nor a tracker's. Raises SourceError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError("cannot read", path, error.strerror or str(error)) from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16 with its mark
        return False
    if framing(head) is not None:
        return False
    head = head.lstrip(b"\0")  # a hole left by truncation is not binary content
    odd = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return odd > len(head) / 20


def names(paths: Sequence[str]) -> list[str]:
    """Return a short printable name for each path, all different: `train`, `a/train` or `train.err`."""
    absolute = [os.path.abspath(path) for path in paths]
    shown = [text.path(path) for path in absolute]
    for depth in range(1, 8):
        ends = ["/".join(path.split("/")[-depth:]) for path in shown]
        for short in ([_stem(end) for end in ends], ends):
            if len(set(short)) == len(short):
                return short
    return shown


def _stem(name: str) -> str:
    return next((name[: -len(s)] for s in SUFFIXES if name.endswith(s) and name[: -len(s)]), name)


def _metric_files(top: str) -> list[str]:
    """Return the files of metrics in a directory; of a Trainer's states, which repeat, the newest."""
    found = sorted(_search(top, lambda name: METRIC_FILES.fullmatch(name) is not None))
    states = [path for path in found if path.endswith("/trainer_state.json")]
    newest = max(states, key=lambda path: (os.stat(path).st_mtime, path), default=None)
    return [path for path in found if path not in states or path == newest]


def _search(top: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the text files of wanted names at most MAX_DEPTH directories below `top`, not following links."""
    seen = 0
    base = top.rstrip("/").count("/")
    for directory, below, files in os.walk(top):
        below[:] = (
            sorted(d for d in below if not d.startswith("."))
            if directory.count("/") - base < MAX_DEPTH - 1
            else []
        )
        for name in sorted(files):
            seen += 1
            if seen > MAX_FILES:
                return
            path = os.path.join(directory, name)
            if wanted(name) and os.path.isfile(path) and _readable_text(path):
                yield path


def _readable_text(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0 and not is_binary(path)
    except (OSError, SourceError):
        return False
