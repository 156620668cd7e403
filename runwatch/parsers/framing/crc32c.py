"""CRC-32C (Castagnoli), which Python's library lacks; masked as TFRecord files store it.

Polynomial 0x1EDC6F41, reflected. Source: RFC 3720, appendix B.4; the mask is from
TensorFlow's core/lib/hash/crc32c.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MUCH = 1 << 19
"""From so many bytes on, numpy is worth its import."""
_LONG = 4096


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


@overload
def mask(crc: int) -> int: ...
@overload
def mask(crc: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
def mask(crc: Any) -> Any:
    """Return a CRC-32C, or each of an array of them, masked."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def many(texts: Sequence[bytes]) -> Iterable[int]:
    """Return the masked CRC-32C of each text."""
    if sum(map(len, texts)) < _MUCH:
        return map(masked, texts)
    return _in_columns(texts)


def _in_columns(texts: Sequence[bytes]) -> list[int]:
    """Fold all texts of a length at once, byte by byte: few lengths are common among records."""
    import numpy as np

    table = np.array(_TABLE, np.uint32)
    by_length: dict[int, list[int]] = {}
    for index, text in enumerate(texts):
        by_length.setdefault(len(text), []).append(index)
    sums = [0] * len(texts)
    for length, indices in by_length.items():
        if len(indices) < 8 or length > _LONG:
            for index in indices:
                sums[index] = masked(texts[index])
            continue
        rows = np.frombuffer(b"".join([texts[i] for i in indices]), np.uint8).reshape(-1, length)
        crc = np.full(len(indices), 0xFFFFFFFF, np.uint32)
        for column in np.ascontiguousarray(rows.T):
            crc = table[(crc ^ column) & 255] ^ (crc >> 8)
        for index, value in zip(indices, mask(~crc).tolist(), strict=True):
            sums[index] = value
    return sums
