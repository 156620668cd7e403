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
    count: int = 0
    """Losses since the counter started."""
    newest: list[float] = []

    def observe(self, losses: Sequence[float]) -> None:
        """Take losses that were printed, in stream order."""
        if math.isnan(self.first) and losses:
            self.first = losses[0]
        self.count += len(losses)
        self.newest = [*self.newest, *losses[-_NEWEST:]][-_NEWEST:]

    def is_back(self, loss: float) -> bool:
        """Return whether a loss is nearer to the first than to the newest ones, which had moved away."""
        if self.count < 2 or math.isnan(loss):
            return False
        newest = self.newest[-(self.count // 2) :]
        nearest = min(newest) if self.first < min(newest) else max(newest)
        if min(newest) <= self.first <= max(newest):
            return False
        first, nearest, loss, apart = _scaled(self.first, nearest, loss)
        return abs(first - nearest) > apart and abs(first - loss) < abs(nearest - loss)


def _scaled(first: float, nearest: float, loss: float) -> tuple[float, float, float, float]:
    """Return numbers as their logarithms if all have one, and the distance that is more than noise."""
    if min(first, nearest, loss) > 0:
        return math.log(first), math.log(nearest), math.log(loss), _APART
    return first, nearest, loss, _APART * max(abs(first), abs(nearest))
