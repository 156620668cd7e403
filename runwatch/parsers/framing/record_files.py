"""How W&B and TensorBoard put records into a file: bytes in any pieces to whole records.

Both check themselves, so a torn end is waited for and a damaged stretch is known as
such, reported once, and passed over. Both keep at most MAX_RECORD bytes back.
"""

from __future__ import annotations

import re
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from runwatch.parsers.api import Known
from runwatch.parsers.framing.crc32c import masked

MAX_RECORD = 4 << 20
"""A longer record holds media or a model's graph: it is read past."""


_WRITTEN = re.compile(rb"[^\0]")
_CHECKS: Known[int, int] = Known(lambda size: masked(size.to_bytes(8, "little")), 4096)
"""The checksums of lengths."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records in the file's order, as columns: there are millions."""

    offsets: list[int] = field(default_factory=list)
    """The stream's byte at which each begins."""
    data: list[bytes] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    """What the file says each one's checksum is; empty where they were compared already."""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return zip(self.offsets, self.data, strict=True)

    def split(self, offset: int) -> tuple[Records, Records]:
        """Return those that begin before a byte of the stream, and the others."""
        at = bisect_left(self.offsets, offset)
        before = Records(self.offsets[:at], self.data[:at], self.checks[:at])
        return before, Records(self.offsets[at:], self.data[at:], self.checks[at:])


class Damage(NamedTuple):
    """A stretch that cannot be read; reported once."""

    offset: int
    """Byte of the stream at which it begins."""
    title: str
    after: int
    """How many of the records that came with it precede it."""


class Found(NamedTuple):
    """What became complete, in the file's order."""

    records: Records
    damages: list[Damage]

    def add(self, offset: int, data: bytes) -> None:
        """Add a record whose checksum was compared."""
        self.records.offsets.append(offset)
        self.records.data.append(data)

    def spoiled(self, offset: int, title: str) -> None:
        """Report damage behind the records so far."""
        self.damages.append(Damage(offset, title, len(self.records)))


class LevelDbLog:
    """LevelDB's log format, as W&B writes it: fragments in blocks of 32 KiB.

    A fragment is crc32(type and data) u32, length u16, type u8, data, little endian; a record is a FULL one,
    or FIRST, MIDDLE..., LAST. A block's last bytes, too few for a fragment's head, are zero. The file begins
    with 7 bytes of its own. Source: LevelDB, doc/log_format.md (W&B takes zlib's CRC-32 instead of CRC-32C).
    """

    format = "wandb"
    MAGIC = b":W&B\xe1\xbe\x00"
    BLOCK = 1 << 15
    _HEAD = struct.Struct("<IHB")
    _FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
    _SEEDS = tuple(zlib.crc32(bytes([kind])) for kind in range(5))
    """The checksum of a fragment's type, with which that of its data continues."""

    def __init__(self, at: int = 0, origin: int = 0, *, inside: bool = False) -> None:
        """`at` is the place of the first byte, `origin` the file's; `inside`: no record need begin there."""
        self._at = at
        """Place of the first held byte."""
        self._buffer = b""
        self._origin = origin
        self._skip = 0
        """Bytes to read past before the next fragment."""
        if at == origin:
            self._skip = len(self.MAGIC)
        elif inside:
            self._skip = (origin - at) % self.BLOCK
        self._void: int | None = None
        """Where zeros were passed over; reported when something follows them."""
        self._begun = at
        """Where the record begins whose fragments are being gathered, or the next one."""
        self._parts: list[bytes] | None = None
        self._size = 0

    @property
    def held(self) -> int:
        """Bytes behind the last complete record."""
        return self._at + len(self._buffer) - (self._begun if self._parts else self._at)

    def feed(self, data: bytes) -> Found:
        """Return what became complete."""
        buffer = self._buffer + data if self._buffer else data
        base, end, block, head = self._at, len(buffer), self.BLOCK, self._HEAD
        phase = base - self._origin
        out = Found(Records(), [])
        at = 0
        while True:
            if self._skip:
                passed = min(self._skip, end - at)
                at += passed
                self._skip -= passed
            elif self._parts is None and self._void is None:
                at = self._whole(buffer, at, out)
            room = block - (phase + at) % block
            if self._skip or (room >= 7 and end - at < 7):
                break
            if room < 7:
                self._skip = room
                continue
            crc, size, kind = head.unpack_from(buffer, at)
            if not (size or kind or crc):
                if self._wait(buffer, at, room, out):
                    break
                continue
            stop = at + 7 + size
            sound = size <= room - 7 and 1 <= kind <= 4
            if sound and stop > end:
                break
            body = buffer[at + 7 : stop]
            if not sound or zlib.crc32(body, self._SEEDS[kind]) != crc:
                self._spoil(out, base + at, room)
            else:
                self._take(out, base + at, kind, body)
                at = stop
        self._buffer, self._at = buffer[at:], base + at
        return out

    def _whole(self, buffer: bytes, at: int, out: Found) -> int:
        """Take the sound records from `at` on that are whole in its block; return where they end."""
        base, unpack, crc32, seed = self._at, self._HEAD.unpack_from, zlib.crc32, self._SEEDS[self._FULL]
        add_offset, add = out.records.offsets.append, out.records.data.append
        last = at + self.BLOCK - (base - self._origin + at) % self.BLOCK
        last = min(last, len(buffer))
        while last - at >= 7:
            crc, size, kind = unpack(buffer, at)
            stop = at + 7 + size
            if kind != 1 or stop > last:
                break
            body = buffer[at + 7 : stop]
            if crc32(body, seed) != crc:
                break
            add_offset(base + at)
            add(body)
            at = stop
        return at

    def _wait(self, buffer: bytes, at: int, room: int, out: Found) -> bool:
        """Return whether zeros, where a fragment should begin, may yet be written over.

        What follows them in their block says that they are damage; a block of which
        nothing was written is passed over, and reported when another one was.
        """
        there = min(room, len(buffer) - at)
        if buffer.count(0, at, at + there) < there:
            self._spoil(out, self._at + at, room)
        elif there < room:
            return True
        else:
            self._skip = room
            self._void = self._at + at if self._void is None else self._void
        return False

    def _take(self, out: Found, offset: int, kind: int, body: bytes) -> None:
        """Take a fragment; those of a record whose beginning was not read are passed over."""
        if self._void is not None:
            self._parts = None
            out.spoiled(self._void, f"{offset - self._void} bytes were never written")
            self._void = None
        if kind <= self._FIRST and self._parts is not None:
            self._parts = None
            out.spoiled(self._begun, "a record without its end")
        if kind == self._FULL:
            out.add(offset, body)
        elif kind == self._FIRST:
            self._begun, self._parts, self._size = offset, [body], len(body)
        elif self._parts is not None:
            self._size += len(body)
            if self._size > MAX_RECORD:
                self._parts = None
                return
            self._parts.append(body)
            if kind == self._LAST:
                out.add(self._begun, b"".join(self._parts))
                self._parts = None

    def _spoil(self, out: Found, offset: int, room: int) -> None:
        """Continue at the next block, as nothing shows where the next fragment begins."""
        self._parts = None
        self._skip = room
        out.spoiled(offset, f"damaged: {room} bytes are passed over")


