"""Printed names: the metric, role, part of the data and unit that each means, and the rule that says so.

A name is read by its words, whatever the spelling: `val_loss`, `loss/val`, `Validation Loss`, `valLoss`.
Every word has to be known, or the name is kept as it was printed: `lr_mult` and `max_grad_norm` are others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from runwatch.core.batch import META_COLUMNS
from runwatch.core.metrics import DATA_TIME, LOSS, MFU, SHARE, STEP_TIME, VAL_LOSS, Unit
from runwatch.parsers.lexicon import units
from runwatch.parsers.lexicon.kinds import (
    ANY,
    BARE,
    ERRORS,
    EXACT,
    HOLDERS,
    KINDS,
    OWN,
    PERCENT,
    SORTS,
    STATISTICS,
    TIMERS,
    WHOLE,
    Kind,
    word_set,
)
from runwatch.parsers.lexicon.languages import is_foreign, spelled, translated
from runwatch.parsers.lexicon.words import (
    LETTER,
    MEMORY,
    SHORT_LOSS,
    apart,
    is_loss,
    is_meaningful,
    is_quality,
    own_losses,
    split_of,
    without_split,
)
from runwatch.parsers.lexicon.words import words as words_of

SPEED = word_set("speed throughput rate ips processing")
"""Names that leave it to the unit what a number is."""
WEAK = 10
"""How loose a reading is that holds only if no other name of the record means the same."""
_MOST_LOOSE = 1e9
"""What a number in a name counts at most: one of 400 digits has no float."""
SUM = "total loss: a sum of losses"
"""The rule that next to losses of all kinds finds their sum."""
OF_RUN = "a rate of the whole run, if a run time is next to it"
MEASURE = "an error that regression minimizes"
"""The rule that finds a loss where no other name is one."""
_OPTIMIZER = re.compile(
    r"(?i)(?<![a-z])(?:fused|paged|cpu|decoupled|deepspeed(?:cpu)?)?(?:adam|sgd|rmsprop|adagrad|adafactor|adadelta|lion|lamb|lars|"
    r"muon|sophia|shampoo)[a-z]{0,10}(?![a-z])"
)
_BEGINS = re.compile(
    r"(?:(?P<test>(?:[Ff]inal )?[Tt]est(?:ing)?|TEST(?:ING)?)|(?i:(?:(?:avg\.?|averaged?|mean|overall) ){0,2}"
    r"(?:val|valid|validation|vali|eval|evaluation|dev|h[eo]ld[_ -]?out)))"
    r"(?:(?P<sep>'s |[_/ .-])|$|(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]{2}))"
)
_ENDS = re.compile(r"([A-Za-z][^/]*?)(?: o[fn])?[_/ .-](?i:val|valid|validation|vali|eval|evaluation|dev)")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in LearningRate and TrainLR."""
_TOKEN = re.compile(r"l[12](?![a-z0-9])|bf16|[a-z]+|%|/|\d+(?:\.\d+)?")
_TAG = re.compile(r"(?i)^\[(?:epoch|step|iter|batch)\] ?(?=\w)")
"""Before a name, says over what it was measured: `[Epoch] loss`."""
_own: dict[str, Meaning] = {}
"""The user's names, in small letters."""
_NORM = re.compile(r"(?i)(?:\|{1,2}|‖)g(?:rad)?(?:\|{1,2}|‖)")
"""The norm of the gradient in mathematical signs: `||g||`."""
_LETTER = re.compile(LETTER.pattern.decode())
_HELD = re.compile(r"(?<![a-z])h[eo]ld[ _-]?out(?![a-z])")


