"""Writers of W&B logs and TensorBoard event files, made for the tests from the formats' descriptions."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping

from runwatch.parsers.framing.crc32c import masked

BLOCK = 32768
WANDB_HEAD = b":W&B\xe1\xbe\x00"


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number: int, value: bytes | str | int | float) -> bytes:
    """One protobuf field: bytes and text by length, an int as varint, a float as double."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


# -- W&B ------------------------------------------------------------------------------------------


def blocks(records: Iterable[bytes], at: int = 0) -> bytes:
    """LevelDB's framing of records from file offset `at` on; the file's head comes first at 0."""
    out = bytearray(WANDB_HEAD if at == 0 else b"")
    for rest in records:
        record, begun = rest, False
        while True:
            room = BLOCK - (at + len(out)) % BLOCK
            if room < 7:
                out += bytes(room)
                continue
            part, record = record[: room - 7], record[room - 7 :]
            kind = (3 if record else 4) if begun else (2 if record else 1)
            body = bytes([kind]) + part
            out += struct.pack("<IH", zlib.crc32(body), len(part)) + body
            begun = True
            if not record:
                break
    return bytes(out)


def item(key: str, value: object, *, nested: bool = True) -> bytes:
    """An item of history, configuration or system metrics; a dotted key in parts."""
    keys = b"".join(field(2, part) for part in key.split(".")) if nested else field(1, key)
    return keys + field(16, value if isinstance(value, str) else json.dumps(value))


def wandb(kind: int, message: bytes, number: int = 0) -> bytes:
    """A record of a kind (its field's number), with its own number first if it has one."""
    return (field(1, number) if number else b"") + field(kind, message)


def history(row: Mapping[str, object], number: int = 0, *, nested: bool = True) -> bytes:
    return wandb(2, b"".join(field(1, item(key, value, nested=nested)) for key, value in row.items()), number)


def rows(steps: int, first: int = 0, begun: float = 1.7e9) -> list[dict[str, object]]:
    """History rows as a training loop logs them, an evaluation and a NaN among them."""
    out: list[dict[str, object]] = []
    for step in range(first, first + steps):
        row: dict[str, object] = {"train/loss": 11 / (step + 1), "lr": 3e-4 * step, "_step": step}
        row["_timestamp"], row["_runtime"] = begun + step / 3, step / 3
        if step % 5 == 2:
            row["eval/loss"] = 0.1 * step
        if step == 7:
            row["train/loss"] = float("nan")
        out.append(row)
    return out


def wandb_log(steps: int, *, code: int | None = None, shuffle: bool = True, begun: float = 1.7e9) -> bytes:
    """A run's log: its record, rows each followed by a summary, system metrics, the console, the end."""
    config = field(1, item("lr", 0.1, nested=False)) + field(1, item("max_steps", steps or 1, nested=False))
    records = [
        field(1, 1) + field(21, b""),
        wandb(17, field(1, "abc") + field(3, "proj") + field(4, config) + field(8, "my run"), 2),
    ]
    for number, row in enumerate(rows(steps, begun=begun), 3):
        keys = list(row)
        if shuffle:
            keys = keys[number % len(keys) :] + keys[: number % len(keys)]
        records.append(history({key: row[key] for key in keys}, number))
        records.append(wandb(3, field(1, item("train/loss", row["train/loss"])) * 3, number))
        if number % 7 == 0:
            when = field(1, int(begun) + number) + field(2, 500_000_000)
            machine = field(3, field(1, "gpu.0.gpu") + field(16, "97")) + field(
                3, field(1, "gpu.0.temp") + field(16, "60.5")
            )
            records.append(wandb(7, field(2, when) + machine))
            records += [wandb(13, field(1, 1) + field(3, part)) for part in ("step ", f"{number}", "\n")]
    if code is not None:
        records.append(wandb(18, field(1, code) + field(2, 12)))
    return blocks(records)


# -- TensorBoard ----------------------------------------------------------------------------------


def tfrecord(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked(head)) + data + struct.pack("<I", masked(data))


def simple(tag: str, value: float) -> bytes:
    """A Summary.Value of a scalar as simple_value."""
    return field(1, tag) + varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(tag: str, kind: int, message: bytes, plugin: str = "scalars", shape: bytes = b"") -> bytes:
    """A Summary.Value of a tensor of a DataType; `message` holds its numbers."""
    return (
        field(1, tag)
        + field(8, field(1, kind) + field(2, shape) + message)
        + field(9, field(1, field(1, plugin)))
    )


def event(step: int, *values: bytes, time: float = 1.7e9) -> bytes:
    """A record of an event; no field for step 0, as proto3 writes it."""
    placed = field(2, step) if step else b""
    return tfrecord(
        field(1, time) + placed + (field(5, b"".join(field(1, value) for value in values)) if values else b"")
    )


VERSION = tfrecord(field(1, 1.7e9) + field(3, "brain.Event:2"))
TAGS = ("train/loss", "train/lr", "perf/tok")


def event_file(steps: int, first: int = 0, begun: float = 1.7e9) -> bytes:
    """A file of one event per tag and step, a NaN and an image among them."""
    out = [VERSION]
    for step in range(first, first + steps):
        for place, tag in enumerate(TAGS):
            value = float("nan") if step == 7 and not place else (step + 1) / 3 * 10**place
            out.append(event(step, simple(tag, value), time=begun + step))
        if step % 10 == 4:
            out.append(event(step, field(1, "image") + field(4, field(4, bytes(range(256)) * 9))))
    return b"".join(out)
