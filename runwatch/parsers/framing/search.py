"""Where in a large text any of many words occurs.

A regex of many words tries them at every byte that one of them begins with. Here the three rarest
bytes of each word are hashed and looked up at every place of the text at once; only where they
fit the words themselves are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_SLICE = 1 << 17
"""Bytes hashed at once: they and their hashes stay in the processor's cache."""
_GOLDEN = np.uint32(2654435769)
_COMMON = b" etaoinsrhldcumfpgwybvkxjqz"
"""Letters of English, the most frequent first."""


class Search:
    """Finds some words, overlapping ones too. It never changes."""

    def __init__(self, words: Iterable[bytes]) -> None:
        words = frozenset(words)
        self._short = tuple(sorted(word for word in words if len(word) < 3))
        self._words: dict[int, list[tuple[int, bytes]]] = {}
        """By three of its bytes: each other word, and where in it these are."""
        for word in words.difference(self._short):
            at = _rarest(word)
            self._words.setdefault(int.from_bytes(word[at : at + 3], "big"), []).append((at, word))
        self._table = np.zeros(1 << 16, bool)
        """Whether a word has three bytes of this hash, (65536,)."""
        self._table[_hashes(np.array([*self._words], np.uint32))] = True

    def places(self, text: bytes) -> Iterator[int]:
        """Yield where in `text` words begin, in no order."""
        for word in self._short:
            yield from finds(text, word, 0, len(text))
        body = np.frombuffer(text, np.uint8)
        for start in range(0, len(text) - 2, _SLICE):
            part = body[start : start + _SLICE + 2]
            numbers = part[:-2].astype(np.uint32)
            for byte in (part[1:-1], part[2:]):
                numbers <<= np.uint32(8)
                numbers |= byte
            hits = np.flatnonzero(self._table[_hashes(numbers)])
            for at, number in zip((hits + start).tolist(), numbers[hits].tolist(), strict=True):
                for before, word in self._words.get(number, ()):
                    if at >= before and text.startswith(word, at - before):
                        yield at - before


def finds(text: bytes, word: bytes, begin: int, end: int) -> Iterator[int]:
    """Yield where a word is in text[begin:end]."""
    at = text.find(word, begin, end)
    while at >= 0:
        yield at
        at = text.find(word, at + 1, end)


def _hashes(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return hashes of 16 bits (Fibonacci hashing; Knuth, TAOCP 3, 6.4)."""
    return np.asarray((numbers * _GOLDEN) >> np.uint32(16))


def _rarest(word: bytes) -> int:
    """Return where in a word those three bytes are that are rarest in text."""
    rare = [_COMMON.find(byte) % 32 for byte in word]
    return max(range(len(word) - 2), key=lambda at: sum(rare[at : at + 3]))
