"""Finds records of several lines: the epoch or the step on one, the numbers on others."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from itertools import pairwise

from runwatch.core.batch import BY_EPOCH
from runwatch.core.metrics import LOSS
from runwatch.parsers.inference.evidence import FEW
from runwatch.parsers.inference.losses import SCORE, aliases, losses_of, tests_of
from runwatch.parsers.inference.places import ENOUGH, Kept, Place, counter_of, grows, ratio, steps_of
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import (
    EPOCH_RANK,
    LEADING,
    OF_RUN_RANK,
    STEP_RANK,
    is_bare_score,
    is_pace,
    is_time,
    place,
    shows_pace,
)
from runwatch.parsers.inference.scoring import LOSSLESS, UNNAMED, interleaved, usual_of
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.inference.turns import takes_turns
from runwatch.parsers.lexicon.kinds import METRICS
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.names import meaning
from runwatch.parsers.lexicon.records import columns as columns_of
from runwatch.parsers.lexicon.words import (
    REPEATED,
    SAVES,
    VAL,
    is_epoch,
    is_loss,
    is_meaningful,
    is_quality,
    is_val,
    repeats,
    words,
)

_NO_HEADING = SAVES | VAL | {b"early", b"stop", b"stopping", b"stopped"}
"""Words of lines that say what was done then, not that a record begins."""

_RIGHT_BELOW = 3
"""Lines within which the first loss is below the only heading seen yet."""
_NEXT = 2
"""Lines within which numbers are right below the first headings."""
_SHORT = 64
"""Bytes of a line that shows how far training is, and is no sentence."""
_ENDED = frozenset(b"took time elapsed done finish finished complete completed end ended".split())
"""Words of lines that show which epoch has ended."""
_NO_EPOCH = _NO_HEADING | REPEATED
"""Words of lines that are below an epoch, or show another one."""


def blocks(families: Mapping[bytes, list[Kept]], seen: int, *, few: bool) -> dict[bytes, Plan] | None:
    """Return plans for records of several lines: the step on one, the numbers on others; or None.

    `Epoch: 3/30` with `Train Loss: 4.5` below it, or a box of names and values; `seen` counts the lines
    of the stream, of which those since the first record must not be too many. `few` says that the first
    epochs may be enough.
    """
    families = {h: [k for k in lines if k.rank == lines[0].rank] for h, lines in families.items()}
    alone = [
        (counted, epoch, lines)
        for lines in families.values()
        if (len(lines) >= FEW or (few and _begins_to_count(lines)))
        and _NO_HEADING.isdisjoint(words(lines[0].head))
        and all(map(_places_alone, lines))
        for counted, epoch in _counted(lines)
    ]
    if not alone:
        return None
    scores = sorted(kept.offset for lines in families.values() for kept in lines if _is_of_training(kept))
    shares = [_share_scored(lines, scores) for _, _, lines in alone]
    alone = [
        item
        for item, share in zip(alone, shares, strict=True)
        if item[0][0] <= STEP_RANK or item[0][0] == EPOCH_RANK or 4 * share >= max(shares)
    ]  # what no word calls a step, as `client 3/10`, is none if others head the records
    counted, epoch, steps = min(alone, key=lambda item: (-len(item[2]) // 2, item[0]))
    values = [
        lines
        for lines in families.values()
        if len(lines) >= min(FEW, len(steps) - 1)  # the newest record may be under way
        and not any(r < EPOCH_RANK for kept in lines for r, _ in kept.ranked)
        and len(lines) <= len(steps) + 1
        and (interleaved(lines, steps) or len(steps) == 1)
        and (
            any(is_meaningful(f.name) or is_bare_score(lines[0].line, f) for f in lines[0].found)
            or shows_pace(lines[0].line)
        )
        and not repeats(lines[0].head)
    ]
    finer = [lines for lines in values if not lines[0].ranked and _is_of_training(lines[0])]
    if epoch is not None and finer:  # what shows an epoch is a summary of the batches
        values = [lines for lines in values if not lines[0].ranked or is_val(lines[0].line)]
    trains = any(_is_of_training(lines[0]) for lines in values)
    scored = len(steps) >= FEW and any(is_val(lines[0].head) for lines in values)  # nothing but evaluations
    if not trains and not (few and scored):
        return None
    names = dict.fromkeys(f.name for lines in values for f in lines[0].found)
    if counted[0] == LEADING and not losses_of([], names):  # numbers and scores: of questions, of items
        return None
    if len(steps) < FEW and not all(_right_below(kept, values) for kept in steps):
        return None
    every = [kept for lines in values for kept in lines]
    if len(steps) < ENOUGH and 8 * (len(steps) + len(every)) <= seen - steps[0].seen:
        return None
    nested = epoch is not None or takes_turns(steps, counted)
    pattern = "learned" + BY_EPOCH * (is_epoch(counted[1]) and not nested)
    plans = {steps[0].head: Plan(steps[0].head, counted, epoch, alone=True, nested=nested, pattern=pattern)}
    shown: set[bytes] = set()
    for of_val in (False, True):
        group = [lines for lines in values if is_val(lines[0].head) is of_val]
        meant = _meant(group)
        shown |= meant.keys()
        for name, metric in tests_of(sorted(shown)).items():
            if name in meant and (not trains or (metric != SCORE and meant[name] not in METRICS)):
                meant[name] = metric
        for lines in group:
            plans.setdefault(lines[0].head, Plan(lines[0].head, None, aliases=meant, main=False))
    return plans


def _share_scored(lines: list[Kept], scores: list[int]) -> float:
    """Return the share of lines that a score of training follows before the next of them."""
    offsets = [kept.offset for kept in lines]
    before = [bisect(scores, offset) for offset in [*offsets, scores[-1] if scores else 0]]
    return sum(b > a for a, b in pairwise(before)) / len(lines)


def _meant(group: list[list[Kept]]) -> dict[bytes, str]:
    """Return what the names in a block mean next to each other, though each is on a line of its own."""
    names = sorted(frozenset().union(*map(usual_of, group)))
    known = {spelled(name): m for name, m in aliases([k for lines in group for k in lines], names).items()}
    return dict(zip(names, columns_of(map(spelled, names), known), strict=True))


def progress(families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan] | None:
    """Return the plan of many lines that show how far training is, where no line shows how well it goes.

    They count what only training does, and fill the log: `Epoch: 3, global_step=2048`, `episode: 7`.
    """
    alone = [
        (-len(lines), counted, lines)
        for lines in families.values()
        if len(lines) >= ENOUGH
        and _NO_HEADING.isdisjoint(words(lines[0].head))
        and 10 * sum(len(k.line) < _SHORT and len(k.ranked) == len(k.found) for k in lines) > 9 * len(lines)
        for counted, _ in _counted(lines)
        if (counted[0] == OF_RUN_RANK or is_epoch(counted[1])) and grows(lines, counted, least=0.9)
    ]
    if not alone:
        return None
    _, counted, lines = min(alone, key=lambda item: item[:2])
    head, pattern = lines[0].head, "learned" + BY_EPOCH * is_epoch(counted[1])
    return {head: Plan(head, counted, alone=True, pattern=pattern)}


def certainty(plans: Mapping[bytes, Plan], families: Mapping[bytes, list[Kept]]) -> float:
    """Return how far records of several lines are to be trusted: most if epochs name a loss of training."""
    of, *below = plans.values()
    if not below:
        return UNNAMED
    names = {f.name for plan in below for kept in families[plan.head] for f in kept.found}
    if not any(map(is_loss, names)):
        return LOSSLESS
    reported = map(meaning, map(spelled, names))
    named = any(found.metric == LOSS and found.split == "train" for found in reported)
    return 1.0 if named and of.counter is not None and is_epoch(of.counter[1]) else 0.8


def shows_loss(plans: Mapping[bytes, Plan], families: Mapping[bytes, list[Kept]]) -> bool:
    """Whether the lines of these plans show a loss of training."""
    found = (f for head in plans for kept in families[head] for f in kept.found)
    return any(is_loss(f.name) and not is_val(f.name) for f in found)


def has_batches(plans: Mapping[bytes, Plan], main: Plan, families: Mapping[bytes, list[Kept]]) -> bool:
    """Whether blocks show a loss of many batches of each epoch whose summary the lines of `main` are."""
    of, *below = plans.values()
    if not of.nested or main.counter is None or not is_epoch(main.counter[1]):
        return False
    reported = [families[plan.head][0] for plan in below]
    losses = (f.name for kept in reported if not kept.ranked for f in kept.found)
    summaries = sum(any(f.name in main.quality for f in kept.found) for kept in families[main.head])
    return any(is_loss(name) and not is_val(name) for name in losses) and (
        len(families[of.head]) >= 2 * summaries
    )


def _begins_to_count(lines: list[Kept]) -> bool:
    """Whether headings show the first epoch and how many there will be, or two epochs that follow."""
    places = {place(r, lines[0].found[i].name) for r, i in lines[0].ranked}
    return any(
        counted[0] == EPOCH_RANK and (ratio(lines, counted) if len(steps) == 1 else steps[0] + 1 == steps[-1])
        for counted in places
        for steps in [steps_of(lines, counted)]
    )


def _right_below(heading: Kept, values: list[list[Kept]]) -> bool:
    """Whether a number of training follows a heading, with at most one line between them."""
    below = (kept for lines in values for kept in lines if _is_of_training(kept))
    return any(0 < kept.seen - heading.seen <= _NEXT for kept in below)


def _counted(lines: list[Kept]) -> list[tuple[Place, Place | None]]:
    """Return what may count on lines that show only places, with the epoch within which it does, if any."""
    counted, epoch, _ = counter_of(lines, last=False)  # the first epoch may not have ended yet
    if counted is not None and epoch is not None:
        return [(counted, epoch)]
    places = {place(r, lines[0].found[i].name) for r, i in lines[0].ranked}
    least = 0.5 if len(lines) > 1 else 0.0
    return [(counted, None) for counted in places if grows(lines, counted, least=least)]


def _is_of_training(kept: Kept) -> bool:
    """Whether a line shows how well training goes."""
    scores = [f.name for f in kept.found if is_quality(f.name) or is_bare_score(kept.line, f)]
    return not is_val(kept.head) and any(not is_val(name) for name in scores)


def headings(main: Plan, lines: list[Kept], families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plan of the lines that head the epochs whose lines show only the step, or no place at all.

    One is above the first line, and one wherever the step falls; a later launch begins at the same epoch.
    """
    at = [(kept.offset, 0.0) for kept in lines]
    if main.counter is not None:
        if main.epoch is not None:
            return {}
        if is_epoch(main.counter[1]):
            return _planned(main.counter, lines, families)
        at = [(kept.offset, step) for kept in lines if (step := kept.at(main.counter)) is not None]
    falls = [(a[0], b[0]) for a, b in pairwise(at) if b[1] <= a[1] and main.counter]
    for head, alike in families.items():
        heads = list(filter(_places_alone, alike))  # below it may be a summary that begins in the same way
        if 2 * len(heads) < len(alike):
            continue
        places = [place(r, heads[0].found[i].name) for r, i in heads[0].ranked]
        epoch = next((counted for counted in places if is_epoch(counted[1])), None)
        reported = [kept.at(epoch) for kept in heads] if epoch else [None]
        on = all(
            a is not None and b is not None and (a < b or b == reported[0]) for a, b in pairwise(reported)
        )
        if None in reported or not on or not _NO_EPOCH.isdisjoint(_said(heads)):
            continue
        offsets = [kept.offset for kept in heads]
        above = all(any(a < offset < b for offset in offsets) for a, b in falls)
        if main.counter is None and len(heads) == 1:
            above = lines[0].seen - heads[0].seen <= _RIGHT_BELOW
        if above and offsets[0] < at[0][0]:
            return {head: Plan(head, None, epoch=epoch, main=False)}
    return {}


