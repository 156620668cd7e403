"""One rank is slower than its peers, so all wait for it.

Reason: a single throttled GPU or slow node sets the pace of the whole job.
Formula: steps are put into buckets of `bucket`. When every rank that takes part
has gone past one, each rank's median step time there is compared with the
median of all: slower by more than max(`rise`, `z` robust deviations between the
ranks) in `of` of the last 5 buckets is a warning. With two or three ranks,
which have no deviation worth the name, `few` is asked for. Ends when the rank is
below half of the rise in as many. It is dated at the first slow step, the one from
which on most of the rank's steps are above half of that.

Example: 'rank 5 is 18% slower than the median of 8 ranks'.

What to do: look at that rank's GPU (heat, clocks, errors) and at its node; take the
node out if it does not recover.

Traps: in synchronous training all ranks wait for the slowest, and their step
times are equal: only compute, forward or data times show it; those of ranks that
print one are used when they do. The first bucket compiles. History is compared
when it has been read, as files of ranks are read one after the other.

Source: ByteRobust judges five rounds; Minder compares machines in one window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, threshold
from runwatch.alerts.rules.baseline import MAD
from runwatch.alerts.rules.ranks.peers import PeerRows, Peers, rank_of
from runwatch.core import rank_pace
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import STEP_TIME, TOKENS_PER_SEC
from runwatch.render.numbers import rise

_ROUNDS = 5
_PARTS = ("compute", "forward", "fwd")
_COMPUTE = (
    *(f"{part}{unit}" for part in _PARTS for unit in ("_time", "_ms", "_time_ms", "_s", "_sec", "_seconds")),
    "data_time",
    "forward-compute",
    STEP_TIME,
    TOKENS_PER_SEC,
)
"""What shows a rank's pace, the best first; a rate is turned into a time."""

_Round = tuple[bool, Place | None]
"""Whether a rank was slow in a bucket, and where in it that began, or where its end is slow."""


