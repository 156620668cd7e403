"""The bulk path of Python dicts of numbers (`{'loss': 1.2, 'epoch': 0.1}`): read as JSON, many at once.

The dicts of a run share a few shapes: the same names in the same order, and all
values bare or all in quotes. Without their numbers such dicts are the same bytes.
A dict that differs in anything, as by a nan, is left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import operator
import re

import msgspec
import numpy as np

from runwatch.parsers.api import Layout
from runwatch.parsers.body.enveloped import Enveloped
from runwatch.parsers.body.frames import Floats
from runwatch.parsers.body.matchers import ITEMS, DictPattern
from runwatch.parsers.columnar.skeleton import Number, fold, number_shape
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.structured.json_bulk import GroupDecoder
from runwatch.parsers.words import ALIKE

_NUMBERS = b"+-.0123456789eE"
"""What numbers are made of: without these, dicts of one shape are the same."""
_AS_JSON = bytes.maketrans(b"'\n", b'",')
"""Makes lines of dicts the objects of a JSON list."""
_MINUS_ZERO = re.compile(rb"-0['},]")
"""JSON's has no sign."""


class _Shape:
    """Dicts with these names in this order, their values all bare or all in quotes.

    A stamp may precede them, in a text that has the same length and letters on each line.
    """

    def __init__(self, layout: Layout, text: bytes, head: int, stamp: list[Number]) -> None:
        """`text` is a line of this shape, its dict begins at `head`; `stamp` are the parts of its time."""
        self.layout = layout
        self.head, self._stamp = text[:head].translate(ALIKE), stamp
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
        if dicts.translate(None, _NUMBERS) != self._frame * len(texts):
            return None
        if self._alike and dicts.split(b"'")[1 :: 4 if self._quoted else 2] != self._names * len(texts):
            return None
        try:
            rows = self._decode(b"[" + dicts[:-1].translate(_AS_JSON) + b"]")
        except (ValueError, RecursionError):
            return None
        columns = [np.fromiter(map(get, rows), np.float64, len(texts)) for get in self._get]
        if not all(column.all() for column in columns) and _MINUS_ZERO.search(dicts):
            return None
        digits = np.frombuffer(heads, np.uint8).reshape(len(texts), length) - np.uint8(48)
        return np.asarray(np.array([*columns, *(fold(digits, part) for part in self._stamp)]).T)


class DictDecoder(GroupDecoder[_Shape]):
    """Learns the shapes of a matcher's dicts and decodes through them. Bounded memory."""

    def __init__(self, matcher: DictPattern) -> None:
        super().__init__()
        self.matcher = matcher
        self._reads = Enveloped(matcher)
        self.needle = matcher.needle

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
