"""The validation loss rises away from its best, or jumped.

Reason: when validation rises while training falls the run learns its data by heart,
and the checkpoint to keep is an old one.
Formula: `evals` evaluations in a row above the lowest median of three (the best of
many is low by chance) by max(`rise`, 4 s), with s the noise of second differences, and
by `waves` times the second highest rise that was lost again by half; after at least
`least` of them, while the median training loss of 64 rows has not risen since the best.
A single evaluation `jump` times the one before, and 8 s above it, is told at once,
unless single ones have risen half as high twice. Both are warnings, and end with an
evaluation near the best.

Example: 'val loss is 8% above its best of 2.984 at step 2418': it overfits.

What to do: keep the checkpoint of the best evaluation. If it overfits, stop or add data
or regularisation; if it jumped, look at the evaluation's data and at the weights loaded
for it.

Traps: evaluations on random subsets are noisy, which s measures; those of a loss near
zero wander by ratios, and come back, which no overfitting does; lines of one
evaluation that goes on (the same step, no training between) are one evaluation; when
the training loss rises too it diverges, and other rules say so.

Source: early stopping as in Prechelt, 1998, with the noise measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import grow, middle
from runwatch.alerts.rules.context import Recent
from runwatch.alerts.rules.waves import Waves
from runwatch.block import Block, Samples
from runwatch.findings import Finding, Severity, Verdict
from runwatch.metrics import LOSS, VAL_BPB, VAL_LOSS, label

_BEND = 1 / (0.6745 * 6**0.5)
"""Scales the median size of second differences to the deviation of a Gaussian."""


@dataclass
class _Watch:
    """What is remembered of one validation loss."""

    count: int = 0
    best: float = np.inf
    where: Place | None = None
    low: float = np.inf
    """Lowest median of three evaluations in a row: the best of many is low by chance."""
    train: float = np.nan
    """Median training loss at the best."""
    above: int = 0
    last: float = np.nan
    step: float = -np.inf
    older: float = np.nan
    """The evaluation before the last one."""
    offset: float = -np.inf
    """Where the newest line was."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=8))
    """ln of the newest evaluations."""
    single: Waves = field(default_factory=Waves)
    lasting: Waves = field(default_factory=Waves)
    """Rises of single evaluations, and of the lowest of `evals` in a row, that came back."""
    bends: deque[float] = field(default_factory=lambda: deque(maxlen=48))
    """Sizes of the newest second differences: noise without trend."""
    open: bool = False


@dataclass
class Validation(RankRule):
    """Fires when validation gets worse while training does not."""

    name: ClassVar[str] = "validation"
    summary: ClassVar[str] = "The validation loss rises away from its best (overfitting), or jumped."

    rise: float = threshold(0.05, "least rise over the best, as a fraction")
    evals: int = threshold(3, "evaluations in a row that must be above it")
    least: int = threshold(5, "evaluations before anything is said")
    jump: float = threshold(1.5, "times the evaluation before that is told at once")
    waves: float = threshold(2.0, "multiple of the second highest rise so far that was lost again")

    _recent: Recent = field(default_factory=Recent, init=False, repr=False)
    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the validation losses of a block."""
        self._recent.push(block.samples.get(LOSS))
        found: list[Finding] = []
        for metric in (VAL_LOSS, VAL_BPB):
            samples = block.samples.get(metric)
            if samples is not None:
                for row in np.flatnonzero(np.isfinite(samples.value) & (samples.value > 0)).tolist():
                    watch = self._watches.setdefault(metric, _Watch())
                    found += self._take(metric, watch, samples, row)
        return found

    def _take(self, metric: str, watch: _Watch, samples: Samples, row: int) -> list[Finding]:
        value, where, step = float(samples.value[row]), place(samples, row), float(samples.step[row])
        if step < watch.step:  # another run, or one that went back
            found = self._end(metric, watch, where)
            watch = self._watches[metric] = _Watch()
            return found + self._take(metric, watch, samples, row)
        if self._goes_on(watch, step, float(samples.offset[row])):
            return []
        before, watch.last, watch.step = watch.last, value, step
        watch.count += 1
        known = len(watch.bends) >= 2
        noise = _BEND * middle(watch.bends) if known else 0.01 * value
        if watch.count > 2:
            watch.bends.append(abs(value - 2 * before + watch.older))
        watch.older = before
        watch.newest.append(log(value))
        single = self.waves * watch.single.take(watch.newest[-1])
        lasting = self.waves * watch.lasting.take(min(list(watch.newest)[-self.evals :]))
        if len(watch.newest) > 2:
            watch.low = min(watch.low, grow(middle(list(watch.newest)[-3:])))
        train = self._train(float(samples.offset[row]))
        if value <= watch.best:
            watch.best, watch.where, watch.train, watch.above = value, where, train, 0
            return self._end(metric, watch, where)
        margin = max(self.rise * watch.best, 4 * noise, (grow(lasting) - 1) * watch.best)
        watch.above = watch.above + 1 if value > watch.low + margin else 0
        if watch.open:
            return self._end(metric, watch, where) if value < watch.best + margin / 2 else []
        times = value / before if before > 0 else 1.0
        far = value > watch.best * grow(max(single, log(1.2)))
        jumped = times >= self.jump and far and known and value - before > 8 * noise
        learns = not train > 1.03 * watch.train
        rising = watch.above >= self.evals and watch.count >= self.least and learns
        if not jumped and not rising:
            return []
        watch.open = True
        if jumped and watch.above < self.evals:
            title = f"{label(metric)} jumped to {value:.4g}, {times:.1f} times the evaluation before"
            cause = ""
        else:
            rise = f"{label(metric)} is {value / watch.best - 1:.0%} above its best"
            title = f"{rise} of {watch.best:.4g} at {watch.where}"
            cause = "it overfits: the training loss did not rise" if train > 0 else ""
        return [
            self.say(
                Verdict.FIRING,
                Severity.WARNING,
                title,
                where,
                metric=metric,
                cause=cause,
                advice=f"Keep the checkpoint near {watch.where}; stop, or add data or regularisation.",
                evidence={"best": watch.best, "best_step": watch.where and watch.where.step, "now": value},
            )
        ]

    def _goes_on(self, watch: _Watch, step: float, offset: float) -> bool:
        """Return whether a line is of the evaluation that the line before was of."""
        trained = self._recent.until(offset, 1).offset
        same = step == watch.step and not (len(trained) and trained[0] > watch.offset)
        watch.offset = offset
        return same

    def _train(self, offset: float) -> float:
        values = self._recent.until(offset, 64).value
        values = values[np.isfinite(values)]
        return middle(values.tolist()) if len(values) else np.nan

    def _end(self, metric: str, watch: _Watch, where: Place) -> list[Finding]:
        if not watch.open:
            return []
        watch.open, watch.above = False, 0
        title = f"{label(metric)} is near its best again"
        return [self.say(Verdict.CLEAR, Severity.WARNING, title, where, metric=metric)]
