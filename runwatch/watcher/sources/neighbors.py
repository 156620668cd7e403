"""The runs of a directory that was searched, found again by where their files are. Pure: no I/O.

A login node has thousands of runs and as many files next to them, so no file is compared with every run.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from runwatch.watcher.sources.member import LOG, Member


@dataclass(frozen=True)
class File:
    """One file that may belong to a run, or a directory of checkpoints or facts."""

    path: str
    """Absolute."""
    kind: str = LOG
    written: float = 0.0
    """Unix time of its last change."""
    has_records: bool = True
    """Whether it may be of a run: False for a text in which none was found."""
    mentions: frozenset[str] = frozenset()
    """Directories of trackers' runs and of checkpoints that its text names, of those found next to it."""


@dataclass(frozen=True, eq=False)
class Unit:
    """Files that are one run's log, or one tracker's."""

    home: str
    files: tuple[File, ...]
    members: Mapping[str, Member]

    @property
    def written(self) -> float:
        """Unix time of the last change of its files."""
        return max(file.written for file in self.files)

    def mentions(self, directory: str) -> bool:
        """Return whether the text of one of its files names a directory."""
        return any(directory in file.mentions for file in self.files)


class Neighbors:
    """Units in the order in which they came, by their homes and by the directories above their files."""

    def __init__(self, units: Iterable[Unit] = ()) -> None:
        self._units: dict[int, Unit] = {}
        self._numbers: dict[Unit, int] = {}
        self._at: dict[str, set[int]] = defaultdict(set)
        self._above_home: dict[str, set[int]] = defaultdict(set)
        self._above_file: dict[str, set[int]] = defaultdict(set)
        self._mentioned: dict[str, set[int]] = defaultdict(set)
        self._next = 0
        for unit in units:
            self.add(unit)

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._units.values())

    def __contains__(self, unit: Unit) -> bool:
        return unit in self._numbers

    def add(self, unit: Unit) -> None:
        """Add one behind all others."""
        self._put(self._next, unit)
        self._next += 1

    def replace(self, unit: Unit, by: Unit) -> None:
        """Put one in the place of another, which has no file more than it."""
        self._put(self._numbers.pop(unit), by)

    def remove(self, unit: Unit) -> None:
        """Remove one."""
        del self._units[self._numbers.pop(unit)]

    def at(self, home: str) -> list[Unit]:
        """Return those at home in a directory."""
        return self._of(self._at.get(home))

    def below(self, directory: str) -> list[Unit]:
        """Return those at home in directories below one."""
        return self._of(self._above_home.get(directory))

    def within(self, directory: str) -> list[Unit]:
        """Return those with a file in a directory or below it."""
        return self._of(self._above_file.get(directory))

    def naming(self, directory: str) -> list[Unit]:
        """Return those whose text names a directory."""
        return self._of(self._mentioned.get(directory))

    def _of(self, numbers: Iterable[int] | None) -> list[Unit]:
        return [self._units[number] for number in sorted(numbers or ()) if number in self._units]

    def _put(self, number: int, unit: Unit) -> None:
        self._units[number] = unit
        self._numbers[unit] = number
        self._at[unit.home].add(number)
        for directory in _above(unit.home):
            self._above_home[directory].add(number)
        for file in unit.files:
            for directory in _above(file.path):
                self._above_file[directory].add(number)
            for directory in file.mentions:
                self._mentioned[directory].add(number)


def _above(path: str) -> Iterator[str]:
    """Yield the directories above a path, the nearest first."""
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above
