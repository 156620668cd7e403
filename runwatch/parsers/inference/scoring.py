"""Judges families of lines: which numbers are their values, what these mean, is it training at all.

A family is believed for what its lines have in common: a counter that grows (or
begins again with each epoch), repetition, and names that only training prints.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from runwatch.core.batch import BY_EPOCH
from runwatch.core.metrics import LOSS
from runwatch.parsers.inference.evidence import FEW
from runwatch.parsers.inference.losses import LOSS_WORDS, PART_WORDS, PLAIN, aliases, losses_of, whole_of
from runwatch.parsers.inference.places import (
    ENOUGH,
    Kept,
    Place,
    counter_of,
    end_named,
    ends_elsewhere,
    ends_of,
    grows,
    names_of,
    ratio,
    rounded,
    steps_of,
    two_ratios,
)
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import EPOCH_RANK, LEADING, STEP_RANK, is_aside, is_row, is_time
from runwatch.parsers.inference.tokens import VALUE_OF_PLACE
from runwatch.parsers.inference.turns import may_turn, takes_turns, turning
from runwatch.parsers.inference.unnamed import falls, is_curve, mean_losses, unnamed_losses
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.names import canonical
from runwatch.parsers.lexicon.parts import LETTERS, PLAYERS
from runwatch.parsers.lexicon.records import objective
from runwatch.parsers.lexicon.words import (
    OTHER_WORK,
    distinguishes_runs,
    is_epoch,
    is_item,
    is_loss,
    is_meaningful,
    is_quality,
    is_return,
    is_split,
    is_trained,
    is_val,
    words,
)

_BARE = frozenset(
    b"mae cross entropy model step epoch iter the info rms contrastive triplet style content".split()
).union(LOSS_WORDS, PART_WORDS, PLAYERS)
"""Words of the name of a loss that is believed to be one of training if its lines show nothing else."""
_DENSE = 512
"""So many of these lines right below each other are enough."""
_LOSS_COUNTS = 12
"""A line that shows the loss of training counts as much as four with another score."""
LOSSLESS = 0.75
"""The most a reading is trusted in which nothing is the loss of training: it may be what was missed."""
UNNAMED = 0.6
"""The most a reading is trusted whose loss no word names."""
_A_HEADING = 64
"""Lines that show a number alone, at least, for each other line among them."""
_ADVERSARIES = frozenset(letter.encode() for letter in LETTERS)
_NAMELESS = frozenset((b"", VALUE_OF_PLACE))
_STRETCH = 4
"""Lines of a family in a row, on average, that are a stage of their own."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a family is to be read, and what speaks for that."""

    plan: Plan
    score: float
    certainty: float
    """How likely its counter and its values are what they seem, in [0, 1], if many lines are read."""
    waits: bool = False
    """Whether the counter may begin again with the next epoch, and none has been seen to end."""
    guessed: bool = False
    """Whether nothing but the steadiness of its step speaks for training."""
    bare: bool = False
    """Whether nothing but a loss is printed, and no place."""


