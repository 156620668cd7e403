"""Folds the redraws of bars that carry metrics into records: tqdm with a postfix, Lightning's rich bar.

A bar is redrawn many times; the last frame of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from runwatch.parsers.api import Layout, Row
from runwatch.parsers.body.readers import FoldingReader
from runwatch.parsers.progress.bar_frame import BarColumns, BarFrames, BarLayout
from runwatch.parsers.progress.epochs import Epochs
from runwatch.parsers.progress.grammar import emptied
from runwatch.parsers.progress.pace import StepPace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runwatch.parsers.body.frames import Floats, Frames, Part

_MAX_RANKS = 1024
_NAN = -sys.float_info.max
"""Replaces NaN where values are compared: one NaN is like another."""
_Key = tuple[float, ...]
"""Step, total, epoch and, where the total is but its end, its steps; -1 where they are not known."""


class BarReader(FoldingReader):
    """What bars of training have in common.

    Only bars that carry a loss are training; a description such as Validation excludes them. Validation
    values in a training bar are repeated with every frame: they count when they change.
    """

    def __init__(self, of: BarFrames, first_epoch: int | None = None) -> None:
        self._of, self.frames = of, (of,)
        self._epochs = Epochs(first_epoch)
        self._pace = StepPace()
        self._pending: tuple[_Key, Row] | None = None
        self._flushed: _Key | None = None
        """Place of the record that was flushed: the bar may be drawn once more as it was."""
        self._moved = False
        """Whether a bar was seen behind 0: what the next one of its run shows at 0 is of the epoch before."""
        self._lasts = False
        """Whether one bar is drawn for all epochs, so that this holds for the next run, too."""
        self._loss = math.inf
        """The loss that was shown last: what shows it again at 0 is a bar that was only reset."""
        self._validation: dict[str, float] = {}
        self._stacked = False
        """Whether bars that say the same are drawn below each other: those of ranks."""
        self._rank: int | None = None
        self._ranks: dict[int, BarReader] = {}
        """What is remembered of each rank's bar, where bars show ranks."""

    @property
    def step(self) -> float | None:
        """Step at which the bar is; that of the lowest rank where ranks have bars of their own."""
        if self._ranks:
            return self._ranks[min(self._ranks)].step
        place = self._flushed if self._pending is None else self._pending[0]
        return None if place is None else place[0]

    @property
    def bars(self) -> list[Epochs]:
        """Return what knows where bars are: the one bar, or each rank's."""
        return [self._epochs, *(rank._epochs for rank in self._ranks.values())]

    def flush(self) -> list[Row]:
        """Return the last frame of the bar, or of each rank's."""
        before = self._epochs
        self._epochs = Epochs(before.first, before.last)  # what comes next is of another run
        self._epochs.lengths = before.lengths  # or the last frame once more
        return self._end() + [row for rank in self._ranks.values() for row in rank.flush()]

    def thin(self, text: bytes) -> bytes:
        """Return the text with bars that are filled alike."""
        return emptied(text, redrawn=self._of.redrawn)

    def _end(self) -> list[Row]:
        pending, self._pending = self._pending, None
        if pending is None:
            return []
        self._flushed = pending[0]
        return [pending[1]]

    def _of_rank(self, rank: int) -> BarReader | None:
        """Return the reader of a rank's bar; None if there are too many."""
        if rank not in self._ranks and len(self._ranks) < _MAX_RANKS:
            reader = self._ranks[rank] = BarReader(self._of)
            reader._rank, reader._epochs = rank, deepcopy(self._epochs)
        return self._ranks.get(rank)

    def take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one frame of a bar, of each rank by itself; return the records it completes."""
        layout = cast("BarLayout", layout)
        if self._rank is None and (layout.ranked or self._stacked):
            reader = self._of_rank(int(shown[-1]) if layout.ranked else layout.position)
            return [] if reader is None else reader.take(layout, shown, number_)
        counts = layout.counts(shown)
        loss = layout.loss_of(shown)
        place = self._epochs.take(counts, loss)
        columns = self._of.columns_of(layout, place, shown, ranked=self._rank is not None)
        key = (place.before + counts.n, *place[1:])
        took = self._pace.take(counts.n, layout.elapsed(shown), layout.took(shown))
        out: list[Row] = []
        if self._pending is not None and self._pending[0] != key:
            out += self._end()
        if columns.validation:
            measured = zip(columns.validation, columns.measured(shown), strict=True)
            validation = {name: _comparable(value) for name, value in measured}
            if validation != self._validation:
                self._validation = validation
                out.append(Row(columns.eval, number_, columns.validated(key[0], shown, self._rank)))
        before, self._loss = self._loss, _comparable(loss)
        if counts.n == 0 and self._moved and (self._lasts or key[0] > 0 or self._loss == before):
            self._flushed = None
        elif key != self._flushed:
            self._pending = key, Row(columns.train, number_, columns.trained(key, took, shown, self._rank))
        self._moved |= counts.n != 0
        return out

    def fold(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take many frames, each as if by itself; return the records they complete."""
        import numpy as np

        if self._rank is None and (self._stacked or _ranked(frames)):
            yield from self._by_rank(frames)
            return
        counts, times, loss = np.empty((6, len(frames))), np.empty((2, len(frames))), np.empty(len(frames))
        for part in frames.parts:
            layout, shown = cast("BarLayout", part.layout), [*part.columns]
            counts[:, part.at] = layout.counts(shown)
            loss[part.at] = layout.loss_of(shown)
            times[0, part.at], times[1, part.at] = layout.elapsed(shown), layout.took(shown)
        took = self._pace.fold(counts[0], *times)
        key = self._epochs.fold(counts, loss)
        key[0] += counts[0]
        cuts = [
            cut for part in frames.parts for cut in self._of.cut(part, key, ranked=self._rank is not None)
        ]
        yield from self._changes(frames, cuts, key)
        loss = np.where(np.isnan(loss), _NAN, loss)
        fresh = loss != np.append(self._loss, loss[:-1])
        self._loss = float(loss[-1])
        yield from self._steps(frames, cuts, key, counts[0], took, fresh)

    def _by_rank(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take frames of several ranks, each rank's by itself."""
        if not self._stacked and len(_ranked(frames)) < len(frames.parts):
            yield from frames.one_by_one(0, len(frames), self.take)
            return
        ranks = frames.spread(
            (part, part.columns[-1] if layout.ranked else layout.position)
            for part in frames.parts
            for layout in [cast("BarLayout", part.layout)]
        )
        for rank in dict.fromkeys(ranks.tolist()):
            reader = self._of_rank(int(rank))
            if reader is not None:
                yield from reader.fold(frames.only(ranks == rank))

    def _changes(
        self, frames: Frames, cuts: Sequence[tuple[BarColumns, Part]], key: Floats
    ) -> Iterator[tuple[Layout, Floats]]:
        """Return the validation values of the frames in which they change."""
        import numpy as np

        names = list(dict.fromkeys(name for columns, _ in cuts for name in columns.validation))
        if not names:
            return
        value = np.zeros((len(names), len(frames)))
        has = np.zeros(value.shape, bool)
        for columns, part in cuts:
            for name, column in zip(columns.validation, columns.measured([*part.columns]), strict=True):
                value[names.index(name), part.at] = column
                has[names.index(name), part.at] = True
        at = np.flatnonzero(has.any(axis=0))
        value, has = value[:, at], has[:, at]
        changed = np.zeros(len(frames), bool)
        value = np.where(np.isnan(value), _NAN, value)
        changed[at[1:]] = ((has[:, 1:] != has[:, :-1]) | (value[:, 1:] != value[:, :-1])).any(axis=0)
        first, self._validation = self._validation, {}
        ends = [{n: float(value[i, j]) for i, n in enumerate(names) if has[i, j]} for j in (0, -1)]
        changed[at[0]] = ends[0] != first
        self._validation = ends[1]
        for columns, part in cuts:
            if columns.validation:
                validated = columns.validated(key[0, part.at], [*part.columns], self._rank)
                yield columns.eval, frames.rows(part, changed, validated)

    def _steps(
        self,
        frames: Frames,
        cuts: Sequence[tuple[BarColumns, Part]],
        key: Floats,
        n: Floats,
        took: Floats,
        fresh: NDArray[np.bool_],
    ) -> Iterator[tuple[Layout, Floats]]:
        """Return the last frame of each step that another one follows; keep the newest.

        `fresh` (n,): whether a frame shows another loss than the one before.
        """
        import numpy as np

        begin, last = 0, len(frames) - 1
        counted = (n != 0) | ((key[0] == 0) & fresh & (not self._lasts))
        if not self._moved:
            counted |= ~np.logical_or.accumulate(counted)
            self._moved = bool(n.any())
        if self._pending is None and self._flushed is not None:
            other = (np.array(self._flushed) != key.T).any(axis=1)
            begin = int(other.argmax()) if other.any() else last + 1
        if begin > last:
            return
        moves = frames.last_of(key) & counted
        moves[:begin] = False
        if self._pending is not None and (key[:, begin] != self._pending[0]).any():
            yield frames.single(self._pending[1], begin)
        for columns, part in cuts:
            trained = columns.trained(key[:, part.at], took[part.at], [*part.columns], self._rank)
            yield columns.train, frames.rows(part, moves, trained, frames.next_offset)
            if part.at[-1] == last:
                place = key[:, last].tolist()
                values = columns.trained(place, float(took[last]), part.columns[:, -1].tolist(), self._rank)
                newest = tuple(place), Row(columns.train, int(frames.line[last]), values)
        self._pending = newest if counted[last] else None
        if not counted[last]:
            self._flushed = None


def _ranked(frames: Frames) -> list[Part]:
    """Return the frames that show a rank."""
    return [part for part in frames.parts if cast("BarLayout", part.layout).ranked]


def _comparable(value: float) -> float:
    """Return a value that equals itself."""
    return _NAN if math.isnan(value) else value
