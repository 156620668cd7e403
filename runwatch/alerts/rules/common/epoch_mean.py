"""A loss that is printed as the mean since its epoch began, and begins again with each.

Keras' bars, and loops that keep a running average, print such means. At an epoch's border they
jump to where the loss of single rows has been all along; the jump is no event. The mean m over
k rows, and the one w rows before, give the mean of the last w rows: m + (k - w) / w * (m - before).
Where no epoch is printed, rows that share a step are of one epoch: the step counts epochs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from runwatch.alerts.rules.baseline import Floats
from runwatch.alerts.rules.common.context import Recent
from runwatch.core.block import Block
from runwatch.core.metrics import EPOCH, LOSS

_ROWS = 64
"""Most rows at an epoch's end that are looked at."""
_LEAST = 32
"""Rows of an epoch below which nothing is said."""
_STEADY = 0.5
"""Noise of single rows, as a part of their level, above which the printed loss is no mean."""


class Border(NamedTuple):
    """The newest border between epochs before a row."""

    rows: float
    """Rows since the epoch began, with this one."""
    level: float
    """Loss of single rows before the border, if means are printed."""
    noise: float
    """Deviation of single rows."""


@dataclass
class _Borders:
    """Where one counter of epochs grew."""

    first: float = np.inf
    """Offset of its first value."""
    epoch: float = np.nan
    begin: int = 0
    """Losses before the newest epoch."""
    newest: list[tuple[float, int, float, float]] = field(default_factory=list)
    """(offset, losses before it, level, noise) of the newest block's borders, and of one before."""

    def changes(self, offsets: Floats, counter: Floats) -> Floats:
        """Take the newest values of the counter; return the offsets at which it changed."""
        del self.newest[:-1]
        finite = np.isfinite(counter)
        if not finite.any():
            return np.empty(0)
        whole, at = np.floor(counter[finite]), offsets[finite]
        self.first = min(self.first, float(at[0]))
        changed: Floats = at[whole != np.append(self.epoch, whole[:-1])]
        self.epoch = float(whole[-1])
        return changed


@dataclass
class EpochMean:
    """Remembers where epochs began, and what the loss was before."""

    _loss: Recent = field(default_factory=lambda: Recent(_ROWS + 1))
    _rows: int = 0
    """Losses before the newest block."""
    _offsets: Floats = field(default_factory=lambda: np.empty(0))
    """Where the newest block's losses are."""
    _printed: _Borders = field(default_factory=_Borders)
    _stepped: _Borders = field(default_factory=_Borders)

    def push(self, block: Block) -> None:
        """Take the losses and epochs of a new block."""
        loss, epoch = block.samples.get(LOSS), block.samples.get(EPOCH)
        self._rows += len(self._offsets)
        self._offsets = np.empty(0) if loss is None else loss.offset
        self._loss.push(loss)
        if epoch is not None:
            self._take(self._printed, self._printed.changes(epoch.offset, epoch.value))
        if loss is not None:
            self._take(self._stepped, self._stepped.changes(loss.offset, loss.step))

    def _take(self, borders: _Borders, changes: Floats) -> None:
        """Judge the epochs that ended where a counter changed."""
        begins = self._rows + np.searchsorted(self._offsets, changes)
        counts = np.diff(begins, prepend=borders.begin)
        borders.begin = int(begins[-1]) if len(begins) else borders.begin
        for number in np.flatnonzero(counts >= _LEAST).tolist():
            level, noise = self._ended(float(changes[number]), int(counts[number]))
            borders.newest.append((float(changes[number]), int(begins[number]), level, noise))

    def border(self, offset: float, within: int) -> Border | None:
        """Return the border up to `within` rows before the loss at `offset`, if means are printed."""
        rows, level, noise = self._newest(offset)
        return Border(rows, level, noise) if level > 0 and rows <= within else None

    def begun(self, offset: float, within: int) -> bool:
        """Whether an epoch began up to `within` rows before the loss at `offset`, after a long one."""
        return self._newest(offset)[0] <= within

    def _newest(self, offset: float) -> tuple[float, float, float]:
        """Return the rows since the newest border before the loss at `offset`, and its level and noise."""
        borders = self._printed if self._printed.first <= offset else self._stepped
        known = [border for border in borders.newest if border[0] <= offset]
        if not known:
            return np.inf, 0.0, 0.0
        _, begin, level, noise = known[-1]
        return self._rows + int(np.searchsorted(self._offsets, offset, "right")) - begin, level, noise

    def _ended(self, offset: float, count: int) -> tuple[float, float]:
        """Return (level, noise) of single rows at the end of an epoch of `count` rows; zeros if no mean."""
        width = min(count // 2, _ROWS)
        last = self._loss.until(offset - 1, width + 1).value
        if len(last) <= width or not np.isfinite(last).all():
            return 0.0, 0.0
        level = float(last[-1] + (count - width) / width * (last[-1] - last[0]))
        noise = float(np.std(np.diff(last))) * count
        return (level, noise) if level > 0 and noise < _STEADY * last[-1] else (0.0, 0.0)
