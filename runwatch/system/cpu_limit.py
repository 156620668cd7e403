"""A limit on the CPU time of work that cannot be asked to stop: a regular expression of the user's.

Python's `re` looks for signals while it matches, so one can end it. A timer ticks while such work goes
on now and then, and each tick is charged to the work that it meets: that costs nothing where a match
takes microseconds. Only the main thread gets signals; in any other nothing is limited.
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

TICK = 0.05
"""Seconds of CPU time between two ticks, and so how exactly it is measured."""

P = ParamSpec("P")
T = TypeVar("T")


class SlowError(Exception):
    """Work took more CPU time than it may."""


class Allowance:
    """The CPU time that one expression may take, in all, for the bytes it is shown."""

    def __init__(self, most: float, per_byte: float = 0.0) -> None:
        """Allow `most` seconds at once, and `per_byte` seconds a byte in the long run."""
        self._most, self._per_byte = most, per_byte
        self._left = most

    def spend(self, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` gives for so many bytes. Raises SlowError if it takes too long."""
        self._left = min(self._most, self._left + size * self._per_byte)
        if not _timer.ticking:
            _timer.start()
        before, _timer.charged = _timer.charged, self
        try:
            return work(*args, **kwargs)
        finally:
            _timer.charged, _timer.used = before, True

    def charge(self, seconds: float) -> bool:
        """Take some seconds off; return whether there are any left."""
        self._left -= seconds
        return self._left > 0


class _Timer:
    """Ticks as long as there is work that is limited."""

    def __init__(self) -> None:
        self.ticking = self.used = False
        self.charged: Allowance | None = None
        """The CPU time of the current work."""

    def start(self) -> None:
        """Tick from now on, if this is the main thread."""
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL:
                atexit.register(signal.setitimer, signal.ITIMER_VIRTUAL, 0)  # before the handler goes
            signal.signal(signal.SIGVTALRM, self._tick)
            signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
            self.ticking = True

    def _tick(self, number: int, frame: object) -> None:
        charged, used = self.charged, self.used
        self.used = False
        if charged is None and not used:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self.ticking = False
        elif charged is not None and not charged.charge(TICK):
            self.charged = None
            raise SlowError


_timer = _Timer()
