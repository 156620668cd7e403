"""Records behind an envelope: a matcher reads the message, the rank and the time become columns."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.batch import BAR
from runwatch.parsers.api import Layout, Match, Matcher, Shared
from runwatch.parsers.envelope.header import Header, before, opened
from runwatch.parsers.envelope.stamps import Stamp

_MAX_STARTS = 8
_MOST = 4096
_Key = tuple[int, tuple[str, ...], Stamp | None]


class Placing(Shared):
    """Adds the columns that envelopes show to layouts; the same ones become the same object. Bounded."""

    def __init__(self) -> None:
        self._known: dict[_Key, tuple[Layout, Layout]] = {}

    def read(self, matcher: Matcher, line: bytes, header: Header) -> Match | None:
        """Return what a matcher reads in a message; what a user describes may be of the envelope."""
        at = 0 if matcher.whole else header.end
        match = matcher.match(line[at:])
        return None if match is None else self.match(match, line, header, at)

    def match(self, match: Match, line: bytes, header: Header, at: int = 0) -> Match:
        """Return a match of line[at:] as one of the line, with the rank and time that its header shows."""
        if match.stored is not None:
            layout, numbers = self.row(match.layout, match.stored, line, header)
            return Match(layout, (), tuple(numbers))
        spans = tuple([(begin + at, end + at) for begin, end in match.spans]) if at else match.spans
        layout, chosen = self._layout(match.layout, header)
        if layout is match.layout:
            return match._replace(spans=spans)
        parts = header.parts if "time" in layout.names and "time" not in match.layout.names else ()
        return Match(layout, (*spans, *(header.spans[i] for i in chosen), *parts))

    def row(
        self, layout: Layout, numbers: Sequence[float], line: bytes, header: Header
    ) -> tuple[Layout, list[float]]:
        """Return the layout and the numbers of a record whose message was read by itself."""
        layout_, chosen = self._layout(layout, header)
        if layout_ is layout:
            return layout, list(numbers)
        out = [*numbers, *(float(line[slice(*header.spans[i])]) for i in chosen)]
        if "time" in layout_.names and "time" not in layout.names and header.stamp is not None:
            out.append(float(header.stamp.seconds([float(line[slice(*part)]) for part in header.parts])))
        return layout_, out

    def _layout(self, layout: Layout, header: Header) -> tuple[Layout, list[int]]:
        """Return the layout with the columns of a header, and which of its places became some."""
        if layout.kind == BAR:  # of any rank: they show how far training is
            return layout, []
        chosen = [i for i, name in enumerate(header.names) if name not in layout.names]
        names = tuple(header.names[i] for i in chosen)
        stamp = None if "time" in layout.names else header.stamp
        if not names and stamp is None:
            return layout, []
        key = (id(layout), names, stamp)
        known = self._known.get(key)
        if known is None:  # the layout is kept too: no other may get its identity
            if len(self._known) > _MOST:
                self._known.clear()
            placed = layout.extended(names) if names else layout
            known = self._known[key] = layout, placed if stamp is None else placed.stamped(stamp)
        return known[1], chosen


class Enveloped(Matcher):
    """A matcher of messages, asked about whole lines. It may read the same lines without an envelope."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.needle = matcher.needle
        self._placing = Placing()

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the message, and the rank and time that precede it."""
        header = opened(line) if start == 0 else None
        if header is None:
            return self.matcher.match(line, start)
        return self._placing.read(self.matcher, line, header)


class Logged(Matcher):
    """A matcher of messages that begin with a known text, behind anything that may be an envelope."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.skeletons = matcher.skeletons  # its own bulk path is not made for lines behind a prefix
        self.needle = matcher.prefix
        """What every line it matches holds."""
        self._placing = Placing()

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the message, and the rank and time that precede it."""
        at = line.find(self.needle, start)
        for _ in range(_MAX_STARTS):  # what precedes may hold the needle too, such as brackets
            if at < 0:
                return None
            match = self.matcher.match(line, at)
            if match is not None:
                header = before(line, at)
                if header is not None:
                    return self._placing.match(match, line, header)
            at = line.find(self.needle, at + 1)
        return None


class Unopened(Matcher):
    """A matcher of lines that follow no envelope: the others are read by their message alone."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line without an envelope."""
        return None if opened(line) is not None else self._matcher.match(line, start)
