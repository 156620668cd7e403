"""Times that loggers print before a message.

`2030-01-02 03:04:05,678`, `[2030/01/02T03:04:05Z]`, `I0102 03:04:05.678901`: a stamp becomes Unix seconds.
Without a zone the local time of this machine is assumed. Without a date (or without its year) it is the
seconds since midnight: below DAY, good for differences only, beginning again at midnight.

The parts of a stamp are columns like others, so both parsing paths compute the
same, and whether there is a stamp does not depend on which digits it has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

DAY = 86400.0
"""A time below this is a clock's: seconds since midnight."""
_STAMP = re.compile(
    rb"(?<!\d)(?:(\d{4})[-/](\d\d)[-/](\d\d)[T _,])?(?<![\d:])(\d\d):(\d\d):(\d\d)(?![\d:])"
    rb"(?:[.,](\d{1,9})(?!\d))?"
    rb"(?: ?(?:(Z)(?![A-Za-z])|([+-])(\d\d):?(\d\d)(?!\d)))?"
)
_MINUTES = re.compile(rb":\d\d:")
"""What every stamp holds: quickly looked for."""
_HEAD = 120
"""A line's own time is within so many bytes."""
_Span = tuple[int, int]


class Stamp(NamedTuple):
    """The parts that a stamp has."""

    dated: bool
    decimals: int
    """Digits of the fraction of a second; 0 if there is none."""
    zone: int | None
    """1 or -1: the sign of the offset from UTC that is printed; 0: it is UTC; None: it is unknown."""

    def seconds(self, parts: Sequence[Any]) -> Any:
        """Return the time of a stamp's parts, for floats and for columns of them alike."""
        at = 3 if self.dated else 0
        time = parts[at] * 3600.0 + parts[at + 1] * 60.0 + parts[at + 2]
        if self.dated:
            time = _days(*map(_one, parts[:3])) * DAY + time
            if self.zone is None:
                time = time - _local_offset(time)
            elif self.zone:
                time = time - self.zone * (parts[-2] * 3600.0 + parts[-1] * 60.0)
        return time + parts[at + 3] / 10.0**self.decimals if self.decimals else time

    @property
    def width(self) -> int:
        """How many parts it has."""
        return 3 + 3 * self.dated + bool(self.decimals) + 2 * bool(self.zone)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What turns the printed numbers of a line with a stamp into columns, `time` in the stamp's place."""

    stamp: Stamp
    at: int
    """How many numbers are printed before its parts; those behind stay as they are."""
    inner: Any
    """What turns the numbers before it into columns, if anything."""

    def apply(self, columns: Sequence[Any]) -> list[Any]:
        """Return the columns of the line, the time among them."""
        end = self.at + self.stamp.width
        before = list(columns[: self.at]) if self.inner is None else self.inner.apply(columns[: self.at])
        return [*before, self.stamp.seconds(columns[self.at : end]), *columns[end:]]


def find(line: bytes, start: int, end: int) -> tuple[Stamp, tuple[_Span, ...]] | None:
    """Return the first stamp in line[start:end] and where its parts are."""
    found = _STAMP.search(line, start, end)
    if found is None:
        return None
    dated = found[1] is not None
    sign = found[9]
    zone = 0 if found[8] else None if sign is None else 1 if sign == b"+" else -1
    if not dated:
        zone = None
    groups = (*((1, 2, 3) if dated else ()), 4, 5, 6)
    groups += ((7,) if found[7] else ()) + ((10, 11) if zone else ())
    stamp = Stamp(dated, len(found[7] or b""), zone)
    return stamp, tuple(found.span(group) for group in groups)


def stamped(line: bytes) -> float | None:
    """Return the time that a line's head shows, or None."""
    found = find(line, 0, min(len(line), _HEAD)) if _MINUTES.search(line, 0, _HEAD) else None
    if found is None:
        return None
    stamp, spans = found
    return float(stamp.seconds([float(line[start:end]) for start, end in spans]))


def _one(column: Any) -> Any:
    """Return the value that all of a column share, else the column: dates seldom change."""
    if isinstance(column, float) or not len(column) or column[0] != column[-1]:
        return column
    return float(column[0]) if column.min() == column.max() else column


def _days(year: Any, month: Any, day: Any) -> Any:
    """Return the days since 1970-01-01 of a date (Hinnant, days_from_civil); exact below 2**53."""
    year = year - (month <= 2)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + 12 * (month <= 2) - 3) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _local_offset(time: Any) -> Any:
    """Return this machine's offset from UTC at local times, in seconds."""
    if isinstance(time, float):
        return _offset(time // 3600.0)
    import numpy as np

    if not len(time):
        return time
    first, last = float(time.min()) // 3600.0, float(time.max()) // 3600.0
    if first == last:
        return _offset(first)
    hours = time // 3600.0
    known, index = np.unique(hours, return_inverse=True)
    return np.array([_offset(hour) for hour in known.tolist()])[index]


def _offset(hour: float) -> float:
    try:
        naive = datetime.fromtimestamp(hour * 3600.0, timezone.utc).replace(tzinfo=None)
        return hour * 3600.0 - naive.timestamp()
    except (ValueError, OverflowError, OSError):  # no date at all
        return 0.0
