"""The bulk path of Python dicts of numbers (`{'loss': 1.2, 'epoch': 0.1}`): read as JSON, many at once.

The dicts of a run share a few shapes: the same names in the same order, and all
values bare or all in quotes. Without their numbers such dicts are the same bytes.
A dict that differs in anything, as by a nan, is left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import operator
import re
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout
from runwatch.parsers.body.decoded import Decoded, Floats
from runwatch.parsers.body.enveloped import Enveloped
from runwatch.parsers.body.matchers import ITEMS, DictPattern
from runwatch.parsers.columnar.skeleton import Number, fold, number_shape
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.framing.ansi import bare
from runwatch.parsers.framing.lines import PAD, Bytes, Ints, Lines
from runwatch.parsers.structured.json_bulk import GroupDecoder, decoded, left_over
from runwatch.parsers.words import ALIKE

_NUMBERS = b"+-.0123456789eE"
"""What numbers are made of: without these, dicts of one shape are the same."""
_AS_JSON = bytes.maketrans(b"'\n", b'",')
"""Makes lines of dicts the objects of a JSON list."""
_MINUS_ZERO = re.compile(rb"-0['},]")
"""JSON's has no sign."""
_FIRST = 8  # lines that are looked at one by one to learn a first shape
_LEAST = 64  # fewer are left to be halved further
_MAX_HEAD = 120
_MAX_TAIL = 6


class _Shape:
    """Dicts with these names in this order, their values all bare or all in quotes.

    A stamp may precede them, in a text that has the same length and letters on each line.
    """

    def __init__(self, layout: Layout, text: bytes, head: int, stamp: list[Number]) -> None:
        """`text` is a line of this shape, its dict begins at `head`; `stamp` are the parts of its time."""
        self.layout = layout
        self.head, self._stamp = text[:head].translate(ALIKE), stamp
        first = ITEMS.search(text, head)
        assert first is not None
        self.opening = text[head : min(head + 8, first.start(2))]
        self._frame = (text[head:] + b"\n").translate(None, _NUMBERS)
        self._names = [found[1] for found in ITEMS.finditer(text, head)]
        self._alike = len({name.translate(None, _NUMBERS) for name in self._names}) < len(self._names)
        """Whether names have to be distinguished by more than the frame."""
        self._quoted = text.count(b"'", head) == 4 * len(self._names)
        keys = [f"k{index}" for index in range(len(self._names))]
        rename = {key: name.decode() for key, name in zip(keys, self._names, strict=True)}
        row = msgspec.defstruct(
            "Row", [(key, float) for key in keys], rename=rename, forbid_unknown_fields=True, gc=False
        )
        self._decode = msgspec.json.Decoder(list[row], strict=False).decode  # type: ignore[valid-type]
        self._get = [operator.attrgetter(key) for key in keys]

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        length = len(self.head)
        heads = b"".join([text[:length] for text in texts])
        if heads.translate(ALIKE) != self.head * len(texts):
            return None
        dicts = b"\n".join([text[length:] for text in texts] if length else texts) + b"\n"
        return self.rows(dicts, np.frombuffer(heads, np.uint8).reshape(len(texts), length))

    def rows(self, dicts: bytes, heads: Bytes) -> Floats | None:
        """Return the values of dicts, a line each, behind `heads` (n, length), or None as above."""
        count = len(heads)
        if dicts.translate(None, _NUMBERS) != self._frame * count:
            return None
        if self._alike and dicts.split(b"'")[1 :: 4 if self._quoted else 2] != self._names * count:
            return None
        try:
            rows = self._decode(b"[" + dicts[:-1].translate(_AS_JSON) + b"]")
        except (ValueError, RecursionError):
            return None
        columns = [np.fromiter(map(get, rows), np.float64, count) for get in self._get]
        if not all(column.all() for column in columns) and _MINUS_ZERO.search(dicts):
            return None
        digits = heads - np.uint8(48)
        return np.asarray(np.array([*columns, *(fold(digits, part) for part in self._stamp)]).T)


class _Place(NamedTuple):
    """Where dicts are in their lines."""

    head: bytes
    """What precedes one, its digits made alike."""
    tail: bytes
    """What follows it, as a color's end."""


