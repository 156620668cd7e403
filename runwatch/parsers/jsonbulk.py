"""The bulk path of JSON lines: typed decoders learnt from the lines themselves.

The lines of a run share a few shapes: the same keys with values of the same
types. msgspec decodes such a line straight into a row; a line that differs in
anything is left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import operator
from typing import Literal

import msgspec
import numpy as np

from runwatch.parsers.jsonlines import JsonLine, Record, load
from runwatch.parsers.log import MAX_LINE
from runwatch.parsers.patterns import Layout
from runwatch.parsers.records import flatten, numeric
from runwatch.parsers.skeleton import Decoded, Ints, Lines

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
        self._decode = msgspec.json.Decoder(struct).decode
        get = operator.attrgetter(*(names[key] for key in keys))
        self._get = get if len(keys) > 1 else lambda row: (get(row),)
        texts = [names[key] for key, value in record.items() if isinstance(value, str) and key not in modes]
        self._held = frozenset(i for i, key in enumerate(keys) if names[key] in texts)
        self._words = [n for n in texts if n not in {names[key] for key in keys}]

    def read(self, text: bytes) -> tuple[float, ...] | None:
        """Return the values as printed, or None if the text has another shape."""
        try:
            row = self._decode(text)
        except (ValueError, RecursionError):
            return None
        for name in self._words:
            if numeric(getattr(row, name)) is not None:
                return None
        values: tuple[float, ...] = self._get(row)
        if not self._held:
            return values
        held = [numeric(v) if i in self._held else v for i, v in enumerate(values)]  # type: ignore[arg-type]
        return None if None in held else tuple(held)  # type: ignore[arg-type]


def _type(value: object, *, fixed: bool) -> object:
    """Return the type that the values of a key must keep, so that the layout stays the same."""
    if isinstance(value, str) and fixed:
        return Literal[value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float
    return type(value)


class JsonDecoder:
    """Learns the shapes of a matcher's lines and decodes through them. Bounded memory."""

    def __init__(self, matcher: JsonLine) -> None:
        self.matcher = matcher
        self._shapes: list[_Shape] = []

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that have a known shape, or one learnt now."""
        found: dict[_Shape, tuple[list[int], list[tuple[float, ...]]]] = {}
        misses = 0
        body = self.matcher.body
        prefix = self.matcher.prefix
        for index in candidates[lines.lengths[candidates] <= MAX_LINE].tolist():
            line = lines.record(index)
            if not line.startswith(prefix):  # only its first eight bytes were compared
                continue
            text = line[body:] if body else line
            row = None
            for place, shape in enumerate(self._shapes):
                row = shape.read(text)
                if row is not None:
                    if place:  # lines of one shape stand together
                        self._shapes.insert(0, self._shapes.pop(place))
                    break
            else:
                misses += 1
                learnt = self._learn(text) if misses <= _MAX_MISSES else None
                if learnt is None or (row := learnt.read(text)) is None:
                    continue
                shape = learnt
                self._shapes = [shape, *self._shapes[: _MAX_SHAPES - 1]]
            indices, rows = found.setdefault(shape, ([], []))
            indices.append(index)
            rows.append(row)
        return [_decoded(shape.layout, *part) for shape, part in found.items()]

    def _learn(self, text: bytes) -> _Shape | None:
        """Return the shape of an object, or None if it is no flat record."""
        record = load(text)
        if not record or any(isinstance(value, dict) for value in record.values()):
            return None
        schema = self.matcher.reader.schema
        shape = self.matcher.reader.shape(tuple(flatten(record, schema.skip)), self.matcher.mode(record))
        if shape is None or shape[0].event or not shape[1] or any(u.invert for u in shape[0].units):
            return None
        return _Shape(*shape, record, schema.modes)


def _decoded(layout: Layout, indices: list[int], rows: list[tuple[float, ...]]) -> Decoded:
    table = np.empty((len(rows), 2 + len(layout.names)))
    table[:, 2:] = rows
    for column, unit in enumerate(layout.units, 2):
        if unit.multiply != 1.0:
            table[:, column] *= unit.multiply
        if unit.divide != 1.0:
            table[:, column] /= unit.divide
    return Decoded(layout, np.array(indices, np.int64), table)
