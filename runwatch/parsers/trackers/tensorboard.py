"""TensorBoard event files: what the events of an `events.out.tfevents.*` file say.

The messages are those of TensorFlow's event.proto, summary.proto and tensor.proto; only
their field numbers are here. Scalars are read in both of their encodings: as
`simple_value`, and as a tensor of one number. A writer gives an event to each tag, so
the first of a step is the training record and the others are samples next to it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from runwatch.core.batch import EVAL, TRAIN, Event
from runwatch.core.metrics import LOSS, Unit
from runwatch.core.text import shown
from runwatch.parsers.api import Known, Layout
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.framing.crc32c import masked
from runwatch.parsers.framing.protobuf import (
    MalformedError,
    Value,
    delimited,
    double,
    fields,
    float32,
    message,
    packed,
    parts,
    signed,
    text,
    varint,
)
from runwatch.parsers.framing.record_files import Records
from runwatch.parsers.lexicon.names import meaning, once, unit_of
from runwatch.parsers.structured.keyed_records import Schema

_SCHEMA = Schema("tfevents", aliases={"total_loss": "train/loss", "lm-loss-training/lm loss": "train/loss"})
_WALL_TIME, _STEP, _SUMMARY, _SESSION = 1, 2, 5, 7
_START = 1
_MAX_TAGS = 2048
_MAX_SHAPES = 4096
_NAME = 200
_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")


_Record = tuple[int, bytes, int]
"""The stream's byte at which it begins, its data, and what its checksum should be."""
_Scalars = tuple[_Record, int, float, float, tuple[str, ...], list[float]]
"""The numbers of one event: its record and the record's number, Unix time, step, tags, values."""


class EventDecoder:
    """Decodes events; remembers names, and how far each tag is. Bounded."""

    def __init__(self) -> None:
        self._alike: dict[bytes, tuple[str]] = {}
        """Bytes of an event between its step and its value -> the tag, if they fix it."""
        self._names: Known[str, str] = Known(self._name, _MAX_TAGS)
        self._layouts = Known(self._build, _MAX_SHAPES)
        self._last: dict[str, float] = {}
        """Newest step of each tag."""
        self._step = float("-inf")
        """Highest step since the beginning or the last restart."""

    def decode(self, records: Records, line: int, piece: Piece) -> Sequence[tuple[int, str]]:
        """Add rows and events; there are no console lines."""
        rows = zip(records.offsets, records.data, records.checks, strict=True)
        for number, record in enumerate(rows, line):
            scalars = self._quickly(record, number)
            if scalars is None:
                try:
                    scalars = self._wholly(record, number)
                except MalformedError:
                    piece.unparsed += 1
            if scalars is not None:
                self._add(scalars, piece)
        return ()

    def flush(self, piece: Piece) -> None:
        """Do nothing: an event is complete with its record."""

    def _quickly(self, record: _Record, line: int) -> _Scalars | None:
        """Return the scalar of an event that differs from a known one in time, step and value only."""
        data = record[1]
        if data[:1] != b"\x09" or data[9:10] != b"\x10" or len(data) < 16:
            return None
        step, at = data[10], 11
        if step > 127:
            try:
                step, at = varint(data, 10)
            except MalformedError:
                return None
        tags = self._alike.get(data[at:-4])
        if tags is None or at + 4 > len(data):
            return None
        time = _DOUBLE.unpack_from(data, 1)[0]
        value = _FLOAT.unpack_from(data, len(data) - 4)[0]
        return record, line, time, float(signed(step)), tags, [value]

    def _wholly(self, record: _Record, line: int) -> _Scalars | None:
        """Return the scalars of any event. Raises MalformedError if it cannot be read."""
        time = step = 0.0
        scalars: dict[str, float] = {}
        for field, _, value in fields(record[1]):
            if field == _WALL_TIME:
                time = double(value)
            elif field == _STEP and isinstance(value, int):
                step = float(signed(value))
            elif field == _SUMMARY:
                scalars.update(_summary(message(value)))
            elif field == _SESSION and parts(value).get(1) == _START and masked(record[1]) == record[2]:
                self._begin()
        if not scalars:
            return None
        if len(scalars) == 1:
            self._remember(record[1], *scalars)
        return record, line, time, step, tuple(scalars), list(scalars.values())

    def _remember(self, data: bytes, tag: str) -> None:
        """Learn what surrounds the value of a `simple_value`, if nothing but time and step precedes."""
        if data[:1] != b"\x09" or data[9:10] != b"\x10":
            return
        _, at = varint(data, 10)
        rest = data[at:-4]
        # summary{value{tag, simple_value}}, each to the very end
        value = delimited(1, tag.encode()) + b"\x15"
        summary = b"\x0a" + packed(len(value) + 4) + value
        if rest == b"\x2a" + packed(len(summary) + 4) + summary:
            if len(self._alike) >= _MAX_SHAPES:
                self._alike.clear()
            self._alike[rest] = (tag,)

    def _add(self, scalars: _Scalars, piece: Piece) -> None:
        """Add an event if its checksum is right."""
        (offset, data, checksum), line, time, step, tags, values = scalars
        if masked(data) != checksum:
            piece.unparsed += 1
            title = f"damaged: record {line} is passed over, its checksum is wrong"
            piece.events.append(Event("damaged", offset, line, title))
            return
        layout = self._layouts[tags][self._nearby(tags, step)]
        stored = (unit.apply(value) for unit, value in zip(layout.units[2:], values, strict=True))
        piece.add(layout, offset, line, [step, time, *stored])

    def _nearby(self, tags: tuple[str, ...], step: float) -> bool:
        """Return whether an event is of a reported step; a tag that goes back before itself is a restart."""
        last = self._last
        if any(last.get(tag, step) > step for tag in tags):
            self._begin()
        for tag in tags:
            if tag in last or len(last) < _MAX_TAGS:
                last[tag] = step
        if step <= self._step:
            return True
        self._step = step
        return False

    def _begin(self) -> None:
        self._last.clear()
        self._step = float("-inf")

    def _build(self, tags: tuple[str, ...]) -> tuple[Layout, Layout]:
        """Return the layouts of a first event of a step and of further ones."""
        names = tuple(self._names[tag] for tag in tags)
        reported = map(shown, tags)
        printed = {name: tag for name, tag in zip(names, reported, strict=True) if name != tag}
        units = (Unit(), Unit(), *(unit_of(name, "", tag) for name, tag in zip(names, tags, strict=True)))
        first, nearby = (
            Layout(kind, "tfevents", ("step", "time", *names), units, printed) for kind in (TRAIN, EVAL)
        )
        return first, nearby

    def _name(self, tag: str) -> str:
        """Return the metric a tag is; of two tags of one meaning, the second keeps its own name."""
        name = _SCHEMA.metric(tag, TRAIN) or f"tag/{tag}"
        if name == LOSS and tag not in _SCHEMA.aliases and meaning(tag).loose:
            name = tag  # the loss itself may be a later tag
        return shown(once(tag) if name in self._names.values() else name)


