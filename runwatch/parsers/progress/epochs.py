"""Where a bar is in its run: which epoch it is of, and how many steps there were before it began.

Epoch 2/10
 35%|###5      | 14/40 [00:02<00:04,  6.67it/s, loss=1.5]

A bar shows its epoch, or lines between bars show it, or a bar of epochs above, or it is counted. Bars of
epochs are laid end to end, unless the loss of one that is counted is back where the first began: then it is
of another training. One bar may as well span the run: its `n` continues growing as the epoch moves on.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from runwatch.core.loss_level import LossLevel
from runwatch.parsers.progress.grammar import BAR

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats

_LINE = re.compile(
    rb"(?i)(?:[^\r\n]{0,80}?[\]:|>-]\s{1,3})?[^A-Za-z0-9\r\n]{0,80}(?:(?:start|begin)(?:n?ing)? |running )?"
    rb"(?:train(?:ing)? )?epoch[ :=#\[(]{0,4}(\d{1,6})(?:\s?(?:/|of)\s?(\d{1,6}))?(?![\d.%]|\w)"
)
_OUTER = re.compile(
    rb"(?i)[^%|\r\n]{0,60}(?P<epochs>\bepochs?(?: progress)?)?\s{0,8}:?\s{0,8}\d{1,3}%(?:" + BAR + rb")?"
    rb" *(\d+)/(\d+) \[(?(epochs)|[^\]]{0,60}?(?:s/epoch|epoch/s)\b)"
)
_BEGUN = re.compile(rb"%(?:" + BAR + rb")?\s*0/(\d+) \[")
_NEARLY = 0.9
"""Share from which a bar has ended: one that is wiped at its end is last seen a little before."""
_SLACK = 0.02
"""Share of a bar that spans a run by which an epoch may end before or behind its place."""


def epoch_of(line: bytes) -> tuple[int, int] | None:
    """Return the epoch that a line shows, and how many there will be (0: it does not say)."""
    found = _LINE.match(line) if b"%|" not in line and len(line) < 400 else None
    return None if found is None else (int(found[1]), int(found[2] or 0))


def outer_of(line: bytes) -> tuple[int, int] | None:
    """Return the same of what a bar of epochs shows; the one that is under way, counted from 1."""
    found = _OUTER.match(line)
    return None if found is None else (int(found[2]) + 1, int(found[3]))


def begun(line: bytes) -> float | None:
    """Return the total of a bar that has done nothing yet; None if a line holds no such bar."""
    found = _BEGUN.search(line)
    return None if found is None else float(found[1])


def is_full(n: float, total: float) -> bool:
    """Return whether a bar that was seen at `n` has come to its end."""
    return n >= min(_NEARLY * total, max(total - 2, 1))


class Counts(NamedTuple):
    """What a frame shows of its place."""

    n: float
    total: float
    """Infinite for a bar without one."""
    epoch: float = -1.0
    """-1 where it shows none."""
    epochs: float = -1.0
    counted: float = 0.0
    """1 where its epoch is known from what is around it."""
    run_wide: float = 0.0
    """1 where its description says that it spans the run."""


class Place(NamedTuple):
    """Where the bar of a frame is in the run."""

    before: float
    """Steps before it began."""
    total: float
    """Steps of the run; -1 where none are known."""
    epoch: float
    """-1 where none is known."""
    epoch_steps: float
    """Steps of an epoch where the total is only where the epoch ends, else -1."""


class Epochs:
    """Places bars that come one after the other; it only decides where more than `n` moves on. Bounded."""

    def __init__(self, first: int | None = None, last: float = -1.0) -> None:
        """`first` is the number of the first epoch, if it is known."""
        self.first = first
        self.last = last
        """Up to here, what is behind the stroke numbers the last epoch, not all: `Epoch 9/9` of ten."""
        self.around = Around()
        self._open = _Open()
        self.lengths = -1.0, 0.0, 0.0
        """The newest epoch, its length, and the steps before it."""
        self._run_wide = False
        """Whether `n` continues from epoch to epoch."""
        self._low, self._newest = 0.0, Counts(-1.0, -1.0)
        """Where the newest bar that shows its epoch was first seen in it, and last."""
        self._begun = -1.0
        """Total of a bar that had done nothing and was drawn since."""

    def begin(self, total: float) -> None:
        """Note that a bar is drawn that has done nothing."""
        self.around.begin(total)
        self._begun = total

    def forget_lengths(self) -> None:
        """Let go of what bars without a total have come to."""
        self._open = _Open()

    def take(self, counts: Counts, loss: float = math.nan) -> Place:
        """Return the place of a frame, which shows a loss."""
        n, total, epoch, epochs, counted, run_wide = counts
        if counted:
            epoch, epochs = self.around.take(n, total, loss, run_wide=bool(run_wide))
            if epoch >= 0:
                self.first = self.around.first
        elif epoch >= 0:
            if self.first is None:
                ends = epochs >= 0 or self.around.announces(int(epoch))
                self.first = int(epoch == 1 or (ends and epoch > 0))
            self.last = max(self.last, epochs if epoch == epochs else -1.0)
            if self.first == 0 and epochs > self.last:
                epochs -= 1
            self._watch(counts._replace(epochs=epochs))
        if math.isinf(total):
            return Place(self._open.take(n, epoch), -1.0, epoch, -1.0)
        if epoch < 0 or (self.around.run_wide if counted else self._run_wide or run_wide):
            return Place(0.0, total, epoch, -1.0)
        first = self.first or 0
        before = self._before(epoch, total, (epoch - first) * total)
        if epochs < 0:
            first, epochs = self.around.first, self.around.planned
        if epochs < 0:
            return Place(before, before + total, epoch, total)
        return Place(before, (epochs + 1 - first) * total, epoch, -1.0)

    def _before(self, epoch: float, total: float, usual: float) -> float:
        """Return the steps before a bar, `usual` if all are as long; the last epoch may be cut short."""
        newest, length, before = self.lengths
        if (epoch, total) != (newest, length):
            short = epoch == newest + 1 and total < length
            self.lengths = epoch, total, before + length if short else usual
        return self.lengths[2]

    def fold(self, counts: Floats, loss: Floats) -> Floats:
        """Take frames (as Counts, n) and their losses, each as if by itself; return places (as Place, n)."""
        import numpy as np

        changes = (counts[1:, 1:] != counts[1:, :-1]).any(axis=0) | (counts[0, 1:] < counts[0, :-1])
        changes |= (counts[0, 1:] == counts[1, 1:]) & (loss[1:] != loss[:-1])  # it may be full again
        places = np.empty((len(Place._fields), counts.shape[1]))
        for begin, end in pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), counts.shape[1]]):
            first, last = (Counts(*counts[:, at].tolist()) for at in (begin, end - 1))
            places[:, begin:end] = np.array([self.take(first, float(loss[begin]))]).T
            if end > begin + 1:
                if first.counted:
                    self.around.observe(loss[begin + 1 : end - 1].tolist())
                self.take(last, float(loss[end - 1]))
                n, total = counts[:2, begin:end]
                if counts[4, begin]:
                    self.around.moved |= bool(np.any((n > 0) & (n < total)))
        return places

    def _watch(self, counts: Counts) -> None:
        """See whether a bar continues where its epoch moves on."""
        before, self._newest = self._newest, counts
        begun, self._begun = self._begun == counts.total, -1.0
        if counts.total != before.total or counts.epoch <= before.epoch:
            if (counts.total, counts.epoch) != (before.total, before.epoch) or counts.n < self._low:
                self._low = counts.n
            return
        continued = counts.n > before.n or (counts.n == before.n > self._low)
        self._low = counts.n
        if counts.n < before.n:
            self._run_wide = False
        elif continued and not begun and not math.isinf(counts.total):
            self._run_wide |= not is_full(before.n, before.total) or self._in_step(before, counts)

    def _in_step(self, before: Counts, now: Counts) -> bool:
        """Return whether both frames are where they would be in a bar of the whole run."""
        if now.epochs < 0:
            return False
        first, slack = self.first or 0, 1 + _SLACK * now.total
        per = now.total / max(now.epochs + 1 - first, 1)
        ended, began = (before.epoch + 1 - first) * per, (now.epoch - first) * per
        return before.n <= ended + slack and now.n + slack >= began


class Around:
    """Numbers bars that show no epoch, by what is around them.

    What was printed counts from when a bar begins again. Where nothing was, one that begins when the one
    before had come to its end is of the next epoch; else the program was started again.
    """

    def __init__(self) -> None:
        self.first = 1
        """Number of the first epoch."""
        self.planned = -1
        """How many epochs there are, as lines or a bar of epochs say; -1 where none does."""
        self.moved = False
        """Whether any was seen under way: bars that are only drawn when full are no series of steps."""
        self.run_wide = False
        """Whether the bar continues from epoch to epoch."""
        self._epoch, self._epochs = 1, -1
        self._n, self._total = -1.0, -1.0
        self._reported: tuple[int, int] | None = None
        """What the next bar is of."""
        self._outer = False
        """Whether a bar of epochs said that."""
        self._at = -1.0
        """Where the bar was then."""
        self._by_line = False
        """Whether a line said that, before its bar, and of no other bar."""
        self._any = False
        """Whether anything said which epoch it is."""
        self._latched = False
        """Whether the newest bar's was."""
        self._behind = False
        """Whether lines show the epoch when its bar has ended."""
        self._level = LossLevel()
        self._again = False
        """Whether the bar is drawn from its beginning again, the epoch of that not yet decided."""

    def set_epoch(self, epoch: int, epochs: int, *, for_all: bool) -> None:
        """Take what a line shows; `for_all`: bars of other ranks, too, which are not all at one place.

        What a bar of epochs has just said counts: lines on standard output may come behind it.
        """
        if self._outer and self._reported is not None and epoch <= self._reported[0]:
            return
        if not self._any:
            self._behind = self._total >= 0
            self.first = int(epoch == 1 or (epochs > 0 and epoch > 0))
            if self._behind:
                self._epoch = epoch
        self._any, self._by_line = True, not (self._behind or for_all)
        self._report(epoch + self._behind, epochs)

    def announces(self, epoch: int) -> bool:
        """Whether a line above said that the next bar is of this epoch, and how many there will be."""
        return self._reported is not None and self._reported[0] == epoch and self.planned > 0

    def note_outer(self, epoch: int, epochs: int) -> None:
        """Take what a bar of epochs shows."""
        if epoch <= epochs:
            self._any, self._by_line, self.first = True, False, 1
            self._report(epoch, epochs)
            self._outer = True

    def _report(self, epoch: int, epochs: int) -> None:
        self._outer, self._at = False, self._n
        self.planned = epochs or -1
        self._reported = epoch, self.planned

    def begin(self, total: float) -> None:
        """Note that a bar is drawn that has done nothing."""
        self._again |= total == self._total and self._n > 0 and self.moved

    def observe(self, losses: list[float]) -> None:
        """Take the losses of frames."""
        self._level.observe([loss for loss in losses if not math.isnan(loss)])

    def take(self, n: float, total: float, loss: float, *, run_wide: bool) -> tuple[int, int]:
        """Return the epoch of a frame, and how many there are; -1 where they are not known."""
        if self._total < 0 or total != self._total:
            self.run_wide = run_wide
            self._turn(total, loss)
        elif self._again or (n < self._n and 2 * n <= total) or self._is_full_again(n, loss):
            self._turn(total, loss)
        elif self._reported is not None and (self.run_wide or self._continues(n)):
            self.run_wide = True
            self._begin_known(self._reported)
        self._n, self._total, self._again = n, total, False
        self.observe([loss])
        self.moved |= 0 < n < total
        return (self._epoch, self._epochs) if self._latched or self._known else (-1, -1)

    @property
    def _known(self) -> bool:
        return self._epochs >= 0 or self._epoch > self.first

    def _is_full_again(self, n: float, loss: float) -> bool:
        """Return whether a bar only drawn when full is the next epoch's: announced, or none moved before."""
        other = not math.isnan(loss) and self._level.newest[-1:] != [loss]
        announced = self._reported is not None and self._at == n
        return (announced or not self.moved) and other and n == self._n == self._total

    def _continues(self, n: float) -> bool:
        """Return whether a bar continues although a line has announced the next epoch."""
        assert self._reported is not None
        next_ = self._by_line and self._latched and self._reported[0] > self._epoch
        under_way = n >= self._n > 0 and not is_full(self._n, self._total)
        return next_ and under_way and not math.isinf(self._total)

    def _turn(self, total: float, loss: float) -> None:
        """Take a bar that has begun again, and its first loss."""
        if self._reported is not None:
            self.run_wide &= self._total < 0 or self._reported[0] <= self._epoch
            self._begin_known(self._reported)
        elif self._total >= 0 and not self.run_wide:
            whole = math.isinf(total) or is_full(self._n, total)
            same = self._epoch > self.first or not self._level.is_back(loss)
            ended = total == self._total and whole and same
            self._epoch = self._epoch + 1 if ended else self.first
            if not ended:
                self._level = LossLevel()

    def _begin_known(self, known: tuple[int, int]) -> None:
        self._epoch, self._epochs = known
        self._reported, self._latched = None, True


class _Open:
    """Adds up what bars without a total came to, as far as was seen, as those over a stream of data."""

    def __init__(self) -> None:
        self._before = 0.0
        self._n, self._epoch = 0.0, -1.0

    def take(self, n: float, epoch: float) -> float:
        """Return the steps before the bar of a frame; `epoch` is -1 where none is known.

        One that begins again within its epoch, or is of an earlier one, was started again.
        """
        if epoch > self._epoch or (epoch < 0 and n < self._n and epoch == self._epoch):
            self._before += self._n
        elif epoch < self._epoch:
            self._before = 0.0
        self._n, self._epoch = n, epoch
        return self._before
