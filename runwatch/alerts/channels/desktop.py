"""For one who sits at the machine: a notification on the desktop, by notify-send; a line in tmux with a bell.

Both take markup of their own, so a log line is escaped: Pango's for the desktop, formats for tmux,
where `#(...)` would run a program.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence

from runwatch.alerts.message import compose, severity
from runwatch.alerts.notification import Notification, Outcome, Rejected, Retry, Sent
from runwatch.findings import Severity

_URGENCY = {Severity.CRITICAL: "critical", Severity.WARNING: "normal", Severity.INFO: "low"}
BODY, LINE = 1000, 200
"""Longest text on a desktop and in tmux, in characters."""


class DesktopChannel:
    """Shows on this user's desktop."""

    def __init__(self, name: str, timeout: float = 10.0) -> None:
        """Set up, without running anything. `timeout` is in seconds."""
        self.name, self._timeout = name, timeout

    @property
    def identity(self) -> str:
        """Return the name: there is one desktop."""
        return f"{self.name}#desktop"

    def send(self, notification: Notification) -> Outcome:
        """Show it once."""
        program = shutil.which("notify-send")
        if program is None:
            return Rejected("notify-send is not installed")
        told = compose(notification)
        urgency = _URGENCY[severity(notification.incident)] if notification.change == "firing" else "low"
        body = _pango("\n".join((*told.facts, *told.prose()))[:BODY])
        command = [program, "--app-name=runwatch", f"--urgency={urgency}", "--", told.subject, body]
        said = _run(command, self._timeout)
        return Sent() if said is not None else Retry("notify-send could not show it")


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
        listed = _run([*self._tmux, "list-clients", "-F", "#{client_tty}"], self._timeout) or ""
        clients = [tty for tty in listed.splitlines() if tty.startswith("/dev/")]
        reached = 0
        for tty in clients:
            shown = _run([*self._tmux, "display-message", "-c", tty, "-d", "15000", line], self._timeout)
            reached += shown is not None
        reached += sum(ring(tty) for tty in dict.fromkeys((*clients, *self._ttys)))
        return Sent() if reached else Rejected("nobody is at a terminal")


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


def _pango(said: str) -> str:
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _run(command: list[str], timeout: float) -> str | None:
    """Run a program; return what it printed, None if it failed."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
    return None
