"""What a recording consists of. A time is the difference of its bits to those of the time before it.

So it is exact, and small: the bits of positive floats are in the order of the floats.
"""

from __future__ import annotations

import math
import struct

import msgspec

from runwatch.core import sample
from runwatch.watcher.ingest import wire

VERSION = 1
_BITS = struct.Struct("<d"), struct.Struct("<q")


class Began(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The recording begins."""

    at: int
    version: int
    software: str
    format: str | None
    """The only format that logs were read as; None: it was detected."""


class Took(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """A worker's message."""

    at: int
    message: wire.Message


class Lines(msgspec.Struct, frozen=True, array_like=True, tag="l"):
    """The next bytes of a log, which are read from it again."""

    at: int
    """When they came."""
    source: int
    """Which of the sources that were opened."""
    count: int
    live: bool
    late: bool
    left: int
    written: int | None = None
    """When the log was written to last: the difference to `at`."""
    check: int | None = None
    """CRC-32 of the newest bytes up to their end, now and then."""


class Sampled(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """A sampler's message."""

    at: int
    group: str
    message: sample.Message


class Changed(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """Values of the machine, as far as they differ from those of the same names before."""

    at: int
    """When they were measured."""
    shape: int
    """Which of the groups and sets of names that were sampled."""
    values: dict[int, float]
    """Place of the name -> value."""


class Ticked(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """Rules judged the passing of time."""

    at: int
    groups: tuple[str, ...] | None = None
    """Of these groups; None: of the same as before."""


class Jumped(msgspec.Struct, frozen=True, array_like=True, tag="j"):
    """The clock was set."""

    at: int
    seconds: float


Entry = Began | Took | Lines | Sampled | Changed | Ticked | Jumped
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Entry).decode


def bits(time: float) -> int:
    """Return the bits of a time as a number."""
    return int(_BITS[1].unpack(_BITS[0].pack(time))[0])


def time_of(number: int) -> float:
    """Return the time that has these bits. Raises ValueError if none has."""
    found = float(_BITS[0].unpack(_BITS[1].pack(number))[0]) if 0 <= number < 1 << 63 else math.nan
    if not math.isfinite(found):
        raise ValueError("not a time")
    return found
