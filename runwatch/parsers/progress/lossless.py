"""Bars of training that carry no loss, and say by their epoch that they are: how far it is."""

from __future__ import annotations

import re

from runwatch.parsers.api import Match, Row
from runwatch.parsers.body.matchers import values
from runwatch.parsers.progress.bar_frame import BarFrames
from runwatch.parsers.progress.grammar import bar_in, emptied, named
from runwatch.parsers.progress.tracker import BarReader

_EPOCH = re.compile(rb"Epoch:? \[?\d{1,6}(?: ?/ ?\d{1,6})?\]?:?\s*")
"""A description that is the epoch and nothing else."""


class _LosslessFrames(BarFrames):
    lossless = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar without a loss of training shows."""
        bar = bar_in(line, start)
        if bar is None or bar.postfix is None or line.find(b"v_num=", bar.postfix[0]) < 0:
            return None
        return self.frame(line, bar, named(line, *bar.postfix))


class LosslessReader(BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, v_num=193315]`: how far training is."""

    begins = rb"Epoch "
    awake = False

    def __init__(self) -> None:
        super().__init__(_LosslessFrames("lightning"), first_epoch=0)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one frame of a bar."""
        match = self.frames[0].match(line)
        return None if match is None else self.take(match.layout, values(line, match), number_)

    def may(self, line: bytes) -> bool:
        """Return whether a line may hold a bar."""
        return line[:6] == b"Epoch "

    def thin(self, text: bytes) -> bytes:
        """Return the text with empty bars."""
        return emptied(text, redrawn=False)


class _EpochFrames(BarFrames):
    lossless = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar shows that is described by its epoch, and carries no value."""
        bar = bar_in(line, start)
        if bar is None or bar.postfix is not None or not _EPOCH.fullmatch(line, *bar.desc):
            return None
        return self.frame(line, bar, [])


class EpochReader(LosslessReader):
    """`Epoch 3/40:  22%|##  | 4/18 [00:17<01:02, 4.47s/it]`, as scripts draw it."""

    def __init__(self) -> None:
        BarReader.__init__(self, _EpochFrames("epoch-bar"))
