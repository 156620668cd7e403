"""A line in tmux and a bell. tmux knows formats, and `#(...)` would run a program: log lines are escaped."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from runwatch.alerts.channels.program import run
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Sent

LINE = 200
"""Longest line, in characters."""


class TerminalChannel:
    """Shows a line in this user's tmux and rings there, and on other terminals that are named."""

    def __init__(self, name: str, ttys: Sequence[str] = (), socket: str = "", timeout: float = 10.0) -> None:
        """Set up, without touching a terminal. `socket` is tmux's -L; `timeout` is in seconds."""
        self.name, self._ttys, self._timeout = name, tuple(ttys), timeout
        self._tmux = ["tmux", *(["-L", socket] if socket else [])]

    @property
    def identity(self) -> str:
        """Return the name and the terminals."""
        return f"{self.name}#{','.join(self._ttys) or 'tmux'}"

    def send(self, notification: Notification) -> Outcome:
        """Show it once, wherever somebody is."""
        line = tmux_text(compose(notification).subject[:LINE])
        listed = run([*self._tmux, "list-clients", "-F", "#{client_tty}"], self._timeout) or ""
        clients = [tty for tty in listed.splitlines() if tty.startswith("/dev/")]
        reached = 0
        for tty in clients:
            show = [*self._tmux, "display-message", "-c", tty]
            shown = run([*show, "-d", "15000", line], self._timeout)
            if shown is None:  # before tmux 3.2 it knows no -d
                shown = run([*show, line], self._timeout)
            reached += shown is not None
        reached += sum(ring(tty) for tty in dict.fromkeys((*clients, *self._ttys)))
        return Sent() if reached else Rejected("no terminal is open")


def tmux_text(said: str) -> str:
    """Return text that tmux shows as it is: it knows formats (#) and dates (%), and options begin with -."""
    safe = said.replace("#", "##").replace("%", "%%")
    return f" {safe}" if safe.startswith("-") else safe


def ring(tty: str) -> bool:
    """Ring the bell of a terminal of this user; return whether it could be rung."""
    with contextlib.suppress(OSError):
        terminal = os.open(tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.isatty(terminal) and os.write(terminal, b"\a") == 1
        finally:
            os.close(terminal)
    return False
