"""Whether a loss rose only because the parts that it is the sum of count more: their weights were raised.

Such as the divergence of a variational autoencoder, which is annealed from nothing, or the terms of physics.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.context import Recent
from runwatch.core.block import Block
from runwatch.core.metrics import LOSS, LOSS_SCALE, of_held_out

_NAME = re.compile(
    r"(?i)(?!.*(?:avg|average|mean|best|min(?![a-z])|max(?![a-z])|smooth|ema(?![a-z])|running|last|prev|std))"
    r"(?:.*[/_ .-])?(?:kl|kld|kl_?div(?:ergence)?|ce|bce|nll|mse|l1|l2|reg|rec|recon(?:struction)?"
    r"|[a-z0-9_ ]*loss(?:_[a-z0-9]+)?)\Z"
)
"""Names of parts: what is made of the loss over time is none."""
_MOST = 8
"""Parts that are followed."""
_ROWS = 20
"""Rows of which a level is the median."""


@lru_cache(maxsize=8192)
def _is_part(metric: str) -> bool:
    return metric not in (LOSS, LOSS_SCALE) and not of_held_out(metric) and _NAME.match(metric) is not None


class Parts:
    """The parts of a training loss that are printed."""

    def __init__(self) -> None:
        self._series: dict[str, Recent] = {}

    def push(self, block: Block) -> None:
        """Take the parts of a new block."""
        for name, samples in sorted(block.samples.items()):
            if _is_part(name) and is_among_first(name, self._series, _MOST):
                self._series.setdefault(name, Recent(_ROWS)).push(samples)

    def levels(self, offset: float) -> dict[str, float]:
        """Return the level of each part up to `offset`."""
        known = {name: recent.finite(offset, _ROWS, -np.inf) for name, recent in self._series.items()}
        return {name: middle(values) for name, values in known.items() if values}

    def count_more(self, before: dict[str, float], offset: float, loss: float, rise: float) -> bool:
        """Whether none of two parts or more, which were at `before`, rose by the half of `rise`, in ln.

        And the loss is no greater than their sum: no other part can have risen.
        """
        now = self.levels(offset)
        if len(before) < 2 or now.keys() != before.keys() or min(now.values()) < 0:
            return False
        least = float(np.exp(rise / 2))
        return loss <= sum(now.values()) and all(now[name] <= least * before[name] for name in now)
