"""Formats of checkpoints that are known by how they begin; few of them say how they end.

What begins like none of them is not judged: it may be somebody's own format, or no checkpoint at all.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""(offset, length) -> the bytes there, fewer at the end of the file. May raise OSError."""


class Whole(Enum):
    """What a look at a file's bytes says."""

    YES = "yes"
    NO = "no"
    UNCHECKED = "unchecked"
    """A known format whose end cannot be recognized."""
    UNKNOWN = "unknown"
    """It is not recognized as what its name says, or cannot be read."""


class Verdict(NamedTuple):
    """The judgement of one file, and why."""

    whole: Whole
    reason: str = ""


FINE = Verdict(Whole.YES)
STRANGE = Verdict(Whole.UNKNOWN, "is in no known format")
HEAD = 320
"""Bytes from the beginning that show the format."""
_BEGINS = (
    (
        rb"\x80.{1,16}?\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.",
        "is in torch's old format: its end cannot be checked",
    ),
    (rb"\x80(?:[\x02\x03][}\](cKMJX\x8a]|[\x04\x05]\x95)", "is a pickle: its end cannot be checked"),
    (rb"\x93NUMPY", "is a numpy array: its end is not checked"),
)
"""How files begin that do not say where they end; the first is the magic number of torch's old format."""
_MAP = re.compile(rb"(?:[\x80-\x8f]|\xde..|\xdf....)(?:[\xa0-\xbf]|\xd9|\xda|\xdb)", re.DOTALL)
"""How a msgpack map with texts as keys begins."""
_BLOCK = 512


def known(name: str, head: bytes, size: int, read: Read) -> Verdict:
    """Judge a file by the format that its `head` shows. Raises what `read` raises."""
    for begin, reason in _BEGINS:
        if re.match(begin, head, re.DOTALL):
            return Verdict(Whole.UNCHECKED, reason)
    if head[257:262] == b"ustar":
        return _tar(size, read)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(head, size)
    if name.endswith(".msgpack") and _MAP.match(head):
        return Verdict(Whole.UNCHECKED, "is msgpack: its end cannot be checked")
    return STRANGE


def _tar(size: int, read: Read) -> Verdict:
    """Judge a tar archive, as the first versions of torch wrote: it ends with two blocks of zeros."""
    if size % _BLOCK or read(max(0, size - 2 * _BLOCK), 2 * _BLOCK).strip(b"\0"):
        return Verdict(Whole.NO, "stops short: no end of the tar archive")
    return FINE


def _hdf5(head: bytes, size: int) -> Verdict:
    """Judge an HDF5 file, such as Keras writes: its superblock says where it ends.

    Source: the format's specification, https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
    """
    version = head[8] if len(head) > 8 else 0
    wide, at = (13, 40 + 4 * version) if version < 2 else (9, 28)
    if len(head) < at + 8:
        return Verdict(Whole.NO, "stops short: no whole superblock")
    if head[wide] != 8:
        return Verdict(Whole.UNCHECKED, "is HDF5 with short addresses: its end is not checked")
    (due,) = struct.unpack_from("<Q", head, at)
    return FINE if size >= due else Verdict(Whole.NO, f"stops short: {size:,} of {due:,} bytes")


def manifest(head: bytes, size: int) -> Verdict:
    """Judge the manifest of an OCDBT database, such as Orbax writes: it says how long it is.

    Source: https://google.github.io/tensorstore/kvstore/ocdbt/index.html.
    """
    if not head.startswith(b"\x0c\xdb\x3a\x2a"):
        return STRANGE
    if len(head) < 12:
        return Verdict(Whole.NO, "stops short: no whole header")
    (due,) = struct.unpack_from("<Q", head, 4)
    return FINE if size == due else Verdict(Whole.NO, f"has {size:,} bytes instead of {due:,}")


def shard(head: bytes) -> Verdict:
    """Judge a shard of torch DCP: saved tensors one behind the other; the metadata says how many bytes."""
    return FINE if head.startswith(b"PK\x03\x04") or head[8:9] == b"{" else STRANGE
