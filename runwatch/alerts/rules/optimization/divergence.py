"""The training loss has risen from its best and stays up.

Reason: spikes recover, slow rises do not; a run that has lost 10 % for dozens of rows rarely comes back
without a restart. Formula, in y = ln(loss): f is the median of the last 20 rows, taken every 16 rows; best
is the lowest f so far. Fires when f - best is above all of these at `persist` such points in a row: ln(1 +
rise); z * s, with s the noise now or at the best; and `waves` times the second highest rise of f that was
lost again by half. s is the greatest of the 90th percentile of successive differences, as a Gaussian's
deviation (a shift or a slow rise does not inflate it; data of two kinds in turn do, and no median can move
further than from one kind to the other), and, at the best, the deviation of the rows there; 3.4 is about
twice 6 standard errors of a median of 20. Where rows are means of many, as bars print them, the noise is
below 0.4 of the deviation of the rows (medians of 8 points): then s is no less than 1.5 times that, and
three times as many points must agree. A warning; critical when the loss has risen by `grave`, or after
`long` points, because slow rises do not recover; not below a tenth of the untrained loss, where ratios say
little; a note below a fiftieth. Neither while it comes back: 5 % below the highest of the last four points,
or by a third of the rise, unless for 3 * `long` points; nor before four points where half of it came at
once, as a spike's; nor in a warm-up, while the rate rises gradually and the loss is below the untrained.
Clears when f is back below half of that. While firing, a further rise by the same margin confirms it. At
the end of a run the lowest of the last `last` rows is compared with the lowest level at which as many were:
a run that ends `grave` above it, above best, and by z * s, is critical, however short, unless it is below a
tenth of what it was untrained.

Example: 'loss is 24% above its best of 2.31 at step 5,210', and 40 rows later
still is.

What to do: stop, or wait for it to become critical if it may recover. Go back to the
last checkpoint before the rise; skip the data that followed, or lower the learning
rate.

Traps: the margin doubles for 100 rows after the learning rate rose 1.5x
(restarts, re-warming); a loss that has been negative has no ratio and is not
judged; a restart that goes back in steps begins again. What oscillates, as an
adversary's loss, must rise twice as high as it has twice; the first two waves of a run
cannot be distinguished from divergence, and are warnings; the loss of a student that teaches itself
first falls as its outputs collapse, and rises with the rate until they differ; a curriculum
makes training harder: while evaluations since the best are better than all before, or a best
model is saved, or a score of held-out data rises (mined negatives become harder) and the loss has not risen
by `grave`, it is a note; so is a rise
while the learning rate is twice what it was at the best, or more, if it is less than `slight`, or the rate
has begun again (fell by half, and rose again), or each row raises it alike, as a search for the highest
does (by the same factor, or by the same step where it is above 0.1): the level that a loss settles at rises
with the rate, and falls with it again; and so is one of a sum of printed parts of which none has risen by
half as much: they are weighted more, as the divergence of a variational autoencoder is.

Source: IDEFICS' logs, where instant spikes recovered and slow rises did not.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Floats,
    Windows,
    deviation,
    grow,
    median,
    middle,
    swing,
)
from runwatch.alerts.rules.common.context import (
    Recent,
    lr_jump,
    lr_returned,
    newest,
    searches_rate,
    surge,
)
from runwatch.alerts.rules.common.evaluations import Evaluations, Scores
from runwatch.alerts.rules.common.last_rows import LOW, LastRows
from runwatch.alerts.rules.common.parts import Parts
from runwatch.alerts.rules.common.players import limited
from runwatch.alerts.rules.common.waves import Waves
from runwatch.alerts.rules.common.wording import above
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, label

_HOP = 16
_SMOOTH = 20
_COMING_BACK = 0.95
"""Part of the highest of the newest points below which a loss is on its way back."""
_NEWEST, _AFTER = 4, 16
"""Newest points that show whether it falls, and those since the best in which a higher rise is this one."""
_RAMP = 32
"""Rows over which, twice in a row, the rate rises in a warm-up, and by how much at most."""
_STEEPEST = 3.0
_HIGHER = 2.0
"""Multiple of the learning rate at the best from which a slight rise is that of the rate."""
_ALWAYS = 3
"""Multiple of `long` after which it counts even on its way back."""
_IMPROVED = re.compile(r"(?i)\bsav(?:ed|ing) (?:a |the |new )*best\b|\bnew best\b")
_AGAIN = 2
"""Saves of the best model since the lowest loss that say that it gets better."""
_NOTHING = 0.02
"""Part of the untrained loss below which all is learned by heart, and a rise is a note."""
_MEANS, _MEAN = 0.4, 3
"""Noise over the deviation below which rows are means of many; and as many times as long must a rise last."""
_WIDER = 1.5
"""How much further such means wander than the rows of one window show."""
_LATELY = 8
"""Points that show it."""
_KEPT = 64
"""Points among which it is looked where a rise began."""


@dataclass
class _Best:
    """The lowest median so far."""

    level: float = np.inf
    sigma: float = 0.0
    where: Place = NOWHERE
    offset: float = -np.inf
    """Where it is in the log."""
    evaluated: float = np.inf
    """The lowest evaluation up to there."""
    scores: dict[str, float] = field(default_factory=dict)
    """The highest scores up to there."""
    parts: dict[str, float] = field(default_factory=dict)
    """The parts of the loss there."""
    rate: float = np.inf
    """The learning rate of its rows."""


@dataclass
class _Rise:
    """A rise that is not over."""

    where: Place
    cause: str
    level: float
    """ln(loss) at which the newest firing was judged."""
    margin: float
    sound: int | None
    """The last step at which it had not begun to rise."""
    sudden: bool = False
    """Whether half of it came from one point to the next, as a spike's."""
    persist: int = 1
    """Points in a row that must agree."""
    over: int = 1
    under: int = 0
    highest: float = -np.inf
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=_NEWEST))
    """The newest levels."""
    firing: Severity | None = None

    def comes_back(self, level: float, best: float) -> bool:
        """Take the next level; return whether the loss is falling again, or has lost a third of the rise."""
        self.newest.append(level)
        self.highest = max(self.highest, level)
        return level < max(self.newest) + log(_COMING_BACK) or level - best < 2 / 3 * (self.highest - best)


