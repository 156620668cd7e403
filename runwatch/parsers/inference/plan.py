"""How the lines of one family are read: what counts, what is a record, and what the names mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import EPOCH, Unit
from runwatch.parsers.counters.nesting import CLOSES, PER, PLANNED, WITHIN
from runwatch.parsers.inference.roles import place
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.words import REPEATED, is_loss, is_quality, is_val, split_of, words

Column = tuple[str, bytes, Unit, tuple[int, int]]
"""Metric, printed name, unit and span of one number of a line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the lines of one family are read."""

    head: bytes
    counter: tuple[int, bytes] | None
    """Rank and name of the step; None for lines that print none."""
    epoch: tuple[int, bytes] | None = None
    """The same of the epoch within which the step counts; alone, it is that of the lines below."""
    quality: frozenset[bytes] = frozenset()
    """Names one of which every record has; empty if any will do."""
    names: frozenset[bytes] = frozenset()
    """All names of a typical record."""
    aliases: Mapping[bytes, str] = field(default_factory=dict)
    pattern: str = "learned"
    """Distinguishes families: another kind of step line that begins again is another run."""
    ended: bool = False
    """Whether its epoch is that of the lines above, which has ended: `Time for epoch 3 is 14 sec`."""
    alone: bool = False
    """Whether the counter is on a line of its own, and the numbers of its record on others."""
    losses: frozenset[bytes] = frozenset()
    """Names of its losses: what holds none of them is no record."""
    total: bytes = b""
    """Name of the number that says how many steps are planned, where the step is printed without its end."""
    planned: bytes = b""
    """The same of the epoch."""
    nested: bool = False
    """Whether the step may start again with each epoch, be it one that no line shows (see counters)."""
    main: bool = True
    """False for lines that are next to the records and are not records."""
    by_loss: bool = False
    """Whether it only does if the loss continues where the step falls at its end."""
    ends: frozenset[bytes] = frozenset()
    """The ends of the step, as printed: what counts to another is no step of the run."""
    endless: bool = False
    """Whether the end behind the step is not that of the step."""
    rated: bool = False
    """Whether nothing but the learning rate is read."""

    @property
    def heads(self) -> bool:
        """Whether its lines show nothing but the epoch of those below."""
        return self.counter is None and self.epoch is not None

    def kind(self, names: set[bytes]) -> str | None:
        """Return the table kind of a line with values of these names; None if it was cut short."""
        if self.alone:
            return TRAIN
        alike = 2 * len(self.names & names) >= max(1, len(self.names) + (self.counter is None))
        others = self.losses and not self.losses & names  # a later stage may train with another loss
        if not self.main or (others and not any(map(_is_of_stage, names))):
            return EVAL
        if others:
            return TRAIN
        if not alike and self.quality & names:
            return TRAIN if 2 * len(names - self.names - {b""}) > len(self.names) else None
        held_out = not self.quality & names and any(is_val(n) and is_quality(n) for n in names)
        return TRAIN if alike and not held_out else EVAL


def _is_of_stage(name: bytes) -> bool:
    """Whether a name is that of a loss of training, and no mean of another."""
    return is_loss(name) and split_of(name) == "train" and REPEATED.isdisjoint(words(name))


def placed(
    plan: Plan, found: list[Field], ranked: list[tuple[int, int]]
) -> tuple[list[Column], set[int]] | None:
    """Return the columns that place a line of a plan, and which numbers they are; None if one is missing."""
    columns: list[Column] = []
    taken: set[int] = set()
    outer = CLOSES if plan.ended else EPOCH
    places = (WITHIN, PER) if plan.nested else ("step", "total"), (outer, PLANNED)
    counters = (plan.counter, plan.total), (plan.epoch, plan.planned)
    for (what, end), (counted, ends) in zip(places, counters, strict=True):
        if counted is None:
            continue
        index = find(counted, found, ranked)
        if index is None:
            return None
        number = found[index]
        taken.add(index)
        unit = number.unit(what) if number.suffix else Unit()
        columns.append((what, number.name if what == EPOCH else b"", unit, (number.start, number.end)))
        if number.total is not None and not (plan.endless and what != EPOCH):
            columns.append((end, b"", unit, number.total))
        for at, planned in enumerate(found) if ends else ():
            if planned.name == ends:
                taken.add(at)
                unit = planned.unit(end) if planned.suffix else Unit()
                columns.append((end, b"", unit, (planned.start, planned.end)))
    return columns, taken


def find(wanted: tuple[int, bytes], found: list[Field], ranked: list[tuple[int, int]]) -> int | None:
    """Return which number of a line is a counter, or None."""
    return next((index for r, index in ranked if place(r, found[index].name) == wanted), None)
