"""The training loss oscillates far more than it did, and no longer falls.

Reason: a learning rate that is too high for where the model has come to throws the weights to
and fro; the loss jumps up and down about a level, and no single row is an event.
Formula, in y = ln(loss): s is the 90th percentile of successive differences of 32 rows, as a
Gaussian's deviation, and f the median of the last 20, both taken every 16 rows. Fires when s
is above `least` and `times` the lowest s so far, and f is not below the best f so far, at
`persist` such points in a row. A note; a warning when f is also above the best by ln(1 +
`rise`): `divergence` cannot distinguish that from such noise. Ends when s is below half
of that, or f below that best by ln(1 + `rise`).

Example: 'loss oscillates by 45% from one logged step to the next, 9 times as much as it did, and
no longer falls'.

What to do: lower the learning rate, or let its schedule do so; look at the size of the batches.

Traps: noise grows by ratios where the loss comes near zero, so that nothing is said below a
tenth of the untrained loss; data of two kinds in turn scatter from the beginning; a
loss that falls while it scatters learns.

Source: the sharpness of large rates, Cohen et al. 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, grow, median, swing
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label

_WIDTH, _HOP, _SMOOTH = 32, 16, 20
_LOW = 0.1


@dataclass
class Oscillation(LossRule, RankRule):
    """Fires when the loss has begun to oscillate."""

    name: ClassVar[str] = "oscillation"
    summary: ClassVar[str] = "The training loss oscillates far more than it did, and no longer falls."

    least: float = threshold(0.3, "least deviation of single rows, in ln")
    times: float = threshold(4.0, "times the lowest deviation so far")
    rise: float = threshold(0.2, "rise of the median over its best that makes it a warning, as a fraction")
    persist: int = threshold(6, "evaluations in a row, 16 rows apart, that must agree")

    _windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP), init=False, repr=False)
    _untrained: float = field(default=-np.inf, init=False, repr=False)
    """The highest median so far, ln."""
    _calm: float = field(default=np.inf, init=False, repr=False)
    """The lowest deviation so far."""
    _best: float = field(default=np.inf, init=False, repr=False)
    _then: float = field(default=np.inf, init=False, repr=False)
    """The best when it fired."""
    _over: int = field(default=0, init=False, repr=False)
    _high: int = field(default=0, init=False, repr=False)
    """Points in a row that were also above the best."""
    _since: Place = field(default=NOWHERE, init=False, repr=False)
    _firing: Severity | None = field(default=None, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._windows = Windows(_WIDTH, _HOP)
        self._calm = self._best = np.inf
        return self._clear(where)

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._windows.rows
        ends, windows = self._windows.add(np.log(rows.value))
        if not len(ends):
            return []
        levels, noises = median(np.sort(windows[:, -_SMOOTH:], axis=1)), swing(windows)
        found: list[Finding] = []
        if self._firing is None and self._is_calm(noises):
            self._over = self._high = 0
            self._learn(
                float(np.fmin.reduce(levels)), float(np.fmax.reduce(levels)), float(np.fmin.reduce(noises))
            )
            return found
        for end, level, noise in zip(ends.tolist(), levels.tolist(), noises.tolist(), strict=True):
            found += self._follow(level, noise, place(rows, end - start - 1))
            self._learn(level, level, noise)
        return found

    def _is_calm(self, noises: Floats) -> bool:
        """Return whether none of the next deviations is wide: so it is in most blocks."""
        calm = np.fmin.accumulate([self._calm, *noises[:-1]])
        return not (noises > np.maximum(self.least, self.times * calm)).any()

    def _learn(self, lowest: float, highest: float, calmest: float) -> None:
        """Take what the next medians and deviations reached."""
        self._untrained = max(self._untrained, highest)
        self._calm, self._best = min(self._calm, calmest), min(self._best, lowest)

    def _follow(self, level: float, noise: float, here: Place) -> list[Finding]:
        wide = noise > max(self.least, self.times * self._calm)
        over = wide and level >= self._best and level > self._untrained + log(_LOW)
        self._over = self._over + 1 if over else 0
        self._high = self._high + 1 if over and level > self._best + log(1 + self.rise) else 0
        if self._over == 1 and not self._firing:
            self._since = here
        calm = noise < max(self.least, self.times * self._calm) / 2
        if self._firing and (calm or level < self._then - log(1 + self.rise)):
            return self._clear(here)
        severity = Severity.WARNING if self._high >= self.persist else Severity.INFO
        if self._over < self.persist or not severity.exceeds(self._firing):
            return []
        self._firing, self._then = severity, self._best
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(LOSS)} oscillates by {grow(noise) - 1:.0%} from one logged step to the next, "
                f"{noise / max(self._calm, 1e-3):.0f} times as much as it did, and no longer falls",
                self._since,
                metric=LOSS,
                cause="the learning rate may be too high by now",
                advice="Lower the learning rate, or go back to a checkpoint from before with a lower one.",
                evidence={"noise": noise, "calm": self._calm, "best": grow(self._best), "now": grow(level)},
            )
        ]

    def _clear(self, where: Place) -> list[Finding]:
        self._over = self._high = 0
        if self._firing is None:
            return []
        severity, self._firing = self._firing, None
        return [self.say(Verdict.CLEAR, severity, f"{label(LOSS)} is steady again", where, metric=LOSS)]
