"""What is added to a line: colors and other escape sequences, NUL bytes, echoed keys; Markdown's bold."""

from __future__ import annotations

import re
from itertools import islice, pairwise

from runwatch.parsers.api import Match, Matcher
from runwatch.parsers.edges import record_begin

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|\x00+")
_BOLD = re.compile(rb"(?<!\*)\*\*(?=[^\s*])([^*\r\n]{1,400}(?<!\s))\*\*(?!\*)")
"""What people emphasize when they paste a log into an issue: `loss: **nan**`."""
UP = b"\x1b[A"
"""Moves the cursor up: tqdm prints it behind a bar, as many times as there are bars above."""
_GLUED = re.compile(rb"\x1b\[A(?=[^\r\n\x1b]|\x1b(?!\[A))")
"""The last of some moves up, with something behind it that is on another row of the terminal."""
_MAX_ROWS = 16
"""Rows distinguished in one line; what is behind them stays together."""
_ECHO = re.compile(rb"^(?!(?:\^C)+\s*$)(?:\^\[\[[\d;]*[A-Z~]|\^[A-Z\[])+")
"""Keys typed at the terminal, as it echoes them: `^[[B` for an arrow, `^C` unless that is all."""


def bare(line: bytes) -> bytes:
    """Return the text of a line alone."""
    if b"\x1b" in line or b"\0" in line:
        up = UP * line.count(UP) if _is_bar(line) else b""  # behind a bar it gives the bar's position
        line = _ESCAPES.sub(b"", line) + up
    if b"**" in line:
        line = _BOLD.sub(rb"\1", line)
    return _ECHO.sub(b"", line) if line[:1] == b"^" else line


def _is_bar(line: bytes) -> bool:
    return b"%|" in line or b"it [" in line


def rows(line: bytes) -> list[tuple[int, bytes]]:
    """Return the texts of a line, each with its place: the cursor moves up between two of them."""
    if _GLUED.search(line) is None:
        return [(0, bare(line))]
    edges = [0, *(found.end() for found in islice(_GLUED.finditer(line), _MAX_ROWS - 1)), len(line)]
    parts = [(begin, text) for begin, end in pairwise(edges) if (text := bare(line[begin:end]))]
    return parts if len(parts) > 1 else [(0, bare(line))]


def glued(block: bytes, begin: int, end: int) -> int:
    """Return where the first record in block[begin:end] with several rows begins, else `end`."""
    escape = block.find(b"\x1b", begin, end)  # a byte is found far faster than three
    moves = escape >= 0 and block.find(b"\r", begin, end) >= 0
    moves = moves and block.rfind(UP, escape, end) >= 0  # from behind: four times as fast among colors
    found = _GLUED.search(block, block.find(UP, escape, end), end) if moves else None
    if found is None:
        return end
    return record_begin(block, begin, found.start())


class Uncolored(Matcher):
    """A matcher that reads a line through its escape sequences; spans are those in the line as it is."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self.prefix = matcher.prefix

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the line's text; None too where a sequence is inside one, or it is bold."""
        if b"**" in line and _BOLD.search(line):
            return None
        if b"\x1b" not in line and b"\0" not in line:
            return self._matcher.match(line, start)
        places: list[int] = []
        at = start
        for found in _ESCAPES.finditer(line, start):
            places += range(at, found.start())
            at = found.end()
        places += range(at, len(line))
        text = bytes([line[i] for i in places])
        match = self._matcher.match(text + UP * line.count(UP) if _is_bar(line) else text)
        if match is None:
            return None
        spans = tuple((places[begin], places[end - 1] + 1) for begin, end in match.spans)
        return match._replace(spans=spans)
