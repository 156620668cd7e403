"""What a log format is made of, and its limits: all that the author of a format needs.

A format names its lines and markers; splitting, detection, bulk decoding and
events are shared and live elsewhere in runwatch.parsers.

A matcher looks at one record (a line without its end) and says which numbers are where. It must
be digit-blind: changing a digit of a value may change neither the names nor the spans it returns.
A reader remembers: the header of a table, the epoch of a bar, the value that a redrawn bar may
still change. It sees every record in order. Both have capabilities that a subclass may declare;
what it leaves out has a default that is safe, and slow at worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from runwatch.core.metrics import Unit
from runwatch.parsers.envelope.stamps import Stamp, Stamped

_K = TypeVar("_K")
_V = TypeVar("_V")
_S = TypeVar("_S", bound="Shared")

MAX_LINE = 1 << 16
"""Of a longer line the first bytes are parsed; the rest is dropped."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """How epoch, place within the epoch and epoch length become a step and a total.

    Each field but `first` is the index of a printed number. Where the log does not say how many epochs are
    planned, the total is the step at which this one ends, and how many steps an epoch has follows it.
    """

    epoch: int
    per: int
    within: int | None
    epochs: int | None
    step: int | None
    rest: tuple[int, ...]
    """The numbers kept as they are."""
    first: int

    def apply(self, columns: Sequence[Any]) -> list[Any]:
        """Return step, total and the rest, for floats and for columns of them alike."""
        done = columns[self.epoch] - self.first
        per = columns[self.per]
        within = columns[self.within] if self.within is not None else 0.0
        step = done * per + within if self.step is None else columns[self.step]
        rest = [columns[i] for i in self.rest]
        if self.epochs is None:
            return [step, (done + 1.0) * per, per, *rest]
        return [step, columns[self.epochs] * per, *rest]


@dataclass(frozen=True, slots=True)
class Summed:
    """How the parts of a time, such as hours and minutes, become its seconds, the first column."""

    parts: tuple[int, ...]
    rest: tuple[int, ...]
    """The numbers kept as they are."""

    def apply(self, columns: Sequence[Any]) -> list[Any]:
        """Return the seconds and the rest, for floats and for columns of them alike."""
        return [sum(columns[i] for i in self.parts), *(columns[i] for i in self.rest)]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a kind of line yields; rows of one layout make one table."""

    kind: str
    pattern: str
    names: tuple[str, ...]
    units: tuple[Unit, ...]
    """One per printed number; `epochs` may turn them into other columns."""
    printed: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    event: str | None = None
    """Kind of the event that such a record also is."""
    epochs: Epochs | Summed | Stamped | None = None
    """What turns the printed numbers into columns, where they are not the columns themselves."""

    def __hash__(self) -> int:  # as every record asks for it, by the few fields that distinguish most of them
        return hash((self.pattern, self.names))

    def extended(self, names: tuple[str, ...]) -> Layout:
        """Return this layout with more columns that place a row, printed after the others."""
        units = (*self.units, *(Unit() for _ in names))
        epochs = self.epochs
        if epochs is not None and not isinstance(epochs, Stamped):
            epochs = replace(epochs, rest=(*epochs.rest, *range(len(self.units), len(units))))
        return replace(self, names=(*self.names, *names), units=units, epochs=epochs)

    def stamped(self, stamp: Stamp) -> Layout:
        """Return this layout with a column `time`, whose parts are printed after the others."""
        return replace(
            self,
            names=(*self.names, "time"),
            units=(*self.units, *(Unit() for _ in range(stamp.width))),
            epochs=Stamped(stamp, len(self.units), self.epochs),
        )


class Shared:
    """What copies of a parser share: it never changes but for what it remembers to have made."""

    __slots__ = ()

    def __deepcopy__(self: _S, memo: dict[int, Any]) -> _S:
        return self


class Known(dict[_K, _V], Shared):
    """What `make` made of keys. Those that hold random text are ever new: of `most`, all are forgotten."""

    def __init__(self, make: Callable[[_K], _V], most: int = 1024) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, key: _K) -> _V:
        if len(self) >= self._most:
            self.clear()
        made = self[key] = self._make(key)
        return made


@lru_cache(4096)
def as_printed(kind: str, pattern: str, names: tuple[str, ...], units: tuple[Unit, ...] = ()) -> Layout:
    """Return the layout of numbers that keep their names and, without units, values; a shape shares it."""
    return Layout(kind, pattern, names, units or (Unit(),) * len(names))


class Match(NamedTuple):
    """Where the numbers of one record are."""

    layout: Layout
    spans: tuple[tuple[int, int], ...]
    stored: tuple[float, ...] | None = None
    """The numbers themselves in stored units, from a matcher that had to decode them anyway."""


