"""The training loss has stopped improving.

Reason: a plateau is often fine, and often the moment to lower the rate or stop;
nobody has to be woken for it, so it is a note. One at the level of guessing has learned nothing.
Formula: of medians of 64 rows, taken every 64, none of the last max(`rows`, a
quarter of the run so far) is below the best before them by max(`least`, half of
the noise). A warning where the loss began at less than twice that level, rows hardly
scatter, and it is within `chance` of ln(k) for a usual number of classes k. Ends at the
next such improvement.

Example: 'loss has not improved for 896 logged steps, since step 26,240'.

What to do: nothing has to be done. Stop, lower the rate, or let it run to its end as
planned.

Traps: the end of a schedule is flat by design, so nothing is said in the last
fifth of a run whose length is known; losses of both signs are not judged.

Source: PyTorch's ReduceLROnPlateau, which asks the same with a patience.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, log1p
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Windows, grow, spread
from runwatch.alerts.rules.common.chance import guessing
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label
from runwatch.render import numbers

_WIDTH = 64
_SCATTER = 0.02
"""Deviation of single rows, in ln, that guessing does not exceed."""


@dataclass
class Plateau(LossRule, RankRule):
    """Notes when the training loss does not improve for long."""

    name: ClassVar[str] = "plateau"
    summary: ClassVar[str] = (
        "The training loss has not improved for a long time (a note, unless it is that of guessing)."
    )

    rows: int = threshold(512, "rows without improvement, at least")
    part: float = threshold(0.25, "of the rows so far, at least")
    least: float = threshold(0.005, "improvement that counts, as a fraction")
    chance: float = threshold(0.005, "distance from ln(k) that counts as guessing, as a fraction")

    _windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _WIDTH), init=False, repr=False)
    _best: tuple[float, int, Place] | None = field(default=None, init=False, repr=False)
    """The best median of ln(loss), its row number and its place."""
    _total: int | None = field(default=None, init=False, repr=False)
    _first: float = field(default=np.nan, init=False, repr=False)
    """ln(loss) of the first row."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it contains besides the loss."""
        if block.total is not None:  # not where it is but an epoch's end
            self._total = block.total if block.epoch_steps is None else None
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._windows, self._best = Windows(_WIDTH, _WIDTH), None
        return self.resolve(self, where, LOSS)

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._windows.rows
        self._first = log(float(rows.value[0])) if len(rows) and not start else self._first
        ends, windows = self._windows.add(np.log(rows.value))
        if not len(ends):
            return []
        levels, sigmas = spread(windows, 0.0)
        found: list[Finding] = []
        for end, level, sigma in zip(ends.tolist(), levels.tolist(), sigmas.tolist(), strict=True):
            if self._best is None or level < self._best[0] - max(log1p(self.least), sigma / 2):
                where = place(rows, end - start - 1)
                self._best = (level, end, where)
                found += self.resolve(self, where, LOSS)
                continue
            flat = end - self._best[1]
            if flat < max(self.rows, self.part * end) or self.firing:
                continue
            where = place(rows, end - start - 1)
            if self._total is not None and where.step is not None and where.step > 0.8 * self._total:
                continue  # it is nearly over
            if level > self._best[0] + log(1.05):
                continue  # that is no plateau
            guess = self._guess(level, sigma)
            self.firing = Severity.WARNING if guess else Severity.INFO
            best = self._best
            title = f"{label(LOSS)} has not improved for {numbers.step(flat)} logged steps, since {best[2]}"
            found.append(
                self.say(
                    Verdict.FIRING,
                    self.firing,
                    title,
                    where,
                    metric=LOSS,
                    cause=f"it is at the level of guessing among {guess:,}" if guess else "",
                    evidence={"best": grow(best[0]), "best_step": best[2].step, "now": grow(level)},
                )
            )
        return found

    def _guess(self, level: float, sigma: float) -> int:
        """Return the number of classes among which a level is the guess, 0 if it is not one."""
        near = sigma < _SCATTER and self._first < level + log(2)
        return guessing(grow(level), self.chance) if near else 0