AS_PRINTED = Unit()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a printed name means."""

    metric: str
    """The canonical name, or the name as it was printed."""
    rule: str = ""
    """Which rule applied, for people; empty if none did."""
    role: str = ""
    """counter, loss, score, learning rate, gradient norm, duration, rate, share or amount; "" if unknown."""
    split: str = ""
    """Part of the data: train, val, test, or "" where the name does not say."""
    unit: Unit = AS_PRINTED
    loose: int = 0
    """How much of the name was passed over: of two names of one meaning the less loose one counts."""
    unless: str = ""
    """The metric it is if the record names no other of that kind."""


@lru_cache(4096)
def meaning(printed: str) -> Meaning:
    """Return what a printed name means."""
    name = printed.strip()
    return _own.get(name.lower()) or _read(name)


def canonical(printed: str) -> str:
    """Return the canonical name of a printed metric name, or the name itself."""
    return meaning(printed).metric


def unit_of(metric: str, suffix: str, printed: str = "") -> Unit:
    """Return the unit of a value for canonical `metric`, printed with `suffix` ("" if none) as `printed`."""
    behind, reported = units.of_suffix(suffix), units.rate_suffix(suffix)
    if behind is not None:
        return behind if reported is None or metric == reported[0] else replace(behind, invert=False)
    found = meaning(printed)
    if metric in (found.metric, found.unless):
        return found.unit
    if metric in (STEP_TIME, DATA_TIME):
        last = tokens_of(printed)[0][-1:]
        return units.of_seconds(last[0]) if last and last[0] in units.SECONDS else Unit()
    return SHARE if metric == MFU else Unit()


def rated(printed: str, suffix: str) -> str:
    """Return the metric of a rate that its unit alone says, `throughput: 450 tok/s`; of others the name."""
    found = units.rate_suffix(suffix) if leaves_unit(printed) else None
    return found[0] if found else printed


def leaves_unit(printed: str) -> bool:
    """Return whether a name leaves it to the unit what a number is: `speed`, `running at`."""
    return (SPEED | ANY).issuperset(tokens_of(printed)[0])


_UNITED = re.compile(
    r"(-?\d{1,15}(?:,\d{3}){0,4}(?:\.\d+)?(?:[eE][-+]?\d+)?) ?([A-Za-z%](?:[A-Za-z /]{0,14}[A-Za-z])?)",
    re.ASCII,
)


@lru_cache(1024)
def takes_unit(printed: str) -> bool:
    """Return whether a text that a name has may be a number with its unit: its meaning is known."""
    of_bytes = not MEMORY.isdisjoint(words_of(printed.encode(errors="replace")))
    return of_bytes or leaves_unit(printed) or canonical(printed) != printed


def united(printed: str, text: str) -> tuple[str, float] | None:
    """Return name and number of a text with a unit, in the unit of the name; None if it holds none."""
    found = _UNITED.fullmatch(text) if takes_unit(printed) else None
    unit = units.of_suffix(found[2]) if found else None
    if found is None or unit is None:
        return None
    value = float(found[1].replace(",", ""))
    if units.rate_suffix(found[2]):
        return (found[2] if leaves_unit(printed) else printed), value
    return printed, unit.apply(value) if meaning(printed).unit == AS_PRINTED else value


class NamingError(ValueError):
    """A name to which the user gives an invalid meaning; `key` is what is wrong of it."""

    def __init__(self, key: str, what: str, advice: str) -> None:
        super().__init__(what)
        self.key, self.advice = key, advice


def meaning_given(metric: str, unit: str = "", split: str = "") -> Meaning:
    """Return the meaning that the user gives a name. Raises NamingError if it is invalid."""
    if not metric.isprintable() or not metric.strip() or metric in META_COLUMNS:
        raise NamingError("metric", f"{metric!r} is no metric", "such as train/loss")
    if split not in ("", "train", "val", "test"):
        raise NamingError("split", f"unknown split {split!r}", "known: train, val, test")
    known = units.of_suffix(unit)
    if unit and known is None:
        raise NamingError("unit", f"unknown unit {unit!r}", units.SUCH_AS)
    found = meaning(metric)
    name = found.metric
    if split in ("val", "test") and not name.startswith(f"{split}/"):
        name = f"{split}/{name.removeprefix('train/')}"
    return Meaning(name, "[names]", found.role, split or found.split, known or found.unit)


def use(names: Mapping[str, Meaning]) -> None:
    """Let the user's names go before all others, in any case; to be called before a log is read."""
    own = {name.strip().lower(): meant for name, meant in names.items()}
    if own == _own:
        return
    _own.clear()
    _own.update(own)
    own_losses.clear()
    own_losses.update(name.encode() for name, meant in own.items() if meant.role == "loss")
    for known in (meaning, is_loss, is_quality, is_meaningful):
        known.cache_clear()


def once(printed: str) -> str:
    """Return a name that says its part of the data twice with it once: `train/train_loss` -> train_loss."""
    part, _, rest = printed.partition("/")
    return rest if part and rest.startswith(f"{part}_") else printed


def own(printed: str) -> str | None:
    """Return the metric that the user says a name is; None for other names."""
    found = _own.get(printed.strip().lower()) if _own else None
    return None if found is None else found.metric


