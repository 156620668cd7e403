"""The state of one rank of a run."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from runwatch.core.block import Block, RankProgress
from runwatch.core.metrics import STEP_TIME
from runwatch.core.rank_pace import RankPace

MAX_RANK_METRICS = 32


@dataclass(slots=True)
class RankState:
    """What is known of one rank."""

    done: int | None = None
    """Its newest training step, or how far it is in an evaluation; None if it never said."""
    total: int | None = None
    """What an evaluation has for it to do, where printed."""
    training: bool = False
    """`done` is a training step."""
    step: int | None = None
    """Its newest training step; an evaluation does not change it."""
    seen: float | None = None
    """Unix time at which it last said anything, as far as known."""
    latest: dict[str, float] = field(default_factory=dict)
    """Newest value of each metric it prints."""
    pace: RankPace = field(default_factory=RankPace)
    """Its step times as printed."""
    _source: str = ""
    _offset: float = -1.0
    """Where `done` was said."""
    _moves: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=32))

    def fold(self, block: Block) -> None:
        """Take in records of this rank."""
        for name, samples in block.samples.items():
            if len(samples) and (name in self.latest or len(self.latest) < MAX_RANK_METRICS):
                self.latest[name] = float(samples.value[-1])
        if STEP_TIME in block.samples:
            self.pace.add(block.samples[STEP_TIME])
        if block.progress is not None:
            step = float(block.progress.step[-1])
            self.step = int(step) if math.isfinite(step) else self.step
            if self._is_news(block, float(block.progress.offset[-1])):
                self.done, self.total, self.training = self.step, None, True
            if block.live and self.step is not None:
                self._moves.append((block.arrival, self.step))
        if block.live:
            self.seen = block.arrival

    def evaluate(self, block: Block, progress: RankProgress) -> None:
        """Take in how far this rank is in an evaluation, as a block says."""
        if self._is_news(block, progress.offset):
            self.done, self.total, self.training = progress.done, progress.total, False
        if block.live:
            self.seen = block.arrival

    def _is_news(self, block: Block, offset: float) -> bool:
        """Return whether nothing below this place of its log has said how far the rank is; note the place.

        Of a block, what all ranks say of an evaluation comes before the records of each.
        """
        if block.source == self._source and offset < self._offset:
            return False
        self._source, self._offset = block.source, offset
        return True

    def progress(self, trained: bool, total: int | None) -> tuple[int | None, int | None]:
        """Return how far it is, and of how much: of `total` steps where ranks are `trained`."""
        if trained:
            return self.step, total
        return self.done, total if self.training else self.total

    def step_time(self, edge: int) -> float | None:
        """Return seconds per step: as printed for the steps before bucket `edge`, else between arrivals."""
        if (printed := self.pace.until(edge)) is not None:
            return printed
        if len(self._moves) < 2:
            return None
        (t0, s0), (t1, s1) = self._moves[0], self._moves[-1]
        return (t1 - t0) / (s1 - s0) if s1 > s0 else None


def trained(states: Iterable[RankState]) -> bool:
    """Return whether ranks are compared by their training steps: those of several are known.

    Where only one rank prints training steps, how far each is in an evaluation says more.
    """
    return sum(state.step is not None for state in states) > 1
