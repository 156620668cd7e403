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
        self._steady = time.monotonic()
        self._late: deque[float] = deque(maxlen=MINUTE)

    @property
    def lag(self) -> float:
        """Seconds by which the worst of the last looks was late."""
        return max(self._late, default=0.0)

    def time(self) -> float:
        """Return the Unix time now."""
        return time.time()

    def look(self, expected: float) -> float:
        """Look again after `expected` seconds; return the seconds by which the clock jumped, or 0."""
        now, steady = time.time(), time.monotonic()
        passed, steadily = now - self.now, steady - self._steady
        self.now, self._steady = now, steady
        self._late.append(max(0.0, steadily - expected))
        jump = passed - steadily
        return jump if abs(jump) > JUMP else 0.0