def of_validation(printed: str) -> str | None:
    """Return a name that begins with a word for held-out data as one of validation: `eval_ppl` -> val/ppl.

    So is a score that ends with one, or is glued to it, `acc_val`, `valacc` -> val/acc, one in short,
    `vl_acc`, or in another language, and anything before a slash and one, `size/valid`. One that begins so
    before a slash or a number, or speaks of a test, stays as it is printed; None for others.
    """
    found = _BEGINS.match(printed)
    if found is None:
        tokens, numbers = tokens_of(printed)
        split, words = without_split(tokens)
        spelled_otherwise = is_foreign(printed) or not any(split_of(token.encode()) for token in tokens)
        if split == "val" and spelled_otherwise and not numbers and len(words) == 1:
            return f"val/{words[0]}" if is_quality(words[0].encode()) else None
        ends = _ENDS.fullmatch(printed)
        score = b"" if ends is None else ends[1].encode(errors="replace")
        if printed.isascii() and (glued := apart(printed.lower()))[:-1] == ["val"]:
            return f"val/{glued[1]}"
        said = ends is not None and (is_quality(score) or printed[ends.end(1)] == "/")
        return f"val/{ends[1]}" if ends and said and not split_of(score) else None
    rest = printed[found.end() :]
    named = found["sep"] in ("/", ".") or (found["sep"] == "-" and "/" in rest)  # verl's val-core/x/mean
    kept = named or found["test"] or not rest[:1].isalpha()
    return printed if kept else f"val/{rest}"


# -- how a name is read ------------------------------------------------------------------------------


def _read(name: str) -> Meaning:
    """Return what a name means by itself."""
    rest = _TAG.sub("", name, 1)
    if rest != name and (tagged := meaning(rest)).metric != rest:
        return replace(tagged, loose=tagged.loose + 1)
    lower = name.lower()
    if lower in EXACT:
        return Meaning(EXACT[lower], f"{lower!r} itself", "loss", "val")
    if lower.removeprefix("train/") in OWN:  # as its trackers' callbacks write them
        rate = _known(*tokens_of(lower.replace("train", "")))
        own = name[-len(lower.removeprefix("train/")) :]
        return Meaning(own) if rate is None else Meaning(own, OF_RUN, unit=rate.unit, unless=rate.metric)
    tokens, numbers = tokens_of(name)
    found = _known(tokens, numbers)
    if found is None and "/" in name:
        *heads, last = name.split("/")
        kept = [head for head in heads if head.lower() not in HOLDERS | TIMERS]
        if len(kept) < len(heads):
            held = _known(*tokens_of("/".join((*kept, last))))
            if held and (held.role in ("duration", "rate") or TIMERS.isdisjoint(lower.split("/"))):
                found = replace(held, loose=held.loose + len(heads) - len(kept))
    if found is not None:
        if not found.metric:
            found = replace(found, metric=of_validation(name) or name)
        return (
            replace(found, unit=Unit(divide=100.0))
            if found.metric == MFU and not PERCENT.isdisjoint((lower, *tokens))
            else found
        )
    split = without_split(tokens)[0]
    part = _part(name, split)
    if part is not None:
        return part
    metric = f"val/{name[5:]}" if name[:5] == "eval/" and name[5:] else of_validation(name) or name
    rule = "a part of the data before it" if metric != name else ""
    return Meaning(metric, rule, _role(name), split)


def _part(name: str, split: str) -> Meaning | None:
    """Return the meaning of a loss that is named by what it is of: `policies/red/total_loss`, `l_pix`."""
    short = SHORT_LOSS.fullmatch(name.encode(errors="replace"))
    if short is not None:
        of, target = ("train", LOSS) if short["split"] is None else ("val", VAL_LOSS)
        return Meaning(name, SUM if "total" in name else "l_: a loss", "loss", of, loose=WEAK, unless=target)
    words = without_split(tokens_of(name.rpartition("/")[2])[0])[1]
    if "/" in name and frozenset(words) == {"total", "loss"} and split in ("", "train"):
        return Meaning(name, SUM, "loss", split, loose=WEAK, unless=LOSS)
    return None


