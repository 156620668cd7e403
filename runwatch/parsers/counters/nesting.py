"""Nested counters: a step that starts again with every epoch becomes one growing step of the run.

A matcher emits what a line prints: the step within the epoch, and if printed the epoch, the
steps an epoch has and the epochs planned. How these make a step depends on the lines before, so it is
decided here, once, for tables in stream order:

- An inner counter that falls while the epoch moves on is nested: its steps follow those of the epoch that
  has ended. One that continues counts the steps of all epochs.
- The length of an epoch is what lines print (`5/200`), else what the ended epoch was seen to have.
- Records that show no place below headings of epochs are of the epoch above them.
- An epoch that goes back is a restart: its steps are those it had before.
- Where the epoch is printed when it has ended, the lines behind that are of the next one.
- Where no line shows an epoch, a counter that falls at its printed end has begun the next one, unless the
  loss is back where the training began: then it is another run's. One without a printed end has if it begins
  as it first did, and the loss continues. Behind a line that says that a training ended or began, it has not.
- Where no line shows how many epochs there will be, the total is only where the epoch ends, and marked so.
"""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from runwatch.core.batch import BY_EPOCH, EPOCH_STEPS, NODE, TRAIN, Event, Table
from runwatch.core.loss_level import LossLevel
from runwatch.core.metrics import EPOCH, LOSS

_Placed: TypeAlias = "tuple[float, float, float]"
"""A step, its total, and the steps of an epoch where that is but its end."""
_Columns: TypeAlias = "tuple[array[float], ...]"
"""The same of a table's rows."""
WITHIN, PER, PLANNED = "step in epoch", "steps per epoch", "epochs planned"
"""Columns of a nested counter: the step within the epoch, the steps of an epoch, the epochs of the run."""
HEADING = "heading"
"""Table kind of lines that show nothing but the epoch of the lines below them."""
CLOSES = "epoch ended"
"""Column of evaluations that show which epoch has ended, where the lines of its batches show none."""
_UNKNOWN = -1.0
_NEVER = 2.0**63
"""An offset behind all others. A JSON text holds no infinity."""
_MAX_EPOCHS = 512
"""Epochs whose first step is remembered."""
_MOST = 2.0**53
_MAX_RANKS = 4096
_MARKS = frozenset(("launch", "finished", "over"))
"""Kinds of events that say that a training ended or began."""
_MOST_MARKS = 64
"""Such lines that are remembered one by one."""
_KNOWN = ("step", "total", EPOCH_STEPS)
_PLACES = (EPOCH, WITHIN, PER, PLANNED, LOSS, "rank", "node")


