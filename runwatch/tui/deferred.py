"""A terminal that shows nothing until there is something to show.

A path with a typo is reported in one line beneath the command: the screen must not
come up for a blink before that. So what the app draws is kept back until the
engine's first picture, or for a moment at most.
"""

from __future__ import annotations

import os
import select
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from runwatch.tui.api import api
from runwatch.tui.leaving import HUNG_UP, Outlet

_A_READ = 4096
_IN_FLIGHT = 0.1
"""Seconds in which a terminal may still send what was on its way."""
_A_KEY = 1.0 + 2 * ESCAPE_DELAY
"""Seconds after the newest byte of a key in which it may still be decided which one it is."""
HOLD = 1.0
"""Seconds after which the screen comes up in any case, and says that it waits."""


class WakingEvent(threading.Event):
    """An event that a thread can wait for together with files."""

    def __init__(self) -> None:
        super().__init__()
        self.waking, self._wake = os.pipe()
        """A descriptor that can be read while the event is set."""

    def set(self) -> None:
        """Wake who waits."""
        if not self.is_set():
            super().set()
            os.write(self._wake, b"x")

    def clear(self) -> None:
        """Let who comes wait again."""
        if self.is_set():
            super().clear()
            os.read(self.waking, 1)


class DeferredDriver(LinuxDriver):
    """Keeps what is written until `release`; what is never released was never on the terminal."""

    _kept = ""
    _released = False
    _gathering = False

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.exit_event: WakingEvent = WakingEvent()
        self._leave = api(app).leave
        self._file = cast(Any, Outlet(cast("TextIO", self._file), self._hang_up))

    def write(self, data: str) -> None:
        """Write to the terminal, or keep it for later."""
        self._kept += data
        self._write_kept()

    def release(self) -> None:
        """Write what was kept; from now on everything goes through."""
        self._released = True
        self._write_kept()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write in one piece what a block writes: each piece wakes the thread that writes it."""
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            self._write_kept()

    def _write_kept(self) -> None:
        if self._kept and self._released and not self._gathering:
            kept, self._kept = self._kept, ""
            super().write(kept)

    def _sigcont_application(self, *_: object) -> None:
        """Come back from a stop by Ctrl-Z.

        SIGCONT comes without one too, with the SIGHUP of a terminal that goes and the SIGTERM of
        schedulers: a second reader of the keys, begun then, would outlive the screen.
        """
        if self._must_signal_resume:
            super()._sigcont_application()

    def run_input_thread(self) -> None:
        """Read the keys until the screen ends; bytes that are no text are keys without a meaning.

        Textual's own looks for keys ten times a second: a tenth of all that a quiet screen costs.
        """
        parser, decode = XTermParser(), getincrementaldecoder("utf-8")(errors="replace").decode
        typed = -_A_KEY
        try:
            while not self.exit_event.is_set():
                # An Escape is a key of its own if nothing follows it soon.
                timeout = ESCAPE_DELAY if time.monotonic() - typed < _A_KEY else None
                ready, _, _ = select.select([self.fileno, self.exit_event.waking], [], [], timeout)
                if self.fileno in ready:
                    if not (data := os.read(self.fileno, _A_READ)):
                        return  # nothing can be typed any more
                    typed = time.monotonic()
                    self._take(parser.feed(decode(data)))
                self._take(parser.tick())
            if select.select([self.fileno], [], [], _IN_FLIGHT)[0]:
                os.read(self.fileno, _A_READ)  # of the mouse: it must not be typed into the shell
        except OSError:  # a terminal that cannot be read
            self._hang_up()
        except Exception as error:  # this thread may not touch the app
            self._app.call_later(api(self._app).fail, error)

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _hang_up(self) -> None:
        self._leave(HUNG_UP)
