"""How far the loss of a training has come: whether one that begins again is another training.

A counter that starts again may be of the next epoch, of a fit that trains the same model further, or of
another training. Only in the last case is the loss back where the training began.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_NEWEST = 8
_APART = 0.1
"""How far the newest losses are from the first at least: less may be noise."""


class LossLevel(msgspec.Struct):
    """The first loss of a training and its newest ones; one that is not finite counts as infinite."""

    first: float = math.nan
    begun: float = math.nan
    """The first since the counter started."""
    count: int = 0
    """Losses since then."""
    newest: list[float] = []

    def observe(self, losses: Sequence[float]) -> None:
        """Take losses that were printed, in stream order."""
        if losses and not self.count:
            self.begun = losses[0]
            self.first = self.begun if math.isnan(self.first) else self.first
        self.count += len(losses)
        self.newest = [*self.newest, *losses[-_NEWEST:]][-_NEWEST:]

    def restart(self) -> None:
        """Take that the counter starts again and the loss went on."""
        self.count = 0

    def is_back(self, loss: float) -> bool:
        """Return whether a loss is nearer to the first than to the newest ones, which had moved away."""
        if self.count < 2 or math.isnan(loss):
            return False
        newest = self.newest[-(self.count // 2) :]
        return any(_nearer(loss, first, newest) for first in (self.first, self.begun))


def _nearer(loss: float, first: float, newest: Sequence[float]) -> bool:
    """Return whether a loss is nearer to the first one than to the newest, which are all above or below."""
    low, high = min(newest), max(newest)
    if low <= first <= high:
        return False
    nearest, apart = low if first < low else high, _APART
    if min(first, nearest, loss) > 0:
        first, nearest, loss = math.log(first), math.log(nearest), math.log(loss)
    else:
        apart *= max(abs(first), abs(nearest))
    return abs(first - nearest) > apart and abs(first - loss) < abs(nearest - loss)
