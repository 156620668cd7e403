"""Places batches within a run whose lines show no epoch: `batch 10/200`, again and again.

A counter that falls after it has reached its end has begun the next epoch; one that falls before has
begun another run. Until it falls, one of steps may yet be of an epoch, if the loss next to it will show that.
"""

from __future__ import annotations

from itertools import pairwise

from runwatch.parsers.body.matchers import number
from runwatch.parsers.counters.nesting import Nest
from runwatch.parsers.inference.places import Kept, Place, ratio
from runwatch.parsers.inference.roles import EPOCH_RANK, INNER, LEADING, OF_RUN_RANK, RATIO, place
from runwatch.parsers.lexicon.counters import ITERATION, TRAINED
from runwatch.parsers.lexicon.words import is_epoch, words

_BATCHES = (b"batch", b"batches", b"minibatch")
_AGAIN = 3
"""Ends of a counter that are enough to believe it begins again there."""


def may_turn(lines: list[Kept], counted: Place) -> bool:
    """Whether a step may yet begin again with each epoch, as the loss next to it will show."""
    of_steps = OF_RUN_RANK < counted[0] <= ITERATION or counted[0] in (INNER, RATIO, LEADING, TRAINED)
    said = words(lines[0].line)
    dated = any(map(is_epoch, said)) or any(r == EPOCH_RANK for k in lines for r, _ in k.ranked)
    return of_steps and not dated and not _falls(lines, counted)[0]


def takes_turns(lines: list[Kept], counted: Place) -> bool:
    """Whether a counter counts the batches of each epoch: by its name, or as it begins again at its end."""
    if is_epoch(counted[1]):
        return False
    if not ratio(lines, counted):
        return counted[1] in _BATCHES  # lines that show which epoch has ended may be below them
    falls, at_end = _falls(lines, counted)
    return at_end if falls else counted[1] in _BATCHES


def turning(lines: list[Kept]) -> Place | None:
    """Return a counter that was seen to begin again at its end, and only there, repeatedly."""
    at = {place(r, kept.found[i].name) for kept in lines for r, i in kept.ranked if r <= RATIO}
    for counted in sorted(at):
        if takes_turns(lines, counted) and _falls(lines, counted)[0] >= _AGAIN:
            return counted
    return None


def _falls(lines: list[Kept], counted: Place) -> tuple[int, bool]:
    """Return how often a counter began again to the same end, and whether it was at its end each time."""
    places = [at for kept in lines if (at := _place(kept, counted)) is not None]
    nest, bases = Nest(), []
    for step, total in places:
        nest.place(0.0, -1.0, step, total, -1.0)
        bases.append(nest.base)
    fell = [b[0] < a[0] and a[1] == b[1] for a, b in pairwise(places)]
    ended = [b > a for a, b in pairwise(bases)]
    return sum(fell), all(end for fall, end in zip(fell, ended, strict=True) if fall)


def _place(kept: Kept, counted: Place) -> tuple[float, float] | None:
    index = kept.find(counted)
    total = None if index is None else kept.found[index].total
    return None if index is None or total is None else (kept.value(index), number(kept.line[slice(*total)]))
