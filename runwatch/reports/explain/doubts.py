"""How far a reading is to be believed: what in this very log speaks against it.

A reading begins as certain, and each doubt takes away a share of what is left. `sure` is what no doubt of
weight was found in. The weights were set on public logs whose truth was written down before they were read:
those read wrong are not called sure, and few others lose the word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from runwatch.core.metrics import EPOCH, LOSS
from runwatch.core.plural import counted
from runwatch.parsers.lexicon.names import canonical
from runwatch.parsers.lexicon.parts import ADVERSARIES
from runwatch.parsers.lexicon.words import is_loss, is_quality, is_val, words
from runwatch.reports.explain.course import Course

_WEIGHTS = {
    "weak format": 0.01,
    "several runs": 0.15,
    "falls": 0.02,  # and half of the share of records at which the step falls
    "falls, learned": 0.06,  # and four times the share: what was taken for the step may not be one
    "begins again": 0.06,  # another launch: of the same run, or of another
    "stepless": 0.1,  # and as much as 0.3 by their share
    "steps not printed": 0.06,  # by a known program, in any record
    "step again": 0.05,  # and the share of the records
    "uneven steps": 0.03,
    "first epoch unseen": 0.06,
    "short of round": 0.06,
    "bar": 0.03,
    "no loss": 0.2,
    "no loss, other measures": 0.02,
    "losses, none the whole": 0.08,
    "loss in most records": 0.06,
    "loss in few records": 0.15,
    "scores not read": 0.08,
    "epochs without a total": 0.3,
    "unknown epochs": 0.03,
    "no epochs": 0.15,  # its counter begins again, and no line speaks of epochs: each may be a training
    "bar with a total": 0.06,
    "beyond the total": 0.2,
    "off by one": 0.06,
}
"""How much each doubt takes away. Few records, lines not read and the learner say it themselves."""
SLIGHT = 0.005
"""Weight below which a doubt is not worth a word."""
_START = 4
"""Records that a format counts for with each of its first ones, up to its head start."""
_OF_KNOWN = 0.25
"""What lines not read count for next to the records of a known program: they are seldom such."""
_REPEATED = 0.01
"""Share of records that may repeat the step before: one redrawn at the end, or written twice."""
_IRREGULAR = 0.5
"""Share of the steps that are as far apart as most, below which the steps are irregular."""
_LATER = 2
"""First epoch of a training that continues another."""
_MANY = 8
"""Records from which on irregular steps are no chance."""
_EPOCH = re.compile(rb"(?i)epoch")
_EPOCHS = re.compile(
    rb"(?i)(?<![a-z])"
    rb"(?:(?:total|max(?:imum)?|num(?:ber)?(?:[_ ]of)?|n|nb)[_ -]?(?:train(?:ing)?[_ -]?)?epochs?"
    rb"|epochs?[_ -](?:num|total|max)|(?<![_ ])epochs)['\"]?\s{0,30}[:=( ]\s{0,3}([1-9]\d{0,5})(?![\w./]|,\d)"
)
"""How many epochs are planned, as settings show it."""

_BAR = re.compile(rb"%\|[^|\r\n]{0,200}\| *\d+/\d+ \[")


class Doubt(NamedTuple):
    """What speaks against a reading."""

    weight: float
    """The share of what is left that it takes away, in [0, 1]."""
    reason: str


class Grounds(NamedTuple):
    """What a reading is judged by."""

    courses: Sequence[Course]
    records: int
    head_start: int
    """So many records does a format count for whose lines no other prints."""
    learned: float | None
    """How sure the learner is of its own reading; None where the format is known."""
    weak: bool
    """Whether other formats print such lines, too."""
    unread: float
    """Half the share of what looks like a record that was not read, in [0, 1]."""
    missed: Sequence[int]
    """Numbers of these lines."""
    lost: int | None
    """Number of the first of several lines not read that print a loss of training."""
    unvalidated: int | None
    """Number of the first line not read that prints a score of held-out data, if none of such was read."""
    counted: bool
    """Whether the step is printed nowhere, but counted by epochs."""
    step_of_bar: bool
    """Whether the step is that of a bar next to the record."""
    drawn: bool
    """Whether the records are redraws of a bar."""

    @property
    def known(self) -> bool:
        """Whether the records are those of a program that is known by them."""
        return self.learned is None and not self.weak


def doubts(grounds: Grounds, data: bytes) -> list[Doubt]:
    """Return what speaks against a reading of `data`, the most severe first."""
    found = [*_of_format(grounds)]
    if grounds.courses:
        found += [*_of_runs(grounds), *_of_steps(grounds), *_of_values(grounds)]
        found += _of_total(grounds, data)
    return sorted(found, reverse=True)


def certainty(found: Sequence[Doubt]) -> float:
    """Return what doubts leave, from 0 to 1."""
    left = 1.0
    for doubt in found:
        left *= 1.0 - doubt.weight
    return left


def _of_format(grounds: Grounds) -> Iterator[Doubt]:
    few = 1 / (grounds.records + min(grounds.head_start, _START * grounds.records) + 1)
    yield Doubt(few, f"{counted(grounds.records, 'record')} may be too few")
    if grounds.learned is not None and grounds.learned < 1:
        yield Doubt(1 - grounds.learned, f"learned from this log with a certainty of {grounds.learned:.0%}")
    if grounds.weak:
        yield Doubt(
            _WEIGHTS["weak format"],
            "other formats print such lines too, but nothing else of theirs was found",
        )
    if grounds.unread:
        lines = counted(len(grounds.missed), "line")
        weight = grounds.unread * (_OF_KNOWN if grounds.known else 1.0)
        yield Doubt(weight, f"{lines} not read that may be a record: line {grounds.missed[0]:,}")


def _of_runs(grounds: Grounds) -> Iterator[Doubt]:
    courses = grounds.courses
    if len(courses) > 1:
        yield Doubt(
            _WEIGHTS["several runs"],
            f"{len(courses):,} runs are in it, if each was distinguished from the next",
        )
    falls = sum(gap < 0 for course in courses for gap in course.gaps)
    if falls:
        share = falls / sum(len(course.steps) for course in courses)
        weight = _WEIGHTS["falls"] + share / 2
        if grounds.learned is not None:
            weight = min(1.0, _WEIGHTS["falls, learned"] + 4 * share)
        times = "once" if falls == 1 else f"{falls:,} times"
        yield Doubt(weight, f"the step goes back {times}: restarts, or no step")
    if any(course.begins_again for course in courses):
        yield Doubt(
            _WEIGHTS["begins again"], "it begins again: a launch that replaces the one before, or a run"
        )


def _of_steps(grounds: Grounds) -> Iterator[Doubt]:
    courses = grounds.courses
    steps = [step for course in courses for step in course.steps]
    stepless = sum(course.stepless for course in courses)
    if stepless and not steps and grounds.known:
        reason = f"{counted(stepless, 'record')} without a step, as none is printed"
        yield Doubt(_WEIGHTS["steps not printed"], reason)
    elif stepless:
        share = stepless / (stepless + len(steps))
        yield Doubt(_WEIGHTS["stepless"] + 0.3 * share, f"{counted(stepless, 'record')} without a step")
    gaps = [gap for course in courses for gap in course.gaps]
    same = gaps.count(0) / len(gaps) if gaps else 0.0
    if same > _REPEATED:
        reason = (
            f"{same:.0%} of the records have the step of the one before: of several processes, or no step"
        )
        yield Doubt(min(0.5, _WEIGHTS["step again"] + same), reason)
    usual, often = next(iter(Counter(gap for gap in gaps if gap > 0).most_common(1)), (0.0, 0))
    if len(gaps) >= _MANY and often < _IRREGULAR * len(gaps):
        yield Doubt(_WEIGHTS["uneven steps"], "the steps are not evenly apart")
    if grounds.counted and steps and usual and steps[0] > 1.5 * usual:
        reason = f"it begins at step {steps[0]:,.0f}, as counted by epochs whose first was not seen"
        yield Doubt(_WEIGHTS["first epoch unseen"], reason)
    epochs = [e.summary.first for course in courses if (e := course.run.series.get(EPOCH))]
    if usual and epochs and epochs[0] >= _LATER and steps and steps[0] <= usual:
        reason = f"its first epoch is {epochs[0]:,.0f}, and its steps count from there"
        yield Doubt(_WEIGHTS["first epoch unseen"], reason)
    if grounds.step_of_bar and usual > 1 and 2 * sum((step + 1) % usual == 0 for step in steps) > len(steps):
        reason = f"its steps are one short of each {usual:,.0f}th: the bar they are of may be drawn late"
        yield Doubt(_WEIGHTS["short of round"], reason)
    if grounds.drawn:
        yield Doubt(_WEIGHTS["bar"], "its records are what a bar showed last at each step")


def _of_values(grounds: Grounds) -> Iterator[Doubt]:
    records = sum(course.run.records for course in grounds.courses)
    losses = sum(course.losses for course in grounds.courses)
    names = {name for course in grounds.courses for name in course.run.series}
    if not losses and grounds.lost is not None:
        reason = f"no loss of training was read, but lines print one: line {grounds.lost:,}"
        yield Doubt(_WEIGHTS["no loss"], reason)
    elif not losses and any(is_loss(name.encode()) and not is_val(name.encode()) for name in names):
        reason = "several losses were found, and which of them is that of training is unknown"
        yield Doubt(
            _WEIGHTS["losses, none the whole"] if grounds.learned is None else _WEIGHTS["no loss"], reason
        )
    elif not losses and grounds.learned is None and any(is_quality(name.encode()) for name in names):
        reason = "no loss of training was found, but other measures of how it goes"
        yield Doubt(_WEIGHTS["no loss, other measures"], reason)
    elif not losses:
        yield Doubt(_WEIGHTS["no loss"], "no loss of training was found")
    elif grounds.learned is None and any(_is_one_of_several(course, names) for course in grounds.courses):
        reason = "which of several losses is that of training is unknown: the first is shown as it"
        yield Doubt(_WEIGHTS["losses, none the whole"], reason)
    if 0 < losses < 0.9 * records:
        share = "most" if 2 * losses > records else "few"
        weight = _WEIGHTS[f"loss in {share} records"]
        yield Doubt(weight, f"only {losses / records:.0%} of the records have the loss of training")
    if grounds.unvalidated is not None:
        reason = f"no score of validation was read, but lines print one: line {grounds.unvalidated:,}"
        yield Doubt(_WEIGHTS["scores not read"], reason)


def _is_one_of_several(course: Course, names: Collection[str]) -> bool:
    """Whether the loss of training is but the first of some, and is not that of a generator or its kin."""
    printed = course.run.printed.get(LOSS, LOSS)
    losses = [name.encode() for name in names if name != LOSS]
    parts = [name for name in losses if is_loss(name) and not is_val(name)]
    chosen = canonical(printed) != LOSS and " + " not in printed and is_loss(printed.encode())
    return chosen and any(ADVERSARIES.isdisjoint(words(name)) for name in parts)


def _of_total(grounds: Grounds, data: bytes) -> Iterator[Doubt]:
    course = max(grounds.courses, key=lambda course: course.run.records)
    run = course.run
    if run.planned is None and not course.steps:
        return  # where no step is known, no total is missed
    if run.planned is None:
        planned = _EPOCHS.search(data)
        if planned is not None:
            reason = f"{int(planned[1]):,} epochs are planned, and how many steps these are is unknown"
            yield Doubt(_WEIGHTS["epochs without a total"], reason)
        elif run.total is not None and grounds.counted and _EPOCH.search(data) is None:
            reason = (
                "its counter begins again, and no line speaks of epochs: each time may be another training"
            )
            yield Doubt(_WEIGHTS["no epochs"], reason)
        elif run.total is not None:
            yield Doubt(_WEIGHTS["unknown epochs"], "how many epochs are planned is unknown")
        elif _BAR.search(data) is not None:
            yield Doubt(_WEIGHTS["bar with a total"], "no record shows a total, but a bar does")
    elif run.last_step is not None and run.last_step > run.planned:
        reason = f"the step {run.last_step:,} is beyond the total of {run.planned:,}"
        yield Doubt(_WEIGHTS["beyond the total"], reason)
    elif run.first_step == 0 and run.last_step == run.planned and len(course.steps) > 1 and not grounds.drawn:
        reason = f"it counts from 0 and reaches its total, {run.planned:,}: one of the two is off by one"
        yield Doubt(_WEIGHTS["off by one"], reason)
