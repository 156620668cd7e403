"""Where the message of a line begins, and what precedes it.

`[rank3]:[titan] 2026-04-18 22:15:40,200 - root - INFO - step: 10 ...`: launchers, containers and
loggers each put something before a line. `opened` takes off what is surely no part of the message.
`before` says whether all in front of a known message is of that kind, be it less sure by itself.
Both are blind to digits and look at each byte a bounded number of times.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from runwatch.parsers.envelope import launchers
from runwatch.parsers.envelope.launchers import NOT_TRAINING, SPEAKS, rank_and_node
from runwatch.parsers.envelope.stamps import Stamp, find

LEVEL = rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|STDOUT|STDERR)"
_CALM = rb"(?:TRACE|DEBUG|INFO|NOTICE|STDOUT|STDERR)"
"""Levels that say nothing; others stay with the message."""
_FRACTION = rb"(?:[.,]\d{1,9})?"
_DATED = (
    rb"\d{4}[-/]\d\d[-/]\d\d[T _,]\d\d:\d\d:\d\d" + _FRACTION + rb"(?: ?Z| ?[+-]\d\d:?\d\d)?"
    rb"|\d\d(?:/\d\d(?:/\d{2,4})?,?|-\d\d(?:-\d{2,4})?) \d\d:\d\d:\d\d" + _FRACTION + rb"(?: [AP]M\b)?"
    rb"|\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d" + _FRACTION + rb"|\d{8}-\d\d:\d\d:\d\d"
    rb"|[A-Z][a-z]{2},? \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d"  # RecBole
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [A-Z]{3,5})? \d{4}"  # asctime
)
_CLOCK = rb"\d{1,3}:\d\d:\d\d" + _FRACTION
_SYSLOG = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
_GLOG = rb"[IWEF]\d{4,8} \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: +\d+)?(?: [\w.]{1,40})? [\w.<>/-]{1,80}:\d+\]"
_SYSLOG_PROCESS = (
    rb"(?: [\w.-]{1,64} (?!\d)[\w./-]{1,64}(?:\[\d+\]:|:(?= {0,64}(?![-+.]?\d)\S)))"  # no `train loss: 0.5`
)
STAMP = _DATED + rb"|" + _CLOCK + rb"|" + _GLOG + rb"|" + _SYSLOG + _SYSLOG_PROCESS + rb"?"
_PROCESS = (
    rb"[\w.-]{1,64} [\w./-]{1,64}\[\d{1,9}\]:(?= )"  # journalctl -o short-iso
    rb"|(?!" + LEVEL + rb"\b)" + launchers.NO_COUNTER + rb"\w[\w.-]{0,63} " + launchers.NO_COUNTER
    + rb"[\w./-]{1,64} (?:\d{1,9}|-) [\w-]{1,32} (?:-|\[(?![\d ])[^\]\r\n]{0,120}\])(?= )"  # RFC 5424
)  # fmt: skip
_CRI = rb"std(?:out|err) [FP](?= )"
"""What Kubernetes writes behind the time."""
_SOURCE = rb"[\w./-]{1,80}\.(?:py|go|rs|cc)"
_BEHIND_SOURCE = rb"(?:" + rb"|".join(rb"(?<=\.py:%s\] )" % (rb"\d" * n) for n in range(1, 5)) + rb")"
_ICEFALL = _BEHIND_SOURCE + rb"\((?P<of>\d{1,5})/\d{1,5}\)(?= )"
"""`[train.py:123] (3/8) Epoch`."""

_NOT_A_ROW = (
    rb"(?::(?=" + LEVEL + rb": )|\t(?=[^\d\t+-][^\t\r\n]*\s*$)"  # `%(asctime)s:%(levelname)s: %(message)s`
    rb"|(?= ?\|[^\r\n]{1,300}\|\s*$)"  # a box, and no date of its rows
    rb"|(?![\d:,;.\t/Z]| ?[+-]\d\d:?\d\d | [AP]M | {0,4}[|;] {0,4}[\d.]"
    rb"| {1,8}-?[\d.]{1,20}[\d. e+-]{0,200}\s*$))"
)
"""Behind a time that begins no row of a table."""
_LAUNCHED = (
    rb"(?P<launched>" + launchers.RANK + rb"|" + launchers.PROCESS + rb"|(?:" + launchers.TASK + rb")"
    rb"%s|"
    + launchers.SERVICE
    + rb"|(?:"
    + launchers.CONTAINER
    + rb"|"
    + launchers.HOST
    + rb")(?:"
    + SPEAKS
    + rb"|"
    + launchers.VALIDATES
    + rb"))"
)
_ELAPSED = (
    rb"\[(?: {0,12}\d{1,9}(?:\.\d{1,6})?s| {1,12}\d{1,9}\.\d{3,6}|\d{10}\.\d{1,9})\](?= )"
    rb"|\+\d{1,9}\.\d{1,6}s(?= )|(?:\d{10}\.\d{1,9}|\d{13})(?= (?! {0,4}[|;]? {0,4}[\d.]))"
)
"""Seconds since the start, or since 1970: `[  33.161] `, `[33s] `, `+33.1s `, `1700000000.5 `."""
_TIMED = (
    rb"(?P<timed>\d{13} [\w.-]{1,64}(?::[\w,.-]{1,32})? " + _CALM + rb"(?= )"  # ClearML
    rb"|" + _ELAPSED +
    rb"|\[" + _CALM + rb"\|(?:" + _DATED + rb"|" + _SOURCE + rb":\d{1,6})\]"  # transformers
    rb"|(?:" + _CALM + rb" (?=\[))?"
    rb"\[ ?(?:" + _DATED + rb"|" + _CLOCK + rb")(?: {1,2}[\w.:]{0,60}){0,2}\]:?"
    rb"|(?:" + _DATED + rb"|" + _CLOCK + rb")" + _NOT_A_ROW + rb"|" + _GLOG
    + rb"|" + _SYSLOG + rb"(?:" + _SYSLOG_PROCESS + rb"|" + _NOT_A_ROW + rb")|<\d{1,3}>(?:1(?= )|(?=[A-Z]))"
    rb"|\[\d{8}_\d{6}\]|I, \[(?:" + _DATED + rb") #\d{1,9}\] {1,2}INFO -- [\w.]{0,40}:(?= )"  # Ruby
    rb"|(?:" + _DATED + rb")\t" + _CALM + rb"\t(?:[\w./-]{1,80}:\d{1,6}\t)?"  # zap
    rb"|" + _CALM + rb" - \d\d/\d\d/\d\d \d\d:\d\d:\d\d - (?:\d{1,3} days?, )?\d{1,3}:\d\d:\d\d -(?= )"  # XLM
    rb"|\[(?:" + _DATED + rb")  " + _CALM + rb"  " + _SOURCE + rb"  line \d{1,6}  \d{1,9}\] (?= )"
    rb"|\[[\w.:/-]{1,80}\] (?:" + _DATED + rb") \([\w.]{1,60}:\d{1,6}\) " + _CALM + rb":(?= )"  # ESPnet
    rb"|" + _CALM + rb":" + NOT_TRAINING + rb"(?!(?i:epoch|step|iter|batch))[A-Za-z_][\w.]{0,60}:"
    rb"|\[ Info:(?= )|INFO\[\d{4,9}\](?= )|(?:INFO|DEBUG|info):(?= )|\[(?:INFO|DEBUG)\]:?(?= )"
    rb"|INFO {1,5}(?=[^ \r\n-]|- [A-Za-z]))"  # Julia, logrus, and levels of any
)  # fmt: skip
_NAMED = rb"[A-Za-z_]\w{0,40}(?:(?:\.|::)\w{1,40}){1,6}"
"""The name of a logger, by its dots: `train.loop`, `trainer::train`."""
_LOGGED = b"|".join(
    (
        rb"(?P<contained>" + _CRI + rb"|" + _PROCESS + rb")",
        # what separates the parts, but for the first cell of a box
        rb"(?:[-:>]{1,2}|\|(?= {1,4}(?:"
        + LEVEL
        + rb"\b|[\w.<>]{1,80}:[\w<>]{1,60}:\d))|\|(?= \|)|\|(?![^\r\n]{0,300}\|\s*$))(?= )",
        # levels, and a logger's name before one
        rb"\[(?i:" + _CALM + rb") {0,5}\]:?|\|" + _CALM + rb"\|[\w.]{1,60}\|",  # NLog
        rb"(?:" + _CALM + rb"|info|debug)\b:?(?=\s)",
        rb"(?<=(?:INFO|EBUG) )" + _NAMED + rb": ?(?= )|(?<=INFO  )" + _NAMED + rb"(?: -|:)(?= )",
        NOT_TRAINING + rb"[A-Za-z_][\w.]{0,60}(?: {1,8}[-|>]{1,2} {0,4}|: ?| )(?=" + _CALM + rb"\b)",
        rb"\[" + NOT_TRAINING + rb"(?!train(?:ing)?\])[\w./-]{1,60}\](?= ?\[(?i:" + _CALM + rb")\]"
        rb"| " + _CALM + rb" )",
        # the place in the source, or the module
        rb"\[" + _SOURCE + rb":\d{1,6}(?::[\w<>]{1,60})?\]",
        _SOURCE + rb": {0,4}\d{1,6}:?(?= )",
        rb"[\w.<>]{1,80}:[\w<>]{1,60}:\d{1,6}(?= -)",
        rb"(?:__\w{1,40}__|\w{1,80}(?:\.\w{1,80}){1,6})(?= - )",
        _ICEFALL,
    )
)
"""What a logger writes behind the time."""


_TASK_ENDS = {False: rb"(?= )" + SPEAKS, True: rb"(?= |$)"}
"""What follows a task's tag, also where any number and colon are taken for one."""


