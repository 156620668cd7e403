"""What a person searches the log for: a regular expression, which may not hold up the screen."""

from __future__ import annotations

import re
from collections.abc import Callable

from runwatch.system.cpu_limit import Allowance, SlowError

MOST_TIME = 0.5
"""Seconds of CPU time that a search may take at once."""
TIME_PER_CHARACTER = 1e-6
LONG = 4096
"""Of a longer line only the beginning is looked at, so that none can hold up the screen."""


class Search:
    """An expression that is given up where it takes too long: it then finds nothing more."""

    def __init__(self, text: str) -> None:
        """Search for an expression; text that is not one is searched as it is."""
        try:
            self._pattern = re.compile(text, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError):
            self._pattern = re.compile(re.escape(text), re.IGNORECASE)
        self._allowance = Allowance(MOST_TIME, TIME_PER_CHARACTER)
        self.slow = False
        """Whether it was given up."""

    def hits(self, text: str) -> list[tuple[int, int]]:
        """Return where it is found in a line."""
        return [] if self.slow else self._spend(text, self._all)

    def finds(self, text: str) -> bool:
        """Return whether it is found in a line."""
        return not self.slow and bool(self._spend(text, self._first))

    def _spend(self, text: str, look: Callable[[str], list[tuple[int, int]]]) -> list[tuple[int, int]]:
        text = text[:LONG]
        try:
            return self._allowance.spend(len(text), look, text)
        except SlowError:
            self.slow = True
            return []

    def _all(self, text: str) -> list[tuple[int, int]]:
        return [hit.span() for hit in self._pattern.finditer(text)]

    def _first(self, text: str) -> list[tuple[int, int]]:
        hit = self._pattern.search(text)
        return [] if hit is None else [hit.span()]
