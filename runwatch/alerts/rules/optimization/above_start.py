"""The training loss is above where it began.

Reason: a rate that is far too high breaks a model within its first steps. There is no best to rise from
then, and the loss is flat, or even falls, high above that of the untrained model. Formula, in y = ln(loss):
the start is the median of the first three rows, or the first, where that is three times as high, or lower
but 2 or more, as a likelihood's is, or the newest rows are at the guess among a vocabulary, or an
evaluation before them that is that guess; f is the median of the last 20 rows, taken every 16 rows. Fires
when f is above the start by max(ln(1 + `rise`), z * s), s the noise of single rows now, at `persist` such
points in a row, and is not falling (near its highest, or for three times as long). With fewer rows: when
each of the newest five, of `early` at least, is `grave` above a start that was a likelihood's, or at the
end of the run; there one point less is enough, too. A note below `grave`, or from a lower start, unless
that is as high as the guess among 200 tokens, and no higher than that among a million, or `epochs` epochs
have passed: queues and teachers raise a loss by design, and sums grow with what is summed. A first row
above 1e15 is a warning by itself. Else a warning, and critical when it is `grave` above the start and
lasts. Ends, and stays ended, when f is below the start: from then on `divergence` has a best to compare
with.

Example: 'loss is 4.4 times what it began with (4.31 at step 0)', at a rate 1,000 times too high.

What to do: stop, and lower the learning rate by ten, or lengthen the warm-up.

Traps: a mean that begins at zero rises for some rows, and falls soon after; a sum since the epoch began
only grows (sixteen rows, none lower than the one before unless it begins again; what they add goes up and
down, and is never three times the first): no rule judges it; rows
that all have one step or epoch are the ends of several trainings; losses of
adversaries have no start to fall from, and of those of agents only a note is made; a loss that
takes both signs has no ratio; after a restart `resume` compares.

Source: the loss of guessing among k classes, ln(k), which an untrained model has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, grow, jitter_of, median, middle, swing
from runwatch.alerts.rules.common.chance import guessing
from runwatch.alerts.rules.common.epochs import Epochs
from runwatch.alerts.rules.common.players import limited
from runwatch.alerts.rules.common.sums import Kind
from runwatch.alerts.rules.common.wording import above
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, VAL_LOSS, label

_HOP, _SMOOTH = 16, 20
_FIRST = 3
_NEWEST = 5
_FELL = 3.0
"""Multiple of the median of the first rows from which the first alone is the start: it fell from there."""
_LIKELIHOOD = 2.0
"""Start from which a loss is that of guessing, not a mean that began at zero."""
_FALLEN = 0.8
"""Of the highest median so far, below which the loss is on its way down."""
_ABSURD = 1e15
"""Loss that no model begins with: its squares overflow."""
_NEAR = 0.03
"""How near to ln(k) an untrained model begins, as a fraction."""
_EXACT = 0.001
"""How near to ln(k) weights that know nothing any more are, as a fraction."""
_TOKENS, _MOST_TOKENS = 200, 1_000_000
"""Number of choices from which guessing is that of a vocabulary, and those that none exceeds."""


@dataclass
class AboveStart(LossRule, RankRule):
    """Fires when the training loss stays above where it began."""

    name: ClassVar[str] = "above_start"
    summary: ClassVar[str] = "The training loss is above where it began: the rate may be far too high."

    rise: float = threshold(0.10, "least rise of the median of 20 rows over the start, as a fraction")
    z: float = threshold(3.4, "least rise in robust deviations of a single row")
    grave: float = threshold(1.0, "rise from which it is a warning at least, as a fraction")
    persist: int = threshold(3, "evaluations in a row, 16 rows apart, that must agree")
    early: int = threshold(6, "rows from which a `grave` rise is reported")
    epochs: float = threshold(20.0, "epochs after which any rise that lasts is a warning")

    _windows: Windows = field(default_factory=lambda: Windows(32, _HOP), init=False, repr=False)
    _epochs: Epochs = field(default_factory=Epochs, init=False, repr=False)
    _evaluated: tuple[float, float] = field(default=(np.inf, np.inf), init=False, repr=False)
    """(offset, ln) of the first evaluation."""
    _passed: float = field(default=0.0, init=False, repr=False)
    """Epochs at the newest point."""
    _first: list[float] = field(default_factory=list, init=False, repr=False)
    """ln(loss) of the first rows."""
    _steps: set[float] = field(default_factory=set, init=False, repr=False)
    """Their steps, or epochs where they print none."""
    _reference: float = field(default=np.inf, init=False, repr=False)
    """ln of the loss that was evaluated before them."""
    _begin: Place = field(default=NOWHERE, init=False, repr=False)
    _second: Place = field(default=NOWHERE, init=False, repr=False)
    _newest: list[float] = field(default_factory=list, init=False, repr=False)
    """ln(loss) of the newest rows."""
    _lost: int = field(default=0, init=False, repr=False)
    """Size of the vocabulary that the newest of the first rows are the guess among, or 0."""
    _moves: list[float] = field(default_factory=list, init=False, repr=False)
    """By how much ln(loss) moved from each of the first rows to the next."""
    _onset: Place = field(default=NOWHERE, init=False, repr=False)
    """The first row of the rise."""
    _high: bool = field(default=False, init=False, repr=False)
    """Whether the newest row is above the start."""
    _level: float = field(default=-np.inf, init=False, repr=False)
    """The newest median of ln(loss), and the highest."""
    _highest: float = field(default=-np.inf, init=False, repr=False)
    _over: int = field(default=0, init=False, repr=False)
    _done: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it says of evaluations."""
        if self._done:
            return ()
        self._epochs.push(block)
        evaluated = block.samples.get(VAL_LOSS)
        if evaluated is not None and self._evaluated[0] == np.inf:
            value = float(evaluated.value[0])
            known = value > 0 and guessing(value, _NEAR) >= _TOKENS
            self._evaluated = (float(evaluated.offset[0]), log(value) if known else np.inf)
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """End with the first launch."""
        self._done = True
        return self.resolve(self, where, LOSS)

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When no more rows can come, few must do."""
        known = self._done or self.firing is Severity.CRITICAL
        if known or (status.live and not status.finished):
            return ()
        if self._few():
            return limited([self._fire(middle(self._newest), lasts=True)], self._players.most)
        if self.firing is None and self._over == self.persist - 1:
            return limited([self._fire(self._level, lasts=True)], self._players.most)
        return ()

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        if self._done:
            return []
        y = np.log(rows.value)
        start = self._windows.rows
        found = self._walk_first(rows, y, start)
        ends, windows = self._windows.add(y)
        if not len(ends):
            return found
        levels, noises = median(np.sort(windows[:, -_SMOOTH:], axis=1)), swing(windows)
        for end, level, noise in zip(ends.tolist(), levels.tolist(), noises.tolist(), strict=True):
            self._passed = self._epochs.passed(float(rows.offset[end - start - 1]))
            found += self._follow(level, noise, place(rows, end - start - 1))
        return found

    def _walk_first(self, rows: Samples, y: Floats, start: int) -> list[Finding]:
        """Take the rows that are too few for medians, one by one."""
        found: list[Finding] = []
        for row, height in enumerate(y[: max(0, 32 - start)].tolist()):
            if not self._first:
                self._begin = place(rows, row)
                found += [self._absurd(height)] if height > log(_ABSURD) else []
                self._reference = self._evaluated[1] if self._evaluated[0] < rows.offset[row] else np.inf
            if len(self._first) < _FIRST:
                self._second = place(rows, row) if len(self._first) == 1 else self._second
                self._first.append(height)
                step = float(rows.step[row])
                self._steps.add(step if isfinite(step) else self._epochs.printed(float(rows.offset[row])))
                if len(self._first) == _FIRST and len(self._steps) == 1 and max(self._steps) > 1:
                    self._done = True  # each row is the last one of another training
                    return found
            self._moves += [abs(height - self._newest[-1])] if self._newest else []
            self._newest = [*self._newest[1 - _NEWEST :], height]
            guess = guessing(grow(middle(self._newest)), _EXACT)
            if guess >= _TOKENS and not self._lost:
                self._onset, self._high = self._second, True
            self._lost = guess if guess >= _TOKENS else 0
            high = height > self._start + log(1 + self.rise) / 2
            if high and not self._high:
                self._onset = place(rows, row)
            self._high = high
            if (
                not self.firing
                and (self._start >= log(_LIKELIHOOD) or self._lost)
                and start + row + 1 >= self.early
                and self._kind is not Kind.MAY
                and self._few()
            ):
                found.append(self._fire(middle(self._newest)))
        return found

    @property
    def _start(self) -> float:
        first, usual = self._first[0], middle(self._first)
        if first > usual + log(_FELL):
            usual = first
        elif first >= log(_LIKELIHOOD) or self._lost:
            usual = min(usual, first)
        return min(usual, self._reference)

    @property
    def _noise(self) -> float:
        """Deviation of the first rows, as their successive differences show it."""
        return jitter_of(self._moves)

    def _few(self) -> bool:
        """Whether the newest rows, few as they are, are all far above the start."""
        if len(self._newest) < _NEWEST or self._windows.rows > 32:
            return False
        margin = max(log(1 + self.grave), self.z * self._noise)
        return min(self._newest) > self._start + margin

    def _follow(self, level: float, noise: float, here: Place) -> list[Finding]:
        if self._done:
            return []
        excess = level - self._start
        margin = max(log(1 + self.rise), self.z * noise)
        self._level, self._highest = level, max(self._highest, level)
        if excess <= 0:
            self._done = True
            return self.resolve(self, here, LOSS)
        self._over = self._over + 1 if excess > margin else 0
        falls = level < self._highest + log(_FALLEN)
        if not self.firing and (self._over < self.persist or (falls and self._over < 3 * self.persist)):
            return []
        severity = self._severity(excess, lasts=True)
        if not self._over or not severity.exceeds(self.firing):
            return []
        return [self._fire(level, lasts=True)]

    def _severity(self, excess: float, *, lasts: bool) -> Severity:
        likelihood = self._start >= log(_LIKELIHOOD) or self._lost > 0
        if excess > log(1 + self.grave) and likelihood:
            return Severity.CRITICAL if lasts else Severity.WARNING
        costs = log(_TOKENS) <= grow(self._start) <= log(_MOST_TOKENS) or self._passed >= self.epochs
        return Severity.WARNING if costs else Severity.INFO

    def _cause(self) -> str:
        if self._lost:
            return f"it is that of guessing among {self._lost:,} now: what was known is lost"
        guess = guessing(grow(self._start), _NEAR)
        return f"it began with the loss of guessing among {guess:,}" if guess >= _TOKENS else ""

    def _fire(self, level: float, *, lasts: bool = False) -> Finding:
        excess = level - self._start
        self.firing = self._severity(excess, lasts=lasts)
        began = f"what it began with ({grow(self._start):.4g} at {self._begin})"
        return self.say(
            Verdict.FIRING,
            self.firing,
            f"{label(LOSS)} {above(grow(excess) - 1, began)}",
            self._onset,
            metric=LOSS,
            cause=self._cause(),
            advice="Stop; lower the learning rate by ten or lengthen the warm-up, and start again.",
            evidence={"start": grow(self._start), "now": grow(level)},
        )

    def _absurd(self, height: float) -> Finding:
        self.firing = Severity.WARNING
        return self.say(
            Verdict.FIRING,
            self.firing,
            f"{label(LOSS)} begins with {grow(height):.4g} at {self._begin}",
            self._begin,
            metric=LOSS,
            cause="inputs, targets or the first weights are far out of range",
            advice="Stop; look at the scale of inputs and targets, and at the weights that were loaded.",
            evidence={"start": grow(height)},
        )
