"""Numbers of any width, wherever they are in a block, read many at once.

Eight bytes are one integer, and its bytes are worked on together (Mycroft's zero bytes; Lemire,
"Quickly parsing eight digits", 2018): where the point is, whether all others are digits, and
their value. An integer below 2**53 over 10**k with k <= 22 is correctly rounded (Clinger 1990), so
each equals float(text) exactly; what is no such number is reported as unread.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from runwatch.parsers.body.frames import Floats
from runwatch.parsers.framing.lines import Bytes, Flags, Ints, Words

WIDEST = 16
"""Bytes of the longest number that is read, without its sign and its exponent."""
_MANTISSA = 2.0**53
_POWERS = 10.0 ** np.arange(23)
_ONE, _SEVEN, _EIGHT, _TEN, _SIXTEEN, _HALF, _TOP = map(np.uint64, (1, 7, 8, 10, 16, 32, 56))
_ONES = np.uint64(0x0101010101010101)
_LOW, _HIGH, _ZEROS, _SPACES = (_ONES * np.uint64(byte) for byte in (0x7F, 0x80, 0x30, 0x20))
_POINTS = _ONES * np.uint64(0x1E)  # a point, where "0" is nought
_OVER_NINE = _ONES * np.uint64(0x76)
_PLACES = np.uint64(0x0706050403020100)
_PAIRS, _FOURS, _TWOS = map(np.uint64, (0x000000FF000000FF, 0x000F424000000064, 0x0000271000000001))


def eights(text: Bytes) -> Words:
    """Return the eight bytes from each place of a text on, each as an integer."""
    windows: Words = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))
    return windows


def read(text: Bytes, begin: Ints, end: Ints) -> tuple[Floats, Flags]:
    """Return the numbers text[begin:end] (n,) and which of them were read; the others are nought.

    Read are digits with at most one point, a minus and an exponent, as `-12.5e-05`, and nan and inf as
    Python prints them. `text` continues for 16 bytes behind each number's begin.
    """
    windows = eights(text)
    minus = text[begin] == 45
    signed = bool(minus.any())
    first = begin + minus if signed else begin
    width = end - first
    value, decimals, good = _mantissa(windows, first, width)
    value /= _POWERS[decimals]
    if not good.all():
        odd = np.flatnonzero(~good)
        value[odd], good[odd] = _odd(text, windows, first[odd], width[odd])
    if signed:
        np.negative(value, out=value, where=minus)
    return value, good


def whole(text: Bytes, begin: Ints, end: Ints) -> tuple[Floats, Flags]:
    """Return the numbers text[begin:end] (n,) that are one to eight digits, and which are nothing else."""
    width = end - begin
    word = _aligned(eights(text)[begin], width)
    wrong = ((word + _OVER_NINE) | word) & _HIGH
    return _value(word).astype(np.float64), np.asarray((wrong == 0) & (width > 0) & (width <= 8))


def filled(text: Bytes, begin: Ints, width: int) -> Ints:
    """Return how many of text[begin:begin + width] are no spaces, for each begin."""
    windows = eights(text)
    return _filled((windows[begin + at] for at in range(0, width, 8)), width)


def filled_columns(rows: Bytes, first: int, width: int) -> Ints:
    """Return how many of rows[:, first:first + width] are no spaces (n,); a row continues for eight bytes."""
    count, length = rows.shape
    at = range(first, first + width, 8)
    return _filled((np.ndarray((count,), "<u8", rows, i, (length,)) for i in at), width)


def _filled(windows: Iterable[Words], width: int) -> Ints:
    """Return how many of the first `width` bytes of words behind each other are no spaces."""
    count: Ints | None = None
    for window in windows:
        word = window ^ _SPACES
        if width < 8:
            word <<= np.uint64(8 * (8 - width))
        other = word & _LOW
        other += _LOW
        other |= word
        other &= _HIGH
        other >>= _SEVEN
        other *= _ONES  # its bytes added up in the highest one
        other >>= _TOP
        count = other.view(np.int64) if count is None else count + other.view(np.int64)
        width -= 8
    assert count is not None
    return count


def plain(text: Bytes, begin: Ints, end: Ints) -> Flags:
    """Return which of text[begin:end] are digits, perhaps with a point between them."""
    good = _mantissa(eights(text), begin, end - begin)[2]
    return np.asarray(good & digit(text[begin]) & digit(text[end - 1]))


def _aligned(word: Words, width: Ints) -> Words:
    """Return the first bytes of words, as many as their `width`, moved to their end; digits as 0 to 9."""
    return np.asarray((word ^ _ZEROS) << ((8 - np.minimum(width, 8)) << 3).astype(np.uint64))


def _mantissa(windows: Words, first: Ints, width: Ints) -> tuple[Floats, Ints, Flags]:
    """Return the digits of plain numbers as integers, how many follow a point, and which are right."""
    total, decimals, points, good = _eight(_aligned(windows[first], width))
    good &= width > points
    value = total.astype(np.float64)
    wide = width > 8
    if wide.any():
        at = np.flatnonzero(wide)
        start, long = first[at], np.minimum(width[at], WIDEST)
        high, above, more, fit = _eight(_aligned(windows[start], long - 8))
        low, below, also, tail = _eight(windows[start + long - 8] ^ _ZEROS)
        value[at] = joined = high.astype(np.float64) * _POWERS[8 - also] + low.astype(np.float64)
        decimals[at] = np.where(more > 0, above + 8, below)
        good[at] = fit & tail & (more + also < 2) & (joined < _MANTISSA) & (width[at] <= WIDEST)
    return value, decimals, good


def _eight(word: Words) -> tuple[Words, Ints, Ints, Flags]:
    """Return the digits of words as integers, how many follow a point, points, and which are right."""
    apart = word ^ _POINTS
    point = (~(((apart & _LOW) + _LOW) | apart) & _HIGH) >> _SEVEN  # 1 in the byte of each point
    some = point != 0
    decimals = (point * _PLACES) >> _TOP
    lower = word & (point - _ONE)
    upper = word & ~((point << _EIGHT) - _ONE)
    digits = np.where(some, upper | (lower << _EIGHT), word)
    wrong = ((digits + _OVER_NINE) | digits) & _HIGH  # a second point is among them
    return _value(digits), decimals.astype(np.int64), some.astype(np.int64), wrong == 0


def _value(digits: Words) -> Words:
    pairs = digits * _TEN + (digits >> _EIGHT)
    return np.asarray(((pairs & _PAIRS) * _FOURS + ((pairs >> _SIXTEEN) & _PAIRS) * _TWOS) >> _HALF)


def _odd(text: Bytes, windows: Words, first: Ints, width: Ints) -> tuple[Floats, Flags]:
    """Return those with an exponent of two digits, nan and inf."""
    mark = first + np.maximum(width - 4, 0)
    sign = text[mark + 1]
    power = text[mark + 2].astype(np.int64) * 10 + text[mark + 3] - 528
    scaled = (width > 4) & (text[mark] == 101) & ((sign == 45) | (sign == 43))
    scaled &= digit(text[mark + 2]) & digit(text[mark + 3])
    raw, decimals, good = _mantissa(windows, first, np.maximum(width - 4, 1))
    shift = np.where(sign == 45, -power, power) - decimals
    good &= scaled & (np.abs(shift) <= 22)
    size = _POWERS[np.where(good, np.abs(shift), 0)]
    value = np.where(shift < 0, raw / size, raw * size)
    head = windows[first] & np.uint64(0xFFFFFF)
    for name, special in ((b"nan", np.nan), (b"inf", np.inf)):
        named = (width == 3) & (head == np.uint64(int.from_bytes(name, "little")))
        value[named] = special
        good |= named
    return np.where(good, value, 0.0), good


def digit(byte: Bytes) -> Flags:
    """Return which bytes are digits."""
    return np.asarray((byte >= 48) & (byte <= 57))
