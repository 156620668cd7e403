"""Where in the text of a record each of its numbers is: parsing, walked backwards.

Matchers, readers and documents hand out values, not places. For a person who
wants to trust them a value is looked for again: a number that is printed behind
its name and that, scaled by a unit, is the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from runwatch.parsers.body.matchers import NONFINITE, NUMBER, number
from runwatch.parsers.envelope.header import STAMP
from runwatch.parsers.lexicon.units import SUFFIXES

_TOKEN = re.compile(
    rb"(?P<stamp>(?<![\w.])(?:" + STAMP + rb"))"
    rb"|(?<![\d.])(?:(?<![A-Za-z])(?P<nan>" + NONFINITE + rb")(?![A-Za-z])|(?P<number>" + NUMBER + rb")(?!\d)"
    rb"(?P<unit>(?: ?(?:%|[kKMGT]i?[bB]\b|it/s|s/it|[mu]?s\b|min\b|[mhkKMBG]\b)(?!/))?))"
)
_SCALES = sorted({unit.multiply / unit.divide for unit in SUFFIXES.values()})
"""What units make of a printed number."""
_BETWEEN = re.compile(rb"['\"]?\s*(?:\([^()]{1,20}\)\s*)?(?:[:=|]\s*)?['\"\[(]*\Z")
MAX_TEXT = 1 << 14
"""Bytes that are looked at; longer texts are cut."""


class Token(NamedTuple):
    """A number in a text."""

    start: int
    end: int
    value: float
    unit: str
    """What follows it, if that may be a unit."""
    text: str
    """Both, as printed."""
    within: bool
    """Whether it is part of a word, as in rank3."""


def tokens(text: bytes) -> list[Token]:
    """Return the numbers of a text from left to right, but for those of times."""
    found = []
    for token in _TOKEN.finditer(text[:MAX_TEXT]):
        if token["stamp"]:
            continue
        start, end = token.span("nan" if token["nan"] else "number")
        unit = (token["unit"] or b"").strip().decode()
        within = text[max(0, start - 1) : start].isalpha()
        found.append(Token(start, end, number(text[start:end]), unit, token[0].decode(), within))
    return found


def trace(
    text: bytes, found: Sequence[Token], name: str, value: float, *, last: bool = False
) -> Token | None:
    """Return the number among `found` that `value`, printed as `name`, was most likely read from.

    Of several that are as likely the first, or the `last`.
    """
    best: Token | None = None
    most = (False, False, False)
    for token in reversed(found) if last else found:
        named = _named(text, token.start, name)
        plain = _same(token.value, value)
        if not plain and not ((named or token.unit) and _scaled(token.value, value)):
            continue
        score = (named, plain and not token.unit, plain)
        if best is None or score > most:
            best, most = token, score
    return best


def _scaled(printed: float, stored: float) -> bool:
    if printed and math.isfinite(printed) and _same(1.0 / printed, stored):
        return True
    return any(_same(printed * scale, stored) for scale in _SCALES)


def _same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-12)


def _named(text: bytes, at: int, name: str) -> bool:
    """Whether `name` is just before `at`."""
    before = text[max(0, at - 120) : at]
    between = _BETWEEN.search(before)
    return between is not None and before[: between.start()].endswith(name.encode())
