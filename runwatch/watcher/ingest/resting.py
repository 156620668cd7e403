"""What a source sends while nothing is appended: its parser's provisional records, once."""

from __future__ import annotations

import time
from collections.abc import Callable

from runwatch.parsers.stream import StreamParser
from runwatch.watcher.ingest import wire

REST = 1.0
"""Seconds without a new byte after which what the parser holds back is sent provisionally."""
SHARE = 0.1
"""Part of the time that all sources of a worker take for that, at most."""
HISTORY_SHARE = 0.5
"""The same for what rested before anyone watched: until then it is not known what that shows."""
BURST = 0.5
"""Seconds that they may take at once."""


class Budget:
    """The time that may be spent by now."""

    def __init__(self, share: float) -> None:
        self._share, self._left, self._at = share, BURST, time.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether there is any."""
        now = time.monotonic()
        self._left, self._at = min(BURST, self._left + self._share * (now - self._at)), now
        return self._left > 0

    def spend(self, seconds: float) -> None:
        """Take note of what was spent."""
        self._left -= seconds


_budgets = {True: Budget(SHARE), False: Budget(HISTORY_SHARE)}
"""Of this process: of what is written now, and of history."""


class Resting:
    """Whether a source has yet to report that it rests, and how its newest bytes came."""

    def __init__(self) -> None:
        self.due = False
        self._read_at = 0.0
        self._live, self._arrival, self._late = False, 0.0, False
        self._reported = True
        """Whether something was sent, and nothing was read since. At first in any case: a log that holds
        nothing back and gave no run is none."""

    def begin(self, *, live: bool, arrival: float, late: bool = False) -> None:
        """Take note that bytes were read, at Unix time `arrival`."""
        self.due, self._read_at = True, time.monotonic()
        self._live, self._arrival, self._late = live, arrival, late

    def rests(self, written: float | None) -> bool:
        """Return whether nothing came since the newest bytes were read, or written at Unix time `written`."""
        if not self.due:
            return False
        old = written is not None and time.time() - written >= REST
        return (old or time.monotonic() - self._read_at >= REST) and _budgets[self._live].is_left

    def report(
        self, send: Callable[[wire.Message], None], source: str, parser: StreamParser, *, last: bool = False
    ) -> None:
        """Send what the parser holds back; if that is nothing any more, that too.

        `last` says that the parser is not used afterwards: no copy has to be made of it.
        """
        begun = time.monotonic()
        self.due, batch = False, parser.flush() if last else parser.provisional()
        _budgets[self._live].spend(time.monotonic() - begun)
        shows = bool(batch.tables or batch.events)
        if shows or self._reported:
            send(wire.Provisional(source, batch, self._live, self._arrival, self._late))
        self._reported = shows
