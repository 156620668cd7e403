"""Who reads the lines of which rank: each rank has its own of what remembers lines.

The lines of several ranks take turns in one log: the headline of one must not be taken for that of another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from runwatch.parsers.api import Known, Layout, Matcher, Reader, Row
from runwatch.parsers.envelope.header import Header

_Of = TypeVar("_Of")
_MOST = 4096
"""Copies kept at once; the ranks that come later share the first."""


class Ranks:
    """The copies of matchers and readers by rank. Bounded."""

    def __init__(self) -> None:
        self._copies: dict[tuple[bytes, Hashable], tuple[object, object]] = {}

    def __bool__(self) -> bool:
        return bool(self._copies)

    def matcher(self, rank: bytes, matcher: Matcher) -> Matcher:
        """Return the matcher of a rank's lines; `rank` is empty where none is known."""
        return self.copy(rank, id(matcher), matcher, matcher.of_rank) if rank else matcher

    def copy(self, rank: bytes, key: Hashable, original: _Of, make: Callable[[], _Of | None]) -> _Of:
        """Return what `make` makes, once for a key, for the lines of a rank; if nothing, the original."""
        known = self._copies.get((rank, key))
        if known is None:
            copy = make() if len(self._copies) < _MOST else None
            if copy is None:
                return original
            known = self._copies[rank, key] = original, copy  # kept too: no other may get its identity
        return cast("_Of", known[1])

    def readers(self, key: Hashable) -> list[Reader]:
        """Return the readers that were made for a key."""
        return [cast("Reader", copy) for (_, of), (_, copy) in self._copies.items() if of == key]


class RankedReader(Reader):
    """A reader of one rank's lines: its records show the rank."""

    def __init__(self, reader: Reader, line: bytes, header: Header) -> None:
        """`header` is that of a line of the rank."""
        self._reader = reader
        self._numbers = [float(line[slice(*span)]) for span in header.spans]
        self._layouts: Known[Layout, Layout] = Known(lambda layout: layout.extended(header.names))

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the records that a message completes; see Reader."""
        rows = self._reader.feed(line, number)
        return rows and self._ranked(rows)

    def observe(self, line: bytes) -> None:
        """Take what a line without a rank shows, such as an epoch's headline."""
        self._reader.observe(line)

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes."""
        return self._ranked(self._reader.flush())

    @property
    def ended(self) -> bool:
        """Whether what it holds back is the last record of a run."""
        return self._reader.ended

    def _ranked(self, rows: list[Row]) -> list[Row]:
        return [
            row
            if "rank" in row.layout.names
            else Row(self._layouts[row.layout], row.line, [*row.values, *self._numbers])
            for row in rows
        ]
