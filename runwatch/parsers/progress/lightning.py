"""The bar that Lightning draws with rich."""

from __future__ import annotations

import math
import re

from runwatch.parsers.api import Match, Row
from runwatch.parsers.edges import record_begin
from runwatch.parsers.progress.bar_frame import BarFrames
from runwatch.parsers.progress.grammar import NAMED, lightning, named
from runwatch.parsers.progress.tracker import BarReader

_MORE = re.compile(rb" {8,400}(?:(?:[\d:]{4,12}|-:--:--) +)?(?=[A-Za-z]|[-+]?\d[\d.e+-]*(?:\s|$))")


class _RichFrames(BarFrames):
    redrawn = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar shows."""
        bar = lightning(line, start)
        if bar is None or bar.postfix is None:
            return None
        return self.frame(line, bar, named(line, *bar.postfix))


class RichReader(BarReader):
    """`Epoch 0/2  ----- 18/32 0:00:00 * 0:00:01 22.5it/s train_loss: 0.535`, as Lightning draws it with rich.

    A narrow terminal breaks the columns: more values follow on the next line, or that of the last name.
    """

    begins = rb"Epoch "

    def __init__(self) -> None:
        super().__init__(_RichFrames("rich"), first_epoch=0)
        self._epochs.last = math.inf
        self._newest = 0, b""
        """Number and text of the line before, if a bar may be broken there."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one frame of a bar, or the values that did not fit into it."""
        (before, text), self._newest = self._newest, (0, b"")
        more = _MORE.match(line) if text and before + 1 == number_ else None
        if more is not None:
            reported = NAMED.search(line) or b":" in (text.rstrip()[-1:], line.rstrip()[-1:])
            line = text.rstrip() + b" " + line[more.end() :] if reported else b""
            self._newest = (number_, line) if reported else (0, b"")
        elif line[:6] == b"Epoch ":
            self._newest = number_, line
        return super().feed(line, number_)

    @property
    def awake(self) -> bool:
        """Whether the line before was the begin of one that may be broken."""
        return bool(self._newest[1])

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where the first broken bar begins, or the last record, which may yet be broken."""
        if block.startswith(b"        ", begin):
            return begin
        broken = block.find(b"\n        ", begin, end)
        last = len(block[begin:end].rstrip(b"\r\n")) + begin if broken < 0 else broken
        return record_begin(block, begin, last)
