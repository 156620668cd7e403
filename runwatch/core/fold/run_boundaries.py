"""Where another run begins in a source's records, and where one restarts.

A step that goes back is a restart of the same run, unless the run had finished, it had stopped early,
or the kind of step line changed: then another run begins. So it does if an epoch starts from the first and
nothing had failed. It is a further stage of a pipeline if its lines are of another kind, or a line announced
a stage.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runwatch.core.batch import BY_EPOCH, BY_FIT, BY_LAUNCH, BY_ROUND, CRASH_KINDS, EVAL, TRAIN, Batch, Event
from runwatch.core.fold.regular_end import is_last_row
from runwatch.core.fold.rows import Rows
from runwatch.core.fold.stages import trains
from runwatch.core.loss_level import LossLevel

_FINISHED, _STOPPED, _STAGE = "finished", "early_stop", "stage"
_CRASHED, _OVER, _LAUNCH = "crashed", "over", "launch"
_SAID = dict.fromkeys((*CRASH_KINDS, "resume"), _CRASHED) | {
    kind: kind for kind in (_FINISHED, _STOPPED, _OVER, _LAUNCH)
}
"""What events say that show whether a step that starts from the beginning is a restart, or of another run."""


@dataclass(slots=True)
class Said:
    """What lines said of a launch since the newest step."""

    announced: bool = False
    """A line announced a stage of training."""
    stopped: bool = False
    """A line said that it gets no better."""
    launched: bool = False
    """The first lines of the log came again."""
    ended: str = ""
    """How that launch ended: _CRASHED, or else _OVER."""
    line: int = 0
    """The newest of these lines."""


@dataclass(frozen=True, slots=True)
class Former:
    """What is known of a run where another one begins."""

    pattern: str
    """Kind of its newest training record."""
    announced: bool
    """A line has announced a stage behind it."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Offsets at which runs begin or restart in a batch."""

    begins: dict[float, Former] = field(default_factory=dict)
    """Where a run begins, with what was before."""
    restarts: list[float] = field(default_factory=list)
    relaunches: list[float] = field(default_factory=list)
    """The restarts that a launch shows which begins with the first step again."""


