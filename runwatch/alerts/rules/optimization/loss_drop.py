"""The training loss fell too far, too fast, to be true.

Reason: labels that leak into the inputs, a mask that hides all tokens, or data
that was seen before make a loss collapse; the run looks its best then.
Formula, in y = ln(loss) against the rolling baseline (median m, deviation s): m - y
> max(z * s, -ln(1 - fall)) in `rows` rows in a row: a warning. It ends when the
loss is above half of the fall for as many rows, or after 256 rows. As many rows must
never have been as low before: a loss that comes back from a spike only returns.

Example: 'loss fell 58% at step 2,100, and stays there': labels had leaked into the
inputs.

What to do: do not trust the run before you know why: look for labels in the inputs, a
mask that hides all tokens, or data read twice.

Traps: the first rows of a run fall fast (`warmup`); a decay of the learning
rate lowers a loss by a few per cent, one by a factor of 10 by 40 %, and a new epoch reads all data again, so
that a fall in the first 64 rows behind either must be twice `fall`, in ln; a loss of few printed digits
halves in a single step of rounding; below a fiftieth of the untrained loss all is learned, and
ratios say nothing; a loss that is printed as the mean since its epoch began jumps at each
border to where single rows were before.

Source: ml-engineering's notes on data read twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, Floats, Rounding, grow
from runwatch.alerts.rules.common.context import Recent, lr_fell
from runwatch.alerts.rules.common.epoch_mean import EpochMean
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LEARNING_RATE, LOSS, label

_FIRST, _NOTHING = 16, 0.02
"""Rows that give the untrained loss, and the part of it below which a fall says nothing."""
_SINCE = 64
"""Rows after an epoch began, or the rate fell by half, in which those before it are what is usual."""


@dataclass
class _Fall:
    """Rows far below the usual level."""

    where: Place
    level: float
    least: float
    """How far below counts."""
    rows: int = 0
    low: int = 0
    back: int = 0
    firing: bool = False
    known: float = np.inf
    """The lowest level at which as many rows had been."""
    highest: float = -np.inf
    """Highest of the newest rows in a row that are low."""


@dataclass
class LossDrop(LossRule, RankRule):
    """Fires when the loss collapses to a fraction of what it was."""

    name: ClassVar[str] = "loss_drop"
    summary: ClassVar[str] = "The training loss fell too far and too fast to be true."

    z: float = threshold(12.0, "robust deviations below the rolling median")
    fall: float = threshold(0.35, "least fall below the rolling median, as a fraction")
    rows: int = threshold(8, "rows in a row that must be that low")
    settle: ClassVar[int] = 256
    """Rows after which a new level counts as usual."""
    warmup: int = threshold(200, "first rows of a run, which are not judged")

    _baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.002), init=False, repr=False)
    _means: EpochMean = field(default_factory=EpochMean, init=False, repr=False)
    _rate: Recent = field(default_factory=lambda: Recent(_SINCE), init=False, repr=False)
    _rounding: Rounding = field(default_factory=Rounding, init=False, repr=False)
    _fall: _Fall | None = field(default=None, init=False, repr=False)
    _tail: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """ln(loss) of the newest rows."""
    _lowest: float = field(default=np.inf, init=False, repr=False)
    _untrained: float = field(default=-np.inf, init=False, repr=False)
    """The highest of the first rows."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it contains besides the loss."""
        self._means.push(block)
        self._rate.push(block.samples.get(LEARNING_RATE))
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._baseline = Baseline(floor=0.002)
        return self._end(self._fall, where) if self._fall else []

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._baseline.rows
        y = np.log(rows.value)
        self._untrained = max(self._untrained, float(y[: max(0, _FIRST - start)].max(initial=-np.inf)))
        usual, sigma = self._baseline.judge(y)
        part = -log(1 - min(self.fall, 0.99))
        least = np.maximum(self.z * sigma, part)
        rounded = 1.5 * self._rounding.add(rows.value) / np.exp(usual)
        least = np.maximum(least, -np.log1p(-np.minimum(rounded, 1 - 1e-9)))
        low = usual - y > least
        low[: max(0, self.warmup - start)] = False
        low &= usual > self._untrained + log(_NOTHING)
        candidates = np.flatnonzero(low)
        known = self._known(y)
        found: list[Finding] = []
        row = 0
        while row < len(rows):
            if self._fall is None:
                ahead = candidates[np.searchsorted(candidates, row) :]
                if not len(ahead):
                    break
                row = int(ahead[0])
                offset, fall = float(rows.offset[row]), float(least[row])
                expected = self._means.begun(offset, _SINCE) or lr_fell(self._rate, offset, _SINCE)
                fall = max(fall, 2 * part) if expected else fall
                border = self._means.border(offset, self.settle)
                level = min(float(usual[row]), log(border.level)) if border else float(usual[row])
                self._fall = _Fall(place(rows, row), level, fall, known=float(known[row]))
            found += self._follow(self._fall, float(y[row]), place(rows, row))
            row += 1
        return found

    def _known(self, y: Floats) -> Floats:
        """Return for each row the lowest level at which `rows` rows in a row had been before it."""
        data = np.concatenate([self._tail, y])
        self._tail = data[-self.rows :].copy()
        levels = np.full(len(data), np.inf)
        if len(data) >= self.rows:
            levels[self.rows - 1 :] = sliding_window_view(data, self.rows).max(axis=1)
        lowest = np.minimum.accumulate(np.append(self._lowest, levels))
        self._lowest = float(lowest[-1])
        before: Floats = lowest[len(data) - len(y) : -1]
        return before

    def _follow(self, fall: _Fall, y: float, here: Place) -> list[Finding]:
        depth = fall.level - y
        fall.rows += 1
        fall.low = fall.low + 1 if depth > fall.least else 0
        fall.highest = max(fall.highest, y) if fall.low else -np.inf
        fall.back = fall.back + 1 if depth < fall.least / 2 else 0
        if (not fall.firing and not fall.low) or fall.back >= self.rows or fall.rows >= self.settle:
            return self._end(fall, here)
        if fall.firing or fall.low < self.rows or fall.highest > fall.known - fall.least / 2:
            return []
        fall.firing = True
        return [
            self.say(
                Verdict.FIRING,
                Severity.WARNING,
                f"{label(LOSS)} fell {1 - grow(-depth):.0%} at {fall.where}, and stays there",
                fall.where,
                metric=LOSS,
                cause="labels leak into the inputs, labels are masked, or data is repeated",
                advice="Look at the batches since this step before you believe it.",
                evidence={"before": grow(fall.level), "now": grow(y)},
            )
        ]

    def _end(self, fall: _Fall, where: Place) -> list[Finding]:
        self._fall = None
        return [self.clear(where, LOSS)] if fall.firing else []
