"""Which families of lines are read, and which together: those of training, and what is next to them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from runwatch.core.batch import BY_EPOCH
from runwatch.parsers.inference.blocks import closes, headings
from runwatch.parsers.inference.evidence import FEW
from runwatch.parsers.inference.losses import losses_of
from runwatch.parsers.inference.places import ENOUGH, Kept, Place, are_records, steps_of
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import EPOCH_RANK, STEP_RANK, VAL_LED, place, shows_pace
from runwatch.parsers.inference.scoring import (
    Judgement,
    counts_alike,
    in_stretches,
    interleaved,
    judge,
    usual_of,
)
from runwatch.parsers.lexicon.words import (
    OTHER_WORK,
    SAVES,
    TRAIN,
    is_epoch,
    is_loss,
    is_quality,
    is_rate,
    is_val,
    words,
)

NAME = "learned"
_REPEATING = frozenset((b"best", b"summary"))
"""Words of the heads of lines that repeat what others printed."""
_NEAR_END, _LOGGED_NEAR_END = 32, 256
"""Lines from the last of very few records on; with more below, they are an example in a text. The second: of
those that a logger printed.
"""
_RARER = 8
"""A family of lines may be so much rarer than another if it is to be waited for."""


def of_training(judged: list[Judgement], *, last: bool) -> list[Judgement]:
    """Return the judgements about lines that are not of validation, the likeliest first.

    Lines led by a score of validation count if there are no others: each may print both. So do at the
    end those that show how good each epoch was on held-out data, and those that show what was saved.
    """
    judged = [j for j in judged if OTHER_WORK.isdisjoint(words(j.plan.head))]
    train = [j for j in judged if not is_val(j.plan.head) or _names_training(j.plan)]
    train = train or [j for j in judged if j.plan.head.endswith(VAL_LED) and j.plan.losses]
    train = train or [
        j for j in judged if last and j.plan.counter is not None and is_epoch(j.plan.counter[1])
    ]
    steps = [j for j in train if SAVES.isdisjoint(words(j.plan.head))]
    return sorted(steps or (train if last else []), key=lambda judgement: -judgement.score)


def very_few(families: Mapping[bytes, list[Kept]], seen: int) -> list[Judgement]:
    """Return the judgements about a record or two near the end of `seen` lines, which are shown as unsure."""
    found: list[Judgement] = []
    for lines in filter(are_records, families.values()):
        most = _LOGGED_NEAR_END if all(kept.header for kept in lines) else _NEAR_END
        if seen - lines[-1].seen < most and (judgement := judge(lines, last=True)) is not None:
            found.append(judgement)
    return of_training(found, last=True)


def _names_training(plan: Plan) -> bool:
    """Whether a loss says that it is of training: `Eval step 100 | train loss 1.9 | val loss 2.0`.

    Or the step does, behind a score of a test: `Test reward: 1.5. Training step: 100. Loss: 0.5`.
    """
    _, score, step = plan.head.rstrip(b"#/").rpartition(b"#")
    trains = score and not TRAIN.isdisjoint(words(step)) and not is_val(step)
    return bool(trains) or any(b"train" in words(name) for name in plan.losses)


def better_may_come(judgement: Judgement, families: Mapping[bytes, list[Kept]]) -> bool:
    """Whether a judgement without a loss of training waits for a rarer or unplaced family that has one."""
    if not all(map(is_val, judgement.plan.losses)):
        return False
    many = len(families[judgement.plan.head])
    few = (n for n in families.values() if FEW <= len(n) < 2 * ENOUGH and many <= _RARER * len(n))
    plans = (judged.plan for lines in few if (judged := judge(lines, last=True)) is not None)
    return any(
        (plan.counter is None) is (len(families[plan.head]) >= ENOUGH)
        and not all(map(is_val, plan.losses))
        and not is_val(plan.head)
        for plan in plans
    )


def promising(families: Mapping[bytes, list[Kept]]) -> bool:
    """Whether a family of few lines may yet turn out to hold whole records."""
    judged = (judge(lines, last=True) for lines in families.values() if len(lines) >= FEW)
    plans = [judgement.plan for judgement in judged if judgement is not None]
    return any(plan.counter and plan.quality and not is_val(plan.head) for plan in plans)


def _stages_before(main: Plan, families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plans of a stage with a counter of its own: `Epoch 7`, then `L-BFGS Step 3`."""
    stages: dict[bytes, Plan] = {}
    for head, lines in families.items():
        if len(lines) >= FEW and lines[-1].offset < families[main.head][0].offset:
            judged = judge(lines, last=True)
            if judged is not None and judged.plan.counter and judged.plan.losses and not is_val(head):
                same = 4 * len(judged.plan.names & main.names) > 3 * len(main.names) and counts_alike(
                    judged.plan, main
                )
                stages.update({head: replace(judged.plan, pattern=f"{NAME}-0{len(stages)}")} if same else {})
    return stages


