"""What people should know about runwatch itself: each word once, and for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from runwatch.core.notice import Notice

MOST = 20
KEPT = 6 * 3600.0
"""Seconds after which one is no news any more."""


class _Said(NamedTuple):
    at: float
    about: str


class Notices:
    """The newest, and the one that is as long as it is true."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, _Said] = {}
        self._present = ""

    def add(self, text: str) -> bool:
        """Keep one; return False if it is known already. What was said about the same thing is withdrawn."""
        now, about = self._clock(), text.about if isinstance(text, Notice) else ""
        text = str(text)
        for old in [old for old, said in self._said.items() if now - said.at > KEPT]:
            del self._said[old]
        known = self._said.pop(text, None)
        for old in [old for old, said in self._said.items() if about and said.about == about]:
            del self._said[old]
        self._said[text] = _Said(now, about)
        if known is not None:
            return False
        for old in list(self._said)[:-MOST]:
            del self._said[old]
        return True

    def set_present(self, text: str) -> bool:
        """Say this until something else is set; "" is nothing. Return True if it is news."""
        news = bool(text and not self._present)
        self._present = text
        return news

    def clear(self) -> None:
        """Forget all: what is watched has changed, and what is still true will be said again."""
        self._said.clear()

    def texts(self) -> tuple[str, ...]:
        """Return them, the oldest first."""
        now = self._clock()
        kept = tuple(text for text, said in self._said.items() if now - said.at <= KEPT)
        return (*kept, self._present) if self._present else kept
