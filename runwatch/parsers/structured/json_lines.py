"""One JSON object a line.

Values are numbers or texts that hold one; NaN and Infinity, which JSON does
not know but Python writes, are values; null is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec

from runwatch.parsers.api import Match, Matcher
from runwatch.parsers.lexicon.words import split_of
from runwatch.parsers.structured.keyed_records import RecordReader, Schema, flatten

Record = dict[str, object]
_LOOSE = re.compile(rb"(?<=[:,\[\s])(-?)(nan|inf|Inf)(?=\s*[,}\]])")
_STRICT = {b"nan": b"NaN", b"inf": b"Infinity", b"Inf": b"Infinity"}


def load(text: bytes) -> Record | None:
    """Return the object a text holds, or None if it is no JSON object."""
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        value = _load_loosely(text)
    return value if isinstance(value, dict) else None


def _load_loosely(text: bytes) -> object:
    """Accept what msgspec does not: NaN, Infinity and numbers beyond the range of doubles."""
    if not text.rstrip().endswith(b"}"):
        return None
    try:
        return json.loads(_LOOSE.sub(lambda found: found[1] + _STRICT[found[2]], text))
    except (ValueError, RecursionError):
        return None


class JsonLine(Matcher):
    """An object that is at the line's end, behind a fixed prefix that may reach into it."""

    def __init__(
        self,
        schema: Schema,
        *,
        prefix: bytes = b"{",
        anywhere: bool = False,
        reshape: Callable[[Record], Record] | None = None,
        words: tuple[str, ...] = (),
    ) -> None:
        """`anywhere`: other text may precede the prefix.

        `reshape` brings an object to {key: value}. It moves values and goes by the words of
        the keys `words` and by what is there, not by numbers.
        """
        self.prefix = b"" if anywhere else prefix
        self.needle = prefix
        self.words = words
        self.body = prefix.index(b"{")
        self.reshape = reshape
        self.reader = RecordReader(schema)

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of this kind; an object cut before its end is no record."""
        at = line.find(self.needle, start) if not self.prefix else start
        if at < 0 or not line.startswith(self.needle, at):
            return None
        record = load(line[at + self.body :])
        if record is None:
            return None
        if self.reshape is not None:
            record = self.reshape(record)
        numbers = flatten(record, self.reader.schema.skip)
        return self.reader.read(numbers, self.mode(record))

    def mode(self, record: Record) -> str | None:
        """Return the part of the data that a record says it is about."""
        for key in self.reader.schema.modes:
            word = record.get(key)
            short = isinstance(word, str) and len(word) < 24
            split = split_of(str(word).encode(errors="replace")) if short else ""
            if split:
                return split
        return None

    skeletons = False
