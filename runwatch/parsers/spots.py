"""Where in a large text any of many words stands.

A regex of many words tries them at every byte that one of them begins with. Here two lookups of
a pair of bytes each, for all places of the text at once, leave those at which three bytes fit;
only there the regex is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.signs import TRIGGER, TRIGGER_HEADS

_SLICE = 1 << 16
"""Bytes looked at at once: they and what is made of them stay in the processor's cache."""
_Pairs = NDArray[np.bool_]
"""Which pairs of bytes are sought, by the little-endian number they are, (65536,)."""


class Spots:
    """Finds what a regex of words finds, overlapping words too. Immutable."""

    def __init__(self, words: re.Pattern[bytes], heads: Iterable[bytes]) -> None:
        """`words` finds any of some words; `heads` are the first two or three bytes of each."""
        self._match = words.match
        self._first, self._second = _tables(heads)

    def places(self, text: bytes) -> Iterator[int]:
        """Yield where in `text` words begin, in order."""
        for start in range(0, len(text), _SLICE):
            body = text[start : start + _SLICE + 2]
            if len(body) < _SLICE + 2:
                body += b"\n\n"
            pairs = np.ndarray((len(body) - 1,), "<u2", body, strides=(1,))
            at = np.flatnonzero(self._first[pairs[:-1]])
            at = at[self._second[pairs[at + 1]]] + start
            for place in at.tolist():
                if self._match(text, place):
                    yield place


def _tables(heads: Iterable[bytes]) -> tuple[_Pairs, _Pairs]:
    """Return which pairs words begin with, and which begin with their second byte."""
    first, second = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
    for head in heads:
        first[int.from_bytes(head[:2], "little")] = True
        rest = int.from_bytes(head[1:3], "little")
        second[rest if len(head) > 2 else slice(rest, None, 256)] = True
    return first, second


TRIGGERS = Spots(TRIGGER, TRIGGER_HEADS)
"""Where an event may be told."""
