"""The bulk path of JSON lines: typed decoders learned from the lines themselves.

The lines of a run share a few shapes: the same keys with values of the same types. msgspec decodes such a
line straight into a row; a line that differs in anything is left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np

from runwatch.parsers.api import MAX_LINE, Layout, Matcher
from runwatch.parsers.body.frames import Decoded, Floats
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.framing.ansi import bare
from runwatch.parsers.framing.lines import Ints, Lines
from runwatch.parsers.lexicon.names import takes_unit
from runwatch.parsers.structured.json_lines import JsonLine, Record, load
from runwatch.parsers.structured.keyed_records import MAX_DEPTH, flatten, numeric

_HOLDS_NUMBER = re.compile(rf"^{VALUE.decode()}$", re.MULTILINE | re.ASCII)
_HOLDS_UNIT = re.compile(rf"^{VALUE.decode()}(?: ?[A-Za-z%][A-Za-z /]{{0,15}})?$", re.MULTILINE | re.ASCII)
_GROUP = 1024  # lines decoded at once; halved where one of them has another shape
_FEW = 8  # lines that are decoded one by one then
_MAX_SHAPES = 32
_MARK = 1 << 40
"""The number that marks the first leaf of a surveyed object."""
_MAX_MISSES = 64  # lines looked at per block in the hope of a new shape


class _Shape:
    """A typed decoder of objects that hold the same keys with values of the same types, nested ones too."""

    def __init__(self, layout: Layout, leaves: list[_Leaf], kept: list[_Leaf], row: type) -> None:
        """`leaves` are all numbers and texts of an object, `kept` those of the layout's columns."""
        self.layout = layout
        self._decode: Callable[[bytes], object] = msgspec.json.Decoder(row).decode
        self._values = [(operator.attrgetter(leaf.path), leaf.text) for leaf in kept]
        self._words = [
            (operator.attrgetter(leaf.path), _HOLDS_UNIT if leaf.united else _HOLDS_NUMBER)
            for leaf in leaves
            if leaf.text and leaf not in kept
        ]

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        try:
            rows = list(map(self._decode, texts))
        except (ValueError, RecursionError):
            return None
        for word, holds in self._words:
            if holds.search("\n".join(map(word, rows))):
                return None
        table = np.empty((len(rows), len(self._values)))
        for column, (get, held) in enumerate(self._values):
            values = list(map(get, rows))
            if held:
                values = [numeric(value) for value in values]
                if None in values:
                    return None
            table[:, column] = values
        return table


class _Leaf(NamedTuple):
    """A number or a text of an object."""

    path: str
    """How its attribute is reached: `k3.k0`."""
    text: bool
    """Whether it is printed as a text, whatever that holds."""
    united: bool
    """Whether a number in it may have a unit."""


class _Survey:
    """What one object is made of: its type, its leaves, and a copy in which each number says which it is."""

    def __init__(self, record: Record, fixed: tuple[str, ...], skip: re.Pattern[str]) -> None:
        """Take an object; the words of its keys `fixed` belong to the shape."""
        self.leaves: list[_Leaf] = []
        self._skip = skip
        self.type, self.marked = self._object(record, fixed, "", "", 0)

    def leaf(self, mark: float) -> _Leaf | None:
        """Return the leaf that a number of the copy marks, or None if it is another number."""
        index = int(mark) - _MARK if mark >= _MARK else -1
        return self.leaves[index] if 0 <= index < len(self.leaves) else None

    def _object(
        self, record: Record, fixed: tuple[str, ...], path: str, head: str, depth: int
    ) -> tuple[type, Record]:
        fields: list[tuple[str, Any]] = []
        marked: Record = {}
        for index, (key, value) in enumerate(record.items()):
            name = f"k{index}"
            kind: Any = type(value)
            mark: object = value
            if isinstance(value, dict):
                if depth < MAX_DEPTH and not self._skip.search(head + key):
                    kind, mark = self._object(value, (), f"{path}{name}.", f"{head}{key}/", depth + 1)
                else:
                    kind = dict[str, msgspec.Raw]
            elif isinstance(value, list):
                kind = list[msgspec.Raw]
            elif isinstance(value, str) and key in fixed:
                kind = Literal[value]
            elif isinstance(value, (float, int, str)) and not isinstance(value, bool):
                kind = str if isinstance(value, str) else float
                self.leaves.append(_Leaf(path + name, kind is str, takes_unit(key)))
                if kind is float or numeric(str(value)) is not None:
                    mark = float(_MARK + len(self.leaves) - 1)
            fields.append((name, kind))
            marked[key] = mark
        rename = {f"k{index}": key for index, key in enumerate(record)}
        row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
        return row, marked


class Shape(Protocol):
    """Decodes many texts of one shape."""

    layout: Layout

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        ...


_S = TypeVar("_S", bound=Shape)


