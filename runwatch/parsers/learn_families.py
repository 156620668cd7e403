"""Judges families of lines: which number is the step, which are its values, is it training at all.

A family is believed for what its lines have in common: a counter that grows (or
begins anew with each epoch), repetition, and names that only training prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from runwatch.batch import BY_EPOCH
from runwatch.metrics import LOSS, STEP_TIME, VAL_LOSS, canonical
from runwatch.parsers.fields import RATES, SCALES, Field
from runwatch.parsers.learn_words import (
    EPOCH_RANK,
    INNER,
    RATIO,
    STEP_RANK,
    is_epoch,
    is_loss,
    is_quality,
    is_split,
    is_telling,
    is_val,
    words,
)
from runwatch.parsers.learned import Plan
from runwatch.parsers.patterns import number

Place = tuple[int, bytes]
"""Rank and name of a counter."""
ENOUGH = 12
"""Lines of a family that are enough while the stream goes on."""
FEW = 3
"""Lines of a family that are enough at the end, if other lines are not too many."""
PLAIN = 5
"""Lines in a row that are enough at any time if each says it all (see speaks_plainly)."""
_PATIENCE = 128
"""Lines after which it is no longer waited for an epoch to change."""
_LOSSES = frozenset(
    b"total loss,train loss,training loss,batch loss,tot loss,avr loss,running loss,total".split(b",")
)
"""Names of the loss itself where others are its parts."""
_TIMES = frozenset(b"time elapsed per iteration iter step batch total avg".split())


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

    def value(self, index: int) -> float:
        """Return the number of one field."""
        found = self.found[index]
        return number(self.line[found.start : found.end]) * SCALES.get(found.suffix, 1.0)

    def text(self, field: Field) -> bytes:
        """Return a field's number as it is printed."""
        return self.line[field.start : field.end]

    def at(self, place: Place) -> float | None:
        """Return the number of that rank and name, or None."""
        index = next((i for r, i in self.ranked if (r, self.found[i].name) == place), None)
        return None if index is None else self.value(index)

    def whole(self, index: int) -> bool:
        """Whether a field is printed as an integer."""
        return self.line[self.found[index].start : self.found[index].end].isdigit()


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a family is to be read, and what speaks for that."""

    plan: Plan
    score: float
    certainty: float
    """How likely its counter and its values are what they seem, in [0, 1]."""
    waits: bool = False
    """Whether the counter may begin anew with the next epoch, and none has been seen to end."""


def judge(every: list[Kept], *, last: bool) -> Judgement | None:
    """Return how a family is to be read, or None if its lines are not of training."""
    every = [kept for kept in every if kept.rank == every[0].rank]  # each rank counts for itself
    counts = Counter(name for kept in every for name in {f.name for f in kept.found if f.name})
    splits = _splits(every, counts)
    telling = [name for name in counts if is_telling(name) or name in splits]
    quality = _quality(telling, splits, counts, len(every))
    lines = [k for k in every if quality & {f.name for f in k.found}] if quality else every
    counter, epoch, waits = _counter(lines, last=last)
    # numbers told once per epoch, or per step within one, are of training whatever they are called
    by_epoch = counter is not None and is_epoch(counter[1]) and _grows(lines, counter, least=0.9)
    structured = by_epoch or (counter is not None and (epoch is not None or _two_ratios(lines)))
    within = counter is not None and epoch is not None and _ratio(lines, counter)
    if not telling and not (structured and _has_floats(lines)):
        return None
    if counter is None:
        needed = FEW + 3 if last else 2 * ENOUGH
        if len(lines) < needed or not quality or len(telling) + (epoch is not None) < 2:
            return None
    elif not quality and not structured:
        share = sum(any(is_telling(f.name) for f in kept.found) for kept in lines) / len(lines)
        if share < 0.5 and not (_ratio(lines, counter) and _grows(lines, counter, least=0.9)):
            return None
    usual = _usual(lines)
    repeats = counter is not None and (is_epoch(counter[1]) or _rounded(lines, counter))
    plan = Plan(
        head=every[0].head,
        counter=counter,
        epoch=epoch if within else None,
        base=0 if epoch is not None and within and min(_steps(lines, epoch)) == 0 else 1,
        quality=quality,
        names=usual - {place[1] for place in (counter, epoch) if place},
        losses=frozenset(name for name in quality & usual if is_loss(name)),
        aliases=aliases(lines, usual),
        pattern="learned" + BY_EPOCH * repeats,
    )
    score = (3 if quality else 1) * (2 if counter else 1) * len(lines)
    return Judgement(plan, score, _certainty(plan, len(lines)), waits)


def speaks_plainly(lines: list[Kept], plan: Plan) -> bool:
    """Whether lines in a row leave no doubt: a named step that grows, its end, a loss, and more of training.

    A run that goes wrong from its first step on is told at once, not after a dozen lines. What a
    time is can not be told from so few, so those that print one are waited for.
    """
    if plan.counter is None or plan.counter[0] > STEP_RANK or plan.epoch is not None or is_val(plan.head):
        return False
    ends = {
        kept.line[slice(*total)] if (total := kept.found[i].total) else b""
        for kept in lines
        for r, i in kept.ranked
        if (r, kept.found[i].name) == plan.counter
    }
    named = [name for name in plan.names if is_telling(name)]
    return (
        len(lines) >= PLAIN
        and lines[-1].seen - lines[0].seen == len(lines) - 1
        and len(ends) == 1
        and b"" not in ends
        and bool(plan.losses)
        and len(named) > 1
        and all(plan.names <= {f.name for f in kept.found} for kept in lines)
        and all(b > a for a, b in pairwise(_steps(lines, plan.counter)))
        and "elapsed" not in plan.aliases.values()
    )


def few_are_enough(lines: list[Kept], seen: int) -> bool:
    """Whether a family of few lines is to be believed at the end of a stream of `seen` lines.

    An eighth of the lines is a log; so are a quarter of those since the first of them if each
    names much (before them, much may have been said about the model). Less is an example in a text.
    """
    named = min(len({f.name for f in kept.found if is_telling(f.name)}) for kept in lines)
    scored = all(any(is_quality(f.name) for f in kept.found) for kept in lines)
    steps = all(any(r <= STEP_RANK for r, _ in kept.ranked) for kept in lines)
    if len(lines) < FEW and not (len(lines) > 1 and steps and scored and named >= 3):
        return False
    return 8 * len(lines) > seen or (4 * len(lines) > seen - lines[0].seen and scored and named >= 2)


def _certainty(plan: Plan, count: int) -> float:
    """Return how far a reading is to be trusted: by repetition, its counter, and what it names."""
    rank = plan.counter[0] if plan.counter else None
    by_counter = 0.6 if rank is None else 1.0 if rank <= STEP_RANK or rank == EPOCH_RANK else 0.85
    by_name = 1.0 if any(is_loss(name) for name in plan.quality) else 0.9 if plan.quality else 0.6
    return by_counter * by_name * count / (count + 1)


def _splits(lines: list[Kept], counts: Counter[bytes]) -> frozenset[bytes]:
    """Return the names such as `train` and `val` that stand for a loss, since their values are no counts."""
    names = [name for name in counts if is_split(name)]
    return frozenset(
        name
        for name in names
        if not any(k.whole(i) for k in lines for i, f in enumerate(k.found) if f.name == name)
    )


def _has_floats(lines: list[Kept]) -> bool:
    """Whether every line names a number that is no count."""
    return all(any(f.name and not k.whole(i) for i, f in enumerate(k.found)) for k in lines)


def _counter(lines: list[Kept], *, last: bool) -> tuple[Place | None, Place | None, bool]:
    """Return the step, the epoch within which it counts, and whether it is too early to tell.

    Without a step, the epoch that the lines name, if any.
    """
    places = sorted({(r, kept.found[i].name) for kept in lines for r, i in kept.ranked})
    least = RATIO if any(r == INNER for r, _ in places) else EPOCH_RANK
    epoch = next((p for p in places if p[0] >= least and _grows(lines, p, least=0.0)), None)
    for place in places:
        if epoch is not None and 0 < place[0] < min(EPOCH_RANK, epoch[0]):
            anew = _begins_anew(lines, place, epoch)
            if anew or (anew is None and not last and _ratio(lines, place)):
                return place, epoch, anew is None and len(lines) < _PATIENCE
        if _grows(lines, place, least=0.5):
            return place, None, False
    return None, epoch, False


def blocks(families: Mapping[bytes, list[Kept]], seen: int) -> dict[bytes, Plan] | None:
    """Return plans for records of several lines: the step on one, the numbers on others; or None.

    `Epoch: 3/30` with `Train Loss: 4.5` below it, or a box of names and values; `seen` counts the lines
    of the stream, of which those since the first record must not be too many.
    """
    alone = [
        (place, lines)
        for lines in families.values()
        if len(lines) >= FEW and all(_places_alone(kept) for kept in lines)
        for place in {(r, lines[0].found[i].name) for r, i in lines[0].ranked}
        if _grows(lines, place, least=0.5)
    ]
    if not alone:
        return None
    place, steps = min(alone, key=lambda item: (-len(item[1]) // 2, item[0]))
    values = [
        lines
        for lines in families.values()
        if len(lines) >= FEW
        and not any(r < EPOCH_RANK for kept in lines for r, _ in kept.ranked)
        and len(lines) <= len(steps) + 1
        and interleaved(lines, steps)
        and any(is_telling(f.name) for f in lines[0].found)
    ]
    if not any(is_quality(f.name) and not is_val(f.name) for lines in values for f in lines[0].found):
        return None
    every = [kept for lines in values for kept in lines]
    if len(steps) < ENOUGH and 8 * (len(steps) + len(every)) <= seen - steps[0].seen:
        return None
    boxed = steps[0].line[:1] == b"|"  # there, each name stands by itself and means what it says
    meant = {} if boxed else aliases(every, frozenset().union(*map(_usual, values)))
    plans = {steps[0].head: Plan(steps[0].head, place, alone=True)}
    for lines in values:
        plans.setdefault(lines[0].head, Plan(lines[0].head, None, aliases=meant, main=False))
    return plans


def _places_alone(kept: Kept) -> bool:
    """Whether a line tells nothing but places: `Epoch: 3/30`, `[step=40/900,epoch=0]`."""
    if len(kept.found) == 1:
        return True
    ends = sum(kept.found[i].total is not None for _, i in kept.ranked)
    return ends == 1 and not any(is_telling(f.name) or b"." in kept.text(f) for f in kept.found)


def _usual(lines: list[Kept]) -> frozenset[bytes]:
    """Return the names that most of the lines have."""
    counts = Counter(name for kept in lines for name in {f.name for f in kept.found if f.name})
    return frozenset(name for name, count in counts.items() if 2 * count > len(lines))


def _quality(
    telling: list[bytes], splits: frozenset[bytes], names: Counter[bytes], count: int
) -> frozenset[bytes]:
    """Return the names that make a line a record: the most frequent that says how well training goes."""
    scores = [name for name in telling if is_quality(name)] or sorted(splits)
    scores = [name for name in scores if not is_val(name)] or [n for n in scores if 2 * names[n] > count]
    most = max((names[name] for name in scores), default=0)
    return frozenset(name for name in scores if 2 * names[name] > most) if 5 * most > count else frozenset()


def _steps(lines: list[Kept], place: Place) -> list[float]:
    return [value for kept in lines if (value := kept.at(place)) is not None]


def _grows(lines: list[Kept], place: Place, *, least: float) -> bool:
    """Whether a number hardly ever falls, and rises in more than `least` of the lines."""
    values = _steps(lines, place)
    if 2 * len(values) < len(lines):
        return False
    rises = sum(b > a for a, b in pairwise(values))
    falls = sum(b < a for a, b in pairwise(values))
    if len(values) < ENOUGH and falls:
        return False
    least = 0.0 if _rounded(lines, place) else least  # 28K stays the same for a while
    often = rises > least * (len(values) - 1) and rises >= min(2, len(lines) - 1)
    return falls <= 0.1 * len(values) and (least == 0.0 or often)


def _rounded(lines: list[Kept], place: Place) -> bool:
    """Whether a counter is printed in thousands or millions."""
    return any(k.found[i].suffix for k in lines for r, i in k.ranked if (r, k.found[i].name) == place)


def _ratio(lines: list[Kept], place: Place) -> bool:
    """Whether a counter is printed with its end, `12/500`."""
    return any((r, k.found[i].name) == place and k.found[i].total for k in lines for r, i in k.ranked)


def _two_ratios(lines: list[Kept]) -> bool:
    """Whether every line tells two places with their ends: `[1/30][20/500]`."""
    return all(sum(k.found[i].total is not None for _, i in k.ranked) > 1 for k in lines)


def _begins_anew(lines: list[Kept], place: Place, epoch: Place) -> bool | None:
    """Whether a counter starts again with each epoch; None if no epoch has changed.

    One that is printed without its end has to grow in between.
    """
    pairs = [(e, s) for k in lines if (e := k.at(epoch)) is not None and (s := k.at(place)) is not None]
    turns = [later[1] <= earlier[1] for earlier, later in pairwise(pairs) if later[0] > earlier[0]]
    if not turns:
        return None
    inside = [later[1] > earlier[1] for earlier, later in pairwise(pairs) if later[0] == earlier[0]]
    grows = sum(inside) >= max(2, 0.9 * len(inside)) or _ratio(lines, place)
    return grows and 2 * sum(turns) > len(turns)


def aliases(lines: list[Kept], names: frozenset[bytes]) -> dict[bytes, str]:
    """Return what a family's names mean where they alone do not tell."""
    meant: dict[bytes, str] = {}
    if not any(canonical(name.decode("utf-8", "replace")) == LOSS for name in names):
        losses = [n for n in sorted(names) if (is_loss(n) or n.lower() == b"total") and not is_val(n)]
        whole = [n for n in losses if n.lower().replace(b"_", b" ") in _LOSSES]
        best = whole[:1] or (losses if len(losses) == 1 else [])
        meant.update(dict.fromkeys(best, LOSS))
        if not any(is_quality(name) for name in names):  # train=2.5 val=2.6
            meant.update({name: VAL_LOSS if is_val(name) else LOSS for name in names if is_split(name)})
    for name in sorted(names):
        rate = RATES.get(name.lower())
        if rate is not None and rate != STEP_TIME:
            meant[name] = rate
        elif b"time" in (parts := set(words(name))) and parts <= _TIMES:
            values = [k.value(i) for k in lines for i, f in enumerate(k.found) if f.name == name]
            rising = all(b >= a for a, b in pairwise(values)) and len(set(values)) > len(values) // 2
            meant[name] = "elapsed" if rising else STEP_TIME
    return meant


def counts_alike(plan: Plan, main: Plan) -> bool:
    """Whether the lines of both families can be placed by the same step."""
    return (
        plan.counter is not None and main.counter is not None and (plan.epoch is None) == (main.epoch is None)
    )


def interleaved(lines: list[Kept], main: list[Kept]) -> bool:
    """Whether one family's lines stand among the other's, and not before or after them."""
    return lines[0].offset < main[-1].offset and main[0].offset < lines[-1].offset