def judge(every: list[Kept], *, last: bool) -> Judgement | None:
    """Return how a family is to be read, or None if its lines are not of training."""
    every = [kept for kept in every if kept.rank == every[0].rank]  # each rank counts for itself
    counts = _line_counts(every)
    splits = unnamed_losses(every, counts)
    players = _ADVERSARIES if counts.keys() >= _ADVERSARIES else frozenset[bytes]()
    meaningful = [name for name in counts if is_meaningful(name) or name in splits | players]
    named = splits if mean_losses(every, splits, meaningful) else frozenset[bytes]()
    quality = _quality(meaningful, named | players, counts, _records(every))
    quality = _by_itself(quality, every)
    lines = [k for k in every if quality & {f.name for f in k.found}] if quality else every
    counter, epoch, waits = counter_of(lines, last=last)
    if counter is None:
        counter = turning(lines)
    # numbers printed once per epoch, or per step within one, are of training whatever they are called
    by_epoch = counter is not None and is_epoch(counter[1]) and grows(lines, counter, least=0.9)
    structured = by_epoch or (counter is not None and (epoch is not None or two_ratios(lines)))
    guessed = not meaningful and not structured and counter is not None and _steady(lines, counter)
    guessed = guessed and all(OTHER_WORK.isdisjoint(words(name)) for name in counts)
    if not structured and _only_measures(counter, quality - named - players):
        return None
    if not meaningful and not guessed and not (structured and _has_floats(lines)):
        return None
    usual = usual_of(lines)
    shown = usual if usual & quality else usual | quality  # each line may show one of several
    placed = epoch is not None or any(b"client" in words(name) for name in usual)
    bare = counter is None and len(usual.intersection(meaningful)) + placed < 2
    if counter is None:
        needed = FEW + 3 if last else 2 * ENOUGH
        if (
            len(lines) < needed
            or not quality
            or (bare and not _has_only_a_loss(lines, meaningful, last=last))
        ):
            return None
    elif not quality and not structured and not guessed:
        share = sum(any(is_meaningful(f.name) for f in kept.found) for kept in lines) / len(lines)
        if share < 0.5 and not (ratio(lines, counter) and grows(lines, counter, least=0.9)):
            return None
    validated = any(is_val(name) and is_quality(name) for name in usual)  # so each is of a whole epoch
    meant = aliases(lines, shown)
    losses = frozenset(name for name in quality & shown if is_loss(name) or meant.get(name) == LOSS)
    turns = counter is not None and not validated and takes_turns(lines, counter)
    by_loss = (
        counter is not None and epoch is None and not validated and not turns and may_turn(lines, counter)
    )
    by_loss = by_loss and any((meant.get(name) or canonical(spelled(name))) == LOSS for name in losses)
    nested = counter is not None and (epoch is not None or turns or by_loss)
    total = end_named(lines, counter)
    repeats = counter is not None and (is_epoch(counter[1]) or rounded(lines, counter))
    plan = Plan(
        head=every[0].head,
        counter=counter,
        epoch=epoch if counter is not None else None,
        quality=quality,
        names=frozenset(
            name
            for name in usual - names_of(lines, counter) - names_of(lines, epoch)
            if not distinguishes_runs(name)
        ),
        losses=losses,
        aliases=meant,
        pattern="learned" + BY_EPOCH * repeats,
        total=total if not nested or b"batch" in total.lower() else b"",  # of the run, or of an epoch
        planned=end_named(lines, epoch if counter is not None else None),
        endless=counter is not None and ends_elsewhere(lines, counter),
        nested=nested,
        by_loss=by_loss,
        ends=frozenset() if counter is None else ends_of(lines, counter),
    )
    score = (_LOSS_COUNTS if plan.losses else 3 if quality else 1) * (2 if counter else 1) * len(lines)
    whole = any(LOSS_WORDS.issuperset(words(name)) for name in plan.losses)
    certainty = _certainty(plan, apart=not whole_of(lines, shown) and len(losses_of(lines, shown)) > 1)
    part = 1.0 if whole else 0.5 if bare else 0.9  # what has a line of its own may be a part
    return Judgement(plan, part * score, certainty, waits, guessed, bare)


def _only_measures(counter: Place | None, quality: frozenset[bytes]) -> bool:
    """Whether lines show scores, and neither a place in a run nor anything that is trained.

    They are a table of results. The number that begins a line is no place if its name is that of an item, or
    of anything else than steps: `SNR=-4: accuracy 0.6`.
    """
    if not quality or (counter is not None and (counter[0] != LEADING or not counter[1])):
        return False
    if counter is not None and is_item(counter[1]):
        return not any(map(is_loss, quality))
    alone = len(quality) == 1 and objective(map(spelled, quality)) is not None  # it may fall like a loss
    return not (alone or any(name == VALUE_OF_PLACE or is_trained(name) for name in quality))


