"""Finds records of several lines: the step on one, the numbers on others."""

from __future__ import annotations

from collections.abc import Mapping

from runwatch.parsers.fields import Field
from runwatch.parsers.learn_counters import ENOUGH, Kept, grows
from runwatch.parsers.learn_enough import FEW
from runwatch.parsers.learn_families import aliases, interleaved, usual_of
from runwatch.parsers.learn_words import EPOCH_RANK, is_bare_score, is_boxed, is_time, place
from runwatch.parsers.learned import Plan
from runwatch.parsers.lexicon.words import SAVES, VAL, is_quality, is_telling, is_val, words

_NO_HEADING = SAVES | VAL | {b"early", b"stop", b"stopping", b"stopped"}
"""Words of lines that tell what was done then, not that a record begins."""


def blocks(families: Mapping[bytes, list[Kept]], seen: int) -> dict[bytes, Plan] | None:
    """Return plans for records of several lines: the step on one, the numbers on others; or None.

    `Epoch: 3/30` with `Train Loss: 4.5` below it, or a box of names and values; `seen` counts the lines
    of the stream, of which those since the first record must not be too many.
    """
    alone = [
        (counted, lines)
        for lines in families.values()
        if len(lines) >= FEW
        and _NO_HEADING.isdisjoint(words(lines[0].head))
        and all(map(_places_alone, lines))
        for counted in {place(r, lines[0].found[i].name) for r, i in lines[0].ranked}
        if grows(lines, counted, least=0.5)
    ]
    if not alone:
        return None
    counted, steps = min(alone, key=lambda item: (-len(item[1]) // 2, item[0]))
    values = [
        lines
        for lines in families.values()
        if len(lines) >= min(FEW, len(steps) - 1)  # the newest record may be under way
        and not any(r < EPOCH_RANK for kept in lines for r, _ in kept.ranked)
        and len(lines) <= len(steps) + 1
        and interleaved(lines, steps)
        and any(is_telling(f.name) or is_bare_score(lines[0].line, f) for f in lines[0].found)
    ]
    if not any(
        (is_quality(f.name) or is_bare_score(lines[0].line, f)) and not is_val(f.name)
        for lines in values
        for f in lines[0].found
    ):
        return None
    every = [kept for lines in values for kept in lines]
    if len(steps) < ENOUGH and 8 * (len(steps) + len(every)) <= seen - steps[0].seen:
        return None
    boxed = is_boxed(steps[0].line)  # there, each name stands by itself and means what it says
    meant = {} if boxed else aliases(every, frozenset().union(*map(usual_of, values)))
    plans = {steps[0].head: Plan(steps[0].head, counted, alone=True)}
    for lines in values:
        plans.setdefault(lines[0].head, Plan(lines[0].head, None, aliases=meant, main=False))
    return plans


def _places_alone(kept: Kept) -> bool:
    """Whether a line tells nothing but places, or one and a time.

    `Epoch: 3/30`, `[step=4/90,epoch=0]`, `Epoch: 3, step=4`, `epoch: 3  time: 17`.
    """
    if len(kept.found) == 1:
        return True
    if all(any(i == index for _, i in kept.ranked) for index in range(len(kept.found))):
        return all(kept.found[i].name for _, i in kept.ranked)
    places = {i for _, i in kept.ranked}
    others = [f for f in kept.found if not f.total and not is_time(f)]
    if len(places) == 1 and all(i in places or is_time(f) or _is_soft(f) for i, f in enumerate(kept.found)):
        return True
    named = [i for r, i in kept.ranked if r <= EPOCH_RANK and kept.found[i].name]
    if len(named) == 1 and all(kept.whole(i) and not is_telling(f.name) for i, f in enumerate(kept.found)):
        return True
    ends = sum(kept.found[i].total is not None for i in places)
    lr = [f for f in others if _is_soft(f)]
    return ends == 1 and not any(f not in lr and (is_quality(f.name) or b"." in kept.text(f)) for f in others)


def _is_soft(field: Field) -> bool:
    """Whether only training prints a number that says not how well it goes: a learning rate."""
    return is_telling(field.name) and not is_quality(field.name)
