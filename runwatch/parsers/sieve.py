"""Which records of a block may tell something, where no format is known: the others are passed over.

Nothing is missed: a record is let through if it may hold a word that some format, the learner or
an event needs. Three bytes of each word are hashed and looked up at every place of the block at
once; rare words so cost no search of their own. What is let through is read like any other line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import MAX_LINE
from runwatch.parsers.envelope.containers import may_wrap
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.gate import Gate
from runwatch.parsers.learn_sections import opens
from runwatch.parsers.learn_words import TELLING, is_count
from runwatch.parsers.learned_tables import may_head
from runwatch.parsers.lines import UNCLEAN, Bytes, Ints, Lines
from runwatch.parsers.spots import TRIGGERS

_SMALL = np.uint8(32)
_SLICE = 1 << 17
"""Bytes hashed at once: they and their hashes stay in the processor's cache."""
_GOLDEN = np.uint32(2654435769)
_COMMON = b" etaoinsrhldcumfpgwybvkxjqz"
"""Letters of English, the most frequent first."""
_HEADS = (b"#", b"`", b"|", b"^")
"""What a line begins with that is of Markdown, a cell of a box, or an echoed key."""
_HAN = 0xE4
"""The least first byte of a Chinese character, of which the learner knows some words."""


class Sieve:
    """Lets through the records that a gate, the learner or events may want."""

    def __init__(self, gate: Gate, heads: Iterable[bytes]) -> None:
        """`heads` are what else tells something where a line begins with it."""
        self.gate = gate
        self._heads = tuple(heads)
        words = {*TELLING, *(word for word, more in gate.words if more is None)}
        self._sought = _sought(frozenset(map(_folded, words)))
        self._patterns = [more for _, more in gate.words if more is not None]

    def through(self, lines: Lines) -> list[int]:
        """Return the indices of the records that may tell something."""
        mask = np.zeros(len(lines), bool)
        text, begin, end = lines.text, lines.begin, lines.begin + lines.size
        hits = [*TRIGGERS.places(text[begin:end])]
        hits += [m.start() - begin for pattern in self._patterns for m in pattern.finditer(text, begin, end)]
        hits += [at - begin for byte in UNCLEAN for at in _places(text, byte, begin, end)]
        places = np.concatenate([np.array(found, np.int64) for found in (hits, *self._hits(lines))])
        mask[np.searchsorted(lines.starts, places, "right") - 1] = True
        open_ = np.flatnonzero(~mask & (lines.lengths > 1))
        mask[open_] = np.fromiter(map(self._odd, lines.records(open_)), bool, len(open_))
        mask &= lines.lengths > 1
        found: list[int] = np.flatnonzero(mask).tolist()
        return found

    def _hits(self, lines: Lines) -> Iterable[Sequence[int] | Ints]:
        """Yield the places where words stand, and those of Chinese characters."""
        folded = lines.buffer[: lines.size + 2] | _SMALL
        text = folded.tobytes()
        short, words, table = self._sought
        for word in short:
            yield list(_places(text, word, 0, lines.size))
        for begin in range(0, lines.size, _SLICE):
            body = folded[begin : min(begin + _SLICE, lines.size) + 2]
            numbers = _numbers((body[:-2], body[1:-1], body[2:]))
            hits = np.flatnonzero(table[_hashes(numbers)])
            yield [
                at
                for at, number in zip((hits + begin).tolist(), numbers[hits].tolist(), strict=True)
                for before, word in words.get(number, ())
                if text.startswith(word, max(at - before, 0))
            ]
            yield np.flatnonzero(body[:-2] >= _HAN) + begin

    def _odd(self, line: bytes) -> bool:
        """Return whether a line begins with something, or may be the header of a table."""
        if may_wrap(line):
            return True
        header = opened(line)
        line = line if header is None else line[header.end :]
        return bool(
            line[:1] in _HEADS
            or self.gate.begins(line)
            or line.startswith(self._heads)
            or may_head(line)
            or is_count(line)
            or opens(line)
            or len(line) > MAX_LINE
        )


class _Sought(NamedTuple):
    """Words in lower case that are looked for."""

    short: tuple[bytes, ...]
    """Those of one or two bytes."""
    words: dict[int, list[tuple[int, bytes]]]
    """By three of its bytes: each other word, and where in it they stand."""
    table: NDArray[np.bool_]
    """Whether a word has three bytes of this hash, (65536,)."""


@lru_cache(4)
def _sought(words: frozenset[bytes]) -> _Sought:
    """Return how words are looked for; most sources look for the same."""
    by_three: dict[int, list[tuple[int, bytes]]] = {}
    for word in words:
        if len(word) >= 3:
            at = _rarest(word)
            by_three.setdefault(int.from_bytes(word[at : at + 3], "big"), []).append((at, word))
    table = np.zeros(1 << 16, bool)
    table[_hashes(np.array([*by_three], np.uint32))] = True
    return _Sought(tuple(sorted(word for word in words if len(word) < 3)), by_three, table)


def _folded(word: bytes) -> bytes:
    """Return a word as it is looked for: letters become small, and some signs others."""
    return bytes(byte | 32 for byte in word)


def _places(text: bytes, word: bytes, begin: int, end: int) -> Iterator[int]:
    at = text.find(word, begin, end)
    while at >= 0:
        yield at
        at = text.find(word, at + 1, end)


def _numbers(three: Sequence[Bytes]) -> NDArray[np.uint32]:
    """Return three bytes as one number."""
    number = three[0].astype(np.uint32)
    for byte in three[1:]:
        number <<= np.uint32(8)
        number |= byte
    return number


def _hashes(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return hashes of 16 bits (Fibonacci hashing; Knuth, TAOCP 3, 6.4)."""
    return np.asarray((numbers * _GOLDEN) >> np.uint32(16))


def _rarest(word: bytes) -> int:
    """Return where in a word in lower case those three bytes stand that are rarest in text."""
    rare = [_COMMON.find(byte) % 32 for byte in word]
    return max(range(len(word) - 2), key=lambda at: sum(rare[at : at + 3]))
