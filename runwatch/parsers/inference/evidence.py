"""Says when few lines are enough to believe a family of them.

At the end of a stream, or at once if each says it all.
"""

from __future__ import annotations

from itertools import pairwise

from runwatch.parsers.inference.places import Kept, shows_training, states_all, steps_of
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import STEP_RANK
from runwatch.parsers.lexicon.words import is_meaningful, is_quality, is_val

FEW = 3
"""Lines of a family that are enough at the end, if other lines are not too many."""
_OF_TRAINING = 256
"""Lines that may follow a line which only a program that trains prints."""
PLAIN = 5
"""Lines in a row that are enough at any time if each says it all (see speaks_plainly)."""


def speaks_plainly(lines: list[Kept], plan: Plan) -> bool:
    """Whether lines in a row leave no doubt: a named step that grows, its end, a loss, and more of training.

    A run that goes wrong from its first step on is reported at once, not after a dozen lines. What a
    time is cannot be reported from so few, so those that print one are waited for.
    """
    if plan.counter is None or plan.counter[0] > STEP_RANK or plan.epoch is not None or is_val(plan.head):
        return False
    ends = {
        kept.line[slice(*total)] if (total := kept.found[i].total) else b""
        for kept in lines
        if (i := kept.find(plan.counter)) is not None
    }
    named = [name for name in plan.names if is_meaningful(name)]
    return (
        len(lines) >= PLAIN
        and lines[-1].seen - lines[0].seen == len(lines) - 1
        and len(ends) == 1
        and b"" not in ends
        and bool(plan.losses)
        and len(named) > 1
        and all(plan.names <= {f.name for f in kept.found} for kept in lines)
        and all(b > a for a, b in pairwise(steps_of(lines, plan.counter)))
        and "elapsed" not in plan.aliases.values()
    )


def few_are_enough(lines: list[Kept], seen: int, *, program: bool = False) -> bool:
    """Whether a family of few lines is to be believed at the end of a stream of `seen` lines.

    `program` says that other lines show that a program wrote them: then five that score a step are enough,
    and one that also shows a learning rate.

    An eighth of the lines is a log; so are a quarter of those since the first of them if each
    names much (before them, much may have been said about the model), a sixteenth if each also shows
    how many there will be or names yet more, and five lines with a score each that are all over the
    text, or directly below each other if each names much. Less is an example in a text. Of lines that leave
    no doubt, any number is a quarter, five are an eighth, and three are enough that a logger printed.
    """
    since = seen - lines[0].seen
    share = _OF_TRAINING if program and all(map(shows_training, lines)) else 8 if len(lines) >= PLAIN else 4
    if share * len(lines) > since and all(map(states_all, lines)):
        return True
    named = min(len({f.name for f in kept.found if is_meaningful(f.name)}) for kept in lines)
    scored = all(any(is_quality(f.name) for f in kept.found) for kept in lines)
    steps = all(any(r <= STEP_RANK for r, _ in kept.ranked) for kept in lines)
    if len(lines) < FEW and not (len(lines) > 1 and steps and scored and named >= 3):
        return False
    placed = all(any(kept.found[i].name for _, i in kept.ranked) for kept in lines)
    row = lines[-1].seen - lines[0].seen == len(lines) - 1
    if len(lines) >= PLAIN and placed and scored and (program or (row and named >= 3)):
        return True
    logged = all(kept.header and states_all(kept) for kept in lines)
    if logged or 8 * len(lines) > seen or (4 * len(lines) > since and scored and named >= 2):
        return True
    ends = all(any(kept.found[i].total and kept.found[i].name for _, i in kept.ranked) for kept in lines)
    if len(lines) >= PLAIN and scored and named >= (2 if ends else 3) and 16 * len(lines) > seen:
        return True
    spread = 2 * (lines[-1].seen - lines[0].seen) > seen
    return len(lines) >= PLAIN and scored and spread and 64 * len(lines) > seen