class Nest(msgspec.Struct):
    """Where one nested counter is. Bounded; a successor may continue with it."""

    epoch: float = _UNKNOWN
    origin: float = 1.0
    """Number of the first epoch."""
    base: float = 0.0
    """Steps before this epoch."""
    newest: float = _UNKNOWN
    gap: float = 0.0
    """Steps between the newest two that were printed."""
    stride: float = 0.0
    """The most steps between two that were printed."""
    per: float = _UNKNOWN
    """Printed length of an epoch."""
    length: float = _UNKNOWN
    """Length of the epochs that have ended; 0 if it differs, or their lines do not show it exactly."""
    lasted: float = _UNKNOWN
    """Length of the epoch as a line below its steps showed it."""
    nested: bool | None = None
    """Whether the step starts again with each epoch; None until one has ended."""
    zero: bool = False
    """Whether a step 0 was printed."""
    before: dict[float, float] = {}
    """Steps before each epoch that was seen."""
    since: float = _NEVER
    """Offset of the line that showed that the step starts again with each epoch."""
    start: float = _UNKNOWN
    """The first step of the run, where no line shows an epoch."""
    marks: float = 0.0
    """How many lines above the newest one said that a training ended or began."""
    level: LossLevel = msgspec.field(default_factory=LossLevel)
    """How far the loss has come, where no line shows an epoch."""
    closed: float = _UNKNOWN
    """The epoch that a line below the newest step said to have ended."""

    def place(
        self,
        at: float,
        epoch: float,
        step: float,
        per: float,
        planned: float,
        loss: float = math.nan,
        marks: float = 0.0,
    ) -> _Placed:
        """Return the step and the total of the line at an offset, and the steps of its epoch.

        The total is NaN if none is known, the last unless the total is only where the epoch ends.
        A number that the line does not show is -1, its loss NaN; `marks` are those above it.
        """
        self._begin(at, epoch, step, per, loss, marks)
        self._learn(epoch, loss, marks)
        self._follow(step)
        return self.base + step, *self._total(planned)

    def close(self, epoch: float) -> None:
        """Take that an epoch has ended; the steps so far are its own if no line has shown another."""
        if self.epoch == _UNKNOWN and self.newest != _UNKNOWN:
            self.epoch, self.origin = epoch, min(epoch, self.origin)
            self.closed = epoch

    def last(self, length: float) -> None:
        """Take how many steps an epoch had, if those seen of it leave room for no other meaning."""
        if self.newest <= length < self.newest + max(self.stride, 1.0):
            self.lasted = length

    def _total(self, planned: float) -> tuple[float, float]:
        """Return the planned steps of the run, and of an epoch where they but end it; NaN if not known."""
        if planned != _UNKNOWN and self.nested is not False:
            per = self.per if self.per != _UNKNOWN else self.length if self.nested else 0.0
            begun = max(self.epoch - self.origin, self.base // per if per > 0 else 0.0)
            planned = max(planned, begun + 1)  # `29/29` is the thirtieth
            return (planned * per if per > 0 else math.nan), math.nan
        if self.per == _UNKNOWN:
            return math.nan, math.nan
        if self.nested is False or (self.epoch == _UNKNOWN and not self.base):
            return self.per, math.nan
        return self.base + self.per, self.per

    def _learn(self, epoch: float, loss: float, marks: float) -> None:
        """Take the loss of a line that shows no epoch, and the marks above it."""
        self.marks = marks
        if epoch == _UNKNOWN and math.isfinite(loss):
            self.level.observe([loss])

    def _begin(self, at: float, epoch: float, step: float, per: float, loss: float, marks: float) -> None:
        """Take the first line of a stretch: of an epoch, or of what follows a step that fell."""
        if epoch % 1:
            epoch = _UNKNOWN  # a share of an epoch shows no more than the step
        fell = step < self.newest
        if epoch == self.epoch and not fell and per == self.per and self.newest != _UNKNOWN:
            return
        if epoch == _UNKNOWN:
            if self.newest == _UNKNOWN:
                self.start = step
            elif fell:
                self._fall(at, step, loss, marked=marks != self.marks)
        elif self.epoch == _UNKNOWN:
            self.origin = min(epoch, 1.0)
            self.base = (epoch - self.origin) * max(per, 0.0)
        elif epoch > self.epoch:
            self._move_on(at, epoch, step, per)
        elif self.nested is not False and per != _UNKNOWN:
            self.base = (epoch - self.origin) * per
        elif epoch < self.epoch:
            self.base = self.before.get(epoch, 0.0)
        if epoch != self.epoch or fell or self.newest == _UNKNOWN:
            self.newest, self.gap = step, 0.0
        self.epoch, self.per = epoch, per
        if self.nested and per == _UNKNOWN:
            if len(self.before) >= _MAX_EPOCHS:
                self.before.clear()
            self.before[epoch] = self.base

    def _fall(self, at: float, step: float, loss: float, *, marked: bool) -> None:
        """Take a step that is lower than the one before: the next epoch has begun, else another run."""
        if self.per != _UNKNOWN:
            length, ended = self.per, self.newest + max(self.stride, 1.0) >= self.per
            if self.closed != _UNKNOWN:
                self.base = (self.closed - self.origin) * self.per
            else:
                ended = ended and not self.level.is_back(loss, since_start=True)
        else:
            length, ended = self._ended(step), step <= self.start and self.level.continues(loss)
        ended = ended and not marked
        self.base = self.base + length if ended else 0.0
        if ended:
            self.since = min(self.since, at)
            self.level.restart()
        else:
            self.start, self.level = step, LossLevel()
        self.closed = _UNKNOWN

    def _move_on(self, at: float, epoch: float, step: float, per: float) -> None:
        """Take the first line of a later epoch."""
        if self.nested is None and step > self.newest:
            self.nested = False if per != _UNKNOWN else None  # without an end, it may yet start again
        elif self.nested is None:
            self.nested, self.since = True, at
            self.before = {self.epoch: self.base}
        if not self.nested:
            self.base = 0.0
        elif per != _UNKNOWN:
            self.base = (epoch - self.origin) * per
        else:
            self.base += (epoch - self.epoch) * self._ended(step)

    def _ended(self, first: float) -> float:
        """Return how many steps the epoch that has ended had: so many that printed ones keep their pace.

        `first` is the first step of the next epoch that was printed.
        """
        if self.newest <= self.lasted:
            return self.lasted
        reported = self.newest + self.zero
        exact = self.stride <= 1 or 0 < self.gap < self.stride  # then the last one was printed
        paced = reported if exact else max(reported, self.newest + self.stride - first)
        alike = self.length in (_UNKNOWN, reported) and self.base == (self.epoch - self.origin) * reported
        self.length = reported if exact and alike else 0.0
        return paced if paced < _MOST else 0.0

    def _follow(self, step: float) -> None:
        """Take the newest step."""
        gap = step - self.newest
        self.zero = self.zero or step == 0
        if gap > 0:
            self.gap, self.stride = gap, max(self.stride, gap)
        self.newest = step


class Nests(msgspec.Struct):
    """The nested counters of one source: a stage that tables pass in stream order."""

    ranks: dict[float, Nest] = {}
    """By rank."""
    heading: tuple[float, float] = (_UNKNOWN, _UNKNOWN)
    """Epoch of the newest heading, and how many are planned."""
    below: bool = False
    """Whether it was printed below its batches: then it is the one after."""
    marks: float = 0.0
    """How many lines above the newest placed one said that a training ended or began."""
    ahead: list[float] = []
    """Offsets of those behind it: lines that are kept until their format is known may yet be before them."""

    def placed(self, tables: tuple[Table, ...], events: Sequence[Event] = ()) -> tuple[Table, ...]:
        """Return tables with the run's steps in place of nested counters, among events."""
        marks = [float(event.offset) for event in events if event.kind in _MARKS]
        self.ahead = sorted([*self.ahead, *marks]) if marks else self.ahead
        tables = self._placed(tables)
        self._pass(len(self.ahead) - _MOST_MARKS)
        return tables

    def _pass(self, count: int) -> None:
        """Take that so many of the marks ahead are above all lines to come."""
        if count > 0:
            self.marks, self.ahead = self.marks + count, self.ahead[count:]

    def _placed(self, tables: tuple[Table, ...]) -> tuple[Table, ...]:
        if self.heading[0] != _UNKNOWN or any(t.kind == HEADING for t in tables):
            tables = tuple(part for table in tables for part in self._headed(table, tables))
        if not any(_is_head(t) or WITHIN in t.names for t in tables):
            return tables
        nested = [t for t in tables if _is_head(t) or (t.kind == TRAIN and WITHIN in t.names)]
        placed = iter(self._place(nested))
        out: list[Table] = []
        for table in tables:
            if _is_head(table):
                next(placed)
                out += [_drop(table, {CLOSES, PLANNED, PER})] if table.kind != HEADING else []
            elif WITHIN not in table.names:
                out.append(table)
            elif table.kind == TRAIN:
                out += _with(table, next(placed))
            else:
                out += self._evaluations(table)
        return tuple(out)

    def _headed(self, table: Table, tables: tuple[Table, ...]) -> list[Table]:
        """Return records by epoch with what they do not show of the heading above them: epoch or total."""
        own = ("step" in table.names) + ("step" in table.names and "total" in table.names)
        if table.kind != TRAIN or not table.pattern.endswith(BY_EPOCH) or own > 1:
            return [table]
        heads = [(-1.0, self.heading[own])]
        for head in tables:
            if head.kind == HEADING:
                ended = not own and CLOSES in head.names  # it is below its records
                shown = [x + ended for x in _column(head, _known_by(head, (EPOCH, PLANNED)[own]))]
                heads += zip(_column(head, "offset"), shown, strict=True)
                if ended and heads[0][1] == _UNKNOWN:
                    heads[0] = (-1.0, shown[0] - 1)
        steps = array("d", [heads[bisect.bisect(heads, (at,)) - 1][1] for at in _column(table, "offset")])
        known = [i for i, step in enumerate(steps) if step != _UNKNOWN]
        if len(known) < len(steps):
            rest = _rows(table, [i for i, step in enumerate(steps) if step == _UNKNOWN])
            table, steps = _rows(table, known), array("d", [steps[i] for i in known])
        else:
            rest = None
        placed = msgspec.structs.replace(
            table, names=(*table.names, _KNOWN[own]), data=table.data + steps.tobytes()
        )
        whole = self._headed(placed, tables) if placed.rows and not own else [placed]
        return [part for part in (rest, *whole) if part is not None and part.rows]

    def _evaluations(self, table: Table) -> list[Table]:
        """Return the rows of evaluations: while the step is of all epochs, they have it; then, none."""
        since = min((nest.since for nest in self.ranks.values()), default=_NEVER)
        offsets = _column(table, "offset")
        early = _rows(table, [i for i, offset in enumerate(offsets) if offset < since])
        late = _rows(table, [i for i, offset in enumerate(offsets) if offset >= since])
        placed = [_without(early, {"step": _column(early, WITHIN)}), _without(late)]
        return [part for part in placed if part.rows]

    def _place(self, tables: list[Table]) -> list[_Columns]:
        """Return steps, totals and steps of epochs of some tables."""
        placed = [tuple(array("d", bytes(8 * t.rows)) for _ in range(3)) for t in tables]
        columns = [[_column(t, _known_by(t, name)) for name in ("offset", *_PLACES)] for t in tables]
        rows = sorted(
            (row, which, at)
            for which, numbers in enumerate(columns)
            for at, row in enumerate(zip(*numbers, strict=True))
        )
        for (offset, epoch, step, per, planned, loss, rank, node), which, at in rows:
            if step == per == _UNKNOWN:
                self.below = CLOSES in tables[which].names
                self.heading = epoch + self.below, planned
                for nest in self.ranks.values() if self.below else ():
                    nest.close(epoch)
                continue
            if step == _UNKNOWN:
                for nest in self.ranks.values():
                    nest.last(per)
                continue
            of, ends = (epoch, planned) if epoch != _UNKNOWN else self.heading
            if self.below and per != _UNKNOWN:  # its end shows more: a later launch ends the same epochs
                of = epoch
            placing = self._nest(rank + NODE * node).place(
                offset, of, step, per, ends, loss, self.marks + bisect.bisect(self.ahead, offset)
            )
            for column, value in zip(placed[which], placing, strict=True):
                column[at] = value
        newest = max((_column(table, "offset")[-1] for table in tables if table.rows), default=-1.0)
        self._pass(bisect.bisect(self.ahead, newest))
        return placed

    def _nest(self, rank: float) -> Nest:
        if rank not in self.ranks and len(self.ranks) >= _MAX_RANKS:
            self.ranks.clear()
        return self.ranks.setdefault(rank, Nest())


def _is_head(table: Table) -> bool:
    """Whether a table's rows show the epoch of other lines, or how long it was."""
    alone = PER in table.names and WITHIN not in table.names
    return table.kind == HEADING or CLOSES in table.names or alone


def _known_by(table: Table, name: str) -> str:
    """Return the column that holds a place in a table."""
    return CLOSES if name == EPOCH and CLOSES in table.names else name


def _drop(table: Table, gone: Collection[str]) -> Table:
    """Return a table without some columns."""
    names = tuple(name for name in table.names if name not in gone)
    data = b"".join(_column(table, other).tobytes() for other in names)
    return msgspec.structs.replace(table, names=names, data=data)


def _column(table: Table, name: str) -> array[float]:
    """Return a column of a table; if it has none, -1 for each row, or NaN for a loss."""
    if name not in table.names:
        return array("d", [math.nan if name == LOSS else _UNKNOWN]) * table.rows
    begin = 8 * table.rows * table.names.index(name)
    return array("d", table.data[begin : begin + 8 * table.rows])


def _without(table: Table, place: Mapping[str, array[float]] = MappingProxyType({})) -> Table:
    """Return a table with columns that place its rows in the run, in place of its nested counter."""
    columns: dict[str, array[float]] = {}
    for name in table.names:
        if name == WITHIN:
            columns |= place
        elif name not in (PER, PLANNED):
            columns[name] = _column(table, name)
    data = b"".join(column.tobytes() for column in columns.values())
    return msgspec.structs.replace(table, names=tuple(columns), data=data)


def _with(table: Table, placed: _Columns) -> list[Table]:
    """Return the rows of a table that know no total, those that know one, those that know the epoch's end."""
    known_of = [sum(map(math.isfinite, column)) for column in placed]
    if table.rows and {0, table.rows}.issuperset(known_of):  # all rows alike, as nearly always
        kind = sum(map(bool, known_of))
        return [_without(table, dict(zip(_KNOWN[:kind], placed, strict=False)))]
    known = [sum(map(math.isfinite, row)) for row in zip(*placed, strict=True)]
    out = []
    for kind in sorted(set(known)):
        rows = [i for i, count in enumerate(known) if count == kind]
        part = table if len(rows) == len(known) else _rows(table, rows)
        columns = (array("d", [column[i] for i in rows]) for column in placed)
        out.append(_without(part, dict(zip(_KNOWN[:kind], columns, strict=False))))
    return out


def _rows(table: Table, rows: list[int]) -> Table:
    """Return some rows of a table."""
    data = array("d", [column[i] for column in (_column(table, name) for name in table.names) for i in rows])
    return msgspec.structs.replace(table, rows=len(rows), data=data.tobytes())
