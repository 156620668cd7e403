"""The training loss is printed, but is none: exactly zero, or frozen at one value.

Reason: trainers that filter NaN print 0.0 (Hugging Face's logging_nan_inf_filter
averages bad losses away), and a loop whose every step is skipped prints the
same loss forever. Nothing in such a log is NaN, and nothing is learned.
Formula: `zeros` rows of exactly 0, after losses above 0.05 or with gradient
norms that are zero or not finite (`early` rows where no loss has been seen, and norms must be), or where
none are printed, with a probability of the answers that is not (`logps/chosen`);
a warning after `never` rows of exactly 0 from the first, or `early` that are a tenth of what is planned,
where no other loss or reward is printed, nor a norm of some of the gradients;
or `same` rows of one value, after a window in which values differed, and at
least four times the longest such stretch so far; a warning, where that is ln(k) of up to 100
classes to the last printed digit. Ends at the third other value.

Example: 'loss is exactly 0 since step 410', where it was 2.1 just before.

What to do: look at the gradient norms and the loss scale: if they are not finite or
zero, stop and go back to a checkpoint from before. Switch the trainer's NaN filter off
to see it next time.

Traps: losses rounded to few digits repeat, and set their own measure: a value that
never changes by less than half a per cent is not judged; one that falls to the last
printed digits, or from below 0.1, or was at the last one, is 0 by rounding; one that
is 0 while the validation loss falls is only a part of what is trained; a column that is 0
from its first row is of a part that is switched off, or of an agent that only looks around
yet; losses of
preferences may truly be zero, with gradients that are finite and not zero; those of
policies are zero where all answers of a group earn the same: a loss that has been
negative, or -0.0 before it was anything else, or is printed with rewards or with the loss of an adversary,
which may win, is masked NaN only with norms that are not finite.

Source: the documentation of Trainer's logging_nan_inf_filter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.common.chance import uniform
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.players import Players
from runwatch.alerts.rules.common.rewards import Rewards
from runwatch.alerts.rules.metric_rule import MetricRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LOSS, LOSS_SCALE, VAL_LOSS, label

_TRAINS = re.compile(r"(?i)loss|grad.*norm")
_ANSWERS = "logps/chosen"
"""What says as much as the gradient norm, where that is not printed: the answers' probability may be NaN."""
_OTHER = 3
_DIGITS = 10
"""Least changes of value below which a loss is near its last printed digit."""
_SMALL = 0.1
"""Loss that may fall to its last printed digit from one row to the next."""
_LAST = 0.01
"""Loss that may be one unit of its last printed digit."""
_REAL = 0.05
"""Loss above which it is no rounded zero."""
_LEARNED = 0.97
"""Of the validation loss before the zeros, below which something is learned in spite of them."""


def _bad(norms: np.ndarray, may_be_zero: bool) -> np.ndarray:
    """Return which gradient norms no training has."""
    bad: np.ndarray = ~np.isfinite(norms) if may_be_zero else ~np.isfinite(norms) | (norms == 0)
    return bad


@dataclass
class _Stretch:
    """Rows in a row with the same value."""

    value: float = np.nan
    rows: int = 0
    where: Place = NOWHERE
    offset: float = np.nan
    """Where it begins in the log."""
    learns: bool = False
    """Whether the validation loss has fallen while the loss was zero."""
    number: int = 0
    """Stretches so far: how many times the value changed."""
    longest: int = 1
    """Longest stretch that ended."""
    finest: float = np.inf
    """Least change of value so far: what the printed digits allow for."""
    above: bool = False
    """Whether there was a loss above 0.05."""
    before: float = np.inf
    """The newest loss that was not zero."""
    least: float = np.inf
    """The least one."""


