"""Protobuf's wire format, as much of it as trackers' files need: read, and written.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")

Value = int | bytes


class MalformedError(ValueError):
    """The bytes are no message."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends. Raises MalformedError."""
    number = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number, at
            shift += 7
            if shift > 63:
                raise MalformedError
    except IndexError:
        raise MalformedError from None


def packed(number: int) -> bytes:
    """Return a number as a varint."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def delimited(key: int, value: bytes) -> bytes:
    """Return a field that is bytes, text or a message."""
    return packed(key << 3 | BYTES) + packed(len(value)) + value


def fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[int, int, Value]]:
    """Yield (field number, wire type, int or raw bytes) of a message. Raises MalformedError."""
    end = len(data) if end is None else end
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            value: Value
            value, at = varint(data, at)
        else:
            if kind == BYTES:
                size, at = varint(data, at)
            elif kind == FIXED32:
                size = 4
            elif kind == FIXED64:
                size = 8
            else:
                raise MalformedError
            value = data[at : at + size]
            at += size
        if at > end:
            raise MalformedError
        yield tag >> 3, kind, value


def parts(raw: Value) -> dict[int, Value]:
    """Return a message by field number; of a field that is repeated the last. Raises MalformedError."""
    return {field: value for field, _, value in fields(message(raw))}


def signed(number: int) -> int:
    """Return a varint as the int32 or int64 it means."""
    return number - (1 << 64) if number >> 63 else number


def zigzag(number: int) -> int:
    """Return a varint as the sint32 or sint64 it means."""
    return number >> 1 ^ -(number & 1)


def double(raw: Value) -> float:
    """Return the number in eight raw bytes. Raises MalformedError for another field."""
    if not isinstance(raw, bytes) or len(raw) != 8:
        raise MalformedError
    return float(_DOUBLE.unpack(raw)[0])


def float32(raw: Value) -> float:
    """Return the number in four raw bytes. Raises MalformedError for another field."""
    if not isinstance(raw, bytes) or len(raw) != 4:
        raise MalformedError
    return float(_FLOAT.unpack(raw)[0])


def text(raw: Value, limit: int = 1000) -> str:
    """Return a string field's text; invalid UTF-8 becomes U+FFFD, other fields nothing."""
    return raw[: 4 * limit].decode("utf-8", "replace")[:limit] if isinstance(raw, bytes) else ""


def message(raw: Value) -> bytes:
    """Return the bytes of a message field. Raises MalformedError for another field."""
    if not isinstance(raw, bytes):
        raise MalformedError
    return raw
