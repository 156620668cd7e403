"""The bulk path of rows that are words between spaces: numbers of any width, as tables print them.

Such rows have too many shapes for skeletons, since the numbers of each column vary in width. The
words of a block are found at once, and the numbers among them read together (see numerals).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from runwatch.parsers import numerals
from runwatch.parsers.lines import Bytes, Ints, Lines
from runwatch.parsers.numerals import Flags
from runwatch.parsers.patterns import Layout, Matcher
from runwatch.parsers.skeleton import Decoded, Floats

_MIN = 24  # fewer rows than this are cheaper through the matcher
_ROWS = 8192  # rows a pass works on
_TRIES = 4
_ERASE = np.uint64(int.from_bytes(b"\x1b[K ", "little"))
"""What some programs print before a row that they redraw."""


class Words(NamedTuple):
    """The words that rows begin with, as many of each row."""

    text: Bytes
    begin: Ints
    """(words, rows)"""
    end: Ints
    """(words, rows)"""
    line_begin: Ints
    line_end: Ints
    """Where the rows stand, (rows,); without their line ends."""

    def numbers(self, first: int, count: int) -> tuple[Floats, Flags]:
        """Return the numbers of so many words (count, rows), and which rows hold nothing else there."""
        shape = (count, self.begin.shape[1])
        begin, end = self.begin[first : first + count], self.end[first : first + count]
        values, good = numerals.read(self.text, begin.ravel(), end.ravel())
        return values.reshape(shape), np.asarray(good.reshape(shape).all(axis=0))

    def ends_with(self, word: int, tail: bytes) -> Flags:
        """Return in which rows a word ends with some bytes, at most eight, and holds more."""
        windows = np.ndarray((len(self.text) - 7,), "<u8", self.text, strides=(1,))
        found = windows[self.end[word] - len(tail)] & np.uint64((1 << 8 * len(tail)) - 1)
        return np.asarray(
            (found == np.uint64(int.from_bytes(tail, "little")))
            & (self.end[word] - self.begin[word] > len(tail))
        )

    def word(self, word: int, row: int) -> bytes:
        """Return one of them."""
        return self.text[self.begin[word, row] : self.end[word, row]].tobytes()


class Rows(NamedTuple):
    """Rows of a block: which records they are, their first words, where they stand."""

    records: Ints
    first: Ints
    begin: Ints
    end: Ints


class RowMatcher(Matcher, Protocol):
    """A matcher of rows that can take many at once. They begin with a digit: few other lines do."""

    @property
    def words(self) -> int:
        """How many words a row begins with; 0 while that is unknown."""
        ...

    def read(self, words: Words) -> tuple[Layout, Floats, Flags] | None:
        """Return the values (columns, rows), and of which rows they are what `match` would return."""
        ...


class WordDecoder:
    """Decodes the rows of one matcher. It remembers nothing."""

    def __init__(self, matcher: RowMatcher) -> None:
        self.matcher = matcher

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) whose words are read without a doubt."""
        count = self.matcher.words
        if len(candidates) < _MIN or count < 1:
            return []
        body = lines.buffer[: lines.size]
        blank = (body == 32) | (body == 10)
        edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
        if not blank[0]:
            edges = np.append(0, edges)
        begins, ends = edges[::2], edges[1::2]  # the block ends with a line end
        line_begin = lines.starts[candidates]
        line_end = line_begin + lines.lengths[candidates] - 1
        first, after = np.searchsorted(begins, line_begin), np.searchsorted(begins, line_end)
        if lines.text.find(b"\x1b", lines.begin, lines.begin + lines.size) >= 0:
            head = lines.eight[line_begin].view("<u8") & np.uint64(0xFFFFFFFF)
            first += head == _ERASE
        fit = after - first >= count
        fit &= numerals.digit(lines.buffer[begins[np.minimum(first, len(begins) - 1)]])
        rows = Rows(candidates[fit], first[fit], line_begin[fit], line_end[fit])
        found: list[Decoded] = []
        for start in range(0, len(rows.records), _ROWS):
            rest = Rows(*(part[start : start + _ROWS] for part in rows))
            for _ in range(_TRIES):  # those that differ from most are left over
                at = rest.first + np.arange(count)[:, None]
                words = Words(lines.buffer, begins[at], ends[at], rest.begin, rest.end)
                read = self.matcher.read(words)
                if read is None:
                    break
                layout, values, good = read
                table = np.empty((2 + len(values), int(np.count_nonzero(good))))
                table[2:] = values if table.shape[1] == len(good) else values[:, good]
                found.append(Decoded(layout, rest.records[good], table))
                rest = Rows(*(part[~good] for part in rest))
                if len(rest.records) < _MIN or not table.shape[1]:
                    break
        return found