@dataclass(slots=True)
class RunBoundaries:
    """The newest run of one source, as far as it shows whether the next record is of another one; bounded."""

    _step: float = np.nan
    """Newest training step of the current run, or its epoch as long as no step was printed."""
    _stepped: bool = False
    """Whether any was."""
    _pattern: str = ""
    _total: float = np.nan
    _epoch: float = np.nan
    _left: float = np.nan
    """Steps from the newest one to the end of the run; NaN if its lines do not show that."""
    _stride: float = np.nan
    """How far the newest step is from the one before."""
    _first: float = np.nan
    """First training step of the current run."""
    _level: LossLevel = field(default_factory=LossLevel)
    """How far its loss has come."""
    _cyclic: bool = False
    """Whether its step began again but not its loss: it counts within an epoch that no line shows."""
    _said: Said = field(default_factory=Said)
    _finished: bool = False

    @property
    def trained(self) -> bool:
        """Whether there was a training record."""
        return self._pattern != ""

    @property
    def step(self) -> float:
        """The newest training step of the current run; NaN if none was printed."""
        return self._step if self._stepped else np.nan

    def lead_anew(self) -> None:
        """Forget the records of the current run: a lower rank provides its steps from the first."""
        self._step, self._pattern, self._total, self._finished = np.nan, "", np.nan, False
        self._first = self._left = self._stride = self._epoch = np.nan
        self._level, self._cyclic, self._stepped = LossLevel(), False, False

    def find(self, batch: Batch, train: Rows, evals: Rows) -> Boundaries:
        """Return where runs begin and restart.

        Only the few records at which something other than the next step happens are looked at.
        """
        train = self._counted(train)
        found = Boundaries()
        since = 0
        for offset, kind, index in _turns(train, evals, batch.events, self._finished):
            last = self._last_step(train, offset, found.begins)
            if kind not in (TRAIN, EVAL):
                self._take(kind, index, begun=not math.isnan(last))
                continue
            here = index if kind == TRAIN else int(np.searchsorted(train.offset, offset))
            self._follow(train, since, here)
            since = here
            if kind == TRAIN:
                said, self._said = self._said, Said()
                if train.line[index] < said.line:  # a bar that was complete only below what was said
                    said, self._said = Said(), said
                self._judge(train, index, last, said, found)
            elif evals.step[index] < last and (self._finished or self._said.announced):
                former = Former(
                    self._last_pattern(train, offset), self._said.announced and not self._said.launched
                )
                self._begin(found, offset, former)
        self._follow(train, since, len(train))
        if len(train):
            self._left, self._stride = self._course(train, len(train))
            self._pattern, self._total = str(train.pattern[-1]), float(train.total[-1])
            self._epoch = float(train.epoch[-1])
        self._step = self._last_step(train, np.inf, found.begins)
        return found

    def _judge(self, train: Rows, index: int, last: float, said: Said, found: Boundaries) -> None:
        """Add what a training record shows behind the step `last`: another run, or a restart of this one."""
        offset, step, pattern = float(train.offset[index]), train.step[index], str(train.pattern[index])
        former = self._last_pattern(train, offset)
        unlike = former not in ("", pattern)
        launched = said.launched and said.ended != _CRASHED and np.isnan(train.epoch_steps[index])
        launched = launched and not 0 < step - last <= self._course(train, index)[1]  # planned longer
        planned = self._has_another_total(train, index)
        anew = planned and (launched or (step == last and self._finished))
        back = step < last or (said.launched and step == last == self._first)
        other = self._finished or unlike or said.announced or said.stopped
        if anew or (back and (other or self._begins_again(train, index, said))):
            self._begin(found, offset, Former(former, said.announced and (unlike or not said.launched)))
        elif back:
            if step == last or (step <= self._first and pattern.endswith(BY_LAUNCH)):
                found.relaunches.append(offset)
            if step == last:
                self._level = LossLevel()
            else:
                self._cyclic |= step <= self._first and said.ended != _CRASHED
            self._level.restart()
            found.restarts.append(offset)
        else:
            self._finished = False

    def _begin(self, found: Boundaries, offset: float, former: Former) -> None:
        """Add the beginning of another run."""
        found.begins[offset] = former
        self._finished, self._first, self._level, self._cyclic = False, np.nan, LossLevel(), False

    def _take(self, kind: str, line: int, *, begun: bool) -> None:
        """Take what a line says of a launch; `begun` says whether the current run has a step."""
        said = self._said
        said.line = line
        self._finished |= begun and kind == _FINISHED
        said.stopped |= begun and kind == _STOPPED
        said.announced |= kind == _STAGE
        said.launched |= kind == _LAUNCH
        if kind in (_CRASHED, _OVER) and said.ended != _CRASHED:
            said.ended = kind

    def _counted(self, train: Rows) -> Rows:
        """Return records with their epochs in place of steps, as long as no step was printed."""
        known = ~np.isnan(train.step)
        stepped = np.logical_or.accumulate(known) | self._stepped
        self._stepped |= bool(known.any())
        return replace(train, step=np.where(stepped, train.step, train.epoch))

    def _follow(self, train: Rows, since: int, until: int) -> None:
        """Take the first step of the current run, where it is among these records, and their losses."""
        steps = train.step[since:until]
        if math.isnan(self._first):
            self._first = next((step for step in steps[~np.isnan(steps)][:1].tolist()), math.nan)
        losses = train.loss[since:until]
        self._level.observe(losses[~np.isnan(losses)].tolist())

    def _begins_again(self, train: Rows, index: int, said: Said) -> bool:
        """Return True if a record that goes back is the first of another run, though no line says so.

        It starts from the beginning, with another total than the one before (and, if its first step is not
        shown, a loss as high as there), or behind the end of what was planned or said to be over, or with a
        loss as high as there: but a launch is of the run whose steps have not come to their total. So does a
        first epoch or round, or one that begins again with the step with which it began, where nothing had
        failed and no total is known. A step that falls while the epoch moves on is one within epochs.
        """
        step, pattern, loss = train.step[index], str(train.pattern[index]), float(train.loss[index])
        if self._has_another_total(train, index) and (
            step <= 1 or (step <= self._first and self._level.is_back(loss))
        ):
            return True
        endless = np.isnan(train.total[index]) or not np.isnan(train.epoch_steps[index])
        epoch, before = train.epoch[index], train.epoch[index - 1] if index else self._epoch
        by_epoch = pattern.endswith((BY_EPOCH, BY_ROUND)) or epoch < before
        left, stride = self._course(train, index)
        skips = endless and by_epoch and 1 < stride >= step  # the first began at 0, this one at 10
        if (step > self._first and not skips) or said.ended == _CRASHED:
            return False
        by_fit = pattern.endswith(BY_FIT)
        may = by_fit or (endless and not pattern.endswith(BY_LAUNCH) and not epoch > before)
        if (by_epoch or (may and not self._cyclic)) and self._level.is_back(loss):
            return True
        ended = is_last_row(left, stride, self._first)
        if by_fit:
            return ended and said.launched
        ended = ended or said.ended == _OVER
        same = epoch == before and step == self._first
        return bool(ended or (endless and (by_epoch or same)))

    def _has_another_total(self, train: Rows, index: int) -> bool:
        """Return True if a record and the one before it show their totals, and these differ."""
        total, before = train.total[index], train.total[index - 1] if index else self._total
        return bool(total != before and not np.isnan(before) and not np.isnan(total))

    def _course(self, train: Rows, index: int) -> tuple[float, float]:
        """Return the steps from the record before to the end of its run, and those to the one before that.

        NaN if not known, as if only the end of its epoch is.
        """
        if not index:
            return self._left, self._stride
        step, total, per = (float(c[index - 1]) for c in (train.step, train.total, train.epoch_steps))
        former = float(train.step[index - 2]) if index > 1 else self._step
        return (total - step if math.isnan(per) else math.nan), step - former

    def _last_pattern(self, train: Rows, offset: float) -> str:
        """Return the kind of the newest training record before `offset`."""
        index = int(np.searchsorted(train.offset, offset)) - 1
        return str(train.pattern[index]) if index >= 0 else self._pattern

    def _last_step(self, train: Rows, offset: float, begins: Collection[float]) -> float:
        """Return the newest step of the run before `offset`; NaN if it has none yet."""
        index = int(np.searchsorted(train.offset, offset)) - 1
        if index >= 0 and (not begins or train.offset[index] >= max(begins)):
            return float(train.step[index])
        return np.nan if begins else self._step


def _turns(train: Rows, evals: Rows, events: Sequence[Event], finished: bool) -> list[tuple[float, str, int]]:
    """Return (offset, kind, index) of the records and events worth a look, in stream order.

    Of an event the last is its line.
    """
    reported = [(float(event.offset), kind, event.line) for event in events if (kind := _turn_of(event))]
    if not (len(train) or reported or finished):
        return []
    change = np.ones(len(train), bool)  # the first row: its predecessor is in an earlier batch
    change[1:] = (train.step[1:] < train.step[:-1]) | (train.pattern[1:] != train.pattern[:-1])
    after = np.searchsorted(train.offset, [offset for offset, *_ in reported])
    change[after[after < len(train)]] = True
    turns = [(float(train.offset[i]), TRAIN, i) for i in np.flatnonzero(change).tolist()]
    turns += reported
    if finished or any(kind == _FINISHED for _, kind, _ in reported):
        turns += [(float(evals.offset[i]), EVAL, i) for i in range(len(evals))]
    return sorted(turns)


def _turn_of(event: Event) -> str:
    """Return what an event says of runs and launches; "" if nothing."""
    return _SAID.get(event.kind, "") or (_STAGE if trains(event) else "")
