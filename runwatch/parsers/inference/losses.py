"""Which of the names of some lines is the loss, which are its parts, and which are of held-out data."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import pairwise

from runwatch.core.metrics import LOSS, STEP_TIME, VAL_LOSS
from runwatch.parsers.inference.evidence import FEW
from runwatch.parsers.inference.places import Kept
from runwatch.parsers.inference.unnamed import competes, mean_losses, unnamed_losses
from runwatch.parsers.lexicon.kinds import WHOLE
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.names import canonical, meaning
from runwatch.parsers.lexicon.parts import PLAYERS, foremost
from runwatch.parsers.lexicon.records import lost, measured, objective, of_test
from runwatch.parsers.lexicon.words import (
    SPLIT_WORDS,
    TEST,
    is_epoch,
    is_loss,
    is_quality,
    is_rate,
    is_split,
    is_val,
    of_episodes,
    split_of,
    words,
)

_WHOLE = frozenset(word.encode() for word in WHOLE) | {b"final"}
LOSS_WORDS = _WHOLE | frozenset(
    b"train training trn batch avr avg average mean running current loss losses cost metric task".split()
)
"""Words of the names of the loss itself where others are its parts; those of its sum before others."""
PART_WORDS = frozenset(
    b"pde ode bc bcs ic ics residual physics boundary initial data energy mse ce bce nll kl kld recon rec "
    b"reconstruction adv adversarial perceptual reg regularization l box bbox cls obj dfl dice mmd mask rpn "
    b"giou centerness objectness classifier loss".split()
)
"""Words of the parts of a loss."""
_SEVERAL = 2
"""The most losses that need not be parts of one."""
_ROUNDED = 0.005
"""Share of a sum by which it may differ from its parts as they are printed."""
PLAIN = LOSS_WORDS - {b"all"}
"""The same where each is on a line of its own; `all` is then one of several sets of data."""
_TESTED = PLAIN - {b"train", b"training", b"trn"} | TEST | {b"set", b"data", b"global"}
"""Words of the name of the loss of test data."""
_SUM = frozenset((b"total", b"sum"))
"""Names of the loss next to its parts; of how many there are, if they are whole numbers."""
_BEST = frozenset((b"best", b"min", b"lowest"))
"""Words of the names of losses of an earlier record."""
_REACHED = _BEST | {b"final", b"last"}
"""The same, or of what was reached: `Final validation loss`."""
SCORE = "val/score"
"""A score that only says of which part of the data it is."""
_TIMES = frozenset(b"time elapsed per iteration iter step batch total avg".split())


def aliases(lines: list[Kept], names: Collection[bytes]) -> dict[bytes, str]:
    """Return what a family's names mean where they alone do not show; without lines, they are in order."""
    spelling = {spelled(name): name for name in names}
    meant = {spelling[name]: metric for name, metric in measured(spelling).items()}
    if LOSS not in {*meant.values(), *map(canonical, spelling)}:
        meant.update(dict.fromkeys(whole_of(lines, names) or _foremost(lines, names), LOSS))
        splits = unnamed_losses(lines, names)
        if mean_losses(lines, splits, names):  # train=2.5 val=2.6 ppl=13.5
            meant.update({name: VAL_LOSS if is_val(name) else LOSS for name in splits})
    if VAL_LOSS not in {*meant.values(), *map(canonical, spelling)}:
        losses = [name for name in sorted(names) if is_loss(name) and is_val(name)]
        if len(losses) == 1:
            meant.setdefault(losses[0], VAL_LOSS)
        elif not losses and all(is_loss(name) for name in names if is_quality(name)):
            splits = unnamed_losses(lines, names) if lines else frozenset(filter(is_split, names))
            nearby = splits.intersection(names)
            vals = [name for name in nearby if is_val(name) and name.lower() != b"eval"]
            alone = len(vals) == 1 and nearby == {*vals}
            meant.update({name: VAL_LOSS for name in vals if alone})  # loss 0.5 val 0.6, but no train 0.8
    paced = STEP_TIME in map(canonical, spelling)
    for name in sorted(names) if lines and not of_episodes(names) else ():
        timed = canonical(spelled(name)) != STEP_TIME
        if timed and b"time" in (parts := set(words(name))) and parts <= _TIMES:
            values = [k.value(i) for k in lines for i, f in enumerate(k.found) if f.name == name]
            falls = sum(b < a for a, b in pairwise(values))  # few: it starts again with each epoch
            rising = 8 * falls <= len(values) and len(set(values)) > len(values) // 2
            if rising or not paced:
                meant[name] = "elapsed" if rising else STEP_TIME
    return meant


def losses_of(lines: list[Kept], names: Collection[bytes]) -> list[bytes]:
    """Return the losses of training among some names, in the order of print."""
    printed = dict.fromkeys(f.name for kept in lines for f in kept.found if f.name in names) or names
    shares = {f.name for kept in lines for f in kept.found if f.suffix == b"%"}
    games = lost(map(spelled, printed))
    real = {f.name for kept in lines for f in kept.found if b"." in kept.text(f)} if lines else {*printed}
    scores = [n for n in printed if (is_loss(n) and is_quality(n)) or (n.lower() in _SUM and n in real)]
    scores = [n for n in scores if spelled(n) not in games]
    losses = [n for n in scores if not is_val(n) and _BEST.isdisjoint(words(n)) and n not in shares]
    return losses or _errors(printed)


