"""CSV and TSV with a header: rows of numbers under names, empty cells absent.

The header must be among the first lines and be one that a training log has; any other table is declined. Some
loggers write the whole file again when a column is added: rows that were reported are not repeated. A matcher
remembers all this, so each source needs its own (`fresh`).
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from runwatch.core.metrics import LOSS, Unit
from runwatch.parsers.api import Layout, Match, Matcher
from runwatch.parsers.inference.losses import aliases, is_part, loss_of_parts, losses_by_split
from runwatch.parsers.lexicon.counters import EPOCHS, counter_of
from runwatch.parsers.lexicon.names import canonical, meaning, united
from runwatch.parsers.lexicon.records import measured, objective
from runwatch.parsers.lexicon.words import (
    SPLIT_KEYS,
    is_indexed,
    is_loss,
    is_population,
    is_quality,
    is_split,
    is_val,
    split_of,
)
from runwatch.parsers.resume_state import ResumeState
from runwatch.parsers.resume_state import row as known_by
from runwatch.parsers.structured.keyed_records import (
    ANYTHING,
    NEARBY,
    RecordReader,
    RecordShape,
    Schema,
    numeric,
)
from runwatch.parsers.tables.one_metric import OneMetric

HEADER_WITHIN = 8
"""How many lines may precede the header (comments, a note of the launcher)."""
_MAX_COLUMNS = 2048
_MAX_PLANS = 256
_NAME = re.compile(r"(?:% |\|{1,2})?[^\W\d][^\x00-\x1f]{0,119}")
_COMMENT = re.compile(rb"(?:\xef\xbb\xbf)?(?:# *(?=[A-Za-z_]))?")
"""Before the names of a header: a mark of UTF-8, and that of a comment, as NumPy writes it."""
_TENSOR = re.compile(rb"tensor\((-?[\d.]+(?:e[+-]?\d+)?|nan|-?inf)(?:, [\w=<>':.]+)*\)")
"""A number as PyTorch shows it: `tensor(0.5, device='cuda:0', grad_fn=<DivBackward0>)`."""
_MIXED = re.compile(rb"(?<![ \t])[ \t]*,[ \t]*|\t+")
"""Between the cells of a writer that parts them by commas and tabs alike; a run of spaces is tried once."""
_TRAINS = frozenset(("train", "training", "is_train", "is_training"))
"""Columns whose cells say `True` in the rows of training and `False` in those of validation."""

Rows = list[tuple[Layout, Sequence[Sequence[float]]]]
"""Layout and stored values of rows that follow each other."""


def _is_float(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _held(name: str, cell: bytes) -> tuple[str, float] | None:
    """Return name and number of a cell that is more than a number: `45,600`, `45.6k`, `212ms`."""
    text = cell.decode(errors="replace").strip()
    value = numeric(text)
    return united(name, text) if value is None else (name, value)


def _mode_at(names: Sequence[str]) -> int | None:
    """Return the column that says which part of the data a row is of."""
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in (*SPLIT_KEYS, *sorted(_TRAINS)) if name in lower), None)


def _mode(name: str, cell: bytes) -> str | None:
    """Return which part of the data a row is of, by the column that says so; None if it does not."""
    if name.lower() in _TRAINS:
        return {b"true": "train", b"false": "val"}.get(cell.strip().lower())
    return split_of(cell) or None


def _is_by_part(schema: Schema, names: Sequence[str]) -> bool:
    """Return whether a column says which part of the data the scores of an epoch are of."""
    epochs = (
        schema.guesses and _mode_at(names) is not None and any(counter_of(name) in EPOCHS for name in names)
    )
    return epochs and any(is_quality(name.encode()) for name in names)


def _reader(schema: Schema) -> RecordReader:
    return RecordReader(replace(schema, needs=frozenset(), train=ANYTHING, held_out=False))


def _trained(schema: Schema, names: Sequence[str]) -> list[int]:
    """Return the columns that rows of training fill: losses, or other values if there is no loss.

    Those of held-out data are among them where the schema calls them a record's own, but for values of each
    batch of a validation, which are counted by themselves. Else a mean over the epoch (`loss_epoch`) is
    none where the steps (`loss_step`) have a column of their own.
    """
    step = schema.step_key(frozenset(names))
    found = [
        i
        for i, name in enumerate(names)
        if name != step
        and (schema.train.search(name) or meaning(name).metric == LOSS)
        and meaning(name).role not in ("counter", "learning rate")
        and not (is_val(name.encode()) and (schema.held_out or name.endswith("_step")))
        and not (schema.held_out and name.endswith("_epoch") and f"{name[:-6]}_step" in names)
    ]
    return [i for i in found if is_loss(names[i].encode())] or found


def _meant(names: Collection[str]) -> dict[str, str]:
    """Return what columns mean where their names alone do not say: `Avg Train loss`, a `total` of parts."""
    keys = {name.encode(): name for name in names}
    total = loss_of_parts(frozenset(keys))
    losses = [key for key in keys if key == total or b"loss" in key.lower()]
    nearby = list(filter(is_split, keys)) if losses else []  # loss,val
    known = total or nearby or losses[1:] or all(map(is_part, losses))  # a lone `weight_loss` is of anything
    reported = (aliases([], losses + nearby) if known else {}) or losses_by_split(keys)
    return measured(names) | {keys[key]: metric for key, metric in reported.items()}


def _minimized(names: Iterable[str]) -> dict[str, str]:
    """Return which of the functions that columns are named by is the loss."""
    found = objective(names)
    return {} if found is None else {found: LOSS}


def _mean_of_epochs(names: Collection[str]) -> dict[str, str]:
    """Return the mean of an epoch that is the loss where that of a step has no column: `loss_epoch`."""
    means = {name: LOSS for name in names if canonical(name.removesuffix("_epoch")) == LOSS}
    return {} if any(canonical(name) == LOSS for name in means) else means


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the cells of rows that have the same cells empty become values."""

    layout: Layout
    cells: list[int]
    """The cell of each value; without the step, where rows are counted."""
    ignored: list[int]
    """Cells that hold a number which is not kept."""
    words: list[int]
    """Cells that hold no number: a row where one does has another layout."""
    counter: int
    """Where the step is among the values, where rows are counted."""
    units: tuple[tuple[int, Unit], ...]
    """The values that are not stored as they are printed, and how."""

    @classmethod
    def of(
        cls, shape: RecordShape, names: tuple[str, ...], numbers: list[int], words: list[int], *, counts: bool
    ) -> _Plan | None:
        """Return the plan of a shape, or None if it is that of an event."""
        if shape.layout.event:
            return None
        at = {name: i for i, name in enumerate(names)}
        counter = shape.keys.index("step") if counts and "step" in shape.keys else -1
        if counts and counter < 0:
            return None
        cells = [at[key] for i, key in enumerate(shape.keys) if i != counter]
        ignored = [i for i in numbers if i not in cells]
        return cls(shape.layout, cells, ignored, words, counter, shape.units)


