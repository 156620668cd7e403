"""Values as TensorBoard event files, by a writer of our own: one directory for each run, source and rank.

A file is a sequence of records: length u64, masked CRC-32C of it, an Event message, masked CRC-32C of
that. A scalar is a tensor of one float64, so that no bit is lost; the first of a tag says that it is for
TensorBoard's plugin of scalars. Sources: TensorFlow's event.proto, summary.proto, tensor.proto.
"""

from __future__ import annotations

import math
import os
import struct
from hashlib import blake2b

from runwatch.export.values import Values, folder
from runwatch.parsers.framing.crc32c import many, masked

_LENGTH = struct.Struct("<Q")
_CHECK = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")
_DAY = 86_400.0


class EventFiles:
    """A directory of event files."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._files: dict[tuple[object, ...], _File] = {}
        self._taken: dict[str, tuple[object, ...]] = {}

    def write(self, values: Values) -> None:
        """Append values."""
        key = values.run, values.stage, values.source, values.rank, values.node
        if key not in self._files:
            self._files[key] = _File(os.path.join(self._directory, self._place(key)))
        self._files[key].write(values)

    def close(self) -> None:
        """End: every file is complete after each write."""

    def _place(self, key: tuple[object, ...]) -> str:
        """Return the directory of a run, stage, source and rank; the first source needs none of its own."""
        run, stage, source, rank, node = key
        parts = [str(run), *([f"stage{stage}"] if stage != 1 else [])]
        others = {known[2] for known in self._files if known[:2] == key[:2]}
        if others - {source}:
            parts.append(os.path.basename(str(source)))
        parts += [f"node{node}"] if node is not None else []
        parts += [f"rank{rank}"] if rank is not None else []
        place = folder("/".join(parts))
        if self._taken.setdefault(place, key) != key:
            place = f"{place}-{blake2b(repr(key).encode(), digest_size=4).hexdigest()}"
        return place


class _File:
    """One event file; opened for each write, so that any number of them is no burden."""

    def __init__(self, directory: str) -> None:
        self._directory, self._path = directory, ""
        self._known: set[str] = set()
        """Tags that it has values of."""
        self._time = 0.0
        self._counts: dict[str, int] = {}

    def write(self, values: Values) -> None:
        """Append values."""
        bodies: list[bytes] = []
        if not self._path:
            bodies.append(self._begin(values))
        columns = values.metric, values.step, values.time, values.value
        for metric, step, time, value in zip(*(column.tolist() for column in columns), strict=True):
            tag = values.names[metric]
            count = self._counts[tag] = self._counts.get(tag, -1) + 1
            self._time = time if time >= _DAY else self._time
            bodies.append(self._event(tag, int(step) if math.isfinite(step) else count, value))
        with open(self._path, "ab") as file:
            file.write(_framed(bodies))

    def _begin(self, values: Values) -> bytes:
        os.makedirs(self._directory, exist_ok=True)
        dated = values.time[values.time >= _DAY]
        self._time = float(dated[0]) if len(dated) else 0.0
        self._path = os.path.join(self._directory, f"events.out.tfevents.{int(self._time):010d}.runwatch")
        return _fixed(1, self._time) + _field(3, b"brain.Event:2")

    def _event(self, tag: str, step: int, value: float) -> bytes:
        tensor = _varint(1, 2) + _field(2, b"") + _field(6, _DOUBLE.pack(value))
        summary = _field(1, tag.encode("utf-8", "replace"))
        if tag not in self._known:
            self._known.add(tag)
            summary += _field(9, _field(1, _field(1, b"scalars")) + _varint(4, 1))
        summary += _field(8, tensor)
        return _fixed(1, self._time) + _varint(2, step) + _field(5, _field(1, summary))


def _framed(bodies: list[bytes]) -> bytes:
    out = bytearray()
    for body, check in zip(bodies, many(bodies), strict=True):
        length = _LENGTH.pack(len(body))
        out += length + _CHECK.pack(masked(length)) + body + _CHECK.pack(check)
    return bytes(out)


def _number(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _fixed(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + _DOUBLE.pack(value)


def _field(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value
