"""What others write behind a step line that was not ended: who decodes that line looks no further.

The scheduler does, Keras, and a shell that says which signal ended a program: `loss: 0.5Killed`,
`loss=0.5]Killed`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from runwatch.core.batch import Event
from runwatch.core.text import decode

_SENTENCES = (
    (b"slurmstepd: error: *** ", b"slurmstepd", "scheduler"),
    (b": Invalid loss, terminating training", b"Batch ", "error"),  # Keras
)
"""What others say, how the message begins, and the kind of event."""
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
_LAST = bytes({words[-1] for words in _SHELL})
"""Characters with which these end."""
_END = re.compile(b"[%s]\\n" % _LAST)
_MANY = 1 << 18
"""Bytes from which on numpy is worth its import."""
KINDS = frozenset({*(kind for *_, kind in _SENTENCES), *_SHELL.values()})
"""Of the events that may be behind a line."""


def glued(text: bytes, end: int, start: int, line: int, known: Collection[int]) -> Iterator[Event]:
    """Yield what is written behind others in the whole lines text[:end]; lines `known` have been reported."""
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
    for sentence, begins, kind in _SENTENCES:
        at = text.find(sentence, 0, end)
        while at >= 0:
            yield text.rfind(begins, 0, at + len(begins)), kind
            at = text.find(sentence, at + 1, end)
    for stop in _stops(text, end):
        for words, kind in _SHELL.items():
            at = stop - len(words)
            if at > 0 and text[at - 1] in _CLOSES and text.startswith(words, at):
                yield at, kind


def _stops(text: bytes, end: int) -> list[int]:
    """Return where lines end behind a character with which such words do."""
    if end < _MANY:
        return [found.end() - 1 for found in _END.finditer(text, 0, end)]
    import numpy as np

    body = np.frombuffer(text, np.uint8, end)
    stops = np.flatnonzero(body == ord("\n"))
    found: list[int] = stops[np.isin(body[stops - 1], list(_LAST))].tolist()
    return found
