"""Silences and maintenance windows: for how long matching alerts are not sent.

A person sets a silence, and it ends by itself; a maintenance window is part of
the configuration, once or weekly. Alerts that still fire when they end are sent
then. The end of an alert that was sent before is sent immediately: nothing else
would close it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from runwatch.alerts.routing.policy import Matcher, Quiet, matches, parse_matcher
from runwatch.core import text

LONGEST = 366 * 86400.0
"""Most seconds of a silence."""
MOST_MATCHERS = 16
"""Most conditions of one silence."""
MOST = 1000
"""Silences at a time."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw]\s*)+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)

Local = Callable[[float], time.struct_time]
"""Unix time to local time."""


class Mute(Protocol):
    """Holds alerts back for a while."""

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """Return the conditions an alert must satisfy, all of them."""
        ...

    def until(self, now: float, local: Local) -> float:
        """Return the Unix time at which it ends; 0 if it is not active."""
        ...


class Silence(msgspec.Struct, frozen=True):
    """Alerts that match all matchers are not sent from `starts` until `ends` (Unix times)."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: float
    ends: float
    comment: str = ""
    author: str = ""

    def until(self, now: float, local: Local = time.localtime) -> float:
        """Return when it ends; 0 if it has not begun or is over."""
        return self.ends if self.starts <= now < self.ends else 0.0


class Once(msgspec.Struct, frozen=True):
    """A maintenance window from `starts` until `ends` (Unix times)."""

    matchers: tuple[Matcher, ...]
    starts: float
    ends: float

    def until(self, now: float, local: Local = time.localtime) -> float:
        """Return when it ends; 0 if it is not active."""
        return self.ends if self.starts <= now < self.ends else 0.0


class Weekly(msgspec.Struct, frozen=True):
    """A maintenance window at the same local hours of some days.

    Hours past midnight belong to the day before.
    """

    matchers: tuple[Matcher, ...]
    days: tuple[int, ...]
    """Days on which it begins; Monday is 0."""
    hours: Quiet

    def until(self, now: float, local: Local = time.localtime) -> float:
        """Return when it ends; 0 if it is not active."""
        left = self.hours.left(now, local)
        clock = local(now)
        overnight = self.hours.end < self.hours.start
        began_yesterday = overnight and clock.tm_hour * 60 + clock.tm_min < self.hours.end
        day = (clock.tm_wday - began_yesterday) % 7
        return now + left if left > 0 and day in self.days else 0.0


class Silences(Protocol):
    """Where silences are kept."""

    def silences(self) -> list[Silence]:
        """Return all kept silences, also expired ones."""
        ...

    def put_silence(self, silence: Silence) -> None:
        """Keep a silence; it replaces one with the same id."""
        ...

    def drop_silence(self, silence_id: str) -> bool:
        """Forget a silence; return False if there is none with that id."""
        ...


class InMemory:
    """Silences that end with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, Silence] = {}

    def silences(self) -> list[Silence]:
        """Return all kept silences, also expired ones."""
        return list(self._kept.values())

    def put_silence(self, silence: Silence) -> None:
        """Keep a silence; it replaces one with the same id."""
        self._kept[silence.id] = silence

    def drop_silence(self, silence_id: str) -> bool:
        """Forget a silence; return False if there is none with that id."""
        return self._kept.pop(silence_id, None) is not None


def muted(
    labels: Mapping[str, str], mutes: Iterable[Mute], now: float, local: Local = time.localtime
) -> float:
    """Return until when (Unix time) an alert with these labels is held back; 0 if it may be sent.

    Where several hold, until the last of them ends.
    """
    return max((mute.until(now, local) for mute in mutes if matches(mute.matchers, labels)), default=0.0)


def silence(
    match: Iterable[str],
    seconds: float,
    *,
    now: float,
    comment: str = "",
    author: str = "",
    starts: float | None = None,
) -> Silence:
    """Return a new silence of texts such as "run=speedrun". Raises ValueError in plain words."""
    matchers = tuple(parse_matcher(condition) for condition in match)
    if len(matchers) > MOST_MATCHERS:
        raise ValueError(f"a silence has {MOST_MATCHERS} matchers at most")
    if not matchers:
        raise ValueError("a silence needs a matcher, such as run=speedrun")
    if all(matcher.holds({}) for matcher in matchers):
        raise ValueError("one matcher at least must ask for something, such as run=speedrun or run=~.+")
    if not 1 <= seconds <= LONGEST:
        raise ValueError("a silence lasts from a second to a year")
    begin = now if starts is None else starts
    said, who = text.plain(comment, 500), text.plain(author, 100)
    return Silence(os.urandom(4).hex(), matchers, begin, begin + seconds, said, who)


def parse_duration(said: str) -> float:
    """Return the seconds of a text such as "2h", "1d12h" or "90m". Raises ValueError in plain words."""
    found = said.strip().lower()
    if _DURATION.fullmatch(found) is None:
        raise ValueError("a duration looks like 30m, 2h or 1d12h")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found))


def parse_hours(said: str) -> tuple[int, int]:
    """Return the first and last minute of the day of "22:00-07:00". Raises ValueError."""
    first, _, last = said.partition("-")
    try:
        start, end = parse_time(first), parse_time(last)
    except ValueError:
        raise ValueError('hours look like "22:00-07:00"') from None
    if start == end:
        raise ValueError("these hours have no length")
    return start, end


def parse_time(said: str) -> int:
    """Return the minute of the day of "22:00". Raises ValueError."""
    found = _TIME.fullmatch(said.strip())
    if found is None:
        raise ValueError('a time looks like "22:00"')
    return int(found[1]) * 60 + int(found[2])


def parse_weekly(said: str, matchers: tuple[Matcher, ...]) -> Weekly:
    """Return the window of a text such as "sat,sun 22:00-06:00". Raises ValueError."""
    names, _, hours = said.strip().lower().partition(" ")
    days: list[int] = []
    for part in names.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError('weekly looks like "sat,sun 22:00-06:00" or "mon-fri 12:00-13:00"')
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days += [(begin + offset) % 7 for offset in range((end - begin) % 7 + 1)]
    start, end = parse_hours(hours)
    return Weekly(matchers, tuple(sorted(set(days))), Quiet(start, end))
