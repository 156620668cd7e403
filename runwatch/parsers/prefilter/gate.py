"""Whether anyone may want a line: a cheap look before any format is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from operator import attrgetter

from runwatch.parsers.api import Matcher, Reader
from runwatch.parsers.body.enveloped import Logged
from runwatch.parsers.words import any_of

BAR = b"%|"
"""What a bar of tqdm holds."""
BARS = frozenset((BAR, b"it/s", b"s/it"))
"""One of these, where the terminal has no place for the bar itself: `25% 5/20 [00:01<00:03,  5.00it/s]`."""
_AWAKE = attrgetter("awake")
_compiled = cache(re.compile)


class Gate:
    """Guards the matchers and readers of some formats."""

    def __init__(self, matchers: Sequence[Matcher], readers: Sequence[Reader], *, bars: bool = True) -> None:
        """`bars` says whether it is open to bars of tqdm, whoever reads them."""
        silent = [matcher for matcher in matchers if not (matcher.prefix or matcher.needle)]
        self._asked = tuple(matcher for matcher in silent if not matcher.remembers)
        """They do not declare what their lines hold, and remember none."""
        self._waiting = (*readers, *(matcher for matcher in silent if matcher.remembers))
        wanted = {word for reader in readers for word in reader.needles} | (BARS if bars else set())
        logged = [m.matcher if isinstance(m, Logged) else m for m in matchers if not m.prefix]
        words = {*((word, b"") for word in wanted), *((m.needle, m.sign) for m in logged if m.needle)}
        bare = {matcher.prefix for matcher in matchers} - {word for word, _ in words} - {b""}
        reads = [reader.begins for reader in readers if reader.begins]
        self.words = _least(frozenset(words))
        """What a line must hold one of, unless it begins with something."""
        self._holds = any_of(frozenset(word for word, sign in self.words if sign is None)).search
        self._signed = tuple((word, sign.search) for word, sign in self.words if sign is not None)
        self.begins = _compiled(b"|".join([*map(re.escape, sorted(bare)), *reads]) or rb"(?!)").match
        self._reads = _compiled(b"|".join(reads) or rb"(?!)").match
        self._wanted = any_of(frozenset(wanted)).search

    def asleep(self) -> bool:
        """Return whether nothing waits for the next line, whatever it holds."""
        return not any(map(_AWAKE, self._waiting))

    def is_read(self, line: bytes) -> bool:
        """Return whether a reader that is asleep may want a line."""
        return self._wanted(line) is not None or self._reads(line) is not None

    def shuts_out(self, line: bytes) -> bool:
        """Return whether a line is no record, while nothing waits for it."""
        if self._holds(line) or self.begins(line):
            return False
        if any(word in line and search(line) for word, search in self._signed):
            return False
        return not self._asked or all(matcher.match(line) is None for matcher in self._asked)


@cache
def _least(words: frozenset[tuple[bytes, bytes]]) -> tuple[tuple[bytes, re.Pattern[bytes] | None], ...]:
    """Return words, none of which holds another one, each with the regex found in its lines, if any."""
    plain = {word for word, sign in words if not sign}
    return tuple(
        (word, re.compile(sign) if sign else None)
        for word, sign in sorted(words)
        if not any(other in word and (other, b"") != (word, sign) for other in plain)
    )
