"""Progress bars that carry metrics: tqdm with a postfix, Lightning's rich bar.

A bar is redrawn many times; the last picture of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH, LOSS, STEP_TIME, Unit
from runwatch.parsers.patterns import VALUE, Layout, Match
from runwatch.parsers.readers import Row, RowMaker

if TYPE_CHECKING:
    from runwatch.parsers.decoded import Floats
    from runwatch.parsers.pictures import Part, Pictures

_Values = Sequence[Any]
"""Of one picture, or columns of them."""

_EPOCH = re.compile(rb"(?i:epoch)[ :=\[]*(\d+)(?: ?(?:/|of) ?(\d+))?\]?[^\d]{0,40}$")
_OUTER = re.compile(rb"(?i:\bepochs?(?: progress)?)[ :]{0,3}$")
_LEADING = re.compile(rb"\W{0,8}\[(\d{1,6})/(\d{1,6})\]")
"""An epoch in front: `[3/10] train`."""
_TORCHTUNE = re.compile(rb"(\d{1,9})\|\d{1,9}\|[^\d]{0,40}$")
"""Its description begins with epoch and step."""
NAMED = re.compile(
    rb"(?<![\w./@-])([A-Za-z][\w./@-]{0,80}(?: in s| \((?:batch|step)\))?)(?:\s{0,8}[=:]\s*|(?<=[Ll]oss) )("
    + VALUE
    + rb")(?:(?<=[fnFN])\.0{0,8})?%?(?=[\s,\]]|$)"  # Lightning fills NaN up as it does numbers: nan.0
)
NOT_TRAINING = re.compile(rb"(?i:\bval|\beval|\btest|predict|infer|sanity|generat)")
_RANK = re.compile(
    rb"(?:(?<![Ll]o[Rr][Aa] )\b(?:[Ll]ocal[ _])?[Rr](?:ank|ANK)|\bGPU|\bcuda|\[default)"
    rb"[ _:=#]{0,3}(\d{1,5})(?!\d)"
)
_LOSS = re.compile(r"(?i:loss)(?!.*epoch)")
_VALIDATION = re.compile(r"(?i:^(?:val|valid|eval|test)[_/ ])")


_MAX_RANKS = 1024
_NAN = -sys.float_info.max
"""Stands for NaN where values are compared: one NaN is like another."""
_ALIASES = dict.fromkeys(
    (
        "avr_loss",
        "train_loss_step",
        "loss_step",
        "step_loss",
        "loss/train/total",
        "reduced_train_loss",
        "total_loss",
        *(f"loss ({of})" for of in ("batch", "step")),
        *(f"{of}_loss" for of in ("batch", "running", "avg", "average", "mean", "cur", "current", "iter")),
        *(f"{of} loss" for of in ("batch", "running", "avg", "average", "mean", "total")),
    ),
    LOSS,
) | {"train_step_timing in s": STEP_TIME}
_Named = list[tuple[bytes, tuple[int, int]]]
"""Names and where their numbers stand."""


@dataclass(frozen=True, slots=True)
class Shown(Layout):
    """What a bar shows: done and total; epoch, epochs and pace if there are such; what has a name; a rank."""

    numbers: int = 0
    """How many of them tell the epoch."""
    pace: bytes = b""
    """Its unit; empty if there is none."""
    ranked: bool = False
    """Whether the last of them is a rank."""
    outer: bool = False
    """Whether it counts epochs, below which another bar may be drawn."""
    __hash__ = Layout.__hash__  # quicker than one of all fields


class _Bar:
    """How the numbers that bars of one layout show become records, for floats and for columns alike."""

    def __init__(self, row: RowMaker, layout: Shown) -> None:
        """`row` makes the layouts of the records."""
        epochs, pace = layout.numbers, layout.pace
        first = 2 + epochs + bool(pace)
        names = layout.names[first : len(layout.names) - layout.ranked]
        self._rank = len(layout.names) - 1 if layout.ranked else None
        self.epochs = epochs
        self._pace = 2 + epochs if pace else None
        place = ("step", "total", EPOCH)[: 2 + (epochs > 0)] + (("rank",) if layout.ranked else ())
        place += (STEP_TIME,) if pace else ()
        validation = {name: i for i, name in enumerate(names, first) if _VALIDATION.match(name)}
        metrics = {n: i for i, n in enumerate(names, first) if n not in validation and n not in place}
        self.rate = 2 + epochs if pace == b"it/s" else None
        """Which number is a pace in steps a second."""
        self.validation = tuple(validation)
        self._metrics, self._validated = tuple(metrics.values()), tuple(validation.values())
        self.train = row.layout(TRAIN, (*place, *metrics))
        self.eval = row.layout(EVAL, ("step", *(("rank",) if layout.ranked else ()), *validation))

    def place(self, shown: _Values, first_epoch: int) -> list[Any]:
        """Return step, total and perhaps epoch; bars that begin anew with each epoch are laid end to end."""
        done, total = shown[0], shown[1]
        if not self.epochs:
            return [done, total]
        past = shown[2] - first_epoch
        planned = shown[3] + 1 - first_epoch if self.epochs > 1 else past + 1
        return [past * total + done, planned * total, shown[2]]

    def metrics(self, shown: _Values) -> list[Any]:
        """Return the seconds per step, if a pace is shown, and the values of training."""
        pace = [] if self._pace is None else [shown[self._pace]]
        pace = pace if self.rate is None else [1.0 / pace[0]]
        return [*self._ranks(shown), *pace, *(shown[i] for i in self._metrics)]

    def validated(self, shown: _Values) -> list[Any]:
        """Return the values of validation."""
        return [*self._ranks(shown), *(shown[i] for i in self._validated)]

    def _ranks(self, shown: _Values) -> list[Any]:
        return [] if self._rank is None else [shown[self._rank]]


class BarPictures:
    """What bars show: matches those of training that carry a loss."""

    prefix = b""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._row = RowMaker(pattern, _ALIASES)
        self._layouts: dict[tuple[int, bytes, tuple[bytes, ...], bool, bool], Layout | None] = {}
        self._bars: dict[Layout, _Bar] = {}

    def bar(self, layout: Layout) -> _Bar:
        """Return how the numbers of pictures of a layout become records."""
        bar = self._bars.get(layout)
        if bar is None:
            assert isinstance(layout, Shown)
            if len(self._bars) > 1024:
                self._bars.clear()
            bar = self._bars[layout] = _Bar(self._row, layout)
        return bar

    def unpaced(self, layout: Layout) -> Layout:
        """Return the layout of the same pictures without their pace."""
        assert isinstance(layout, Shown)
        names = layout.names[3 + layout.numbers : len(layout.names) - layout.ranked]
        return self._make(layout.numbers, b"", names, layout.ranked)

    def ranked(self, layout: Layout) -> Layout:
        """Return the layout of the same pictures with a rank behind all else."""
        assert isinstance(layout, Shown)
        first = 2 + layout.numbers + bool(layout.pace)
        return self._make(layout.numbers, layout.pace, layout.names[first:], True)

    def placed(self, layout: Layout, epochs: int) -> Layout:
        """Return the layout of the same pictures with so many numbers of the epoch."""
        assert isinstance(layout, Shown)
        first = 2 + bool(layout.pace)
        names = layout.names[first : len(layout.names) - layout.ranked]
        return self._make(epochs, layout.pace, names, layout.ranked)

    def by_pace(self, part: Part) -> list[Part]:
        """Return pictures apart that have a pace of zero steps a second: it tells none."""
        rate = self.bar(part.layout).rate
        if rate is None or part.columns[rate].all():
            return [part]
        zero = part.columns[rate] == 0
        rest = part.columns[[i for i in range(len(part.columns)) if i != rate]]
        parts = [part._replace(at=part.at[~zero], columns=part.columns[:, ~zero])] if not zero.all() else []
        return [
            *parts,
            part._replace(layout=self.unpaced(part.layout), at=part.at[zero], columns=rest[:, zero]),
        ]

    def picture(
        self,
        text: bytes,
        place: list[tuple[int, int]],
        pace: bytes,
        named: _Named,
        epoch: tuple[int, int] | None = None,
    ) -> Match | None:
        """Return the picture of a bar behind `text`, which begins its line; None if it is not of training.

        `place` are the spans of done, total and, if shown, the pace; `named` those of other numbers, and
        `epoch` the one among them that is the epoch's number.
        """
        if NOT_TRAINING.search(text):
            return None
        found = _EPOCH.search(text) or _TORCHTUNE.match(text) or _LEADING.match(text)
        groups = range(1, 1 + (found.lastindex or 0)) if found else ()
        epochs = [found.span(i) for i in groups] if found else []
        items: dict[bytes, tuple[int, int]] = {}
        for name, span in named:
            items.setdefault(name, span)
        if not epochs and b"epoch" in items and epoch == items[b"epoch"]:
            epochs = [items.pop(b"epoch")]
        rank = _RANK.search(text)
        outer = not epochs and _OUTER.search(text) is not None
        layout = self._layout(len(epochs), pace, tuple(items), rank is not None, outer)
        if layout is None:
            return None
        spans = (*place[:2], *epochs, *place[2:], *items.values())
        return Match(layout, spans if rank is None else (*spans, rank.span(1)))

    def _layout(
        self, epochs: int, pace: bytes, printed: tuple[bytes, ...], ranked: bool, outer: bool
    ) -> Layout | None:
        key = (epochs, pace, printed, ranked, outer)
        if key not in self._layouts:
            if len(self._layouts) > 1024:
                self._layouts.clear()
            names = tuple(name.decode("ascii") for name in printed)
            trains = any(_LOSS.search(name) and not _VALIDATION.match(name) for name in names)
            self._layouts[key] = self._make(epochs, pace, names, ranked, outer) if trains else None
        return self._layouts[key]

    def _make(
        self, epochs: int, pace: bytes, named: tuple[str, ...], ranked: bool, outer: bool = False
    ) -> Shown:
        names = ("done", "total", "epoch", "epochs")[: 2 + epochs] + (("pace",) if pace else ()) + named
        names += ("rank",) if ranked else ()
        units = (Unit(),) * len(names)
        return Shown(
            "picture", self._pattern, names, units, numbers=epochs, pace=pace, ranked=ranked, outer=outer
        )


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
        self._rank: int | None = None
        self._ranks: dict[int, BarReader] = {}
        """What is remembered of each rank's bar, where bars tell ranks."""

    @property
    def place(self) -> tuple[float, ...] | None:
        """Step, total and perhaps epoch at which the bar stands; None where ranks have bars of their own."""
        return None if self._ranks else self._told if self._pending is None else self._pending[0]

    def flush(self) -> list[Row]:
        """Return the last picture of the bar, or of each rank's."""
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
            columns = [key[i, part.at] for i in range(3 if bar.epochs else 2)]
            columns += bar.metrics([*part.columns])
            yield bar.train, pictures.rows(part, moves, columns, pictures.next_offset)
            if part.at[-1] == last:
                newest = part.columns[:, -1].tolist()
                place = key[: 3 if bar.epochs else 2, last].tolist()
                row = Row(bar.train, int(pictures.line[last]), [*place, *bar.metrics(newest)])
        self._pending = (tuple(place), row) if done[last] else None
        if not done[last]:
            self._told = None


def _comparable(value: float) -> float:
    """Return a value that equals itself."""
    return _NAN if math.isnan(value) else value


def _padded(place: tuple[float, ...]) -> tuple[float, ...]:
    return place if len(place) == 3 else (*place, -1.0)


def named(line: bytes, begin: int, end: int) -> _Named:
    """Return the named numbers of a bar, but for the version that loggers count."""
    found = NAMED.finditer(line, begin, end)
    return [(m[1], m.span(2)) for m in found if m[1] != b"v_num"]
