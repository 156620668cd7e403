"""The score of the evaluations has stopped rising, or is back where it began.

Reason: the score is what a run is for; when it does not improve the run may stop, and the
checkpoint to keep is the one of the best. Nobody has to be woken for it, so it is a note.
Formula: of the evaluations of a score (accuracy, F1 and the like: more is better) none of
the last max(`evals`, half of all so far) is above the best before them. Reported at the best;
ends at the next better one. A warning where a score of all that is tested (no class by name, no agent's) has
lost what it had gained: the newest `lost`, and a tenth of all, are nearer to the lowest value before the
highest median of three than a tenth of the way up to that, which was a quarter of it, and a tenth of all
that can be right, at least; one of the three before them was above the middle of the way; and their order
does not say that they rise. That ends with one which is above the middle again.

Example: 'SCORE has not risen above 0.59 for 8 evaluations, since step 400'.

What to do: nothing has to be done. The checkpoint to keep is the one of the best score. Of one that is back
where it began, look at predictions and at the weights that are evaluated, and go back to that checkpoint.

Traps: a perfect score (1 or 100) cannot rise; a score of every training row is no evaluation, and is not
looked at; where classes or tasks are added the score falls step by step, and rises between; after a restart
it gains from where it is; what is above 100 is no share of what is right.

Source: early stopping with a patience; spaCy's is 1,600 steps, eight evaluations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, in_stream_order, place, threshold
from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.evaluations import evaluations
from runwatch.alerts.rules.common.trend import falls
from runwatch.alerts.rules.optimization.score_floor import is_of_all
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import SCORE, goal, label

_PERFECT = frozenset({1.0, 100.0})
_NOTHING, _FAR = 0.1, 0.75
"""Part of what was gained up to which a score is back where it began; it had risen from below that part."""
_WHOLE, _LEAST = 100.0, 0.1
"""A score of which all is right, in per cent; part of that which was gained at least."""
_PART = 0.1
"""Of all evaluations, that must be."""
_KEPT = 16
"""Newest values by which it is judged whether they rise again."""


@dataclass
class _Gain:
    """What a score has gained since it began, and whether that is lost."""

    newest: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    lowest: float = np.inf
    """Of all but the newest three."""
    low: float = np.inf
    """The lowest before the highest median of three."""
    high: float = -np.inf
    """That median."""
    under: int = 0
    """Newest values that are no better than the lowest before."""
    since: Place = NOWHERE
    """Where the first of those is."""
    sudden: bool = False
    """Whether one of the three before that was above the middle of what had been gained."""
    offset: float = -np.inf
    """Where the newest value is in the log."""

    def take(self, value: float, here: Place) -> None:
        """Take the next value."""
        before = list(self.newest)[-3:]
        self.lowest = min(self.lowest, before[0]) if len(before) == 3 else self.lowest
        self.newest.append(value)
        whole = 1.0 if self.high <= 1 else _WHOLE
        rose = self.low < min(_FAR * self.high, self.high - _LEAST * whole) and self.high <= whole
        gone = rose and value < self.low + _NOTHING * (self.high - self.low)
        if gone and not self.under:
            self.since, self.sudden = here, max(before) > (self.low + self.high) / 2
        self.under = self.under + 1 if gone else 0
        level = middle([*before[-2:], value])
        if self.lowest < np.inf and level > self.high:
            self.high, self.low = level, self.lowest

    def is_lost(self, least: float) -> bool:
        """Whether it was lost at once, for so many values, which do not rise again by their order."""
        return self.sudden and self.under >= least and not falls(-np.array(self.newest)[-self.under :], 1.0)


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
    gain: _Gain = field(default_factory=_Gain)
    firing: Severity | None = None


@dataclass
class ScorePlateau(RankRule):
    """Notes when the score of the evaluations does not improve."""

    name: ClassVar[str] = "score_plateau"
    summary: ClassVar[str] = (
        "The score of the evaluations has stopped rising (a note), or is back where it began (a warning)."
    )

    evals: int = threshold(8, "evaluations in a row without a better one, at least")
    part: float = threshold(0.5, "of the evaluations so far, at least")
    lost: int = threshold(5, "evaluations in a row that are no better than before it rose, at least")

    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)
    _restarts: list[int] = field(default_factory=list, init=False, repr=False)
    """Offsets of the restarts in the newest block, and of the one before."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the scores of a block."""
        self._restarts = [*self._restarts[-1:], *block.restarts]
        found: list[tuple[float, Finding]] = []
        for name, samples in block.samples.items():
            if _is_score(name):
                found += self._walk(name, self._watches.setdefault(name, _Watch()), samples)
        return in_stream_order(found)

    def _walk(self, name: str, watch: _Watch, samples: Samples) -> list[tuple[float, Finding]]:
        found: list[tuple[float, Finding]] = []
        rows, watch.step = evaluations(samples, watch.step)
        for row in rows:
            offset = float(samples.offset[row])
            if any(watch.gain.offset < restart <= offset for restart in self._restarts):
                watch.gain = _Gain()
            watch.gain.offset = offset
            said = self._take(name, watch, float(samples.value[row]), place(samples, row))
            found += [(offset, finding) for finding in said]
        return found

    def _take(self, name: str, watch: _Watch, value: float, here: Place) -> list[Finding]:
        gain, found = watch.gain, list[Finding]()
        watch.count, watch.since = watch.count + 1, watch.since + 1
        gain.take(value, here)
        back = watch.firing is Severity.WARNING and value > (gain.low + gain.high) / 2
        if value > watch.best or back:
            found = self.resolve(watch, here, name)
        if value > watch.best:
            watch.best, watch.where, watch.since = value, here, 0
        severity = self._severity(name, watch)
        if severity is None or not severity.exceeds(watch.firing):
            return found
        watch.firing = severity
        return [*found, self._finding(name, watch, value)]

    def _severity(self, name: str, watch: _Watch) -> Severity | None:
        if watch.gain.is_lost(max(self.lost, _PART * watch.count)) and is_of_all(name):
            return Severity.WARNING
        stays = watch.since >= max(self.evals, self.part * watch.count) and watch.best not in _PERFECT
        return Severity.INFO if stays else None

    def _finding(self, name: str, watch: _Watch, value: float) -> Finding:
        lost = watch.firing is Severity.WARNING
        title = f"{label(name)} has not risen above {watch.best:.4g} for {watch.since} evaluations, "
        title += f"since {watch.where}"
        if lost:
            title = f"{label(name)} is back at {value:.4g}, and was {watch.best:.4g} at {watch.where}"
        return self.say(
            Verdict.FIRING,
            watch.firing or Severity.INFO,
            title,
            watch.gain.since if lost else watch.where,
            metric=name,
            cause="it has lost what it had gained" if lost else "",
            advice=f"Look at predictions; go back to the checkpoint near {watch.where}." if lost else "",
            evidence={"best": watch.best, "best_step": watch.where.step, "now": value},
        )


def _is_score(name: str) -> bool:
    """Return whether a metric is the score of an evaluation: spaCy's, or one of validation."""
    return name == SCORE or (name.startswith("val/") and goal(name) == "max")
