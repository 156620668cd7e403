"""The learning rate does what no schedule does.

Reason: a schedule that starts again after a restart (a bug of Accelerate's that
cost IDEFICS weeks), a rate of zero, or a jump explain most of what follows in
the loss.
Formula, each a warning unless said otherwise:
- zero: exactly 0 in `zeros` rows in a row, after a rate that was above a tenth of
  its peak (critical), or from the first row on for `never` rows (a note: it may be rounded away);
- jump: from one row to the next `jump` times higher, and above 1.5 times the
  highest so far, when it had not risen for 10 rows;
- resumed: in `agree` rows after a restart the rate differs by more than
  `mismatch` from what it was at the same steps before; a note where it is lower, but more
  than half of that, or a tenth where both are constant: a schedule that begins again is far from there, and
  moves, a changed plan need not be.
Ends with a rate above zero, below the limit of a jump, or at the next restart.

Example: 'the learning rate is 1e-06 after the restart, and was 2.4e-05 at the same step
before': a scheduler that began its warm-up again.

What to do: compare the printed rate with the schedule you meant. After a restart, see
whether the scheduler's state and step were loaded; if not, stop and resume again,
before the weights follow.

Traps: warm-up multiplies tiny rates, so a jump must come after it and set a
record; a warm-up at a constant rate, a third of the usual one say, ends in a jump, as does the first
epoch where the rate rises by epochs; warm
restarts return to a rate that was there before, and are no jump; schedules that end at zero
come down to it slowly, in the few digits that are printed; what begins again at the first
step is another run, not resumed.

Source: IDEFICS' logs, where a restart began the schedule again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Segments
from runwatch.alerts.rules.common.beginning import continues
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.history import History
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import EPOCH, LEARNING_RATE

_BY_HAND = 11
"""Somebody lowers a constant rate to a tenth at most."""
_WARM = 4.0
"""Multiple of a constant rate to which a warm-up rises."""


@dataclass
class LrAnomaly(RankRule):
    """Fires when the learning rate is zero, jumps, or starts again after a restart."""

    name: ClassVar[str] = "lr_anomaly"
    summary: ClassVar[str] = "The learning rate is zero, jumped, or restarted its schedule after a resume."

    zeros: int = threshold(10, "rows of exactly zero that are critical")
    never: int = threshold(50, "rows of exactly zero from the start")
    jump: float = threshold(3.0, "times higher than the row before")
    steady: ClassVar[int] = 10
    """Rows without a rise before a jump."""
    mismatch: float = threshold(0.2, "difference from the rate at the same step before, as a fraction")
    agree: int = threshold(3, "rows after a restart that must agree")

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _then: History = field(default_factory=History, init=False, repr=False)
    """Rates by step, before the last restart."""
    _now: History = field(default_factory=History, init=False, repr=False)
    _least: float = field(default=np.inf, init=False, repr=False)
    """Lowest rate above zero before this block: in few digits it is one of the last digit."""
    _flat: int = field(default=0, init=False, repr=False)
    """Rows since the rate last rose."""
    _last: float = field(default=np.nan, init=False, repr=False)
    _peak: float = field(default=0.0, init=False, repr=False)
    _zero: tuple[int, Place, float] = field(default=(0, NOWHERE, np.nan), init=False, repr=False)
    """Rows of zero so far, where they began, the rate before them."""
    _highest: float = field(default=-np.inf, init=False, repr=False)
    _begin: float = field(default=np.inf, init=False, repr=False)
    """Lowest first step of a stretch."""
    _compared: int = field(default=-1, init=False, repr=False)
    """Rows after a restart that differed so far; -1 when there is nothing to compare."""
    _pair: tuple[float, float] = field(default=(np.nan, np.nan), init=False, repr=False)
    """Now and then the rate of these rows, while both are constant."""
    _open: tuple[Severity, float, float] | None = field(default=None, init=False, repr=False)
    """What is firing, and the range of rates, low and high, that ends it."""

    _epoch: Recent = field(default_factory=Recent, init=False, repr=False)
    _first_epoch: float = field(default=np.nan, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the learning rate of a block."""
        found: list[Finding] = []
        epochs = block.samples.get(EPOCH)
        self._epoch.push(epochs)
        if np.isnan(self._first_epoch) and epochs is not None:
            self._first_epoch = float(epochs.value[0])
        for restarted, piece in self._segments.split(block.samples.get(LEARNING_RATE), block.restarts):
            if restarted:
                self._then, self._now = self._now, History()
                self._last, self._zero, self._flat = np.nan, (0, NOWHERE, np.nan), 0
                self._compared = 0 if continues(float(piece.step[0]), self._begin, self._highest) else -1
                found += self._end(piece, 0)
            self._begin = min(self._begin, float(piece.step[0]))
            self._highest = max(self._highest, float(piece.step[-1]))
            found += self._walk(piece)
            self._now.add(piece)
        return found

    def _walk(self, rows: Samples) -> list[Finding]:
        """Look only at the rows where something may be odd."""
        value = rows.value
        number = np.arange(len(rows))
        before = np.append(self._last, value[:-1])
        record = np.maximum.accumulate(np.append(self._peak, np.nan_to_num(value, posinf=0)))
        zeros = number - np.maximum.accumulate(np.where(value == 0, -1 - self._zero[0], number))
        zeros[value != 0] = 0
        odd = (zeros == self.zeros) | (zeros == self.never)
        rose = np.maximum.accumulate(np.where(value > before, number, -1 - self._flat))
        flat = np.append(-1 - self._flat, rose[:-1])
        flat = number - flat - 1
        """Rows without a rise just before each."""
        self._flat = int(number[-1] - rose[-1])
        odd |= (
            (value > self.jump * before) & (value > 1.5 * record[:-1]) & (before > 0) & (flat >= self.steady)
        )
        if self._compared >= 0:
            odd[: self.agree] = True
        candidates = np.flatnonzero(odd)
        found: list[Finding] = []
        row = 0
        while True:
            following = candidates[np.searchsorted(candidates, row) :]
            here = int(following[0]) if len(following) else len(rows)
            if self._open is not None:
                over = (value[row:] > self._open[1]) & (value[row:] <= self._open[2])
                end = row + int(np.argmax(over)) if over.any() else len(rows)
                if end <= here and end < len(rows):
                    found += self._end(rows, end)
            if here >= len(rows):
                break
            found += self._look(
                rows, here, int(zeros[here]), float(before[here]), float(record[here]), int(flat[here])
            )
            row = here + 1
        begin = len(rows) - int(zeros[-1])
        if zeros[-1] and begin >= 0:
            self._zero = (int(zeros[-1]), place(rows, begin), float(before[begin]))
        else:
            self._zero = (int(zeros[-1]), *self._zero[1:])
        self._last, self._peak = float(value[-1]), float(record[-1])
        self._least = min(self._least, float(value[value > 0].min(initial=np.inf)))
        return found

    def _look(
        self, rows: Samples, row: int, zeros: int, before: float, peak: float, flat: int
    ) -> list[Finding]:
        """Judge one odd row; `peak` is the highest rate before it."""
        found = self._compare(rows, row) if self._compared >= 0 else []
        if self._open is not None:
            return found
        value = float(rows.value[row])
        if zeros:
            begin = row - zeros + 1
            where = place(rows, begin) if begin >= 0 else self._zero[1]
            before_block = self._last if begin == 0 else self._zero[2]
            rate = float(rows.value[begin - 1]) if begin > 0 else before_block
            earlier = rows.value[:row]
            least = min(self._least, float(earlier[earlier > 0].min(initial=np.inf)))
            sudden = rate > 0.5 * peak > 0 or (rate > 0.1 * peak > 0 and rate > 3 * least)
            if (sudden and zeros == self.zeros) or (peak == 0 and zeros == self.never):
                severity = Severity.CRITICAL if sudden else Severity.INFO
                title = f"the learning rate is {'' if sudden else 'printed as '}0 since {where}"
                found.append(self._fire(severity, title, where, (0.0, np.inf)))
        elif value > self.jump * before and value > 1.5 * peak > 0 and flat >= self.steady:
            if self._warmed_up(rows, row, before, peak):
                return found
            where = place(rows, row)
            title = f"the learning rate jumped {value / before:.3g}x to {value:.3g} at {where}"
            found.append(self._fire(Severity.WARNING, title, where, (-1.0, 1.5 * peak)))
        return found

    def _warmed_up(self, rows: Samples, row: int, before: float, peak: float) -> bool:
        """Whether the rate was constant from the first row, and rises by little, or with the second epoch."""
        earlier = rows.value[:row]
        constant = before == peak == min(self._least, float(earlier[earlier > 0].min(initial=np.inf)))
        first, now = ([np.nan, np.nan, *self._epoch.until(float(rows.offset[row]), 2).value])[-2:]
        second = first == self._first_epoch and now == first + 1
        return constant and (float(rows.value[row]) <= _WARM * before or second)

    def _compare(self, rows: Samples, row: int) -> list[Finding]:
        """Compare a row after a restart with the rate at its step before it."""
        now, then = float(rows.value[row]), self._then.at(float(rows.step[row]))
        if not (now > 0 and then > 0) or abs(np.log(now / then)) <= np.log1p(self.mismatch):
            self._compared = -1
            return []
        self._compared += 1
        if self._compared == 1:
            self._pair = now, then
        self._pair = self._pair if self._pair == (now, then) else (np.nan, np.nan)
        if self._compared < self.agree:
            return []
        self._compared = -1
        if self._open is not None:
            return []
        title = (
            f"the learning rate is {now:.3g} after the restart, and was {then:.3g} at the same step before"
        )
        meant = now < then and (now > then / 2 or (self._pair == (now, then) and now > then / _BY_HAND))
        severity = Severity.INFO if meant else Severity.WARNING
        return [self._fire(severity, title, place(rows, row), (np.inf, np.inf))]

    def _fire(self, severity: Severity, title: str, where: Place, ends: tuple[float, float]) -> Finding:
        self._open = (severity, *ends)
        return self.say(
            Verdict.FIRING,
            severity,
            title,
            where,
            metric=LEARNING_RATE,
            advice="Check the schedule, and whether the restart restored its state.",
        )

    def _end(self, rows: Samples, row: int) -> list[Finding]:
        if self._open is None:
            return []
        self._open = None
        return [self.clear(place(rows, row), LEARNING_RATE)]