@cache  # when the first line needs it: compiling takes longer than to read a short log
def _pieces(*, lenient: bool, timed: bool) -> re.Pattern[bytes]:
    """Return what finds the next piece of an envelope; `timed`: behind the time, where a logger's are."""
    launched = _LAUNCHED.replace(b"%s", _TASK_ENDS[lenient])
    logged = _LOGGED if timed else _ICEFALL
    return re.compile(rb" {0,8}(?:" + b"|".join((launched, _TIMED, logged)) + rb")")


_ALARMED = re.compile(
    rb"(?:[\w.]{1,60} - )?\[?" + LEVEL + rb"\b\]?(?: - [\w.]{1,60}(?= -|:))?(?::| -|(?= ))\s{0,8}"
)
"""Any level behind a time, with the logger's name."""
_MAY = re.compile(
    rb"[\[(<\d+]| {0,4}\d{1,5}: |[Rr]ank ?\d|(?:[A-Z][a-z]{2},? ){1,2}[ \d]\d |[IWEF]\d{4}"
    rb"|[A-Z]{4,6}(?::| - \d|[ \[])|I, \[|[A-Za-z][\w.-]{0,62}(?:: | {1,20}\| )"
).match
"""What a line begins with that may have something before its message: a quick look."""
_LOOSE = re.compile(
    rb"\s+|^<\d{1,3}>1(?= )|" + _CRI +
    rb"|" + launchers.RANK + rb"|(?P<node>\d{1,5}):(?=[\s\[A-Za-z])|\[(?P<local>\d{1,5})\]:"
    rb"|^" + launchers.CONTAINER + rb"|^" + launchers.HOST +
    rb"|\[[> ]{1,80}\] \d{1,9}/\d{1,9}, [\d.]{1,12} task/s, elapsed: \d{1,9}s, ETA: {1,6}\d{1,9}s"  # mmcv
    rb"|" + _ICEFALL +
    rb"|\[(?:" + STAMP + rb")\]"
    rb"|\[" + NOT_TRAINING + launchers.NO_PLACE + rb"[^\[\]\r\n]{1,120}\]:?"
    rb"|\(" + NOT_TRAINING + launchers.NO_PLACE + rb"[^()\r\n]{1,120}\):?"
    rb"|(?:" + STAMP + rb")(?![\d:])"
    rb"|" + LEVEL + rb"\b:?"
)  # fmt: skip
_LOOSE_NEXT = re.compile(  # a logger's or a module's name, and what separates the parts
    rb"[-|:>]{1,3}(?=\s|[A-Za-z_]|$)"
    rb"|" + _PROCESS + rb"|" + _SOURCE + rb":\d{1,6}(?= )"
    rb"|" + NOT_TRAINING + rb"[A-Za-z_<][\w.<>/-]{0,80}(?:(?::[\w<>]{1,60})?:\d{1,6})?"
    rb"(?:\s*(?:-|\||>{1,2})(?=\s|$)|: +\d{1,6}:(?=\s|$)|:(?=\w|\s|$)| (?=" + LEVEL + rb":))"
)
_RANKS = ("rank", "mpi", "said", "on", "local", "of", "node")
"""Groups that hold a rank, the one that counts first."""
_MAX_PIECES = 24
_Span = tuple[int, int]


