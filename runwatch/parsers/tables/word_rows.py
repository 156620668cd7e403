"""The bulk path of rows that are words between spaces: numbers of any width, as tables print them.

Such rows have too many shapes for skeletons, since the numbers of each column vary in width. The
words of a block are found at once, and the numbers among them read together (see numerals).
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple, Protocol, cast

import numpy as np

from runwatch.parsers.api import Layout, Matcher
from runwatch.parsers.body.frames import Decoded, Floats
from runwatch.parsers.columnar import numerals
from runwatch.parsers.framing.lines import PAD, Bytes, Flags, Ints, Lines

_MIN = 24  # fewer rows than this are cheaper through the matcher
_ROWS = 16384  # rows a pass works on
_TRIES = 4
_LOOKS = 32  # rows that one to go by is looked for in
_WORD = re.compile(rb"[^ ]+")
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
    """Where the rows are, (rows,); without their line ends."""

    def numbers(self, first: int, count: int) -> tuple[Floats, Flags]:
        """Return the numbers of so many words (count, rows), and which rows hold nothing else there."""
        shape = (count, self.begin.shape[1])
        begin, end = self.begin[first : first + count], self.end[first : first + count]
        values, good = numerals.read(self.text, begin.ravel(), end.ravel())
        return values.reshape(shape), np.asarray(good.reshape(shape).all(axis=0))

    def ends_with(self, word: int, tail: bytes) -> Flags:
        """Return in which rows a word ends with some bytes, at most eight, and holds more."""
        found = numerals.eights(self.text)[self.end[word] - len(tail)] & np.uint64((1 << 8 * len(tail)) - 1)
        return np.asarray(
            (found == np.uint64(int.from_bytes(tail, "little")))
            & (self.end[word] - self.begin[word] > len(tail))
        )

    def word(self, word: int, row: int) -> bytes:
        """Return one of them."""
        return self.text[self.begin[word, row] : self.end[word, row]].tobytes()


class Rows(NamedTuple):
    """Rows of a block: which records they are, where they are."""

    records: Ints
    begin: Ints
    end: Ints

    def chosen(self, which: Flags | slice) -> Rows:
        """Return some of them."""
        return Rows(*(part[which] for part in self))


class RowMatcher(Protocol):
    """A matcher of rows that can take many at once. They begin with a digit: few other lines do."""

    @property
    def words(self) -> int:
        """How many words a row begins with; 0 while that is unknown."""
        ...

    def read(self, words: Words) -> tuple[Layout, Floats, Flags] | None:
        """Return the values (columns, rows), and of which rows they are what `match` would return.

        A word cannot hold a space: such rows are not decoded here.
        """
        ...


class WordDecoder:
    """Decodes the rows of one matcher. It remembers nothing."""

    def __init__(self, matcher: RowMatcher) -> None:
        self.matcher = cast("Matcher", matcher)
        self._rows = matcher

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) whose words are read without a doubt."""
        count = self._rows.words
        if len(candidates) < _MIN or count < 1:
            return []
        line_begin = lines.starts[candidates]
        line_end = line_begin + lines.lengths[candidates] - 1
        if lines.text.find(b"\x1b", lines.begin, lines.begin + lines.size) >= 0:
            head = lines.eight[line_begin].view("<u8") & np.uint64(0xFFFFFFFF)
            line_begin = line_begin + 3 * (head == _ERASE)
        found: list[Decoded] = []
        for start in range(0, len(candidates), _ROWS):
            rest = Rows(candidates, line_begin, line_end).chosen(slice(start, start + _ROWS))
            for _ in range(_TRIES):  # those that differ from most are left over
                ends = _ends(lines, rest, count)
                if ends is None:
                    break
                like, fit = _cut(lines, rest, ends)
                read = self._rows.read(like) if fit.any() else None
                if read is None:
                    break
                layout, values, good = read
                fit[fit] = good
                table = np.empty((2 + len(values), int(np.count_nonzero(good))))
                table[2:] = values if table.shape[1] == len(good) else values[:, good]
                found.append(Decoded(layout, rest.records[fit], table))
                rest = rest.chosen(~fit)
                if len(rest.records) < _MIN or not table.shape[1]:
                    break
        return found


def _ends(lines: Lines, rows: Rows, count: int) -> list[int] | None:
    """Return where the words end in the first row that has so many of them and begins with a digit."""
    for begin, end in zip(rows.begin[:_LOOKS].tolist(), rows.end[:_LOOKS].tolist(), strict=True):
        text = lines.buffer[begin : min(end, begin + PAD)].tobytes()
        words = [word.end() for word in islice(_WORD.finditer(text), count)]
        if len(words) == count and words[-1] <= PAD - 8 and text.lstrip(b" ")[:1].isdigit():
            return words
    return None


def _cut(lines: Lines, rows: Rows, ends: list[int]) -> tuple[Words, Flags]:
    """Return the words of those rows in which they end at the same places, as if aligned, and which."""
    text = lines.buffer
    last = rows.begin + ends[-1]
    behind = text[last]
    fit = (last <= rows.end) & ((behind == 32) | (behind == 10))
    rows = rows.chosen(fit)
    heads = lines.heads(rows.begin, ends[-1] + 8)
    begin, stop = np.empty((2, len(ends), len(rows.records)), np.int64)
    apart, before = np.ones(len(rows.records), bool), 0
    for word, end in enumerate(ends):
        size = numerals.filled_columns(heads, before, end - before)
        np.add(rows.begin, end, out=stop[word])
        np.subtract(stop[word], size, out=begin[word])
        if word:
            apart &= size < end - before  # a space before it, none in it
        before = end
    if not apart.all():
        fit[fit] = apart
        rows, begin, stop = rows.chosen(apart), begin[:, apart], stop[:, apart]
    return Words(text, begin, stop, rows.begin, rows.end), fit
