"""Finds what counts in a family of lines: the step, or the epoch within which it counts.

A counter grows from line to line, or begins again with each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from runwatch.parsers.body.matchers import number
from runwatch.parsers.envelope.header import Header
from runwatch.parsers.inference.roles import EPOCH_RANK, INNER, RATIO, STEP_RANK, UNKNOWN, place
from runwatch.parsers.inference.tokens import Field, masked
from runwatch.parsers.lexicon.counters import ITERATION, TRAINED, kind_of, planned_of
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.units import SCALES
from runwatch.parsers.lexicon.words import TRAIN, is_epoch, is_loss, is_meaningful, is_quality, is_val, words

_PROMPTS = (b"$ ", b"> ", b">>> ", b"# ")
"""Of shells: a command may quote a line."""
Place = tuple[int, bytes]
"""Rank and name of a counter (see roles.place)."""
_PERCENT = 0.02
"""By how much a share may be rounded."""
ENOUGH = 12
"""Lines of a family that are enough while the stream continues."""
_PATIENCE = 128
"""Lines after which it is no longer waited for an epoch to change, or for a counter to grow."""
_LINES_A_STEP = 8
"""The most lines that belong to one step."""
_FEWEST = 2
"""Lines of a family that are read, and called unsure, where there are no others."""
_ROUNDS = (b"episode", b"round")
"""What may have many lines each, as an epoch does."""
_NAMED = frozenset((*range(STEP_RANK + 1), EPOCH_RANK, TRAINED))
"""Ranks of counters that say what they count."""


@dataclass(slots=True)
class Kept:
    """One line that may be a record."""

    line: bytes
    offset: int
    number: int
    head: bytes
    found: list[Field]
    ranked: list[tuple[int, int]]
    seen: int = 0
    """How many lines were seen before it."""
    rank: bytes = b""
    """The rank that a launcher put before it, as printed."""
    unparsed: bool = False
    """Whether its physical line has been counted as not understood."""
    outer: bytes = b""
    """The line with its envelope, where that is not empty."""
    header: Header | None = None
    """What precedes `line` in it."""

    @property
    def envelope(self) -> bytes:
        """What precedes the message, without digits."""
        return self.outer[: len(self.outer) - len(self.line)].translate(None, b"0123456789")

    def value(self, index: int) -> float:
        """Return the number of one field."""
        found = self.found[index]
        return number(self.line[found.start : found.end]) * SCALES.get(found.suffix, 1.0)

    def text(self, field: Field) -> bytes:
        """Return a field's number as it is printed."""
        return self.line[field.start : field.end]

    def find(self, counted: Place) -> int | None:
        """Return which field is that counter, or None."""
        return next((i for r, i in self.ranked if place(r, self.found[i].name) == counted), None)

    def at(self, counted: Place) -> float | None:
        """Return the number of that counter, or None."""
        index = self.find(counted)
        return None if index is None else self.value(index)

    def whole(self, index: int) -> bool:
        """Whether a field is printed as an integer."""
        return self.line[self.found[index].start : self.found[index].end].isdigit()


def counter_of(lines: list[Kept], *, last: bool) -> tuple[Place | None, Place | None, bool]:
    """Return the step, the epoch within which it counts (or that is named), and whether it is too early."""
    places = sorted({place(r, kept.found[i].name) for kept in lines for r, i in kept.ranked})
    nested = any(r == INNER for r, _ in places)
    nested = nested or (two_ratios(lines) and not any(r == EPOCH_RANK for r, _ in places))
    least = RATIO if nested else EPOCH_RANK
    epoch = next((p for p in places if p[0] >= least and grows(lines, p, least=0.0)), None)
    rounds = (p for p in places if is_epoch(p[1]) and any(_again_within(lines, q, p) for q in places))
    if (outer := next(rounds, None)) is not None:
        return outer, None, False
    for counted in places:
        inside = epoch is not None and 0 < counted[0] < min(EPOCH_RANK, epoch[0])
        inside = inside or (counted[0] == UNKNOWN and epoch is not None and epoch[0] == EPOCH_RANK)
        outer = epoch if inside else _round_of(lines, counted, places)
        if outer is not None:
            again = begins_again(lines, counted, outer)
            if again or (again is None and not last and ratio(lines, counted)):
                return counted, outer, again is None and len(lines) < _PATIENCE
            if again is None and inside and not ratio(lines, counted) and grows(lines, counted, least=0.5):
                return counted, outer, False  # it may yet start again with the next epoch
        if grows(lines, counted, least=0.5):
            return counted, None, False
    named = [p for p in places if p[0] in _NAMED]
    found = _named(lines, named, last=last)
    if found is not None:
        return *found, False
    reported = any(2 * len(steps_of(lines, counted)) > len(lines) for counted in named)
    return None, epoch, reported and not last and len(lines) < _PATIENCE  # it may yet grow


