"""A path that does not exist: what to say of it, and which file may have been meant."""

from __future__ import annotations

import difflib
import os
import re

from runwatch.core import text
from runwatch.watcher.sources.kinds import SUFFIXES

ALIKE = 0.85
"""How similar a name is to that of a file for which it may be a typing error."""
_GUESS = 0.7
"""How similar it is to that of a log which may have been meant."""


def meant(path: str, alike: float = _GUESS) -> str:
    """Return the file next to a path that may have been meant: any that is `alike`, else a log; or "".

    A log is meant if its name is alike without what all logs end with, or if it is the only one
    and ends as the path does.
    """
    directory, name = os.path.split(path)
    try:
        names = os.listdir(directory or ".")
    except OSError:
        return ""
    letters = _letters(name)
    # train1.log is no error for train2.log
    others = sorted(each for each in names if _letters(each) != letters)
    close = difflib.get_close_matches(name, others, 1, max(alike, ALIKE))
    if not close and alike < ALIKE and name.endswith(SUFFIXES):
        logs = {os.path.splitext(each)[0]: each for each in others if each.endswith(SUFFIXES)}
        stem, ending = os.path.splitext(name)
        alone = len(logs) == 1 and next(iter(logs.values())).endswith(ending)
        stems = [*logs] if alone else difflib.get_close_matches(stem, logs, 1, alike)
        close = [logs[stem] for stem in stems]
    return os.path.join(directory, close[0]) if close else ""


def waited_for(path: str) -> str:
    """Return what to say of a path that is waited for."""
    name = text.path(os.path.basename(path.rstrip("/")) or path)
    return f"no such file: {name}; waiting for it{question(path)}"


def question(path: str) -> str:
    """Return `; did you mean train.log?`, or ""."""
    found = meant(path)
    return f"; did you mean {text.path(os.path.basename(found))}?" if found else ""


def _letters(name: str) -> str:
    return re.sub(r"\d+", "", name)
