"""Which of many words a line holds, by one regex of them all, sorted by their first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, cached_property
from itertools import groupby

ALIKE = bytes(48 if 48 <= c <= 57 else c for c in range(256))
"""Translates text so that all digits in it are alike."""
_SHORT = 2
"""Words of so many bytes are almost anywhere: they are searched for one by one."""


class WordSet:
    """Finds which of some words a line holds. It never changes."""

    def __init__(self, words: Iterable[bytes]) -> None:
        """None of the words is empty."""
        self._words = frozenset(words)
        self._short = tuple(word for word in self._words if len(word) <= _SHORT)

    @cached_property
    def _long(self) -> re.Pattern[bytes]:
        return any_of(self._words.difference(self._short))

    def held(self, line: bytes) -> frozenset[bytes]:
        """Return the words that a line holds; of those that begin at one place only the longest."""
        search = self._long.search
        found = [word for word in self._short if word in line]
        match = search(line)
        while match is not None:
            found.append(match[0])
            match = search(line, match.start() + 1)  # words overlap
        return frozenset(found)


def least(words: Iterable[bytes]) -> frozenset[bytes]:
    """Return words without those that hold another one: who looks for any of them needs no more."""
    every = frozenset(words)
    return frozenset(word for word in every if not any(other in word and other != word for other in every))


@cache
def any_of(words: frozenset[bytes]) -> re.Pattern[bytes]:
    """Return what finds the next of some words, the longest of those that begin at its place."""
    ordered = sorted(words, key=lambda word: (word[:1], -len(word), word))
    heads = [
        re.escape(head) + b"(?:" + b"|".join(re.escape(word[1:]) for word in same) + b")"
        for head, same in groupby(ordered, lambda word: word[:1])
    ]
    return re.compile(b"|".join(heads) or rb"(?!)")
