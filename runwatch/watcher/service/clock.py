"""The wall clock, and when it jumped.

Ages are reported against the wall clock, because the times of files are. Set by
hand or by NTP, or after a laptop's sleep, it leaps; then what is known of ages
has to leap with it, or a run would look silent for the night that nobody ran.
"""

from __future__ import annotations

import time
from collections import deque

JUMP = 5.0
"""Seconds by which the clock and the passing of time may differ in one look."""
MINUTE = 60


class Clock:
    """Looked at regularly; knows how late the looks were."""

    def __init__(self) -> None:
        self.now = time.time()
        """Unix time of the last look."""
        self._steady = self._expected = time.monotonic()
        self._late: deque[float] = deque(maxlen=MINUTE)
        self._jumped = 0.0, 0.0
        """The last jump: its seconds, and the Unix time behind it."""

    @property
    def lag(self) -> float:
        """Seconds by which the worst of the last looks was late."""
        return max(self._late, default=0.0)

    def time(self) -> float:
        """Return the Unix time now."""
        return time.time()

    def look(self, expected: float | None = None) -> float:
        """Look again; return the seconds by which the clock jumped, or 0. `expected`: seconds since the last.

        Only looks that are expected show how late they are.
        """
        now, steady = time.time(), time.monotonic()
        jump = now - self.now - (steady - self._steady)
        if expected is not None:
            self._late.append(max(0.0, steady - self._expected - expected))
            self._expected = steady
        self.now, self._steady = now, steady
        if abs(jump) <= JUMP:
            return 0.0
        self._jumped = jump, now
        return jump

    def noted(self, time: float) -> float:
        """Return a Unix time that another process has just noted, which may have been before a jump."""
        jump, at = self._jumped
        before = self.now - at < MINUTE and time < at - jump / 2
        return min(self.now, time + jump if jump > 0 and before else time)
