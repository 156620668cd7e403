"""Whether the last record of a piece is whole, and shows all: it may be cut, or the bar behind it may come.

A program whose output is buffered writes blocks of 4 or 8 KiB: the log then rests in the middle of a
line, also for minutes. `lr 2.24` may be the beginning of `lr 2.24e-04`, and `step 12` of `step 1234`.
The records before it show that: all digits being alike, a longer one begins like it; or all that look
like it end with a longer number.

`tqdm.write` wipes the bar, writes the text and draws the bar again as it now is. A bar is else
redrawn ten times a second at most: next to steps that are quicker, only the one behind a record shows
its step (see core.fold.segments). So such a record waits for what is printed next, which comes at once.
"""

from __future__ import annotations

import re

from runwatch.core.batch import BESIDE, QUICK
from runwatch.parsers.edges import record_begin

WINDOW = 2048
"""Bytes before the last record that are looked at."""
_NUMBERS = re.compile(rb"\d+")
_ENDS = re.compile(rb"[\r\n]+")
_LAST = re.compile(rb"\d+\Z")
_FEW = 3
"""Records alike that show the length of their last number."""


def is_cut(record: bytes, before: bytes) -> bool:
    """Return whether a record without an end is but the beginning of one; `before` precedes it."""
    shape = _NUMBERS.sub(b"0", record)
    others = _ENDS.split(before)[1:]  # of the first one the beginning may be missing
    shapes = [_NUMBERS.sub(b"0", other) for other in others]
    alike = [other for other, its in zip(others, shapes, strict=True) if its == shape]
    if not alike:
        return any(its.startswith(shape) for its in shapes)
    last = _LAST.search(record)
    if last is None or len(alike) < _FEW:
        return False
    return all(len(found[0]) > len(last[0]) for other in alike if (found := _LAST.search(other)))


_RATE = re.compile(rb"%\|[^\r\n]*[ ,](?:(\d+(?:\.\d+)?)|\?)it/s")
_LONGEST = 4096


def settled(recent: bytes, block: bytes, cut: int) -> int:
    """Return how much of block[:cut], which ends with a line end, can be read by now.

    It is less than `cut` where the last record is a dict next to a quick bar. `recent` preceded the
    block: its last BESIDE bytes or more.
    """
    text = block[max(0, cut - _LONGEST) : cut]
    bare = text.rstrip(b" \r\n")
    if not bare.endswith(b"}"):
        return cut
    begin = record_begin(bare, 0, len(bare))
    if (not begin and len(text) < cut) or b"{'" not in bare[begin:]:
        return cut
    start = cut - len(text) + begin
    before = (
        recent[-BESIDE:] + block[max(0, start - BESIDE) : start]
        if start < BESIDE
        else block[start - BESIDE : start]
    )[-BESIDE:]
    line = before[before.rfind(b"\n") + 1 :] + bare[begin : bare.index(b"{'", begin)]
    rates = [found[1] for found in _RATE.finditer(line.replace(b"\r", b"\n"))]
    return start if any(rate is None or float(rate) * QUICK > 1 for rate in rates) else cut
