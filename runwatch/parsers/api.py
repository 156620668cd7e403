"""What a log format is made of, and its limits: all that the author of a format needs.

A format names its lines and markers; splitting, detection, bulk decoding and
events are shared and live elsewhere in runwatch.parsers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from runwatch.parsers.patterns import Layout, Match, Matcher, fresh
from runwatch.parsers.readers import Reader, Row

__all__ = ["MAX_LINE", "Format", "Layout", "Match", "Matcher", "Reader", "Row", "fresh"]

MAX_LINE = 1 << 16
"""Of a longer line the first bytes are parsed; the rest is dropped."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one framework or script writes its log."""

    name: str
    title: str
    example: str
    """A typical line, for people."""
    matchers: tuple[Matcher, ...]
    markers: tuple[tuple[bytes, str], ...] = ()
    """(text a line begins with, event kind): what this format says in words."""
    readers: tuple[Callable[[], Reader], ...] = ()
    """Makers of readers, for records that span lines or redraws."""
    logged: bool = False
    """Some of its lines have a logging prefix although others have none."""
    alone: bool = False
    """Its records are whole lines, without a logging prefix."""
    own: bool = False
    """Described by the user: it goes before all others."""
    weak: bool = False
    """Its lines are also printed beside those of other formats, which then are preferred."""
    retells: bool = False
    """Below the words that end a run it prints the best record once more."""
    package: str = ""
    """The package that brought it; empty for ours."""

    def fresh(self) -> Format:
        """Return this format with matchers that have read nothing yet, for one more source."""
        matchers = tuple(fresh(matcher) for matcher in self.matchers)
        if all(mine is other for mine, other in zip(self.matchers, matchers, strict=True)):
            return self
        return replace(self, matchers=matchers)
