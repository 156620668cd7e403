"""Which records of a block may show something while no format is known: the others are passed over.

Nothing is missed: a record is let through if it may hold a word that some format, the learner or
an event needs. What is let through is read like any other line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from runwatch.parsers.api import MAX_LINE
from runwatch.parsers.envelope.containers import contained
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.events.triggers import WORDS
from runwatch.parsers.framing.lines import UNCLEAN, Lines
from runwatch.parsers.framing.search import Search, finds
from runwatch.parsers.inference.roles import DRAWN, TELLING, barred, is_count, shows_pace
from runwatch.parsers.inference.sections import opens
from runwatch.parsers.inference.tables import may_head
from runwatch.parsers.prefilter.gate import BAR, Gate

_SMALL = np.uint8(32)
_HEADS = (b"#", b"`", b"|", b"^", *DRAWN)
"""What a line begins with that is of Markdown, a cell of a box, or an echoed key."""
_HAN = 0xE4
"""The least first byte of a Chinese character, of which the learner knows some words."""


TRIGGERS = Search({*WORDS, BAR})
"""Finds where an event may be reported, and bars."""


class Sieve:
    """Lets through the records that a gate, the learner or events may want."""

    def __init__(self, gate: Gate, heads: Iterable[bytes]) -> None:
        """`heads` are other beginnings of lines that may show something."""
        self._begins = gate.begins
        self._heads = (*_HEADS, *heads)
        words = {*TELLING, *(word for word, sign in gate.words if sign is None)}
        self._words = _search(frozenset(bytes(byte | _SMALL for byte in word) for word in words))
        self._signs = [sign for _, sign in gate.words if sign is not None]

    def through(self, lines: Lines) -> list[int]:
        """Return the indices of the records that may show something."""
        mask = np.zeros(len(lines), bool)
        text, begin, end = lines.text, lines.begin, lines.begin + lines.size
        folded = lines.buffer[: lines.size] | _SMALL  # letters become small, and some signs others
        hits = [*TRIGGERS.places(text[begin:end]), *self._words.places(folded.tobytes())]
        hits += [m.start() - begin for sign in self._signs for m in sign.finditer(text, begin, end)]
        hits += [at - begin for byte in UNCLEAN for at in finds(text, byte, begin, end)]
        places = np.concatenate((np.array(hits, np.int64), np.flatnonzero(folded >= _HAN)))
        mask[np.searchsorted(lines.starts, places, "right") - 1] = True
        open_ = np.flatnonzero(~mask & (lines.lengths > 1))
        mask[open_] = np.fromiter(map(self._odd, lines.records(open_)), bool, len(open_))
        mask &= lines.lengths > 1
        found: list[int] = np.flatnonzero(mask).tolist()
        return found

    def _odd(self, line: bytes) -> bool:
        """Return whether a line begins with something, or may be the header of a table."""
        if contained(line):
            return True
        header = opened(line)
        line = barred(line if header is None else line[header.end :])
        return bool(
            line.startswith(self._heads)
            or self._begins(line)
            or may_head(line)
            or is_count(line)
            or shows_pace(line)
            or opens(line)
            or len(line) > MAX_LINE
        )


@lru_cache(4)
def _search(words: frozenset[bytes]) -> Search:
    """Return what finds words; most sources look for the same."""
    return Search(words)