# -- scalars -------------------------------------------------------------------------------------


def _summary(data: bytes) -> Iterator[tuple[str, float]]:
    """Yield (tag, value) of a Summary's scalars."""
    for field, _, part in fields(data):
        if field != 1:
            continue
        held = parts(part)
        tag, number = text(held.get(1, b""), _NAME), None
        if 2 in held:
            number = float32(held[2])
        elif 8 in held:
            number = _tensor(held[8])
        plugin = parts(parts(held.get(9, b"")).get(1, b""))
        if number is not None and text(plugin.get(1, b""), 50) in ("", "scalars") and tag:
            yield tag, number


_TYPES = {1: (5, "<f"), 2: (6, "<d"), 14: (13, "<f"), 19: (13, "<e"), 3: (7, "<i"), 9: (10, "<q")}
"""DataType -> (field of its values, how one is packed in tensor_content)."""
_BFLOAT16 = 14
"""The upper half of a float."""


def _tensor(data: Value) -> float | None:
    """Return the number that a tensor of one number holds; None for any other tensor."""
    held = parts(data)
    kind, raw = held.get(1), held.get(4, b"")
    if not isinstance(kind, int) or kind not in _TYPES or _elements(message(held.get(2, b""))) != 1:
        return None
    field, packing = _TYPES[kind]
    if not raw:
        raw = held.get(field, b"")
        if field not in (5, 6):  # varints, packed or not
            number = raw if isinstance(raw, int) else varint(raw, 0)[0] if raw else 0
            if field != 13:
                return float(signed(number))
            raw = number.to_bytes(8, "little")[:2]
    if not raw:
        return 0.0
    raw = b"\0\0" * (kind == _BFLOAT16) + message(raw)
    return float(struct.unpack(packing, raw)[0]) if len(raw) == struct.calcsize(packing) else None


def _elements(data: bytes) -> int:
    """Return the number of elements of a TensorShape."""
    count = 1
    for field, _, dim in fields(data):
        if field == 2:
            size = parts(dim).get(1, 0)
            count *= signed(size) if isinstance(size, int) else 0
    return count
