"""What a command is doing that may take long: one line that a terminal shows until it is done."""

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
"""Seconds between two such lines at least."""


class Busy(Protocol):
    """Says what is being done."""

    def __call__(self, doing: str) -> None:
        """Show this in place of what was shown before."""


@contextmanager
def busy() -> Iterator[Busy]:
    """Yield what shows such a line on standard error, if that is a terminal; at the end the line is gone."""
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