def _certainty(plan: Plan, *, apart: bool) -> float:
    """Return how far a reading of many lines is to be trusted; `apart`: no loss is the whole of others."""
    rank = plan.counter[0] if plan.counter else None
    by_counter = 0.6 if rank is None else 1.0 if rank <= STEP_RANK or rank == EPOCH_RANK else 0.85
    by_counter = by_counter if plan.names != {VALUE_OF_PLACE} or rank != LEADING else UNNAMED
    meant = {plan.aliases.get(name) or canonical(spelled(name)) for name in plan.losses}
    named = LOSS in meant and any(is_loss(name) or is_split(name) for name in plan.losses)
    named = named and not (apart and LOSS not in map(canonical, map(spelled, plan.losses)))
    by_name = 1.0 if named else LOSSLESS if plan.quality else UNNAMED
    return by_counter * by_name


def _has_only_a_loss(lines: list[Kept], names: list[bytes], *, last: bool) -> bool:
    """Whether lines show a loss of training that moves, and only a time or a share next to it.

    Or the return of an episode each, which is a count that may come again.

    Where they are right below each other, one that shows a place may yet come between them.
    """
    if names == [VALUE_OF_PLACE]:
        enough = last or len(lines) >= 2 * _DENSE  # what is kept is bounded, and the first would be lost
        return enough and _is_all(lines) and is_curve([kept.value(0) for kept in lines])
    names = [name for name in names if not is_val(name)] or names
    name = names[0] if len(names) == 1 else b""
    of_episode, of_training = is_return(name), is_loss(name) and _is_plain(name)
    if not (of_episode or of_training or objective((spelled(name),))) or is_val(name):
        return False
    if lines[0].line.lstrip().startswith(b'"'):  # an item of a document, which is written once
        return False
    shown = [(k, i) for k in lines for i, f in enumerate(k.found) if f.name == name]
    texts = [k.text(k.found[i]) for k, i in shown]
    values = [k.value(i) for k, i in shown]
    dense = 2 * (lines[-1].seen - lines[0].seen) < 3 * len(lines) < 3 * _DENSE
    same = _settings(lines)
    alone = all(
        f.name == name or f.name in same or is_aside(f) or is_val(f.name) for k in lines for f in k.found
    )
    if not alone or len(set(texts)) <= FEW or not (last or not dense or of_episode):
        return False
    if not of_training:
        return of_episode or is_curve(values)
    moves = sum(a != b for a, b in pairwise(texts))
    real = all(b"." in text or text[-1:].isalpha() for text in texts)  # nan, inf
    return falls(values) or (real and 2 * moves > len(texts))


def _settings(lines: list[Kept]) -> set[bytes]:
    """Return the names of numbers that never change, as settings do."""
    shown: dict[bytes, set[bytes]] = {}
    for kept in lines:
        for field in kept.found:
            shown.setdefault(field.name, set()).add(kept.text(field))
    return {name for name, texts in shown.items() if name and len(texts) == 1}


def _is_all(lines: list[Kept]) -> bool:
    """Whether lines are right below each other, or headings, many, and nothing but a number each.

    Or a row each of a table whose first column may be a loss.
    """
    between = lines[-1].seen - lines[0].seen + 1 - len(lines)
    dense = _A_HEADING * between <= len(lines)
    columns = {(kept.found[0].name, len(kept.found)) for kept in lines}
    if not dense or len(lines) < ENOUGH or len(columns) > 1:
        return False
    table = is_row(lines[0].found) and len(lines) >= 2 * ENOUGH
    return len(lines[0].found) == 1 or (table and not _is_sampled(lines))


