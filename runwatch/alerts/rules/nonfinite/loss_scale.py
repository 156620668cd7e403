"""The loss scale of half precision collapses: every scale that is tried overflows.

Reason: in OPT's and GLM's logs the scale hits its least value a few dozen steps
before the loss explodes.
Formula: the scale has been halved `halvings` times or more below its highest of the
last `window` rows: a warning; at 1 or below, having been above 1: critical.
Ends when the scale has doubled again.

Example: 'the loss scale fell from 6.554e+04 to 1 within 50 logged steps'.

What to do: expect NaN soon. Save if you can, lower the learning rate or clip harder, or
train in bf16, from a checkpoint before the fall began.

Traps: the first rows (`search`) look for a scale and may halve it at every
step; a scale of 1 from the beginning is no scaling.

Sources: the chronicles of OPT-175B and GLM-130B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS_SCALE


@dataclass
class LossScale(MetricRule, RankRule):
    """Fires when the fp16 loss scale keeps falling."""

    name: ClassVar[str] = "loss_scale"
    about = LOSS_SCALE
    summary: ClassVar[str] = "The fp16 loss scale keeps falling: every step overflows."

    halvings: int = threshold(8, "halvings within the window that are a warning")
    window: int = threshold(50, "rows within which the scale fell")
    search: int = threshold(100, "first rows, in which the scale is searched")

    _rows: int = field(default=0, init=False, repr=False)
    _tail: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _low: float = field(default=0.0, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._rows, self._tail = 0, np.empty(0)
        return self.resolve(self, where, LOSS_SCALE)

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        carried = len(self._tail)
        data = np.concatenate([self._tail, rows.value])
        self._tail = data[-self.window :].copy()
        start, self._rows = self._rows, self._rows + len(rows)
        if self.firing is None and data.min(initial=np.inf) == data.max(initial=-np.inf):
            return []
        found: list[Finding] = []
        changed = np.flatnonzero(np.diff(data, prepend=np.nan)[carried:] != 0)
        for row in changed.tolist():
            scale = float(rows.value[row])
            high = float(data[max(0, carried + row - self.window) : carried + row + 1].max())
            if self.firing:
                self._low = min(self._low, scale)
                if scale >= 2 * self._low:
                    found += self.resolve(self, place(rows, row), LOSS_SCALE)
                    continue
            if start + row < self.search or not 0 < scale < np.inf:
                continue
            severity = self.firing
            if high > 1 >= scale:
                severity = Severity.CRITICAL
            elif high >= scale * 2**self.halvings:
                severity = severity or Severity.WARNING
            if severity is not None and severity is not self.firing:
                self.firing, self._low = severity, scale
                found.append(
                    self.say(
                        Verdict.FIRING,
                        severity,
                        f"the loss scale fell from {high:.4g} to {scale:.4g} "
                        f"within {self.window} logged steps",
                        place(rows, row),
                        metric=LOSS_SCALE,
                        cause="gradients overflow in half precision",
                        advice="Use bf16 or clip gradients; go back to a checkpoint from before it fell.",
                        evidence={"highest": high, "now": scale},
                    )
                )
        return found
