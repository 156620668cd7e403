"""What the learner makes of one line, remembered by the line's shape.

Programs repeat themselves: their lines differ in digits and in nothing else, and to the learner digits are
all the same. So what it found in one line holds for all of that shape, but for the digits in names.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.parsers.inference.fields import fields
from runwatch.parsers.inference.roles import counters, head, is_bare_score, is_boxed, is_row, shows_pace
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.words import is_meaningful
from runwatch.parsers.words import ALIKE

_DIGIT = re.compile(rb"\d")
_LONGEST = 512
"""Bytes of the longest line whose shape is remembered."""
_MOST = 512
"""Shapes remembered; with more, it begins again."""


class Reading(NamedTuple):
    """What a line with numbers says."""

    family: bytes | None
    """What lines of its kind have in common; None if it can be of no use."""
    found: list[Field]
    """Its numbers; not to be changed."""
    ranked: list[tuple[int, int]]
    """(rank, index) of those that may be its step."""


_NOTHING = Reading(None, [], [])
_Spans = list[tuple[int, int, int]]
"""Which numbers have names with digits, and where those are."""
_UNSURE: tuple[None, None] = None, None
_known: dict[bytes, tuple[Reading | None, _Spans]] = {}


def reading_of(line: bytes) -> Reading | None:
    """Return what a line says; None if it holds no number."""
    if len(line) > _LONGEST:
        return _read(line)
    shape = line.translate(ALIKE)
    if shape in _known:
        reading, spans = _known[shape]
        return _renamed(reading, line, spans) if reading is not None and spans else reading
    reading = _read(line)
    names = _spans(shape, reading.found) if reading is not None else []
    if names is not None:
        if len(_known) >= _MOST:
            _known.clear()
        _known[shape] = reading, names
    return reading


def plain_shape(line: bytes) -> bytes | None:
    """Return the shape of a line if that says all that the line says but its numbers, else None."""
    reading_of(line)
    shape = line.translate(ALIKE)
    return shape if _known.get(shape, _UNSURE)[1] == [] else None


def _read(line: bytes) -> Reading | None:
    found = fields(line)
    if not found:
        return None
    ranked = counters(line, found)
    meaningful = (
        ranked
        or is_boxed(line)
        or is_row(found)
        or any(is_meaningful(field.name) or is_bare_score(line, field) for field in found)
        or shows_pace(line)
    )
    family = head(line, found, ranked) if meaningful else None
    return _NOTHING if family is None else Reading(family, found, ranked)


def _spans(shape: bytes, found: list[Field]) -> _Spans | None:
    """Return where the names that hold digits are, or None if that is not sure."""
    spans = []
    for index, field in enumerate(found):
        if _DIGIT.search(field.name):
            name = field.name.translate(ALIKE)
            at = shape.find(name)
            if at < 0 or shape.find(name, at + 1) >= 0:
                return None
            spans.append((index, at, at + len(name)))
    return spans


def _renamed(reading: Reading, line: bytes, spans: _Spans) -> Reading:
    found = reading.found.copy()
    for index, begin, end in spans:
        found[index] = found[index]._replace(name=line[begin:end])
    return reading._replace(found=found)