class Columns(Matcher):
    """Rows under one header, of its width: all are records of training, as both kinds of value share them."""

    def __init__(self, schema: Schema, separator: bytes = b",") -> None:
        self._schema = schema
        self._reader = _reader(schema)
        self._separator = separator
        self._keys: tuple[str, ...] = ()
        self._mode_at: int | None = None
        """The column that says which part of the data a row is of."""
        self._only_modes = False
        """Whether nothing but that column says that a row is of training."""
        self._single: OneMetric | None = None
        """What reads rows of one metric each."""
        self._trained: list[int] = []
        """The columns one of which a row of training fills; none where all rows are of training."""
        self._plans: dict[bytes, _Plan | None] = {}
        """How the cells of a row become its values, by which of them are empty."""
        self._seen = self._rows = 0
        self._known = ResumeState()
        """The first row of the file, and how many rows an earlier writing of it held already."""

    remembers = True
    skeletons = False  # rows depend on their header (see take)

    def fresh(self) -> Columns:
        """Return a matcher of the same tables that has seen no header."""
        return Columns(self._schema, self._separator)

    def prime(self, lines: list[bytes]) -> None:
        """Look for the header among the first lines of a stream whose middle is read."""
        for line in lines[:HEADER_WITHIN]:
            if not self._keys:
                self.match(line)

    def break_off(self) -> None:
        """Expect a header again: the file begins again, with what it held before or with other rows."""
        self._known = self.resume_state
        self._use(())
        self._seen = self._rows = 0

    @property
    def resume_state(self) -> ResumeState:
        """What a successor has to know, in case the file is written again."""
        return msgspec.structs.replace(self._known, rows=max(self._known.rows, self._rows), read=self._rows)

    def recall(self, resume_state: ResumeState) -> None:
        """Continue after rows that a predecessor has read."""
        self._known, self._rows = resume_state, resume_state.read

    @property
    def awake(self) -> bool:
        """Whether a header or a row may come: one was seen, or may yet be."""
        return bool(self._keys) or self._seen < HEADER_WITHIN

    def take(self, lines: list[bytes]) -> Rows | None:
        """Return what the plain rows that `lines` begin with hold.

        Each is what match() would return; it has to be asked about the line after them, and about all
        where each may be of another part of the data. None while this table may yet find its header.
        """
        if not self._keys:
            return None if self._seen < HEADER_WITHIN else []
        by_row = self._mode_at is not None or self._single is not None
        if not lines or by_row or not self._rows or self._rows < self._known.rows:
            return []
        rows = self._alike(lines)
        for line in () if rows else lines:
            row = self._alike([line])
            if not row:
                break
            rows += row
        return rows

    def _alike(self, lines: list[bytes]) -> Rows:
        """Return the rows of lines whose cells are all alike, column by column, else nothing."""
        separator, width = self._separator, len(self._keys)
        text = separator.join(lines)
        wide = [line.count(separator) for line in lines].count(width - 1)
        if wide < len(lines) or b'"' in text or b"_" in text:
            return []
        cells = text.split(separator)
        empty = bytes([not cell for cell in cells[:width]]) if b"" in cells[:width] else b""
        plan = self._plans[empty] if empty in self._plans else self._plan(cells[:width], empty)
        if plan is None:
            return []
        columns = [cells[i::width] for i in range(width)]
        try:
            values = [list(map(float, columns[i])) for i in plan.cells]
            for i in plan.ignored:
                list(map(float, columns[i]))
        except ValueError:
            return []
        kept = {*plan.cells, *plan.ignored}
        for i in range(width):
            if i in plan.words:
                if b"" in columns[i] or any(map(_is_float, columns[i])):
                    return []
            elif i not in kept and columns[i].count(b"") < len(lines):
                return []
        begin = self._rows + 1
        self._rows += len(lines)
        if plan.counter >= 0:
            values.insert(plan.counter, [float(row) for row in range(begin, self._rows + 1)])
        for column, unit in plan.units:
            values[column] = [*map(unit.apply, values[column])]
        return [(plan.layout, list(zip(*values, strict=True)))]

    def _plan(self, cells: list[bytes], empty: bytes) -> _Plan | None:
        """Learn how rows with cells like these become values."""
        numbers = [i for i, cell in enumerate(cells) if cell and _is_float(cell)]
        words = [i for i, cell in enumerate(cells) if cell and i not in numbers]
        if any(_held(self._keys[i], cells[i]) for i in words):
            return None
        keys = dict.fromkeys(self._keys[i] for i in numbers)
        if self._schema.counts:
            keys["step"] = None
        shape = self._reader.shape(tuple(keys), self._part(cells))
        plan = _Plan.of(shape, self._keys, numbers, words, counts=self._schema.counts) if shape else None
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[empty] = plan
        return plan

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row; the header itself is none."""
        if self._keys:
            match = self._row(line)
            if match is None and self._separator in line:  # a relaunch writes its header again
                self._use(self._header(line) or self._keys)
            return match
        if self._seen < HEADER_WITHIN:
            self._seen += 1
            if self._separator in line:
                self._use(self._header(line))
        return None

    def _use(self, keys: tuple[str, ...]) -> None:
        """Take the names of another header."""
        if keys != self._keys:
            self._keys = keys
            self._mode_at = _mode_at(keys)
            self._only_modes = bool(keys) and self._schema.guesses and not self._trains(keys)
            self._single = OneMetric.of(self._schema, keys) if self._schema.guesses else None
            self._plans.clear()
            self._trained = _trained(self._schema, keys) if self._schema.mixed else []
            if self._schema.guesses:
                lossless = not any(is_loss(key.encode()) for key in keys)
                meant = _meant(keys) | (_minimized(keys) if lossless else {})
                self._reader = _reader(replace(self._schema, aliases=meant))
                if self._mode_at is not None and keys[self._mode_at] in meant:
                    self._mode_at = None
            elif self._schema.functions:
                self._reader = _reader(replace(self._schema, aliases=_minimized(keys)))
            elif self._schema.mixed:
                self._reader = _reader(replace(self._schema, aliases=_mean_of_epochs(keys)))

    def _header(self, line: bytes) -> tuple[str, ...]:
        """Return the column names if this is the header of a training log, else nothing."""
        cells = self._cells(_COMMENT.sub(b"", line, count=1))
        names = [cell.decode("utf-8", "replace").strip() for cell in cells]
        if self._schema.guesses and is_indexed([name.encode() for name in names]):
            names[0] = "step"
        named = [name for name in names if name]  # data frames write an index without a name
        if not 2 <= len(named) <= _MAX_COLUMNS or len(named) < len(names) - 1:
            return ()
        if len(set(named)) < len(named) or not all(_NAME.fullmatch(name) for name in named):
            return ()
        schema, keys = self._schema, frozenset(named)
        placed = schema.counts or schema.step_key(keys)
        if not placed or not schema.needs <= keys or not (self._trains(names) or _is_by_part(schema, names)):
            return ()
        return tuple(names)

    def _trains(self, names: Sequence[str]) -> bool:
        """Return whether columns are those of a table of training, whatever its rows say."""
        schema, named = self._schema, [name for name in names if name]
        trains = any(map(schema.is_training, named))
        if schema.guesses:
            counted = named[0] == schema.step_key(frozenset(named))  # then a `cost` is one of training
            found = [meaning(name) for name in named]
            trains |= any(LOSS in (each.metric, counted and each.unless) for each in found)
            trains |= LOSS in _meant(named).values()
            trains |= OneMetric.of(schema, names) is not None or is_population([*map(str.encode, names)])
        return trains

    def _row(self, line: bytes) -> Match | None:
        cells = self._cells(line)
        if len(cells) > len(self._keys):  # a writer that ends a group of cells with a separator too many
            full = [cell for cell in cells if cell]
            cells = full if len(full) == len(self._keys) else cells
        if len(cells) != len(self._keys):
            return None
        try:
            numbers = {key: float(cell) for key, cell in zip(self._keys, cells, strict=True) if cell}
        except ValueError:
            numbers = {}
            for key, cell in zip(self._keys, cells, strict=True):
                tensor = _TENSOR.match(cell)
                with contextlib.suppress(ValueError):
                    numbers[key] = float(tensor[1] if tensor else cell)
                    continue
                if (held := _held(key, cell)) is not None:
                    numbers[held[0]] = held[1]
        if b"_" in line:  # float() would read past underscores
            numbers = {
                k: numbers[k]
                for k, c in zip(self._keys, cells, strict=True)
                if k in numbers and (b"_" not in c or _TENSOR.match(c))
            }
        if self._schema.counts:
            numbers["step"] = self._rows + 1.0
        part = self._part(cells)
        if self._single is not None:
            numbers, nearby = self._single.read(cells, numbers)
            part = part or nearby
        match = None if self._only_modes and part is None else self._reader.read(numbers, part)
        if match is None:
            return None
        if not self._rows:
            rows = self._known.rows if self._known.knows(numbers) else 0
            self._known = ResumeState(rows, row=known_by(numbers))
        self._rows += 1
        return match if self._rows > self._known.rows else None

    def _part(self, cells: Sequence[bytes]) -> str | None:
        """Return which part of the data a row is of, or that it is next to those of training."""
        if self._mode_at is not None:
            return _mode(self._keys[self._mode_at], cells[self._mode_at])
        return NEARBY if self._trained and not any(cells[i] for i in self._trained) else None

    def _cells(self, line: bytes) -> list[bytes]:
        if self._separator == b"," and b"\t" in line:
            line = _MIXED.sub(b",", line.strip())
        if b'"' not in line:
            return line.split(self._separator)
        try:
            row = next(csv.reader([line.decode("utf-8", "replace")], delimiter=self._separator.decode()), [])
        except csv.Error:
            return []
        return [cell.encode() for cell in row]
