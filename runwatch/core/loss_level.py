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

    first: float | None = None
    begun: float | None = None
    """The first since the counter started."""
    count: int = 0
    """Losses since then."""
    newest: list[float] = []

    def observe(self, losses: Sequence[float]) -> None:
        """Take losses that were printed, in stream order."""
        if losses and not self.count:
            self.begun = losses[0]
            self.first = self.begun if self.first is None else self.first
        self.count += len(losses)
        self.newest = [*self.newest, *losses[-_NEWEST:]][-_NEWEST:]

    def restart(self) -> None:
        """Take that the counter starts again, in the same training."""
        self.count = 0

    def is_back(self, loss: float, *, since_start: bool = False) -> bool:
        """Return whether a loss has come back more than half of the way that the newest ones had fallen.

        Since the counter started or, as with `since_start` alone, since the training did.
        """
        if self.count < 2 or not math.isfinite(loss):
            return False
        newest = max(self.newest[-(self.count // 2) :])
        if math.isinf(newest):
            return True
        firsts = (self.first,) if since_start else (self.first, self.begun)
        return any(first is not None and _is_back(loss, first, newest) for first in firsts)

    def continues(self, loss: float) -> bool:
        """Return whether a loss is not back, and would be if another training began."""
        if self.first is None or not math.isfinite(loss) or self.is_back(loss, since_start=True):
            return False
        return self.is_back(self.first, since_start=True)


def _is_back(loss: float, first: float, newest: float) -> bool:
    if min(first, newest, loss) > 0:
        first, newest, loss, apart = math.log(first), math.log(newest), math.log(loss), _APART
    else:
        apart = _APART * max(abs(first), abs(newest))
    return first - newest > apart and 2 * loss > first + newest
