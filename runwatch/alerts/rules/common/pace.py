"""How far apart in time a run's training rows are."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from runwatch.core.block import Block
from runwatch.core.metrics import STEP_TIME


class Pace:
    """Learns the seconds between training rows.

    From step time times steps per row where the log shows it, else from live
    arrivals. With one log per rank, the first rank that appears is the clock.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        """The longest gap so far, seconds; without the first after each start."""
        self._gaps: deque[float] = deque(maxlen=100)
        self._skip = 1
        self._step = np.nan
        self._leader: tuple[int | None] | None = None
        self._timed = False
        self._arrival = 0.0

    @property
    def median(self) -> float:
        """The median of the newest 100 gaps, seconds; 0 while unknown."""
        return float(np.median(self._gaps)) if self._gaps else 0.0

    def push(self, block: Block) -> None:
        """Take the gaps of a new block."""
        times = block.samples.get(STEP_TIME)
        if times is None and block.progress is None:
            return
        self._leader = self._leader or (block.rank,)
        if self._leader != (block.rank,):
            return
        if block.restarts:
            self._skip = 1  # the first gap after a start holds loading and compilation
        if times is not None:
            self._timed = True
            steps = np.diff(times.step, prepend=self._step)
            self._step = float(times.step[-1])
            self._add(times.value * np.fmax(steps, 1.0))
        elif not self._timed and block.live and block.arrival:
            if self._arrival and not block.late:
                self._add(np.array([block.arrival - self._arrival]))
            self._arrival = block.arrival

    def _add(self, gaps: NDArray[np.float64]) -> None:
        gaps = gaps[np.isfinite(gaps)]
        gaps, self._skip = gaps[self._skip :], max(0, self._skip - len(gaps))
        self._gaps.extend(gaps[-100:].tolist())
        self.longest = max(self.longest, float(gaps.max(initial=0.0)))
