"""Terminals for programs that are measured."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Sequence


def start(command: Sequence[str], columns: int, rows: int, **environ: str) -> tuple[int, int]:
    """Run a command on a terminal of its own; return its process and the terminal.

    The terminal has its size before the command is there: a screen that learns it late would paint twice.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.environ.update({"TERM": "xterm-256color", **environ})
        os.environ.pop("NO_COLOR", None)
        os.execv(command[0], command)
    return pid, terminal