def _named(lines: list[Kept], named: list[Place], *, last: bool) -> tuple[Place, Place | None] | None:
    """Return the step, and the epoch, of lines that are too few to see it grow: they say what it is."""
    for counted in named if last else ():  # few epochs, with many lines each
        values = steps_of(lines, counted)
        whole = ratio(lines, counted) and len(values) == len(lines)
        if whole and values == sorted(values) and values[0] < values[-1]:
            return counted, None
    if last and (all(map(states_all, lines)) or are_records(lines)):
        going = [p for p in named if _goes_on(lines, p)]
        epoch = next((p for p in going[1:] if p[0] == EPOCH_RANK), None)
        if going:
            return going[0], epoch
    if last or len(lines) >= _PATIENCE:
        at = next(
            (p for p in named if (p[0] == EPOCH_RANK or p[1] in _ROUNDS) and _begins(lines, p, last=last)),
            None,
        )
        if at is not None:
            return at, None
    return None


def states_all(kept: Kept) -> bool:
    """Whether a line leaves no doubt by itself: a loss that is no count, and a place that is named.

    The place is within an epoch, or has an end, or the line says that it is of training, by a word or by a
    number that nothing else prints. A line that begins with words of validation, or is a command, is none.
    """
    at = [i for r, i in kept.ranked if r in _NAMED and kept.found[i].name]
    ends = len(at) > 1 or any(kept.found[i].total for i in at)
    trains = ends or not TRAIN.isdisjoint(words(kept.line)) or shows_training(kept)
    return bool(at) and trains and _shows_loss(kept)


def are_records(lines: list[Kept]) -> bool:
    """Whether very few lines are nothing but a place, a loss and other named values: `Epoch 1 | loss 0.5`."""
    return len(lines) <= _FEWEST and all(map(_is_record, lines))


def _is_record(kept: Kept) -> bool:
    named = {word for field in kept.found for word in words(field.name)}
    placed = any(index == 0 and r in _NAMED for r, index in kept.ranked)
    return placed and _shows_loss(kept) and named.issuperset(words(masked(kept.line)))


def _shows_loss(kept: Kept) -> bool:
    """Whether a line that is no command shows a loss that is no count, and does not begin with validation."""
    if kept.line.startswith(_PROMPTS) or is_val(kept.line[: kept.found[0].start]):
        return False
    return any(is_loss(f.name) and not is_val(f.name) and b"." in kept.text(f) for f in kept.found)


def shows_training(kept: Kept) -> bool:
    """Whether a line shows what only a program that trains knows, and no score: a learning rate."""
    return any(is_meaningful(f.name) and not is_quality(f.name) for f in kept.found)


def _goes_on(lines: list[Kept], counted: Place) -> bool:
    """Whether each of some lines shows a place, and it goes back only to where it began, as launches do."""
    values, ends = steps_of(lines, counted), ends_of(lines, counted)
    on = all(b >= a or b == values[0] for a, b in pairwise(values))
    return len(values) == len(lines) and len(ends) < 2 and on


def _round_of(lines: list[Kept], counted: Place, places: list[Place]) -> Place | None:
    """Return the round a counter may count within: `iteration 2 step 5/90`, `epoch_out 2, epoch_in 5`."""
    rounds = (
        p for p in places if p != counted and p[0] in (ITERATION, EPOCH_RANK) and p[0] >= counted[0] > 0
    )
    return next((p for p in rounds if grows(lines, p, least=0.0)), None)


def _again_within(lines: list[Kept], counted: Place, outer: Place) -> bool:
    """Whether a counter begins again more than once within each round, as that of each client does."""
    pairs = [(e, s) for k in lines if (e := k.at(outer)) is not None and (s := k.at(counted)) is not None]
    rounds = [e for e, _ in pairs]
    again = sum(b[1] < a[1] for a, b in pairwise(pairs) if a[0] == b[0])
    return again > len({*rounds}) > 1 and rounds == sorted(rounds) and 2 * len(pairs) > len(lines)


def _begins(lines: list[Kept], counted: Place, *, last: bool) -> bool:
    """Whether all lines show an epoch that hardly ever falls, and it moves on or is still the first one."""
    values = steps_of(lines, counted)
    if len(values) < len(lines) or not grows(lines, counted, least=0.0):
        return False
    return values[-1] > values[0] or (not last and values[0] <= 1)


def steps_of(lines: list[Kept], counted: Place) -> list[float]:
    """Return the numbers of a counter, line by line."""
    return [value for kept in lines if (value := kept.at(counted)) is not None]


def names_of(lines: list[Kept], counted: Place | None) -> set[bytes]:
    """Return the names that a counter is printed with."""
    if counted is None:
        return set()
    return {kept.found[i].name for kept in lines if (i := kept.find(counted)) is not None}


