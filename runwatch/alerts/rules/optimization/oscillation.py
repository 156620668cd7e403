"""The training loss oscillates far more than it did, and no longer falls.

Reason: a learning rate that is too high for where the model has come to throws the weights to
and fro; the loss jumps up and down about a level, and no single row is an event.
Formula, in y = ln(loss): s is the 90th percentile of successive differences of 32 rows, as a
Gaussian's deviation, and f the median of the last 20, both taken every 16 rows. Fires when s
is above `least` and `times` the lowest s that lasted so far (the median of six such points), the same holds
for the loss itself, and f is not below the best f so far, at `persist` such points in a row. Of the first
400 rows two points that do not overlap it are enough, where f was no higher, and half as many in a row: a
loss that was calm at this level, or below, is not one that scatters by its nature. A note; a
warning when f is also above the lowest that lasted by ln(1 + `rise`): `divergence` cannot distinguish that
from such noise. Ends when s is below half of that, or f below that best by ln(1 + `rise`).

Example: 'loss oscillates by 45% from one logged step to the next, 9 times as much as it did, and
no longer falls'.

What to do: lower the learning rate, or let its schedule do so; look at the size of the batches.

Traps: noise grows by ratios where the loss comes near zero, as that of batches does which are easy by
now, so that the loss itself must scatter too, and nothing is said below a
tenth of the untrained loss; data of two kinds in turn scatter from the beginning, and so does the
loss of a random part of the work (diffusion), whose first rows alone, untrained, are alike; a
loss that falls while it scatters learns.

Source: the sharpness of large rates, Cohen et al. 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, grow, median, swing
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label

_WIDTH, _HOP, _SMOOTH = 32, 16, 20
_HIGHEST = 300.0
"""ln of a loss above which it is as good as infinite."""
_LASTS = 6
"""Deviations in a row whose median has lasted: a single one is low by chance, or before the data differ."""
_EARLY = 25
"""Points of the rows, 400, of which fewer are enough."""
_LOW = 0.1
_ROUNDING = 1e-9
"""Difference of two medians that rounding may make."""


class _Lowest:
    """The lowest value that has lasted: the lowest median of as many in a row."""

    def __init__(self) -> None:
        self._newest = np.empty(0)
        self._lowest = np.inf

    def add(self, values: Floats) -> Floats:
        """Take the next values (n,); return the lowest (n + 1,) before each, and after all."""
        known = np.concatenate([self._newest, values])
        self._newest = known[-_LASTS:].copy()
        lasting = np.full(len(values), np.inf)
        if len(known) >= _LASTS:
            medians = np.median(sliding_window_view(known, _LASTS), axis=1)[-len(values) :]
            lasting[len(values) - len(medians) :] = medians
        lowest: Floats = np.fmin.accumulate(np.append(self._lowest, lasting))
        self._lowest = float(lowest[-1])
        return lowest


class _Early:
    """What the first points show: how calm it was, at two of them in a row, at a level or below."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float, float]] = []
        """Level, deviation in ln, and of the loss itself."""

    def add(self, points: Floats) -> Floats:
        """Take points (n, 3); return for each (n, 3) the calmest two before, infinite where unknown."""
        calm = np.full(points.shape, np.inf)
        for row, point in enumerate(points[: _EARLY - len(self._points)].tolist()):
            known = zip(self._points[:-2], self._points[1:-1], strict=True)
            pairs = [(b[0], max(a[1], b[1]), max(a[2], b[2])) for a, b in known if b[0] <= point[0]]
            calm[row] = min(pairs, key=lambda pair: pair[1], default=calm[row])
            self._points.append(tuple(point))
        return calm


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
    _calm: _Lowest = field(default_factory=_Lowest, init=False, repr=False)
    """Of the deviations."""
    _flat: _Lowest = field(default_factory=_Lowest, init=False, repr=False)
    """Of those of the loss itself, not of its logarithm."""
    _low: _Lowest = field(default_factory=_Lowest, init=False, repr=False)
    """Of the medians."""
    _early: _Early = field(default_factory=_Early, init=False, repr=False)
    _best: float = field(default=np.inf, init=False, repr=False)
    _then: float = field(default=np.inf, init=False, repr=False)
    """The best when it fired."""
    _over: int = field(default=0, init=False, repr=False)
    _high: int = field(default=0, init=False, repr=False)
    """Points in a row that were also above the best."""
    _since: Place = field(default=NOWHERE, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._windows, self._best = Windows(_WIDTH, _HOP), np.inf
        self._calm, self._flat, self._low, self._early = _Lowest(), _Lowest(), _Lowest(), _Early()
        return self._clear(where)

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._windows.rows
        ends, windows = self._windows.add(np.log(rows.value))
        if not len(ends):
            return []
        levels, noises = median(np.sort(windows[:, -_SMOOTH:], axis=1)), swing(windows)
        heights = swing(np.exp(np.minimum(windows, _HIGHEST)))
        found: list[Finding] = []
        early = self._early.add(np.stack([levels, noises, heights], axis=1))
        lows = np.fmin(self._low.add(levels)[:-1], early[:, 0])
        calms = np.fmin(self._calm.add(noises)[:-1], early[:, 1])
        flats = np.fmin(self._flat.add(heights)[:-1], early[:, 2])
        wide = (noises > self.times * calms) & (heights > self.times * flats) & (noises > self.least)
        if self.firing is None and not wide.any():  # as in most blocks
            self._over = self._high = 0
            self._learn(float(np.fmin.reduce(levels)), float(np.fmax.reduce(levels)))
            return found
        points = zip(*(part.tolist() for part in (ends, wide, levels, noises, calms, lows)), strict=True)
        for end, is_wide, level, noise, calm, low in points:
            here = place(rows, int(end) - start - 1)
            persist = self.persist if end > _WIDTH + _EARLY * _HOP else self.persist / 2
            found += self._follow(level, noise, calm, low, here, persist, wide=bool(is_wide))
            self._learn(level, level)
        return found

    def _learn(self, lowest: float, highest: float) -> None:
        """Take what the next medians reached."""
        self._untrained, self._best = max(self._untrained, highest), min(self._best, lowest)

    def _follow(
        self, level: float, noise: float, calm: float, low: float, here: Place, persist: float, *, wide: bool
    ) -> list[Finding]:
        over = wide and level > self._best - _ROUNDING and level > self._untrained + log(_LOW)
        self._over = self._over + 1 if over else 0
        self._high = self._high + 1 if over and level > low + log(1 + self.rise) else 0
        if self._over == 1 and not self.firing:
            self._since = here
        steady = noise < max(self.least, self.times * calm) / 2
        if self.firing and (steady or level < self._then - log(1 + self.rise)):
            return self._clear(here)
        severity = Severity.WARNING if self._high >= persist else Severity.INFO
        if self._over < persist or not severity.exceeds(self.firing):
            return []
        self.firing, self._then = severity, self._best
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(LOSS)} oscillates by {grow(noise) - 1:.0%} from one logged step to the next, "
                f"{noise / max(calm, 1e-3):.0f} times as much as it did, and no longer falls",
                self._since,
                metric=LOSS,
                cause="the learning rate may be too high by now",
                advice="Lower the learning rate, or go back to a checkpoint from before with a lower one.",
                evidence={"noise": noise, "calm": calm, "best": grow(self._best), "now": grow(level)},
            )
        ]

    def _clear(self, where: Place) -> list[Finding]:
        self._over = self._high = 0
        return self.resolve(self, where, LOSS)
