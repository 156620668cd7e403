"""One declarative file per log format.

A format names its lines and markers; splitting, detection, bulk decoding and
events are shared and live in runwatch.parsers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from runwatch.parsers.patterns import Matcher, fresh


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

    def fresh(self) -> Format:
        """Return this format with matchers that have read nothing yet, for one more source."""
        return replace(self, matchers=tuple(fresh(matcher) for matcher in self.matchers))


@cache
def catalogue() -> tuple[Format, ...]:
    """Return every known format, the most telling first."""
    from runwatch.parsers.formats import (
        build_nanogpt,
        documents,
        hf_trainer,
        jsonl,
        nanochat,
        nanogpt,
        tables,
    )

    return (
        nanochat.FORMAT,
        build_nanogpt.FORMAT,
        nanogpt.FORMAT,
        build_nanogpt.LOG_TXT,
        hf_trainer.FORMAT,
        *jsonl.FORMATS,
        *tables.FORMATS,
        *documents.FORMATS,
    )
