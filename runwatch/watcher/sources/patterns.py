"""Which files a path of the user's means, by their names alone: nothing here touches the disk."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable

from runwatch.watcher.sources.member import SCHEME

MAX_PATH = 4095
"""Bytes of the longest path that the system takes."""
MAX_NAME = 255
"""Bytes of the longest name in it."""


def absolute(path: str, base: str = "") -> str:
    """Return a path of a person's as an absolute one, from `base` or the current directory."""
    return path if path.startswith(SCHEME) else os.path.abspath(os.path.join(base, os.path.expanduser(path)))


def impossible(path: bytes) -> str:
    """Return why a path, as the system spells it, can be no file's; "" if it may be one."""
    if any(byte < 32 or byte == 127 for byte in path):
        return "a path holds a control character: watch the directory it is in"
    longest = max(map(len, path.split(b"/")))
    if len(path) > MAX_PATH or (longest > MAX_NAME and not glob.has_magic(path)):
        return f"a path is too long: {len(path)} bytes: the system takes {MAX_PATH}, and {MAX_NAME} of a name"
    return ""


def wanted(path: bytes, paths: Iterable[bytes], exclude: Iterable[str] = ()) -> bool:
    """Return whether a file is among what is to be watched; paths as the system spells them."""
    name = os.fsdecode(path)
    return any(covers(os.fsdecode(each), name) for each in paths) and not excluded(name, exclude)


def covers(wanted: str, path: str) -> bool:
    """Return whether the file at `path` is found by `wanted`: a file, a directory or a pattern."""
    if wanted == path or wanted.startswith(SCHEME):
        return wanted == path
    wanted, path = os.path.abspath(wanted), os.path.abspath(path)
    if path == wanted or path.startswith(wanted.rstrip("/") + "/"):
        return True
    if not glob.has_magic(wanted):
        return False
    names, parts = wanted.split("/"), path.split("/")
    fitting = all(fnmatch.fnmatchcase(part, name) for name, part in zip(names, parts, strict=False))
    return len(parts) == len(names) and fitting


def excluded(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a path, its name or a directory above it fits one of the patterns."""
    absolute = os.path.abspath(path)
    parts = absolute.split("/")
    for pattern in patterns:
        if "/" not in pattern:
            if any(fnmatch.fnmatchcase(part, pattern) for part in parts):
                return True
        elif fnmatch.fnmatchcase(absolute, pattern) or covers(pattern, absolute):
            return True
    return False
