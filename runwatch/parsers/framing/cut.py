"""Whether the end of a stream is the end of its last record, or the record was cut there.

A program whose output is buffered writes blocks of 4 or 8 KiB: the log then rests in the middle of a
line, also for minutes. `lr 2.24` may be the beginning of `lr 2.24e-04`, and `step 12` of `step 1234`.
The records before it show that: all digits being alike, a longer one begins like it; or all that look
like it end with a longer number.
"""

from __future__ import annotations

import re

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
