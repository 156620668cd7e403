"""Losses that no word names: called by their part of the data alone, or the number behind a place."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from itertools import pairwise

from runwatch.parsers.inference.places import Kept
from runwatch.parsers.inference.roles import is_time
from runwatch.parsers.inference.tokens import VALUE_OF_PLACE
from runwatch.parsers.lexicon.words import TRAIN, is_loss, is_meaningful, is_quality, is_split, is_val, words

_NOT_LOSS = frozenset(b"ppl perplexity acc accuracy bpb bpc".split())
"""Words of scores next to which `train` and `val` mean losses: they would be those scores otherwise."""
_MEANS = frozenset(b"avg average mean total current".split())
_ERROR = _MEANS | frozenset(b"error err energy j risk criterion".split())
"""Words of the names of what is minimized, where nothing else says how well training goes."""
_LISTED = re.compile(rb"\s*[-\d.e]+\s*[,;]")
"""Begins the row of a table that is a list."""
_MEASURE = re.compile(rb" ?[^\W\d_]{1,4}/")
"""A unit behind a number that is not among the known ones: `2.5 ms/op`."""
_SELDOM = 4
"""One line in so many has another loss than the line before, at least."""
_MOST_DOWN = 4
"""Of seven steps from an eighth of a curve to the next, more than these go down."""
_RISES = 16
"""One number in so many is above the one before, of a loss that falls by little."""
_CLEARLY = 0.9
"""So much of its former mean is left of what falls clearly."""


def unnamed_losses(lines: list[Kept], names: Collection[bytes]) -> frozenset[bytes]:
    """Return the names such as `train` and `val` that mean a loss, since their values are no counts.

    The only other name next to a `val` is training's, whatever it is: `fit = 0.34, val = 0.47`.
    """
    if _is_loss_of_place(lines):
        return frozenset((VALUE_OF_PLACE,))
    error = _error(lines)
    if error is not None:
        return frozenset((error,))
    whole = {f.name for k in lines for i, f in enumerate(k.found) if k.whole(i) or is_time(f)}
    splits = frozenset(name for name in names if name not in whole and is_split(name))
    if len(splits) != 1 or not all(map(is_val, splits)):
        return splits
    others = [name for name in names if name not in whole | splits]
    return splits.union(others) if len(others) == 1 and not is_meaningful(others[0]) else splits


def mean_losses(lines: list[Kept], splits: frozenset[bytes], names: Collection[bytes]) -> bool:
    """Whether `train` and `val` mean losses: no score is next to them, or no loss is, and they fall."""
    rivals = [name for name in (_next_to(splits, lines) or names) if competes(name) and name not in splits]
    return not rivals or not (any(map(is_loss, rivals)) or any(not _falls(lines, n) for n in splits))


def competes(name: bytes) -> bool:
    """Whether a name may mean what one that only says its part of the data does: `loss` next to `train`."""
    return is_quality(name) and not is_val(name) and _NOT_LOSS.isdisjoint(words(name))


def _is_loss_of_place(lines: list[Kept]) -> bool:
    """Whether a number behind a place is a loss: it has no unit, moves, falls, and no score is next to it."""
    values = [(k, f) for k in lines for f in k.found if f.name == VALUE_OF_PLACE]
    if lines and lines[0].seen and _LISTED.match(lines[0].line):  # of a table whose header says what they are
        return False
    if not values or any(f.suffix or _MEASURE.match(k.line, f.end) for k, f in values):
        return False
    moves = sum(k.text(f) != before.text(g) for (before, g), (k, f) in pairwise(values))
    if _SELDOM * moves < len(values):
        return False
    return _falls(lines, VALUE_OF_PLACE) and not any(map(is_quality, _next_to((VALUE_OF_PLACE,), lines)))


def _error(lines: list[Kept]) -> bytes | None:
    """Return the error that is minimized, if it is all that changes but places, and falls.

    An `L` may have its parts, and what only training prints, next to it.
    """
    texts = {
        (f.name, k.text(f)) for k in lines for i, f in enumerate(k.found) if not (k.whole(i) or is_time(f))
    }
    shown = Counter(name for name, _ in texts)
    moving = [name for name, values in shown.items() if values > 1]
    letter = b"L" in shown and not any(map(is_loss, shown))
    name = b"L" if letter else min(moving, default=b"")
    alone = len(moving) == 1 and _ERROR.issuperset(words(name)) and not _MEANS.issuperset(words(name))
    minimized = alone or (letter and any(map(is_meaningful, shown)))
    shares = any(f.suffix for k in lines for f in k.found if f.name == name)
    return name if minimized and not shares and falls(_values(lines, name), 1.0) else None


def is_unbounded_error(name: bytes, values: list[float]) -> bool:
    """Whether a name is that of an error, and its values are no shares in per cent."""
    return (parts := set(words(name)) - TRAIN) <= _ERROR and not parts <= _MEANS and max(values) > 100.0


def _next_to(names: Collection[bytes], lines: list[Kept]) -> set[bytes]:
    """Return the names of the lines that have one of some names."""
    return {f.name for kept in lines if any(f.name in names for f in kept.found) for f in kept.found}


def _falls(lines: list[Kept], name: bytes) -> bool:
    """Whether the numbers of that name fall, clearly or steadily."""
    values = _values(lines, name)
    return falls(values) or is_curve(values)


def _values(lines: list[Kept], name: bytes) -> list[float]:
    return [kept.value(i) for kept in lines for i, f in enumerate(kept.found) if f.name == name]


def is_curve(values: list[float]) -> bool:
    """Whether numbers that nothing names fall as a loss does: from each eighth to the next, and clearly.

    Or in all eighths, while single ones rise, as those of a sorted list do not.
    """
    values = [value for value in values if math.isfinite(value)]
    size = len(values) // 8
    means = [sum(values[i * size : (i + 1) * size]) for i in range(8)]
    downs = sum(b < a for a, b in pairwise(means))
    rises = sum(b > a for a, b in pairwise(values))
    falling = falls(values) or (downs == len(means) - 1 and _RISES * rises > len(values))
    return size > 0 and min(values) >= 0.0 and falling and downs > _MOST_DOWN and means[0] == max(means)


def falls(values: list[float], least: float = _CLEARLY) -> bool:
    """Whether numbers are less in their second half than `least` of those in the first, on average."""
    values = [value for value in values if math.isfinite(value)]
    half = len(values) // 2
    return half > 0 and sum(values[-half:]) < least * sum(values[:half])
