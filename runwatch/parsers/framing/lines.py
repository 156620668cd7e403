"""A block of text cut into records, as arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.framing.chunks import BEHIND
from runwatch.parsers.framing.search import Search

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

PAD = len(BEHIND)
"""Longest line decoded in bulk; a block with so many bytes behind it need not be copied."""

UNCLEAN = (b"\x1b", b"\0")
"""What a line that has to be made bare holds."""
PAINTED_INSIDE = re.compile(rb"(?m)\x1b(?!\[[\d;]*m$)(?:(?<=[^\n]\x1b)|(?!\[[\d;]*m))")
"""Finds escape sequences in lines, but for one color before the text and one behind it."""
_COLORS = re.compile(rb"(?:\x1b\[[\d;]*m)+")

_ALL = slice(None)

# Arrays of blocks come and go. glibc would give their memory back to the system each time, and
# fault it in again page by page, if nothing larger was ever freed (mallopt(3), M_MMAP_THRESHOLD).
np.empty(24 << 20, np.uint8)


class Lines:
    """A block cut into records: where each begins, how long it is (end included), on which line it is."""

    def __init__(self, text: bytes, begin: int, end: int) -> None:
        """`text[begin:end]` ends with a line end; a carriage return ends a record too."""
        self.text = text
        self.begin = begin
        self.size = end - begin
        self.redraws = text.find(b"\r", begin, end) >= 0
        """Whether a carriage return ends some records."""
        self.buffer: Bytes
        """The block, its records ended by newlines, and what follows it."""
        if self.redraws or len(text) - end < PAD:
            self.buffer = np.empty(self.size + PAD, np.uint8)
            self.buffer[: self.size] = np.frombuffer(text, np.uint8, self.size, begin)
            self.buffer[self.size :] = 10
        else:
            self.buffer = np.frombuffer(text, np.uint8, self.size + PAD, begin)
        body = self.buffer[: self.size]
        if self.redraws:
            newline = body == 10
            body[body == 13] = 10
            ends = np.flatnonzero(body == 10)
            ends_line = newline[ends]
            line = np.cumsum(ends_line) - ends_line
        else:
            ends = np.flatnonzero(body == 10)
            ends_line, line = np.ones(len(ends), bool), np.arange(len(ends))
        self.starts = np.empty_like(ends)
        self.starts[0] = 0
        np.add(ends[:-1], 1, out=self.starts[1:])
        self.lengths = ends - self.starts + 1
        self.ends_line: Flags = ends_line
        """True where a record ends a physical line, not only a redrawn part of one."""
        self.line = line
        """Newlines before each record."""
        self.eight = np.ndarray((self.size + PAD - 7,), "V8", self.buffer, strides=(1,))

    def __len__(self) -> int:
        return len(self.starts)

    def record(self, index: int) -> bytes:
        """Return one record without its end."""
        start = self.begin + int(self.starts[index])
        return self.text[start : start + int(self.lengths[index]) - 1]

    def records(self, index: Ints) -> list[bytes]:
        """Return many of them."""
        text = self.text
        starts = self.starts[index] + self.begin
        ends = starts + self.lengths[index] - 1
        return [text[i:j] for i, j in zip(starts.tolist(), ends.tolist(), strict=True)]

    def rows(self, index: Ints, length: int) -> Bytes:
        """Return a copy of `length` bytes from the beginning of each record, (n, length)."""
        return self.heads(self.starts[index], length)

    def heads(self, begin: Ints, length: int) -> Bytes:
        """Return a copy of `length` bytes from each place, (n, length)."""
        windows = np.ndarray((len(self.buffer) - length,), f"V{length}", self.buffer, strides=(1,))
        return np.asarray(windows[begin].view(np.uint8).reshape(len(begin), length))

    def by_line(self, flags: Flags) -> Flags:
        """Return, per physical line, whether any of its records is flagged; of the first few are enough."""
        ends = self.ends_line[: len(flags)]
        if ends.all():
            return np.array(flags)
        first = np.flatnonzero(np.concatenate(([True], ends[:-1])))
        return np.asarray(np.logical_or.reduceat(flags, first))

    def holding(
        self, index: Ints, needles: Iterable[bytes], words: Search, pattern: re.Pattern[bytes]
    ) -> Flags:
        """Return a mask of the records `index` that hold a needle, some word, or what a pattern finds."""
        joined = b"\n".join(self.records(index))
        at = [*words.places(joined), *(found.start() for found in pattern.finditer(joined))]
        for needle in needles:
            place = joined.find(needle)
            while place >= 0:
                at.append(place)
                end = joined.find(b"\n", place)
                place = joined.find(needle, end) if end >= 0 else -1
        mask = np.zeros(len(index), bool)
        starts = np.cumsum(self.lengths[index]) - self.lengths[index]
        mask[np.searchsorted(starts, at, "right") - 1] = True
        return mask

    @cached_property
    def clean(self) -> Flags:
        """A mask of the records without escape sequences and NUL bytes."""
        mask = np.ones(len(self), bool)
        if self._unclean:
            body = self.buffer[: self.size]
            at = np.flatnonzero((body == 27) | (body == 0))
            mask[np.searchsorted(self.starts, at, "right") - 1] = False
        return mask

    @cached_property
    def _unclean(self) -> bool:
        """Whether an escape sequence or a NUL byte is anywhere."""
        end = self.begin + self.size
        return self.text.find(b"\x1b", self.begin, end) >= 0 or self.text.find(b"\0", self.begin, end) >= 0

    def beginning(self, prefix: bytes, index: Ints | slice = _ALL) -> Flags:
        """Return a mask of the records `index` that begin with the first eight bytes of `prefix`.

        Colors may precede them. Those that begin with any other escape are among them.
        """
        if not prefix:
            return np.ones(len(self.starts[index]), bool)
        head = prefix[:8]
        mask = np.uint64((1 << 8 * len(head)) - 1)
        wanted = np.uint64(int.from_bytes(head, "little"))
        begins, escaped = self._heads
        found = (begins[index] & mask) == wanted
        return np.asarray(found if escaped is None else found | escaped[index])

    @cached_property
    def _heads(self) -> tuple[Words, Flags | None]:
        """The first eight bytes of each record, and a mask of those that begin with an escape or a NUL byte.

        Of records that begin with the same color as the first of them, the eight bytes behind it.
        """
        begins = np.asarray(self.eight[self.starts].view("<u8"))
        if not self._unclean:
            return begins, None
        escaped = _is_escape(begins)
        if escaped.any():
            color = _COLORS.match(self.record(int(escaped.argmax())))
            if color is not None and color.end() <= 8:
                size, head = color.end(), int.from_bytes(color[0], "little")
                same = np.flatnonzero((begins & np.uint64((1 << 8 * size) - 1)) == np.uint64(head))
                begins[same] = self.eight[self.starts[same] + size].view("<u8")
                escaped = _is_escape(begins)
        return begins, escaped


def worth(places: Iterable[int], end: int, awake: Callable[[], bool]) -> Iterator[int]:
    """Yield places in order, and those behind each of them, up to `end`, as long as `awake` says so."""
    done = -1
    for at in (*places, end):
        while awake() and done + 1 < at:
            done += 1
            yield done
        if at < end:
            done = at
            yield at


def _is_escape(begins: Words) -> Flags:
    """Return which of these are the first bytes of an escape sequence, or begin with a NUL byte."""
    first = begins & np.uint64(255)
    return np.asarray((first == 27) | (first == 0))
