"""How a screen exits when it gets a signal, or when its terminal is gone.

A signal handler that raises does so in the middle of any widget's task. Others then wait for that
task, and Textual's thread that reads the keyboard stays: it would keep the process forever. So the
handler only asks the app to exit, as the key for it does.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

GRACE = 30
"""Seconds for an exit in good order. After them the kernel ends the process."""
HUNG_UP = 128 + signal.SIGHUP
"""Exit code of a screen whose terminal is gone."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def by_signals(leave: Callable[[int], bool]) -> Iterator[None]:
    """Call `leave` with the exit code at a signal; it returns False where there is no app to ask.

    A signal that is ignored stays ignored.
    """

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(GRACE)
        if not leave(128 + number):
            raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Outlet:
    """The terminal as Textual's writer has it: says once that it is gone, and takes all that still comes.

    A writer that ends at an error leaves a full queue, which the app would wait for.
    """

    def __init__(self, file: TextIO, gone: Callable[[], object]) -> None:
        self._file, self._gone = file, gone
        self._open = True

    def write(self, text: str) -> None:
        """Write to the terminal while there is one."""
        self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        """Send what was written."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """Return the descriptor of the terminal."""
        return self._file.fileno()

    def _try(self, act: Callable[[], object]) -> None:
        if self._open:
            try:
                act()
            except OSError:
                self._open = False
                self._gone()