@dataclass
class Straggler(RunRule):
    """Fires when one rank is slower than the others for several buckets of steps."""

    name: ClassVar[str] = "straggler"
    summary: ClassVar[str] = "One rank is slower than its peers, so all wait for it."
    of_ranks: ClassVar[bool] = True

    rise: float = threshold(0.10, "least slowness against the median of the ranks, as a fraction")
    z: float = threshold(6.0, "least slowness in robust deviations between ranks")
    few: float = threshold(0.3, "slowness asked for with two or three ranks, as a fraction")
    bucket: int = threshold(rank_pace.BUCKET, "steps that are compared at a time")
    of: int = threshold(4, "slow buckets among the last 5 that are a straggler", most=_ROUNDS)

    _metric: int = field(default=len(_COMPUTE), init=False, repr=False)
    _peers: Peers = field(default_factory=Peers, init=False, repr=False)
    _rounds: dict[int, deque[_Round]] = field(default_factory=dict, init=False, repr=False)
    _open: dict[int, Finding] = field(default_factory=dict, init=False, repr=False)
    """What was reported last of each rank that is slow."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Take the step times of one rank; judge the buckets that all ranks have passed."""
        rank = rank_of(block)
        found = next((n for n, name in enumerate(_COMPUTE) if name in block.samples), len(_COMPUTE))
        if rank is None or found > self._metric or found == len(_COMPUTE):
            return ()
        if found < self._metric:
            self._metric, self._peers = found, Peers()
        samples = block.samples[_COMPUTE[found]]
        seconds = 1.0 / samples.value if _COMPUTE[found] == TOKENS_PER_SEC else samples.value
        known = (seconds > 0) & np.isfinite(seconds)
        self._peers.add(
            rank,
            Samples(samples.offset[known], samples.line[known], samples.step[known], seconds[known]),
            block.source,
        )
        return self._close() if block.live else ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare what was read of history."""
        return self._close()

    def _close(self) -> list[Finding]:
        """Judge the buckets that every rank has passed, oldest first."""
        ripe = self._peers.ripe(self.bucket)
        found: list[Finding] = []
        for number, times in sorted(self._buckets(ripe)):
            if number > 0 and len(times) >= 0.9 * len(self._peers):
                found += self._compare(times, (number + 1) * self.bucket, ripe)
        return found

    def _buckets(self, ripe: Mapping[int, PeerRows]) -> Iterator[tuple[int, dict[int, float]]]:
        """Yield buckets with the median time of each rank in them."""
        times: dict[int, dict[int, float]] = {}
        for rank, rows in ripe.items():
            numbers, first = np.unique(rows.step // self.bucket, return_index=True)
            parts = np.split(rows.value, first[1:])
            for number, part in zip(numbers.tolist(), parts, strict=True):
                times.setdefault(int(number), {})[rank] = float(np.median(part))
        yield from times.items()

    def _compare(self, times: dict[int, float], end: int, ripe: Mapping[int, PeerRows]) -> list[Finding]:
        ranks = list(times)
        y = np.log(list(times.values()))
        usual = log(rank_pace.usual(list(times.values())))
        if len(ranks) <= rank_pace.FEW:
            least = float(np.log1p(self.few))
        else:
            spread = MAD * float(np.median(np.abs(y - usual)))
            least = max(float(np.log1p(self.rise)), self.z * spread)
        found: list[Finding] = []
        for rank, excess in zip(ranks, (y - usual).tolist(), strict=True):
            rounds = self._rounds.setdefault(rank, deque(maxlen=_ROUNDS))
            rows = ripe[rank]
            first, last = np.searchsorted(rows.step, (end - self.bucket, end)).tolist()
            reported = self._open.get(rank)
            slow = excess > (least if reported is None else least / 2)
            rounds.append((slow, _onset(rows, slice(first, last), usual + least / 2)))
            count = sum(was_slow for was_slow, _ in rounds)
            if reported is not None and len(rounds) - count >= self.of:
                del self._open[rank]
                found.append(self.clear(_place(rows, last - 1), rank=rank))
            elif slow and (reported is not None or count >= self.of):
                since = _since(rounds) if reported is None else Place(reported.step, reported.line)
                firing = self._finding(rank, float(np.expm1(excess)), len(ranks), rows, since)
                if reported is None or firing.title != reported.title:  # how slow it is now
                    self._open[rank] = firing
                    found.append(firing)
        return found

    def _finding(self, rank: int, slower: float, ranks: int, rows: PeerRows, since: Place) -> Finding:
        return self.say(
            Verdict.FIRING,
            Severity.WARNING,
            f"rank {rank} {_slower(slower)} the {rank_pace.yardstick(ranks)} of {ranks} ranks",
            since,
            rank=rank,
            cause=f"rank {rank} is a straggler: all others wait for it",
            advice="Look at that GPU's clocks and temperature and at its node; exclude it if it stays.",
            evidence={"slower": slower, "ranks": ranks, "metric": _COMPUTE[self._metric]}
            | ({"source": rows.source} if rows.source else {}),
        )


def _onset(rows: PeerRows, bucket: slice, limit: float) -> Place | None:
    """Return the row of a bucket from which on most are above `limit`, ln seconds; None if there is none."""
    above = np.where(np.log(rows.value[bucket]) > limit, 1, -1)
    ahead = above[::-1].cumsum()[::-1]
    return _place(rows, bucket.start + int(ahead.argmax())) if ahead.max(initial=0) > 0 else None


def _since(rounds: Sequence[_Round]) -> Place:
    """Return where the first slow bucket began to be slow, or the end of the one before it."""
    first = next(number for number, (slow, _) in enumerate(rounds) if slow)
    places = [where for _, where in rounds]
    before = places[first - 1] if first else None
    return before or places[first] or NOWHERE


def _place(rows: PeerRows, row: int) -> Place:
    return Place(int(rows.step[row]), int(rows.line[row]))


def _slower(by: float) -> str:
    """Return in words how much slower a rank is: `100% slower` would read as if it had stopped."""
    said = rise(by)
    return f"takes {said} as long as" if said.endswith("x") else f"is {said.removeprefix('+')} slower than"
