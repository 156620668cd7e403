"""No checkpoint has been saved for much longer than usual.

Reason: what is not saved is lost; a save that hangs, or a disk that is full,
often shows in nothing else until the run dies.
Formula: the distance between checkpoints, in training rows, is learned from the
last `gaps` of them, if they and three of four of all differ by no more than a tenth. No
new one within `late` of that distance: a warning; within `very_late`: critical. Where a directory
shows checkpoints at regular steps, the same multiples of their distance count, in
steps and in seconds at once. Either evidence of a new one ends it, whichever began it.

Example: 'no checkpoint for 1,600 steps; usually there is one every 500'.

What to do: see whether the disk is full, the mount answers and the program still saves.
What has been trained since the last one is at risk.

Traps: runs that save only what is best save at no regular distance, though a few in a row
may look like one, and are not judged, nor are those that save within a few rows of each
other, as when each epoch is a row; those that evaluate at equal distances and then save
what is best save each time as long as each evaluation is: if lines say of most checkpoints
that they are the best, nothing is judged; if three of four followed or preceded an evaluation
whose loss or score was, none is expected but after another; lines about several files of
one checkpoint count once; slow steps do not matter, as rows or steps are counted; steps
that a log and a file count differently do not, as seconds must agree; what a log says was
saved counts, though no directory shows it yet, and so does the time between two looks at
directories; nothing is expected before the first ones.

Source: NVRx's watcher, which misses checkpoints by a fixed time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, last_place, place, threshold
from runwatch.core.batch import Event
from runwatch.core.block import Block, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.fold.saves import FAILED, Save, is_about_save
from runwatch.core.metrics import goal
from runwatch.render import numbers

_ADVICE = "Check that saving works and the disk has room; all since then would be lost."
_ALIKE = 0.1
_REGULAR = 0.75
"""Part of the distances that must be alike."""
_LEAST = 8
"""Rows between checkpoints, below which lines are about the same one."""


_CHOOSING = ("val/", "eval", "test")
"""How names begin by which the best may be chosen, those too that are kept as a program prints them."""


class _Evaluation(NamedTuple):
    """A value that an evaluation printed."""

    metric: str
    cost: float
    """The value, or minus it, so that less is better."""


def _evaluations(block: Block) -> Iterator[tuple[float, _Evaluation]]:
    """Yield the values by which the best may be chosen, each with its offset."""
    for metric, samples in block.samples.items():
        way = goal(metric) if metric.startswith(_CHOOSING) else ""
        if way:
            costs = samples.value if way == "min" else -samples.value
            for offset, cost in zip(samples.offset.tolist(), costs.tolist(), strict=True):
                yield offset, _Evaluation(metric, cost)


class _Saved(NamedTuple):
    """A checkpoint that lines report."""

    row: int
    """Training rows there were before it."""
    where: Place
    best: bool
    """Whether each of its lines says that it is the best so far."""


@dataclass
class _Choice:
    """Whether only what is best is saved, by one metric of the evaluations."""

    best: float = np.inf
    row: int = -1
    """Rows there were at the newest evaluation that was the best so far."""
    chosen: int = 0
    """Checkpoints that followed such an evaluation at once, or whose evaluation is printed behind them."""
    others: int = 0
    saved: int = -1
    """Rows there were at the newest of the others."""
    due: bool = False
    """Whether none has followed the newest evaluation, and that is the best."""

    def evaluate(self, value: float, row: int) -> None:
        """Take an evaluation after so many rows."""
        self.due = value < self.best
        if self.due:
            self.best, self.row = value, row
            if self.saved == row:
                self.chosen, self.others, self.saved, self.due = self.chosen + 1, self.others - 1, -1, False

    def save(self, row: int) -> None:
        """Take a checkpoint after so many rows; the line of an evaluation may be one itself."""
        followed = self.due and row - self.row <= 1
        self.chosen, self.others, self.due = self.chosen + followed, self.others + (not followed), False
        self.saved = -1 if followed else row

    def nothing(self) -> bool:
        """Return whether nothing is to be saved now."""
        return self.chosen >= 3 * self.others and self.chosen > 0 and not self.due


@dataclass
class CheckpointOverdue(RunRule):
    """Fires when the usual distance between checkpoints is long past."""

    name: ClassVar[str] = "checkpoint_overdue"
    summary: ClassVar[str] = "No checkpoint was saved for much longer than usual."

    late: float = threshold(2.0, "usual distances without a checkpoint that are a warning")
    very_late: float = threshold(4.0, "usual distances without a checkpoint that are critical")
    gaps: int = threshold(3, "distances that must agree before anything is judged")

    _row: int = field(default=0, init=False, repr=False)
    _saved: deque[_Saved] = field(default_factory=lambda: deque(maxlen=32), init=False, repr=False)
    """The newest checkpoints."""
    _reported_row: int = field(default=0, init=False, repr=False)
    """Row number of the newest line about one."""
    _newest: int | None = field(default=None, init=False, repr=False)
    """Step of the checkpoint that the log reported last."""
    _choices: dict[str, _Choice] = field(default_factory=dict, init=False, repr=False)
    """By the metric that may choose."""
    _known: int | None = field(default=None, init=False, repr=False)
    """Step of the newest checkpoint when it began to fire; None if that is not known."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Count the rows since the newest checkpoint."""
        progress = block.progress
        offsets = progress.offset if progress is not None else np.empty(0)
        marks: list[tuple[float, Event | _Evaluation | None]] = [(offset, None) for offset in block.restarts]
        marks += [(event.offset, event) for event in block.events if is_about_save(event)]
        marks += _evaluations(block)
        found: list[Finding] = []
        done = 0
        for offset, mark in sorted(marks, key=lambda mark: mark[0]):
            upto = int(np.searchsorted(offsets, offset))
            found += self._count(block, done, upto)
            done = upto
            if isinstance(mark, _Evaluation):
                self._choices.setdefault(mark.metric, _Choice()).evaluate(mark.cost, self._row)
            elif mark is None:
                self._saved.clear()
                self._choices, self._newest = {}, None
                found += self.resolve(
                    self, place(progress, min(upto, len(offsets) - 1)) if progress else NOWHERE
                )
            elif mark.data.get("state") == FAILED:
                if self._saved and self._saved[-1].row == self._row:  # it had only begun
                    self._saved.pop()
            else:
                found += self._save(mark)
        return found + self._count(block, done, len(offsets))

    def _save(self, event: Event) -> list[Finding]:
        """Take a line that reports a checkpoint; several may be about one."""
        for choice in self._choices.values():
            choice.save(self._row)
        self._newest = Save.of(event).at
        saved = _Saved(self._row, Place(event.step, event.line), "best" in event.data)
        if not self._saved or self._row - self._reported_row >= _LEAST:
            self._saved.append(saved)
        elif self._row - self._saved[-1].row >= _LEAST:  # always some more: there is no distance
            self._saved.clear()
            self._saved.append(saved)
        elif not saved.best:
            self._saved[-1] = self._saved[-1]._replace(best=False)
        self._reported_row = self._row
        return self.resolve(self, saved.where)

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge what is seen in directories."""
        seen, step = status.checkpoints, status.last_step
        if seen is None or seen.newest is None or seen.newest.step is None or step is None:
            return ()
        newest = seen.newest.step
        where = last_place(status)
        if self.firing is not None:
            self._known = newest if self._known is None else self._known
            if newest > self._known:  # the log reports them no longer
                self._saved.append(_Saved(self._row, Place(newest, None), best=False))
                return self.resolve(self, where)
        newest_logged = self._newest
        if status.finished or not seen.regular or (newest_logged is not None and newest_logged > newest):
            return ()
        if not seen.interval or not seen.interval_seconds or seen.newest.written is None:
            return ()
        waited, unseen = status.now - status.log_silent_for - seen.newest.written, 2 * seen.every
        late = min((step - newest) / seen.interval, waited / seen.interval_seconds)
        late -= unseen / seen.interval_seconds
        severity = Severity.CRITICAL if late >= self.very_late else Severity.WARNING
        if late < self.late or not severity.exceeds(self.firing):
            return ()
        self.firing, self._known = severity, newest
        return [
            self.say(
                Verdict.FIRING,
                severity,
                _title(step - newest, "steps", round(seen.interval)),
                where,
                advice=_ADVICE,
                evidence={"usual_steps": seen.interval, "path": seen.newest.path},
            )
        ]

    def _count(self, block: Block, low: int, high: int) -> list[Finding]:
        """Take training rows [low, high), between which nothing was saved."""
        start, self._row = self._row, self._row + high - low
        usual = self._usual()
        if not usual or high <= low or any(choice.nothing() for choice in self._choices.values()):
            return []
        found: list[Finding] = []
        last, where, _ = self._saved[-1]
        for limit, severity in ((self.late, Severity.WARNING), (self.very_late, Severity.CRITICAL)):
            due = last + int(limit * usual)
            if start < due <= self._row and severity.exceeds(self.firing):
                assert block.progress is not None
                self.firing, self._known = severity, where.step
                found.append(
                    self.say(
                        Verdict.FIRING,
                        severity,
                        _title(due - last, "logged steps", usual),
                        place(block.progress, low + due - start - 1),
                        advice=_ADVICE,
                        evidence={"usual_rows": usual, "last_checkpoint_line": where.line},
                    )
                )
        return found

    def _usual(self) -> int:
        """Return the usual distance in rows; 0 if there is none."""
        if len(self._saved) <= self.gaps or 2 * sum(saved.best for saved in self._saved) > len(self._saved):
            return 0
        gaps = np.diff([saved.row for saved in self._saved])
        usual = float(np.median(gaps[-self.gaps :]))
        alike = np.abs(gaps - usual) <= max(_ALIKE * usual, 1)
        return round(usual) if alike[-self.gaps :].all() and alike.mean() >= _REGULAR else 0


def _title(since: int, unit: str, usual: int) -> str:
    return f"no checkpoint for {numbers.step(since)} {unit}; usually there is one every {numbers.step(usual)}"
