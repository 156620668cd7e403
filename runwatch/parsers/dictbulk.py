"""The bulk path of Python dicts of numbers (`{'loss': 1.2, 'epoch': 0.1}`): read as JSON, many at once.

The dicts of a run share a few shapes: the same names in the same order, and all
values bare or all in quotes. A dict that differs in anything, as by a nan, is
left to the matcher, so both give the same bits.
"""

from __future__ import annotations

import re

import msgspec
import numpy as np

from runwatch.parsers.jsonbulk import GroupDecoder
from runwatch.parsers.patterns import ITEMS, DictPattern, Layout
from runwatch.parsers.skeleton import Floats
from runwatch.parsers.stamps import find

_ODD = (b'"', b"\\", b"\t", b"  ", b" ,", b" }", b"' :", b"-0,", b"-0}", b": ' ")
"""What JSON allows and the matcher does not, or reads as another number."""
_PLAIN = re.compile(r"[-+.eE0-9 ]*")
"""Numbers as the matcher reads them, a space between two: float() takes more."""


class _Shape:
    """Dicts with these names in this order, their values all bare or all in quotes."""

    def __init__(self, layout: Layout, names: list[bytes], *, quoted: bool) -> None:
        self.layout = layout
        self._names, self._quoted = names, quoted
        kind = str if quoted else float
        fields = [(f"k{i}", kind) for i in range(len(names))]
        rename = {f"k{i}": name.decode() for i, name in enumerate(names)}
        struct = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
        self._decode = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]

    def table(self, texts: list[bytes]) -> Floats | None:
        """Return the values as printed (n, columns), or None if any of the texts has another shape."""
        text = b"[" + b"\n,".join(texts) + b"]"
        if any(odd in text for odd in _ODD):
            return None
        if text.split(b"'")[1 :: 4 if self._quoted else 2] != self._names * len(texts):
            return None
        try:
            rows = self._decode(text.replace(b"'", b'"'))
            if len(rows) != len(texts):
                return None
            values = [value for row in rows for value in msgspec.structs.astuple(row)]
            if self._quoted:
                if not _PLAIN.fullmatch(" ".join(values)):
                    return None
                values = list(map(float, values))
            return np.array(values, np.float64).reshape(len(rows), -1)
        except (ValueError, RecursionError):
            return None


class DictDecoder(GroupDecoder):
    """Learns the shapes of a matcher's dicts and decodes through them. Bounded memory."""

    def __init__(self, matcher: DictPattern) -> None:
        super().__init__()
        self.matcher = matcher

    def text(self, line: bytes) -> bytes | None:
        """Return the dict at the line's end. One behind a stamp is left to the matcher: it has a time too."""
        at = line.find(b"{'")
        if at < 0 or line[-1:] != b"}" or (at and find(line, 0, at) is not None):
            return None
        return line[at:]

    def learn(self, text: bytes) -> _Shape | None:
        """Return the shape of a dict, or None if it is no record or holds anything but numbers."""
        match = self.matcher.match(text)
        if match is None or match.layout.event or match.layout.epochs:
            return None
        if any(unit.invert for unit in match.layout.units):
            return None
        names = [found[1] for found in ITEMS.finditer(text)]
        per, rest = divmod(text.count(b"'"), len(names))
        if rest or per not in (2, 4) or len(names) != len(match.spans):
            return None
        try:
            return _Shape(match.layout, names, quoted=per == 4)
        except ValueError:
            return None
