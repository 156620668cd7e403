"""Progress bars that carry metrics: tqdm with a postfix, Lightning's rich bar.

A bar is redrawn many times; the last picture of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.parsers.patterns import Layout
from runwatch.parsers.progress.endless import Lengths, epochs_of, is_open
from runwatch.parsers.progress.picture import BarPictures, Shown
from runwatch.parsers.readers import Row

if TYPE_CHECKING:
    from runwatch.parsers.decoded import Floats
    from runwatch.parsers.pictures import Pictures

_MAX_RANKS = 1024
_NAN = -sys.float_info.max
"""Stands for NaN where values are compared: one NaN is like another."""


class BarReader:
    """What bars of training have in common.

    Only bars that carry a loss are training; a description such as Validation
    excludes them. Validation values in a training bar are repeated with every
    picture: they count when they change.
    """

    def __init__(self, of: BarPictures, first_epoch: int | None = None) -> None:
        self._of = of
        self._first_epoch = first_epoch
        self._pending: tuple[tuple[float, ...], Row] | None = None
        self._told: tuple[float, ...] | None = None
        """Place of the record that was flushed: the bar may be drawn once more as it was."""
        self._validation: dict[str, float] = {}
        self._lengths = Lengths()
        self._rank: int | None = None
        self._ranks: dict[int, BarReader] = {}
        """What is remembered of each rank's bar, where bars tell ranks."""

    @property
    def place(self) -> tuple[float, ...] | None:
        """Step, total and perhaps epoch at which the bar stands; None where ranks have bars of their own."""
        return None if self._ranks else self._told if self._pending is None else self._pending[0]

    def flush(self) -> list[Row]:
        """Return the last picture of the bar, or of each rank's."""
        self._lengths = Lengths()  # what comes next is of another run
        return self._end() + [row for rank in self._ranks.values() for row in rank.flush()]

    def _end(self) -> list[Row]:
        pending, self._pending = self._pending, None
        if pending is None:
            return []
        self._told = pending[0]
        return [pending[1]]

    def take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one picture of a bar; return the records it completes.

        Bars of several ranks that are drawn into one log are read each by itself.
        """
        assert isinstance(layout, Shown)
        if layout.ranked and self._rank is None:
            rank = int(shown[-1])
            if rank not in self._ranks and len(self._ranks) < _MAX_RANKS:
                self._ranks[rank] = BarReader(self._of, self._first_epoch)
                self._ranks[rank]._rank = rank
            return self._ranks[rank].take(layout, shown, number_) if rank in self._ranks else []
        if is_open(layout):
            before = self._lengths.take(shown[0], epochs_of(layout, shown))
            shown = [shown[0], before, *shown[2:]]
        bar = self._of.bar(layout)
        if bar.rate is not None and shown[bar.rate] == 0:  # that tells no pace
            shown = [value for i, value in enumerate(shown) if i != bar.rate]
            bar = self._of.bar(self._of.unpaced(layout))
        place = bar.place(shown, self.counts_from(layout, shown) or 0)
        out: list[Row] = []
        key = tuple(place)
        if self._pending is not None and self._pending[0] != key:
            out += self._end()
        if bar.validation:
            validated = bar.validated(shown)
            measured = validated[len(validated) - len(bar.validation) :]
            validation = {n: _comparable(value) for n, value in zip(bar.validation, measured, strict=True)}
            if validation != self._validation:
                self._validation = validation
                out.append(Row(bar.eval, number_, [place[0], *bar.validated(shown)]))
        if shown[0] == 0:  # it has just begun anew: what it shows is of the epoch before
            self._told = None
        elif key != self._told:
            self._pending = key, Row(bar.train, number_, [*place, *bar.metrics(shown)])
        return out

    def counts_from(self, layout: Layout, shown: Sequence[float]) -> int | None:
        """Return the number of the first epoch, which the first bar that shows one tells; None before."""
        bar = self._of.bar(layout)
        if self._first_epoch is None and bar.epochs:
            self._first_epoch = int(shown[2] == 1 or (bar.epochs > 1 and shown[2] > 0))
        return self._first_epoch

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Take many pictures, each as if by itself; return the records they complete."""
        import numpy as np

        if self._ranks or any(isinstance(p.layout, Shown) and p.layout.ranked for p in pictures.parts):
            yield from pictures.one_by_one(0, len(pictures), self.take)
            return
        self._lengths.fold(pictures)
        pictures.parts = [part for whole in pictures.parts for part in self._of.by_pace(whole)]
        key = np.full((3, len(pictures)), -1.0)  # -1 where no epoch is shown: it has no sign
        done = np.empty(len(pictures))
        for part in sorted(pictures.parts, key=lambda part: int(part.at[0])):
            bar = self._of.bar(part.layout)
            place = bar.place(
                [*part.columns], self.counts_from(part.layout, part.columns[:, 0].tolist()) or 0
            )
            key[: len(place), part.at] = place
            done[part.at] = part.columns[0]
        yield from self._changes(pictures, key)
        yield from self._steps(pictures, key, done)

    def _changes(self, pictures: Pictures, key: Floats) -> Iterator[tuple[Layout, Floats]]:
        """Return the validation values of the pictures in which they change."""
        import numpy as np

        bars = [self._of.bar(part.layout) for part in pictures.parts]
        names = list(dict.fromkeys(name for bar in bars for name in bar.validation))
        if not names:
            return
        value = np.zeros((len(names), len(pictures)))
        has = np.zeros(value.shape, bool)
        for bar, part in zip(bars, pictures.parts, strict=True):
            for name, column in zip(bar.validation, bar.validated([*part.columns]), strict=True):
                value[names.index(name), part.at] = column
                has[names.index(name), part.at] = True
        at = np.flatnonzero(has.any(axis=0))
        value, has = value[:, at], has[:, at]
        changed = np.zeros(len(pictures), bool)
        value = np.where(np.isnan(value), _NAN, value)
        changed[at[1:]] = ((has[:, 1:] != has[:, :-1]) | (value[:, 1:] != value[:, :-1])).any(axis=0)
        first, self._validation = self._validation, {}
        ends = [{n: float(value[i, j]) for i, n in enumerate(names) if has[i, j]} for j in (0, -1)]
        changed[at[0]] = ends[0] != first
        self._validation = ends[1]
        for bar, part in zip(bars, pictures.parts, strict=True):
            if bar.validation:
                columns = [key[0, part.at], *bar.validated([*part.columns])]
                yield bar.eval, pictures.rows(part, changed, columns)

    def _steps(self, pictures: Pictures, key: Floats, done: Floats) -> Iterator[tuple[Layout, Floats]]:
        """Return the last picture of each step that another one follows; keep the newest."""
        begin, last = 0, len(pictures) - 1
        if self._pending is None and self._told is not None:
            other = (_padded(self._told) != key.T).any(axis=1)
            begin = int(other.argmax()) if other.any() else last + 1
        if begin > last:
            return
        moves = pictures.last_of(key) & (done != 0)
        moves[:begin] = False
        if self._pending is not None and (key[:, begin] != _padded(self._pending[0])).any():
            yield pictures.single(self._pending[1], begin)
        for part in pictures.parts:
            bar = self._of.bar(part.layout)
            columns = [key[i, part.at] for i in range(bar.places)]
            columns += bar.metrics([*part.columns])
            yield bar.train, pictures.rows(part, moves, columns, pictures.next_offset)
            if part.at[-1] == last:
                newest = part.columns[:, -1].tolist()
                place = key[: bar.places, last].tolist()
                row = Row(bar.train, int(pictures.line[last]), [*place, *bar.metrics(newest)])
        self._pending = (tuple(place), row) if done[last] else None
        if not done[last]:
            self._told = None


def _comparable(value: float) -> float:
    """Return a value that equals itself."""
    return _NAN if math.isnan(value) else value


def _padded(place: tuple[float, ...]) -> tuple[float, ...]:
    return (*place, -1.0, -1.0)[:3]
