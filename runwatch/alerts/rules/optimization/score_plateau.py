"""The score of the evaluations has stopped rising.

Reason: the score is what a run is for; when it does not improve the run may stop, and the
checkpoint to keep is the one of the best. Nobody has to be woken for it, so it is a note.
Formula: of the evaluations of a score (accuracy, F1 and the like: more is better) none of
the last max(`evals`, half of all so far) is above the best before them. Reported at the best;
ends at the next better one.

Example: 'SCORE has not risen above 0.59 for 8 evaluations, since step 400'.

What to do: nothing has to be done. The checkpoint to keep is the one of the best score.

Traps: a perfect score (1 or 100) cannot rise; a score of every training row is no
evaluation, and is not looked at.

Source: early stopping with a patience; spaCy's is 1,600 steps, eight evaluations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, in_stream_order, place, threshold
from runwatch.alerts.rules.common.evaluations import evaluations
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import SCORE, goal, label

_PERFECT = frozenset({1.0, 100.0})


@dataclass
class _Watch:
    """What is remembered of one score."""

    best: float = -np.inf
    where: Place = NOWHERE
    count: int = 0
    since: int = 0
    """Evaluations since the best."""
    step: float = np.nan
    """Step of the newest one."""
    open: bool = False


@dataclass
class ScorePlateau(RankRule):
    """Notes when the score of the evaluations does not improve."""

    name: ClassVar[str] = "score_plateau"
    summary: ClassVar[str] = "The score of the evaluations has stopped rising (a note)."

    evals: int = threshold(8, "evaluations in a row without a better one, at least")
    part: float = threshold(0.5, "of the evaluations so far, at least")

    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the scores of a block."""
        found: list[tuple[float, Finding]] = []
        for name, samples in block.samples.items():
            if _is_score(name):
                found += self._walk(name, self._watches.setdefault(name, _Watch()), samples)
        return in_stream_order(found)

    def _walk(self, name: str, watch: _Watch, samples: Samples) -> list[tuple[float, Finding]]:
        found = []
        rows, watch.step = evaluations(samples, watch.step)
        for row in rows:
            finding = self._take(name, watch, float(samples.value[row]), place(samples, row))
            if finding is not None:
                found.append((float(samples.offset[row]), finding))
        return found

    def _take(self, name: str, watch: _Watch, value: float, here: Place) -> Finding | None:
        watch.count += 1
        if value > watch.best:
            watch.best, watch.where, watch.since = value, here, 0
            if not watch.open:
                return None
            watch.open = False
            return self.clear(here, name)
        watch.since += 1
        patience = max(self.evals, self.part * watch.count)
        if watch.open or watch.since < patience or watch.best in _PERFECT:
            return None
        watch.open = True
        best = f"{watch.best:.4g} for {watch.since} evaluations, since {watch.where}"
        title = f"{label(name)} has not risen above {best}"
        evidence = {"best": watch.best, "best_step": watch.where.step, "now": value}
        return self.say(Verdict.FIRING, Severity.INFO, title, watch.where, metric=name, evidence=evidence)


def _is_score(name: str) -> bool:
    """Return whether a metric is the score of an evaluation: spaCy's, or one of validation."""
    return name == SCORE or (name.startswith("val/") and goal(name) == "max")
