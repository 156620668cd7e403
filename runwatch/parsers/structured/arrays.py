"""Arrays of one length under their names, which are the values of records: a Keras history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import MAX_LINE, Reader, Row
from runwatch.parsers.structured.json_lines import load
from runwatch.parsers.structured.keyed_records import RecordReader, Schema, flatten

_MAX_ENTRIES = 2_000_000
_HISTORY = re.compile(rb"\{ ?(?P<quote>['\"])[\w/. -]{1,80}(?P=quote): ?\[ ?-?[\d.a-z(]")
"""Opens a dict of lists of numbers."""
_HELD = re.compile(rb"(?:(?:np|numpy)\.)?(?:float|int)\d{0,2}\(([-+.\w]{1,40})\)")
"""A number as NumPy shows it."""


def side_by_side(value: Mapping[str, Any], schema: Schema, place: str = "step") -> list[dict[str, float]]:
    """Return the records of arrays of one length; null is absent. If none counts, `place` does, from 1."""
    lists = ((key, array) for key, array in value.items() if isinstance(array, list))
    arrays = {key: array for key, array in lists if all(isinstance(x, float | int | None) for x in array)}
    leading = (*schema.steps, *filter(schema.is_training, arrays))
    length = next((len(arrays[key]) for key in leading if key in arrays), 0)
    arrays = {key: array for key, array in arrays.items() if len(array) == length}
    placed = schema.step_key(arrays) is not None
    records = []
    for index in range(min(length, _MAX_ENTRIES)):
        numbers = flatten({key: array[index] for key, array in arrays.items()}, schema.skip)
        if not placed:
            numbers[place] = index + 1.0
        records.append(numbers)
    return records


class HistoryReader(Reader):
    """Reads the history of a fit that a script prints when it has ended: `{'loss': [0.5, 0.4], ...}`."""

    needles = (b"': [", b'": [', b"':[", b'":[')
    awake = False  # a history is on one line

    def __init__(self, schema: Schema) -> None:
        self._schema, self._records = schema, RecordReader(schema)
        self._newest: list[dict[str, float]] = []
        """What was read last: scripts log it, and then print it."""

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the epochs of a history; None for another line."""
        found = _HISTORY.search(line) if len(line) < MAX_LINE else None
        if found is None:
            return None
        text = line[found.start() : line.rfind(b"}") + 1]
        value = load(_HELD.sub(rb"\1", text).replace(b"'", b'"'))  # be it of JSON or Python
        records = side_by_side(value, self._schema, "epoch") if value is not None else []
        matches = [match for numbers in records if (match := self._records.read(numbers)) is not None]
        if len(matches) < 2 or not all(match.layout.kind == TRAIN for match in matches):
            return None
        if repr(records) == repr(self._newest):
            return []
        self._newest = records
        return [Row(match.layout, number, list(match.stored or ())) for match in matches]
