"""W&B's transaction log: what the records of a `run-*.wandb` file say.

The messages are those of W&B's wandb_internal.proto; only their field numbers are
here. A history row's values are JSON texts, so the numbers are those that were logged,
bit for bit. Summary records repeat the history and are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from runwatch.core.batch import EVAL, PLAN, TRAIN, Event
from runwatch.core.metrics import Unit
from runwatch.parsers.api import Known, Layout
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.framing.protobuf import (
    MalformedError,
    Value,
    fields,
    message,
    parts,
    signed,
    text,
    varint,
)
from runwatch.parsers.framing.record_files import Records
from runwatch.parsers.structured.keyed_records import RecordReader, Schema
from runwatch.parsers.trackers.wandb.notes import Console, Facts, item, of_config, of_machine, of_run, stats

_HISTORY, _SUMMARY, _OUTPUT, _CONFIG, _STATS, _ALERT = 2, 3, 4, 5, 7, 10
_OUTPUT_RAW, _RUN, _EXIT, _PREEMPTING, _ENVIRONMENT = 13, 17, 18, 23, 26
_Facts = Callable[[bytes], Iterable[tuple[str, str]]]
_FACTS: dict[int, _Facts] = {_RUN: of_run, _CONFIG: of_config, _ENVIRONMENT: of_machine}
"""What reads the facts of records."""

_SCHEMA = Schema(
    "wandb",
    otherwise=TRAIN,
    modes=(),
    skip=re.compile(r"^_(?!step$)"),  # _runtime, _timestamp, _wandb
)
_ITEM = re.compile(rb"\n.[\n\x12].([ -~]+)\x82\x01.([-+.0-9EINaefinty]+)", re.DOTALL)
"""An item of history as nearly all are: a key of one part, a number; 7 bytes next to them."""
_QUOTED = {b'"NaN"': b"NaN", b'"Infinity"': b"Infinity", b'"-Infinity"': b"-Infinity"}
_MAX_SHAPES = 512
_INTERRUPTED = 255


@dataclass(frozen=True, slots=True)
class HistoryShape:
    """What history rows that hold the same keys become."""

    layout: Layout
    again: Layout
    """For one more row of a step: its samples count, but it is no further step."""
    unplaced: Layout
    """For a row that only says how many rows there were before it, where others know the step."""
    get: Callable[[Mapping[bytes, bytes]], tuple[bytes, ...]]
    """Returns the texts of the columns' values."""
    units: tuple[tuple[int, Unit], ...]
    """The columns that are not stored as they are, and how."""
    counted: bool
    """Its step is the number of rows before it."""


