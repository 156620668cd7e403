"""Ways of saying that something has happened, and how a line is searched for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

_DENIED = re.compile(rb"\b(?:[Nn]ot?|NO|NOT|[Nn]ever|[Ww]ithout)(?: (?:any|an?|the|more|yet|being|been))? \Z")
_NONE = re.compile(rb"\w*['\" ]{0,3}[:=|]{1,2} *(?:0+|[Nn]o|[Nn]one|[Ff]alse)['\"]?\s*(?:[,;|}]|\Z)")
"""What says that what was counted did not come: `ConnectionErrors: 0`."""


class Sign(NamedTuple):
    """One way of saying what has happened."""

    kind: str
    pattern: bytes
    """Compiled when a line first holds a needle: most are never tried."""
    needles: tuple[bytes, ...]
    """Every match holds one of them."""


def sign(kind: str, *patterns: bytes, needles: tuple[bytes, ...]) -> Sign:
    """Return one way of saying what has happened: any of some patterns."""
    return Sign(kind, b"|".join(patterns), needles)


def grouped(words: Iterable[bytes]) -> re.Pattern[bytes]:
    """Return what finds any of some words, of which all but the first byte are regexes.

    Those that begin alike are together: that is a third quicker.
    """
    by_head: dict[bytes, list[bytes]] = {}
    for word in words:
        by_head.setdefault(re.escape(word[:1]), []).append(word[1:])
    return re.compile(b"|".join(head + b"(?:" + b"|".join(rests) + b")" for head, rests in by_head.items()))


_compiled = cache(re.compile)


class Signs:
    """Ways of saying things, the most specific first.

    A line is searched once for the needles of all; only the patterns of those that it holds are
    tried. So no needle may hold or overlap another one.
    """

    def __init__(self, *signs: Sign) -> None:
        self.signs = signs
        needles = {needle for sign in signs for needle in sign.needles}
        self._of = {needle: tuple(sign for sign in signs if needle in sign.needles) for needle in needles}
        self._needles = grouped(word[:1] + re.escape(word[1:]) for word in sorted(needles))

    def first(self, line: bytes) -> tuple[str, re.Match[bytes]] | None:
        """Return the kind of the first that a line shows, and the words that showed it."""
        held = set(self._needles.findall(line))
        if held:
            alone = len(held) == 1
            for sign in self._of[held.pop()] if alone else self.signs:
                if (alone or not held.isdisjoint(sign.needles)) and (
                    found := _compiled(sign.pattern).search(line)
                ):
                    return sign.kind, found
        return None


def denied(line: bytes, words: re.Match[bytes]) -> bool:
    """Return whether a line says that something has not happened, or no times."""
    before = line[max(0, words.start() - 24) : words.start()]
    return _DENIED.search(before) is not None or _NONE.match(line, words.end()) is not None
