"""Who is asked about a record: matchers sorted by what their lines begin with or hold.

Most lines are of no format, and there are many: a matcher is asked only where its prefix begins
the line, or, behind a logging prefix, are in it. What a line holds is looked up once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Known, Match, Matcher
from runwatch.parsers.body.enveloped import Logged, Placing
from runwatch.parsers.body.matchers import LinePattern
from runwatch.parsers.body.ranks import Ranks
from runwatch.parsers.envelope.header import Header
from runwatch.parsers.words import WordSet

_FEW = 8
"""So few needles are asked about one by one."""
_MAX_KINDS = 512
"""Kinds of lines remembered at once."""
_Kind = tuple[bytes, frozenset[bytes], bool, bool]
"""Of lines: the first byte, needles that they may hold, whether nobody waits, whether they have a header."""


class Found(NamedTuple):
    """What a matcher read in a record."""

    match: Match
    format: Format
    logged: bool
    """Whether it follows a logging prefix."""


def trains(matcher: Matcher) -> bool:
    """Return whether a matcher reads nothing but training records."""
    bare = matcher.matcher if isinstance(matcher, Logged) else matcher
    return isinstance(bare, LinePattern) and bare.kind == TRAIN


class _Asked(NamedTuple):
    """A matcher that may be asked."""

    needle: bytes
    begins: bool
    """Whether its lines begin with the needle, not only hold it."""
    matcher: Matcher
    format: Format
    logged: bool
    waits: bool = False
    """Whether it says when it waits for a line, whatever that holds; then only it may read one."""


class Dispatch:
    """The matchers of some formats, in the formats' order. It never changes."""

    def __init__(self, formats: Sequence[Format], logged: bool | None, ranks: Ranks | None = None) -> None:
        """Sort the matchers of `formats`.

        `logged` says whether lines follow a logging prefix; None: both ways are tried.
        `ranks` holds the matchers of each rank's lines.
        """
        self._asked = (
            *(one for fmt in formats for one in _bare(fmt, bool(logged))),
            *(one for fmt in formats if logged is not False for one in _behind(fmt)),
        )
        self._heads = {asked.needle[:1] for asked in self._asked if asked.begins}
        self.matchers: tuple[Matcher, ...] = tuple(asked.matcher for asked in self._asked)
        self.needles = frozenset(one.needle for one in self._asked if one.needle and not one.begins)
        """What a record holds that begins with none of the heads, if there are any heads."""
        silent = any(not asked.needle for asked in self._asked)
        self.heads = None if silent else tuple(one.needle for one in self._asked if one.begins)
        """What other records begin with; None if they may begin with anything."""
        self._needles = WordSet(self.needles) if len(self.needles) > _FEW else None
        self._placing, self._ranks = Placing(), Ranks() if ranks is None else ranks
        self._kinds: Known[_Kind, tuple[_Asked, ...]] = Known(self._asked_about, _MAX_KINDS)
        """Who is asked about lines of a kind."""

    @property
    def owned(self) -> list[tuple[Matcher, Format]]:
        """Every matcher with its format."""
        return [(asked.matcher, asked.format) for asked in self._asked]

    def first(
        self, line: bytes, header: Header | None = None, *, training: bool, asleep: bool = False
    ) -> Found | None:
        """Return what the first matcher reads; with `training` those go first that read a training step.

        `header` is what precedes the message of the line. `asleep` says that no matcher waits
        for a line whatever it holds.
        """
        message = line if header is None else line[header.end :]
        head = message[:1]
        held = self.needles if self._needles is None else self._needles.held(line)
        kind = (head if head in self._heads else b"", held, asleep, header is not None)
        other = None
        for needle, begins, matcher, fmt, logged, _ in self._kinds[kind]:
            if not (message.startswith(needle) if begins else needle in line):
                continue
            bare = header is None or logged
            match = matcher.match(line) if bare else self._behind(matcher, line, cast("Header", header))
            if match is not None:
                found = Found(match, fmt, logged or (begins and header is not None and not fmt.alone))
                if not training or match.layout.kind == TRAIN:
                    return found
                other = other or found
        return other

    def _behind(self, matcher: Matcher, line: bytes, header: Header) -> Match | None:
        """Return what a matcher reads in the message of a line; each rank has its own, where it remembers."""
        return self._placing.read(self._ranks.matcher(header.key(line), matcher), line, header)

    def _asked_about(self, kind: _Kind) -> tuple[_Asked, ...]:
        """Return those that may read lines of a kind; behind an envelope, formats of whole lines last."""
        head, held, asleep, behind = kind
        inside = {needle for needle in self.needles if any(word.startswith(needle) for word in held)} | {b""}
        asked = tuple(
            one
            for one in self._asked
            if (one.needle[:1] == head if one.begins else one.needle in inside and not (asleep and one.waits))
        )
        return tuple(sorted(asked, key=lambda one: one.format.alone)) if behind else asked


def constant(fmt: Format) -> list[object]:
    """Return what of a format reading does not change, so that copies of a parser may share it."""
    if any(matcher.remembers for matcher in fmt.matchers):
        return [matcher for matcher in fmt.matchers if not matcher.remembers]
    asked = [one for made in fmt.prepared.values() for one in made]
    return [fmt, *fmt.matchers, *asked, *(one.matcher for one in asked)]


def _bare(fmt: Format, logged: bool) -> tuple[_Asked, ...]:
    """Return who is asked about whole messages; `logged`: all of them follow a logging prefix."""
    if logged not in fmt.prepared:
        fmt.prepared[logged] = tuple(
            _Asked(needle, bool(m.prefix), m, fmt, False, not needle and m.remembers)
            for m in fmt.matchers
            for needle in [m.prefix or m.needle]
            if not logged or not m.prefix or fmt.alone
        )
    made: tuple[_Asked, ...] = fmt.prepared[logged]
    return made


def _behind(fmt: Format) -> tuple[_Asked, ...]:
    """Return who is asked about messages that follow a logging prefix."""
    if None not in fmt.prepared:
        fmt.prepared[None] = tuple(
            _Asked(m.prefix, False, Logged(m), fmt, True) for m in fmt.matchers if m.prefix and not fmt.alone
        )
    made: tuple[_Asked, ...] = fmt.prepared[None]
    return made