@dataclass
class MaskedNan(MetricRule, RankRule):
    """Fires when the printed loss cannot be a loss."""

    name: ClassVar[str] = "masked_nan"
    about = LOSS
    summary: ClassVar[str] = "The training loss is exactly zero, or stays at one value to the last digit."

    zeros: int = threshold(3, "rows of exactly zero, after real losses")
    early: int = threshold(10, "rows of exactly zero, where there was no other loss yet")
    never: int = threshold(100, "rows of exactly zero from the first, where no other loss is printed")
    same: int = threshold(24, "rows of one and the same value")
    planned: ClassVar[float] = 0.1
    """Progress from which `early` rows of zero are enough, instead of `never`."""

    _grad: Recent = field(default_factory=Recent, init=False, repr=False)
    _evaluated: Recent = field(default_factory=Recent, init=False, repr=False)
    _rewards: Rewards = field(default_factory=Rewards, init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)
    _part: float = field(default=np.inf, init=False, repr=False)
    """Offset from which another loss, or a norm of some gradients, was printed that was not zero."""
    _now: _Stretch = field(default_factory=_Stretch, init=False, repr=False)
    _signed: bool = field(default=False, init=False, repr=False)
    """Whether there was a loss below zero, or -0.0 before any other."""
    _begun: bool = field(default=False, init=False, repr=False)
    """Whether there was a loss above 0.05 before these rows."""
    _open: str = field(default="", init=False, repr=False)
    _firing: Severity = field(default=Severity.CRITICAL, init=False, repr=False)
    _others: int = field(default=0, init=False, repr=False)
    """Rows in a row that contradict what is firing."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it contains besides the loss."""
        norms = block.samples.get(GRAD_NORM)
        self._grad.push(block.samples.get(_ANSWERS) if norms is None else norms)
        self._evaluated.push(block.samples.get(VAL_LOSS))
        self._rewards.push(block)
        self._players.push(block)
        for name, samples in block.samples.items():
            if _TRAINS.search(name) and name not in (LOSS, LOSS_SCALE, GRAD_NORM):
                self._part = min(self._part, float(samples.offset[samples.value != 0].min(initial=np.inf)))
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._now = _Stretch(above=self._now.above)
        return ()

    def walk(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        found = self._walk(rows)
        self._signed = self._signed or self._is_signed(rows.value)
        self._begun = self._begun or bool((np.abs(rows.value) > _REAL).any())
        return found

    def _is_signed(self, values: np.ndarray) -> bool:
        """Whether a loss is below zero, or -0.0 before any other: minus something that is still 0."""
        first = 0 if self._begun else int(np.argmax(np.append(np.abs(values) > _REAL, True)))
        return bool((values < 0).any() or (np.signbit(values[:first]) & (values[:first] == 0)).any())

    def _walk(self, rows: Samples) -> list[Finding]:
        """Go from one change of value to the next; between them nothing but a count changes."""
        value = rows.value
        before = np.append(self._now.value, value[:-1])
        changes = np.flatnonzero(value != before)
        ends = np.append(changes, len(rows))
        found: list[Finding] = []
        if ends[0] > 0:
            found += self._extend(rows, 0, int(ends[0]))
        quiet = np.diff(ends) == 1
        at = 0
        while at < len(changes):
            if not self._open and quiet[at] and at + 1 < len(changes):  # runs of changing rows, at once
                stop = at + int(np.argmin(np.append(quiet[at:], False)))
                stop = min(stop, len(changes) - 1)
                self._pass(value[ends[at] : ends[stop]])
                at = stop
            begin, end = int(ends[at]), int(ends[at + 1])
            self._begin(rows, begin)
            found += self._extend(rows, begin, end)
            at += 1
        return found

    def _pass(self, values: np.ndarray) -> None:
        """Note values of which each differs from the one before."""
        if len(values):
            self._close()
            self._now.number += len(values)
            self._now.above |= bool((np.abs(values) > _REAL).any())
            steps = np.abs(np.diff(values, prepend=self._now.value))
            self._now.finest = min(self._now.finest, float(steps[steps > 0].min(initial=np.inf)))
            known = np.abs(np.append(self._now.value, values))
            known = known[np.isfinite(known) & (known != 0)]
            self._now.before = float(known[-1]) if len(known) else self._now.before
            self._now.least = min(self._now.least, float(known.min(initial=np.inf)))
            self._now.value = float(values[-1])
            self._now.rows = 1

    def _close(self) -> None:
        if self._now.value != 0:
            self._now.longest = max(self._now.longest, self._now.rows)

    def _begin(self, rows: Samples, row: int) -> None:
        now = self._now
        self._close()
        step = abs(float(rows.value[row]) - now.value)
        now.finest = min(now.finest, step) if step > 0 else now.finest
        if now.value != 0 and np.isfinite(now.value):
            now.before = abs(now.value)
            now.least = min(now.least, now.before)
        now.value, now.rows, now.where = float(rows.value[row]), 0, place(rows, row)
        now.offset, now.learns = float(rows.offset[row]), False
        now.number += 1

    def _extend(self, rows: Samples, low: int, high: int) -> list[Finding]:
        """Take rows [low, high), which all have the value of the present stretch."""
        now = self._now
        was, now.rows = now.rows, now.rows + high - low
        now.above |= abs(now.value) > _REAL
        if self._open:
            self._others = self._others + high - low if self._contradicts() else 0
            if self._others < _OTHER:
                return []
            self._open, self._others = "", 0
            return [self.clear(now.where, LOSS)]
        found = self._sure(rows, low, high, was)
        if not found and now.value == 0 and not now.above and was < self.never <= now.rows:
            return self._never(float(rows.offset[low + self.never - was - 1]), self.never)
        return found

    def _sure(self, rows: Samples, low: int, high: int, was: int) -> list[Finding]:
        """Judge a stretch of `was` rows that rows [low, high) have made longer."""
        now = self._now
        needed = self._needed()
        if now.rows < needed or (was >= needed and now.value != 0):
            return []
        row = max(low, low + needed - was - 1)
        if now.value == 0 and was < needed and self._learns(float(rows.offset[row])):
            now.learns = True
        if now.value == 0:
            dead = None if now.learns or self._rounded() else self._first_dead(rows, row, high)
            if dead is None:
                return []
            row = dead
        self._open = "zero" if now.value == 0 else "same"
        return [self._finding(float(rows.offset[row]), was + row - low + 1)]

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge a loss that has been zero for a good part of what is planned: a row may be an epoch."""
        now = self._now
        zero = now.value == 0 and not now.above and self.early <= now.rows < self.never
        if self._open or not zero or (status.fraction or 0.0) < self.planned:
            return ()
        return self._never(np.inf, now.rows)

    def _never(self, offset: float, rows: int) -> list[Finding]:
        """Judge a loss that has been zero since the first row."""
        other = self._part < np.inf and self._part <= offset
        if self._now.number > 1 or other or self._rewards.known(offset) or self._now.learns:
            return []
        self._open = "zero"
        return [self._finding(offset, rows, Severity.WARNING)]

    def _needed(self) -> int:
        if self._now.value == 0:
            return self.zeros if self._now.above else self.early
        coarse = self._now.finest > 0.005 * abs(self._now.value)
        if not np.isfinite(self._now.value) or self._now.number < self.same or coarse:
            return 1 << 62
        return max(self.same, 4 * self._now.longest)

    def _rounded(self) -> bool:
        """Whether the loss fell to its last printed digits before it was zero, or ever to the last one."""
        now = self._now
        return now.before <= min(_DIGITS * now.finest, _SMALL) or now.least <= min(1.5 * now.finest, _LAST)

    def _learns(self, offset: float) -> bool:
        """Whether evaluations got better while the loss was zero: then another part of it is trained."""
        before, now = (self._evaluated.until(at, 1).value for at in (self._now.offset, offset))
        return bool(len(before) and 0 < now[0] < _LEARNED * before[0] < np.inf)

    def _contradicts(self) -> bool:
        return self._now.value != 0 if self._open == "zero" else self._now.rows < self.same

    def _first_dead(self, rows: Samples, row: int, high: int) -> int | None:
        """Return the first of the rows [row, high) at which gradients say that a loss of zero is none."""
        while row < high:
            offset = float(rows.offset[row])
            may_be_zero = (
                self._signed
                or self._is_signed(rows.value[: row + 1])
                or self._rewards.known(offset)
                or self._players.silent <= offset
            )
            norms = self._grad.until(offset, self.zeros).value
            if _bad(norms, may_be_zero).any() or (self._now.above and not (len(norms) or may_be_zero)):
                return row
            later = self._grad.after(offset)
            bad = later.offset[_bad(later.value, may_be_zero)]
            if not len(bad):
                return None
            row = max(row + 1, int(np.searchsorted(rows.offset, bad[0])))
        return None

    def _finding(self, offset: float, rows: int, severity: Severity = Severity.CRITICAL) -> Finding:
        value = self._now.value
        norms = self._grad.until(offset, 1).value
        bad = len(norms) > 0 and not np.isfinite(norms[0])
        what = "is exactly 0" if value == 0 else f"stays at the same value, {value:.6g},"
        cause = "the gradient norm is not finite: NaN losses are printed as 0" if bad else ""
        if not bad and value == 0:
            cause = "NaN losses are printed as 0, or no token counts in the loss (all labels masked)"
        elif not bad and (classes := uniform(value, self._now.finest)):
            severity = Severity.WARNING  # it trains, and may leave that
            cause = f"it is the loss of guessing: all of {classes} outputs are as likely"
        elif not bad:
            cause = "the weights do not change: every step is skipped, or the learning rate is zero"
        self._firing = severity
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(LOSS)} {what} since {self._now.where}",
            self._now.where,
            metric=LOSS,
            cause=cause,
            advice="Stop; look at the labels, the precision and the gradients before this step.",
            evidence={"value": value, "rows": rows},
        )
