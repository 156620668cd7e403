"""Formats of other packages, found by entry points of the group `runwatch.formats`.

An entry point names a Format or a sequence of them. Whatever is wrong with one is reported in a line and
leaves the others alone: when it is loaded, and when it raises later, at some line of a log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from runwatch.parsers.api import Format, Match, Matcher, Reader, Row
from runwatch.parsers.body.matchers import values
from runwatch.system.extensions import Report, entry_points, package_of, reason

GROUP = "runwatch.formats"


def load(taken: Iterable[str], report: Report) -> tuple[Format, ...]:
    """Return the formats of packages but those of `taken` names; what is wrong is reported, also later."""
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
            held = [getattr(matcher, name, b"") for name in ("prefix", "needle", "sign")]
            if not callable(getattr(matcher, "match", None)) or not all(isinstance(h, bytes) for h in held):
                raise TypeError(f"{type(matcher).__name__} of format {fmt.name!r} is no matcher")
            re.compile(held[2])
        for reader in [make() for make in fmt.readers]:
            if not callable(getattr(reader, "feed", None)) or not callable(getattr(reader, "flush", None)):
                raise TypeError(f"{type(reader).__name__} of format {fmt.name!r} is no reader")
            re.compile(getattr(reader, "begins", b""))
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
    """Switches a format off at its first error, and reports that once. As a context, it catches the error."""

    def __init__(self, what: str, report: Report) -> None:
        self._what, self._report = what, report
        self.off = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception) and not self.off:
            self.off = True
            self._report(f"{self._what} failed and is off: {reason(error)}")
        return isinstance(error, Exception)

    def ask(self, one: object, name: str, default: Any, *args: Any) -> Any:
        """Return an attribute of a foreign one, or what its method returns; `default` for what it has not."""
        if not self.off:
            with self:
                found = getattr(one, name, default)
                return found(*args) if callable(found) else found
        return default


class _Foreign:
    """What matchers and readers of other packages have in common: they cannot raise."""

    def __init__(self, one: Matcher | Reader | None, guard: _Guard, declared: str, asked: str) -> None:
        """Copy the attributes that are `declared`; methods that are `asked` are called behind the guard."""
        self._one, self._guard = one, guard
        for name in declared.split():
            setattr(self, name, getattr(one, name, getattr(type(self), name)))
        for name in asked.split():
            setattr(self, name, partial(guard.ask, one, name, None))

    @property
    def awake(self) -> bool:
        """Whether it may want the next line, whatever that holds."""
        return bool(self._guard.ask(self._one, "awake", True)) and not self._guard.off

    def of_rank(self) -> Any:
        """Return one for the lines of a rank, if it has any."""
        one = self._guard.ask(self._one, "of_rank", None)
        return type(self)(one, self._guard) if one else None  # type: ignore[call-arg]


class _Matcher(_Foreign, Matcher):
    """A matcher of another package: what it finds are numbers."""

    def __init__(self, matcher: Matcher, guard: _Guard) -> None:
        super().__init__(matcher, guard, "prefix needle sign whole", "prime break_off bulk")
        self._matcher = matcher
        self.remembers = getattr(matcher, "remembers", True)
        own = getattr(type(matcher), "bulk", Matcher.bulk) is not Matcher.bulk
        self.skeletons = getattr(matcher, "skeletons", True) and not own

    def fresh(self) -> _Matcher:
        """Return a matcher that has read nothing yet."""
        return _Matcher(self._guard.ask(self._matcher, "fresh", self._matcher), self._guard)

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the layout and the value spans of `line`, or None."""
        if not self._guard.off:
            with self._guard:
                found = self._matcher.match(line, start)
                with suppress(ValueError):  # a group that holds no number: no record
                    if found is None or len(values(line, found)) == len(found.layout.names):
                        return found
        return None


class _Reader(_Foreign, Reader):
    """A reader of another package; None where its maker failed."""

    def __init__(self, reader: Reader | None, guard: _Guard) -> None:
        super().__init__(reader, guard, "needles begins observes apart", "prime observe")

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the records that `line` completes, or None if it is not one of theirs."""
        return self._rows("feed", line, number)

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes."""
        return self._rows("flush") or []

    def _rows(self, name: str, *args: Any) -> list[Row] | None:
        rows: list[Row] | None = self._guard.ask(self._one, name, None, *args)
        with self._guard:
            if any(len(row.values) != len(row.layout.names) for row in rows or ()):
                raise ValueError("a row has not as many values as its layout has names")
            return rows
        return None


def _maker(make: Callable[[], Reader], guard: _Guard) -> Callable[[], Reader]:
    def made() -> Reader:
        with guard:
            return _Reader(make(), guard)
        return _Reader(None, guard)

    return made
