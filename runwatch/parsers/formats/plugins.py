"""Formats of other packages, found by entry points of the group `runwatch.formats`.

An entry point names a Format or a sequence of them. Whatever is wrong with one
is reported in a line and leaves the others alone: when it is loaded, and when it
raises later, at some line of a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runwatch.parsers.api import Format, Match, Matcher, Reader, Row
from runwatch.parsers.body.matchers import values
from runwatch.system.extensions import Report, entry_points, package_of, reason

GROUP = "runwatch.formats"


def load(taken: Iterable[str], report: Report) -> tuple[Format, ...]:
    """Return the formats of installed packages; `taken` are names that they may not have.

    What is wrong is reported, one line each, also later while they are used.
    """
    names = set(taken)
    formats: list[Format] = []
    for point in entry_points(GROUP):
        package = package_of(point)
        try:
            for fmt in _formats(point.load()):
                if fmt.name in names:
                    raise ValueError(f"there is already a format {fmt.name!r}")
                formats.append(_guarded(replace(fmt, own=False, package=package), report))
                names.add(fmt.name)
        except (Exception, SystemExit) as error:
            report(f"format plugin {point.name} of {package} is left out: {reason(error)}")
    return tuple(formats)


def _formats(loaded: object) -> Iterator[Format]:
    """Yield the formats of an entry point. Raises TypeError for anything else."""
    for fmt in loaded if isinstance(loaded, (tuple, list)) else (loaded,):
        if not isinstance(fmt, Format):
            raise TypeError(f"it is no runwatch Format but {type(fmt).__name__}")
        texts = (fmt.name, fmt.title, fmt.example)
        if not all(isinstance(text, str) and text for text in texts):
            raise TypeError("name, title and example must be text")
        if not fmt.matchers and not fmt.readers:
            raise TypeError(f"format {fmt.name!r} has neither matchers nor readers")
        for matcher in fmt.matchers:
            if not callable(getattr(matcher, "match", None)) or not isinstance(matcher.prefix, bytes):
                raise TypeError(f"{type(matcher).__name__} of format {fmt.name!r} is no matcher")
        for reader in [make() for make in fmt.readers]:
            if not callable(getattr(reader, "feed", None)) or not callable(getattr(reader, "flush", None)):
                raise TypeError(f"{type(reader).__name__} of format {fmt.name!r} is no reader")
        yield fmt


# -- errors while lines are read ---------------------------------------------------------------------


def _guarded(fmt: Format, report: Report) -> Format:
    guard = _Guard(f"format {fmt.name} of {fmt.package}", report)
    return replace(
        fmt,
        matchers=tuple(_Matcher(matcher, guard) for matcher in fmt.matchers),
        readers=tuple(_maker(make, guard) for make in fmt.readers),
    )


class _Guard:
    """Switches a format off at its first error, and reports that once."""

    def __init__(self, what: str, report: Report) -> None:
        self._what, self._report = what, report
        self.off = False

    def failed(self, error: Exception) -> None:
        """Take note of an error."""
        if not self.off:
            self.off = True
            self._report(f"{self._what} failed and is off: {reason(error)}")


class _Matcher(Matcher):
    """A matcher of another package: it cannot raise, and what it finds are numbers."""

    remembers = True

    def __init__(self, matcher: Matcher, guard: _Guard) -> None:
        self.prefix = matcher.prefix
        self._matcher, self._guard = matcher, guard
        own = getattr(type(matcher), "bulk", Matcher.bulk) is not Matcher.bulk
        self.skeletons = getattr(matcher, "skeletons", True) and not own

    def fresh(self) -> _Matcher:
        """Return a matcher that has read nothing yet."""
        return _Matcher(self._optional("fresh", self._matcher), self._guard)

    def prime(self, lines: list[bytes]) -> None:
        """Show the first lines of a stream whose middle is read."""
        self._optional("prime", None, lines)

    def break_off(self) -> None:
        """Take what comes next as the beginning of another file."""
        self._optional("break_off", None)

    def bulk(self) -> Any:
        """Return its own bulk path, if it has one."""
        return self._optional("bulk", None)

    def _optional(self, name: str, default: Any, *args: Any) -> Any:
        """Call a method that a matcher need not have: it is of another package, and may be no Matcher."""
        method = getattr(self._matcher, name, None)
        return default if method is None else method(*args)

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the layout and the value spans of `line`, or None."""
        if self._guard.off:
            return None
        try:
            found = self._matcher.match(line, start)
            if found is None:
                return None
            with suppress(ValueError):  # a group that holds no number: no record
                if len(values(line, found)) == len(found.layout.names):
                    return found
        except Exception as error:
            self._guard.failed(error)
        return None


class _Reader(Reader):
    """A reader of another package that cannot raise."""

    def __init__(self, reader: Reader, guard: _Guard) -> None:
        self._reader, self._guard = reader, guard

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the records that `line` completes, or None if it is not one of theirs."""
        return self._call(lambda: self._reader.feed(line, number))

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes."""
        return self._call(self._reader.flush) or []

    def _call(self, call: Callable[[], list[Row] | None]) -> list[Row] | None:
        if self._guard.off:
            return None
        try:
            rows = call()
            for row in rows or ():
                if len(row.values) != len(row.layout.names):
                    raise ValueError("a row has not as many values as its layout has names")
        except Exception as error:
            self._guard.failed(error)
            return None
        return rows


def _maker(make: Callable[[], Reader], guard: _Guard) -> Callable[[], Reader]:
    return lambda: _Reader(make(), guard)
