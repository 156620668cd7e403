"""What the scheduler writes behind a step line that was not ended: who decodes that line looks no further."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from runwatch.core.batch import Event
from runwatch.core.text import decode

_WORDS = b"slurmstepd: error: *** "


def glued(text: bytes, end: int, start: int, line: int, known: Collection[int]) -> Iterator[Event]:
    """Yield what is written in text[:end], whole lines from offset `start` and `line` on, behind others.

    Lines whose numbers are `known` have been reported.
    """
    at = text.find(_WORDS, 0, end)
    while at >= 0:
        begin = text.rfind(b"\n", 0, at) + 1
        stop = text.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        number = line + text.count(b"\n", 0, begin)
        if begin < at and number not in known:
            yield Event("scheduler", start + at, number, decode(text[at:stop].strip(), 300))
        at = text.find(_WORDS, stop, end)
