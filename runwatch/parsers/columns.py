"""CSV and TSV with a header: rows of numbers under names, empty cells absent.

The header must stand among the first lines and be one that a training log
has; any other table is declined. Some loggers write the whole file anew when
a column is added: rows that were told are not told again. A matcher remembers
all this, so each source needs its own (`fresh`).
"""

from __future__ import annotations

import contextlib
import csv
import re
from dataclasses import replace

from runwatch.parsers.patterns import Match
from runwatch.parsers.records import ANYTHING, NOTHING, Reader, Schema

HEADER_WITHIN = 8
"""How many lines may stand before the header (comments, a note of the launcher)."""
_MAX_COLUMNS = 2048
_NAME = re.compile(r"[A-Za-z_][^\x00-\x1f]{0,119}")


class Columns:
    """Rows under one header: all of them records of training, since both kinds of value share the rows.

    Rows of another width, as a cut last line, are no records.
    """

    prefix = b""

    def __init__(self, schema: Schema, separator: bytes = b",") -> None:
        self._schema = schema
        self._reader = Reader(replace(schema, needs=frozenset(), train=ANYTHING, evals=NOTHING))
        self._separator = separator
        self._keys: tuple[str, ...] = ()
        self._seen = self._rows = 0
        self._first: dict[str, float] = {}
        """The first row of the file, by which its next writing is known again."""
        self._told = 0
        """Rows that an earlier writing of the file held already."""

    def fresh(self) -> Columns:
        """Return a matcher of the same tables that has seen no header."""
        return Columns(self._schema, self._separator)

    def prime(self, lines: list[bytes]) -> None:
        """Look for the header among the first lines of a stream whose middle is read."""
        for line in lines[:HEADER_WITHIN]:
            if not self._keys:
                self.match(line)

    def break_off(self) -> None:
        """Expect a header again: the file begins anew, with what it held before or with other rows."""
        self._told = max(self._told, self._rows)
        self._keys, self._seen, self._rows = (), 0, 0

    def bulk(self) -> None:
        """Return no bulk path: rows depend on their header, and a split is cheap."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row; the header itself is none."""
        if self._keys:
            match = self._row(line)
            if match is None and self._separator in line:  # a relaunch writes its header again
                self._keys = self._header(line) or self._keys
            return match
        if self._seen < HEADER_WITHIN:
            self._seen += 1
            if self._separator in line:
                self._keys = self._header(line)
        return None

    def _header(self, line: bytes) -> tuple[str, ...]:
        """Return the column names if this is the header of a training log, else nothing."""
        cells = self._cells(line.removeprefix(b"\xef\xbb\xbf"))
        names = [cell.decode("utf-8", "replace").strip() for cell in cells]
        named = [name for name in names if name]  # data frames write an index without a name
        if not 2 <= len(named) <= _MAX_COLUMNS or len(named) < len(names) - 1:
            return ()
        if len(set(named)) < len(named) or not all(_NAME.fullmatch(name) for name in named):
            return ()
        schema, keys = self._schema, frozenset(named)
        placed = schema.counts or schema.step_key(keys)
        if not placed or not schema.needs <= keys or not any(schema.is_training(key) for key in keys):
            return ()
        return tuple(names)

    def _row(self, line: bytes) -> Match | None:
        cells = self._cells(line)
        if len(cells) != len(self._keys):
            return None
        try:
            numbers = {key: float(cell) for key, cell in zip(self._keys, cells, strict=True) if cell}
        except ValueError:
            numbers = {}
            for key, cell in zip(self._keys, cells, strict=True):
                with contextlib.suppress(ValueError):
                    numbers[key] = float(cell)
        if b"_" in line:  # float() would read past underscores
            numbers = {
                k: numbers[k]
                for k, c in zip(self._keys, cells, strict=True)
                if k in numbers and b"_" not in c
            }
        if self._schema.counts:
            numbers["step"] = self._rows + 1.0
        match = self._reader.read(numbers)
        if match is None:
            return None
        if not self._rows:
            if not self._same(numbers):
                self._told = 0
            self._first = numbers
        self._rows += 1
        return match if self._rows > self._told else None

    def _same(self, numbers: dict[str, float]) -> bool:
        """Return whether a first row is the one known, be it that columns were added since."""
        return all(repr(numbers.get(key)) == repr(value) for key, value in self._first.items())  # NaN too

    def _cells(self, line: bytes) -> list[bytes]:
        if b'"' not in line:
            return line.split(self._separator)
        try:
            row = next(csv.reader([line.decode("utf-8", "replace")], delimiter=self._separator.decode()), [])
        except csv.Error:
            return []
        return [cell.encode() for cell in row]
