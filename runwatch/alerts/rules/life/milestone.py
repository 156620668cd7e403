"""Whether a run of unknown length is where runs end."""

from __future__ import annotations

import numpy as np

from runwatch.core.block import Block
from runwatch.core.metrics import EPOCH


class Milestone:
    """Knows round steps and the ends of epochs."""

    def __init__(self) -> None:
        self._step = self._every = np.nan
        """The newest step, and how many there are between the newest two rows."""
        self._epoch = 0.5
        """The newest epoch, as far as it is printed; those that count whole ones prove nothing."""

    def push(self, block: Block) -> None:
        """Take the training rows of a new block."""
        progress = block.progress
        if progress is None:
            return
        steps = np.append(self._step, progress.step)[-2:]
        self._step, self._every = float(steps[-1]), float(steps[-1] - steps[0])
        epochs = block.samples.get(EPOCH)
        if epochs is not None and np.isfinite(epochs.value[-1]):
            self._epoch = float(epochs.value[-1])

    def at(self, step: int) -> bool:
        """Return whether `step` is a multiple of 50 rows, counted from 0 or 1, or an epoch is complete."""
        unit = 50 * max(1.0, self._every)  # 1 where it is not known
        round_step = min(step % unit, (step + 1) % unit) == 0
        return round_step or abs(self._epoch - round(self._epoch)) < 0.01
