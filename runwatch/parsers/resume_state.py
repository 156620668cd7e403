"""What a successor has to know: which rows of a file were reported, and where nested counters were."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import msgspec

from runwatch.parsers.counters.nesting import Nests

_COLUMNS = 16
"""So many of a row's numbers distinguish it from others."""


class ResumeState(msgspec.Struct, frozen=True):
    """Rows that were reported, and one of them by which the file is known again."""

    rows: int = 0
    """Rows reported, whichever writing of the file they were read from."""
    read: int = 0
    """Rows read of the newest writing."""
    row: dict[str, str] = {}
    """Name -> the number's repr, as a NaN equals nothing."""
    counters: Nests | None = None
    """Where nested counters were; None if there are none."""

    def knows(self, numbers: Mapping[str, float]) -> bool:
        """Return whether these are the numbers of that row, be it that some were added since."""
        return all(repr(numbers.get(name)) == value for name, value in self.row.items())


def row(numbers: Mapping[str, float]) -> dict[str, str]:
    """Return what a row is known by."""
    return {name: repr(value) for name, value in islice(numbers.items(), _COLUMNS)}
