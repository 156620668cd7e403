"""Paths with nothing to watch yet: typing errors, or runs that are about to start."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runwatch.core.errors import SourceError
from runwatch.core.text import path as safe_path
from runwatch.core.text import plain

if TYPE_CHECKING:
    from runwatch.watcher.daemon.nearby import Nearby

_PAUSE = 2.0
"""Least seconds between two searches for a run."""
_SHARE = 20.0
"""A search is repeated after so many times the seconds that it took."""


def report(paths: Iterable[str]) -> None:
    """Print which of these do not exist to standard error, except patterns and server addresses."""
    for path in filter(_is_absent, paths):
        from runwatch.watcher.sources import misnamed

        print(f"runwatch: {misnamed.waited_for(path)}", file=sys.stderr)


def worth_waiting(paths: Iterable[str]) -> bool:
    """Return whether a screen waits for what is not there: new files, and directories without a run.

    Raises SourceError for a name that is nearly that of an existing file: it may be a typing error.
    """
    return all(map(_may_come, paths))


def wait_for_run(directory: str) -> list[Nearby]:
    """Say that no run is active here, what is looked for and what to do; return logs once there are some."""
    from runwatch.cli import next_steps
    from runwatch.watcher.daemon import nearby
    from runwatch.watcher.sources.kinds import SUFFIXES

    print(
        plain(f"No training run was written below {safe_path(os.path.abspath(directory))} in the last hour.")
    )
    print(
        f"Waiting for one. Looking for *{', *'.join(SUFFIXES)}, and files of W&B, TensorBoard, CSV and JSON"
    )
    print("metrics, with a training step in them; also for logs that your processes write elsewhere.")
    print("Ctrl-C ends. What you can do on this machine:\n")
    print(next_steps.lines(()), end="", flush=True)
    while True:
        began = time.monotonic()
        if found := nearby.logs(directory):
            return found
        time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))


def _is_absent(path: str) -> bool:
    named = path != "-" and "://" not in path and not glob.has_magic(path)
    return named and not os.path.exists(os.path.expanduser(path))


def _may_come(path: str) -> bool:
    if os.path.isdir(path):
        from runwatch.watcher.sources.search import search

        return not search(path, lambda note: None, lambda error: None)[0]
    if not _is_absent(path):
        return True
    from runwatch.watcher.sources import misnamed

    if close := misnamed.meant(path, misnamed.ALIKE):
        meant = safe_path(close)
        raise SourceError(
            "no such file or directory", path, f"did you mean {meant}? --wait waits for this one"
        )
    broken_link = os.path.lexists(path)
    return os.path.isdir(os.path.dirname(path) or ".") and not broken_link
