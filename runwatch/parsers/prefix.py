"""What stands before a message: logger prefixes, and ranks put there by launchers.

`[rank3]:[titan] 2026-04-18 22:15:40,200 - root - INFO - step: 10 ...`: formats
declare only `step: 10 ...`; whatever loggers (Python, loguru, absl, glog,
syslog) and launchers (torchrun --tee, srun -l, mpirun, Ray) put before it is
recognised here, once. A rank found there becomes a column.
"""

from __future__ import annotations

import re

from runwatch.parsers.patterns import Layout, Match, Matcher

_NOT_TRAINING = rb"(?![ *]*(?i:val|eval|test|dev|pred|infer))"
_LEVEL = rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|STDOUT|STDERR)"
_STAMP = (
    rb"\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?Z| ?[+-]\d\d:?\d\d)?"
    rb"|\d\d/\d\d(?:/\d{2,4})?,? \d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
    rb"|\d{1,3}:\d\d:\d\d(?:[.,]\d{1,9})?"
    rb"|[IWEF]\d{4,8} \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: +\d+)? [\w.<>/-]{1,80}:\d+\]"  # glog
    rb"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [\w.-]{1,64} [\w./-]{1,64}(?:\[\d+\])?:)?"  # syslog
)
_FIRST = re.compile(
    rb"\s+"
    rb"|(?P<node>\d{1,5}):(?=[\s\[A-Za-z])"  # srun -l
    rb"|\[\d{1,5},(?P<mpi>\d{1,5})\]<std(?:out|err)>: ?"  # mpirun --tag-output
    rb"|\[ ?(?:[Rr][Aa][Nn][Kk][ :=]?|default)(?P<rank>\d{1,5})\]:?"
    rb"|\[(?:" + _STAMP + rb")\]"
    rb"|\[" + _NOT_TRAINING + rb"[^\[\]\r\n]{1,120}\]:?"
    rb"|\(" + _NOT_TRAINING + rb"[^()\r\n]{1,120}\):?"
    rb"|(?:" + _STAMP + rb")(?![\d:])"
    rb"|" + _LEVEL + rb"\b:?"
)
_NEXT = re.compile(  # a logger's or a module's name, and what separates the parts
    rb"[-|:>]{1,3}(?=\s|[A-Za-z_]|$)"
    rb"|" + _NOT_TRAINING + rb"[A-Za-z_<][\w.<>/-]{0,80}(?:(?::[\w<>]{1,60})?:\d{1,6})?"
    rb"(?:\s*(?:-|\||>{1,2})(?=\s|$)|:(?=\w|\s|$))"
)
_MAX_PIECES = 24
_Span = tuple[int, int]


def spans_before(line: bytes, end: int) -> tuple[tuple[str, ...], tuple[_Span, ...]] | None:
    """Return the names and spans of the ranks in line[:end], or None if that is no logging prefix."""
    at, pieces = 0, 0
    found: dict[str, _Span] = {}
    while at < end:
        piece = _FIRST.match(line, at, end) or (_NEXT.match(line, at, end) if pieces else None)
        if piece is None or piece.end() == at:
            return None
        pieces += 1
        if pieces > _MAX_PIECES:
            return None
        kind = piece.lastgroup
        if kind is not None:
            if kind == "node" and at > 0 and line[:at].strip():
                return None
            found.setdefault("node" if kind == "node" else "rank", piece.span(kind))
        at = piece.end()
    if "node" in found and "rank" not in found:
        found["rank"] = found.pop("node")  # srun -l with a task per rank
    return tuple(found), tuple(found.values())


class Logged:
    """A matcher whose lines may stand behind a logging prefix."""

    prefix = b""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.needle = matcher.prefix
        """What every line it matches holds."""
        self._layouts: dict[tuple[Layout, tuple[str, ...]], Layout] = {}

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the message, and the rank that its prefix tells."""
        at = line.find(self.needle, start)
        for _ in range(3):  # a logger's name may hold the needle too
            if at < 0:
                return None
            match = self.matcher.match(line, at)
            if match is not None:
                before = spans_before(line, at)
                if before is not None:
                    return self._ranked(match, *before) if before[0] else match
            at = line.find(self.needle, at + 1)
        return None

    def _ranked(self, match: Match, names: tuple[str, ...], spans: tuple[_Span, ...]) -> Match:
        key = (match.layout, names)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 4096:
                self._layouts.clear()
            layout = self._layouts[key] = match.layout.extended(names)
        return Match(layout, (*match.spans, *spans))