def whole_of(lines: list[Kept], names: Collection[bytes]) -> list[bytes]:
    """Return the name of the loss whose parts the others are, if one is."""
    losses = losses_of(lines, names)
    shared = frozenset.intersection(*(frozenset(words(n)) for n in losses)) if losses[1:] else frozenset()
    whole = [n for n in losses if LOSS_WORDS.issuperset(shared.symmetric_difference(words(n)))]
    whole.sort(key=lambda name: (_WHOLE.isdisjoint(words(name)), b"train" not in words(name)))
    if not whole and len(losses) > _SEVERAL and not any(map(_is_of_training, names)):
        sums = [n for n in losses if not is_part(n)]
        players = any(not PLAYERS.isdisjoint(words(n)) for n in sums)
        found = _sums(lines, losses) or ([] if players else sums)  # what has no name of a part is their sum
        whole = found if len(found) == 1 else []
    return whole[:1]


def _foremost(lines: list[Kept], names: Collection[bytes]) -> list[bytes]:
    """Return the loss that is shown as that of training where none is the whole of the others."""
    losses = [] if any(map(_is_of_training, names)) else losses_of(lines, names)
    return [foremost(losses)] if losses else []


def _sums(lines: list[Kept], losses: list[bytes]) -> list[bytes]:
    """Return the losses that are the sum of all others, up to rounding, in nearly every line."""
    rows = [{f.name: k.value(i) for i, f in enumerate(k.found) if f.name in losses} for k in lines]
    rows = [row for row in rows if len(row) > _SEVERAL]
    if len(rows) < FEW:
        return []

    def added(name: bytes) -> int:
        shown = [(row[name], sum(row.values()) - row[name]) for row in rows if name in row]
        return sum(math.isclose(whole, parts, rel_tol=_ROUNDED) for whole, parts in shown)

    return [name for name in losses if 10 * added(name) > 9 * len(rows)]


def _errors(names: Iterable[bytes]) -> list[bytes]:
    """Return the error that is minimized where no loss is printed, and no other error: `mse`."""
    reported = [name for name in names if not is_val(name) and (is_quality(name) or is_split(name))]
    errors = [name for name in reported if objective([spelled(name)]) is not None]
    return errors if len(errors) == 1 and not any(map(is_split, reported)) else []


def _is_of_training(name: bytes) -> bool:
    """Whether a name is that of a loss of training by its kind, `Train MSE`: others are parts next to it."""
    reported = meaning(spelled(name))
    return reported.split == "train" and reported.unless == LOSS


def tests_of(names: Collection[bytes]) -> dict[bytes, str]:
    """Return what scores of held-out data mean that no line of training shows.

    Those of test data are of validation if no others are. The only loss is that of validation, whatever
    it is called, and what is called by its part of the data alone is a score.
    """
    losses = [name for name in names if is_loss(name) and is_val(name)]
    plain = [n for n in losses if not TEST.isdisjoint(words(n)) and _TESTED.issuperset(words(n))]
    newest = [n for n in losses if split_of(n) == "val" and _REACHED.isdisjoint(words(n))]
    meant = dict.fromkeys(plain or newest, VAL_LOSS)
    meant = meant if len(losses) == 1 else {}
    error = losses_of([], names) if not losses else []
    if len(error) == 1 and not is_loss(error[0]):  # `mse`, and `val_mse` on lines of its own
        of = {*words(error[0])}
        meant = {name: VAL_LOSS for name in names if is_val(name) and {*words(name)} - SPLIT_WORDS == of}
    held_out = {
        name: split_of(name) for name in names if is_val(name) and (is_quality(name) or is_split(name))
    }
    val = [name for name, split in held_out.items() if split == "val"]
    bare = [name for name in val or held_out if is_split(name)]
    scores = {} if val else {name: found for name in held_out if (found := of_test(spelled(name)))}
    return {**dict.fromkeys(bare[:1], SCORE), **scores, **meant}


def loss_of_parts(names: frozenset[bytes]) -> bytes | None:
    """Return the `total` that is the loss, since parts of one are next to it: `total,pde,bc,data`."""
    parts = sum(not PART_WORDS.isdisjoint(words(name)) for name in names)
    return min((name for name in names if name.lower() in _SUM), default=None) if parts > 1 else None


def losses_by_split(names: Collection[bytes]) -> dict[bytes, str]:
    """Return the columns of losses that are called by their part of the data alone: `epoch,train,val`.

    So is a `total` next to nothing but epochs, times and rates.
    """
    others = [n for n in names if not (is_epoch(n) or is_rate(n) or b"time" in words(n))]
    epochs = any(map(is_epoch, names))
    if epochs and [name.lower() for name in others] == [b"total"]:
        return dict.fromkeys(others, LOSS)
    splits = [name for name in names if is_split(name)]
    reported = [name for name in splits if not is_val(name)]
    vals = [name for name in splits if is_val(name)]
    if len(reported) != 1 or len(vals) != 1 or any(map(competes, names)) or b"test" in words(vals[0]):
        return {}
    return {reported[0]: LOSS, vals[0]: VAL_LOSS}


def is_part(name: bytes) -> bool:
    """Whether a name is that of a part of a loss, as `data_loss` is, and `weight_loss` is not."""
    return PART_WORDS.issuperset(words(name))
