"""A score stays next to nothing.

Reason: an accuracy of one per cent after twenty evaluations means that nothing is learned that
the run is for: wrong labels, weights that were not loaded, a head that gets no gradient. The loss
may still move, or a part of it.
Formula: the mean of the second half of the values is at most `most` and at most `grew` times that of the
first half, when there are `evals` evaluations of a score in [0, 1], or `rows` values of one that
training rows print; judged again whenever there are twice as many. The main score of a detector or
translator (mAP, BLEU, F1) and a reward are judged only where every value is exactly 0, of training rows `few`
such scores. A note; a warning from twice as many on, unless the training loss has fallen by `fall` since it
began, or there is a discriminator; of a main score of training rows only from four times `rows` on, since a
bar prints the mean of an epoch that has just begun; of one of held-out data from four times as many on at the
latest, of a reward only then, and of an overlap (IoU, Dice) of all classes at any rate after `epochs`. At the
end of the run a main score of held-out data that was always 0, or an accuracy above `most` that was always
1/k, is a warning, unless the loss has fallen. An accuracy that was exactly 1/k, the same for a whole number k
of 3 or more, in each of `evals` evaluations is judged as well: one class is predicted for all. So is one that
is that of guessing: both halves have means within `chance` of 1/k for 2, 10, 100 or 1000 classes, or within a
fifth of it where the loss of held-out data is within 1 % of ln(k), for any k, and they do not rise by their
order: then the end of the run makes it a warning, too.
Ends when the mean of the newest 16 values is above twice `most`, or a fifth above 1/k.

Example: 'val miou has stayed at 0.0023 in 16 evaluations', in a teacher without weights.

What to do: look at a few predictions next to their labels; check the labels, the weights that were
loaded and the learning rate.

Traps: many rankings (recall, mean average precision) are small and good, so that only accuracies,
overlaps and areas are judged where they are above 0; classes without data have a score of 0, which is not
the main one; among thousands of classes an accuracy is small for long, but
grows; the accuracy of one task of many may be that of guessing for long, so that only one without another
name is judged by that; a regression may print an accuracy that is always 0, and its loss falls, or is
below 0.5, as no loss of classes is where none is right: a note; where an error of held-out data is always 0
too, or all losses of them are, neither is computed; next to nothing is not judged in per cent above 1: 2.5
may be 2.5 %.

Source: our own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, in_stream_order, last_place, place, threshold
from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.chance import NEAR
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.epochs import Epochs
from runwatch.alerts.rules.common.evaluations import evaluations
from runwatch.alerts.rules.common.roles import FORGER, JUDGE, role
from runwatch.alerts.rules.common.trend import Course
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import HELD_OUT, LOSS, VAL_LOSS, goal, label, of_held_out

_JUDGED = re.compile(r"(?:acc(?:uracy)?|iou|dice|top1)(?![a-z])")
_REWARD = r"(?:(?:mean|avg|average|episode|total)[ _])*(?:reward|return|success(?:[ _]rate)?)(?:[ _]mean)?"
_MAIN = re.compile(
    r"(?:(?:val|train|test|eval)[/_ ])?(?:m_?ap[@_.:\d()-]*|(?:sacre)?bleu[-_]?\d?|rouge[-_]?[l\d]?"
    r"|f1(?:[ _]score)?"
    rf"|em|exact[ _]match|{_REWARD})\Z"
)
"""Scores of all that is tested, and rewards: those of single classes may be 0."""
_OF_AGENT = re.compile(rf"(?:\w+/)?{_REWARD}\Z")
_ACCURACY = re.compile(r"(?:acc(?:uracy)?|top1)(?![a-z])")
_ONE = "one class is predicted for all"
_PLAIN = re.compile(rf"(?:(?:{HELD_OUT}|train)[/_ ])?(?:acc(?:uracy)?|top1)\Z")
"""An accuracy of all that is predicted, of no task or class by name."""
_OVERLAP = re.compile(
    rf"(?:{HELD_OUT}[/_ ])?(?:m|(?:mean|avg|average)[_ ])?(?:iou|dice)"
    r"(?:[_ ](?:score|coef))?\Z"
)
"""An overlap of all that is tested, of no class by name."""
_GUESSES = (2, 10, 100, 1000)
"""Numbers of classes that are usual enough to know an accuracy of guessing by."""
_RISEN = 1.2
"""Multiple of the accuracy of guessing from which more than that is learned."""
_SURE = 3.0
"""Standard errors by which what is learned rises by its order: guesses have none."""
_CLASSES = 1000
_PRINTED = 1e-3
_FEW, _NEWEST = 8, 16
_OF_CLASSES = 0.5
"""Loss below which some answers are right, were it that of classes: one that is not has ln(2) or more."""
_WATCHED = 8
"""Scores that are watched at most."""


@dataclass
class _Watch:
    """What is remembered of one score."""

    due: int
    """Number of values at which it is judged next."""
    count: int = 0
    total: float = 0.0
    first: float = 0.0
    """Sum of the first half of them."""
    newest: list[float] = field(default_factory=list)
    course: Course = field(default_factory=Course)
    out: bool = False
    """Whether a value was outside of [0, 1]."""
    same: float | None = None
    """What every value was exactly; NaN where they differ."""
    step: float = np.nan
    """Step of the newest evaluation."""
    chance: float = 0.0
    """What guessing gives, where that is what fires."""
    firing: Severity | None = None


@dataclass
class ScoreFloor(RankRule):
    """Fires when a score stays next to nothing."""

    name: ClassVar[str] = "score_floor"
    summary: ClassVar[str] = "A score (accuracy, overlap) stays next to nothing."

    most: float = threshold(0.03, "mean of a score that is next to nothing")
    chance: float = threshold(
        0.02, "distance from 1/k within which an accuracy is that of guessing, as a fraction"
    )
    grew: float = threshold(1.2, "multiple of the mean of the first half from which it grows")
    evals: int = threshold(8, "evaluations after which it is judged", least=2)
    rows: int = threshold(512, "training rows after which it is judged", least=2)
    epochs: float = threshold(50.0, "epochs after which an overlap of next to nothing is a warning")
    few: int = threshold(32, "training rows with a main score of exactly 0 after which it is judged", least=2)
    fall: float = threshold(0.2, "fall of the training loss for which it is only a note, as a fraction")

    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)
    _epochs: Epochs = field(default_factory=Epochs, init=False, repr=False)
    _loss: Recent = field(default_factory=lambda: Recent(_NEWEST), init=False, repr=False)
    _begun: list[tuple[float, float]] = field(default_factory=list, init=False, repr=False)
    """(offset, value) of the first training losses."""
    _evaluated: Recent = field(default_factory=lambda: Recent(_NEWEST), init=False, repr=False)
    _errors: dict[str, tuple[float, float]] = field(default_factory=dict, init=False, repr=False)
    """Of each error of held-out data, the offsets of its first value and of its first that is not 0."""
    _players: float = field(default=np.inf, init=False, repr=False)
    """Offset from which two networks play against each other."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the scores of a block."""
        loss = block.samples.get(LOSS)
        self._loss.push(loss)
        self._evaluated.push(block.samples.get(VAL_LOSS))
        self._epochs.push(block)
        if loss is not None and len(self._begun) < _FEW:
            pairs = zip(loss.offset.tolist(), loss.value.tolist(), strict=True)
            self._begun = [*self._begun, *pairs][:_FEW]
        found: list[tuple[float, Finding]] = []
        for name, samples in sorted(block.samples.items()):
            if role(name) in (JUDGE, FORGER):
                self._players = min(self._players, float(samples.offset.min(initial=np.inf)))
            if of_held_out(name) and goal(name) == "min" and is_among_first(name, self._errors, _WATCHED):
                begun, moved = self._errors.get(name, (float(samples.offset[0]), np.inf))
                moved = min(moved, float(samples.offset[samples.value != 0].min(initial=np.inf)))
                self._errors[name] = begun, moved
        for name, samples in sorted(block.samples.items()):
            if _is_judged(name) and is_among_first(name, self._watches, _WATCHED):
                watch = self._watches.setdefault(name, _Watch(self._least(name)))
                found += self._walk(name, watch, samples)
        return in_stream_order(found)

    def _walk(self, name: str, watch: _Watch, samples: Samples) -> list[tuple[float, Finding]]:
        found = []
        rows: list[int] = np.flatnonzero(np.isfinite(samples.value)).tolist()
        if of_held_out(name):
            rows, watch.step = evaluations(samples, watch.step)
        for row in rows:
            offset = float(samples.offset[row])
            finding = self._take(name, watch, float(samples.value[row]), offset, place(samples, row))
            if finding is not None:
                found.append((offset, finding))
        return found

    def _take(self, name: str, watch: _Watch, value: float, offset: float, here: Place) -> Finding | None:
        watch.out |= not 0 <= value <= 1
        watch.same = value if watch.same in (None, value) else np.nan
        watch.count += 1
        watch.total += value
        watch.course.take(value)
        watch.newest = [*watch.newest[1 - _NEWEST :], value]
        half = watch.due // 2
        if watch.count == half:
            watch.first = watch.total
        alike = watch.same == 0 or _is_guess(name, watch.same)
        newest = sum(watch.newest) / len(watch.newest)
        high = newest > _RISEN * watch.chance if watch.chance else watch.out or newest > 2 * self.most
        high &= not alike
        if watch.same == 0 and of_held_out(name) and self._computes_nothing(offset):
            return None
        if watch.firing is not None and high:
            watch.firing, watch.chance = None, 0.0
            return self.clear(here, name)
        if watch.count < watch.due:
            return None
        first, second = watch.first / half, (watch.total - watch.first) / (watch.due - half)
        watch.first, watch.due = watch.total, 2 * watch.due
        low = second <= self.most and second <= self.grew * first + self.most / 100
        share = self._guessed(name, first, second, offset, percent=watch.out)
        share = 0.0 if watch.course.rises(_SURE) else share
        if share and not alike and not (low and not watch.out) and (watch.chance or watch.firing is None):
            watch.chance = share
        elif high or not (alike or (low and _JUDGED.search(name.lower()))):
            return None
        return self._fire(name, watch, second, offset, here)

    def _fire(self, name: str, watch: _Watch, level: float, offset: float, here: Place) -> Finding | None:
        held_out, agent = of_held_out(name), _OF_AGENT.match(name.lower()) is not None
        times, learns = watch.count / (self._least(name) if held_out else self.rows), self._learns(offset)
        main = _MAIN.match(name.lower()) is not None
        long = times >= (4 if main and not held_out else 2) and offset < self._players and not learns
        low = level <= self.most and _ACCURACY.search(name.lower()) is not None
        if low and self._is_below(offset, held_out=held_out):
            long = False
        if agent:  # what is hard to reach is not reached for long
            long = False
        long |= times >= 4 and main and (held_out or agent)
        long |= bool(_OVERLAP.match(name.lower())) and self._epochs.passed(offset) >= self.epochs
        return self._say(name, watch, level, here, Severity.WARNING if long else Severity.INFO)

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When no more values can come, what never moved has cost the run, unless the loss has fallen."""
        over = not status.live or status.finished
        if not over or self._players < np.inf or self._learns(np.inf):
            return ()
        here, alike = last_place(status), []
        for name, watch in sorted(self._watches.items()):
            if watch.firing is not Severity.INFO:  # nor has one that was never finite any values
                continue
            main = of_held_out(name) and _MAIN.match(name.lower()) and not _OF_AGENT.match(name.lower())
            level, same = middle(watch.newest), watch.same
            one = _is_guess(name, same) and level > self.most
            lost = (main and same == 0) or one or (watch.chance and self._classes(np.inf))
            if lost:
                alike.append(self._say(name, watch, level, here, Severity.WARNING))
        return [finding for finding in alike if finding is not None]

    def _say(self, name: str, watch: _Watch, level: float, here: Place, severity: Severity) -> Finding | None:
        if not severity.exceeds(watch.firing):
            return None
        watch.firing = severity
        what = "evaluations" if of_held_out(name) else "logged steps"
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(name)} has stayed at {level:.2g} in {watch.count} {what}",
            here,
            metric=name,
            cause=self._cause(watch, level),
            advice="Stop; look at predictions next to labels, the weights that were loaded and the rate.",
            evidence={"mean": level, "values": watch.count},
        )

    def _computes_nothing(self, offset: float) -> bool:
        """Whether an error of held-out data, or every loss of them, was always 0 too: one is not computed."""
        known = {name: offset < moved for name, (begun, moved) in self._errors.items() if begun <= offset}
        losses = [zero for name, zero in known.items() if name.endswith("loss")]
        errors = [zero for name, zero in known.items() if not name.endswith("loss")]
        return any(errors) or (bool(losses) and all(losses))

    def _is_below(self, offset: float, *, held_out: bool) -> bool:
        """Whether the loss is lower than where no answer is right, so that it is not that of classes."""
        losses = self._evaluated if held_out else self._loss
        values = losses.finite(offset, _FEW, -np.inf)
        return bool(values) and middle(values) < _OF_CLASSES

    def _cause(self, watch: _Watch, level: float) -> str:
        if watch.chance:
            classes = round((100 if watch.out else 1) / watch.chance)
            return f"it is the accuracy of guessing among {classes} classes"
        return _ONE if level > self.most else "next to nothing is learned of what it measures"

    def _guessed(self, name: str, first: float, second: float, offset: float, *, percent: bool) -> float:
        """Return what guessing gives if both halves of an accuracy are that, else 0."""
        if not _PLAIN.match(name.lower()):
            return 0.0
        whole = 100.0 if percent else 1.0
        near = dict.fromkeys((whole / classes for classes in _GUESSES), self.chance)
        if classes := self._classes(offset):
            near[whole / classes] = _RISEN - 1
        apart = ((s, max(abs(first - s), abs(second - s)) <= part * s) for s, part in near.items())
        return next((share for share, is_guess in apart if is_guess), 0.0)

    def _classes(self, offset: float) -> int:
        """Return among how many classes the newest losses of held-out data are guesses; 0 if none."""
        losses = self._evaluated.finite(offset, _FEW, -np.inf)
        classes = round(np.exp(min(middle(losses), 10.0))) if losses else 0
        sure = 2 <= classes <= _CLASSES and abs(middle(losses) / log(classes) - 1) <= NEAR
        return classes if sure else 0

    def _least(self, name: str) -> int:
        """Return after how many values a score is judged first."""
        if of_held_out(name):
            return self.evals
        return self.rows if _JUDGED.search(name.lower()) or _OF_AGENT.match(name.lower()) else self.few

    def _learns(self, offset: float) -> bool:
        """Return whether the training loss has fallen since it began."""
        rows = self._loss.until(offset, _NEWEST).value.tolist()
        few = _FEW if len(rows) == _NEWEST else len(rows) // 2
        before = [value for at, value in self._begun[:few] if at <= offset]
        return bool(before) and middle(rows[-few:]) < (1 - self.fall) * middle(before)


def _is_judged(name: str) -> bool:
    """Return whether a metric is a score whose values near 0 mean that nothing is right."""
    lower = name.lower()
    return goal(name) == "max" and bool(_JUDGED.search(lower) or _MAIN.match(lower))


def is_of_all(metric: str) -> bool:
    """Return whether a score is of all that is tested, of no class by name, nor an agent's."""
    name = metric.lower()
    return any(kind.match(name) for kind in (_MAIN, _PLAIN, _OVERLAP)) and not _OF_AGENT.match(name)


def _is_guess(name: str, value: float | None) -> bool:
    """Whether a value is the accuracy of predicting one of k equally frequent classes, as printed."""
    if value is None or not of_held_out(name) or not _ACCURACY.search(name.lower()):
        return False
    share = value / 100 if value > 1 else value
    classes = round(1 / share) if share > 0 else 0
    return value != 1 and 3 <= classes <= _CLASSES and abs(share * classes - 1) < _PRINTED
