"""The words of bars: which names are losses, of which split, and what a description or unit counts."""

from __future__ import annotations

import re

from runwatch.core.metrics import LOSS, VAL_BPB, VAL_LOSS, Unit
from runwatch.parsers.lexicon.names import meaning, of_validation, unit_of
from runwatch.parsers.lexicon.words import is_quality, words

ALIASES = {"reduced_train_loss": LOSS, "Tot": LOSS, "t_loss": LOSS}
"""NeMo's, next to a `train_loss` that is the mean of the epoch; sums of losses that are called otherwise."""

_LOSS = re.compile(r"(?i:loss)(?!.*epoch)|^Tot$")
_BEST = re.compile(r"(?i:best|lowest|min(?:imum)?|init(?:ial)?)[_/ -]")
_REWARDS = frozenset(b"reward rewards return returns".split())
_HOLDS_OUT = re.compile(rb"(?i:\b(?:(test)|val|eval))")
_OTHER = re.compile(
    rb"(?i:predict|infer|sanity|generat"
    rb"|^\W{0,8}(?:token|download|upload|map\b|filter|cach|extract|search|sampling|scor|calibrat|quanti[sz])"
    rb"|hyper.?param|\bsweep|\bgrid.?search)"
)
_TRIAL = re.compile(rb"(?i:\btrials?\b)")
_STEPS = re.compile(rb"(?i:epoch|train|step|batch)")
_TRAINS = re.compile(rb"(?i:\btrain(?:ing)?\b)")
_RUN_WIDE = re.compile(
    rb"(?i)(?:epoch \d{1,9}/\d{1,9}, )?\W{0,8}(?:(?:global|optimization|training|total) )?steps\W{0,8}$"
)
_COUNTED = re.compile(rb"(?i:(?:trial|file|fold|shard|config|model|combination|candidate|url|doc)s?)$")


def counts_other(desc: bytes, unit: bytes = b"") -> bool:
    """Return whether a bar counts something else than steps of training, as its description or unit says.

    A trial that is named before an epoch or a step is only where these belong: `Trial 3, epoch 1/4`.
    """
    if _OTHER.search(desc) or _HOLDS_OUT.search(desc) or (unit and _COUNTED.match(unit) is not None):
        return True
    return _TRIAL.search(desc) is not None and _STEPS.search(desc) is None


def trains(desc: bytes) -> bool:
    """Return whether a description says that a bar counts steps of training."""
    return _TRAINS.search(desc) is not None


def part_of(desc: bytes) -> str:
    """Return the held-out data that a bar passes over, as its description says: val, test, or "" for none."""
    found = _HOLDS_OUT.search(desc)
    if found is None or _OTHER.search(desc) or trains(desc):
        return ""
    return "test" if found[1] else "val"


def spans_run(desc: bytes) -> bool:
    """Return whether a description says that a bar counts the steps of the run: `Epoch 1/5, Steps:`."""
    return _RUN_WIDE.match(desc) is not None


def is_validation(name: str) -> bool:
    """Return whether a value of a training bar is of validation."""
    return of_validation(name) is not None or meaning(name).metric in (VAL_LOSS, VAL_BPB)


def unit_behind(name: str, suffix: str) -> Unit:
    """Return the unit of a value of a bar: the one behind it, else that of its name."""
    return unit_of(meaning(name).metric, suffix, name)


def is_loss(name: str) -> bool:
    """Return whether a value is a loss of the step at which the bar is."""
    found = meaning(name)
    of_loss = LOSS in (found.metric, found.unless)  # by its name, or as `ce` is
    said = of_loss or _LOSS.search(name) is not None
    return said and not is_validation(name) and _BEST.match(name) is None


def is_reward(name: str) -> bool:
    """Return whether a value is what an agent earns at the step at which the bar is."""
    earned = not _REWARDS.isdisjoint(words(name.encode("ascii", "replace")))
    return earned and not is_validation(name) and _BEST.match(name) is None


def is_score(name: str) -> bool:
    """Return whether a value of a bar of held-out data says how good the model is."""
    return is_validation(name) or is_quality(name.encode("ascii", "replace"))