def tokens_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a name, and the numbers between them; a slash in a rate is a `per`."""
    name = _LETTER.sub("loss", _NORM.sub("grad norm", name)).replace("FLOPs", "flops")
    name = spelled(translated(name.encode(errors="replace"))).strip()
    short = _OPTIMIZER.sub(" ", name.replace("'s ", " "))
    text = _HELD.sub("heldout", _HUMP.sub("_", short if short.strip(" -_/") else name).lower())
    found = _TOKEN.findall(text)
    tokens: list[str] = []
    for token, behind in zip(found, (*found[1:], ""), strict=False):
        if token[0].isdigit():
            continue
        if token.isalnum() or token in PERCENT:
            tokens += apart(token)
        elif units.is_per(tokens, behind):
            tokens.append("per")
    return tuple(tokens), tuple(token for token in found if token[0].isdigit())


def _known(tokens: tuple[str, ...], numbers: tuple[str, ...]) -> Meaning | None:
    """Return the meaning of words all of which are known, the metric "" for the name itself; else None."""
    split, words = without_split(tokens)
    if not words:
        return None
    rate = None if numbers or split in ("val", "test") else _rate(words)
    if rate is not None:
        return replace(rate, split=split)
    loose = sum(int(min(float(number), _MOST_LOOSE)) for number in numbers)
    for kind in KINDS:
        if numbers and not kind.numbered:
            continue
        extra, unit = _extra(kind, words)
        if extra is None:
            continue
        rule = f"{' '.join(words)}: {kind.role}"
        if split in kind.splits:
            return Meaning(kind.metric, rule, kind.role, split, unit, loose + extra)
        if split == "test" and kind.metric == VAL_LOSS:
            return Meaning("", rule, kind.role, split, unit, loose + extra, VAL_LOSS)
    return None if numbers and split != "val" else _loss_of_a_sort(split, words)


def _extra(kind: Kind, words: tuple[str, ...]) -> tuple[int | None, Unit]:
    """Return how many words change nothing, None if a name is of another kind, and the unit it ends with."""
    last, unit = words[-1], SHARE if kind.metric == MFU else Unit()
    said = [frozenset(words)]
    if kind.role == "duration" and last in units.IN_NAMES:
        rest = frozenset(words[:-1]) - {"in"}
        said, unit = (
            [rest, rest | {"time"}],
            units.of_seconds(last),
        )  # `step_ms` says by its unit that it is one
    elif kind.metric == MFU:
        said = [said[0] - PERCENT]
    nearby = (name - core for name in said for core in map(word_set, kind.cores) if core <= name)
    fits = [len(rest) for rest in nearby if rest <= kind.fillers | ANY]
    return min(fits, default=None), unit


def _rate(words: tuple[str, ...]) -> Meaning | None:
    """Return the meaning of a rate, as `tokens per s per gpu` or `ms per iter`."""
    bare = tuple(word for word in words if word not in ANY | SPEED | WHOLE)
    if len(bare) == 2 and bare[1] in ("s", "sec") and bare[0] in units.MANY:  # samples_s
        bare = (bare[0], "per", bare[1])
    found = units.rate(bare)
    if found is None:
        return None
    metric, unit = found
    role = "duration" if metric == STEP_TIME and not unit.invert else "rate"
    return Meaning(
        metric, f"{' '.join(words)}: {role}", role, "", unit, abs(len(words) - len(bare)) + len(bare) // 4
    )


def _loss_of_a_sort(split: str, words: tuple[str, ...]) -> Meaning | None:
    """Return the meaning of a loss that its name says how to compute: `ce_loss`, `val_nll`."""
    bare = frozenset(words) - ANY - {"total", "scaled", "normalized"}
    sort = bare - {"loss"}
    kinds = len(sort) < len(bare) and sort and sort <= SORTS | ERRORS
    measured = bool(split) and len(bare) == 1 and bare <= ERRORS
    of_epoch = words == ("epoch", "loss")  # `loss_epoch` is Lightning's, next to that of the steps
    if not (kinds or bare in map(word_set, BARE) or measured or of_epoch):
        return None
    target = VAL_LOSS if split in ("val", "test") else LOSS
    rule = MEASURE if measured else f"{' '.join(words)}: a loss of some kind"
    return Meaning("", rule, "loss", split, Unit(), WEAK, target)


def _role(name: str) -> str:
    raw = name.encode(errors="replace")
    if not STATISTICS.isdisjoint(tokens_of(name)[0]):
        return ""
    return "loss" if is_loss(raw) else "score" if is_quality(raw) else ""