def grows(lines: list[Kept], counted: Place, *, least: float) -> bool:
    """Whether a number hardly ever falls, and rises in more than `least` of the lines."""
    values = steps_of(lines, counted)
    if 2 * len(values) < len(lines):
        return False
    rises = sum(b > a for a, b in pairwise(values))
    falls = sum(b < a for a, b in pairwise(values))
    again = sum(b < a and b <= values[0] for a, b in pairwise(values))
    by_run = falls and falls == again and counted[0] in _NAMED and rises >= 2
    if by_run and (4 * falls <= len(values) or _ends_before_falls(lines, counted)):
        return True  # a named counter that begins again, run by run
    if len(values) < ENOUGH and falls:
        return False
    if (
        not falls
        and counted[0] in _NAMED
        and rises >= ENOUGH // 2
        and _LINES_A_STEP * (rises + 1) >= len(values)
    ):
        return True  # it shows a step on several lines
    least = 0.0 if rounded(lines, counted) else least  # 28K stays the same for a while
    often = rises > least * (len(values) - 1) and rises >= min(2, len(lines) - 1)
    return falls <= 0.1 * len(values) and (least == 0.0 or often)


def _ends_before_falls(lines: list[Kept], counted: Place) -> bool:
    """Whether a counter is printed with its end, and falls nowhere else: runs of few epochs each."""
    places = [(k, k.found[i]) for k in lines if (i := k.find(counted)) is not None]
    shown = [(number(k.text(f)), number(k.line[slice(*f.total)])) for k, f in places if f.total]
    return len(shown) == len(lines) and all(a[0] == a[1] for a, b in pairwise(shown) if b[0] < a[0])


def rounded(lines: list[Kept], counted: Place) -> bool:
    """Whether a counter is printed in thousands or millions."""
    return any((i := k.find(counted)) is not None and k.found[i].suffix for k in lines)


def ratio(lines: list[Kept], counted: Place) -> bool:
    """Whether a counter is printed with its end, `12/500`; what changes while it stays is none."""
    places = [(k, k.found[i]) for k in lines if (i := k.find(counted)) is not None]
    reported = [(k.text(f), k.line[slice(*f.total)]) for k, f in places if f.total]
    alone = sum(a[0] == b[0] and a[1] != b[1] for a, b in pairwise(reported))
    return bool(reported) and 2 * alone < len(reported)


def ends_of(lines: list[Kept], counted: Place) -> frozenset[bytes]:
    """Return the ends that a counter is printed with."""
    places = [(k, k.found[i]) for k in lines if (i := k.find(counted)) is not None]
    return frozenset(k.line[slice(*field.total)] for k, field in places if field.total)


def end_named(lines: list[Kept], counted: Place | None) -> bytes:
    """Return the name of the number that says how many of a counter are planned, as it never changes."""
    if counted is None or ends_of(lines, counted):
        return b""
    kinds = {kind_of(spelled(name)) for name in names_of(lines, counted)}
    for name in [f.name for f in lines[0].found if f.name and planned_of(spelled(f.name)) in kinds]:
        ends = {k.value(i) for k in lines for i, f in enumerate(k.found) if f.name == name}
        if len(ends) == 1 and max(steps_of(lines, counted)) <= ends.pop():
            return name
    return b""


def ends_elsewhere(lines: list[Kept], counted: Place) -> bool:
    """Whether the share behind a counter contradicts its end: `1124/4500 (100%)`, batches and samples."""
    apart = []
    for kept in lines:
        index = kept.find(counted)
        if index is None or (total := kept.found[index].total) is None:
            continue
        for share in kept.found[index + 1 : index + 2]:
            if share.suffix == b"%" and not kept.line[total[1] : share.start].strip(b" ([-:"):
                end, n = number(kept.line[slice(*total)]), kept.value(index)
                done = number(kept.text(share)) / 100.0 * end
                apart.append(not n - 1 - _PERCENT * end <= done <= n + 1 + _PERCENT * end)
    return len(apart) >= ENOUGH and 2 * sum(apart) > len(apart)


def two_ratios(lines: list[Kept]) -> bool:
    """Whether every line shows two places with their ends: `[1/30][20/500]`."""
    return all(sum(k.found[i].total is not None for _, i in k.ranked) > 1 for k in lines)


def begins_again(lines: list[Kept], counted: Place, epoch: Place) -> bool | None:
    """Whether a counter (growing in between, or with an end) starts again with each epoch; None: unknown."""
    pairs = [(e, s) for k in lines if (e := k.at(epoch)) is not None and (s := k.at(counted)) is not None]
    turns = [later[1] <= earlier[1] for earlier, later in pairwise(pairs) if later[0] > earlier[0]]
    if not turns:
        return None
    inside = [later[1] > earlier[1] for earlier, later in pairwise(pairs) if later[0] == earlier[0]]
    grows = sum(inside) >= max(2, 0.9 * len(inside)) or ratio(lines, counted)
    if not inside and len({s for _, s in pairs}) > 1:  # of each epoch one line, and it is not its end
        return False
    falls = sum(later[1] < earlier[1] for earlier, later in pairwise(pairs) if later[0] == earlier[0])
    if falls > 0.1 * len(inside):
        return False
    return grows and 2 * sum(turns) > len(turns)
