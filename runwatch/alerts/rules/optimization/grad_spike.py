"""The gradient norm jumped far above its recent level.

Reason: gradients lead the loss. In BLOOM's log the norm went 0.24, 0.95, 2.4,
16, 145, 960 and was five times its median two steps before the loss moved.
Formula, in y = ln(norm) against the rolling baseline (median m, deviation s,
at least 0.05): a row spikes when y - m > z * s and norm >= `factor` medians.
By itself a note, since most spikes are clipped and forgotten. A warning when it
is `huge`, and half as many deviations again above the median as a spike must be,
or when `several` rows in a row are above `high` medians; critical when
`sustained` are, and the norm is not below a tenth of its peak again. It ends after 20 rows
below `factor` medians, or after 256 rows, when the new level is the usual one.

Example: 'grad norm rose to 38x its median at step 1,602', three rows before the
loss.

What to do: watch the loss. If it follows, go back to the checkpoint before it; if
spikes come often, clip lower or lengthen the warm-up.

Traps: the first rows of a run (`warmup`) have no usual level; a norm printed as
0.000 was not computed and has no logarithm; norms of clipped gradients cannot
spike; some healthy runs spike again and again, and their loss does not mind:
counting spikes means nothing.

Sources: BLOOM's chronicles; ZClip and OLMo-core, which judge the gradient norm by its
recent mean and deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Baseline, grow, positive
from runwatch.alerts.rules.common.wording import fold, rose_at
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, label

_FADED = 0.1
"""Part of the peak below which a spike is fading."""


@dataclass
class _Spike:
    """A spike that is not over; norms are in multiples of the median before it."""

    where: Place
    median: float
    sigma: float
    """Robust deviation of ln(norm) before it."""
    highest: Place
    """Where the peak is."""
    peak: float = 0.0
    rows: int = 0
    high: int = 0
    """Rows in a row above `high` medians."""
    calm: int = 0
    back: Place | None = None
    firing: Severity | None = None


@dataclass
class GradSpike(MetricRule, RankRule):
    """Fires at a sudden rise of the gradient norm."""

    name: ClassVar[str] = "grad_spike"
    about = GRAD_NORM
    summary: ClassVar[str] = "The gradient norm jumped far above its recent level."

    z: float = threshold(8.0, "robust deviations above the rolling median that make a spike")
    factor: float = threshold(5.0, "least multiple of the rolling median that is a spike")
    huge: float = threshold(100.0, "multiple of the rolling median that is a warning by itself")
    high: float = threshold(10.0, "multiple of the rolling median that matters when it lasts")
    several: int = threshold(3, "rows in a row above high that are a warning")
    sustained: int = threshold(10, "rows in a row above high that are critical")
    calm: ClassVar[int] = 20
    """Rows in a row below factor that end a spike."""
    settle: ClassVar[int] = 256
    """Rows after which a new level counts as usual."""
    warmup: int = threshold(50, "first rows of a run, which are not judged")

    _baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.05), init=False, repr=False)
    _spike: _Spike | None = field(default=None, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._baseline = Baseline(floor=0.05)
        return [self._end(where)] if self._spike else []

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        rows = positive(rows)
        start = self._baseline.rows
        y = np.log(rows.value)
        usual, sigma = self._baseline.judge(y)
        spikes = y - usual > np.maximum(self.z * sigma, log(self.factor))
        spikes[: max(0, self.warmup - start)] = False
        candidates = np.flatnonzero(spikes)
        found: list[Finding] = []
        row = 0
        while row < len(rows):
            if self._spike is None:
                ahead = candidates[np.searchsorted(candidates, row) :]
                if not len(ahead):
                    break
                row = int(ahead[0])
                where = place(rows, row)
                self._spike = _Spike(where, grow(float(usual[row])), float(sigma[row]), where)
            found += self._follow(self._spike, rows, row)
            row += 1
        return found

    def _follow(self, spike: _Spike, rows: Samples, row: int) -> list[Finding]:
        """Judge one row of a spike; the first is the spike itself."""
        multiple = float(rows.value[row]) / spike.median
        spike.rows += 1
        if multiple < self.factor:
            spike.back = spike.back or place(rows, row)
            spike.calm += 1
            spike.high = 0
            ends = spike.calm >= self.calm or spike.rows >= self.settle
            return [self._end(spike.back)] if ends else []
        spike.back, spike.calm = None, 0
        if spike.rows >= self.settle:
            return [self._end(place(rows, row))]
        if multiple > spike.peak:
            spike.peak, spike.highest = multiple, place(rows, row)
        spike.high = spike.high + 1 if multiple > self.high else 0
        severity = spike.firing or Severity.INFO
        huge = spike.peak >= self.huge and log(spike.peak) > 1.5 * self.z * spike.sigma
        if severity is Severity.INFO and (huge or spike.high >= self.several):
            severity = Severity.WARNING
        if spike.high >= self.sustained and multiple > _FADED * spike.peak:
            severity = Severity.CRITICAL
        if severity is spike.firing:
            return []
        spike.firing = severity
        more = f", and stays above {self.high:.0f}x" if severity is Severity.CRITICAL else ""
        size = f"rose to {fold(spike.peak)} its median"
        rise = rose_at(size, spike.where, spike.highest)
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(GRAD_NORM)} {rise}{more}",
                spike.where,
                metric=GRAD_NORM,
                advice="" if severity is Severity.INFO else _ADVICE,
                evidence={"median": spike.median, "peak": spike.peak * spike.median, "multiple": spike.peak},
            )
        ]

    def _end(self, where: Place) -> Finding:
        self._spike = None
        return self.clear(where, GRAD_NORM)


_ADVICE = (
    "Watch the loss: if it follows, lower the learning rate or clip gradients, and look at these batches."
)
