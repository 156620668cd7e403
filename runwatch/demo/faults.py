"""The faults of the demo run. Each really happens; none is only printed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from runwatch.demo.model import Array, Tokens


class Fault:
    """A healthy run: every hook leaves things as they are. Faults override one or two.

    The hooks run on the rank's own thread.
    """

    summary: ClassVar[str] = "nothing goes wrong"

    def __init__(self, at: int, ranks: int) -> None:
        self.at = at
        """Step at which it begins."""
        self.ranks = ranks
        self.victim = ranks // 2
        """The rank that suffers, where one does."""

    def batch(self, step: int, rank: int, windows: Tokens) -> Tokens:
        """Return what the data loader hands to the rank."""
        return windows

    def gradient(self, step: int, rank: int, gradient: dict[str, Array]) -> None:
        """Change the rank's gradient in place, before the ranks average theirs."""

    def linger(self, step: int, rank: int, spent: float, usual: float) -> None:
        """Take more time than the `spent` seconds that the step needed; `usual` is the recent step time."""


class Nan(Fault):
    """One number of one rank's gradient overflows; averaging and AdamW carry it everywhere."""

    summary = "one rank's gradient overflows: the grad norm, then the weights and the loss turn NaN"

    def gradient(self, step: int, rank: int, gradient: dict[str, Array]) -> None:
        """Let one number of the victim overflow."""
        if step == self.at and rank == self.victim:
            gradient["mix"][0, 0] = np.inf


class Spike(Fault):
    """A hole in the data files: half of the ranks read NUL bytes instead of text for a few steps."""

    summary = "a corrupt stretch of data: loss and grad norm jump, then recover"
    length = 3
    """Steps that read from the hole."""

    def batch(self, step: int, rank: int, windows: Tokens) -> Tokens:
        """Hand out NUL bytes while in the hole."""
        in_hole = self.at <= step < self.at + self.length and rank % 2 == 0
        return np.zeros_like(windows) if in_hole else windows


class Hang(Fault):
    """Every rank holds its own lock and waits for its neighbor's: a deadlock, as in a bad collective."""

    summary = "the ranks deadlock: the process lives on and prints nothing more"

    def __init__(self, at: int, ranks: int) -> None:
        super().__init__(at, ranks)
        self._locks = [threading.Lock() for _ in range(ranks)]
        self._all_hold_one = threading.Barrier(ranks)

    def linger(self, step: int, rank: int, spent: float, usual: float) -> None:
        """Wait for a lock that is never released."""
        if step == self.at:
            neighbor = self._locks[(rank + 1) % self.ranks]
            with self._locks[rank]:
                self._all_hold_one.wait()
                with neighbor:
                    pass


class Slow(Fault):
    """One rank takes longer in every step, as on a throttled GPU, so all wait for it."""

    summary = "one rank becomes a straggler: every step takes 80 % longer"

    def __init__(self, at: int, ranks: int) -> None:
        super().__init__(at, ranks)
        self._whole = 0.0

    def linger(self, step: int, rank: int, spent: float, usual: float) -> None:
        """Let the victim take 80 % longer than a healthy step of all ranks, however busy the machine is."""
        if step < self.at or rank != self.victim:
            return
        self._whole = self._whole or 1.8 * usual  # of the healthy step time; later ones already contain it
        time.sleep(max(0.0, self._whole - spent))  # a busy loop would slow down the other threads, too


class Crash(Fault):
    """The data loader hands out a byte that is in no vocabulary; the embedding look-up raises."""

    summary = "a corrupt token: an uncaught exception with its traceback, and exit status 1"

    def batch(self, step: int, rank: int, windows: Tokens) -> Tokens:
        """Put one byte above 127 into the victim's rows."""
        if step == self.at and rank == self.victim:
            windows = windows.copy()
            windows[0, 0] = 0xC3
        return windows


FAULTS: dict[str, type[Fault]] = {"nan": Nan, "spike": Spike, "hang": Hang, "slow": Slow, "crash": Crash}
