"""Objects as Python and JSON print them: `Namespace(lr=0.1, ...)`, dicts, nested and over several lines."""

from __future__ import annotations

import re

Printed = dict[str, "Printed"] | list[str] | str

MOST = 64 << 10
"""Characters of one object."""
_DEEPEST = 8
_CALLED = re.compile(r"[\w.]+\(")
_NAMED = re.compile(r"""\s*(?:(['"])([^'"\n]{1,120})\1\s*:|([A-Za-z_]\w{0,80})\s*=(?!=))\s*""")
_QUOTED = {quote: re.compile(rf"(?:[^{quote}\\]|\\.)*", re.DOTALL) for quote in "'\""}
_BARE = re.compile(r"<[^>\n]*>|[^,)\]}\n]*")
_SPACE = re.compile(r"[\s,]*")


def read(text: str, begin: int) -> tuple[Printed, int]:
    """Return the object at `begin`, and where it ends; what is unknown is text up to the next comma."""
    reader = _Reader(text[begin : begin + MOST])
    value = reader.value(0)
    return value, begin + reader.at


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self.at = text, 0

    def value(self, depth: int) -> Printed:
        self._skip()
        called = _CALLED.match(self._text, self.at)
        opened = self._text[self.at : self.at + 1]
        if depth > _DEEPEST or not opened:
            return self._take(_BARE)
        if called or opened in "{[(":
            self.at = called.end() if called else self.at + 1
            return self._parts(depth)
        if opened in _QUOTED:
            self.at += 1
            text = self._take(_QUOTED[opened])
            self.at += 1
            return text
        return self._take(_BARE).strip()

    def _parts(self, depth: int) -> Printed:
        """Return what is up to a closing bracket: a dict if its parts have names."""
        named: dict[str, Printed] = {}
        plain: list[str] = []
        while True:
            self._skip()
            before = self.at
            if self._text[self.at : self.at + 1] in ("", ")", "]", "}"):
                self.at += 1
                return named or plain
            name = _NAMED.match(self._text, self.at)
            if name:
                self.at = name.end()
                named[name[2] or name[3]] = self.value(depth + 1)
            else:
                plain.append(str(self.value(depth + 1)))
            self.at += self.at == before

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def _skip(self) -> None:
        self._take(_SPACE)
