"""What all programs learn: to sort points around ten centres."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, CLASSES, HIDDEN = 32, 10, 64


class Points:
    """Points around ten centres, drawn anew for every step."""

    def __init__(self, seed: int, batch: int = 128, spread: float = 1.0) -> None:
        """Draw batches of so many points; the centres are always the same."""
        self.seed, self.size, self.spread = seed, batch, spread
        self.centres = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)) * 0.55

    def batch(self, step: int) -> tuple[Any, Any]:
        """Return the points (size, WIDTH) of a step, as float32, and their classes."""
        rng = np.random.default_rng([self.seed, step])
        y = rng.integers(CLASSES, size=self.size)
        x = self.centres[y] + self.spread * rng.normal(size=(self.size, WIDTH))
        return x.astype("f4"), y
