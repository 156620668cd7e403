"""Launches: how a log begins, so that the same words further on show that the program was started again.

A program that is started again into the same log, by a loop or by hand, begins with the words with
which it began before: its arguments, its banner. The first line of the log that shows enough, and
is only once at its beginning, is remembered without its time, level and digits. Where launches end
at once, the beginning holds several of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from runwatch.core.batch import Event
from runwatch.core.text import decode
from runwatch.parsers.edges import record_begin, record_end
from runwatch.parsers.envelope.header import message

HEAD = 1024
"""Bytes of a log that are its beginning; a launch within them is not reported."""
_FIRST = 5
"""Lines with text that are looked at: what comes later may come again as training continues."""
_ALONE = 3
"""Lines, digits and all, which come again within the beginning only if another launch does."""
_LETTERS = 12
"""Letters that a line has, at least, that shows enough."""
_ALIKE = 64
"""Bytes in which two beginnings agree: arguments may differ behind them."""
_NUMBER = re.compile(rb"\d+")
_PLAIN = re.compile(rb"[^\d\r\x1b]{8,}")
_COMMON = re.compile(rb"[{\[]\s*['\"]|Traceback|File \"|.*\b[Ll]oss\b\W{0,4}\d|.*%\|")
"""Begins what is no program's beginning, but a record, a bar or an error: they come again and again."""
_TRACEBACK = re.compile(rb"\ATraceback \(most .*\n +File .*, in <module>\s*\n(?: .*\n)*\S.*\n")
"""The error of a start before the first words of a log: what follows is how the next one began."""


class Opening:
    """The line by which the beginning of one log is known. It is settled once its head was seen."""

    def __init__(self, *, from_begin: bool) -> None:
        """`from_begin`: the stream is read from its first byte; else `learn` is to be called."""
        self._head: bytes | None = b"" if from_begin else None
        self._key = self._needle = b""

    def learn(self, head: bytes, start: int) -> None:
        """Take how the log begins, where it is read from `start` on."""
        self._grow(head[: min(start, HEAD)])

    def launches(self, text: bytes, end: int, start: int, line: int) -> Iterator[Event]:
        """Yield an event for each launch in text[:end]: whole lines from offset `start` and `line` on."""
        if self._head is not None and start < HEAD:
            known = len(self._head) - start
            # Less than nothing: it begins with a line that is too long to be read.
            self._grow(self._head + text[known : min(end, HEAD - start)] if known >= 0 else None)
        if not self._needle:
            return
        at = text.find(self._needle, max(0, HEAD - start), end)
        while at >= 0:
            begin, stop = record_begin(text, 0, at), record_end(text, at, end)
            said = message(text[begin:stop])
            if start + begin >= HEAD and _key(said)[:_ALIKE] == self._key[:_ALIKE]:
                number = line + text.count(b"\n", 0, begin)
                yield Event("launch", start + begin, number, decode(said.strip(), 300))
            at = text.find(self._needle, stop, end)

    def _grow(self, head: bytes | None) -> None:
        """Take what is known of the beginning; None if it will never be."""
        self._head = head
        if head is not None and len(head) >= HEAD:
            self._settle(head)
            self._head = None

    def _settle(self, head: bytes) -> None:
        """Choose the line of the beginning by which it is known again, if there is one."""
        *whole, rest = _TRACEBACK.sub(b"", head).split(b"\n")
        lines = [message(line.rstrip(b"\r")) for line in whole or [rest]]
        counts = Counter(map(_key, lines))
        first = lines[:_ALONE]
        again = any(lines[at : at + _ALONE] == first for at in range(_ALONE, len(lines)))
        if again and len(set(first)) == _ALONE:
            counts[_key(first[0])] = 1  # the first launches were short
        for key in list(counts)[:_FIRST]:
            if _COMMON.match(key):
                return
            needle = max(_PLAIN.findall(key[:_ALIKE]), key=len, default=b"")
            letters = sum(chr(byte).isalpha() for byte in needle)
            if counts[key] == 1 and letters >= _LETTERS:
                self._key, self._needle = key, needle
                return


def _key(words: bytes) -> bytes:
    """Return a message without its digits."""
    return _NUMBER.sub(b"0", words).strip()
