"""The validation loss rises away from its best, or jumped and stays there.

Reason: when validation rises while training falls the run learns its data by heart,
and the checkpoint to keep is an old one.
Formula: in logarithms, and of a perplexity or an error (MSE) where no validation loss is printed. The signs
of it, first to last; `long` is `evals` evaluations and at least `part` of all so far, 24 at most:
- it rises: the newest `long` are above the lowest median of three (the best of many is low by chance) by
  ln(1 + `rise`), 4 s and `waves` times the highest rise that was lost again by half; there are `least` at
  least, and the training loss, the median of up to 64 rows of three evaluations, is not above that at the
  best;
- it jumped: two in a row are `jump` times, and 8 s, above the two before them (in the first 24, also farther
  than nine of ten rows of training are apart), and single ones have not risen half as high twice;
- it lost what it had: the first or second was the best, and `least` since are all `jump` times as high, and
  scatter by less than half of that, whatever the training loss did;
- it wastes the run: half of all evaluations, three at least, or 96, lie behind the best, while the training
  loss fell by `learned`; the median of the newest `long` is above the lowest median by `rise`, by one part in
  as many as lie behind the best (not if those rise by their order), and by what single ones, or, if it is
  more than 3 s, as many in a row as it must last, have risen twice and lost again (not if the order of many
  says so, which no noise does); the order of those since the best says so (of 48 or more, that of means of
  them, since values that wander are in order for a while), or it is more than 3 s; above the best itself,
  whatever the order, where the training loss is below half of that and those since scatter by less than half
  of the rise;
- it stays away: the training loss is as for a rise, and all of the newest half, eight at least, are above
  twice the lowest median;
- it drifts: the order of the newest `trend` to 24 since the best says so (the test of Mann and Kendall), the
  median of the newest `long` is `costly` above the lowest median, and the training loss is as for a rise.
A warning where it jumped, lost what it had, wastes the run, or the median of the newest `long` is `costly`
above the lowest median; else a note. A note alone while a learning rate rises that had fallen by half; while
a score of held-out data still rises, by a hundredth in half of the evaluations since the best (since the
best, where no training loss is printed), and the loss has neither jumped nor risen by half; where the rise is
less than a thousandth of what was gained since the first three evaluations; and, unless it wastes the run,
where fewer than 24 in a row are above a best that is that of guessing, ln(k), by the untrained model: batch
norms may know their data later than weights do.
A loss that has been below zero has no ratio: a warning where half of all evaluations, and `trend`, lie behind
the best and rise by their order, the median of the newest three has lost `costly` of what was gained from the
first three to the lowest median, and the training loss fell by `learned`; ends when half of that is back.
A warning, too, where each of the first eight is the same to the last of four digits or more, though it trains
between them: the weights that are evaluated do not change.
Nothing is said while those since the best, or the newest eight, none of which is before the highest, fall by
their order: they are on their way back.
Reported again when the rise has grown by half or becomes a warning; ends with an evaluation near the best,
or a median of three where the rise is within the noise.
s is the noise of one evaluation: the 90th percentile of how far one is above the line between its
neighbors, before the rise, of the newest 12 or 48, whichever is more, times 1 + 4 / n for the few that n are.

Example: 'val loss is 8% above its best of 2.984 at step 2,418': it overfits.

What to do: keep the checkpoint of the best evaluation. If it overfits, stop or add data
or regularization; if it jumped, look at the evaluation's data and at the weights loaded
for it.

Traps: most runs overfit a little, and keep their best checkpoint; an evaluation on a small
or random subset is noisy, at times only once the loss has begun to fall, and a median of
few differences does not see it; a descent bends too, but only downwards; a single
evaluation several times as high as the others is common and came back at the next in every
log where one was seen; the more often a run evaluates, the more often three in a row are
high by chance, so that a rise must last for a part of the run; losses near zero wander by
ratios, and come back, which no overfitting does; lines of one running evaluation (the
same step, no training between) are one evaluation, and if they were several, the median of the next ones
is judged once they are complete; a loss above zero is compared with a training loss that has been below it,
as of a policy, only if that fell by `learned`; a training loss above that of validation is common (dropout,
augmented data, smoothed labels) and says nothing; a launch that begins again with the step of the one before
is another run; a learning rate that rises again undoes what its fall had brought;
when the training loss rises too it diverges, and other rules say so.

Source: early stopping as in Prechelt, 1998, with the noise measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import ceil, log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, grow, jitter_of, middle
from runwatch.alerts.rules.common.chance import guessing, is_telling
from runwatch.alerts.rules.common.context import Recent, lr_returned
from runwatch.alerts.rules.common.evaluations import Launches, Scores, is_perplexity, replaces_loss
from runwatch.alerts.rules.common.trend import Course, falls
from runwatch.alerts.rules.common.validation_watch import LONGEST, THREE, Watch
from runwatch.alerts.rules.common.wording import above
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LEARNING_RATE, LOSS, VAL_BPB, VAL_LOSS, label

_AGAIN = 1.5
"""Multiple of the rise reported last that is news."""
_NEAR = 6
"""Training rows that the newest two are compared with."""
_TREND = 2.3
"""Standard errors by which evaluations rise that are also much higher than the best."""
_SURE = 3.0
"""Deviations of one evaluation from which a rise is no noise, whatever its order; errors of an order."""
_WORSE = 1.03
"""Multiple of the training loss at the best above which training got worse too."""
_MANY = 48
"""Evaluations since the best from which the order of the newest says too little."""
_SURER = 1.5
"""Multiple of the best up to which surer answers explain a rise, while more of them are right."""
_FAR = 2.0
"""Multiple of the lowest median of three from which all of half of the evaluations are no noise."""
_BATCHES = 1024
"""Lines of one evaluation that are remembered."""
_GAINED = 0.001
"""Of what was gained since the first evaluations, below which a rise costs nothing."""
_OVERFITS = "it overfits: the training loss did not rise"
_FROZEN = 8
"""Evaluations that are all the same to the last digit, from the first on, of weights that are not trained."""
_NINE_OF_TEN = 3.3
"""Deviations of single rows within which nine of ten are."""
_BACK = 8
"""Newest evaluations that show that they fall from the highest one."""


def _comes_back(since: Floats) -> bool:
    """Whether evaluations (n,) since the best, or the newest behind the highest, fall by their order."""
    behind = len(since) > 0 and len(since) - int(np.argmax(since)) >= _BACK
    return falls(since, _TREND) or (behind and falls(since[-_BACK:], _TREND))


class _Sign(Enum):
    """What shows that a validation loss gets worse."""

    RISES, JUMPED, LOST, WASTES, DRIFTS, STAYS = range(6)


_KEPT = ("step", "begin", "offset", "here", "batches", "perplexity")
"""What is known of an evaluation before it is judged."""


@dataclass
class Validation(RankRule):
    """Fires when validation gets worse while training does not."""

    name: ClassVar[str] = "validation"
    summary: ClassVar[str] = "The validation loss rises away from its best (overfitting), or jumped."

    rise: float = threshold(0.05, "least rise over the best, as a fraction")
    evals: int = threshold(3, "evaluations in a row that must be above it")
    part: float = threshold(0.1, "part of all evaluations that must be above it, where that is more")
    least: int = threshold(5, "evaluations before anything is said")
    jump: float = threshold(1.5, "times the evaluations before that two in a row must be")
    costly: float = threshold(0.2, "rise from which it is a warning, as a fraction")
    trend: int = threshold(10, "evaluations since the best that show by their order whether they rise")
    wasted: float = threshold(0.5, "of all evaluations, behind the best, from which its duration counts")
    learned: float = threshold(0.15, "fall of the training loss meanwhile, as a fraction")
    waves: float = threshold(2.0, "multiple of the highest rise so far that was lost again")

    _recent: Recent = field(default_factory=Recent, init=False, repr=False)
    _rate: Recent = field(default_factory=Recent, init=False, repr=False)
    _launches: Launches = field(default_factory=Launches, init=False, repr=False)
    _scores: Scores = field(default_factory=Scores, init=False, repr=False)
    _watches: dict[str, Watch] = field(default_factory=dict, init=False, repr=False)
    _loss: float = field(default=np.inf, init=False, repr=False)
    """Offset of the first validation loss: a perplexity or an error says the same."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the validation losses of a block."""
        self._recent.push(block.samples.get(LOSS))
        self._rate.push(block.samples.get(LEARNING_RATE))
        self._scores.push(block)
        self._launches.push(block)
        found: list[Finding] = []
        if VAL_LOSS in block.samples:
            self._loss = min(self._loss, float(block.samples[VAL_LOSS].offset[0]))
        for metric in (VAL_LOSS, VAL_BPB, *filter(replaces_loss, sorted(block.samples))):
            samples = block.samples.get(metric)
            if samples is None:
                continue
            known = np.isfinite(samples.value) & (samples.value != 0)
            known &= (samples.value > 0) | (metric == VAL_LOSS)
            known &= (samples.offset < self._loss) | (not replaces_loss(metric))
            for row in np.flatnonzero(known).tolist():
                watch = self._watches.setdefault(metric, Watch(perplexity=is_perplexity(metric)))
                found += self._take(metric, watch, samples, row)
        return found

    def _take(self, metric: str, watch: Watch, samples: Samples, row: int) -> list[Finding]:
        value, where, step = float(samples.value[row]), place(samples, row), float(samples.step[row])
        offset = float(samples.offset[row])
        again = step == watch.step and self._launches.between(watch.offset, offset)
        if step < watch.step or again:  # another run, or one that went back
            found = self._end(metric, watch, where)
            watch = self._watches[metric] = Watch(begin=watch.offset, perplexity=watch.perplexity)
            return found + self._take(metric, watch, samples, row)
        if self._is_same_evaluation(watch, step, offset):
            watch.batches += [value] if len(watch.batches) < _BATCHES else []
            if watch.count == 1 and not watch.waits:  # it was judged by its first batch
                kept = {name: getattr(watch, name) for name in _KEPT}
                self._watches[metric] = Watch(**kept, waits=True)
            return []
        found = self._complete(metric, watch)
        watch.step, watch.here = step, where
        watch.waits, watch.batches = len(watch.batches) > 1, [value]
        return found if watch.waits else found + self._evaluate(metric, watch, value)

    def _complete(self, metric: str, watch: Watch) -> list[Finding]:
        """Judge an evaluation of which every batch is printed, as the one before showed, by their median."""
        waits, watch.waits = watch.waits, False
        return self._evaluate(metric, watch, middle(watch.batches)) if waits else []

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When no more lines can come, the newest evaluation is complete."""
        if status.live and not status.finished:
            return ()
        return [each for metric, watch in self._watches.items() for each in self._complete(metric, watch)]

    def _evaluate(self, metric: str, watch: Watch, value: float) -> list[Finding]:
        """Judge an evaluation."""
        where = watch.here
        watch.ends.append(watch.offset)
        rows_are_epochs = watch.count == 1 and len(self._trained(watch, watch.begin)) <= 2
        watch.untrained &= not rows_are_epochs
        found: list[Finding] = []
        if value < 0 and not watch.signed:  # it has no ratio from here on
            found, watch.signed, watch.low = self._end(metric, watch, where), True, np.inf
            watch.newest.clear()
        margin, jumped = (0.0, False) if watch.signed else self._measure(watch, log(value))
        watch.behind += 1
        watch.first = [*watch.first, value][:THREE]
        if watch.signed:
            watch.newest.append(value)
            return found + self._loses(metric, watch, value)
        watch.alike += value == watch.first[0]
        if value <= watch.best:
            watch.best, watch.where, watch.above, watch.behind = value, where, 0, 0
            watch.course = Course()
            watch.untrained = watch.count == 1 and len(self._trained(watch, watch.begin)) <= 1
            watch.train = min(self._train(watch), self._train(watch, 1))  # it may fall fast
            highest = self._scores.best(watch.offset)
            watch.at, watch.scored, watch.scores = watch.offset, highest, (highest, highest)
            frozen = watch.alike == watch.count >= _FROZEN
            return self._frozen(metric, watch, value) if frozen else self._end(metric, watch, where)
        watch.course.take(log(value))
        if not watch.behind & (watch.behind - 1):  # 1, 2, 4, 8 and so on
            watch.scores = (watch.scores[1], self._scores.best(watch.offset))
        if watch.firing and self._is_back(watch, log(value / watch.best), margin):
            return self._end(metric, watch, where)
        if watch.firing:
            return self._grows(metric, watch, value)
        return self._begins(metric, watch, where, value, jumped=jumped)

    def _frozen(self, metric: str, watch: Watch, value: float) -> list[Finding]:
        """Report that no evaluation so far differs from the first, though it trains between them."""
        if watch.count != _FROZEN or not is_telling(value) or not self._trained(watch, watch.ends[-2]):
            return []
        watch.firing = Severity.WARNING
        title = f"{label(metric)} is {value:.6g} to the last digit in each of {watch.count} evaluations"
        cause = "the weights that are evaluated do not change"
        advice = "Check that they are in the optimizer, and that they are those that are evaluated."
        return [self._say(metric, watch, watch.here, title, cause, value, advice)]

    def _loses(self, metric: str, watch: Watch, value: float) -> list[Finding]:
        """Judge an evaluation of both signs by the part that is lost of what was gained."""
        watch.count, lost = watch.count + 1, watch.lost()
        if value <= watch.best:
            watch.best, watch.where, watch.behind = value, watch.here, 0
            watch.train = min(self._train(watch), self._train(watch, 1))
        if watch.firing:
            return self._end(metric, watch, watch.here) if lost < self.costly / 2 else []
        since = np.array(watch.newest)[-watch.behind :]
        short = watch.behind < max(self.trend, self.wasted * watch.count)
        if short or lost < self.costly or not falls(-since, _TREND) or not self._learned(watch):
            return []
        watch.firing = Severity.WARNING
        title = (
            f"{label(metric)} has lost {lost:.0%} of what it had gained, since its best of {watch.best:.4g}"
        )
        return [self._say(metric, watch, watch.here, f"{title} at {watch.where}", _OVERFITS, value)]

    def _grows(self, metric: str, watch: Watch, value: float) -> list[Finding]:
        """Report a rise again once it has grown by half, or costs enough for a warning."""
        rise = log(value / watch.best)
        worse = watch.firing is Severity.INFO and self._is_grave(watch, value, self._costs(watch))
        worse = worse and not self._surer(watch, value)
        if rise < _AGAIN * watch.reported and not worse:
            return []
        watch.reported = rise
        watch.firing = Severity.WARNING if worse else watch.firing
        return [self._finding(metric, watch, watch.since or NOWHERE, value, rising=True)]

    def _begins(
        self, metric: str, watch: Watch, where: Place, value: float, *, jumped: bool
    ) -> list[Finding]:
        if min(self._trained(watch, watch.begin), default=0.0) < 0 and not self._learned(watch):
            return []  # an agent's is no loss to repeat
        sign = self._sign(watch, jumped=jumped)
        if sign is None or _comes_back(np.array(watch.newest)[-watch.behind :]):
            return []
        watch.scatters = sign not in (_Sign.RISES, _Sign.JUMPED)
        far = jumped or sign is _Sign.LOST or self._costs(watch)
        grave = self._is_grave(watch, value, far) and (jumped or not self._surer(watch, value))
        watch.firing = Severity.WARNING if grave else Severity.INFO
        watch.reported, watch.since = log(value / watch.best), where
        return [self._finding(metric, watch, where, value, rising=sign is not _Sign.JUMPED)]

    def _sign(self, watch: Watch, *, jumped: bool) -> _Sign | None:
        """Return the first sign that it gets worse; None if it does not."""
        learns = self._learns(watch)
        if watch.above >= self._long(watch) and watch.count >= self.least and learns:
            return _Sign.RISES
        if jumped:
            return _Sign.JUMPED
        if watch.behind >= self.least and self._lost(watch):
            return _Sign.LOST
        if self._wastes(watch):
            return _Sign.WASTES
        if not learns:
            return None
        return _Sign.DRIFTS if self._drifts(watch) else _Sign.STAYS if self._stays(watch) else None

    def _is_grave(self, watch: Watch, value: float, far: bool) -> bool:
        """Whether it costs the run: a rise is `far`, or has lasted, and no schedule has just begun again."""
        far = far and not watch.guesses
        if value - watch.best < _GAINED * (middle(watch.first) - watch.best):
            return False
        return (far or self._wastes(watch)) and not lr_returned(self._rate, watch.offset, 128)

    def _surer(self, watch: Watch, value: float) -> str:
        """Return a score that still gets better: wrong answers cost more the surer they are; or ""."""
        high = value > _SURER * watch.best
        before = watch.scores[0] if watch.train > 0 else watch.scored
        return "" if high else self._scores.rising(before, watch.at, watch.offset)

    def _is_back(self, watch: Watch, rise: float, margin: float) -> bool:
        """Whether a rise is over: within the noise, the median of three shows that."""
        if watch.alike == watch.count - 1 >= _FROZEN:
            return True
        if not watch.scatters:
            return rise < margin / 2
        far = min(log(1 + self.costly), watch.reported)
        return middle(list(watch.newest)[-THREE:]) - log(watch.best) < far / 2

    def _lost(self, watch: Watch) -> bool:
        """Whether all evaluations since the first or second are about as high, and nowhere near it."""
        since = list(watch.newest)[-watch.behind :]
        far, before = min(since) - log(watch.best), watch.count - watch.behind
        return before < self.evals and far > log(self.jump) and max(since) - min(since) < far / 2

    def _stays(self, watch: Watch) -> bool:
        """Whether the newest half of the evaluations are all far above the lowest level."""
        half = max(_BACK, min(LONGEST, ceil(watch.count / 2)))
        newest = list(watch.newest)[-half:]
        return watch.behind >= half and min(newest) - watch.low > log(_FAR)

    def _wastes(self, watch: Watch) -> bool:
        """Whether most of the run lies behind the best, and has made it worse by as much as it was long."""
        train, newest = self._train(watch), middle(list(watch.newest)[-self._long(watch) :])
        short = watch.behind < max(THREE, min(self.wasted * watch.count, 2 * _MANY))
        if short or (guessing(watch.loss) and watch.behind < LONGEST):
            return False
        since, best = list(watch.newest)[-watch.behind :], log(watch.best)
        apart = 0 <= train < watch.loss / 2 and max(since) - min(since) < (newest - best) / 2
        order = falls(-np.array(since), _TREND)
        least = log(1 + max(0.0 if order else 1 / watch.behind, self.rise))
        rise, many = newest - (best if apart else watch.low), watch.behind >= _MANY
        steady = many and watch.course.rises(_SURE)
        ordered = steady or (not many and falls(-np.array(since), 1.0))
        far = rise > _SURE * watch.noise.deviation()
        least = least if steady else max(least, (watch.lasting if far else watch.single).second)
        return (apart or far or ordered) and rise > least and self._learned(watch)

    def _drifts(self, watch: Watch) -> bool:
        """Whether the evaluations since the best rise, by their order, far, and more than they did before."""
        known = min(watch.behind, len(watch.newest))
        if not self._costs(watch):
            return False
        if min(list(watch.newest)[-self._long(watch) :]) - watch.low <= self.waves * watch.lasting.highest:
            return False
        return known >= self.trend and falls(-np.array(watch.newest)[-known:], _TREND)

    def _costs(self, watch: Watch) -> bool:
        """Whether the newest evaluations are so high that the rise is no small matter."""
        return middle(list(watch.newest)[-self._long(watch) :]) - watch.low > log(1 + self.costly)

    def _finding(self, metric: str, watch: Watch, where: Place, value: float, *, rising: bool) -> Finding:
        if rising:
            best = f"its best of {watch.best:.4g} at {watch.where}"
            title = f"{label(metric)} {above(value / watch.best - 1, best)}"
            learns = watch.train > 0 and self._learns(watch)
            cause = _OVERFITS if learns else ""
            cause = "it has never been better than guessing" if watch.guesses else cause
            if (cause or not watch.train > 0) and (score := self._surer(watch, value)):
                cause = f"more answers are right, but the wrong ones are surer: {label(score)} still rises"
        else:
            times = value / grow(watch.newest[-3])
            title = f"{label(metric)} jumped to {value:.4g}, {times:.1f} times what it was, and stays there"
            cause = ""
        return self._say(metric, watch, where, title, cause, value)

    def _say(
        self, metric: str, watch: Watch, where: Place, title: str, cause: str, value: float, advice: str = ""
    ) -> Finding:
        return self.say(
            Verdict.FIRING,
            watch.firing or Severity.INFO,
            title,
            where,
            metric=metric,
            cause=cause,
            advice=advice or f"Stop; keep the checkpoint near {watch.where}, or add data or regularization.",
            evidence={"best": watch.best, "best_step": watch.where and watch.where.step, "now": value},
        )

    def _measure(self, watch: Watch, level: float) -> tuple[float, bool]:
        """Take an evaluation; return the margin (in ln) above the best, and whether the newest two jumped."""
        watch.count += 1
        newest = watch.newest
        newest.append(level)
        last = list(newest)
        if len(last) > 2:
            watch.low = min(watch.low, middle(last[-3:]))
        noise = watch.noise.deviation()
        single = self.waves * watch.single.take(level)
        watch.lasting.take(min(last[-self._long(watch) :]))
        margin = max(log(1 + self.rise), 4 * noise, self.waves * watch.lasting.highest)
        watch.above = watch.above + 1 if level > watch.low + margin else 0
        if len(last) > 2:
            watch.noise.take(last[-1] - 2 * last[-2] + last[-3], calm=watch.above == 0)
        if len(last) < 5:
            return margin, False
        leap = min(last[-2:]) - max(last[-4:-2])
        far = min(last[-2:]) > log(watch.best) + max(single, log(1.2))
        jumped = far and leap > max(log(self.jump), 8 * noise) and not self._trains_worse(watch)
        return margin, jumped and (watch.count > LONGEST or leap > self._apart(watch))

    def _apart(self, watch: Watch) -> float:
        """Return how far apart nine of ten rows of training are, in ln: few evaluations hardly show it."""
        rows = np.array(self._trained(watch, watch.begin))
        known = len(rows) > _NEAR and rows.min() > 0
        return _NINE_OF_TEN * jitter_of(np.abs(np.diff(np.log(rows)))) if known else 0.0

    def _trains_worse(self, watch: Watch) -> bool:
        """Return whether the training loss jumped too: then other rules say so."""
        values = self._recent.until(watch.offset, _NEAR + 2).value
        before, now = values[:-2], values[-2:]
        known = len(before) >= _NEAR and bool(np.isfinite(values).all())
        return known and float(now.mean()) > self.jump * middle(before.tolist())

    def _long(self, watch: Watch) -> int:
        """Return how many evaluations in a row a rise must last."""
        return max(self.evals, min(LONGEST, ceil(self.part * watch.count)))

    def _is_same_evaluation(self, watch: Watch, step: float, offset: float) -> bool:
        """Return whether a line is of the evaluation that the line before was of."""
        trained, before = self._recent.until(offset, 1).offset, watch.offset
        watch.offset = offset
        return step == watch.step and not (len(trained) and trained[0] > before)

    def _learns(self, watch: Watch) -> bool:
        """Whether the training loss is not higher than at the best."""
        train = self._train(watch)
        margin = log(_WORSE) if watch.perplexity else (_WORSE - 1) * abs(watch.train)
        return not train > watch.train + margin

    def _learned(self, watch: Watch) -> bool:
        """Whether the training loss is lower by a part than at the best."""
        return self._train(watch) < watch.train - self.learned * abs(watch.train)

    def _train(self, watch: Watch, newest: int = THREE) -> float:
        """Return the median training loss of up to 64 rows of the newest evaluations."""
        known = len(watch.ends) > newest
        values = self._trained(watch, watch.ends[-newest - 1] if known else watch.begin)
        return middle(values) if values else np.nan

    def _trained(self, watch: Watch, since: float) -> list[float]:
        """Return the training losses of up to 64 rows after an offset, before the newest evaluation."""
        return self._recent.finite(watch.offset, 64, since)

    def _end(self, metric: str, watch: Watch, where: Place) -> list[Finding]:
        if watch.firing is None:
            return []
        watch.firing, watch.above = None, 0
        return [self.clear(where, metric)]
