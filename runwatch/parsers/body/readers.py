"""Readers: records that a single line does not contain.

A matcher looks at one line. A reader remembers: the header of a table, the epoch a bar belongs to, the value
that a redrawn bar may still change. Readers see every record in order, so their output does not depend on how
bytes come. Those whose lines can be decoded at once have a bulk path (see frames).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from runwatch.core.batch import META_COLUMNS
from runwatch.core.metrics import SHARE, Unit
from runwatch.core.text import shown
from runwatch.parsers.api import Known, Layout, Matcher, Reader, Row, Shared
from runwatch.parsers.body.matchers import values
from runwatch.parsers.edges import record_begin, record_end
from runwatch.parsers.lexicon.names import unit_of
from runwatch.parsers.lexicon.records import columns

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Frames

_BAR_END = re.compile(rb"^(?:.*?\[[\d:]+<[^\]\r\n]{0,2000}\]\s*|.*)")
"""A bar up to its end."""
ENDLESS = (b"it [", b"/? [", b"step [", b"steps [", b"batch [", b"batches [", b"samples [")
"""A bar of tqdm that has no total holds one of these: `120it [00:10, 11.90it/s, loss=0.5]`."""
is_endless = re.compile(rb"(?:it|/\?|steps?|batch(?:es)?|samples) \[\d").search
"""Finds them in a line."""
_PLACED = re.compile(rb"(?i)(?<=\])(?:epoch|step|iter(?:ation)?) ?[:#]? ?\d+\b[^\w{]{1,4}\Z")
"""Places the dict right behind it: `8.41it/s]epoch 11: {'accuracy': 0.5}`."""
_MESSAGE = re.compile(
    rb"[^\s,\])}][^\r\n]{0,400}?(?:[:=]|[A-Za-z] \d+\.\d)"
    rb"|(?i:[^\w\r\n]{0,40}(?:epoch|episode|round|iter(?:ation)?|step)\b ?[#\[(]? ?\d+"
    rb"(?: ?(?:/|of) ?\d+)?\W{0,40})\Z"
)
"""Something that may contain a number, or the heading of an epoch."""


class FoldingReader(Reader):
    """A reader whose bulk path folds what many lines show (see frames)."""

    frames: tuple[Matcher, ...]
    """What its lines show; a line that one of them matches is read by nothing but `fold`'s like."""

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Take one line: a frame, or none."""
        match = self.frames[0].match(line)
        return None if match is None else self.take(match.layout, values(line, match), number)

    def take(self, layout: Layout, shown: Sequence[float], number: int) -> list[Row]:
        """Take what one line shows; return the records that it completes: itself, if it is one."""
        return [Row(layout, number, [*shown])]

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end of those lines of block[begin:end] whose frames are read alike."""
        return end

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a frame, or minded: a cheap look; a bar of tqdm is in any case."""
        return self.begins != b"" and re.match(self.begins, line) is not None

    def concerns(self, line: bytes) -> bool:
        """Return whether a line that is no frame may be read by `feed`, or change what it remembers."""
        return False

    def thin(self, text: bytes) -> bytes:
        """Return a text with the same records, without what says nothing and varies, as a bar's filling."""
        return text

    def took(self, text: bytes) -> None:
        """Take note of a block that was read at once."""

    def fold(self, frames: Frames) -> Iterable[tuple[Layout, Floats]]:
        """Take frames as `feed` would; return the records (offset, line and values, n) they complete."""
        return frames.tables()


class RowMaker(Shared):
    """Makes rows of printed names and values; rows of one shape share a layout."""

    def __init__(
        self, pattern: str, aliases: Mapping[str, str] | None = None, *, stored: bool = False
    ) -> None:
        """Make rows of a pattern; `stored`: values come in the units in which they are stored."""
        self._pattern, self._stored = pattern, stored
        self._aliases = aliases or {}
        self._layouts = Known(self._make)

    def __call__(self, kind: str, number: int, items: Iterable[tuple[str, float]]) -> Row:
        """Return the row of `items`; of two values of one name the first counts."""
        values: dict[str, float] = {}
        for name, value in items:
            values.setdefault(name, value)
        return Row(self.layout(kind, tuple(values)), number, list(values.values()))

    def layout(self, kind: str, printed: tuple[str, ...], others: tuple[str, ...] = ()) -> Layout:
        """Return the layout of rows of these printed names; `others` are in another row of the record."""
        return self._layouts[kind, printed, others]

    def _make(self, key: tuple[str, tuple[str, ...], tuple[str, ...]]) -> Layout:
        kind, printed, others = key
        places = {name: name for name in printed if name in META_COLUMNS}
        known = columns((*printed, *others), {**places, **self._aliases})[: len(printed)]
        # a value that is not printed in our unit keeps its name: rows hold the numbers as they are printed
        ours = [self._stored or unit in (SHARE, Unit()) for unit in map(unit_of, known, repeat(""), printed)]
        named = [name if is_ours else text for name, is_ours, text in zip(known, ours, printed, strict=True)]
        names, texts = tuple(map(shown, named)), map(shown, printed)
        meant = {name: text for name, text in zip(names, texts, strict=True) if name != text}
        return Layout(kind, self._pattern, names, tuple(Unit() for _ in names), meant)


def behind_bar(line: bytes) -> bytes:
    """Return the message that follows the bar of a line, if any."""
    return _BAR_END.sub(b"", line, 1)


def message_behind(line: bytes) -> bytes:
    """Return the message right behind a bar, of a dict its place alone; empty if none, or part of the bar."""
    bar = line.rfind(b"%|")
    at = line.find(b"{'", bar)
    placed = _PLACED.search(line, max(bar, at - 40, 0), at) if at >= 0 else None
    at = placed.start() if placed else at
    behind = line[at:] if at >= 0 else behind_bar(line)
    return behind if b"%|" not in behind and (at >= 0 or _MESSAGE.match(behind)) else b""


def says_little(line: bytes) -> bool:
    """Return whether a reader's line may be of an unknown format, too: headlines and cells, no bars."""
    return len(line) < 64 and b"%|" not in line and b" - " not in line and not is_endless(line)


def same_until(
    block: bytes, begin: int, end: int, words: Iterable[bytes], same: Callable[[bytes], bool]
) -> int:
    """Return where in block[begin:end] a record begins that holds one of `words` and is not `same`."""
    for word in words:
        at = begin
        while (at := block.find(word, at, end)) >= 0:
            first, last = record_begin(block, begin, at), record_end(block, at, end)
            if not same(block[first:last]):
                end = first
                break
            at = last
    return end
