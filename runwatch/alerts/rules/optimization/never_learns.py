"""The loss has not fallen since the beginning.

Reason: labels that do not fit, a detached graph or a rate far too small look like training: numbers
move, and nothing is learned. Formula, after `rows` rows, after an eighth of them that cover `epochs`
epochs or ten times `rows` steps, a sixteenth that cover `few` epochs, or a quarter that cover `seen`
epochs where the loss is still at chance, an eighth whose gradient norms are all 0, or a quarter that cover
a fifth of those steps while the learning rate is printed as 0: the median loss of
the last quarter of them is not lower than that of the first by more than max(`least`, 2 standard errors
of the two medians), or both are at ln(k) of fewer than ten classes. Sooner where all rows of `few`
epochs are within `chance` of ln(k), or an eighth of the rows are and differ by less than 0.2 %, or a
sixteenth, or those of `few` epochs, are all one value of four digits or more. When the run is over, rows of
a dozen epochs, fewer than a sixteenth, whose last quarter is not below the first three, nor any three by 5 %,
or a sixteenth or more, of ten steps each, all within 1 % and without a fall by their order:
a warning, unless a score of held-out data has risen or the loss is below 0.5. A warning where that costs
the run: the loss is at chance, within `chance` of ln(k) for a usual number of classes or tokens k, and rows
scatter by less than 28 %, as guesses do; no
learning rate was above `rate`; all gradient norms were exactly 0; or few rows, of `few` epochs (in a first
launch as few as `few`, if they are alike to 2 %), end where they begin, their order shows no fall (the test
of Mann and Kendall), nor has a score of held-out data risen; or it is flat to 1 % through all those epochs,
or moves and is flat through all those rows; or it is -ln of the lowest probability that a program admits
(87.3365 of a float, 16.1181 of 1e-7) in each of the first
`clipped` rows, or of the newest as many when all these rows are judged. Elsewhere a note, unless rows are
noisy, or all alike as they are printed: fine-tuning may rightly begin where it ends. A note too where single
rows scatter by 28 % or more, and it has not fallen by even one standard error: it oscillates from the
first row on. A note becomes a warning after ten times as many rows, where the loss is above 0.5. Ends
when the median of 64 rows, or of 16 where fewer than an eighth had shown it, has fallen by 3 %. A loss
of both signs has no level to fall from: a warning if the second quarter of all these rows stays within 1
%, not below where it began; it ends with a row 3 % lower.

Example: 'loss has not fallen in the first 400 logged steps: 10.83', which is ln(50257).

What to do: stop and check, in this order: whether the parameters are in the optimizer,
labels that fit their inputs, the learning rate, a single batch that it can overfit.

Traps: a run that is resumed begins at its level (but not at one value to the last digit), and one that is
started again from its first step is judged again; losses of adversaries and of agents have no level to fall
from; warm-up holds the first rows up, which the length allows for.

Source: the loss of guessing among k classes is ln(k).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, log1p
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Floats,
    Segments,
    Windows,
    before_negative,
    grow,
    median_error,
    middle,
    positive,
    spread,
    take,
)
from runwatch.alerts.rules.common.beginning import EARLY, EARLY_EPOCHS, began_elsewhere
from runwatch.alerts.rules.common.chance import guessing, is_telling, least_likely
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.epochs import Epochs
from runwatch.alerts.rules.common.evaluations import Scores
from runwatch.alerts.rules.common.players import Players
from runwatch.alerts.rules.common.trend import falls
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, label
from runwatch.render import numbers

_STEPS = 10
"""Steps that say as much as one row."""
_NOISY, _WILD = 0.1, 0.25
"""Deviations of single rows, in ln, from which nothing is said of a loss that merely does not fall, and
from which it oscillates."""
_SURE = 4
"""Deviations of a mean of 64 such rows by which their median must fall in addition, to end it."""
_LATE = 10
"""Multiple of the rows behind a note after which it costs the run."""
_OF_NOISE = log(0.5)
"""ln of a loss up to which it may be that of what predicts noise, which fine-tuning hardly lowers."""
_FLAT = 0.01
_SHORT, _FALLEN = 12, 0.05
"""Epochs that a short run has at least, and the fall of its loss, at its lowest, that is learning."""
_STILL = 0.002
"""Range of the losses at chance, as a fraction, within which no single batch differs from another."""
_NORMS = 32
"""Gradient norms of exactly 0, and no other, that say that nothing is trained."""
_FEW = 9
"""Most classes among which a loss within `chance` of guessing has learned next to nothing."""


@dataclass
class NeverLearns(RankRule):
    """Fires when hundreds of rows have not lowered the loss."""

    name: ClassVar[str] = "never_learns"
    summary: ClassVar[str] = "The training loss has not fallen since the run began."

    rows: int = threshold(400, "first rows that are judged", least=64)
    epochs: float = threshold(50.0, "epochs for which an eighth of the rows is enough")
    few: float = threshold(10.0, "epochs for which a sixteenth of the rows is enough, where nothing falls")
    seen: float = threshold(3.0, "epochs for which a quarter of the rows is enough at chance")
    least: float = threshold(0.005, "fall of the loss that is enough, as a fraction")
    chance: float = threshold(0.01, "distance from ln(k) that counts as chance level, as a fraction")
    clipped: int = threshold(8, "rows in a row with the highest loss that a program can print", least=4)
    rate: float = threshold(1e-7, "learning rate that is too low to learn anything")
    escape: ClassVar[float] = 0.03
    """Fall of the loss that ends it, as a fraction."""

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)
    _epochs: Epochs = field(default_factory=Epochs, init=False, repr=False)
    _scores: Scores = field(default_factory=Scores, init=False, repr=False)
    _rate: Recent = field(default_factory=lambda: Recent(512), init=False, repr=False)
    _norms: Recent = field(default_factory=lambda: Recent(512), init=False, repr=False)
    _first: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """ln(loss) of the first rows, until judged."""
    _newest: tuple[float, Place] = field(default=(-np.inf, NOWHERE), init=False, repr=False)
    """Where the newest of them is."""
    _steps: list[float] = field(default_factory=list, init=False, repr=False)
    """The first two steps."""
    _done: bool = field(default=False, init=False, repr=False)
    _signed: bool = field(default=False, init=False, repr=False)
    """Whether there was a loss below zero."""
    _windows: Windows | None = field(default=None, init=False, repr=False)
    _begin: float = field(default=-np.inf, init=False, repr=False)
    """Where the newest launch began in the log."""
    _plain: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """The first half of the first rows, of any sign."""
    _frozen: float = field(default=-np.inf, init=False, repr=False)
    """Where a loss of both signs stays, while that is what fires."""
    _firing: Severity = field(default=Severity.WARNING, init=False, repr=False)
    _level: float = field(default=0.0, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the training loss of a block."""
        self._epochs.push(block)
        self._rate.push(block.samples.get(LEARNING_RATE))
        self._norms.push(block.samples.get(GRAD_NORM))
        self._players.push(block)
        self._scores.push(block)
        found: list[Finding] = []
        for restarted, piece in self._segments.split(block.samples.get(LOSS), block.restarts):
            judged, signed = before_negative(piece)
            if restarted:
                found += self._end(piece, still=self._frozen > -np.inf)
                self._frozen = -np.inf
                self._first, self._steps, self._done = np.empty(0), [], self._signed
                self._begin, self._plain = float(piece.offset[0]), np.empty(0)
            self._steps += piece.step[: 2 - len(self._steps)].tolist()
            found += self._walk(positive(judged))
            found += self._freezes(piece)
            if signed:
                found += self._end(take(piece, slice(len(judged), None)))
                self._done = self._signed = True
        return found

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When the run is over, the losses of few epochs must do."""
        count, offset = len(self._first), self._newest[0]
        over = not status.live or status.finished
        if not over or self._done or self._signed or count < _SHORT or offset >= self._players.first:
            return ()
        short = count < self.rows // 16 and self._passed(offset) >= count - 1
        levels = [middle(self._first[at : at + 3].tolist()) for at in range(count - 2)]
        end = middle(self._first[-(count // 4) :].tolist())
        fell = min(levels) < levels[0] - log1p(_FALLEN) or end < levels[0] - log1p(self.least)
        fell |= bool(self._first[0] > levels[0] + _NOISY)
        if not ((short and not fell) or self._rests()) or self._began_elsewhere(offset):
            return ()
        if levels[0] <= _OF_NOISE or self._scores.risen(offset):
            return ()
        self._firing = Severity.WARNING
        return [self._fire(self._first, self._newest[1], "the run is over", levels[0], end)]

    def _rests(self) -> bool:
        """Whether means of many steps, from the first to the last, are all alike."""
        count, step = len(self._first), self._newest[1].step
        far = step is not None and step - self._steps[0] >= _STEPS * count
        still = count >= self.rows // 16 and float(np.ptp(self._first)) < _FLAT
        return far and still and not falls(self._first, 1.0)

    def _walk(self, rows: Samples) -> list[Finding]:
        if self._done and self._windows is None:
            return []
        y = np.log(rows.value)
        if self._windows is not None:
            return self._watch(rows, y)
        few = {self.clipped, int(self.few)}
        for count in sorted(few | {self.rows // part for part in (16, 8, 4, 2, 1)}):
            missing = count - len(self._first)
            if self._done or missing <= 0 or len(y) < missing:
                continue
            row = missing - 1
            first = np.append(self._first, y[:missing])
            finding = self._judge(first, float(rows.offset[row]), place(rows, row), float(rows.step[row]))
            if finding is not None:
                rest = slice(missing, None)
                return [finding, *self._watch(take(rows, rest), y[rest])]
        if not self._done and len(rows):
            self._first = np.append(self._first, y[: self.rows - len(self._first)])
            self._newest = float(rows.offset[-1]), place(rows, -1)
        return []

    def _judge(self, first: Floats, offset: float, here: Place, step: float) -> Finding | None:
        """Judge the first rows, if they are as many as it takes."""
        count = len(first)
        soon = self._soon(first, offset, here) if offset < self._players.first else None
        if soon is not None or count < self.rows // 8:
            return soon
        passed = self._passed(offset)
        epochs = passed >= self.epochs
        span = float(np.ptp(first))  # 0: perhaps the numbers are rounded
        moves = 0 < span < 4 * _FLAT
        steps = (moves or count >= self.rows // 4) and step - self._steps[0] >= _STEPS * self.rows
        idle = count >= self.rows // 4 and 5 * (step - self._steps[0]) >= _STEPS * self.rows
        idle = idle and not self._highest_rate(offset, np.inf)
        self._done = count == self.rows
        quarter = count // 4
        chance = self._at_chance(first[:quarter], first[-quarter:])
        seen = bool(chance) and count >= self.rows // 4 and passed >= self.seen
        enough = self._done or epochs or steps or seen or idle or self._dead(offset)
        if not enough or self._began_elsewhere(offset) or offset >= self._players.first:
            return None
        (start, end), (sigma, noise) = spread(np.stack([first[:quarter], first[-quarter:]]), 0.0)
        error = median_error(float(np.hypot(sigma, noise)), quarter)
        stays = 0 < chance <= _FEW
        fell = not stays and start - end > log1p(self.least)
        self._done = self._done or bool(fell or end - start > log1p(0.05))
        if abs(start - end) > max(log1p(self.least), 2 * error) and (fell or end - start > log1p(0.05)):
            return None
        cause = self._cause(float(end), offset, guesses=bool(noise <= _WILD))
        cause = cause or (_IDLE if idle and noise <= _NOISY else "")
        whole = count == self.rows
        flat = (moves and (whole or steps)) or (epochs and span < 4 * _FLAT)
        if not (cause or flat):
            found = float(start), float(end), float(noise)
            return self._note(first, here, *found, falls=bool(start - end > error)) if whole else None
        self._firing = Severity.WARNING
        return self._fire(first, here, cause, float(start), float(end))

    def _soon(self, first: Floats, offset: float, here: Place) -> Finding | None:
        """Judge few rows, which show it by their level, or by the epochs that they are of."""
        level, cause = float(first[-1]), ""
        start = level
        if lowest := self._clipped(first):
            cause = f"what is right has the lowest probability that the program admits: {lowest:.2g}"
        elif self._is_one(first, offset):
            cause = self._cause(level, offset) or "it is the same to the last digit"
        elif self._stays(first, offset):
            start, level = (middle(part.tolist()) for part in (first[: len(first) // 4], first))
            cause = self._cause(level, offset) or f"{self._passed(offset):.0f} epochs have not lowered it"
        if not cause:
            return None
        self._firing = Severity.WARNING
        return self._fire(first, here, cause, start, level)

    def _began_elsewhere(self, offset: float) -> bool:
        """Whether the first rows of this launch are not those of a run's beginning."""
        return began_elsewhere(self._steps, EARLY_EPOCHS if self._epochs.are_steps(offset) else EARLY)

    def _passed(self, offset: float) -> float:
        """Return the epochs of this launch up to `offset`."""
        return self._epochs.passed(offset) if self._begin < 0 else self._epochs.printed(offset)

    def _is_one(self, first: Floats, offset: float) -> bool:
        """Whether few rows, or those of few epochs, are all at chance, or one value of several digits."""
        if len(first) < self.rows // 16 and self._passed(offset) < self.few:
            return False
        losses = np.unique(np.exp(first))
        same = len(losses) == 1 and is_telling(losses[0])
        levels = {guessing(loss, self.chance) for loss in losses.tolist()}
        still = len(first) >= self.rows // 8 and np.ptp(first) < _STILL
        passed = self._passed(offset)
        chance = len(levels) == 1 and 0 not in levels and (still or passed >= self.few)
        rests = chance and not falls(first, 2.0 if passed >= 2 * self.few else 1.0)
        return same or (rests and not self._began_elsewhere(offset))

    def _stays(self, first: Floats, offset: float) -> bool:
        """Whether few rows, of many epochs, do not fall in the least, nor have fallen at once."""
        count = len(first)
        each = count >= self.few and self._begin < 0 and np.ptp(first) < 2 * _FLAT
        few = count <= self.rows // 4 and (count >= self.rows // 16 or each)
        if not few or self._passed(offset) < self.few or self._began_elsewhere(offset):
            return False
        high = float(first[:2].mean()) > np.quantile(first[2:], 0.9)
        learns = high or falls(first, 1.0) or falls(-first) or self._scores.risen(offset)
        return not learns and middle(first.tolist()) > _OF_NOISE

    def _note(
        self, first: Floats, here: Place, start: float, end: float, noise: float, *, falls: bool
    ) -> Finding | None:
        """Note that it does not fall, unless rows are noisy, but not so wild that they oscillate."""
        self._firing = Severity.INFO
        if 0 < noise <= _NOISY:
            return self._fire(first, here, "", start, end)
        if noise <= _WILD or falls:
            return None
        cause = f"single rows scatter by {grow(noise) - 1:.0%}: the rate is too high, or batches differ much"
        finding = self._fire(first, here, cause, start, end)
        self._level -= _SURE * noise / 64**0.5
        return finding

    def _fire(self, first: Floats, here: Place, cause: str, start: float, end: float) -> Finding:
        windows = Windows(64, 16) if len(first) >= self.rows // 8 else Windows(16, 4)
        self._done, self._windows, self._level = True, windows, start
        return self._say(len(first), here, cause, start, end)

    def _say(self, count: int, here: Place, cause: str, start: float, end: float) -> Finding:
        return self.say(
            Verdict.FIRING,
            self._firing,
            f"{label(LOSS)} has not fallen in the first {numbers.step(count)} logged steps: {grow(end):.4g}",
            here,
            metric=LOSS,
            cause=cause,
            advice=_ADVICE,
            evidence={"first": grow(start), "now": grow(end)},
        )

    def _clipped(self, first: Floats) -> float:
        """Return the least probability that a program admits, if all newest losses are of that; else 0."""
        newest = first[-self.clipped :]
        return least_likely(grow(float(newest[-1]))) if np.ptp(newest) == 0 else 0.0

    def _at_chance(self, first: Floats, last: Floats) -> int:
        """Return the number of classes at whose guess both the first rows and the last are; 0 if none."""
        before, now = (guessing(grow(middle(part.tolist())), self.chance) for part in (first, last))
        return now if before == now else 0

    def _cause(self, level: float, offset: float, *, guesses: bool = True) -> str:
        if guesses and guessing(grow(level), self.chance):
            return "it is at the level of guessing"
        highest = self._highest_rate(offset, 0.0)
        if 0 < highest < self.rate:
            return f"the learning rate was never above {highest:.2g}"
        return "the gradient norm is exactly 0: no gradient reaches the weights" if self._dead(offset) else ""

    def _highest_rate(self, offset: float, unknown: float) -> float:
        """Return the highest learning rate up to `offset`; `unknown` if none is printed."""
        recent = self._rate.until(offset, 512)
        rates = recent.value[(recent.offset >= self._begin) & np.isfinite(recent.value)]
        return float(rates.max()) if len(rates) else unknown

    def _dead(self, offset: float) -> bool:
        """Whether all gradient norms up to `offset` were exactly 0."""
        norms = self._norms.until(offset, 512)
        values = norms.value[norms.offset >= self._begin]
        return len(values) >= _NORMS and not values.any()

    def _watch(self, rows: Samples, y: Floats) -> list[Finding]:
        """Look whether it learns after all, or costs the run."""
        assert self._windows is not None
        start = self._windows.rows
        ends, windows = self._windows.add(y)
        if not len(ends):
            return []
        fallen = np.flatnonzero(np.median(windows, axis=1) < self._level + log(1 - self.escape))
        over = int(fallen[0]) if len(fallen) else len(ends)
        late = int(np.searchsorted(ends, _LATE * self.rows))
        found: list[Finding] = []
        if late < over and self._firing is Severity.INFO and self._level > _OF_NOISE:
            self._firing, first = Severity.WARNING, (_LATE + 1) * self.rows
            here = place(rows, int(ends[late]) - start - 1)
            found.append(self._say(first, here, "", self._level, float(np.median(windows[late]))))
        if len(fallen):
            self._windows = None
            found.append(self.clear(place(rows, int(ends[over]) - start - 1), LOSS))
        return found

    def _freezes(self, piece: Samples) -> list[Finding]:
        """Judge a loss of both signs, which has no ratio: it must not move, from where it began or above."""
        rows = take(piece, np.isfinite(piece.value))
        missing = max(0, self.rows // 2 - len(self._plain))
        self._plain = np.append(self._plain, rows.value[:missing])
        found: list[Finding] = []
        if 0 < missing <= len(rows) and self._is_still(float(rows.offset[missing - 1])):
            self._frozen, self._firing = float(np.median(self._plain[-self.rows // 4 :])), Severity.WARNING
            title = (
                f"{label(LOSS)} has stayed at {self._frozen:.4g} since it began, "
                f"in {numbers.step(len(self._plain))} logged steps"
            )
            found.append(
                self.say(
                    Verdict.FIRING,
                    Severity.WARNING,
                    title,
                    place(rows, missing - 1),
                    metric=LOSS,
                    advice=_ADVICE,
                )
            )
        moved = rows.value[missing:] < self._frozen - self.escape * abs(self._frozen)
        if moved.any():  # none is below where nothing is frozen
            self._frozen = -np.inf
            found.append(self.clear(place(rows, missing + int(np.argmax(moved))), LOSS))
        return found

    def _is_still(self, offset: float) -> bool:
        """Whether the first rows, of both signs, came to rest no lower than where they began."""
        last = np.sort(self._plain[-self.rows // 4 :])
        level, margin = float(np.median(last)), len(last) // 20
        still = last[-1 - margin] - last[margin] <= _FLAT * abs(level)
        signed = bool((self._plain < 0).any() and (self._plain > 0).any())
        above = level >= middle(self._plain[:3].tolist())
        return (
            signed and still and above and not self._began_elsewhere(offset) and offset < self._players.first
        )

    def _end(self, rows: Samples, *, still: bool = False) -> list[Finding]:
        if self._windows is None and not still:
            return []
        self._windows = None
        return [self.clear(place(rows, 0), LOSS)]


_IDLE = "the learning rate is printed as 0"
_ADVICE = "Check that labels match inputs, that gradients reach the weights, and the learning rate."
