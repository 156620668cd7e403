"""Lines that show an epoch and a batch, where the log itself says how its epochs are numbered."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Epochs, Match
from runwatch.parsers.body.enveloped import Logged
from runwatch.parsers.body.matchers import ExactPattern, Layouts, LinePattern, number

_COUNT = re.compile(rb"\[ *(\d+)/(\d+)\]")


class EpochLine(LinePattern):
    """A LinePattern with an epoch and a place within it, of programs that differ in the first epoch.

    A log whose first line is of epoch 1 counts from 1. One that begins later does not say: then
    `first_epoch` holds, as most of these programs have it.
    """

    def __init__(self, head: bytes, *, first_epoch: int, aliases: Mapping[str, str], **other: Any) -> None:
        """See LinePattern."""
        super().__init__("train", TRAIN, head, first_epoch=first_epoch, aliases=aliases, **other)
        self._from_one = Layouts("train", aliases, first_epoch=1)
        self._seen = False

    remembers = True

    def fresh(self) -> EpochLine:
        """Return a matcher of the same lines that has seen none."""
        return copy.copy(self)

    def prime(self, lines: list[bytes]) -> None:
        """Look for the first epoch among the first lines of a stream whose middle is read."""
        behind = Logged(self)
        for line in lines:
            if self._seen or behind.match(line):
                return

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of this kind."""
        match = super().match(line, start)
        if match is None or self._seen:
            return match
        self._seen = True
        epochs = match.layout.epochs
        begin, end = match.spans[epochs.epoch if isinstance(epochs, Epochs) else 0]
        if number(line[begin:end]) != 1:
            return match
        self._layouts = self._from_one
        return super().match(line, start)


class LastBatch(ExactPattern):
    """Lines of an evaluation that count its batches: the last one shows the means over all of them."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the last batch's line."""
        found = _COUNT.search(line, start, start + 80)
        if found is None or int(found[1]) + 1 != int(found[2]):
            return None
        return super().match(line, start)
