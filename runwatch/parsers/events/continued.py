"""Words of trouble whose reason is on the next lines: they end with a colon, or are those of C++.

A panic of Rust and a failed check of CUDA in C print where they happened, and behind it why; so do Hydra,
MATLAB and Paddle. The line behind is taken, and those that follow it if they are indented or announced too.
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
_ANNOUNCES = re.compile(r":$|^terminate called after throwing|^Error (?:executing job with overrides|using )")
_RULED = "Error Message Summary:"
"""Below it is a rule, which may be passed over."""
_RULE = re.compile(rb"-{8,}\s*")
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
        self._event, self._said = event, []
        self._next = ordinal + (2 if event.title.endswith(_RULED) else 1)
        return True

    def feed(self, text: bytes, ordinal: int) -> tuple[bool, list[Event]]:
        """Return whether a line belongs to the event, and that once it has ended."""
        if self._event is None:
            return False, []
        if not self._said and ordinal + 1 == self._next and _RULE.fullmatch(text):
            return True, []
        announced = not self._said or self._said[-1].endswith(":")
        skipped = bool(self._said) and announced and not text.strip()
        inside = announced or text[:1] in (b" ", b"\t")
        other = HEAD in text or trouble(text) is not None
        if other and not self._said and self._event.title.endswith(_RULED):
            self._event = None  # the line says it all
        if ordinal != self._next or other or not inside or not (text.strip() or skipped):
            return False, self.flush()
        self._next = ordinal + 1
        if not skipped:
            self._said.append(decode(text.strip(), _LONGEST))
        return True, self.flush() if len(self._said) >= _LINES else []

    def flush(self) -> list[Event]:
        """End it: the log ends or breaks here."""
        event, self._event = self._event, None
        if event is None:
            return []
        return [msgspec.structs.replace(event, title=" ".join([event.title, *self._said])[:_LONGEST])]