def _is_sampled(lines: list[Kept]) -> bool:
    """Whether rows are a function's values at places in order, and not the loss of each step and a score."""
    places, values = ([kept.value(i) for kept in lines] for i in (0, 1))
    if any(b > a for a, b in pairwise(places)):
        return 4 * len(set(places)) <= 3 * len(places)
    middle = places[len(places) // 2]
    slows = places[0] - middle > 2 * (middle - places[-1])
    scored = min(values) >= 0.0 and max(values) <= 100.0 and falls(values[::-1])
    return not (slows and scored)


def _is_plain(name: bytes) -> bool:
    """Whether a loss is one of training by its name alone, as the only one of `Losses {...}` is."""
    said = words(name)
    return said[0] == b"losses" or (_BARE.issuperset(said) and b"final" not in said)


def _has_floats(lines: list[Kept]) -> bool:
    """Whether every line names a number that is no count, and is more than a row of a table."""
    named = any(f.name not in _NAMELESS for f in lines[0].found)
    return named and all(any(f.name and not k.whole(i) for i, f in enumerate(k.found)) for k in lines)


def _steady(lines: list[Kept], counter: Place) -> bool:
    """Whether lines name a step that grows by as much each time, or its end too, and what was measured."""
    if len(lines) < ENOUGH or counter[0] > STEP_RANK:
        return False
    steps = steps_of(lines, counter)
    strides = {b - a for a, b in pairwise(steps)}
    if len(steps) < len(lines) or not (len(strides) == 1 or ratio(lines, counter)) or min(strides) <= 0:
        return False
    measured = [
        {k.text(f) for f in k.found if f.name not in _NAMELESS and b"." in k.text(f) and not is_time(f)}
        for k in lines
    ]
    return all(measured) and 2 * len(set().union(*measured)) > len(lines)


def usual_of(lines: list[Kept]) -> frozenset[bytes]:
    """Return the names that most of the lines have."""
    return frozenset(name for name, count in _line_counts(lines).items() if 2 * count > len(lines))


def _line_counts(lines: list[Kept]) -> Counter[bytes]:
    """Return in how many lines each name is, in the order in which they come: a set has another each time."""
    return Counter(name for kept in lines for name in dict.fromkeys(f.name for f in kept.found if f.name))


def _records(lines: list[Kept]) -> int:
    """Return how many records lines are, if those right below each other that show one place are one."""
    places = [k.text(k.found[k.ranked[0][1]]) if k.ranked else b"" for k in lines]
    return 1 + sum(b != a or not b for a, b in pairwise(places))


def _quality(
    informative: list[bytes], splits: frozenset[bytes], names: Counter[bytes], count: int
) -> frozenset[bytes]:
    """Return the names that make a line a record: the most frequent that says how well training goes."""
    scores = [name for name in informative if is_quality(name)]
    scores += sorted(splits)
    scores = [name for name in scores if not is_val(name)] or [n for n in scores if 2 * names[n] > count]
    losses = [name for name in scores if is_loss(name) and not is_val(name)]
    if scores and 3 * max((names[name] for name in losses), default=0) > max(map(names.__getitem__, scores)):
        scores = losses  # other scores may have lines of their own
    most = max((names[name] for name in scores), default=0)
    return frozenset(name for name in scores if 2 * names[name] > most) if 5 * most > count else frozenset()


def _by_itself(quality: frozenset[bytes], lines: list[Kept]) -> frozenset[bytes]:
    """Return the plain loss alone if its parts, or scores, are on lines of their own: `step 1 box_loss`."""
    plain = frozenset(name for name in quality if is_loss(name) and PLAIN.issuperset(words(name)))
    reported = [quality & {f.name for f in kept.found} for kept in lines]
    apart = not any(t & plain and t - plain for t in reported)
    return plain if plain and apart else quality


def counts_alike(plan: Plan, main: Plan) -> bool:
    """Whether the lines of both families can be placed by the same step."""
    return (
        plan.counter is not None and main.counter is not None and (plan.epoch is None) == (main.epoch is None)
    )


def interleaved(lines: list[Kept], main: list[Kept]) -> bool:
    """Whether one family's lines are among the other's, and not before or after them."""
    return lines[0].offset < main[-1].offset and main[0].offset < lines[-1].offset


def in_stretches(lines: list[Kept], main: list[Kept]) -> bool:
    """Whether two families take turns after many lines each, as the stages of folds do."""
    order = sorted([(k.offset, 0) for k in lines] + [(k.offset, 1) for k in main])
    turns = sum(a != b for (_, a), (_, b) in pairwise(order))
    return _STRETCH * turns <= len(order)
