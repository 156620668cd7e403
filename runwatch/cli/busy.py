"""A line on the terminal about a long task, removed at its end."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from runwatch.core.text import plain

PAUSE = 0.1
"""Least seconds between two updates."""


class Busy(Protocol):
    """Shows the current task."""

    def __call__(self, doing: str) -> None:
        """Replace the line."""


@contextmanager
def busy() -> Iterator[Busy]:
    """Yield a function that shows a line on standard error, if it is a terminal; remove it at the end."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    shown = -PAUSE

    def say(doing: str) -> None:
        nonlocal shown
        if terminal and time.monotonic() - shown >= PAUSE:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r\x1b[K" + f"runwatch: {plain(doing)}"[:width])
            sys.stderr.flush()
            shown = time.monotonic()

    try:
        yield say
    finally:
        if terminal and shown > 0:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
