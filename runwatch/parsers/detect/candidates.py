"""Who is asked about the lines of a log: matchers, readers and bulk paths of the formats it may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from runwatch.parsers.api import Format, Matcher, Reader
from runwatch.parsers.body.enveloped import Enveloped
from runwatch.parsers.body.readers import FoldingReader
from runwatch.parsers.detect.dispatch import Dispatch
from runwatch.parsers.envelope.containers import may_wrap
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.prefilter.gate import Gate
from runwatch.parsers.tables.boxes import BoxReader
from runwatch.parsers.tables.delimited import Columns
from runwatch.parsers.words import any_of

if TYPE_CHECKING:
    from runwatch.parsers.columnar.bulk import Decoder
    from runwatch.parsers.columnar.folding import BlockFold
    from runwatch.parsers.prefilter.sieve import Sieve
    from runwatch.parsers.progress.idle import IdleRedraws


class ReaderOf(NamedTuple):
    """A reader, its format, and which of that format's readers it is."""

    reader: Reader
    format: Format
    place: int


class Candidates:
    """Those who are asked. Others take their place when the formats in question change."""

    def __init__(
        self,
        dispatch: Dispatch,
        readers: tuple[ReaderOf, ...],
        events: EventScanner,
        *,
        own: tuple[tuple[Enveloped, Format], ...] = (),
        first: tuple[Matcher, ...] = (),
        weak: tuple[Matcher, ...] = (),
    ) -> None:
        """`own` are matchers of formats that the user described, `weak` those whose records are held back."""
        self.dispatch, self.readers, self._events, self._weak = dispatch, readers, events, weak
        self.own = own
        """They go before all others."""
        self.first = first
        """What these match, nobody else is asked about."""
        self.asleep = False
        """Whether nobody waits for the next line: then one that the gate shuts out is no record."""
        self._begins = (*(dispatch.heads or ()), *events.heads, b"^")  # or an echoed key
        apart = [one.reader.apart for one in readers]
        self.apart = None not in apart
        """Whether all readers may miss the lines that others decode many at a time."""
        heads = [*self._begins, *(head for heads in apart for head in heads or ())]
        self.heads = list(dict.fromkeys(heads)) if self.apart and dispatch.heads is not None else [b""]
        """What a line begins with that may be a record; any other holds a needle or is an event."""
        self.needles = (*dispatch.needles, *(needle for one in readers for needle in one.reader.needles))
        """What a line holds that may be a record."""
        self.decoders: list[Decoder] = []
        """The bulk path of the settled format."""
        self.tables: list[Columns] = []
        """Its tables, whose plain rows are taken many at a time."""
        self.folded: BlockFold | None = None
        """The bulk path of its reader, which it replaces."""

    def decode(self, known: Candidates, *, sure: bool) -> None:
        """Take the bulk paths of the settled format; those `known` continue with what they learned."""
        from runwatch.parsers.columnar.bulk import decoders

        self.decoders = decoders(self.dispatch.matchers if sure else self.first, known.decoders)
        if sure:
            self.tables = [matcher for matcher in self.dispatch.matchers if isinstance(matcher, Columns)]

    def fold(self) -> None:
        """Take the bulk path of the only reader, if it has one."""
        reader = self.readers[0].reader
        if isinstance(reader, FoldingReader):
            from runwatch.parsers.columnar.folding import Folded

            self.folded = Folded(reader)
        elif isinstance(reader, BoxReader):
            from runwatch.parsers.tables.boxes_bulk import WholeBoxes

            self.folded = WholeBoxes(reader)
        if self.folded is not None:
            self.readers = (self.readers[0]._replace(reader=self.folded),)
            self.heads = [*self._events.heads, b"^"]

    @cached_property
    def gate(self) -> Gate:
        """What shuts out lines that nobody wants."""
        return Gate(self._matchers, self._only_readers)

    @cached_property
    def sieve(self) -> Sieve:
        """What finds the lines of a block that may show something."""
        from runwatch.parsers.prefilter.sieve import Sieve

        return Sieve(self.gate, self._events.heads)

    @cached_property
    def idle(self) -> IdleRedraws:
        """What finds the redraws of a block that show nothing."""
        from runwatch.parsers.progress.idle import IdleRedraws

        return IdleRedraws(self._matchers, self._only_readers, self._events)

    def may_begin(self, line: bytes) -> bool:
        """Return whether the message behind an envelope may be a record."""
        if may_wrap(line):
            return True
        if self.folded is not None:
            return opened(line) is not None
        if self._begin.search(line, 1) is None:  # cheaper than to open the envelope
            return False
        header = opened(line)
        return header is not None and line.startswith(self._begins, header.end)

    @cached_property
    def _begin(self) -> re.Pattern[bytes]:
        """What finds the beginning of a record anywhere in a line."""
        return any_of(frozenset(self._begins))

    @property
    def _matchers(self) -> tuple[Matcher, ...]:
        return self.dispatch.matchers + self._weak

    @property
    def _only_readers(self) -> list[Reader]:
        return [one.reader for one in self.readers]


def readers_of(formats: Iterable[Format], known: Sequence[ReaderOf] = ()) -> tuple[ReaderOf, ...]:
    """Return the readers of some formats; those that are known remember what came before."""
    return tuple(
        one
        for fmt in formats
        for one in [one for one in known if one.format is fmt]
        or [ReaderOf(make(), fmt, index) for index, make in enumerate(fmt.readers)]
    )
