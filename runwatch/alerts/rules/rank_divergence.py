"""Ranks that agreed no longer do: their gradient norms differ at the same step.

Reason: after the gradients are averaged all ranks must hold the same norm. When
one does not, its weights have drifted, by a broken GPU or a lost message, and
the run is spoilt though its loss looks fine.
Formula: the gradient norms of a step are compared when every rank has printed it.
They have agreed to within `same` for `agreed` steps; then they differ by more
than `differ`, relative, in `steps` steps in a row. Critical; the rank furthest
from the median is named. Ends when they agree in as many.

Traps: norms of local gradients, and losses of local batches, never agree, and
are never judged for it.

Source: BLOOM's account of a rank whose weights were out of step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.block import Block
from runwatch.findings import Finding, Severity, Verdict
from runwatch.metrics import GRAD_NORM

_MAX_OPEN = 1024


@dataclass
class RankDivergence(RunRule):
    """Fires when ranks that held the same gradient norm no longer do."""

    name: ClassVar[str] = "rank_divergence"
    summary: ClassVar[str] = "Ranks that held the same gradient norm no longer agree."

    same: float = threshold(1e-4, "relative difference within which norms agree")
    differ: float = threshold(1e-3, "relative difference from which they do not")
    agreed: int = threshold(20, "steps in a row that must have agreed before")
    steps: int = threshold(5, "steps in a row that must differ")

    _open_steps: dict[int, dict[int, float]] = field(default_factory=dict, init=False, repr=False)
    _newest: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    """Rank -> the newest step it printed."""
    _same: int = field(default=0, init=False, repr=False)
    _apart: int = field(default=0, init=False, repr=False)
    _trusted: bool = field(default=False, init=False, repr=False)
    _firing: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Take the norms of one rank; judge the steps that all have printed."""
        samples = block.samples.get(GRAD_NORM)
        if block.rank is None or samples is None:
            return ()
        if block.restarts:
            self._open_steps.clear()
            self._newest.clear()
        for step, value in zip(samples.step.tolist(), samples.value.tolist(), strict=True):
            if np.isfinite(step):
                self._open_steps.setdefault(int(step), {})[block.rank] = value
                self._newest[block.rank] = int(step)
        while len(self._open_steps) > _MAX_OPEN:
            del self._open_steps[min(self._open_steps)]
        if len(self._newest) < 2 or not len(samples):
            return ()
        passed, where = min(self._newest.values()), place(samples, len(samples) - 1)
        found: list[Finding] = []
        for step in sorted(s for s in self._open_steps if s <= passed):
            found += self._compare(step, self._open_steps.pop(step), where)
        return found

    def _compare(self, step: int, norms: dict[int, float], where: Place) -> list[Finding]:
        values = np.array(list(norms.values()))
        if len(values) < 2 or not np.isfinite(values).all():
            return []
        usual = float(np.median(values))
        apart = np.abs(values - usual) / max(abs(usual), 1e-12)
        worst = float(apart.max())
        self._same = self._same + 1 if worst < self.same else 0
        self._apart = self._apart + 1 if worst > self.differ else 0
        self._trusted |= self._same >= self.agreed
        if self._firing and self._same >= self.steps:
            self._firing = False
            return [
                self.say(Verdict.CLEAR, Severity.CRITICAL, "the ranks agree again", Place(step, where.line))
            ]
        if self._firing or not self._trusted or self._apart < self.steps:
            return []
        self._firing = True
        rank = list(norms)[int(apart.argmax())]
        return [
            self.say(
                Verdict.FIRING,
                Severity.CRITICAL,
                f"rank {rank} no longer agrees: its {GRAD_NORM} differs by {worst:.2g} from the median",
                Place(step, where.line),
                metric=GRAD_NORM,
                cause=f"the weights of rank {rank} have drifted from those of its peers",
                advice="Stop; test that GPU, and go back to a checkpoint from before this step.",
                evidence={"rank": rank, "difference": worst, "ranks": len(values)},
            )
        ]
