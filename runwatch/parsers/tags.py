"""What stands before each line of one process: put there by torchrun, srun -l, mpirun, Ray, or by itself."""

from __future__ import annotations

import re

_STAMP = rb"\[?\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?\]?:? ?"
TAG = re.compile(
    rb"(?:" + _STAMP + rb"(?=\[(?:[Rr]ank|RANK|default)))?"
    rb"(?P<tag>(?:\[(?:[Rr]ank ?|default)?(?P<rank>\d{1,6})\]:\s?| {0,4}(?P<task>\d{1,6}):(?: |$)"
    rb"|\[(?:(?:[Rr]ank|RANK)(?:: ?|[ =])?|default)(?P<named>\d{1,6})\]:?\s?"
    rb"|[Rr]ank ?(?P<said>\d{1,6}): "
    rb"|\[\d{1,5},(?P<mpi>\d{1,5})\]<std(?:out|err)>: ?|\(\w+ pid=\d+(?:, ip=[\d.]+)?\) ?)*)"
)
"""Such a tag at the begin of a line; a time may stand before one in brackets."""
_RANKS = ("rank", "named", "said", "mpi", "task")
TAGGED = b"[( 0123456789Rr"
"""What a line with one begins with."""


def place(line: bytes, start: int = 0) -> tuple[int, int]:
    """Return where a line's tag begins and ends; where it has none, both are `start`."""
    found = TAG.match(line, start) if line[start : start + 1] in TAGGED else None
    begin, end = found.span("tag") if found else (start, start)
    return (begin, end) if end > begin else (start, start)


def ranked(line: bytes, start: int, end: int) -> dict[str, tuple[int, int]]:
    """Return where the rank stands that a tag in line[start:end] tells, and the node if it tells both."""
    found = TAG.match(line, start, end)
    told = [(name, found.span(name)) for name in _RANKS if found[name] is not None] if found else []
    if not told:
        return {}
    out = {"rank": told[0][1]}
    return out | {"node": told[-1][1]} if told[-1][0] == "task" and len(told) > 1 else out


def rank(tag: bytes) -> int | None:
    """Return the rank that a tag tells, or None."""
    told = ranked(tag + b" ", 0, len(tag) + 1)
    return int(tag[slice(*told["rank"])]) if told else None
