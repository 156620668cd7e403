"""Which epoch a bar is of that does not say: lines between bars tell, or a bar of epochs, or it is counted.

Epoch 2/10
 35%|###5      | 14/40 [00:02<00:04,  6.67it/s, loss=1.5]
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from runwatch.parsers.patterns import Layout
from runwatch.parsers.progress.endless import is_open
from runwatch.parsers.progress.picture import Shown

if TYPE_CHECKING:
    from runwatch.parsers.decoded import Floats
    from runwatch.parsers.pictures import Part, Pictures

_Stretch = tuple[int, tuple[int, ...]]
"""Where it begins, and the epoch (and the number of epochs) of its pictures."""

_LINE = re.compile(
    rb"(?i)(?:[^\r\n]{0,80}?[\]:|>-]\s{1,3})?[^A-Za-z0-9\r\n]{0,80}(?:(?:start|begin)(?:n?ing)? |running )?"
    rb"(?:train(?:ing)? )?epoch[ :=#\[(]{0,4}(\d{1,6})(?:\s?(?:/|of)\s?(\d{1,6}))?(?![\d.%]|\w)"
)
_OUTER = re.compile(
    rb"(?i)[^%|\r\n]{0,60}\bepochs?(?: progress)?\s*:?\s*\d{1,3}%\|[^|\r\n]{0,400}\| *(\d+)/(\d+) \["
)
_NEARLY = 0.9
"""Share from which a bar has ended: one that is wiped at its end is last seen a little before."""


def epoch_of(line: bytes) -> tuple[int, int] | None:
    """Return the epoch that a line tells, and how many there will be (0: it does not say)."""
    found = _LINE.match(line) if b"%|" not in line and len(line) < 400 else None
    return None if found is None else (int(found[1]), int(found[2] or 0))


def outer_of(line: bytes) -> tuple[int, int] | None:
    """Return the same of what a bar of epochs shows; the one that is under way, counted from 1."""
    found = _OUTER.match(line)
    return None if found is None else (int(found[1]) + 1, int(found[2]))


def is_full(done: float, total: float) -> bool:
    """Return whether a bar that was seen at `done` has come to its end."""
    return done >= min(_NEARLY * total, max(total - 2, 1))


class Laps:
    """Numbers the bars that come one after the other.

    What was told counts from when a bar begins anew. Where nothing was, one that begins when the one
    before had come to its end is of the next epoch; else the program was started again.
    """

    def __init__(self) -> None:
        self.first = 1
        """Number of the first epoch."""
        self._epoch, self._epochs = 1, 0
        self._done, self._total = -1.0, -1.0
        self._moved = False
        """Whether any was seen under way: bars that are only drawn when full are no series of steps."""
        self._told: tuple[int, int] | None = None
        """What the next bar is of."""
        self._any = False
        """Whether anything was told of which epoch it is."""
        self._latched = False
        """Whether the newest bar's was."""
        self._behind = False
        """Whether lines tell the epoch when its bar has ended."""

    def tell(self, epoch: int, epochs: int) -> None:
        """Take what a line tells."""
        if not self._any:
            self._behind = self._total >= 0
            self.first = int(epoch == 1 or (epochs > 0 and epoch > 0))
            if self._behind:
                self._epoch = epoch
        self._any = True
        self._told = epoch + self._behind, epochs

    def tell_outer(self, epoch: int, epochs: int) -> None:
        """Take what a bar of epochs shows."""
        if epoch <= epochs:
            self._any, self.first = True, 1
            self._told = epoch, epochs

    def begin(self, total: float) -> None:
        """Note that a bar is drawn that has done nothing."""
        if total == self._total and self._done > 0 and self._moved:
            self._turn(total)
            self._done = 0.0

    def _turn(self, total: float) -> None:
        """Take a bar that has begun anew."""
        if self._told is not None:
            self._epoch, self._epochs = self._told
            self._told, self._latched = None, True
        elif self._total >= 0:
            whole = math.isinf(total) or is_full(self._done, total)
            ended = total == self._total and whole
            self._epoch = self._epoch + 1 if ended else self.first

    def take(self, done: float, total: float) -> tuple[int, ...]:
        """Return the epoch of a picture and, where it is told, how many there are; () if none is known."""
        if self._total < 0 or total != self._total or (done < self._done and 2 * done <= total):
            self._turn(total)
        self._done, self._total = done, total
        self._moved |= 0 < done < total
        return self._now()

    def _now(self) -> tuple[int, ...]:
        if self._epochs:
            return self._epoch, self._epochs
        return (self._epoch,) if self._latched or self._epoch > self.first else ()

    def fold(self, done: Floats, total: Floats) -> list[_Stretch]:
        """Take pictures (n,); return where each stretch begins and what `take` returned of its pictures."""
        import numpy as np

        before, of = np.append(self._done, done[:-1]), np.append(self._total, total[:-1])
        anew = (total != of) | ((done < before) & (2 * done <= total))
        stretches: list[_Stretch] = []
        for at in sorted({0, *np.flatnonzero(anew).tolist()}):
            self._done, self._total = float(before[at]), float(of[at])
            stretches.append((at, self.take(float(done[at]), float(total[at]))))
        self._done, self._total = float(done[-1]), float(total[-1])
        self._moved |= bool(np.any((done > 0) & (done < total)))
        return stretches


