"""What lines of one shape have in common, and how their digits become numbers: bit-identical to the matcher.

The step lines of a run share a few skeletons: equal length, equal literal bytes, only digits differ. A
skeleton is learned from one line: the matcher reads it, then each digit is changed in turn; where names and
spans stay, the byte is free. All lines of that length are then gathered as rows, compared with the skeleton
in one numpy pass, and their digits folded. An integer below 2**53 over 10**k with k <= 22 is correctly
rounded (Clinger 1990), so each value equals float(text) exactly.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Layout, Match, Matcher
from runwatch.parsers.body.frames import Floats
from runwatch.parsers.body.matchers import number
from runwatch.parsers.framing.lines import Bytes

_DIGITS = frozenset(b"0123456789")
_ABREAST = 16  # rows compared at once


@dataclass(frozen=True, slots=True)
class Number:
    """How the digits of one value fold: sign * integer * 10**exponent."""

    digits: tuple[int, ...]
    """Columns of a row, most significant first."""
    exponent: int
    negative: bool


@dataclass(slots=True)
class Skeleton:
    """One line shape: its literal bytes, its free digits and how they fold into values."""

    layout: Layout
    base: Bytes
    """What to subtract from a row: the literal byte, or "0" where a digit is free."""
    limit: Bytes
    """Largest allowed difference: 9 where a digit is free, else 0."""
    values: list[Number | float]
    """One per column of the layout; a float where the skeleton itself holds it (nan, inf)."""
    hits: int = 0
    _bases: Bytes = field(init=False, repr=False)
    """`base` and `limit` of many rows behind each other."""
    _limits: Bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._bases, self._limits = np.tile(self.base, _ABREAST), np.tile(self.limit, _ABREAST)

    @property
    def length(self) -> int:
        """Bytes of a row, line end included."""
        return len(self.base)

    def compare(self, rows: Bytes) -> tuple[Bytes, NDArray[np.bool_]]:
        """Return how `rows` (n, length) differ from the skeleton, and which fit it; most at once."""
        good = np.empty(len(rows), bool)
        wide = len(rows) // _ABREAST * _ABREAST
        if wide:
            abreast = rows[:wide].reshape(-1, len(self._bases))
            abreast -= self._bases
            bad = abreast > self._limits
            some = bad.any(axis=1)
            fits = good[:wide].reshape(-1, _ABREAST)
            fits[:] = True
            if some.any():
                fits[some] = ~bad[some].reshape(-1, _ABREAST, self.length).any(axis=2)
        if wide < len(rows):
            rows[wide:] -= self.base
            good[wide:] = ~(rows[wide:] > self.limit).any(axis=1)
        return rows, good

    def decode(self, rows: Bytes) -> Floats:
        """Return (2 + values, n) in stored units for differences `rows`; the first two are to be set."""
        columns = []
        for value, unit in zip(self.values, self.layout.units, strict=True):
            column = np.array([value]) if isinstance(value, float) else fold(rows, value)
            unit.scale(column)
            columns.append(column)
        if self.layout.epochs is not None:
            columns = self.layout.epochs.apply(columns)
        out = np.empty((2 + len(columns), len(rows)))
        for place, column in zip(out[2:], columns, strict=True):
            place[:] = column
        return out


def fold(rows: Bytes, number: Number) -> Floats:
    """Return the numbers (n,) whose digits are in `rows` (Horner's scheme, exact below 2**53)."""
    total = rows[:, number.digits[0]].astype(np.float64)
    for digit in number.digits[1:]:
        total *= 10.0
        total += rows[:, digit]
    if number.exponent > 0:
        total *= 10.0**number.exponent
    elif number.exponent < 0:
        total /= 10.0**-number.exponent
    return np.negative(total, out=total) if number.negative else total


def learn(matcher: Matcher, line: bytes, match: Match, fixed: Set[int] = frozenset()) -> Skeleton | None:
    """Return the safe skeleton of `line` and its end, or None; `fixed` digits distinguish similar lines."""
    text = line[:-1]
    if match.layout.event:
        return None
    free = _free_digits(matcher, text, match) - fixed
    values: list[Number | float] = []
    for start, end in match.spans:
        shape = number_shape(text, start, end)
        if shape is None:
            if any(i in free for i in range(start, end)):
                return None
            values.append(number(text[start:end]))
            continue
        if not 0 < len(shape.digits) <= 15 or not -22 <= shape.exponent <= 22:
            return None
        if any(i not in free for i in shape.digits):
            return None
        values.append(shape)
        free -= set(range(shape.digits[-1] + 1, end))  # an exponent's digits belong to the skeleton
    base = np.frombuffer(line, np.uint8).copy()
    limit = np.zeros(len(line), np.uint8)
    for i in free:
        base[i], limit[i] = 48, 9
    return Skeleton(match.layout, base, limit, values)


def _free_digits(matcher: Matcher, text: bytes, match: Match) -> set[int]:
    """Return the positions whose digits can change without changing names or spans.

    All digits of values are changed at once, then all others; where that changes the match,
    each half is tried by itself.
    """
    free: set[int] = set()
    spans = {i for start, end in match.spans for i in range(start, end)}
    digits = [i for i, byte in enumerate(text) if byte in _DIGITS]
    todo = [[i for i in digits if i in spans], [i for i in digits if i not in spans]]
    while todo:
        digits = todo.pop()
        changed = bytearray(text)
        for i in digits:
            changed[i] = 51 if changed[i] == 56 else 56
        other = matcher.match(bytes(changed))
        if other is not None and other.layout is match.layout and other.spans == match.spans:
            free.update(digits)
        elif len(digits) > 1:
            half = len(digits) // 2
            todo += [digits[:half], digits[half:]]
    return free


def number_shape(text: bytes, start: int, end: int) -> Number | None:
    """Return how text[start:end] folds, or None if it is nan, inf or something odd."""
    digits: list[int] = []
    exponent, seen_point = 0, False
    negative = text[start : start + 1] == b"-"
    for i in range(start, end):
        char = text[i : i + 1]
        if char.isdigit():
            digits.append(i)
            exponent -= seen_point
        elif char == b".":
            seen_point = True
        elif char in b"eE" and digits:
            try:
                return Number(tuple(digits), exponent + int(text[i + 1 : end]), negative)
            except ValueError:
                return None
        elif char not in b",+-" or (char == b"-" and i > start):
            return None
    return Number(tuple(digits), exponent, negative)
