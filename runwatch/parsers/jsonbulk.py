"""The bulk path of JSON lines: typed decoders learnt from the lines themselves.

The lines of a run share a few shapes: the same keys with values of the same
types. msgspec decodes such a line straight into a row; a line that differs in
anything is left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from typing import Literal, Protocol

import msgspec
import numpy as np

from runwatch.parsers.interpreter import MAX_LINE
from runwatch.parsers.jsonlines import JsonLine, Record, load
from runwatch.parsers.patterns import VALUE, Layout, Matcher
from runwatch.parsers.records import flatten, numeric
from runwatch.parsers.skeleton import Decoded, Floats, Ints, Lines

_HOLDS_NUMBER = re.compile(rf"^{VALUE.decode()}$", re.MULTILINE | re.ASCII)
_GROUP = 1024  # lines decoded at once; halved where one of them has another shape
_FEW = 8  # lines that are decoded one by one then
_MAX_SHAPES = 32
_MAX_MISSES = 64  # lines looked at per block in the hope of a new shape


class _Shape:
    """A typed decoder of flat objects that hold the same keys with values of the same types."""

    def __init__(self, layout: Layout, keys: tuple[str, ...], record: Record, modes: tuple[str, ...]) -> None:
        self.layout = layout
        names = {key: f"k{index}" for index, key in enumerate(record)}
        fields = [(names[key], _type(value, fixed=key in modes)) for key, value in record.items()]
        struct = msgspec.defstruct(
            "Row", fields, rename={n: k for k, n in names.items()}, forbid_unknown_fields=True, gc=False
        )
        self._decode = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]
        self._values = [operator.attrgetter(names[key]) for key in keys]
        self._held = [isinstance(record[key], str) for key in keys]
        texts = {key for key, value in record.items() if isinstance(value, str)}
        self._words = [operator.attrgetter(names[key]) for key in texts - set(modes) - set(keys)]

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape.

        A raw line end cannot stand inside a JSON text's string, and the shape holds no
        arrays: the joined texts decode to as many rows only if each is one object.
        """
        try:
            rows = self._decode(b"[" + b"\n,".join(texts) + b"]")
        except (ValueError, RecursionError):
            return None
        if len(rows) != len(texts):
            return None
        for word in self._words:
            if _HOLDS_NUMBER.search("\n".join(map(word, rows))):
                return None
        table = np.empty((len(rows), len(self._values)))
        for column, (get, held) in enumerate(zip(self._values, self._held, strict=True)):
            values = list(map(get, rows))
            if held:
                values = [numeric(value) for value in values]
                if None in values:
                    return None
            table[:, column] = values
        return table


def _type(value: object, *, fixed: bool) -> object:
    """Return the type that the values of a key must keep, so that the layout stays the same."""
    if isinstance(value, str) and fixed:
        return Literal[value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float
    return type(value)


class Shape(Protocol):
    """Decodes many texts of one shape."""

    layout: Layout

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        ...


class GroupDecoder(ABC):
    """Learns the shapes of a matcher's records and decodes groups through them. Bounded memory."""

    matcher: Matcher

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        """The one that matched last comes first."""
        self._misses = 0

    @abstractmethod
    def text(self, line: bytes) -> bytes | None:
        """Return the part of a line that holds its record, or None if there is none."""

    @abstractmethod
    def learn(self, text: bytes) -> Shape | None:
        """Return the shape of a record, or None if it has none."""

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that have a known shape, or one learnt now."""
        texts, places = [], []
        plain = lines.clean[candidates] & (lines.lengths[candidates] <= MAX_LINE)
        for index in candidates[plain].tolist():
            text = self.text(lines.record(index))
            if text is not None:
                texts.append(text)
                places.append(index)
        where = np.array(places, np.int64)
        found: dict[Shape, tuple[list[Ints], list[Floats]]] = {}
        self._misses = 0
        todo = [(begin, min(begin + _GROUP, len(texts))) for begin in range(0, len(texts), _GROUP)][::-1]
        while todo:
            begin, end = todo.pop()
            rows = self._shapes[0].table(texts[begin:end]) if self._shapes else None
            if rows is not None:
                self._keep(found, self._shapes[0], where[begin:end], rows)
            elif end - begin > _FEW:
                middle = (begin + end) // 2
                todo += [(middle, end), (begin, middle)]
            else:
                for place in range(begin, end):
                    row = self._one(texts[place])
                    if row is not None:
                        self._keep(found, self._shapes[0], where[place : place + 1], row)
        return [_decoded(shape.layout, *parts) for shape, parts in found.items()]

    @staticmethod
    def _keep(
        found: dict[Shape, tuple[list[Ints], list[Floats]]], shape: Shape, where: Ints, rows: Floats
    ) -> None:
        indices, parts = found.setdefault(shape, ([], []))
        indices.append(where)
        parts.append(rows)

    def _one(self, text: bytes) -> Floats | None:
        """Return the row of one line, its shape now first among the shapes; None leaves it to the matcher."""
        for place, shape in enumerate(self._shapes):
            row = shape.table([text])
            if row is not None:
                self._shapes.insert(0, self._shapes.pop(place))
                return row
        self._misses += 1
        learnt = self.learn(text) if self._misses <= _MAX_MISSES else None
        row = learnt.table([text]) if learnt else None
        if learnt is not None and row is not None:
            self._shapes = [learnt, *self._shapes[: _MAX_SHAPES - 1]]
        return row


class JsonDecoder(GroupDecoder):
    """Decodes the objects of a matcher of JSON lines."""

    def __init__(self, matcher: JsonLine) -> None:
        super().__init__()
        self.matcher: JsonLine = matcher

    def text(self, line: bytes) -> bytes | None:
        """Return the object of a line; eight bytes of its prefix were compared before."""
        prefix, body = self.matcher.prefix, self.matcher.body
        if len(prefix) > 8 and not line.startswith(prefix):
            return None
        return line[body:] if body else line

    def learn(self, text: bytes) -> _Shape | None:
        """Return the shape of an object, or None if it is no flat record."""
        record = load(text)
        if not record or any(isinstance(value, (dict, list)) for value in record.values()):
            return None
        schema = self.matcher.reader.schema
        shape = self.matcher.reader.shape(tuple(flatten(record, schema.skip)), self.matcher.mode(record))
        if shape is None or shape.layout.event or not shape.keys or any(u.invert for u in shape.layout.units):
            return None
        return _Shape(shape.layout, shape.keys, record, schema.modes)


def _decoded(layout: Layout, indices: list[Ints], parts: list[Floats]) -> Decoded:
    rows = np.concatenate(parts)
    table = np.empty((2 + len(layout.names), len(rows)))
    table[2:] = rows.T
    for column, unit in enumerate(layout.units, 2):
        unit.scale(table[column])
    return Decoded(layout, np.concatenate(indices), table)
