"""Ways of saying that something has happened, and how a line is searched for them."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from runwatch.parsers.words import any_of

_DENIED = re.compile(rb"\b(?:[Nn]ot?|NO|NOT|[Nn]ever|[Ww]ithout)(?: (?:any|an?|the|more|yet|being|been))? \Z")
_NONE = re.compile(rb"\w*['\" ]{0,3}[:=|]{1,2} *(?:0+|[Nn]o|[Nn]one|[Ff]alse)['\"]?\s*(?:[,;|}]|\Z)")
"""What says that what was counted did not come: `ConnectionErrors: 0`."""


class Signature(NamedTuple):
    """One way of saying what has happened."""

    kind: str
    pattern: bytes
    """Compiled when a line first holds a needle: most are never tried."""
    needles: tuple[bytes, ...]
    """Every match holds one of them."""


def signature(kind: str, *patterns: bytes, needles: bytes) -> Signature:
    """Return one way of saying what has happened: any of some patterns; between needles is a `|`."""
    return Signature(kind, b"|".join(patterns), tuple(needles.split(b"|")))


_compiled = cache(re.compile)


class Signatures:
    """Ways of saying things, the most specific first.

    A line is searched once for the needles of all; only the patterns of those that it holds are
    tried. So no needle may hold or overlap another one.
    """

    def __init__(self, *signatures: Signature) -> None:
        self.all = signatures
        self.needles = frozenset(needle for one in signatures for needle in one.needles)
        self._of = {
            needle: tuple(one for one in signatures if needle in one.needles) for needle in self.needles
        }
        self._found = any_of(self.needles).findall

    def first(self, line: bytes) -> tuple[str, re.Match[bytes]] | None:
        """Return the kind of the first that a line shows, and the words that showed it."""
        held = set(self._found(line))
        if held:
            alone = len(held) == 1
            for one in self._of[held.pop()] if alone else self.all:
                if (alone or not held.isdisjoint(one.needles)) and (
                    found := _compiled(one.pattern).search(line)
                ):
                    return one.kind, found
        return None


def denied(line: bytes, words: re.Match[bytes]) -> bool:
    """Return whether a line says that something has not happened, or no times."""
    before = line[max(0, words.start() - 24) : words.start()]
    return _DENIED.search(before) is not None or _NONE.match(line, words.end()) is not None
