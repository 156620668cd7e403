"""Settling on a format: on the one whose training step is recognized first.

A weak format may yet turn out to be what another one prints next to its own lines: then the other
one takes its place, unless many records have spoken for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runwatch.parsers.api import Format
from runwatch.parsers.body.enveloped import Enveloped
from runwatch.parsers.body.ranks import Ranks
from runwatch.parsers.detect.candidates import Candidates, readers_of
from runwatch.parsers.detect.dispatch import Dispatch, constant, trains
from runwatch.parsers.detect.weak_formats import WeakFormats
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.formats import catalogue

_SURE_RECORDS = 512
"""So many training records of a weak format that was settled on, and no other one is looked for."""


class Detector:
    """Decides which format a log has. Its state is that decision, and who is asked because of it."""

    def __init__(
        self,
        formats: Sequence[Format] | None,
        events: EventScanner,
        ranks: Ranks,
        settled: Callable[[], None],
        *,
        bulk: bool,
    ) -> None:
        """`settled` is called when a format was settled on."""
        self.formats = tuple(fmt.fresh() for fmt in (formats if formats is not None else catalogue()))
        self.format: Format | None = None
        self.sure = False
        """Whether the format is settled and stays so."""
        self._records = 0
        """Training records of a weak format since it was settled on."""
        self._events, self._ranks, self._settled, self.bulk = events, ranks, settled, bulk
        self._own = tuple((Enveloped(m), fmt) for fmt in self.formats if fmt.own for m in fmt.matchers)
        self.weak: WeakFormats | None = WeakFormats(self.formats)
        self.candidates = Candidates(
            Dispatch(self._strong, None, ranks),
            readers_of(self._strong),
            events,
            own=self._own,
            weak=self.weak.matchers,
        )
        self.candidates.readers += readers_of(fmt for fmt in self.formats if fmt.weak)

    @property
    def constant(self) -> list[object]:
        """What reading does not change, so that a copy may share it, as sources do (see Format.fresh)."""
        return [one for fmt in self.formats for one in constant(fmt)]

    @property
    def wavers(self) -> bool:
        """Whether a format may yet be settled on, or take the place of the one that was."""
        return self.bulk and not self.sure

    def settle(self, fmt: Format, *, logged: bool = False) -> None:
        """Settle on a format, one of whose training steps has just been recognized."""
        if self.sure:
            return
        if fmt is self.format:
            self._records += 1
            if self._records < _SURE_RECORDS:
                return
            self.sure = True
        else:
            self.format, self.sure, self._records, self.weak = fmt, not fmt.weak, 0, None
            self._events.use(fmt.markers)
            self._settled()
        asked = (fmt,) if self.sure else (fmt, *self._strong)
        if self.sure:
            self._own = ()  # or they are among the matchers now
            self.formats = (fmt,)  # the others, of which every source has its own, are let go
        self._ask(fmt, asked, None if fmt.weak else logged or fmt.logged)

    def settle_learned(self, fmt: Format) -> None:
        """Settle on a learned format, or on another stage of it."""
        self.sure = False
        self.settle(fmt)

    def confirm(self, records: int) -> None:
        """Count training records of the format that was settled on."""
        if not self.sure and self.format is not None and records:
            self._records += records - 1
            self.settle(self.format)

    @property
    def _strong(self) -> tuple[Format, ...]:
        return tuple(fmt for fmt in self.formats if not fmt.weak)

    def _ask(self, fmt: Format, formats: Iterable[Format], logged: bool | None) -> None:
        """Ask some formats from now on, of which `fmt` is settled on."""
        known, formats = self.candidates, tuple(formats)
        dispatch, readers = Dispatch(formats, logged, self._ranks), readers_of(formats, known.readers)
        first = tuple(m for m, of in dispatch.owned if of is fmt and trains(m)) if not self.sure else ()
        self.candidates = chosen = Candidates(dispatch, readers, self._events, own=self._own, first=first)
        if self.bulk and (chosen.apart or not self.sure) and not self._own:
            chosen.decode(known, sure=self.sure)
        if self.bulk and self.sure and not fmt.matchers and not self._ranks and len(readers) == 1:
            chosen.fold()
