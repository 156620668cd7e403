r"""Regular expressions that cannot take long: those of matchers, which meet text that a log wrote.

Python's engine tries one way after the other, so that `(a+)+` never ends on some texts. This one
reads a text once and keeps all places of the expression that it has reached: the time is at most the
length of the text times the size of the expression. It says only whether the whole text matches. The
syntax and the meaning are those of Python's `re`, without back-references and without looking ahead or
behind: these cannot be matched this way, and an Alertmanager does not know them either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

MAX_LENGTH = 1000
"""Characters of an expression."""
MAX_SIZE = 2000
"""Places of an expression; a character takes two, `x{5}` ten."""
MAX_STEPS = 2000
"""Steps that an expression remembers."""

_TOKEN = re.compile(
    r"\\(?P<assert>[AZzbB])|\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|0[0-7]{0,2}|[^1-9])"
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|(?P<open>\((?:\?:|\?P<\w+>|(?=[^?])|\?(?P<on>[is]*)(?:-(?P<off>[is]+))?:))"
    r"|(?P<close>\))|(?P<or>\|)|(?P<anchor>[\^$])"
    r"|(?P<times>[*+?]|\{(?=[\d,])(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})(?P<lazy>[?+]?)"
    r"|[^\\(]",
    re.DOTALL,
)
_BEGIN = re.compile(r"\(\?([is]+)\)")
_FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL}
_WORD = re.compile(r"\w")

Accepts = Callable[[str], object]
"""Whether a character is one of some."""
Holds = Callable[[str, str, bool], bool]
"""Whether something holds between two characters, "" at the ends; the last says that only a \n follows."""

_ASSERTIONS: dict[str, Holds] = {
    "A": lambda before, after, last: not before,
    "^": lambda before, after, last: not before,
    "Z": lambda before, after, last: not after,
    "z": lambda before, after, last: not after,
    "$": lambda before, after, last: not after or last,
    "b": lambda before, after, last: _is_word(before) != _is_word(after),
    "B": lambda before, after, last: _is_word(before) == _is_word(after),
}


class _Character(NamedTuple):
    accepts: Accepts


class _Assertion(NamedTuple):
    holds: Holds


class _Sequence(NamedTuple):
    parts: list[_Part]


class _Choice(NamedTuple):
    parts: list[_Part]


class _Repeated(NamedTuple):
    part: _Part
    least: int
    most: int | None


_Part = _Character | _Assertion | _Sequence | _Choice | _Repeated


class Expression:
    """An expression as places and the ways between them."""

    def __init__(self, text: str) -> None:
        """Read it. Raises ValueError, in plain words, if it is invalid or too large."""
        self._ways: list[list[int]] = []
        """Place -> places that are reached from it without a character."""
        self._accepts: dict[int, Accepts] = {}
        """Place -> which characters lead to the place after it."""
        self._holds: dict[int, Holds] = {}
        """Place -> the condition to continue from it."""
        self._steps: dict[tuple[frozenset[int], str, str, bool], tuple[frozenset[int], bool]] = {}
        try:
            self._end = self._add(_read(text), self._place())
        except (re.error, OverflowError) as error:
            raise ValueError(f"not a regular expression: {error}") from None
        except RecursionError:
            raise ValueError("not a regular expression: it is nested too deep") from None

    def matches(self, text: str) -> bool:
        """Return whether all of a text matches."""
        here, ends, before = frozenset((0,)), False, ""
        for at, after in enumerate((*text, "")):
            last = at == len(text) - 1 and after == "\n"
            key = here, before and ("w" if _is_word(before) else " "), after, last
            step = self._steps.get(key)
            if step is None:
                if len(self._steps) >= MAX_STEPS:
                    self._steps.clear()
                step = self._steps[key] = self._step(here, before, after, last)
            here, ends = step
            if not here and after:
                return False
            before = after
        return ends

    def _step(
        self, start: frozenset[int], before: str, after: str, last: bool
    ) -> tuple[frozenset[int], bool]:
        """Return the places behind the next character, and whether the text may end before it."""
        seen, following = set(start), list(start)
        while following:
            place = following.pop()
            holds = self._holds.get(place)
            if holds is None or holds(before, after, last):
                fresh = [way for way in self._ways[place] if way not in seen]
                seen.update(fresh)
                following += fresh
        found = (p + 1 for p in seen if after and p in self._accepts and self._accepts[p](after))
        return frozenset(found), self._end in seen

    def _place(self) -> int:
        """Return a new place. Raises ValueError if there are too many."""
        if len(self._ways) >= MAX_SIZE:
            raise ValueError("the expression is too large: repeat less")
        self._ways.append([])
        return len(self._ways) - 1

    def _add(self, part: _Part, start: int) -> int:
        """Add a part that begins at a place; return the place where it ends."""
        match part:
            case _Character(accepts):
                self._ways[start].append(here := self._place())
                self._accepts[here] = accepts
                return self._place()
            case _Assertion(holds):
                self._ways[start].append(here := self._place())
                self._holds[here] = holds
                self._ways[here].append(end := self._place())
            case _Sequence(parts):
                end = start
                for each in parts:
                    end = self._add(each, end)
            case _Choice(parts):
                end = self._place()
                for each in parts:
                    self._ways[start].append(begin := self._place())
                    self._ways[self._add(each, begin)].append(end)
            case _Repeated(inner, least, most):
                end = self._repeat(inner, least, most, start)
        return end

    def _repeat(self, part: _Part, least: int, most: int | None, start: int) -> int:
        for _ in range(least):
            start = self._add(part, start)
        end = self._place()
        self._ways[start].append(end)
        if most is None:
            self._ways[self._add(part, end)].append(end)
            return end
        for _ in range(most - least):
            start = self._add(part, start)
            self._ways[start].append(end)
        return end


def _read(text: str) -> _Part:
    """Return the parts of an expression. Raises ValueError and what `re` raises."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression has {MAX_LENGTH} characters at most")
    re.compile(text)  # what is read here has the form of one
    begin = _BEGIN.match(text)
    flags = re.DOTALL
    for flag in begin[1] if begin is not None else "":
        flags |= _FLAGS[flag]
    return _choice(_tokens(text, begin.end() if begin is not None else 0), flags)


