"""CRC-32C (Castagnoli), which Python's library lacks; masked as TFRecord files store it.

Polynomial 0x1EDC6F41, reflected. Source: RFC 3720, appendix B.4; the mask is from
TensorFlow's core/lib/hash/crc32c.h.
"""

from __future__ import annotations

from typing import Any, TypeVar

_T = TypeVar("_T")
"""A whole number, or an array of them."""


def _entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (0x82F63B78 if index & 1 else 0)
    return index


_TABLE = tuple(map(_entry, range(256)))


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes."""
    table, crc = _TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """Return the masked CRC-32C of some bytes."""
    return mask(crc32c(data))


def mask(crc: _T) -> _T:
    """Return a CRC-32C, or each of an array of them, masked."""
    bits: Any = crc
    turned: _T = ((bits >> 15 | bits << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return turned