class DictDecoder(GroupDecoder[_Shape]):
    """Learns the shapes of a matcher's dicts and decodes through them. Bounded memory."""

    def __init__(self, matcher: DictPattern) -> None:
        super().__init__()
        self.matcher = matcher
        self._reads = Enveloped(matcher)
        self.needle = matcher.needle

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that have a known shape, or one learned now.

        Groups of lines that are alike throughout first, then those that are left.
        """
        found: list[Decoded] = []
        if not self._shapes:
            found = super().decode(lines, candidates[:_FIRST])
            candidates = candidates[_FIRST:]
        shape = self._shapes[0] if self._shapes else None
        place = None if shape is None else self._place(lines, candidates, shape)
        if place is None or shape is None:
            return found + super().decode(lines, candidates)
        fitting, heads = _fitting(lines, candidates, shape, place)
        chosen = candidates[fitting]
        parts: list[Ints] = []
        tables: list[Floats] = []

        def read(begin: int, end: int) -> bool:
            part = chosen[begin:end]
            table = shape.rows(lines.joined(part, len(place.head), len(place.tail)), heads[begin:end])
            if table is not None:
                parts.append(part)
                tables.append(table)
            return table is not None

        left = [chosen[begin:end] for begin, end in left_over(len(chosen), _LEAST, read)]
        left.append(candidates[~fitting])
        if parts:
            found.append(decoded(shape.layout, parts, tables))
        return found + super().decode(lines, np.sort(np.concatenate(left)))

    def _place(self, lines: Lines, candidates: Ints, shape: _Shape) -> _Place | None:
        """Return where the dicts of a shape are in some of the lines, if that is simple."""
        for index in candidates[:: max(1, len(candidates) // _FIRST)]:
            line = lines.record(int(index))
            at, end = line.find(self.needle), line.rfind(b"}") + 1
            head, text, tail = line[:at], line[at:end], line[end:]
            if not (0 <= at < end and at <= _MAX_HEAD and len(tail) <= _MAX_TAIL):
                continue
            if bare(line) != bare(head) + text + bare(tail):
                continue
            kept = head if shape.head else b""
            if kept.translate(ALIKE) == shape.head and self.text(bare(line)) == kept + text:
                return _Place(head.translate(ALIKE), tail)
        return None

    def text(self, line: bytes) -> bytes | None:
        """Return the dict at the line's end, with what precedes it if that may be a stamp."""
        if line[-1:] != b"}":
            return None
        at = 0 if line.startswith(b"{'") else line.find(b"{'")
        if at <= 0:
            return None if at else line
        if line.find(b"%|", 0, at) >= 0:
            return None  # a bar, which the matcher reads too
        header = opened(line)
        return line if header is not None and (header.parts or header.spans) else line[at:]

    def learn(self, text: bytes) -> _Shape | None:
        """Return the shape of a dict, or None if it is no record or holds anything but numbers."""
        match = self._reads.match(text)
        if match is None or match.layout.event:
            return None
        if any(unit.invert for unit in match.layout.units):
            return None
        head = text.find(b"{'")
        names = [found[1] for found in ITEMS.finditer(text, head)]
        per, rest = divmod(text.count(b"'", head), len(names))
        if rest or per not in (2, 4) or len(set(names)) < len(names):
            return None
        shapes = [number_shape(text, *span) for span in match.spans[len(names) :]]
        stamp = [part for part in shapes if part is not None]
        if head and not stamp:
            return None  # what looked like a stamp is none
        try:
            return _Shape(match.layout, text, head, stamp)
        except ValueError:  # a name that JSON would write in another way
            return None


def _fitting(lines: Lines, candidates: Ints, shape: _Shape, place: _Place) -> tuple[NDArray[np.bool_], Bytes]:
    """Return which of `candidates` (n,) have a dict at the place, and their heads."""
    wanted = np.frombuffer(place.head + shape.opening.translate(ALIKE), np.uint8)
    heads = lines.rows(candidates, len(wanted))
    other = heads - wanted > np.where(wanted == 48, 9, 0).astype(np.uint8)
    fitting = np.ones(len(heads), bool)
    fitting[np.flatnonzero(other) // len(wanted)] = False
    fitting &= lines.ending(candidates, b"}" + place.tail + b"\n")
    fitting &= lines.lengths[candidates] <= PAD
    return fitting, heads[fitting, : len(place.head)]
