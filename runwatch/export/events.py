"""The bytes of TensorBoard event files.

A file is a sequence of records: length u64, masked CRC-32C of it, an Event message, masked CRC-32C of
that. A scalar is a tensor of one float64, so that no bit is lost; the first of a tag says that it is for
TensorBoard's plugin of scalars. Sources: TensorFlow's event.proto, summary.proto, tensor.proto.

Most records of a log print the same metrics. Their events differ in step, time and value only, so
they are made as the rows of one array. A checksum is the exclusive or of what each of its bytes adds, so only
those bytes are folded again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwatch.export.values import Floats, Ints
from runwatch.parsers.framing.crc32c import crc32c, mask, masked
from runwatch.parsers.framing.protobuf import delimited, packed

Bytes = NDArray[np.uint8]
Sums = NDArray[np.uint32]
_LENGTH = struct.Struct("<Q")
_CHECK = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")
_TIME = slice(1, 9)
"""Where the time is in an event."""


def event(time: float) -> bytes:
    """Return how an event of a Unix time begins."""
    return packed(1 << 3 | 1) + _DOUBLE.pack(time)


def record(body: bytes) -> bytes:
    """Return the record of a message."""
    length = _LENGTH.pack(len(body))
    return length + _CHECK.pack(masked(length)) + body + _CHECK.pack(masked(body))


def framed(names: Sequence[str], tag: Ints, step: Ints, time: Floats, value: Floats, first: Ints) -> bytes:
    """Return the records of events in their order.

    `tag` is twice the place of the name, and one more for the first of a tag. `first` is where events begin
    that are likely to be alike: those of one record of a log.
    """
    pieces: list[memoryview] = [memoryview(b"")] * len(first)
    width = _width(step)
    begins, ends = first.tolist(), [*first[1:].tolist(), len(tag)]
    kinds = (tag << 4 | width).astype(np.int64).tobytes()
    alike: dict[bytes, list[int]] = {}
    for place, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        alike.setdefault(kinds[8 * begin : 8 * end], []).append(place)
    for kind, places in alike.items():
        parts = np.frombuffer(kind, np.int64).tolist()
        rows = first[places]
        columns = [_events(names, part, rows + at, step, time, value) for at, part in enumerate(parts)]
        made = memoryview(np.concatenate(columns, axis=1).tobytes())
        size = len(made) // len(places)
        for row, place in enumerate(places):
            pieces[place] = made[row * size : (row + 1) * size]
    return b"".join(pieces)


def _events(names: Sequence[str], kind: int, rows: Ints, step: Ints, time: Floats, value: Floats) -> Bytes:
    """Return the records of events of one kind as rows of bytes."""
    tag, width = kind >> 4, kind & 15
    shape = _shape(names[tag >> 1], tag & 1, width)
    out = np.repeat(shape.record[None, :], len(rows), axis=0)
    check = np.full(len(rows), shape.check, np.uint32)
    body = out[:, 12:-4]
    for at, given in (
        (_TIME, time[rows].astype("<f8").view(np.uint8).reshape(-1, 8)),
        (slice(10, 10 + width), _varints(step[rows], width)),
        (slice(-8, None), value[rows].astype("<f8").view(np.uint8).reshape(-1, 8)),
    ):
        body[:, at] = given
        columns = range(body.shape[1])[at]
        for place, column in zip(columns, given.T, strict=True):
            low, high = int(column.min()), int(column.max())
            adds = _adds(body.shape[1] - 1 - place)
            check ^= adds[low] if low == high else adds[column]
    out[:, -4:] = mask(check).astype("<u4").view(np.uint8).reshape(-1, 4)
    return out


class _Shape(NamedTuple):
    """Of events that differ in step, time and value only: where these are, there are zeros."""

    record: Bytes
    check: int
    """The checksum of the event."""


@cache
def _shape(name: str, begins: int, width: int) -> _Shape:
    tensor = packed(1 << 3) + packed(2) + delimited(2, b"") + delimited(6, bytes(8))
    summary = delimited(1, name.encode("utf-8", "replace"))
    if begins:
        summary += delimited(9, delimited(1, delimited(1, b"scalars")) + packed(4 << 3) + packed(1))
    summary += delimited(8, tensor)
    body = event(0.0) + packed(2 << 3) + bytes(width) + delimited(5, delimited(1, summary))
    return _Shape(np.frombuffer(record(body), np.uint8), crc32c(body))


@cache
def _adds(behind: int) -> Sums:
    """Return what each value of a byte adds to a checksum, by how many bytes come behind it."""
    base = crc32c(bytes(1 + behind))
    sums = [crc32c(bytes([byte]) + bytes(behind)) ^ base for byte in range(256)]
    return np.array(sums, np.uint32)


def _width(step: Ints) -> Ints:
    """Return how many bytes each step takes as a varint."""
    bounds = np.array([1 << 7 * count for count in range(1, 9)], np.int64)
    return np.where(step < 0, 10, 1 + np.searchsorted(bounds, step, side="right"))


def _varints(step: Ints, width: int) -> Bytes:
    """Return steps as varints of the same width."""
    shifts = np.arange(0, 7 * width, 7, dtype=np.uint64)
    out: Bytes = (step.astype(np.uint64)[:, None] >> shifts & np.uint64(127)).astype(np.uint8)
    out[:, :-1] |= 128
    return out
