"""Nearly every gradient is clipped: the norm that is printed is at its ceiling.

Reason: where each step is cut to the same length the learning rate is in truth
another one, and is usually too high, or the data have become noisier.
Formula: among the last 200 rows, judged every 50, the share of gradient norms at
their highest value, to one part in a thousand, is above `many`, and was below `few`
at an earlier point with the same ceiling. A note. Ends when it is below `few`.

Example: 'the gradient norm has been at its ceiling of 1 in 97% of the last 200 logged steps'.

What to do: nothing tonight. Lower the learning rate or raise the limit of the clipping
in the next run.

Traps: most trainers print the norm before it is clipped, which has no ceiling; a run
that was clipped from the beginning is as it was meant, or has its norm printed after
clipping with a small limit; norms that are rounded to one digit repeat, so the ceiling
must be the highest value of all.

Source: none; RLlib and some scripts print the norm after clipping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, positive
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM

_CELL, _CELLS = 50, 4
"""Rows whose highest is remembered, and how many such cells are judged together."""
_SAME = 0.999


@dataclass
class ClipSaturation(MetricRule):
    """Notes that nearly all gradients are clipped, where they were not before."""

    name: ClassVar[str] = "clip_saturation"
    about = GRAD_NORM
    summary: ClassVar[str] = "Nearly every gradient is clipped, and was not before (a note)."

    many: float = threshold(0.95, "share of the norms at their ceiling that is noted")
    few: float = threshold(0.5, "share below which clipping is usual")

    _windows: Windows = field(default_factory=lambda: Windows(_CELL, _CELL), init=False, repr=False)
    _highest: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _count: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """Of the newest cells: the highest norm, and how many had it."""
    _ceiling: float = field(default=np.nan, init=False, repr=False)
    """The highest value that few norms had."""
    _firing: bool = field(default=False, init=False, repr=False)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._windows, self._highest, self._count = Windows(_CELL, _CELL), np.empty(0), np.empty(0)
        return ()

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        rows = positive(rows)
        start = self._windows.rows
        ends, cells = self._windows.add(rows.value)
        if not len(ends):
            return []
        tops = cells.max(axis=1)
        highest = np.append(self._highest, tops)
        count = np.append(self._count, np.count_nonzero(cells >= _SAME * tops[:, None], axis=1))
        new = len(highest) - len(ends)
        self._highest, self._count = highest[1 - _CELLS :], count[1 - _CELLS :]
        if not self._firing and count.max() < self.few * _CELL:  # no ceiling anywhere, as nearly always
            self._ceiling = float(highest[-_CELLS:].max()) if len(highest) >= _CELLS else self._ceiling
            return []
        found: list[Finding] = []
        for cell in range(max(new, _CELLS - 1), len(highest)):
            last = slice(cell + 1 - _CELLS, cell + 1)
            ceiling = float(highest[last].max())
            share = float(count[last][highest[last] >= _SAME * ceiling].sum()) / (_CELLS * _CELL)
            same = isclose(ceiling, self._ceiling, rel_tol=1 - _SAME)
            turns = share < self.few if self._firing else share > self.many and same
            self._ceiling = ceiling if share < self.few else self._ceiling
            if turns:
                self._firing = not self._firing
                found.append(self._turn(ceiling, share, place(rows, int(ends[cell - new]) - start - 1)))
        return found

    def _turn(self, ceiling: float, share: float, here: Place) -> Finding:
        evidence = {"ceiling": ceiling, "share": share}
        if not self._firing:
            return self.clear(here, GRAD_NORM, evidence=evidence)
        often = f"{share:.0%} of the last {_CELLS * _CELL} logged steps"
        return self.say(
            Verdict.FIRING,
            Severity.INFO,
            f"the gradient norm has been at its ceiling of {ceiling:.4g} in {often}",
            here,
            metric=GRAD_NORM,
            advice="Lower the learning rate, or look whether the newest data are noisier.",
            evidence=evidence,
        )
