"""How long work takes. The time in which its thread only waited for a processor does not count.

On a busy machine a process of low priority waits ten times as long as it works. What it does as
often as its cost allows must not be done ten times as rarely for that.
"""

from __future__ import annotations

import time


class Stopwatch:
    """Begins to count when it is made."""

    def __init__(self) -> None:
        self._begun, self._waited = time.monotonic(), waited()

    @property
    def seconds(self) -> float:
        """Return the seconds since it was made that this thread did not wait for a processor."""
        return max(0.0, time.monotonic() - self._begun - (waited() - self._waited))


def waited() -> float:
    """Return the seconds this thread has waited for a processor so far; 0 where the system does not count."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
