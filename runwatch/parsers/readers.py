"""Readers: records that a single line does not tell.

A matcher looks at one line. A reader remembers: the header of a table, the
epoch a bar belongs to, the value that a redrawn bar may still change. Readers
see every record in order, so their output does not depend on how bytes come;
their formats do without the bulk path, for they print few lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from runwatch.batch import META_COLUMNS
from runwatch.metrics import Unit, canonical
from runwatch.parsers.patterns import Layout


class Row(NamedTuple):
    """One record that a reader has completed."""

    layout: Layout
    line: int
    """Line number of the record, which may be before the line that completed it."""
    values: list[float]


class Reader(Protocol):
    """Reads records that span lines or redraws. One object per stream."""

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the records that `line` completes, [] for a line that is part of one, None for any other."""
        ...

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes."""
        ...


class RowMaker:
    """Makes rows of printed names and values; rows of one shape share a layout."""

    def __init__(self, pattern: str, aliases: Mapping[str, str] | None = None) -> None:
        self._pattern = pattern
        self._aliases = aliases or {}
        self._layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}

    def __call__(self, kind: str, number: int, items: Iterable[tuple[str, float]]) -> Row:
        """Return the row of `items`; of two values of one name the first counts."""
        values: dict[str, float] = {}
        for name, value in items:
            values.setdefault(name, value)
        key = (kind, tuple(values))
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 1024:
                self._layouts.clear()
            layout = self._layouts[key] = self._layout(kind, key[1])
        return Row(layout, number, list(values.values()))

    def _layout(self, kind: str, printed: tuple[str, ...]) -> Layout:
        names = tuple(
            self._aliases.get(name) or (name if name in META_COLUMNS else canonical(name)) for name in printed
        )
        shown = {name: text for name, text in zip(names, printed, strict=True) if name != text}
        return Layout(kind, self._pattern, names, tuple(Unit() for _ in names), shown)
