"""A cheap look at a line before any format is asked whether it is a record.

While no format is known, every one is asked about every line, and most lines are of none. What
a record must hold or begin with is looked for at once; a line without that is shown to nobody but
the learner. What remembers lines that stood before says when it is awake: then the gate stands
open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from runwatch.parsers.envelope.enveloped import Logged
from runwatch.parsers.needles import any_of
from runwatch.parsers.patterns import Matcher
from runwatch.parsers.readers import Reader

BAR = b"%|"
"""What a bar of tqdm holds."""
_Word = tuple[bytes, bytes]
"""What a line holds, and a regex that is found in it too; empty if there is none."""

_AWAKE = attrgetter("awake")


class Gate:
    """Stands before the matchers and readers of some formats."""

    def __init__(self, matchers: Sequence[Matcher], readers: Sequence[Reader], *, bars: bool = True) -> None:
        """`bars` tells whether it is open to bars of tqdm, whoever reads them."""
        silent = [m for m in matchers if not (m.prefix or getattr(m, "needle", b""))]
        self._asked = tuple(m for m in silent if not hasattr(m, "fresh"))
        """They say nothing of what their lines hold, and remember none."""
        self._waiting: tuple[Any, ...] = (*readers, *(m for m in silent if hasattr(m, "fresh")))
        self.made = all(hasattr(one, "awake") for one in self._waiting)
        """Whether it can be shut at all: those of other packages do not say when they wait."""
        logged = [m.matcher if isinstance(m, Logged) else m for m in matchers if not m.prefix]
        wanted = {word for reader in readers for word in getattr(reader, "needles", ())}
        wanted |= {BAR} if bars else set()
        words = {*((word, b"") for word in wanted), *(word for word in map(_word, logged) if word[0])}
        bare = {m.prefix for m in matchers} - {word for word, _ in words} - {b""}
        begins = [re.escape(head) for head in sorted(bare)]
        reads = [*filter(None, (getattr(reader, "begins", b"") for reader in readers))]
        self.words = _least(frozenset(words))
        """What a line must hold one of, unless it begins with something."""
        self._holds = any_of(frozenset(word for word, more in self.words if more is None)).search
        self._signed = tuple((word, more.search) for word, more in self.words if more is not None)
        self.begins = _compiled(b"|".join(begins + reads) or rb"(?!)").match
        self._reads = _compiled(b"|".join(reads) or rb"(?!)").match
        self._wanted = any_of(frozenset(wanted)).search

    def asleep(self) -> bool:
        """Return whether nothing waits for the next line, whatever it holds."""
        return self.made and not any(map(_AWAKE, self._waiting))

    def is_read(self, line: bytes) -> bool:
        """Return whether a reader that is asleep may want a line."""
        return self._wanted(line) is not None or self._reads(line) is not None

    def shuts_out(self, line: bytes) -> bool:
        """Return whether a line is no record."""
        if self._holds(line) or self.begins(line):
            return False
        if any(word in line and search(line) for word, search in self._signed):
            return False
        return not self._asked or all(matcher.match(line) is None for matcher in self._asked)


def _word(matcher: Matcher) -> _Word:
    return getattr(matcher, "needle", b""), getattr(matcher, "sign", b"")


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


@cache
def _least(words: frozenset[_Word]) -> tuple[tuple[bytes, re.Pattern[bytes] | None], ...]:
    """Return the words, none of which holds another one."""
    plain = {word for word, more in words if not more}
    return tuple(
        (word, re.compile(more) if more else None)
        for word, more in sorted(words)
        if not any(other in word and (other, b"") != (word, more) for other in plain)
    )
