"""Learns the training lines of a log whose format nobody described.

Lines that name numbers are kept, bounded, and grouped into families by their
head. A family is believed when it is seen often, its counter grows and it
names something only training prints; else the learner declines. It looks when
twice as many lines are kept as at its last look, and when the stream ends, so
what it finds depends on the lines alone and never on how they arrived. (Counts
of evidence, not of lines: a run that prints a line a minute must not wait hours.)

A counter that may begin anew with each epoch is waited for: an epoch must have
changed, or many lines have been seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from runwatch.batch import TRAIN
from runwatch.metrics import LOSS, STEP_TIME, canonical
from runwatch.parsers.fields import RATES, Field, fields
from runwatch.parsers.formats import Format
from runwatch.parsers.learned import (
    EPOCH_RANK,
    LearnedMatcher,
    Plan,
    counters,
    head,
    is_loss,
    is_quality,
    is_telling,
    is_val,
    relevant,
    words,
)
from runwatch.parsers.learned_tables import TableMatcher, header
from runwatch.parsers.patterns import Matcher, number
from runwatch.text import decode

NAME = "learned"
Place = tuple[int, bytes]
"""Rank and name of a counter."""
ROW = b"row"
"""Family of the rows under a header; the head of no other."""
KEPT_LINES, KEPT_BYTES = 2048, 1 << 19
"""What is kept to learn from and to replay; the oldest lines go first."""
_LOOK = 16
"""Lines kept before the first look."""
_ENOUGH = 12
"""Lines of a family that are enough while the stream goes on."""
_FEW = 3
"""Lines of a family that are enough at the end, if they are an eighth of all lines."""
_PATIENCE = 128
"""Lines after which it is no longer waited for an epoch to change."""
_LOSSES = (b"total loss", b"train loss", b"training loss", b"batch loss", b"tot loss", b"avr loss")
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
    unparsed: bool = False
    """Whether its physical line has been counted as not understood."""

    def value(self, index: int) -> float:
        """Return the number of one field."""
        return number(self.line[self.found[index].start : self.found[index].end])

    def at(self, place: tuple[int, bytes]) -> float | None:
        """Return the number of that rank and name, or None."""
        index = next((i for r, i in self.ranked if (r, self.found[i].name) == place), None)
        return None if index is None else self.value(index)


class Learner:
    """Watches the lines that no format knows; bounded memory, bounded work per line."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self._bytes = 0
        self._lines = 0
        self._added = 0
        self._due = _LOOK
        self._table: TableMatcher | None = None
        """Reads the rows under the newest header."""
        self.sure = 0.0
        """Share of the lines kept that the learnt format reads; 0 before."""

    def see(self, line: bytes, offset: int, number: int) -> Format | None:
        """Take one record that no format knows; return the format as soon as one is believed."""
        self._lines += 1
        if self._table is not None and self._table.match(line):
            self._keep(Kept(line, offset, number, ROW, [], []))
            return self._look()
        boxed = line[:1] == b"|"
        worth = len(line) <= 4096 and (boxed or relevant(line))
        found = fields(line) if worth else []
        if not found:
            columns = header(line)
            if columns is not None and (self._table is None or self._table.columns != columns):
                self._table = TableMatcher(columns)
                self.kept = [kept for kept in self.kept if kept.head != ROW]
            return None
        ranked = counters(line, found)
        if not (any(is_telling(f.name) for f in found) or ranked or boxed):
            return None
        family = head(line, found, ranked)
        if family is None:
            return None
        self._keep(Kept(line, offset, number, family, found, ranked))
        return self._look()

    def _look(self) -> Format | None:
        if self._added < self._due:
            return None
        self._due = min(2 * self._due, self._added + KEPT_LINES)
        return self._decide(last=False)

    def ended(self, number: int) -> None:
        """Say that physical line `number` has ended and was not understood."""
        for kept in reversed(self.kept):
            if kept.number != number:
                break
            kept.unparsed = True

    def finish(self) -> Format | None:
        """Return the format if what there is of the stream is enough to believe one."""
        return self._decide(last=True)

    def _keep(self, kept: Kept) -> None:
        self.kept.append(kept)
        self._added += 1
        self._bytes += len(kept.line)
        if len(self.kept) > KEPT_LINES or self._bytes > KEPT_BYTES:
            gone = len(self.kept) // 4 + 1  # a quarter at a time: dropping the first of a list is slow
            self._bytes -= sum(len(old.line) for old in self.kept[:gone])
            del self.kept[:gone]

    def _decide(self, *, last: bool) -> Format | None:
        families: dict[bytes, list[Kept]] = {}
        for kept in self.kept:
            families.setdefault(kept.head, []).append(kept)
        rows = [kept.line for kept in families.pop(ROW, [])]
        if self._table is not None and 2 * len(rows) > len(self.kept) and self._table.counts(rows):
            self.sure = len(rows) / len(self.kept)
            return _format(rows[-1], self._table)
        judged = []
        for lines in families.values():
            enough = len(lines) >= _ENOUGH or (last and len(lines) >= _FEW and len(lines) > self._lines / 8)
            if enough and (judgement := _judge(lines, last=last)) is not None:
                judged.append(judgement)
        judged = sorted((j for j in judged if not is_val(j.plan.head)), key=lambda j: -j.score)
        if not judged or judged[0].plan.counter is None:
            blocks = _blocks(families)
            if blocks is not None:
                return self._format(blocks, families)
        if not judged or (judged[0].waits and not last):
            return None
        main = judged[0].plan
        plans = {main.head: main}
        for other in (judgement.plan for judgement in judged[1:]):
            if _counts_alike(other, main):
                interleaved = _interleaved(families[other.head], families[main.head])
                beside = interleaved or is_val(other.head) or (not other.quality and bool(main.quality))
                pattern = f"{NAME}-{len(plans) + 1}"
                plans[other.head] = replace(other, main=not beside, pattern=pattern)
        return self._format(plans, families)

    def _format(self, plans: Mapping[bytes, Plan], families: Mapping[bytes, list[Kept]]) -> Format | None:
        """Return the format of these plans, the main one first; None if it finds no record after all."""
        matcher = LearnedMatcher(plans)
        kinds = [match.layout.kind for kept in self.kept if (match := matcher.match(kept.line)) is not None]
        if TRAIN not in kinds:
            return None
        self.sure = len(kinds) / len(self.kept)
        example = families[next(iter(plans))][-1].line
        return _format(example, matcher)