def total_of(layout: Layout, shown: Sequence[float]) -> float:
    """Return the total of a picture; infinite where it has none: any such bar that begins anew has ended."""
    return math.inf if is_open(layout) else shown[1]


def spliced(shown: Sequence[Any], epoch: Sequence[Any]) -> list[Any]:
    """Return the numbers of a bar with those of the epoch behind done and total."""
    return [*shown[:2], *epoch, *shown[2:]]


def bare(layout: Layout) -> bool:
    """Return whether pictures are of bars that tell neither an epoch nor a rank."""
    return isinstance(layout, Shown) and not (layout.numbers or layout.ranked or layout.outer)


def place_all(pictures: Pictures, laps: Laps, placed: Callable[[Layout, int], Layout]) -> bool:
    """Tell the epochs of those pictures that show none, if they are known; return whether any was.

    `placed` makes of a layout the one that has so many numbers of the epoch.
    """
    import numpy as np

    parts = [part for part in pictures.parts if bare(part.layout)]
    if not parts:
        return False
    at = np.concatenate([part.at for part in parts])
    order = np.argsort(at)
    at = at[order]
    done = np.concatenate([part.columns[0] for part in parts])[order]
    totals = [np.full(len(p.at), math.inf) if is_open(p.layout) else p.columns[1] for p in parts]
    total = np.concatenate(totals)[order]
    stretches = laps.fold(done, total)
    if not any(epoch for _, epoch in stretches):
        return False
    others = [part for part in pictures.parts if not bare(part.layout)]
    edges = [*(int(at[begin]) for begin, _ in stretches), len(pictures)]
    for part in parts:
        others += _cut(part, np.searchsorted(part.at, edges).tolist(), stretches, placed)
    pictures.parts = others
    return True


def _cut(
    part: Part, edges: Sequence[int], stretches: Sequence[_Stretch], placed: Callable[[Layout, int], Layout]
) -> list[Part]:
    """Return one part for each layout that its pictures have with their epochs."""
    import numpy as np

    cuts: dict[Layout, list[Floats]] = {}
    for (low, high), (_, epoch) in zip(pairwise(edges), stretches, strict=True):
        if high > low:
            layout = placed(part.layout, len(epoch)) if epoch else part.layout
            told = np.tile(np.array(epoch, float)[:, None], high - low)
            rows = part.columns[:, low:high]
            cuts.setdefault(layout, []).append(
                np.concatenate([part.at[None, low:high], rows[:2], told, rows[2:]])
            )
    tables = {layout: np.concatenate(tables, axis=1) for layout, tables in cuts.items()}
    return [part._replace(layout=of, at=t[0].astype(np.int64), columns=t[1:]) for of, t in tables.items()]
