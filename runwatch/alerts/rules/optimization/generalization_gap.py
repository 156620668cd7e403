"""The validation loss stays flat while the training loss falls far below it.

Reason: what a run still learns then holds for its own data alone. A validation loss that rises
shows that, too; one that stays flat from early on does not look like a fault, and costs as much.
Formula: no evaluation is below the best by `fall`, for max(`evals`, `part` of all so far) in a row,
and the median of the newest three is at most `near` above it; the median training loss of 64 rows
fell to half of what it was at that best, to less than half of that best, and `gap` below it. A note;
where it has risen, `validation` says what that costs. A warning where `frozen` evaluations in a row are one
value of four digits or more, while the training loss fell by a tenth, and by the order of what it was before
each of them (the test of Mann and Kendall): they do not see what is trained. Ends
with a better evaluation, or another one.

Example: 'val loss has not fallen below 1.02 for 9 evaluations, since step 400, while train loss fell to 0.2'.

What to do: keep the checkpoint of the best evaluation; add data or regularization, or stop.

Traps: the score of a classifier may still rise where its loss does not; runs that keep their
best checkpoint may mean it. A validation loss that rises is judged by `validation`.

Source: the gap between training and validation in any guide to training, as in Goodfellow et al., 2016.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.chance import is_telling
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.evaluations import Launches
from runwatch.alerts.rules.common.trend import falls
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, VAL_LOSS, label

_HALF = 0.5
_LEAST = 1e-3
"""Of the training loss, what an evaluation is above that is not as good as a program can print."""
_TRAINED, _FEW = 0.9, 3
"""Of the training loss at the first three evaluations of that value, what shows that weights have changed."""


@dataclass
class _Watch:
    """What is remembered of the evaluations."""

    best: float = np.inf
    where: Place = NOWHERE
    train: float = np.nan
    """Median training loss at the best."""
    count: int = 0
    since: int = 0
    """Evaluations since the best."""
    step: float = -np.inf
    begin: float = -np.inf
    """Where the run before this one was evaluated last, in the log."""
    offset: float = -np.inf
    """Where it was evaluated last."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=3))
    same: int = 1
    """Newest evaluations of one value."""
    trained: deque[float] = field(default_factory=lambda: deque(maxlen=24))
    """Median training losses before each of them."""
    firing: Severity | None = None


@dataclass
class GeneralizationGap(RankRule):
    """Fires when training improves and validation does not."""

    name: ClassVar[str] = "generalization_gap"
    summary: ClassVar[str] = "The training loss falls far below a validation loss that stays flat."

    evals: int = threshold(6, "evaluations in a row without a better one, at least")
    part: float = threshold(0.5, "of the evaluations so far, at least")
    fall: float = threshold(0.02, "fall of the validation loss that is an improvement, as a fraction")
    near: float = threshold(0.1, "rise over the best up to which it stays flat, as a fraction")
    gap: float = threshold(0.3, "least gap between validation and training loss")
    frozen: int = threshold(10, "evaluations in a row, equal to the last digit, that are a warning")

    _recent: Recent = field(default_factory=Recent, init=False, repr=False)
    _launches: Launches = field(default_factory=Launches, init=False, repr=False)
    _watch: _Watch = field(default_factory=_Watch, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the evaluations of a block."""
        self._recent.push(block.samples.get(LOSS))
        self._launches.push(block)
        found: list[Finding] = []
        samples = block.samples.get(VAL_LOSS)
        if samples is not None:
            for row in np.flatnonzero(np.isfinite(samples.value) & (samples.value > 0)).tolist():
                found += self._take(samples, row)
        return found

    def _take(self, samples: Samples, row: int) -> list[Finding]:
        value, here = float(samples.value[row]), place(samples, row)
        step, offset = float(samples.step[row]), float(samples.offset[row])
        found: list[Finding] = []
        again = step == self._watch.step and self._launches.between(self._watch.offset, offset)
        if step < self._watch.step or again:  # another run, or one that went back
            found = self.resolve(self._watch, here, VAL_LOSS)
            self._watch = _Watch(begin=self._watch.offset)
        watch = self._watch
        before, watch.offset = watch.offset, offset
        if step == watch.step:  # a line of the same evaluation
            return found
        watch.step, watch.count, watch.since = step, watch.count + 1, watch.since + 1
        watch.same = watch.same + 1 if watch.newest and value == watch.newest[-1] else 1
        if watch.same == 1:
            watch.trained.clear()
        watch.trained.append(self._train(offset, before))
        watch.newest.append(value)
        train = self._train(offset, watch.begin)
        if watch.firing is Severity.WARNING and watch.same == 1:
            found += self.resolve(self._watch, here, VAL_LOSS)
        if value < watch.best * (1 - self.fall):
            found += self.resolve(self._watch, here, VAL_LOSS)
            watch.best, watch.where, watch.train, watch.since = value, here, train, 0
            return found
        if self._is_frozen(watch, value):
            severity = Severity.WARNING
        elif self._is_flat(watch, train):
            severity = Severity.INFO
        else:
            return found
        if not severity.exceeds(watch.firing):
            return found
        watch.firing = severity
        return [*found, self._finding(watch, train, here)]

    def _is_frozen(self, watch: _Watch, value: float) -> bool:
        """Whether evaluations print one and the same value, though training changes the weights."""
        trained = [train for train in watch.trained if isfinite(train)]
        if watch.same < self.frozen or len(trained) < self.frozen - 1:
            return False
        first = middle(trained[:_FEW])
        several = is_telling(value) and value > _LEAST * first  # else it may be as good as it gets
        return several and middle(trained[-_FEW:]) < _TRAINED * first and falls(np.array(trained))

    def _is_flat(self, watch: _Watch, train: float) -> bool:
        """Whether no better evaluation came, while the training loss fell far below."""
        if watch.since < max(self.evals, self.part * watch.count):
            return False
        fell = 0 <= train < _HALF * min(watch.train, watch.best) and watch.best - train > self.gap
        return fell and middle(list(watch.newest)) <= watch.best * (1 + self.near)

    def _finding(self, watch: _Watch, train: float, here: Place) -> Finding:
        best = f"{watch.best:.4g} for {watch.since} evaluations, since {watch.where}"
        title = f"{label(VAL_LOSS)} has not fallen below {best}, while {label(LOSS)} fell to {train:.4g}"
        cause = "it overfits: what it still learns does not hold for other data"
        advice = f"Keep the checkpoint near {watch.where}; add data or regularization."
        if watch.firing is Severity.WARNING:
            title = f"{label(VAL_LOSS)} has been {watch.newest[-1]:.6g} in {watch.same} evaluations in a row"
            cause = f"they do not see what is trained: {label(LOSS)} fell to {train:.4g}"
            advice = "Check which weights and which data are evaluated."
        return self.say(
            Verdict.FIRING,
            watch.firing or Severity.INFO,
            title,
            here,
            metric=VAL_LOSS,
            cause=cause,
            advice=advice,
            evidence={"best": watch.best, "best_step": watch.where.step, "now": train, "then": watch.train},
        )

    def _train(self, offset: float, since: float) -> float:
        """Return the median training loss of up to 64 rows after `since`, up to an offset."""
        values = self._recent.finite(offset, 64, since)
        return middle(values) if values else np.nan
