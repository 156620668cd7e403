"""The terminal's title, bell and task bar progress in headless mode."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from runwatch.core.text import plain
from runwatch.render import numbers
from runwatch.render.states import ended
from runwatch.watcher.protocol import key_of

PAUSE = 10.0
"""Least seconds between two bells."""
_TITLE, _END = "\x1b]2;", "\x1b\\"
_KEEP_TITLE, _OLD_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_VTE = 7900
"""Version of VTE that understands progress."""


class Terminal:
    """One terminal; it takes the objects of the stream. `close` restores it."""

    def __init__(
        self,
        out: TextIO = sys.stdout,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._clock = out, clock
        self._titled = has_title(environ)
        self._graded = has_progress(environ)
        self._rung = -PAUSE
        self._alarmed: set[str] = set()
        """Keys of runs with a critical incident."""
        self._say(_KEEP_TITLE * self._titled)

    def take(self, body: dict[str, Any]) -> None:
        """Show an object of the stream."""
        if body["type"] == "incident":
            self._incident(body, body["change"], body["incident"])
        elif body["type"] == "progress":
            self._progress(body)
        elif body["type"] == "end":
            self._title(f"{body['run']}: {body['state']}")
            self._grade("1;100" if body["exit_code"] == 0 else "2;100")

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._grade("0;0")
        self._say(_OLD_TITLE * self._titled)

    def _incident(self, body: Mapping[str, Any], change: str, row: Mapping[str, Any]) -> None:
        if row["severity"] != "critical":
            return
        if change == "resolved":
            self._alarmed.discard(key_of(body))
            return
        self._alarmed.add(key_of(body))
        live = row["time"] is not None
        if change == "firing" and live and self._clock() - self._rung >= PAUSE:
            self._rung = self._clock()
            self._say("\a")
        self._title(f"{body['run']}: {row['title']}")

    def _progress(self, body: Mapping[str, Any]) -> None:
        if ended(body["phase"]):
            return
        share = body["progress"]
        done = "" if share is None else f" {numbers.percent(share, 0)}"
        alarmed = key_of(body) in self._alarmed
        if not alarmed:
            self._title(f"{body['run']}:{done} {body['phase']}")
        state = "2" if alarmed else "1"
        self._grade(f"{state};{numbers.percent(share, 0).rstrip('%')}" if share is not None else "3;0")

    def _title(self, text: str) -> None:
        if self._titled:
            self._say(f"{_TITLE}{plain(text, 120)}{_END}")

    def _grade(self, state: str) -> None:
        if self._graded:
            self._say(f"\x1b]9;4;{state}{_END}")

    def _say(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()


def has_title(environ: Mapping[str, str]) -> bool:
    """Return whether a terminal has a title that can be set: not a console or a dumb one."""
    return environ.get("TERM", "dumb") not in ("dumb", "linux", "")


def has_progress(environ: Mapping[str, str]) -> bool:
    """Return whether OSC 9;4 means progress; other terminals would show a notification for each."""
    term = environ.get("TERM", "")
    if "TMUX" in environ or term.startswith(("screen", "tmux")):
        return False  # which do not pass it on
    version = environ.get("VTE_VERSION", "")
    return (
        "WT_SESSION" in environ
        or environ.get("ConEmuANSI") == "ON"
        or environ.get("TERM_PROGRAM") == "ghostty"
        or term == "xterm-ghostty"
        or (version.isdecimal() and int(version) >= _VTE)
    )
