"""What stands before a message: logger prefixes, and ranks put there by launchers.

`[rank3]:[titan] 2026-04-18 22:15:40,200 - root - INFO - step: 10 ...`: formats
declare only `step: 10 ...`; whatever loggers (Python, loguru, absl, glog,
syslog) and launchers (torchrun --tee, srun -l, mpirun, Ray) put before it is
recognised here, once. A rank and a time found there become columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from runwatch.parsers.patterns import Layout, Match, Matcher
from runwatch.parsers.stamps import Stamp, find

_NOT_TRAINING = rb"(?![ *]*(?i:val|eval|test|dev|pred|infer))"
_LEVEL = rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|STDOUT|STDERR)"
_STAMP = (
    rb"\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?Z| ?[+-]\d\d:?\d\d)?"
    rb"|\d\d/\d\d(?:/\d{2,4})?,? \d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
    rb"|\d{1,3}:\d\d:\d\d(?:[.,]\d{1,9})?"
    rb"|[IWEF]\d{4,8} \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: +\d+)?(?: [\w.]{1,40})? [\w.<>/-]{1,80}:\d+\]"  # glog
    rb"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [\w.-]{1,64} [\w./-]{1,64}(?:\[\d+\])?:)?"  # syslog
)
_HOST = rb"[\w.-]{1,64}"
_PROCESS = (
    _HOST + rb" [\w./-]{1,64}\[\d{1,9}\]:(?= )"  # journalctl -o short-iso
    rb"|" + _HOST + rb" [\w./-]{1,64} (?:\d{1,9}|-) [\w-]{1,32} (?:-|\[[^\]\r\n]{0,120}\])(?= )"  # RFC 5424
)
_BEHIND_PLACE = rb"(?:" + rb"|".join(rb"(?<=\.py:%s\] )" % (rb"\d" * n) for n in range(1, 5)) + rb")"
_FIRST = re.compile(
    rb"\s+"
    rb"|(?P<node>\d{1,5}):(?=[\s\[A-Za-z])"  # srun -l
    rb"|^" + _NOT_TRAINING + rb"[A-Za-z][\w.-]{0,62} {1,20}\|(?= )"  # docker compose
    rb"|^" + _NOT_TRAINING + rb"(?=[A-Za-z_.-]{0,62}\d)[\w.-]{2,63}:(?= )"  # pdsh, mpssh: `worker-3: `
    rb"|^<\d{1,3}>1(?= )"  # syslog as of RFC 5424
    rb"|std(?:out|err) [FP](?= )"  # what Kubernetes writes
    rb"|\[\d{1,5},(?P<mpi>\d{1,5})\]<std(?:out|err)>: ?"  # mpirun --tag-output
    rb"|\[ ?(?:[Rr][Aa][Nn][Kk][ :=]?|default)(?P<rank>\d{1,5})\]:?"
    rb"|\[[> ]{1,80}\] \d{1,9}/\d{1,9}, [\d.]{1,12} task/s, elapsed: \d{1,9}s, ETA: {1,6}\d{1,9}s"  # mmcv
    rb"|" + _BEHIND_PLACE + rb"\((?P<of>\d{1,5})/\d{1,5}\)(?= )"  # icefall: `[train.py:123] (3/8) Epoch`
    rb"|\[(?:" + _STAMP + rb")\]"
    rb"|\[" + _NOT_TRAINING + rb"[^\[\]\r\n]{1,120}\]:?"
    rb"|\(" + _NOT_TRAINING + rb"[^()\r\n]{1,120}\):?"
    rb"|(?:" + _STAMP + rb")(?![\d:])"
    rb"|" + _LEVEL + rb"\b:?"
)
_NEXT = re.compile(  # a logger's or a module's name, and what separates the parts
    rb"[-|:>]{1,3}(?=\s|[A-Za-z_]|$)"
    rb"|" + _PROCESS + rb"|[\w./-]{1,80}\.py:\d{1,6}(?= )"
    rb"|" + _NOT_TRAINING + rb"[A-Za-z_<][\w.<>/-]{0,80}(?:(?::[\w<>]{1,60})?:\d{1,6})?"
    rb"(?:\s*(?:-|\||>{1,2})(?=\s|$)|: +\d{1,6}:(?=\s|$)|:(?=\w|\s|$)| (?=" + _LEVEL + rb":))"
)
behind_logger = re.compile(
    rb"(?:[\[(]?(?:" + _STAMP + rb"|" + _LEVEL + rb")[\])]?(?:\s{0,8}[-|:>]{1,2}\s|:|\s)\s{0,8}"
    rb"(?:[\w.]{1,40}(?: - (?=" + _LEVEL + rb")|:))?)+"
).match
"""Matches what a logger puts before a message that holds bars itself: times, levels and a name."""
_MAX_PIECES = 24
_MAX_STARTS = 8
_Span = tuple[int, int]


class Prefix(NamedTuple):
    """What a logging prefix tells of the line behind it."""

    names: tuple[str, ...]
    """`rank` and `node`, where it names them."""
    spans: tuple[_Span, ...]
    stamp: Stamp | None = None
    """The time of the line, and where its parts stand."""
    parts: tuple[_Span, ...] = ()


def spans_before(line: bytes, end: int) -> Prefix | None:
    """Return what line[:end] tells of the line, or None if that is no logging prefix."""
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
    return Prefix(tuple(found), tuple(found.values()), *(find(line, 0, end) or ()))


class Logged:
    """A matcher whose lines may stand behind a logging prefix."""

    prefix = b""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.needle = matcher.prefix
        """What every line it matches holds."""
        self._layouts: dict[tuple[Layout, tuple[str, ...], Stamp | None], Layout] = {}

    @property
    def bulk(self) -> Callable[[], None]:
        """No bulk path, where the matcher has one of its own: it is not made for lines behind a prefix."""
        if not hasattr(self.matcher, "bulk"):
            raise AttributeError("bulk")
        return lambda: None

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the message, and the rank and time that its prefix tells."""
        at = line.find(self.needle, start)
        for _ in range(_MAX_STARTS):  # what stands before may hold the needle too, such as brackets
            if at < 0:
                return None
            match = self.matcher.match(line, at)
            if match is not None:
                before = spans_before(line, at)
                if before is not None:
                    return self._placed(match, before)
            at = line.find(self.needle, at + 1)
        return None

    def _placed(self, match: Match, before: Prefix) -> Match:
        names, spans, stamp, parts = before
        if stamp is None and not names:
            return match
        key = (match.layout, names, stamp)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 4096:
                self._layouts.clear()
            layout = match.layout.extended(names)
            layout = self._layouts[key] = layout if stamp is None else layout.stamped(stamp)
        return Match(layout, (*match.spans, *spans, *parts))
