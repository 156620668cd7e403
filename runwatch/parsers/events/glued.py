"""What others write behind a step line that was not ended: who decodes that line looks no further.

The scheduler does, and a shell that says which signal ended a program: `loss: 0.5Killed`, `loss=0.5]Killed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from runwatch.core.batch import Event
from runwatch.core.text import decode

_SCHEDULER = b"slurmstepd: error: *** "
_SHELL = {
    b"Killed\n": "killed",
    b"Terminated\n": "signal",
    b"Hangup\n": "signal",
    b"Segmentation fault (core dumped)\n": "segfault",
    b"Aborted (core dumped)\n": "segfault",
    b"Bus error (core dumped)\n": "segfault",
}
_CLOSES = b"0123456789]"
"""Characters with which a record or a bar ends."""
KINDS = frozenset({"scheduler", *_SHELL.values()})
"""Of the events that may be behind a line."""


def glued(text: bytes, end: int, start: int, line: int, known: Collection[int]) -> Iterator[Event]:
    """Yield what is written in text[:end], whole lines from offset `start` and `line` on, behind others.

    Lines whose numbers are `known` have been reported.
    """
    for words, kind in ((_SCHEDULER, "scheduler"), *_SHELL.items()):
        at = text.find(words, 0, end)
        while at >= 0:
            stop = text.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            begin = text.rfind(b"\n", 0, at) + 1
            number = line + text.count(b"\n", 0, begin)
            behind = begin < at and (kind == "scheduler" or text[at - 1] in _CLOSES)
            if behind and number not in known:
                yield Event(kind, start + at, number, decode(text[at:stop].strip(), 300))
            at = text.find(words, stop, end)