def within_epochs(plans: dict[bytes, Plan], families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return plans with that of the headings of epochs, if there are any: the step counts within these."""
    main = plans[next(iter(plans))]
    if (rounds := _in_rounds(main, families)) is not None:
        return plans | rounds
    heads = headings(main, families[main.head], families)
    if not heads:
        apart = main.counter is None or (main.epoch is None and (main.by_loss or not main.nested))
        counted = _closed(families[main.head], families) if apart else None
        if counted is None:
            return plans
        return plans | {main.head: replace(main, counter=counted, nested=True, by_loss=False)}
    if main.counter is None:
        return {**plans, main.head: replace(main, pattern=NAME + BY_EPOCH)} | heads
    if is_epoch(main.counter[1]):
        return plans | heads
    nested = {
        head: replace(p, nested=p.nested or p.counter == main.counter, by_loss=False)
        for head, p in plans.items()
    }
    return nested | heads


def _in_rounds(main: Plan, families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan] | None:
    """Return the plans of headings and of lines that count from the start more than once below each.

    What they count is that of one client of a round.
    """
    if main.counter is None:
        return None
    places = [counted for counted in (main.epoch, main.counter) if counted]
    lines = families[main.head]
    main = replace(main, counter=None, epoch=None, nested=False, by_loss=False, pattern=NAME + BY_EPOCH)
    heads = headings(main, lines, families)
    at = [kept.offset for head in heads for kept in families[head]]
    shown = [(bisect(at, kept.offset), [kept.at(p) or 0.0 for p in places]) for kept in lines]
    again = [a[0] for a, b in pairwise(shown) if a[0] == b[0] and b[1] < a[1]]
    known = len(again) > 1 and {*again} >= {*range(1, len(at))}  # the newest round may not have ended
    return {main.head: main, **heads} if at and known else None


def _closed(lines: list[Kept], families: Mapping[bytes, list[Kept]]) -> Place | None:
    """Return the counter that begins again only below lines that show which epoch has ended."""
    for counted in sorted({place(r, lines[0].found[i].name) for r, i in lines[0].ranked if r <= STEP_RANK}):
        steps = [(kept.offset, kept.at(counted)) for kept in lines]
        falls = [(a, b) for (a, x), (b, y) in pairwise(steps) if x is None or y is None or y <= x]
        for ends in families.values():
            ranked = [place(r, ends[0].found[i].name) for r, i in ends[0].ranked if r == EPOCH_RANK]
            epochs = steps_of(ends, ranked[0]) if ranked and ends is not lines else []
            if FEW <= len(epochs) == len(ends) and all(b == a + 1 for a, b in pairwise(epochs)):
                between = [sum(a < end.offset < b for end in ends) for a, b in falls]
                if len(falls) >= FEW - 1 and set(between) == {1} and len(ends) <= len(falls) + 1:
                    return counted
    return None


def below_headings(plans: dict[bytes, Plan], families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return plans of blocks in which the first line below the heading of an epoch is its record.

    If each shows the loss of training: an epoch that began and shows none is no record.
    """
    of, *below = plans.values()
    if of.counter is None or not of.alone or of.nested or not is_epoch(of.counter[1]) or of.head[:1] == b"|":
        return plans
    if any(is_rate(f.name) for f in families[of.head][0].found):
        return plans
    scored = [p.head for p in below if any(is_quality(f.name) for f in families[p.head][0].found)]
    order = sorted((kept.offset, head) for head in (of.head, *scored) for kept in families[head])
    first = {b for (_, a), (_, b) in pairwise(order) if a == of.head != b}
    main = next((plan for plan in below if {plan.head} == first), None)
    if main is None or any(b == main.head != a != of.head for (_, a), (_, b) in pairwise(order)):
        return plans
    lines = families[main.head]
    names, losses = usual_of(lines), frozenset(losses_of(lines, usual_of(lines)))
    if is_val(main.head) or not any(map(is_loss, losses)) or any(map(is_epoch, names)):
        return plans
    pattern = NAME + BY_EPOCH
    main = replace(main, quality=losses, names=names, losses=losses, main=True, pattern=pattern)
    ended = closes(families[of.head], lines)
    heading = replace(of, counter=None, epoch=of.counter, alone=False, main=False, ended=ended)
    return {main.head: main, **plans, of.head: heading} | {main.head: main}


def side_by_side(judged: list[Judgement], families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plans of the likeliest family and of those whose lines count the same steps."""
    main = judged[0].plan
    plans = {main.head: main, **_stages_before(main, families)}
    for other in (judgement.plan for judgement in judged[1:]):
        if (
            other.head not in plans and counts_alike(other, main) and _REPEATING.isdisjoint(words(other.head))
        ):  # a value that was printed before
            lines = families[other.head], families[main.head]
            alike = other.names == main.names
            among = interleaved(*lines) and not (
                alike and (in_stretches(*lines) or _one_series(*lines, main))
            )
            nearby = among or is_val(other.head) or (not other.quality and bool(main.quality))
            plans[other.head] = replace(other, main=not nearby, pattern=f"{NAME}-{len(plans) + 1}")
    return plans


def _one_series(lines: list[Kept], others: list[Kept], main: Plan) -> bool:
    """Whether the steps of both families grow as one: a word may say what each is of, `step 2 [x4k]`."""
    if main.counter is None or main.epoch is not None:
        return False
    steps = steps_of(sorted([*lines, *others], key=lambda kept: kept.offset), main.counter)
    return len(steps) == len(lines) + len(others) and all(b > a for a, b in pairwise(steps))


def rates(main: Plan, families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plans of lines near the records of `main` that show their learning rate, and no step.

    There is about one of them for each record, or each names its epoch: what is printed once, or once
    for each of several launches, is a setting. Nothing but the rate is read of them. Others show the pace
    at the step.
    """
    records = [k for k in families[main.head] if not main.quality or main.quality & {f.name for f in k.found}]
    at = main.counter
    paced = {
        head: Plan(head, at, main=False)
        for head, lines in families.items()
        if at is not None and shows_pace(lines[0].line) and all(k.find(at) is not None for k in lines)
    }
    if any(map(is_rate, main.names)):
        return paced
    return paced | {
        head: Plan(head, None, main=False, rated=True)
        for head, lines in families.items()
        if FEW <= len(lines) <= len(records) + 1
        and (2 * len(lines) > len(records) or all(kept.ranked for kept in lines))
        and interleaved(lines, records)
        and all(_has_rate(kept) for kept in lines)
    }


def _has_rate(kept: Kept) -> bool:
    """Whether one number of a line is a learning rate, no place is there but an epoch, and no validation."""
    epochs = all(r == EPOCH_RANK for r, _ in kept.ranked)
    validates = any(is_val(field.name) and is_quality(field.name) for field in kept.found)
    return epochs and not validates and sum(is_rate(field.name) for field in kept.found) == 1
