"""Blocks: a line that begins a record, and below it a line for each of its values."""

from __future__ import annotations

import re
from typing import ClassVar

from runwatch.parsers.api import Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_NUMBER = re.compile(VALUE + rb"\Z")
_MAX_ITEMS = 512
Items = list[tuple[str, float]]
"""Names and values of a record."""


class ItemBlockReader(Reader):
    """Reads blocks; one ends with a line that is no item of it."""

    head: ClassVar[re.Pattern[bytes]]
    """Finds what begins a block; its groups are values of the record."""
    item: ClassVar[re.Pattern[bytes]]
    """Matches a line of a block: its `name`, and its `value`, which counts if it is a number."""
    last: ClassVar[bytes] = b"\n"
    """What the last line of a block begins with, if that is known."""
    row: ClassVar[RowMaker]

    def __init__(self) -> None:
        self._items: Items | None = None
        self._line = 0

    @property
    def awake(self) -> bool:
        """Whether an item may come."""
        return self._items is not None

    def begin(self, line: bytes) -> Items | None:
        """Return what a line shows that begins a block; None for other lines."""
        head = self.head.search(line)
        return head and [(name, number(text)) for name, text in head.groupdict().items() if text is not None]

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return the kind and the values of the record that a block makes; None for a block without one."""
        raise NotImplementedError

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        item = self.item.match(line) if self._items is not None else None
        if item is not None and self._items is not None:
            if len(self._items) < _MAX_ITEMS and _NUMBER.match(value := item["value"].rstrip()):
                self._items.append((item["name"].decode("ascii"), number(value)))
            return self.flush() if line.startswith(self.last) else []
        rows = self.flush()
        self._items, self._line = self.begin(line), number_
        if self._items is None:
            return rows or None
        return rows

    def flush(self) -> list[Row]:
        """Return the record of the block that is open."""
        items, self._items = self._items, None
        record = self.complete(items) if items else None
        return [] if record is None else [self.row(record[0], self._line, record[1])]
