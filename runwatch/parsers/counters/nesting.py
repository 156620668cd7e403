"""Nested counters: a step that starts again with every epoch becomes one growing step of the run.

A matcher emits what a line prints: the step within the epoch, and where they stand there the epoch, the
steps an epoch has and the epochs planned. How these make a step depends on the lines before, so it is
decided here, once, for tables in stream order:

- An inner counter that falls while the epoch moves on is nested: its steps follow those of the epoch that
  has ended. One that goes on counts the steps of all epochs.
- The length of an epoch is what lines print (`5/200`), else what the ended epoch was seen to have.
- An epoch that goes back is a restart: its steps are those it had before.
- Where no line tells an epoch, a counter that falls at its printed end has begun the next one.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise, starmap

import msgspec

from runwatch.batch import NODE, TRAIN, Table
from runwatch.metrics import EPOCH

WITHIN, PER, PLANNED = "step in epoch", "steps per epoch", "epochs planned"
"""Columns of a nested counter: the step within the epoch, the steps of an epoch, the epochs of the run."""
HEADING = "heading"
"""Table kind of lines that tell nothing but the epoch of the lines below them."""
_UNKNOWN = -1.0
_MAX_EPOCHS = 4096
"""Epochs whose first step is remembered."""
_MOST = 2.0**53
_MAX_RANKS = 4096
_COUNTED = (EPOCH, WITHIN, PER, PLANNED)
_PLACES = (*_COUNTED, "rank", "node")

Numbers = Sequence[float]


class Nest(msgspec.Struct):
    """Where one nested counter stands. Bounded; a successor may go on with it."""

    epoch: float = _UNKNOWN
    origin: float = 1.0
    """Number of the first epoch."""
    base: float = 0.0
    """Steps before this epoch."""
    first: float = _UNKNOWN
    """First step of this epoch that was printed."""
    newest: float = _UNKNOWN
    gap: float = 0.0
    """Steps between the newest two that were printed."""
    stride: float = 0.0
    """The most steps between two that were printed."""
    per: float = _UNKNOWN
    """Printed length of an epoch."""
    length: float = _UNKNOWN
    """Length of the epochs that have ended, if their lines tell it exactly and it is the same."""
    nested: bool | None = None
    """Whether the step starts again with each epoch; None until one has ended."""
    zero: bool = False
    """Whether a step 0 was printed."""
    before: dict[float, float] = {}
    """Steps before each epoch that was seen."""

    def place(
        self, epochs: Numbers, within: Numbers, per: Numbers, planned: Numbers
    ) -> tuple[list[float], list[float]]:
        """Return steps and totals of lines in stream order; of the latter NaN where none is known.

        Numbers that a line does not tell are -1.
        """
        steps: list[float] = []
        totals: list[float] = []
        for begin, end in pairwise((0, *_breaks(epochs, within, per), len(within))):
            stretch = within[begin:end]
            self._begin(epochs[begin], stretch[0], per[begin])
            self._follow(stretch)
            steps += [step + self.base for step in stretch]
            totals += [self._total(planned[begin])] * len(stretch)
        return steps, totals

    def _total(self, planned: float) -> float:
        """Return the planned steps of the run, as far as they are known; else NaN."""
        if self.per != _UNKNOWN:
            if self.nested is False:
                return self.per
            return self.base + self.per if planned == _UNKNOWN else planned * self.per
        known = planned != _UNKNOWN and self.length > 0 and self.nested
        return planned * self.length if known else math.nan

    def _begin(self, epoch: float, step: float, per: float) -> None:
        """Take the first line of a stretch: of an epoch, or of what follows a step that fell."""
        if epoch % 1:
            epoch = _UNKNOWN  # a share of an epoch tells no more than the step
        fell = step < self.newest
        if epoch == self.epoch and not fell and per == self.per:
            return
        if epoch == _UNKNOWN:
            if fell:  # at its end, the next epoch has begun, else another run
                ended = self.per != _UNKNOWN and self.newest + max(self.stride, 1.0) >= self.per
                self.base = self.base + self.per if ended else 0.0
        elif self.epoch == _UNKNOWN:
            self.origin = min(epoch, 1.0)
            self.base = (epoch - self.origin) * max(per, 0.0)
        elif epoch > self.epoch:
            self._move_on(epoch, step, per)
        elif self.nested is not False and per != _UNKNOWN:
            self.base = (epoch - self.origin) * per
        elif epoch < self.epoch:
            self.base = self.before.get(epoch, 0.0)
        if epoch != self.epoch or fell:
            self.first, self.newest, self.gap = step, step, 0.0
        self.epoch, self.per = epoch, per
        if self.nested and per == _UNKNOWN:
            if len(self.before) >= _MAX_EPOCHS:
                self.before.clear()
            self.before[epoch] = self.base

    def _move_on(self, epoch: float, step: float, per: float) -> None:
        """Take the first line of a later epoch."""
        if self.nested is None and step > self.newest:
            self.nested = False if per != _UNKNOWN else None  # without an end, it may yet start again
        elif self.nested is None:
            self.nested = True
            self.before = {self.epoch: self.base}
        if not self.nested:
            self.base = 0.0
        elif per != _UNKNOWN:
            self.base = (epoch - self.origin) * per
        else:
            self.base += (epoch - self.epoch) * self._ended()

    def _ended(self) -> float:
        """Return how many steps the epoch that has ended had: so many that printed ones keep their pace."""
        told = self.newest + self.zero
        exact = self.stride <= 1 or 0 < self.gap < self.stride  # then the last one was printed
        paced = told if exact else max(told, self.newest + self.stride - self.first)
        alike = self.length in (_UNKNOWN, told) and self.base == (self.epoch - self.origin) * told
        self.length = told if exact and alike else math.nan
        return paced if paced < _MOST else 0.0

    def _follow(self, steps: Numbers) -> None:
        """Take the steps of a stretch, which do not fall."""
        self.zero = self.zero or steps[0] == 0
        before = steps[0] if self.newest == _UNKNOWN else self.newest
        gaps = [gap for gap in (steps[0] - before, *starmap(_gap, pairwise(steps))) if gap > 0]
        if gaps:
            self.gap, self.stride = gaps[-1], max(self.stride, *gaps)
        self.newest = steps[-1]


def _gap(before: float, after: float) -> float:
    return after - before


def _breaks(epochs: Numbers, within: Numbers, per: Numbers) -> list[int]:
    """Return where another epoch begins, or the step falls."""
    return [
        i
        for i in range(1, len(within))
        if within[i] < within[i - 1] or epochs[i] != epochs[i - 1] or per[i] != per[i - 1]
    ]


class Nests:
    """The nested counters of one source, by rank: a stage that tables pass in stream order."""

    def __init__(self) -> None:
        self.nests: dict[float, Nest] = {}
        self._heading = (_UNKNOWN, _UNKNOWN)
        """Epoch of the newest heading, and how many are planned."""

    def placed(self, tables: tuple[Table, ...]) -> tuple[Table, ...]:
        """Return tables with the run's steps in place of nested counters."""
        if not any(t.kind == HEADING or WITHIN in t.names for t in tables):
            return tables
        nested = [t for t in tables if t.kind == HEADING or (t.kind == TRAIN and WITHIN in t.names)]
        columns = {name: [x for t in nested for x in _column(t, name)] for name in (*_PLACES, "offset")}
        order = sorted(range(len(columns["offset"])), key=columns["offset"].__getitem__)
        ranks = self._by_rank(columns, order)
        steps, totals = array("d", bytes(8 * len(order))), array("d", bytes(8 * len(order)))
        for rank, lines in ranks.items():
            nest = self._nest(rank)
            epochs, within, per, planned = ([columns[name][i] for i in lines] for name in _COUNTED)
            for i, step, total in zip(lines, *nest.place(epochs, within, per, planned), strict=True):
                steps[i], totals[i] = step, total
        out: list[Table] = []
        begin = 0
        for table in tables:
            if table.kind != HEADING and WITHIN not in table.names:
                out.append(table)
            elif table.kind == TRAIN:
                end = begin + table.rows
                out += _with(table, steps[begin:end], totals[begin:end])
                begin = end
            elif table.kind == HEADING:
                begin += table.rows
            else:
                out.append(_without(table))
        return tuple(out)

    def _by_rank(self, columns: dict[str, list[float]], order: list[int]) -> dict[float, list[int]]:
        """Return the lines with a step by rank, in stream order; give them the epochs of their headings."""
        epochs, within, planned = columns[EPOCH], columns[WITHIN], columns[PLANNED]
        lines: dict[float, list[int]] = {}
        for i in order:
            if within[i] == _UNKNOWN:
                self._heading = epochs[i], planned[i]
                continue
            if epochs[i] == _UNKNOWN:
                epochs[i], planned[i] = self._heading
            lines.setdefault(columns["rank"][i] + NODE * columns["node"][i], []).append(i)
        return lines

    def _nest(self, rank: float) -> Nest:
        if rank not in self.nests and len(self.nests) >= _MAX_RANKS:
            self.nests.clear()
        return self.nests.setdefault(rank, Nest())


