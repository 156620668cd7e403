"""Words of trouble whose reason is on the next lines: they end with a colon, or are those of C++.

A panic of Rust and a failed check of CUDA in C print where they happened, and behind it why; so does Hydra.
The line behind is taken, and the indented ones that follow it.
"""

from __future__ import annotations

import re

import msgspec

from runwatch.core.batch import Event
from runwatch.core.text import decode
from runwatch.parsers.events.tracebacks import HEAD
from runwatch.parsers.events.trouble import trouble

KINDS = frozenset({"cuda_error", "error"})
"""Kinds of trouble that may continue on the next lines."""
_ANNOUNCES = re.compile(r":$|^terminate called after throwing|^Error executing job with overrides")
_LINES = 5
"""So many lines are taken at most."""
_LONGEST = 300


class Continued:
    """The one event that is not complete yet."""

    def __init__(self) -> None:
        self._event: Event | None = None
        self._said: list[str] = []
        self._next = 0

    def __bool__(self) -> bool:
        return self._event is not None

    def begin(self, event: Event, ordinal: int) -> bool:
        """Return whether an event of record `ordinal` continues; it then is held."""
        if event.kind not in KINDS or not _ANNOUNCES.search(event.title):
            return False
        self._event, self._said, self._next = event, [], ordinal + 1
        return True

    def feed(self, text: bytes, ordinal: int) -> tuple[bool, list[Event]]:
        """Return whether a line belongs to the event, and that once it has ended."""
        if self._event is None:
            return False, []
        inside = not self._said or text[:1] in (b" ", b"\t")
        other = HEAD in text or trouble(text) is not None
        if ordinal != self._next or other or not inside or not text.strip():
            return False, self.flush()
        self._next = ordinal + 1
        self._said.append(decode(text.strip(), _LONGEST))
        return True, self.flush() if len(self._said) >= _LINES else []

    def flush(self) -> list[Event]:
        """End it: the log ends or breaks here."""
        event, self._event = self._event, None
        if event is None:
            return []
        return [msgspec.structs.replace(event, title=" ".join([event.title, *self._said])[:_LONGEST])]
