"""What is whole of a stream that comes in pieces; the unfinished last line waits."""

from __future__ import annotations

from typing import NamedTuple

from runwatch.parsers.api import MAX_LINE
from runwatch.parsers.edges import record_begin, record_end
from runwatch.parsers.framing.cut import WINDOW, is_cut, settled

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
        if self.skipping:
            data = self._skip(data)
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

    def _skip(self, data: bytes) -> bytes:
        """Drop the rest of an overlong line; return what follows, from its line end on."""
        end = record_end(data, 0, len(data))
        self.skipping = end == len(data)
        return data[end:]
