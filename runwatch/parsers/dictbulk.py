"""The bulk path of Python dicts of numbers (`{'loss': 1.2, 'epoch': 0.1}`): read as JSON, many at once.

The dicts of a run share a few shapes: the same names in the same order, and all
values bare or all in quotes. A dict that differs in anything, as by a nan, is
left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import msgspec
import numpy as np

from runwatch.parsers.jsonbulk import GroupDecoder
from runwatch.parsers.patterns import ITEMS, DictPattern, Layout
from runwatch.parsers.skeleton import Floats, Number, fold, number_shape
from runwatch.parsers.stamps import may_hold

_NUMBERS = b"+-.0123456789Ee"
"""What numbers are made of: without these, dicts of one shape are the same."""
_SHAPE = bytes(48 if 48 <= c <= 57 else c for c in range(256))


class _Shape:
    """Dicts with these names in this order, their values all bare or all in quotes.

    A stamp may stand before them, in a text that has the same length and letters on each line.
    """

    def __init__(
        self, layout: Layout, text: bytes, head: int, names: list[bytes], stamp: list[Number]
    ) -> None:
        """`text` is a line of this shape, its dict begins at `head`; `stamp` are the parts of its time."""
        self.layout = layout
        self._head, self._stamp = text[:head].translate(_SHAPE), stamp
        self._names, self._frame = names, text[head:].translate(None, _NUMBERS)
        self._alike = len({name.translate(None, _NUMBERS) for name in names}) < len(names)
        """Whether names have to be told apart by more than the frame: their order is part of the shape."""
        self._quoted = text.count(b"'", head) == 4 * len(names)
        fields = [(f"k{i}", float) for i in range(len(names))]
        rename = {f"k{i}": name.decode() for i, name in enumerate(names)}
        struct = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
        self._decode = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        stamps = None
        if self._head:
            length = len(self._head)
            heads = b"".join([text[:length] for text in texts])
            if heads.translate(_SHAPE) != self._head * len(texts):
                return None
            rows = np.frombuffer(heads, np.uint8).reshape(len(texts), length) - np.uint8(48)
            stamps = np.stack([fold(rows, part) for part in self._stamp], axis=1)
            texts = [text[length:] for text in texts]
        values = self._values(texts)
        return values if values is None or stamps is None else np.hstack([values, stamps])

    def _values(self, texts: list[bytes]) -> Floats | None:
        """Return the numbers of dicts (n, names), or None if any is another one."""
        text = b",\n".join(texts)
        if text.translate(None, _NUMBERS) != b",\n".join([self._frame] * len(texts)):
            return None
        if self._alike and text.split(b"'")[1 :: 4 if self._quoted else 2] != self._names * len(texts):
            return None
        if self._quoted:
            text = text.replace(b": '", b": ").replace(b"',", b",").replace(b"'}", b"}")
        if b"-0," in text or b"-0}" in text:  # JSON's integers have no sign at zero
            return None
        try:
            rows = self._decode(b"[" + text.replace(b"'", b'"') + b"]")
        except (ValueError, RecursionError):
            return None
        values = [value for row in rows for value in msgspec.structs.astuple(row)]
        return np.array(values, np.float64).reshape(len(texts), -1)


class DictDecoder(GroupDecoder):
    """Learns the shapes of a matcher's dicts and decodes through them. Bounded memory."""

    def __init__(self, matcher: DictPattern) -> None:
        super().__init__()
        self.matcher = matcher
        self.needle = matcher.needle

    def text(self, line: bytes) -> bytes | None:
        """Return the dict at the line's end, with what stands before it if that may be a stamp."""
        if line[-1:] != b"}":
            return None
        at = 0 if line.startswith(b"{'") else line.find(b"{'")
        if at <= 0:
            return None if at else line
        if line.find(b"%|", 0, at) >= 0:
            return None  # a bar, of which the matcher tells too
        return line if may_hold(line, at) else line[at:]

    def learn(self, text: bytes) -> _Shape | None:
        """Return the shape of a dict, or None if it is no record or holds anything but numbers."""
        match = self.matcher.match(text)
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
            return _Shape(match.layout, text, head, names, stamp)
        except ValueError:
            return None
