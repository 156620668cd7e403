"""Bars of training that carry no loss, and say by their epoch that they are: how far it is."""

from __future__ import annotations

import re

from runwatch.parsers.api import Match
from runwatch.parsers.progress.bar_frame import BarFrames
from runwatch.parsers.progress.grammar import bar_in, named
from runwatch.parsers.progress.names import is_validation
from runwatch.parsers.progress.tracker import BarReader

_EPOCH = re.compile(rb"Epoch:? \[?\d{1,6}(?: ?/ ?\d{1,6})?\]?:?\s*")
"""A description that is the epoch and nothing else."""
_LIGHTNING = b"v_num="
"""What Lightning's bar carries in any case."""


class _LosslessFrames(BarFrames):
    lossless = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar shows that is Lightning's, or is of an epoch and shows nothing of training."""
        bar = bar_in(line, start)
        if bar is None:
            return None
        shown = [] if bar.postfix is None else named(line, *bar.postfix)
        bare = _EPOCH.fullmatch(line, *bar.desc) and all(is_validation(name.decode()) for name, _ in shown)
        return self.frame(line, bar, shown) if bare or _LIGHTNING in line else None


class LosslessReader(BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, v_num=193315]`: how far training is.

    Lightning counts epochs from 0; a script draws `Epoch 1/40:  22%|##  | 4/18 [00:17<01:02, 4.47s/it]`.
    """

    begins = rb"Epoch "
    awake = False

    def __init__(self) -> None:
        super().__init__(_LosslessFrames("epoch-bar"))