def _said(heads: list[Kept]) -> set[bytes]:
    """Return the words of headings, without the names of sizes that stay the same: `val_steps=25000`."""
    first = heads[0]
    names = {f.name for i, f in enumerate(first.found) if first.whole(i) and not is_epoch(f.name)}
    shown = [(f.name, kept.text(f)) for kept in heads for f in kept.found]
    fixed = {name for name in names if len({text for of, text in shown if of == name}) == 1}
    return set(words(first.head)) - {word for name in fixed for word in words(name)}


def closes(heads: list[Kept], records: list[Kept]) -> bool:
    """Whether lines that show only an epoch are below the records of that epoch: `Time for epoch 3 is 14`."""
    first = heads[0]
    says = not _ENDED.isdisjoint(words(first.line)) or any(map(is_time, first.found))
    return says and records[0].offset < first.offset


def _planned(epoch: Place, lines: list[Kept], families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plan of the lines that head each epoch, and show how many there will be.

    The records below them show only the epoch.
    """
    if ratio(lines, epoch):
        return {}
    reported = {kept.at(epoch) for kept in lines}
    for head, heads in families.items():
        above = heads[0].offset < lines[0].offset and all(map(_places_alone, heads))
        shown = {kept.at(epoch) for kept in heads}
        if above and ratio(heads, epoch) and reported <= shown and _NO_EPOCH.isdisjoint(words(head)):
            return {head: Plan(head, None, epoch=epoch, main=False)}
    return {}


def _places_alone(kept: Kept) -> bool:
    """Whether a line shows nothing but places, or some and how fast training is.

    `Epoch: 3/30`, `[step=4/90,epoch=0]`, `Epoch: 3 (3/30)`, `epoch: 3  time: 17`, `step 4 (epoch 0.5)`.
    """
    if len(kept.found) == 1:
        return True
    places = {i for _, i in kept.ranked}
    if places.issuperset(range(len(kept.found))):
        return all(f.name or f.total for f in kept.found)
    others = [f for f in kept.found if not f.total and not is_pace(f) and f.suffix != b"%"]
    named = [i for r, i in kept.ranked if r <= EPOCH_RANK and kept.found[i].name]
    if (len(places) == 1 or len(places) == len(named)) and all(
        i in places or is_pace(f) or _is_soft(f) or _is_of_epoch(kept.line, f)
        for i, f in enumerate(kept.found)
    ):
        return True
    if named and all(kept.whole(i) and not is_meaningful(f.name) for i, f in enumerate(kept.found)):
        return True
    ends = sum(kept.found[i].total is not None for i in places)
    lr = [f for f in others if _is_soft(f)]
    return ends == 1 and not any(f not in lr and (is_quality(f.name) or b"." in kept.text(f)) for f in others)


def _is_of_epoch(line: bytes, field: Field) -> bool:
    """Whether a number is a share of an epoch, or of how many there will be: `epoch 0.07 / 20`."""
    return is_epoch(field.name) or (not field.name and line[: field.start].rstrip().endswith(b"/"))


def _is_soft(field: Field) -> bool:
    """Whether only training prints a number that says not how well it goes: a learning rate."""
    return is_meaningful(field.name) and not is_quality(field.name)