class GroupDecoder(ABC, Generic[_S]):
    """Learns the shapes of a matcher's records and decodes groups through them. Bounded memory."""

    matcher: Matcher
    needle: bytes
    """What lines hold; if colors split it, a line is left to the matcher."""

    def __init__(self) -> None:
        self._shapes: list[_S] = []
        """The one that matched last comes first."""
        self._misses = 0

    @abstractmethod
    def text(self, line: bytes) -> bytes | None:
        """Return the part of a line that holds its record, or None if there is none."""

    @abstractmethod
    def learn(self, text: bytes) -> _S | None:
        """Return the shape of a record, or None if it has none."""

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that have a known shape, or one learned now."""
        texts, places = [], []
        short = candidates[lines.lengths[candidates] <= MAX_LINE]
        for index, line, clean in zip(
            short.tolist(), lines.records(short), lines.clean[short].tolist(), strict=True
        ):
            if not clean and self.needle not in line:
                continue
            text = self.text(line if clean else bare(line))
            if text is not None:
                texts.append(text)
                places.append(index)
        where = np.array(places, np.int64)
        found: dict[_S, tuple[list[Ints], list[Floats]]] = {}
        self._misses = 0

        def keep(begin: int, end: int, rows: Floats) -> None:
            """Keep the rows of some texts, which have the first shape."""
            indices, parts = found.setdefault(self._shapes[0], ([], []))
            indices.append(where[begin:end])
            parts.append(rows)

        todo = [(begin, min(begin + _GROUP, len(texts))) for begin in range(0, len(texts), _GROUP)][::-1]
        while todo:
            begin, end = todo.pop()
            rows = self._shapes[0].table(texts[begin:end]) if self._shapes else None
            if rows is not None:
                keep(begin, end, rows)
            elif end - begin > _FEW:
                middle = (begin + end) // 2
                todo += [(middle, end), (begin, middle)]
            else:
                for place in range(begin, end):
                    if (row := self._one(texts[place])) is not None:
                        keep(place, place + 1, row)
        return [_decoded(shape.layout, *parts) for shape, parts in found.items()]

    def _one(self, text: bytes) -> Floats | None:
        """Return the row of one line, its shape now first among the shapes; None leaves it to the matcher."""
        for place, shape in enumerate(self._shapes):
            row = shape.table([text])
            if row is not None:
                self._shapes.insert(0, self._shapes.pop(place))
                return row
        self._misses += 1
        learned = self.learn(text) if self._misses <= _MAX_MISSES else None
        row = learned.table([text]) if learned else None
        if learned is not None and row is not None:
            self._shapes = [learned, *self._shapes[: _MAX_SHAPES - 1]]
        return row


class JsonDecoder(GroupDecoder[_Shape]):
    """Decodes the objects of a matcher of JSON lines."""

    matcher: JsonLine

    def __init__(self, matcher: JsonLine) -> None:
        super().__init__()
        self.matcher, self.needle = matcher, matcher.needle

    def text(self, line: bytes) -> bytes | None:
        """Return the object of a line."""
        matcher = self.matcher
        if matcher.prefix:
            return line[matcher.body :] if line.startswith(matcher.prefix) else None
        at = line.find(matcher.needle)
        if at < 0 or (at and opened(line) is not None):
            return None  # the matcher reads what precedes it, too
        return line[at + matcher.body :]

    def learn(self, text: bytes) -> _Shape | None:
        """Return the shape of an object, or None if it is no record."""
        record = load(text)
        if not record:
            return None
        reader = self.matcher.reader
        try:
            survey = _Survey(record, (*reader.schema.modes, *self.matcher.words), reader.schema.skip)
        except (ValueError, TypeError):
            return None
        reshape = self.matcher.reshape or (lambda record: record)
        marked = reshape(survey.marked)
        places = flatten(marked, reader.schema.skip)
        shape = reader.shape(tuple(places), self.matcher.mode(marked))
        if shape is None or shape.layout.event or not shape.keys or any(u.invert for u in shape.layout.units):
            return None
        kept = [leaf for key in shape.keys if (leaf := survey.leaf(places[key])) is not None]
        learned = _Shape(shape.layout, survey.leaves, kept, survey.type)
        row, numbers = learned.table([text]), flatten(reshape(record), reader.schema.skip)
        if row is None or row.tolist() != [[numbers[key] for key in shape.keys]]:
            return None  # it is not as simple as that
        return learned


def _decoded(layout: Layout, indices: list[Ints], parts: list[Floats]) -> Decoded:
    """Return records of a layout: their indices (n,) and values as printed (n, columns), in parts."""
    columns = list(np.ascontiguousarray(np.concatenate(parts).T))
    for column, unit in zip(columns, layout.units, strict=True):
        unit.scale(column)
    if layout.epochs is not None:
        columns = layout.epochs.apply(columns)
    table = np.empty((2 + len(columns), len(columns[0])))
    table[2:] = columns
    return Decoded(layout, np.concatenate(indices), table)