class Header(NamedTuple):
    """What precedes the message of a line."""

    end: int
    """Where the message begins."""
    names: tuple[str, ...] = ()
    """`rank` and `node`, where it shows them."""
    spans: tuple[_Span, ...] = ()
    stamp: Stamp | None = None
    """The time of the line, and where its parts are."""
    parts: tuple[_Span, ...] = ()
    launched: int = 0
    """Where the last tag of a launcher or a container ends; a logger's part may follow."""
    process: bytes = b""
    """The tags of launchers: lines that share them are of one process."""

    def rank(self, line: bytes) -> int | None:
        """Return the rank that it shows."""
        return int(line[slice(*self.spans[0])]) if self.names else None

    def key(self, line: bytes) -> bytes:
        """Return what distinguishes ranks; empty where it shows none."""
        return b":".join(line[slice(*span)].lstrip(b"0") or b"0" for span in self.spans)


def opened(line: bytes, *, lenient: bool = False) -> Header | None:
    """Return what surely precedes the message of a line, if anything; `lenient`: `3: ` is always a task's."""
    if _MAY(line) is None:
        return None
    at = launched = 0
    found: dict[str, _Span] = {}
    process = []
    pieces = _pieces(lenient=lenient, timed=False)
    for _ in range(_MAX_PIECES):
        piece = pieces.match(line, at)
        if piece is None:
            break
        at, kind = piece.end(), piece.lastgroup
        at += line[at : at + 1] == b" "
        if kind == "launched":
            process.append(piece[kind])
        if kind in ("launched", "contained"):
            launched = at
        found |= {name: piece.span(name) for name in _RANKS if piece[name] is not None and name not in found}
        pieces = _pieces(lenient=lenient, timed=True) if kind == "timed" else pieces
    return _header(line, at, found, launched, b" ".join(process)) if at else None


