"""What is whole of a stream that comes in pieces; the unfinished last line waits.

A program whose output is buffered writes blocks of 4 or 8 KiB: the log then rests in the middle of a
line, also for minutes. `lr 2.24` may be the beginning of `lr 2.24e-04`, and `step 12` of `step 1234`.
The records before it show that: all digits being alike, a longer one begins like it; or all that look
like it end with a longer number.

`tqdm.write` wipes the bar, writes the text and draws the bar again as it now is. A bar is else
redrawn ten times a second at most: next to steps that are quicker, only the one behind a record shows
its step (see core.fold.segments). So such a record waits for what is printed next, which comes at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.core.batch import BESIDE, QUICK
from runwatch.parsers.api import MAX_LINE
from runwatch.parsers.edges import record_begin, record_end

WINDOW = 2048
"""Bytes before the last record that are looked at."""
_NUMBERS = re.compile(rb"\d+")
_ENDS = re.compile(rb"[\r\n]+")
_LAST = re.compile(rb"\d+\Z")
_FEW = 3
"""Records alike that show the length of their last number."""


def is_cut(record: bytes, before: bytes) -> bool:
    """Return whether a record without an end is but the beginning of one; `before` precedes it."""
    shape = _NUMBERS.sub(b"0", record)
    others = _ENDS.split(before)[1:]  # of the first one the beginning may be missing
    shapes = [_NUMBERS.sub(b"0", other) for other in others]
    alike = [other for other, its in zip(others, shapes, strict=True) if its == shape]
    if not alike:
        return any(its.startswith(shape) for its in shapes)
    last = _LAST.search(record)
    if last is None or len(alike) < _FEW:
        return False
    return all(len(found[0]) > len(last[0]) for other in alike if (found := _LAST.search(other)))


_RATE = re.compile(rb"%\|[^\r\n]*[ ,](?:(\d+(?:\.\d+)?)|\?)it/s")
_LONGEST = 4096


def settled(recent: bytes, block: bytes, cut: int) -> int:
    """Return how much of block[:cut], which ends with a line end, can be read by now.

    It is less than `cut` where the last record is a dict next to a quick bar. `recent` preceded the
    block: its last BESIDE bytes or more.
    """
    text = block[max(0, cut - _LONGEST) : cut]
    bare = text.rstrip(b" \r\n")
    if not bare.endswith(b"}"):
        return cut
    begin = record_begin(bare, 0, len(bare))
    if (not begin and len(text) < cut) or b"{'" not in bare[begin:]:
        return cut
    start = cut - len(text) + begin
    before = (
        recent[-BESIDE:] + block[max(0, start - BESIDE) : start]
        if start < BESIDE
        else block[start - BESIDE : start]
    )[-BESIDE:]
    line = before[before.rfind(b"\n") + 1 :] + bare[begin : bare.index(b"{'", begin)]
    rates = [found[1] for found in _RATE.finditer(line.replace(b"\r", b"\n"))]
    return start if any(rate is None or float(rate) * QUICK > 1 for rate in rates) else cut


BEHIND = b"\n" * 1024
"""What follows a block, so that its lines can be read in place."""


class Chunk(NamedTuple):
    """Whole records: text[:end], which is at `start` in the stream."""

    text: bytes
    end: int
    start: int


class Framing:
    """Cuts a stream into whole records. Its state is the unfinished line, and where that begins."""

    def __init__(self, start: int) -> None:
        self.offset = start
        """Where what was fed so far ends in the stream."""
        self.unfinished = self.recent = b""
        self.skipping = False
        """Whether the rest of an overlong line is dropped."""

    @property
    def done(self) -> int:
        """Where the unfinished line begins in the stream."""
        return self.offset - len(self.unfinished)

    def feed(self, data: bytes) -> Chunk:
        """Take the next bytes; return what is whole by now."""
        self.offset += len(data)
        if self.skipping:  # the rest of an overlong line, with its line end
            rest = record_end(data, 0, len(data))
            self.skipping, data = rest == len(data), data[rest:]
        end = len(self.unfinished) + len(data)
        text = b"".join((self.unfinished, data, BEHIND))
        cut = record_begin(text, 0, end)
        ready = settled(self.recent, text, cut)
        cut = ready if end - ready <= MAX_LINE else cut
        self.unfinished = text[cut:end]
        if cut:
            self.recent = (self.recent + text[max(0, cut - WINDOW) : cut])[-WINDOW:]
        return Chunk(text, cut, self.offset - end)

    def flush(self) -> tuple[Chunk, bytes, bool]:
        """Return the records that waited for what comes behind them, the unfinished one, and if it is cut."""
        start, text, recent = self.done, self.unfinished, self.recent
        self.unfinished, self.recent, self.skipping = b"", b"", False
        cut = record_begin(text, 0, len(text))
        last = text[cut:]
        return Chunk(text + BEHIND, cut, start), last, bool(last) and is_cut(last, recent + text[:cut])

    def give_up(self) -> bytes:
        """Stop keeping an overlong line: return its beginning; the rest is dropped when it comes."""
        text, self.unfinished, self.skipping = self.unfinished, b"", True
        return text