class Matcher:
    """Recognizes one kind of line."""

    prefix: bytes = b""
    """What every line it matches begins with; empty if that is unknown."""
    needle: bytes = b""
    """What every line it matches holds; empty if that is unknown."""
    sign: bytes = b""
    """A regex found in every line it matches, where other lines often hold the needle too."""
    whole: bool = False
    """Whether it sees the line with its envelope, not only the message."""
    skeletons: bool = True
    """Whether many lines may be decoded by skeletons learned from it, if `bulk` returns no decoder."""
    remembers: bool = False
    """Whether it remembers lines it has read; then `fresh` makes a copy that remembers none."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the layout and the value spans of `line` from `start` on, or None."""
        raise NotImplementedError

    @property
    def awake(self) -> bool:
        """Of one that remembers: whether the next line may be its own, whatever that holds."""
        return True

    def fresh(self) -> Matcher:
        """Return a matcher for another source: a copy where it remembers what it read, else itself."""
        return self

    def of_rank(self) -> Matcher | None:
        """Return a matcher of one rank's lines; None: this one reads those of all ranks."""
        return self.fresh() if self.remembers else None

    def prime(self, lines: list[bytes]) -> None:
        """Look at the first lines of a stream whose middle is read."""

    def break_off(self) -> None:
        """Take what comes next as the beginning of another file."""

    def bulk(self) -> Any:
        """Return a decoder of its own for many lines (see bulk.Decoder), or None."""
        return None


class Row(NamedTuple):
    """One record that a reader has completed."""

    layout: Layout
    line: int
    """Line number of the record, which may be before the line that completed it."""
    values: list[float]


class Reader:
    """Reads records that span lines or redraws. One object per stream."""

    needles: tuple[bytes, ...] = ()
    """What lines hold that it may want."""
    begins: bytes = b""
    """A regex that the lines begin with that it may want."""
    observes: bool = False
    """Whether `observe` makes something of lines."""
    reads_redraws: bool = False
    """Whether it says which redraws of bars show nothing (`passes`, `pass_by`)."""
    remembers: bool = False
    """Of one that reads redraws: whether what it reads next may depend on the newest one."""
    apart: tuple[bytes, ...] | None = None
    """Of one that needs only lines with a needle, and some near them: what these begin with. Others may be
    decoded many at a time."""

    @property
    def awake(self) -> bool:
        """Whether it may want the next line, whatever that holds."""
        return True

    def feed(self, line: bytes, number: int) -> list[Row] | None:
        """Return the records that `line` completes, [] for a line that is part of one, None for any other."""
        raise NotImplementedError

    def flush(self) -> list[Row]:
        """Return the record that the stream's end completes."""
        return []

    @property
    def ended(self) -> bool:
        """Whether what `flush` would return is the last record of a run, by its total."""
        return False

    def prime(self, lines: list[bytes]) -> None:
        """Look at the first lines of a stream whose middle is read."""

    def of_rank(self) -> Reader | None:
        """Return a reader of one rank's lines; None: any new one."""
        return None

    def observe(self, line: bytes) -> None:
        """Take what a line without a rank says, for a reader of one rank."""

    def passes(self, line: bytes) -> bool:
        """Return whether a redraw shows nothing, whichever its numbers."""
        return False

    def pass_by(self, text: bytes) -> bool:
        """Take redraws that show nothing of their own; return False if they have to be read one by one."""
        return True


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines as a program prints them, and the columns that must come out of them."""

    text: str
    train: Mapping[str, Sequence[float]]
    eval: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Format:
    """How one framework or script writes its log."""

    name: str
    title: str
    example: str
    """A typical line, for people."""
    matchers: tuple[Matcher, ...] = ()
    markers: tuple[tuple[bytes, str], ...] = ()
    """(text a line begins with, event kind): what this format says in words."""
    readers: tuple[Callable[[], Reader], ...] = ()
    """Makers of readers, for records that span lines or redraws."""
    logged: bool = False
    """Some of its lines have a logging prefix although others have none."""
    alone: bool = False
    """Its records are whole lines, without a logging prefix."""
    own: bool = False
    """Described by the user: it goes before all others."""
    weak: bool = False
    """Its lines are also printed next to those of other formats, which then are preferred."""
    distinct: bool = False
    """Though it is weak, no other program prints such a line: one record is enough at the end of a log."""
    repeats_records: bool = False
    """Below the words that end a run it prints the best record once more."""
    package: str = ""
    """The package that brought it; empty for ours."""
    samples: tuple[Sample, ...] = field(default=(), compare=False, repr=False)
    """Its test: what is read of them must be what they say."""
    prepared: dict[bool | None, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What a dispatch made of its matchers, once for all sources that share them."""

    def fresh(self) -> Format:
        """Return this format with matchers that have read nothing yet, for one more source."""
        if not any(matcher.remembers for matcher in self.matchers):
            return self
        return replace(self, matchers=tuple(matcher.fresh() for matcher in self.matchers))