class TFRecords:
    """TFRecord, as TensorBoard writes it: length u64, its masked CRC-32C, data, its masked CRC-32C.

    Behind a damaged length the next place is looked for at which a length and its
    checksum agree. The data's checksum is left to the reader, who knows whether it matters.
    Source: TensorFlow, core/lib/io/record_writer.h.
    """

    format = "tfevents"
    HEAD = 12
    _PACKED = struct.Struct("<QI")
    _MAX_LENGTH = 1 << 31

    def __init__(self, at: int = 0, origin: int = 0, *, inside: bool = False) -> None:
        """See LevelDbLog."""
        self._at = at
        self._buffer = b""
        self._skip = 0
        """Bytes of a long record still to be read past."""
        self._lost = inside
        """Looking for a record's beginning."""
        self._reported = inside
        """Whether this search was reported."""
        self._lost_at = at

    @property
    def held(self) -> int:
        """Bytes behind the last complete record."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Found:
        """Return what became complete."""
        buffer = self._buffer + data if self._buffer else data
        base, end, unpack = self._at, len(buffer), self._PACKED.unpack_from
        out = Found(Records(), [])
        checks = out.records.checks
        at = 0
        while True:
            if self._skip:
                passed = min(self._skip, end - at)
                at += passed
                self._skip -= passed
                if self._skip:
                    break
            if self._lost:
                at = self._search(buffer, at, out)
                if self._lost:
                    break
            if end - at < self.HEAD:
                break
            size, crc = unpack(buffer, at)
            if not self._agree(size, crc):
                self._lost, self._reported, self._lost_at = True, False, base + at
                continue
            if size > MAX_RECORD:
                self._skip = size + 16
                continue
            stop = at + 16 + size
            if stop > end:
                break
            out.add(base + at, buffer[at + self.HEAD : stop - 4])
            checks.append(int.from_bytes(buffer[stop - 4 : stop], "little"))
            at = stop
        self._buffer, self._at = buffer[at:], base + at
        return out

    def _agree(self, size: int, crc: int) -> bool:
        return size < self._MAX_LENGTH and _CHECKS[size] == crc

    def _search(self, buffer: bytes, at: int, out: Found) -> int:
        """Return where the next record begins, or how far there is none.

        Zeros alone are an end that is not written yet: they are reported when a record follows.
        """
        first, end = at, len(buffer)
        while end - at >= self.HEAD:
            if not any(buffer[at : at + self.HEAD]):  # no need to look at zeros one by one
                written = _WRITTEN.search(buffer, at)
                at = (end if written is None else written.start()) - self.HEAD + 1
                continue
            zero = buffer.find(b"\0\0\0\0", at + 4, end - 4)  # the upper half of a length
            if zero < 0:
                at = max(at, end - self.HEAD + 1)
                break
            at = zero - 4
            size, crc = self._PACKED.unpack_from(buffer, at)
            if self._agree(size, crc):
                self._lost = False
                break
            at += 1
        nonzero = buffer.count(0, first, at) < at - first
        if not self._reported and (nonzero or not self._lost):
            self._reported = True
            out.spoiled(self._lost_at, "damaged: the next record is looked for")
        return at


FRAMINGS = (LevelDbLog, TFRecords)


def framing(head: bytes | bytearray) -> type[LevelDbLog] | type[TFRecords] | None:
    """Return how a file is framed that begins so, or None for any other; ask with its first 12 bytes."""
    if head.startswith(LevelDbLog.MAGIC):
        return LevelDbLog
    if len(head) >= TFRecords.HEAD and not any(head[1:8]) and head[0]:  # the first record is short
        return TFRecords if masked(bytes(head[:8])) == int.from_bytes(head[8:12], "little") else None
    return None


def may_be_framed(head: bytes | bytearray) -> bool:
    """Return whether bytes too few to show may begin such a file."""
    if not head:
        return False
    if len(head) < len(LevelDbLog.MAGIC):
        return LevelDbLog.MAGIC.startswith(head) or (head[0] > 0 and not any(head[1:8]))
    return len(head) < TFRecords.HEAD and head[0] > 0 and not any(head[1:8])
