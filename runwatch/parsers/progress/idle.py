"""Redraws that show nothing, such as those of a download: whole runs of them are passed over at once.

Redraws of one bar differ in their numbers and in how far it is filled. Formats do not look at digits
(see skeleton), so what one of them shows all do. One is looked at closely, and a regex that is made of
it finds those that follow, with no work in Python for each.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import Matcher, Reader
from runwatch.parsers.body.frames import Decoded
from runwatch.parsers.body.matchers import BarPattern
from runwatch.parsers.body.readers import message_behind
from runwatch.parsers.columnar.bulk import BulkDecoder
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.framing.ansi import bare
from runwatch.parsers.framing.lines import Ints, Lines
from runwatch.parsers.inference.roles import relevant
from runwatch.parsers.inference.sections import opens
from runwatch.parsers.inference.tables import may_head
from runwatch.parsers.prefilter.gate import BAR, Gate

_LONGEST = 256
"""Bytes of a redraw, without what it is filled with."""
_MOST_KINDS = 16
"""Kinds of redraws known at once; the oldest is forgotten."""
_MOST_SEEN = 256
"""Shapes remembered that were seen once, or show something."""
_FEW = 64
"""Records of a block that are left over and as quickly read as looked at."""
_LOOKS = 64
"""Redraws of unknown kinds looked at in a block."""
_AT_ONCE = 1024
"""Redraws matched at once: the regex takes memory for each."""

_FILLED = rb"[ #0-9=>.\x80-\xbf\xe2-]{0,400}"
_COLOR = rb"(?:\x1b\[[0-9;]{0,8}m)?"
_LINES = rb"[\x80-\xbf\xe2][\x80-\xbf\xe2 ]{3,400}"
_ARROW = rb"\[[=>.# -]{8,80}\]"
_VARIES = re.compile(
    rb"(?P<filled>%\|" + _COLOR + _FILLED + _COLOR + rb"\|)|(?P<lines>" + _LINES + rb")|(?P<arrow>" + _ARROW
    # as rich, alive-progress and Keras draw their bars
    + rb")|(?P<pad> +)(?=[0-9])|(?P<time>[0-9]+(?::[0-9]+)+)|(?P<decimal>[0-9]+\.[0-9]+)|(?P<whole>[0-9]+)"
)  # fmt: skip
"""What differs between redraws of a bar."""
_FORMS = {
    "filled": rb"%\|" + _COLOR + _FILLED + _COLOR + rb"\|",
    "lines": _LINES,
    "arrow": _ARROW,
    "pad": rb" {1,9}",
    "time": rb"[0-9:]{3,12}",
    "decimal": rb"[0-9]{1,16}\.[0-9]{1,16}",
    "whole": rb"(?!0/)[0-9]{1,16}",
}
"""How they are matched. A bar that has done nothing yet is none of these: it shows that one begins."""
_FILLING = re.compile(rb"%\|" + _COLOR + _FILLED + _COLOR + rb"\|")
_COUNT = BarPattern()
_ODD = frozenset((b"^", b"#", b"`", b"|"))
"""What a line begins with that is an echoed key, of Markdown, or a row of a box."""
_Find = Callable[[bytes, int, int], re.Match[bytes] | None]


class Shown(Enum):
    """What redraws of a kind show."""

    NOTHING = auto()
    COUNT = auto()
    """Where the bar is: it has no description."""
    AGAIN = auto()
    """The event that the first of them reported."""


class _Said(NamedTuple):
    """What redraws of a kind show, and the words of their event."""

    shows: Shown
    words: bytes = b""


class Run(NamedTuple):
    """Redraws that follow each other, as indices of records."""

    begin: int
    end: int
    shows: Shown

    def inside(self, *, first: bool, last: bool) -> Run:
        """Return the run without its first or its last record."""
        return self._replace(begin=self.begin + first, end=self.end - last)


class IdleRedraws:
    """Knows which redraws show nothing to some matchers and readers. Bounded memory."""

    def __init__(self, matchers: Sequence[Matcher], readers: Sequence[Reader], events: EventScanner) -> None:
        self._matchers, self._events = matchers, events
        self._bars = [reader for reader in readers if reader.reads_redraws]
        self._readers = [reader for reader in readers if not reader.reads_redraws]
        self._kinds: dict[bytes, _Said] = {}
        """Kinds of redraws, as regexes, the oldest first."""
        self._known: list[tuple[Shown, _Find]] = []
        """What matches runs of them."""
        self._seen: dict[bytes, bool] = {}
        """Other kinds, and whether they were looked at: one that comes once is not worth it."""
        self._counter = BulkDecoder(_COUNT)
        self._thin: tuple[Lines, Lines] | None = None
        """A block, and the same with bars that are not filled."""

    @cached_property
    def _gate(self) -> Gate:
        return Gate(self._matchers, self._readers, bars=False)

    def asleep(self, shows: Shown) -> bool:
        """Return whether nobody waits for redraws of this kind, whatever they hold."""
        if shows is Shown.COUNT:  # matchers are asked about no bar that does
            return not any(reader.awake for reader in self._readers)
        return self._gate.asleep()

    @property
    def remembered(self) -> bool:
        """Whether a reader remembers the last of some redraws that show nothing."""
        return any(reader.remembers for reader in self._bars)

    def pass_by(self, lines: Lines, run: Run) -> bool:
        """Show a run to what remembers the newest bar; return False if it has to be read one by one."""
        begin = lines.begin + int(lines.starts[run.begin])
        end = lines.begin + int(lines.starts[run.end - 1] + lines.lengths[run.end - 1])
        return not self.remembered or all(reader.pass_by(lines.text[begin:end]) for reader in self._bars)

    def passed(self, lines: Lines, rest: Ints, *, learns: bool, every: bool) -> list[Run]:
        """Return the runs that need not be read among the records `rest`.

        The first that shows an event is read, and the last where it is remembered. `learns` says whether
        the learner receives what shows nothing, `every` whether all records are read, else those with a bar.
        """
        if len(rest) < _FEW:
            return []
        last = self.remembered
        runs = self._runs(lines, rest[_redrawn(lines, rest, every=every)], learns=learns)
        inner = (run.inside(first=run.shows is Shown.AGAIN, last=last) for run in runs)
        asleep = {shows for shows in Shown if self.asleep(shows)}
        return [run for run in inner if run.begin < run.end and run.shows in asleep]

    def counts(self, lines: Lines, runs: Sequence[Run]) -> tuple[list[Decoded], list[Run]]:
        """Decode those records of runs that show where a bar is; return what is left of the runs too.

        What was not decoded is to be read. Where something is remembered, nothing is decoded before its time.
        """
        counted = [np.arange(run.begin, run.end) for run in runs if run.shows is Shown.COUNT]
        if not counted or self.remembered:
            return [], [*runs]
        index = np.concatenate(counted)
        decoded = self.count(lines, index)
        empty = index[lines.lengths[index] == 1]
        done = np.sort(np.concatenate([empty, *(part.lines for part in decoded)]))
        edges = np.flatnonzero(np.diff(done) > 1) + 1
        left = [Run(int(at[0]), int(at[-1]) + 1, Shown.COUNT) for at in np.split(done, edges) if len(at)]
        return decoded, sorted((*left, *(run for run in runs if run.shows is not Shown.COUNT)))

    def count(self, lines: Lines, index: Ints) -> list[Decoded]:
        """Decode records that show where a bar is, as far as that is quicker."""
        if self._thin is None or self._thin[0] is not lines:
            text = _FILLING.sub(b"%||", lines.text[lines.begin : lines.begin + lines.size])
            self._thin = lines, Lines(text, 0, len(text))
        thin = self._thin[1]
        return self._counter.decode(thin, index[thin.lengths[index] > 1])

    def done(self) -> None:
        """Let go of the block."""
        self._thin = None

    def _runs(self, lines: Lines, index: Ints, *, learns: bool) -> Iterator[Run]:
        """Yield the runs that begin with any of some records, in order; kinds are learned on the way."""
        text, end = lines.text, lines.begin + lines.size
        places, records = (lines.starts[index] + lines.begin).tolist(), index.tolist()
        looks, at = _LOOKS, 0
        while at < len(places):
            for shows, find in self._known:
                found = find(text, places[at], end)
                if found is not None:
                    while (more := find(text, found.end(), end)) is not None:
                        found = more
                    last = int(np.searchsorted(lines.starts, found.end() - lines.begin)) - 1
                    yield Run(records[at], last + 1, shows)
                    at = bisect_left(places, found.end(), at)
                    break
            else:
                looks -= looks > 0
                if not (looks and self._learn(lines.record(records[at]), learns)):
                    at += 1

    def _learn(self, line: bytes, learns: bool) -> bool:
        """Learn the kind of a redraw if it shows nothing and has come before; return whether it is new."""
        form = _form(line)
        if form is None or form in self._kinds:
            return False
        looked = self._seen.get(form)
        if looked is None and len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[form] = looked is not None
        reported = self._reported(line, learns) if looked is False else None
        if reported is None:
            return False
        if len(self._kinds) >= _MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]
        self._kinds[form] = reported
        self._known = [*_matches(self._kinds)]
        return True

    def _reported(self, line: bytes, learns: bool) -> _Said | None:
        """Return what a redraw shows, whichever its numbers, while nobody waits; None if anything else."""
        text = bare(line)
        words = self._events.redraws(text)
        if words is None or self._may_read(text, learns):
            return None
        if _COUNT.match(text) is not None:
            return None if words else _Said(Shown.COUNT)
        return _Said(Shown.AGAIN if words else Shown.NOTHING, words)

    def _may_read(self, text: bytes, learns: bool) -> bool:
        """Return whether anyone may read a redraw, or what follows its bar."""
        bar = BAR in text
        if text[:1] in _ODD or (bar and message_behind(text)) or not self._gate.shuts_out(text):
            return True
        if learns and (relevant(text) or opens(text)):
            return True
        if learns and not bar and (may_head(text) or b"oss" in text):
            return True  # of a table; behind a bar is no name of a column
        return not all(reader.passes(text) for reader in self._bars)


def _form(line: bytes) -> bytes | None:
    """Return a regex of the redraws that are like one; None if it is too long, or a bar that begins."""
    line = line.rstrip(b" ")
    parts, at = [], 0
    size = len(line)
    for found in _VARIES.finditer(line):
        kind = found.lastgroup
        assert kind is not None
        if kind == "whole" and found[0] == b"0" and line[found.end() : found.end() + 1] == b"/":
            return None
        size -= found.end() - found.start()
        parts += [re.escape(line[at : found.start()]), _FORMS[kind]]
        at = found.end()
    return b"".join((*parts, re.escape(line[at:]))) if parts and size <= _LONGEST else None


def _matches(kinds: Mapping[bytes, _Said]) -> Iterator[tuple[Shown, _Find]]:
    """Yield what matches runs of redraws that show the same."""
    for each in sorted(set(kinds.values()), key=lambda each: (each.shows.value, each.words)):
        same = b"|".join(form for form, of in kinds.items() if of == each)
        yield each.shows, re.compile(rb"(?:(?:%b) *[\r\n]+){1,%d}" % (same, _AT_ONCE)).match


def _redrawn(lines: Lines, index: Ints, *, every: bool) -> NDArray[np.bool_]:
    """Return which of some records hold a bar; with `every` also which the next one is drawn over."""
    over = np.zeros(len(lines), bool)
    if every and lines.redraws:
        over[:-1] = ~lines.ends_line[:-1] & (lines.lengths[1:] > 1)
        over[-1] = not lines.ends_line[-1]
    if lines.text.find(BAR, lines.begin, lines.begin + lines.size) >= 0:
        body = lines.buffer[: lines.size]
        bars = np.flatnonzero((body[:-1] == BAR[0]) & (body[1:] == BAR[1]))
        over[np.searchsorted(lines.starts, bars, "right") - 1] = True
    return np.asarray(over[index])