def message(line: bytes) -> bytes:
    """Return the message of a line that says something, without time, logger and level of any kind."""
    header = opened(line, lenient=True)
    if header is None:
        return line
    level = _ALARMED.match(line, header.end)
    return line[level.end() if level else header.end :]


def before(line: bytes, end: int) -> Header | None:
    """Return what line[:end] shows, where a message is known to begin at `end`; None if it is no header."""
    sure = opened(line)
    if sure is None or sure.end > end:
        sure = Header(0)
    at, pieces = sure.end, sure.end > 0
    found = dict(zip(sure.names, sure.spans, strict=True))
    for _ in range(_MAX_PIECES):
        if at >= end:
            return _header(line, end, found, sure.launched, sure.process)
        piece = _LOOSE.match(line, at, end) or (_LOOSE_NEXT.match(line, at, end) if pieces else None)
        if piece is None or piece.end() == at:
            return None
        kind = piece.lastgroup
        if kind == "node" and line[:at].strip():
            return None
        if kind is not None:
            found.setdefault(kind, piece.span(kind))
        at, pieces = piece.end(), True
    return None


def _header(line: bytes, end: int, found: dict[str, _Span], launched: int, process: bytes) -> Header:
    reported = rank_and_node(found)
    stamp, parts = find(line, 0, end) or (None, ())
    return Header(end, tuple(reported), tuple(reported.values()), stamp, parts, launched, process)