def _tokens(text: str, at: int) -> Iterator[re.Match[str]]:
    """Yield the pieces of an expression. Raises ValueError for one that cannot be matched here."""
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found["lazy"] == "+":
            raise ValueError(f"a matcher cannot use {text[at : at + 3]}: write it without, or use != or !~")
        yield found
        at = found.end()


def _choice(tokens: Iterator[re.Match[str]], flags: re.RegexFlag) -> _Part:
    """Read alternatives until their group ends."""
    parts: list[_Part] = []
    ways: list[_Part] = [_Sequence(parts)]
    for token in tokens:
        if token["close"] is not None:
            break
        if token["or"] is not None:
            ways.append(_Sequence(parts := []))
        elif token["times"] is not None:
            parts[-1] = _Repeated(parts[-1], *_often(token))
        else:
            parts.append(_part(token, tokens, flags))
    return _Choice(ways) if len(ways) > 1 else ways[0]


def _part(token: re.Match[str], tokens: Iterator[re.Match[str]], flags: re.RegexFlag) -> _Part:
    """Read a group, an assertion or a character."""
    if token["open"] is not None:
        for flag in token["on"] or "":
            flags |= _FLAGS[flag]
        for flag in token["off"] or "":
            flags &= ~_FLAGS[flag]
        return _choice(tokens, flags)
    name = token["assert"] or token["anchor"]
    if name is not None:
        return _Assertion(_ASSERTIONS[name])
    one = token[0] if token[0][0] in "\\[." else re.escape(token[0])
    return _Character(re.compile(one, flags).fullmatch)


def _often(token: re.Match[str]) -> tuple[int, int | None]:
    """Return how often a part is repeated, at least and at most."""
    sign = token["times"]
    if sign[0] != "{":
        return int(sign == "+"), 1 if sign == "?" else None
    least = int(token["least"] or 0)
    if not token["comma"]:
        return least, least
    return least, int(token["most"]) if token["most"] else None


@lru_cache(maxsize=1024)
def expression(text: str) -> Expression:
    """Return the expression that a text is. Raises ValueError in plain words."""
    return Expression(text)


def _is_word(character: str) -> bool:
    return _WORD.match(character) is not None