def _format(example: bytes, matcher: Matcher) -> Format:
    return Format(NAME, "learned from this log", decode(example, 200), (matcher,), weak=True)


@dataclass(frozen=True, slots=True)
class _Judgement:
    plan: Plan
    score: float
    waits: bool = False
    """Whether the counter may begin anew with the next epoch, and none has been seen to end."""


def _judge(every: list[Kept], *, last: bool) -> _Judgement | None:
    """Return how a family is to be read, or None if its lines are not of training."""
    counts = Counter(name for kept in every for name in {f.name for f in kept.found if f.name})
    telling = [name for name in counts if is_telling(name)]
    if not telling:
        return None
    quality = _quality(telling, counts, len(every))
    lines = [k for k in every if quality & {f.name for f in k.found}] if quality else every
    counter, epoch, waits = _counter(lines, last=last)
    if counter is None:
        needed = _FEW + 3 if last else 2 * _ENOUGH
        if len(lines) < needed or not quality or len(telling) + (epoch is not None) < 2:
            return None
    elif not quality:
        share = sum(any(is_telling(f.name) for f in kept.found) for kept in lines) / len(lines)
        if share < 0.5 and not (_ratio(lines, counter) and _grows(lines, counter, least=0.9)):
            return None
    usual = _usual(lines)
    within = counter is not None and epoch is not None
    plan = Plan(
        head=every[0].head,
        counter=counter,
        epoch=epoch if within else None,
        base=0 if epoch is not None and within and min(_steps(lines, epoch)) == 0 else 1,
        quality=quality,
        names=usual - {place[1] for place in (counter, epoch) if place},
        aliases=_aliases(lines, usual),
    )
    return _Judgement(plan, (3 if quality else 1) * (2 if counter else 1) * len(lines), waits)


def _counter(lines: list[Kept], *, last: bool) -> tuple[Place | None, Place | None, bool]:
    """Return the step, the epoch within which it counts, and whether it is too early to tell.

    Without a step, the epoch that the lines name, if any.
    """
    places = sorted({(r, kept.found[i].name) for kept in lines for r, i in kept.ranked})
    epoch = next((p for p in places if p[0] >= EPOCH_RANK and _grows(lines, p, least=0.0)), None)
    for place in places:
        if epoch is not None and 0 < place[0] < EPOCH_RANK and _ratio(lines, place):
            anew = _begins_anew(lines, place, epoch)
            if anew or (anew is None and not last):
                return place, epoch, anew is None and len(lines) < _PATIENCE
        if _grows(lines, place, least=0.5):
            return place, None, False
    return None, epoch, False


