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
from typing import Any

from runwatch.parsers.patterns import Matcher
from runwatch.parsers.prefix import Logged, has_stem
from runwatch.parsers.readers import Reader

_Word = tuple[bytes, bytes]
"""What a line holds, and a regex that is found in it too; empty if there is none."""


class Gate:
    """Stands before the matchers and readers of some formats."""

    def __init__(self, matchers: Sequence[Matcher], readers: Sequence[Reader]) -> None:
        silent = [m for m in matchers if not (m.prefix or getattr(m, "needle", b""))]
        self._asked = tuple(m for m in silent if not hasattr(m, "fresh"))
        """They say nothing of what their lines hold, and remember none."""
        self._waiting: tuple[Any, ...] = (*readers, *(m for m in silent if hasattr(m, "fresh")))
        self.made = all(hasattr(one, "awake") for one in self._waiting)
        """Whether it can be shut at all: those of other packages do not say when they wait."""
        logged = [m.matcher if isinstance(m, Logged) else m for m in matchers if not m.prefix]
        words = {(b"%|", b""), *(word for word in map(_word, logged) if word[0])}
        bare = {m.prefix for m in matchers} - {word for word, _ in words} - {b""}
        begins = [re.escape(head) for head in sorted(bare)]
        begins += filter(None, (getattr(reader, "begins", b"") for reader in readers))
        self._stemmed, self._others = _sorted(frozenset(words))
        self.words = self._stemmed + self._others
        """What a line must hold one of, unless it begins with something."""
        self.begins = _compiled(b"|".join(begins) or rb"(?!)").match

    def asleep(self) -> bool:
        """Return whether nothing waits for the next line, whatever it holds."""
        return self.made and not any(one.awake for one in self._waiting)

    def shuts_out(self, line: bytes) -> bool:
        """Return whether a line is no record."""
        for word, more in self._others:
            if word in line and (more is None or more.search(line)):
                return False
        if has_stem(line):
            for word, more in self._stemmed:
                if word in line and (more is None or more.search(line)):
                    return False
        if self.begins(line):
            return False
        return not self._asked or all(matcher.match(line) is None for matcher in self._asked)


def _word(matcher: Matcher) -> _Word:
    return getattr(matcher, "needle", b""), getattr(matcher, "sign", b"")


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


_Sought = tuple[tuple[bytes, "re.Pattern[bytes] | None"], ...]


@cache
def _sorted(words: frozenset[_Word]) -> tuple[_Sought, _Sought]:
    """Return the words that hold a stem (see has_stem), and the others; none holds another one."""
    plain = {word for word, more in words if not more}
    least = [
        (word, re.compile(more) if more else None)
        for word, more in sorted(words)
        if not any(other in word and (other, b"") != (word, more) for other in plain)
    ]
    stemmed = tuple(pair for pair in least if has_stem(pair[0]))
    return stemmed, tuple(pair for pair in least if not has_stem(pair[0]))
