"""Changes inputs: by pieces that matter to the surface, and by parts of other inputs of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

_LARGE = (
    0,
    1,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
)


def mutated(
    data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random, most: int
) -> bytes:
    """Return `data` with one to six changes, at most `most` bytes."""
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        data = rng.choice(_CHANGES)(data, others, words, rng)
    return data[:most]


def _cut(data: bytes, rng: random.Random, most: int = 60) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.randrange(1, most))


def _delete(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = _cut(data, rng)
    return data[:begin] + data[end:]


def _double(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = _cut(data, rng)
    return data[:end] + data[begin:end] * rng.choice((1, 1, 2, 40)) + data[end:]


def _replace(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = _cut(data, rng, 12)
    return data[:begin] + rng.choice(words) + data[end:]


def _insert(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    begin = rng.randrange(len(data) + 1)
    return data[:begin] + rng.choice(words) + data[begin:]


def _flip(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ rng.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))]) + data[at + 1 :]


def _number(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """Put a number at the edge of a width in place of bytes."""
    at, width = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 8))
    number = rng.choice(_LARGE) % (1 << 8 * width)
    return data[:at] + number.to_bytes(width, rng.choice(("little", "big"))) + data[at + width :]


def _line(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """Put a line of another input, or the rest of one, between two lines or into one."""
    lines = rng.choice(others).splitlines(keepends=True)
    if not lines:
        return data
    line = rng.choice(lines)
    at = rng.randrange(len(data) + 1)
    if rng.random() < 0.6:
        return data[: data.rfind(b"\n", 0, at) + 1] + line + data[data.rfind(b"\n", 0, at) + 1 :]
    return data[:at] + line[rng.randrange(len(line)) :] + data[at:]


def _repeat(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    begin = data.rfind(b"\n", 0, at) + 1
    line = data[begin : data.find(b"\n", at) + 1]
    return data[:begin] + line * rng.choice((2, 3, 30)) + data[begin + len(line) :]


def _cross(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """Continue with the rest of another input."""
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _swap(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    begin, middle = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:begin] + data[middle:] + data[begin:middle]


_CHANGES = (
    _delete,
    _double,
    _replace,
    _replace,
    _insert,
    _insert,
    _flip,
    _number,
    _line,
    _line,
    _repeat,
    _cross,
    _swap,
)