def _blocks(families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan] | None:
    """Return plans for records of several lines: the step on one, the numbers on others; or None.

    `Epoch: 3/30` with `Train Loss: 4.5` below it, or a box of names and values.
    """
    alone = [
        (place, lines)
        for lines in families.values()
        if len(lines) >= _FEW and all(len(kept.found) == 1 for kept in lines)
        for place in {(r, lines[0].found[i].name) for r, i in lines[0].ranked}
        if _grows(lines, place, least=0.5)
    ]
    if not alone:
        return None
    place, steps = min(alone, key=lambda item: (-len(item[1]) // 2, item[0]))
    values = [
        lines
        for lines in families.values()
        if len(lines) >= _FEW
        and not any(r < EPOCH_RANK for kept in lines for r, _ in kept.ranked)
        and len(lines) <= len(steps) + 1
        and _interleaved(lines, steps)
        and any(is_telling(f.name) for f in lines[0].found)
    ]
    if not any(is_quality(f.name) and not is_val(f.name) for lines in values for f in lines[0].found):
        return None
    every = [kept for lines in values for kept in lines]
    boxed = steps[0].line[:1] == b"|"  # there, each name stands by itself and means what it says
    aliases = {} if boxed else _aliases(every, frozenset().union(*map(_usual, values)))
    plans = {steps[0].head: Plan(steps[0].head, place, alone=True)}
    for lines in values:
        plans.setdefault(lines[0].head, Plan(lines[0].head, None, aliases=aliases, main=False))
    return plans


def _usual(lines: list[Kept]) -> frozenset[bytes]:
    """Return the names that most of the lines have."""
    counts = Counter(name for kept in lines for name in {f.name for f in kept.found if f.name})
    return frozenset(name for name, count in counts.items() if 2 * count > len(lines))


def _quality(telling: list[bytes], names: Counter[bytes], count: int) -> frozenset[bytes]:
    """Return the names that make a line a record: the most frequent that says how well training goes."""
    scores = [name for name in telling if is_quality(name)]
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
    if len(values) < _ENOUGH and falls:
        return False
    return falls <= 0.1 * len(values) and (least == 0.0 or (rises > least * (len(values) - 1) and rises >= 2))


def _ratio(lines: list[Kept], place: Place) -> bool:
    """Whether a counter is printed with its end, `12/500`."""
    return any((r, k.found[i].name) == place and k.found[i].total for k in lines for r, i in k.ranked)


def _begins_anew(lines: list[Kept], place: Place, epoch: Place) -> bool | None:
    """Whether a counter starts again with each epoch; None if no epoch has changed."""
    pairs = [(e, s) for k in lines if (e := k.at(epoch)) is not None and (s := k.at(place)) is not None]
    turns = [later[1] <= earlier[1] for earlier, later in pairwise(pairs) if later[0] > earlier[0]]
    return 2 * sum(turns) > len(turns) if turns else None


def _aliases(lines: list[Kept], names: frozenset[bytes]) -> dict[bytes, str]:
    """Return what a family's names mean where they alone do not tell."""
    aliases: dict[bytes, str] = {}
    if not any(canonical(name.decode("utf-8", "replace")) == LOSS for name in names):
        losses = [n for n in sorted(names) if is_loss(n) and not is_val(n)]
        whole = [n for n in losses if n.lower().replace(b"_", b" ") in _LOSSES]
        best = whole[:1] or (losses if len(losses) == 1 else [])
        aliases.update(dict.fromkeys(best, LOSS))
    for name in sorted(names):
        rate = RATES.get(name.lower())
        if rate is not None and rate != STEP_TIME:
            aliases[name] = rate
        elif b"time" in (parts := set(words(name))) and parts <= _TIMES:
            values = [k.value(i) for k in lines for i, f in enumerate(k.found) if f.name == name]
            rising = all(b >= a for a, b in pairwise(values)) and len(set(values)) > len(values) // 2
            aliases[name] = "elapsed" if rising else STEP_TIME
    return aliases


def _counts_alike(plan: Plan, main: Plan) -> bool:
    """Whether the lines of both families can be placed by the same step."""
    return (
        plan.counter is not None and main.counter is not None and (plan.epoch is None) == (main.epoch is None)
    )


def _interleaved(lines: list[Kept], main: list[Kept]) -> bool:
    """Whether one family's lines stand among the other's, and not before or after them."""
    return lines[0].offset < main[-1].offset and main[0].offset < lines[-1].offset
