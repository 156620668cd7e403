"""The ranks of the demo run: threads that each work on their own part of the text.

Like data-parallel training: every rank computes a gradient on its own rows,
then all average. Each rank keeps a log of its own, `rank0.log` and so on.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from runwatch.demo.faults import Fault
    from runwatch.demo.model import Array, Model, Tokens


@dataclass(frozen=True, slots=True)
class Share:
    """What one rank contributes to one step."""

    loss: float
    gradient: dict[str, Array]
    seconds: float
    """How long the rank took before it could wait for the others."""


class Rank:
    """One worker: its part of the text and its log."""

    def __init__(
        self, index: int, *, tokens: Tokens, rows: int, model: Model, fault: Fault, log: Path
    ) -> None:
        self.index, self.rows, self.model, self.fault, self.log = index, rows, model, fault, log
        self._windows: Tokens = np.lib.stride_tricks.sliding_window_view(tokens, model.shape.context + 1)
        self._order = np.random.default_rng(index).permutation(len(self._windows))
        log.write_text("")  # a log of an earlier run in this directory is not this run's

    def read(self, step: int) -> Tokens:
        """Return the rows of one step, in shuffled order; the text begins again when it ends."""
        first = step * self.rows
        return self._windows[self._order[np.arange(first, first + self.rows) % len(self._order)]]

    def work(self, step: int, pace: float, usual: float) -> Share:
        """Compute the rank's gradient. Takes at least `pace` seconds: the rest of a bigger model."""
        began = time.perf_counter()
        windows = self.fault.batch(step, self.index, self.read(step))
        loss, gradient = self.model.gradient(windows)
        self.fault.gradient(step, self.index, gradient)
        time.sleep(max(0.0, pace - (time.perf_counter() - began)))
        self.fault.linger(step, self.index, time.perf_counter() - began, usual)
        return Share(loss, gradient, time.perf_counter() - began)

    def note(self, step: int, steps: int, multiplier: float, share: Share) -> None:
        """Add one line to the rank's own log."""
        line = (
            f"step {step:05d}/{steps:05d} ({100 * step / steps:.2f}%) | loss: {share.loss:.6f}"
            f" | lrm: {multiplier:.2f} | dt: {share.seconds * 1000:.2f}ms"
            f" | tok/sec: {int(self.rows / share.seconds):,}\n"
        )
        with self.log.open("a") as log:
            log.write(line)


class World:
    """All ranks, working at the same time. Use as a context manager."""

    def __init__(self, ranks: list[Rank]) -> None:
        self.ranks = ranks
        self.pool = ThreadPoolExecutor(len(ranks), thread_name_prefix="rank")

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    def work(self, step: int, pace: float, usual: float) -> list[Share]:
        """Return every rank's share of one step; raises what a rank raised."""
        return list(self.pool.map(lambda rank: rank.work(step, pace, usual), self.ranks))


def average(shares: list[Share]) -> tuple[float, dict[str, Array]]:
    """Return the mean loss and the mean gradient: the all-reduce, always in the same order."""
    loss = sum(share.loss for share in shares) / len(shares)
    total = {name: value.copy() for name, value in shares[0].gradient.items()}
    for share in shares[1:]:
        for name, value in share.gradient.items():
            total[name] += value
    return loss, {name: value / len(shares) for name, value in total.items()}