@dataclass
class Divergence(LossRule, RankRule):
    """Fires when the smoothed training loss stays above its best."""

    name: ClassVar[str] = "divergence"
    summary: ClassVar[str] = "The training loss has risen from its best and stays up."

    rise: float = threshold(0.10, "least rise of the median of 20 rows over its best, as a fraction")
    z: float = threshold(3.4, "least rise in robust deviations of a single row")
    persist: int = threshold(2, "evaluations in a row, 16 rows apart, that must agree")
    grave: float = threshold(1.0, "rise from which it is critical at once, as a fraction")
    long: int = threshold(8, "evaluations in a row from which it is critical")
    last: int = threshold(3, "last rows of a run that are judged at its end")
    waves: float = threshold(2.0, "multiple of the second highest rise so far that was lost again")
    slight: float = threshold(0.25, "rise below which a higher learning rate explains it, as a fraction")

    _windows: Windows = field(default_factory=lambda: Windows(32, _HOP), init=False, repr=False)
    _loss: Recent = field(default_factory=Recent, init=False, repr=False)
    _grad: Recent = field(default_factory=Recent, init=False, repr=False)
    _rate: Recent = field(default_factory=Recent, init=False, repr=False)
    _evaluations: Evaluations = field(default_factory=Evaluations, init=False, repr=False)
    _scores: Scores = field(default_factory=Scores, init=False, repr=False)
    _parts: Parts = field(default_factory=Parts, init=False, repr=False)
    _improved: list[float] = field(default_factory=list, init=False, repr=False)
    """Offsets at which a best model was saved: those of the newest block, and the two before."""
    _source: str = field(default="", init=False, repr=False)
    """Path of the file that the loss is from."""
    _best: _Best = field(default_factory=_Best, init=False, repr=False)
    _waves: Waves = field(default_factory=Waves, init=False, repr=False)
    _rise: _Rise | None = field(default=None, init=False, repr=False)
    _ending: LastRows = field(default_factory=LastRows, init=False, repr=False)
    _newest: Floats = field(default_factory=lambda: np.empty((2, 0)), init=False, repr=False)
    """Step and level of the newest points, shape (2, n)."""
    _noises: Floats = field(default_factory=lambda: np.empty((2, 0)), init=False, repr=False)
    """Their noise, and the deviation of their rows, shape (2, n)."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it contains besides the loss."""
        self._loss.push(block.samples.get(LOSS))
        self._grad.push(block.samples.get(GRAD_NORM))
        self._rate.push(block.samples.get(LEARNING_RATE))
        self._evaluations.push(block)
        self._scores.push(block)
        self._parts.push(block)
        del self._improved[:-_AGAIN]
        if LOSS in block.samples:
            self._source = block.source
        for event in block.events if block.source == self._source else ():
            if event.kind == "checkpoint" and _IMPROVED.search(event.title):
                self._improved.append(float(event.offset))
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._windows, self._best, self._waves = Windows(32, _HOP), _Best(), Waves()
        self._newest, self._ending = np.empty((2, 0)), LastRows()
        self._noises = np.empty((2, 0))
        return [self._clear(where)] if self._rise else []

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start, y = self._windows.rows, np.log(rows.value)
        self._ending.push(rows, y, self.last, log(1 + self.grave))
        ends, windows = self._windows.add(y)
        if not len(ends):
            return []
        points = ends - start - 1
        """The row in `rows` that completed each window."""
        level = median(np.sort(windows[:, -_SMOOTH:], axis=1))
        noise = swing(windows)
        apart = deviation(windows)
        sigma = np.maximum(apart, noise)
        noises = np.hstack([self._noises, [noise, apart]])
        self._noises = noises[:, -_LATELY:]
        height = self._waves.add(level)
        newest = np.hstack([self._newest, [rows.step[points], level]])
        known = newest.shape[1] - len(points)
        self._newest = newest[:, -_KEPT:]
        found: list[Finding] = []
        at = 0
        while at < len(points):
            row = int(points[at])
            if self._rise is not None:
                offset = float(rows.offset[row])
                warms, meant = self._warms_up(offset, float(level[at])), self._meant(offset, float(level[at]))
                found += self._follow(self._rise, float(level[at]), place(rows, row), meant, warms=warms)
            else:
                ahead = slice(at, None)
                least = self._least(noise[ahead], height[ahead])
                stop = self._search(rows, points[ahead], level[ahead], least, sigma[ahead])
                if stop is None:
                    break
                at += stop
                margin = max(float(least[stop]), self.z * self._best.sigma)
                until = newest[:, max(0, known + at - _KEPT) : known + at]
                lately = noises[:, : noises.shape[1] - len(points) + at + 1][:, -_LATELY:]
                found += self._open(rows, int(points[at]), float(level[at]), margin, until, lately)
            at += 1
        return found

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When no more rows can come, the last ones are certain."""
        if (self._rise and self._rise.firing) or (status.live and not status.finished):
            return ()
        ending, least = self._ending, log(1 + self.grave)
        level = ending.risen(self.last, least, max(self.z, self.waves))
        if level is None or ending.begin is None or level - ending.best < self.waves * self._waves.second:
            return ()
        if np.isfinite(self._best.level) and level - self._best.level <= least:
            return ()  # only a few odd batches were lower
        if ending.best < self._best.level:
            self._best = replace(self._best, level=ending.best, sigma=0.0, where=ending.where)
        self._rise = self._rise or _Rise(ending.begin, "", level, least, None)
        meant = self._meant(np.inf, level)
        return limited([self._fire(self._rise, level, meant, grave=True)], self._players.most)

    def _search(
        self, rows: Samples, points: NDArray[np.int64], level: Floats, least: Floats, sigma: Floats
    ) -> int | None:
        """Return the first point that is too high for the best before it, and move the best up to there."""
        number = np.arange(len(level))
        lowest = np.minimum.accumulate(np.append(self._best.level, level))
        holder = np.maximum.accumulate(np.where(level < lowest[:-1], number, -1))
        before = np.append(-1, holder[:-1])
        sigma_best = np.where(before >= 0, sigma[before], self._best.sigma)
        over = np.flatnonzero(level - lowest[:-1] > np.maximum(least, self.z * sigma_best))
        stop = int(over[0]) if len(over) else None
        best = int(holder[-1]) if stop is None else int(before[stop])
        if best >= 0:
            row = int(points[best])
            offset = float(rows.offset[row])
            evaluated = self._evaluations.lowest(offset)
            rate = middle(self._rate.finite(offset, _SMOOTH, -np.inf) or [0.0]) or np.inf
            self._best = _Best(
                float(level[best]),
                float(sigma[best]),
                place(rows, row),
                offset,
                evaluated,
                self._scores.best(offset),
                self._parts.levels(offset),
                rate,
            )
        return stop

    def _least(self, noise: Floats, height: Floats) -> Floats:
        """Return by how much (n,) ln(loss) must have risen at each point, whatever the noise at the best."""
        return np.maximum(log(1 + self.rise), np.maximum(self.z * noise, self.waves * height))

    def _open(
        self, rows: Samples, row: int, level: float, margin: float, until: Floats, lately: Floats
    ) -> list[Finding]:
        offset = float(rows.offset[row])
        noise, apart = np.median(lately, axis=1).tolist()
        means = noise < _MEANS * apart
        margin = max(margin, _WIDER * self.z * apart) if means else margin
        if level - self._best.level <= margin:
            return []
        jump = lr_jump(self._rate, offset)
        cause = surge(self._grad, GRAD_NORM, offset)
        if jump > 1.5:
            if level - self._best.level <= 2 * margin:
                return []
            cause = cause or f"the learning rate had risen {jump:.1f}x within 100 logged steps"
        sound = until[0, until[1] <= self._best.level + margin / 2]
        step = self._best.where.step
        step = int(sound[-1]) if len(sound) and np.isfinite(sound[-1]) else step
        sudden = bool(until.size) and level - until[1, -1] > (level - self._best.level) / 2
        persist = _MEAN * self.persist if means else self.persist
        self._rise = _Rise(self._onset(rows, row, margin), cause, level, margin, step, sudden, persist)
        since = until[1, int(np.argmin(until[1])) if until.size else 0 :]
        self._rise.highest = float(since[-_AFTER:].max(initial=level))
        self._rise.comes_back(level, self._best.level)
        if persist <= 1:
            return [self._fire(self._rise, level)]
        return [self._finding(self._rise, Verdict.PENDING, level)]

    def _onset(self, rows: Samples, row: int, margin: float) -> Place:
        """Return the first row of a rise: the one behind the last that was near the best."""
        newest = self._loss.until(float(rows.offset[row]), 128)
        near = np.flatnonzero(newest.value <= grow(self._best.level + margin / 2))
        begin = int(near[-1]) + 1 if len(near) else 0
        return place(newest, begin) if begin < len(newest) else place(rows, row)

    def _warms_up(self, offset: float, level: float) -> bool:
        """Whether the rate rises gradually while the loss is no higher than that of the untrained model."""
        first, half, last = self._rates(offset)
        return level <= self._ending.untrained and 0 < first < half < last < _STEEPEST * half

    def _rates(self, offset: float) -> tuple[float, float, float]:
        """Return the learning rate two ramps before, one before, and at an offset; zeros if unknown."""
        rates = self._rate.until(offset, 2 * _RAMP + 1).value[::_RAMP].tolist()
        return (rates[0], rates[1], rates[2]) if len(rates) == 3 else (0.0, 0.0, 0.0)

    def _meant(self, offset: float, level: float) -> str:
        """Return why a rise is none of the model's, or ""."""
        if self._validates(offset, level):
            return _HARDER
        if self._parts.count_more(self._best.parts, offset, grow(level), level - self._best.level):
            return _WEIGHTS
        times = (newest(self._rate, offset) or 0.0) / self._best.rate
        slight = level - self._best.level < log(1 + self.slight)
        explains = times >= _HIGHER and (slight or lr_returned(self._rate, offset, 128))
        explains |= searches_rate(self._rate, offset)
        return f"the learning rate is {times:.1f} times what it was then" if explains else ""

    def _validates(self, offset: float, level: float) -> bool:
        """Whether evaluations since the best are better than all before: training has only become harder.

        That the program saves its best model again says so too; so does a score, unless the rise is critical.
        """
        grave = level - self._best.level > log(1 + self.grave)
        saved = [at for at in self._improved if self._best.offset < at <= offset]
        if len(saved) >= _AGAIN:
            return True
        if not grave and self._scores.rising(self._best.scores, self._best.offset, offset):
            return True
        return self._evaluations.better(self._best.evaluated, self._best.offset, offset)

    def _follow(self, rise: _Rise, level: float, here: Place, meant: str, *, warms: bool) -> list[Finding]:
        excess = level - self._best.level
        lasting = rise.over + 1 >= _ALWAYS * self.long
        waits = warms or (rise.comes_back(level, self._best.level) and not lasting)
        rise.over = rise.over + 1 if excess > rise.margin else 0
        rise.under = rise.under + 1 if excess < rise.margin / 2 else 0
        if (not rise.firing and not rise.over) or rise.under >= self.persist:
            return [self._clear(here)]
        if waits or (rise.sudden and rise.over < _NEWEST):
            return []
        grave = excess > log(1 + self.grave) or rise.over >= self.long
        grave &= level >= self._ending.untrained + log(LOW)
        severity = self._severity(level, meant, grave=grave)
        if not rise.firing:
            reported = rise.over >= rise.persist
        else:
            reported = level > rise.level + rise.margin or severity.exceeds(rise.firing)
        return [self._fire(rise, level, meant, grave=grave)] if reported else []

    def _severity(self, level: float, meant: str, *, grave: bool) -> Severity:
        if meant or level < self._ending.untrained + log(_NOTHING):
            return Severity.INFO
        return Severity.CRITICAL if grave else Severity.WARNING

    def _fire(self, rise: _Rise, level: float, meant: str = "", *, grave: bool = False) -> Finding:
        rise.level = level
        severity = self._severity(level, meant, grave=grave)
        if severity.exceeds(rise.firing):
            rise.firing = severity
        if meant and rise.firing is Severity.INFO:
            rise.cause = rise.cause or meant
        return self._finding(rise, Verdict.FIRING, level)

    def _clear(self, here: Place) -> Finding:
        self._rise = None
        return self.clear(here, LOSS)

    def _finding(self, rise: _Rise, verdict: Verdict, level: float) -> Finding:
        height = grow(level - self._best.level) - 1
        best = self._best
        usual = f"its best of {grow(best.level):.4g} at {best.where}"
        return self.say(
            verdict,
            rise.firing or Severity.WARNING,
            f"{label(LOSS)} {above(height, usual)}",
            rise.where,
            metric=LOSS,
            cause=rise.cause,
            advice=_ADVICE,
            evidence={
                "best": grow(best.level),
                "best_step": best.where.step,
                "now": grow(level),
                "rise": height,
                "sound_step": rise.sound,
            },
        )


_WEIGHTS = "none of its parts has risen as much: they are weighted more"
_HARDER = "evaluations get better: the training data may have become harder"
_ADVICE = "Go back to a checkpoint near the best; lower the learning rate or skip the batches since."
