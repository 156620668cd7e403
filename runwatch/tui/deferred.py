"""A terminal that shows nothing until there is something to show.

A path with a typo is reported in one line beneath the command: the screen must not
come up for a blink before that. So what the app draws is kept back until the
engine's first picture, or for a moment at most.
"""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO, cast

from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from runwatch.tui.api import api
from runwatch.tui.leaving import HUNG_UP, Outlet

HOLD = 1.0
"""Seconds after which the screen comes up in any case, and says that it waits."""


def _lenient(encoding: str) -> Callable[[], IncrementalDecoder]:
    """Return what makes decoders of keys: a pasted binary file is no reason to end."""
    return partial(getincrementaldecoder(encoding), errors="replace")


class HeldDriver(LinuxDriver):
    """Keeps what is written until `release`; what is never released was never on the terminal."""

    _kept = ""
    _released = False
    _gathering = False

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
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
        """Read the keys until the screen ends; bytes that are no text are keys without a meaning."""
        cast(Any, linux_driver).getincrementaldecoder = _lenient
        try:
            super().run_input_thread()
        except OSError:  # a terminal that cannot be read
            self._hang_up()
        except Exception as error:  # this thread may not touch the app
            self._app.call_later(api(self._app).fail, error)

    def _hang_up(self) -> None:
        self._leave(HUNG_UP)
