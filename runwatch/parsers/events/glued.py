"""What others write behind a step line that was not ended: who decodes that line looks no further.

The scheduler does, and a shell that says which signal ended a program: `loss: 0.5Killed`, `loss=0.5]Killed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.text import decode
from runwatch.parsers.framing.search import finds

_SCHEDULER = b"slurmstepd: error: *** "
_SHELL = {
    b"Killed": "killed",
    b"Terminated": "signal",
    b"^C": "signal",
    b"Hangup": "signal",
    b"Segmentation fault (core dumped)": "segfault",
    b"Aborted (core dumped)": "segfault",
    b"Bus error (core dumped)": "segfault",
}
"""What ends a line, behind a record or a bar."""
_CLOSES = b"0123456789]"
"""Characters with which a record or a bar ends."""
_LAST = np.isin(np.arange(256), [words[-1] for words in _SHELL])
"""Whether a byte may be the last one of these, (256,)."""
KINDS = frozenset({"scheduler", *_SHELL.values()})
"""Of the events that may be behind a line."""


def glued(text: bytes, end: int, start: int, line: int, known: Collection[int]) -> Iterator[Event]:
    """Yield what is written in text[:end], whole lines from offset `start` and `line` on, behind others.

    Lines whose numbers are `known` have been reported.
    """
    reported = set(known)
    for at, kind in _behind(text, end):
        begin = text.rfind(b"\n", 0, at) + 1
        number = line + text.count(b"\n", 0, begin)
        if begin < at and number not in reported:
            reported.add(number)
            stop = text.find(b"\n", at, end)
            yield Event(kind, start + at, number, decode(text[at : stop if stop >= 0 else end].strip(), 300))


def _behind(text: bytes, end: int) -> Iterator[tuple[int, str]]:
    """Yield where such words are, and their kind. One look at ends of lines is quicker than six searches."""
    for at in finds(text, _SCHEDULER, 0, end):
        yield at, "scheduler"
    body = np.frombuffer(text, np.uint8, end)
    stops = np.flatnonzero(body == ord("\n"))
    for stop in stops[_LAST[body[stops - 1]]].tolist():
        for words, kind in _SHELL.items():
            at = stop - len(words)
            if at > 0 and text[at - 1] in _CLOSES and text.startswith(words, at):
                yield at, kind
