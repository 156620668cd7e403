"""Who is asked about a record: matchers sorted by what their lines begin with or hold.

Most lines are of no format, and there are many: a matcher is asked only where its prefix begins
the line, or, behind a logging prefix, stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runwatch.batch import TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import Match, Matcher
from runwatch.parsers.prefix import Logged, has_stem


class Found(NamedTuple):
    """What a matcher read in a record."""

    match: Match
    format: Format
    logged: bool
    """Whether it stands behind a logging prefix."""


_Bare = tuple[tuple[Matcher, Format], ...]
_Behind = tuple[tuple[bytes, Logged, Format], ...]


class Dispatch:
    """The matchers of some formats, in the formats' order. It never changes."""

    def __init__(
        self, formats: Sequence[Format], logged: bool | None, behind: dict[int, Logged] | None = None
    ) -> None:
        """Sort the matchers of `formats`.

        `logged` tells whether lines stand behind a logging prefix; None: both ways are tried.
        `behind` holds the matchers of such lines by the identity of the bare ones; new ones are added.
        """
        known = {} if behind is None else behind
        owned = [(matcher, fmt) for fmt in formats for matcher in fmt.matchers]
        self._bare: _Bare = tuple((m, fmt) for m, fmt in owned if not logged or not m.prefix or fmt.alone)
        prefixed = [(m, fmt) for m, fmt in owned if logged is not False and m.prefix and not fmt.alone]
        self._logged: _Behind = tuple(
            (m.prefix, known.setdefault(id(m), Logged(m)), fmt) for m, fmt in prefixed
        )
        self._stemless = tuple(one for one in self._logged if not has_stem(one[0]))
        self._headless: _Bare = tuple(pair for pair in self._bare if not pair[0].prefix)
        first = {m.prefix[:1] for m, _ in self._bare if m.prefix}
        self._by_head: dict[bytes, _Bare] = {
            head: tuple(pair for pair in self._bare if pair[0].prefix[:1] in (head, b"")) for head in first
        }
        self.owned = (*self._bare, *((m, fmt) for _, m, fmt in self._logged))
        """Every matcher with its format."""
        self.matchers: tuple[Matcher, ...] = tuple(m for m, _ in self.owned)
        needles = [getattr(m, "needle", b"") for m, _ in self._headless]
        self.needles = frozenset(filter(None, needles)) | {needle for needle, _, _ in self._logged}
        """What a record holds that begins with none of the heads, if there are any heads."""
        self.heads = tuple(m.prefix for m, _ in self._bare if m.prefix) if all(needles) else None
        """What other records begin with; None if they may begin with anything."""

    def first(self, line: bytes, *, training: bool) -> Found | None:
        """Return what the first matcher reads; with `training` those go first that read a training step."""
        other = None
        for matcher, fmt in self._by_head.get(line[:1], self._headless):
            match = matcher.match(line)
            if match is not None:
                if not training or match.layout.kind == TRAIN:
                    return Found(match, fmt, False)
                other = other or Found(match, fmt, False)
        if not self._logged:
            return other
        for needle, logged, fmt in self._logged if has_stem(line) else self._stemless:
            if needle in line:
                match = logged.match(line)
                if match is not None:
                    if not training or match.layout.kind == TRAIN:
                        return Found(match, fmt, True)
                    other = other or Found(match, fmt, True)
        return other
