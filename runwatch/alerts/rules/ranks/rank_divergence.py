"""Ranks that agreed no longer do: their gradient norms differ, or one is not finite.

Reason: after the gradients are averaged all ranks must hold the same norm. When
one does not, its weights have drifted, by a broken GPU or a lost message, and
the run is spoilt though its loss looks fine.
Formula: the gradient norms of a step are compared when every rank has printed it.
They have agreed to within `same` for `agreed` steps; then they differ by more
than `differ`, relative, in `steps` steps in a row. Critical; the rank furthest
from the median is named. Ends when they agree in as many. A loss that is not
finite on at most half of the ranks is critical at once, and names the first of
them; it ends when all are finite in `steps` steps.

Example: 'rank 2 no longer agrees: its grad norm is 0.04 off the median'.

What to do: stop: all ranks train on what this one spoils. Take its node out, test its
GPU, and go back to a checkpoint from before.

Traps: norms of local gradients, and losses of local batches, never agree, and
are never judged for it; a rank whose loss never was finite does not compute one.

Source: BLOOM's account of a rank whose weights were out of step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, threshold
from runwatch.alerts.rules.ranks.peers import PeerRows, Peers, rank_of
from runwatch.core.block import Block, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LOSS, label

ByRank = Mapping[int, tuple[float, float]]
"""Rank -> its value at one step, and the line of that."""


@dataclass
class RankDivergence(RunRule):
    """Fires when ranks that held the same gradient norm no longer do."""

    name: ClassVar[str] = "rank_divergence"
    summary: ClassVar[str] = "Ranks that held the same gradient norm no longer agree, or one has a NaN loss."
    of_ranks: ClassVar[bool] = True

    same: float = threshold(1e-4, "relative difference within which norms agree")
    differ: float = threshold(1e-3, "relative difference from which they do not")
    agreed: int = threshold(20, "steps in a row that must have agreed before")
    steps: int = threshold(5, "steps in a row that must differ, or agree again")

    _norms: Peers = field(default_factory=Peers, init=False, repr=False)
    _losses: Peers = field(default_factory=Peers, init=False, repr=False)
    _same: int = field(default=0, init=False, repr=False)
    _apart: int = field(default=0, init=False, repr=False)
    _trusted: bool = field(default=False, init=False, repr=False)
    _firing: bool = field(default=False, init=False, repr=False)
    _computes: set[int] = field(default_factory=set, init=False, repr=False)
    """Ranks that printed a finite loss."""
    _broken: int | None = field(default=None, init=False, repr=False)
    """The rank whose loss is not finite, while that fires."""
    _sound: int = field(default=0, init=False, repr=False)
    """Steps in a row in which all losses were finite."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Take the norms and losses of one rank; judge the steps that all have printed."""
        rank = rank_of(block)
        if rank is None:
            return ()
        for metric, peers in ((GRAD_NORM, self._norms), (LOSS, self._losses)):
            samples = block.samples.get(metric)
            if samples is not None:
                peers.add(rank, samples, block.source)
        return self._close() if block.live else ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare what was read of history."""
        return self._close()

    def _close(self) -> list[Finding]:
        found: list[Finding] = []
        ripe = self._norms.ripe()
        for step, reported in _steps(ripe, len(self._norms)):
            found += self._compare(step, reported, ripe)
        ripe = self._losses.ripe()
        for step, reported in _steps(ripe, len(self._losses)):
            found += self._look(step, reported, ripe)
        return found

    def _compare(self, step: int, reported: ByRank, ripe: Mapping[int, PeerRows]) -> list[Finding]:
        values = np.array([value for value, _ in reported.values()])
        if not np.isfinite(values).all():
            return []
        usual = float(np.median(values))
        apart = np.abs(values - usual) / max(abs(usual), 1e-12)
        worst = float(apart.max())
        self._same = self._same + 1 if worst < self.same else 0
        self._apart = self._apart + 1 if worst > self.differ else 0
        self._trusted |= self._same >= self.agreed
        rank = list(reported)[int(apart.argmax())]
        if self._firing and self._same >= self.steps:
            self._firing = False
            return [self.clear(_place(step, rank, reported), GRAD_NORM)]
        if self._firing or not self._trusted or self._apart < self.steps:
            return []
        self._firing = True
        return [
            self._finding(
                GRAD_NORM,
                f"rank {rank} no longer agrees: its {label(GRAD_NORM)} is {worst:.2g} off the median",
                step,
                rank,
                reported,
                ripe,
                f"the weights of rank {rank} have drifted from those of its peers",
                {"difference": worst},
            )
        ]

    def _look(self, step: int, reported: ByRank, ripe: Mapping[int, PeerRows]) -> list[Finding]:
        bad = [
            rank for rank, (value, _) in reported.items() if not np.isfinite(value) and rank in self._computes
        ]
        self._computes |= {rank for rank, (value, _) in reported.items() if np.isfinite(value)}
        self._sound = 0 if bad else self._sound + 1
        if self._broken is not None and self._sound >= self.steps:
            rank, self._broken = self._broken, None
            return [self.clear(_place(step, rank, reported), LOSS)]
        if self._broken is not None or not bad or 2 * len(bad) > len(reported):
            return []
        rank = self._broken = bad[0]
        value = reported[rank][0]
        return [
            self._finding(
                LOSS,
                f"the loss of rank {rank} is {value:g} at {Place(step, None)}; that of its peers is finite",
                step,
                rank,
                reported,
                ripe,
                f"rank {rank} alone computes what is not a number: its batch, its weights or its GPU",
                {"ranks_not_finite": len(bad)},
            )
        ]

    def _finding(
        self,
        metric: str,
        title: str,
        step: int,
        rank: int,
        reported: ByRank,
        ripe: Mapping[int, PeerRows],
        cause: str,
        evidence: Mapping[str, float | int | str | None],
    ) -> Finding:
        source = ripe[rank].source
        return self.say(
            Verdict.FIRING,
            Severity.CRITICAL,
            title,
            _place(step, rank, reported),
            metric=metric,
            cause=cause,
            advice="Stop; test that GPU, and go back to a checkpoint from before this step.",
            evidence={"failed_rank": rank, "ranks": len(reported), **evidence}
            | ({"source": source} if source else {}),
        )


def _place(step: int, rank: int, reported: ByRank) -> Place:
    """Return where a rank printed a step: a rank that recovers may not have printed this one."""
    return Place(step, int(reported[rank][1]) if rank in reported else None)


def _steps(ripe: Mapping[int, PeerRows], ranks: int) -> Iterator[tuple[int, ByRank]]:
    """Yield the steps that nearly all of `ranks` printed, with what each printed, oldest first."""
    reported: dict[int, dict[int, tuple[float, float]]] = {}
    for rank, rows in ripe.items():
        for step, value, line in zip(
            rows.step.tolist(), rows.value.tolist(), rows.line.tolist(), strict=True
        ):
            reported.setdefault(int(step), {})[rank] = (value, line)
    return ((step, reported[step]) for step in sorted(reported) if len(reported[step]) >= max(2, 0.9 * ranks))
