"""A loss that is printed as the mean since its epoch began, and begins anew with each.

Keras' bars, and loops that keep a running average, print such means. At an epoch's border they
jump to where the loss of single rows has been all along; the jump is no event. The mean m over
k rows, and the one w rows before, give the mean of the last w rows: m + (k - w) / w * (m - before).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from runwatch.alerts.rules.context import Recent
from runwatch.block import Block
from runwatch.metrics import EPOCH, LOSS

_ROWS = 64
"""Most rows at an epoch's end that are looked at."""
_LEAST = 32
"""Rows of an epoch below which nothing is said."""
_STEADY = 0.5
"""Noise of single rows, as a part of their level, above which the printed loss is no mean."""


class Border(NamedTuple):
    """The newest border between epochs before a row."""

    rows: int
    """Rows since the epoch began, with this one."""
    level: float
    """Loss of single rows before the border, if means are printed."""
    noise: float
    """Deviation of single rows."""


@dataclass
class EpochMean:
    """Remembers where epochs began."""

    _loss: Recent = field(default_factory=lambda: Recent(_ROWS + 1))
    _rows: int = 0
    """Losses before the newest block."""
    _offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Where the newest block's losses are."""
    _epoch: float = np.nan
    _borders: list[tuple[float, int]] = field(default_factory=list)
    """(offset, losses before it) of the newest block's borders, and of two before."""

    def push(self, block: Block) -> None:
        """Take the losses and epochs of a new block."""
        loss, epoch = block.samples.get(LOSS), block.samples.get(EPOCH)
        self._rows += len(self._offsets)
        self._offsets = np.empty(0) if loss is None else loss.offset
        del self._borders[:-2]
        if epoch is not None and len(epoch):
            whole = np.floor(epoch.value)
            for row in np.flatnonzero(whole != np.append(self._epoch, whole[:-1])).tolist():
                before = self._rows + int(np.searchsorted(self._offsets, epoch.offset[row]))
                self._borders.append((float(epoch.offset[row]), before))
            self._epoch = float(whole[-1])
        self._loss.push(loss)

    def border(self, offset: float, within: int) -> Border | None:
        """Return the border up to `within` rows before the loss at `offset`, if means are printed."""
        known = [border for border in self._borders if border[0] <= offset]
        row = self._rows + int(np.searchsorted(self._offsets, offset, "right"))
        if len(known) < 2 or not 0 < row - known[-1][1] <= within:
            return None
        count = known[-1][1] - known[-2][1]
        if count < _LEAST:
            return None
        width = min(count // 2, _ROWS)
        last = self._loss.until(known[-1][0] - 1, width + 1).value
        if len(last) <= width or not np.isfinite(last).all():
            return None
        level = float(last[-1] + (count - width) / width * (last[-1] - last[0]))
        noise = float(np.std(np.diff(last))) * count
        if level <= 0 or noise > _STEADY * float(last[-1]):
            return None
        return Border(row - known[-1][1], level, noise)
