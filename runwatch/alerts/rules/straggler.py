"""One rank is slower than its peers, so all wait for it.

Reason: a single throttled GPU or slow node sets the pace of the whole job.
Formula: steps are put into buckets of `bucket`. When every rank that takes part
has gone past one, each rank's median step time there is compared with the
median of all: slower by more than max(`rise`, `z` robust deviations between the
ranks) in `of` of the last 5 buckets is a warning. With two or three ranks,
which have no deviation worth the name, `few` is asked for. Ends when the rank is
below half of the rise in as many.

Traps: in synchronous training all ranks wait for the slowest, and their step
times are equal: only compute, forward or data times tell; those of ranks that
print one are used when they do.

Source: ByteRobust judges five rounds; Minder compares machines in one window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.block import Block
from runwatch.findings import Finding, Severity, Verdict
from runwatch.metrics import STEP_TIME

_ROUNDS = 5
_MAX_OPEN = 64
"""Buckets that wait for ranks; the oldest is dropped when there are more."""
_COMPUTE = ("compute_time", "forward_time", "fwd_time", "data_time", "forward-compute", STEP_TIME)


@dataclass
class Straggler(RunRule):
    """Fires when one rank is slower than the others for several buckets of steps."""

    name: ClassVar[str] = "straggler"
    summary: ClassVar[str] = "One rank is slower than its peers, so all wait for it."

    rise: float = threshold(0.10, "least slowness against the median of the ranks, as a fraction")
    z: float = threshold(6.0, "least slowness in robust deviations between ranks")
    few: float = threshold(0.3, "slowness asked for with two or three ranks, as a fraction")
    bucket: int = threshold(20, "steps that are compared at a time")
    of: int = threshold(4, "slow buckets among the last 5 that are a straggler")

    _metric: int = field(default=len(_COMPUTE), init=False, repr=False)
    _times: dict[int, dict[int, list[float]]] = field(default_factory=dict, init=False, repr=False)
    """Bucket -> rank -> its step times there."""
    _newest: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    """Rank -> the newest bucket it reached."""
    _rounds: dict[int, deque[bool]] = field(default_factory=dict, init=False, repr=False)
    _open: set[int] = field(default_factory=set, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Take the step times of one rank; judge the buckets that all ranks have passed."""
        if block.rank is None:
            return ()
        if block.restarts:
            self._times.clear()
            self._newest.clear()
        found = next((n for n, name in enumerate(_COMPUTE) if name in block.samples), len(_COMPUTE))
        if found > self._metric or found == len(_COMPUTE):
            return ()
        if found < self._metric:
            self._metric = found
            self._times.clear()
        samples = block.samples[_COMPUTE[found]]
        known = np.isfinite(samples.step) & (samples.value > 0) & np.isfinite(samples.value)
        numbers = (samples.step[known] // self.bucket).astype(np.int64)
        for number in np.unique(numbers).tolist():
            values = samples.value[known][numbers == number].tolist()
            self._times.setdefault(number, {}).setdefault(block.rank, []).extend(values)
        if len(numbers):
            self._newest[block.rank] = max(int(numbers.max()), self._newest.get(block.rank, 0))
        where = place(samples, len(samples) - 1) if len(samples) else Place(None, None)
        return self._close(where)

    def _close(self, where: Place) -> list[Finding]:
        """Judge the buckets that every rank has passed, oldest first."""
        while len(self._times) > _MAX_OPEN:
            del self._times[min(self._times)]
        if len(self._newest) < 2:
            return []
        passed = min(self._newest.values())
        found: list[Finding] = []
        for number in sorted(n for n in self._times if n < passed):
            times = self._times.pop(number)
            if len(times) >= 0.9 * len(self._newest) and number > 0:
                found += self._compare(times, where)
        return found

    def _compare(self, times: dict[int, list[float]], where: Place) -> list[Finding]:
        ranks = list(times)
        y = np.log([float(np.median(times[rank])) for rank in ranks])
        if len(ranks) <= 3:
            usual, least = float(y.min()), float(np.log1p(self.few))
        else:
            usual = float(np.median(y))
            spread = 1.4826 * float(np.median(np.abs(y - usual)))
            least = max(float(np.log1p(self.rise)), self.z * spread)
        found: list[Finding] = []
        for rank, excess in zip(ranks, (y - usual).tolist(), strict=True):
            rounds = self._rounds.setdefault(rank, deque(maxlen=_ROUNDS))
            slow = excess > (least / 2 if rank in self._open else least)
            rounds.append(slow)
            if rank not in self._open and sum(rounds) >= self.of:
                self._open.add(rank)
                found.append(self._finding(rank, float(np.expm1(excess)), len(ranks), where))
            elif rank in self._open and len(rounds) - sum(rounds) >= self.of:
                self._open.discard(rank)
                found.append(self._about(rank, Verdict.CLEAR, f"rank {rank} keeps up again", where))
        return found

    def _finding(self, rank: int, slower: float, ranks: int, where: Place) -> Finding:
        return self._about(
            rank,
            Verdict.FIRING,
            f"rank {rank} is {slower:.0%} slower than the median of {ranks} ranks",
            where,
            cause=f"rank {rank} is a straggler: all others wait for it",
            advice="Look at that GPU's clocks and temperature and at its node; exclude it if it stays.",
            evidence={"slower": slower, "ranks": ranks, "metric": _COMPUTE[self._metric]},
        )

    def _about(self, rank: int, verdict: Verdict, title: str, where: Place, **details: Any) -> Finding:
        return Finding(
            self.name,
            verdict,
            Severity.WARNING,
            title,
            rank=rank,
            step=where.step,
            line=where.line,
            **details,
        )
