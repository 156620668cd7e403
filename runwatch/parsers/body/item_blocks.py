"""Blocks: a line that begins a record, and below it a line for each of its values."""

from __future__ import annotations

import re
from typing import ClassVar

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_NUMBER = re.compile(VALUE + rb"\Z")
_MAX_ITEMS = 512


class ItemBlockReader(Reader):
    """Reads blocks; one ends with a line that is no item of it."""

    item: ClassVar[re.Pattern[bytes]]
    """Matches a line of a block: its `name`, and its `value`, which counts if it is a number."""
    last: ClassVar[bytes] = b"\n"
    """What the last line of a block begins with, if that is known."""
    row: RowMaker

    def __init__(self) -> None:
        self._items: list[tuple[str, float]] | None = None
        self._line = 0

    @property
    def awake(self) -> bool:
        """Whether an item may come."""
        return self._items is not None

    def begin(self, line: bytes) -> bool:
        """Return whether a line begins a block, and remember what it shows."""
        raise NotImplementedError

    def complete(self, items: list[tuple[str, float]]) -> tuple[str, list[tuple[str, float]]] | None:
        """Return the kind and the values of the record that a block makes; None for a block without one."""
        return TRAIN, items

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        item = self.item.match(line) if self._items is not None else None
        if item is not None and self._items is not None:
            if len(self._items) < _MAX_ITEMS and _NUMBER.match(value := item["value"].rstrip()):
                self._items.append((item["name"].decode("ascii"), number(value)))
            return self.flush() if line.startswith(self.last) else []
        rows = self.flush()
        if not self.begin(line):
            return rows or None
        self._items, self._line = [], number_
        return rows

    def flush(self) -> list[Row]:
        """Return the record of the block that is open."""
        items, self._items = self._items, None
        record = self.complete(items) if items else None
        return [] if record is None else [self.row(record[0], self._line, record[1])]