class WandbDecoder:
    """Decodes records; remembers the newest step, the facts reported, and the console's unfinished line."""

    def __init__(self) -> None:
        self._reader = RecordReader(_SCHEMA)
        self._shapes = Known(self._build, _MAX_SHAPES)
        self._step: float | None = None
        self._placed = False
        """Rows of training say which step they are of, by a key of their own."""
        self._facts = Facts()
        self._console = Console()

    def decode(self, records: Records, line: int, piece: Piece) -> Sequence[tuple[int, str]]:
        """Add rows and events; return the console lines that ended."""
        shown: list[tuple[int, str]] = []
        for number, (offset, data) in enumerate(records, line):
            shown += self._read(data, offset, number, piece)
        return shown

    def _read(self, data: bytes, offset: int, number: int, piece: Piece) -> Iterable[tuple[int, str]]:
        """Take in a record; return the console lines that ended."""
        shown: list[tuple[int, str]] = []
        try:
            at = 0
            if data[0] == 8:  # the record's number comes first
                at = 1
                while data[at] > 127:
                    at += 1
                at += 1
            tag = data[at]
            if tag == _SUMMARY << 3 | 2:
                return ()
            if tag == _HISTORY << 3 | 2:
                size, at = varint(data, at + 1)
                self.add_row(_row(data, at, at + size), offset, number, piece)
                return ()
            for field, _, value in fields(data):
                if field == _HISTORY:
                    self.add_row(_row(message(value), 0, len(message(value))), offset, number, piece)
                else:
                    shown += self._take(field, value, offset, number, piece)
        except (MalformedError, IndexError):
            piece.unparsed += 1
        return shown

    def flush(self, piece: Piece) -> None:
        """Add the event of a traceback that the console's end cut off."""
        piece.events += self._console.flush()

    def _take(
        self, field: int, value: Value, offset: int, line: int, piece: Piece
    ) -> Iterable[tuple[int, str]]:
        """Take in a record other than the common ones; return the console lines that ended."""
        if field in (_OUTPUT, _OUTPUT_RAW):
            lines, events = self._console.feed(message(value), offset, line)
            piece.events += events
            return lines
        if field == _STATS:
            found = stats(message(value))
            if found is not None:
                piece.add(found[0], offset, line, found[1])
        elif field in _FACTS:
            self._learn(field, message(value), offset, line, piece)
        elif field == _ALERT:
            said = {number: text(part) for number, part in parts(value).items()}
            data = {"text": said.get(2, ""), "level": said.get(3, "")}
            piece.events.append(Event("alert", offset, line, said.get(1, "")[:300], data=data))
        elif field == _PREEMPTING:
            piece.events.append(Event("preempting", offset, line, "The run says it is about to be preempted"))
        elif field == _EXIT:
            piece.events.append(_exit(value, offset, line))
        return ()

    def _learn(self, field: int, data: bytes, offset: int, line: int, piece: Piece) -> None:
        """Report the facts that are new in a record, and the planned number of steps if it is among them."""
        new = self._facts.new(_FACTS[field](data))
        if not new:
            return
        piece.events.append(Event("facts", offset, line, new.get("name", "configuration"), data=new))
        total = self._facts.total(new)
        if total is not None:
            piece.add(Layout(PLAN, "wandb", ("total",), (Unit(),)), offset, line, [total])

    def add_row(self, row: dict[bytes, bytes], offset: int, line: int, piece: Piece) -> None:
        """Add a history row: {key: JSON text}."""
        found = self._stored(row)
        if found is None:
            return
        shape, values = found
        layout = shape.layout
        if shape.counted and self._placed:
            layout = shape.unplaced
            del values[0]
        elif layout.kind == TRAIN:
            self._placed = self._placed or not shape.counted
            if values[0] == self._step:
                layout = shape.again
            self._step = values[0]
        piece.add(layout, offset, line, values)

    def _stored(self, row: dict[bytes, bytes]) -> tuple[HistoryShape, list[float]] | None:
        """Return a row's shape and stored values, or None if it has no step or nothing else."""
        shape = self._shapes[frozenset(row)]
        if shape is None:
            return None
        try:
            values = list(map(float, shape.get(row)))
        except ValueError:
            row = {key: known for key, value in row.items() if (known := _number(value)) is not None}
            shape = self._shapes[frozenset(row)]
            if shape is None:
                return None
            values = list(map(float, shape.get(row)))
        for column, unit in shape.units:
            values[column] = unit.apply(values[column])
        return shape, values

    def _build(self, keys: frozenset[bytes]) -> HistoryShape | None:
        named = {key.decode("utf-8", "replace"): key for key in sorted(keys)}
        found = self._reader.shape(tuple(n for n in named if not _SCHEMA.skip.match(n)), None)
        if found is None or found.layout.names[:1] != ("step",):
            return None
        layout, columns = found.layout, [named[key] for key in found.keys]
        if b"_timestamp" in keys:
            layout = layout.extended(("time",))
            columns.append(b"_timestamp")
        again = replace(layout, kind=EVAL)
        return HistoryShape(
            layout,
            again,
            replace(again, names=again.names[1:], units=again.units[1:]),
            itemgetter(*columns),  # a step and a metric at least, so it returns a tuple
            tuple((at, unit) for at, unit in enumerate(layout.units) if unit != Unit()),
            found.keys[0] == "_step",
        )


def _row(data: bytes, at: int, end: int) -> dict[bytes, bytes]:
    """Return {key: JSON text} of a HistoryRecord. Raises MalformedError where it is none."""
    if end > len(data):
        raise MalformedError
    row: dict[bytes, bytes] = dict(_ITEM.findall(data, at, end))
    done = at + 7 * len(row) + len(b"".join(row)) + len(b"".join(row.values()))
    if done == end:
        return row
    if done + 2 < end == done + 2 + data[done + 1] and data[done] == 0x12 and b"_step" in row:
        return row  # the step is repeated behind the items
    row.clear()
    for field, _, value in fields(data, at, end):
        if field == 1:
            path, json_text = item(message(value))
            row |= {b".".join(path): json_text} if path else {}
        elif field == 2:  # HistoryStep: of writers that make no item of it
            for _, _, number in fields(message(value)):
                if isinstance(number, int):
                    row.setdefault(b"_step", b"%d" % signed(number))
    return row


def _number(value: bytes) -> bytes | None:
    """Return the text of a number, or None for any other JSON."""
    value = _QUOTED.get(value, value)
    try:
        float(value)
    except ValueError:
        return None
    return value


def _exit(data: Value, offset: int, line: int) -> Event:
    """Return the event of a run's own end."""
    number = parts(data).get(1, 0)
    code = signed(number) if isinstance(number, int) else 0
    reported = {"exit_code": str(code)}
    if code == 0:
        return Event("finished", offset, line, "W&B recorded the end of the run", data=reported)
    if code == _INTERRUPTED:
        title = "W&B recorded the end of the run: interrupted (SIGINT), exit code 255"
        return Event("signal", offset, line, title, data=reported)
    return Event("error", offset, line, f"W&B recorded the end of the run: exit code {code}", data=reported)