def _column(table: Table, name: str) -> array[float]:
    """Return a column of a table; -1 for each row if it has none."""
    if name not in table.names:
        return array("d", [_UNKNOWN]) * table.rows
    begin = 8 * table.rows * table.names.index(name)
    return array("d", table.data[begin : begin + 8 * table.rows])


def _without(table: Table, step: bytes = b"", total: bytes = b"") -> Table:
    """Return a table with a step, and a total if there is one, in place of its nested counter."""
    names: list[str] = []
    data: list[bytes] = []
    for name in table.names:
        if name == WITHIN:
            names += ["step"] * bool(step) + ["total"] * bool(total)
            data += [step, total]
        elif name not in (PER, PLANNED):
            names.append(name)
            data.append(_column(table, name).tobytes())
    return msgspec.structs.replace(table, names=tuple(names), data=b"".join(data))


def _with(table: Table, steps: array[float], totals: array[float]) -> list[Table]:
    """Return the rows of a table without a total, and those with one."""
    known = sum(map(math.isfinite, totals))
    if not known or known == len(totals):
        return [_without(table, steps.tobytes(), totals.tobytes() if known else b"")]
    return [
        part
        for wanted in (False, True)
        for rows in [[i for i, total in enumerate(totals) if math.isfinite(total) == wanted]]
        for part in _with(
            _rows(table, rows), array("d", [steps[i] for i in rows]), array("d", [totals[i] for i in rows])
        )
    ]


def _rows(table: Table, rows: list[int]) -> Table:
    """Return some rows of a table."""
    data = array("d", [column[i] for column in (_column(table, name) for name in table.names) for i in rows])
    return msgspec.structs.replace(table, rows=len(rows), data=data.tobytes())
