"""What printed names mean next to the other names of their record, and among those of a validation.

The loss of a certain kind is the loss if there is no other. Of two names of one metric the clearer has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from runwatch.core.metrics import DATA_TIME, LOSS, STEP_TIME, VAL_LOSS
from runwatch.parsers.lexicon.kinds import ANY, ERRORS, HELD_OUT, METRICS, SMOOTHED, STATISTICS
from runwatch.parsers.lexicon.names import MEASURE, OF_RUN, SUM, canonical, meaning, own, tokens_of
from runwatch.parsers.lexicon.words import is_quality, is_retrieval, of_episodes, without_split, words

_OF_TEST = re.compile(
    r"(?i)^(?:global[_ ])?(?:test|testing)(?:[_ ](?:set|data))?[_/ .:-]+(?=[a-z0-9])"
    r"|[_/ -](?:(?:on|of|for) )?(?:the )?test(?:[_ -](?:set|data|images|samples|examples))?$"
    r"|(?<=[a-z0-9])[_-]test(?=[./])|(?<!best)(?<=[a-z])[_ ]test(?:ing)?(?=[_ ][a-z])"
)
_LETTER = re.compile(r"^t(?=_)|(?<=_)t$")
"""Is in short for training, where a `v` is in the same place of another name."""
_OF_V = re.compile(r"(?i)v[_ -]")
"""Begins a name that may be of validation, or of values."""
_LONE = re.compile(r"(?i)v[_ -]?loss")
"""Is that of validation next to the loss of training."""
_AGENT = frozenset(
    b"p pi ploss pg q qf policy actor critic value entropy ent kl reward rewards return returns "
    b"episode ep clip clipfrac advantage".split()
)
"""Words of what an agent's training prints: next to them, a `v_loss` is of values."""
_LASTED = re.compile(r"(?i)(?:(?:avg|mean|ep|episode|total)[_ ])?dur(?:ation)?")
"""Says how long something took, and not what."""
_PHYSICS = frozenset(("pde", "ode", "bc", "ic", "physics", "phys", "residual", "res"))
"""Names next to which `data` is a loss."""
_VALUE = re.compile(r"(?<=[a-z])[_./]val$")
"""Ends the name of the newest value of a meter next to its mean, as PyTorch's ImageNet example has it."""
_QUARTILE = re.compile(r"_q\d(?=_|$)")
"""Ends the name of what is measured at a part of the noise, as diffusion models log it next to the whole."""
_SET = re.compile(r"(?:validation_\d-|val_\d_(?=[a-z]))")
"""Numbers a set of held-out data of XGBoost, or of TabNet."""
_WON, _DREW = (
    re.compile(r"(?i)(?:\w+ )?(?:wins?|won)"),
    re.compile(r"(?i)(?:\w+ )?(?:draws?|drawn|ties?|tied)"),
)
"""Names of games that were won, next to which losses are those that were not, and of the others."""
_MANY_PAIRS = 3
"""Names with and without a `v_` in one record that are enough for these to be of validation."""


def of_test(printed: str) -> str | None:
    """Return the name of a score of test data as one of validation: `test_acc` -> val/acc; else None."""
    rest = _OF_TEST.sub("", printed)
    return f"val/{rest}" if rest != printed and is_quality(rest.encode()) else None


def promoted(named: Mapping[str, str]) -> dict[str, str]:
    """Return what names of one record mean because no other of them does, by {printed: metric}.

    The loss of a certain kind, as `ce_loss`, is the loss if there is no other. Test data that is looked
    at again and again while the loss falls are those of the validation, if there are no others.
    """
    found = _by_letter(named) | measured(named) | _lasted(named) | _metered(named) | lost(named)
    found |= _waited(named) | _of_now(named)
    losses = {name: reported for name in named if (reported := meaning(name)).role == "loss"}
    for target in (LOSS, VAL_LOSS):
        if target in (*named.values(), *found.values()):
            continue
        splits = ("", "train", "both") if target == LOSS else ("val", "test")
        rivals = [name for name, reported in losses.items() if reported.split in splits]
        rivals = [name for name in rivals if losses[name].rule == SUM] or rivals
        rivals = [name for name in rivals if (whole := _QUARTILE.sub("", name)) == name or whole not in named]
        said = "train" if target == LOSS else "val"
        rivals = [name for name in rivals if losses[name].split == said] or rivals
        if len(rivals) != 1 or losses[rivals[0]].unless != target or named[rivals[0]] in METRICS:
            continue
        if target == VAL_LOSS and LOSS in named.values() and losses[rivals[0]].rule == MEASURE:
            continue  # `val_rmse` next to a loss of another kind
        if losses[rivals[0]].split != "test" or LOSS in {*named.values(), *found.values()}:
            found[rivals[0]] = target
    if LOSS in {*named.values(), *found.values()} or any(map(_is_trained, named)):
        found.update(_tested({name: found.get(name, metric) for name, metric in named.items()}))
    return found


def only_loss(named: Mapping[str, str]) -> dict[str, str]:
    """Return the only loss of a record of training next to that of validation, of whatever kind it is."""
    if LOSS in named.values() or VAL_LOSS not in named.values():
        return {}
    others = [name for name in named if named[name] != VAL_LOSS and meaning(name).role == "loss"]
    known = len(others) == 1 and meaning(others[0]).split in ("", "train") and not _OF_V.match(others[0])
    return {others[0]: LOSS} if known and STATISTICS.isdisjoint(tokens_of(others[0])[0]) else {}


def _metered(named: Mapping[str, str]) -> dict[str, str]:
    """Return what the newest values of meters are, next to their means: `loss_val` and `loss_avg`."""
    stems = {name: _VALUE.sub("", name) for name in named if _VALUE.search(name)}
    newest = {name: stem for name, stem in stems.items() if f"{stem}{name[len(stem)]}avg" in named}
    return {name: canonical(stem) for name, stem in newest.items()}


def _waited(named: Mapping[str, str]) -> dict[str, str]:
    """Return what `data` means next to the time of a step: how long it was waited for."""
    names = {name.lower() for name in named}
    timed = (STEP_TIME in named.values() or "time" in names) and names.isdisjoint(_PHYSICS)
    return {name: DATA_TIME for name in named if timed and name.lower() == "data"}


def _of_now(named: Mapping[str, str]) -> dict[str, str]:
    """Return the rates that are of now, as no run time is next to them: `train_samples_per_second`."""
    if any(name.endswith("runtime") for name in named):
        return {}
    rates = {name: meaning(name).unless for name in named if meaning(name).rule == OF_RUN}
    return {name: metric for name, metric in rates.items() if metric not in named.values()}


def _lasted(named: Mapping[str, str]) -> dict[str, str]:
    """Return the durations of episodes as they are printed: they are no time of a step."""
    lasted = [name for name in named if _LASTED.fullmatch(name)]
    names = (name.encode(errors="replace") for name in named)
    return {name: name for name in lasted} if lasted and of_episodes(names) else {}


def lost(printed: Iterable[str]) -> dict[str, str]:
    """Return the games that were lost as they are printed, next to those won: `Wins: 9 Losses: 3`."""
    names = {name: name.lower() for name in printed}
    if not any(map(_WON.fullmatch, names)):
        return {}
    one = "losses" if "losses" in names.values() or not any(map(_DREW.fullmatch, names)) else "loss"
    return {name: name for name, said in names.items() if said == one}


def _tested(named: Mapping[str, str]) -> dict[str, str]:
    """Return the scores of test data as those of a validation, if none of these names is of another.

    So are scores that say no part of the data next to one of retrieval.
    """
    if any(meaning(name).split == "val" for name in named):
        return {}
    ranked = any(is_retrieval(name.encode(errors="replace")) for name in named)
    scores = [name for name in named if ranked and meaning(name).split == "" and is_quality(name.encode())]
    held_out = {name: f"val/{name}" for name in scores if meaning(name).role != "loss"}
    held_out |= {name: found for name in named if (found := of_test(name))}
    return {name: metric for name, metric in held_out.items() if name == named[name]}


def _is_trained(name: str) -> bool:
    found = meaning(name)
    return found.split == "train" and found.role == "score"


def measured(printed: Iterable[str]) -> dict[str, str]:
    """Return the error of what is learned from next to the same of held-out data, `MSE` next to `Val MSE`.

    It is the loss if no name is one; of several errors, only a mean square is.
    """
    names = {name: meaning(name) for name in printed}
    losses = [found for found in names.values() if found.role == "loss" and found.rule != MEASURE]
    if any(found.split in ("", "train", "both") for found in losses):
        return {}
    plain = {core: name for name in names if (core := _error(name, ("", "train"))) is not None}
    held_out = {core: name for name in names if (core := _error(name, HELD_OUT | {"test"})) is not None}
    both = plain.keys() & held_out
    both = both if len(both) < 2 else both & {"mse"}
    return {
        name: target for core in both for name, target in ((plain[core], LOSS), (held_out[core], VAL_LOSS))
    }


def _error(name: str, splits: Collection[str]) -> str | None:
    """Return the function by which an error of these parts of the data is computed; None of other names."""
    split, words = without_split(tokens_of(name)[0])
    core = frozenset(words) - ANY
    return next(iter(core)) if split in splits and len(core) == 1 and core <= ERRORS else None


def _by_letter(named: Mapping[str, str]) -> dict[str, str]:
    """Return what names mean that a letter distinguishes: `t_loss` next to `v_loss`, `loss_t` to `loss_v`.

    So do many names that are there with a `v_` and without, and a `vloss` next to the loss of training where
    no other name is of an agent, whose `v_loss` is of values.
    """
    pairs = [(name, v) for name in named if (v := _LETTER.sub("v", name)) != name and v in named]
    bare = [(name, v) for name in named if (v := f"v_{name}") in named]
    lone = [v for v in named if _LONE.fullmatch(v)] if LOSS in named.values() else []
    held_out = len(lone) == 1 and all(
        _AGENT.isdisjoint(words(name.encode(errors="replace"))) for name in named
    )
    pairs += bare if held_out or len(bare) >= _MANY_PAIRS else []
    whole = {t: canonical(_LETTER.sub("train", t)) for t, _ in pairs if meaning(t).role == "loss"}
    of_both = {v: f"val/{_LETTER.sub('', t).strip('_')}" for t, v in pairs} if whole or held_out else {}
    losses = [v for t, v in pairs if whole.get(t) == LOSS] + (lone if held_out else [])
    return whole | of_both | dict.fromkeys(losses, VAL_LOSS)


def columns(printed: Iterable[str], aliases: Mapping[str, str] | None = None) -> list[str]:
    """Return the metric of each name of one record; of two names of one metric the other keeps its own.

    `aliases` says what some names mean in the format; they go before the lexicon.
    """
    aliases = aliases or {}
    names = _by_set(list(printed))
    aliases = {name: metric for name in names if (metric := own(name) or aliases.get(name))}
    named = {name: aliases.get(name) or canonical(name) for name in names}
    named.update({name: metric for name, metric in promoted(named).items() if name not in aliases})
    best: dict[str, str] = {}
    loose = {n: (named[n] != LOSS, 0, False) if n in aliases else looseness(n) for n in named}
    for name in sorted(named, key=loose.__getitem__):
        best.setdefault(named[name], name)
    return [named[name] if best[named[name]] == name else name for name in names]


def _by_set(names: list[str]) -> list[str]:
    """Return names without the number of the last set of held-out data, which is of validation.

    The first of two may be what is learned from: `validation_0-rmse` next to `validation_1-rmse`.
    """
    sets = {found[0] for name in names if (found := _SET.match(name))}
    return (
        [name if own(name) else name.replace(max(sets), "validation-") for name in names] if sets else names
    )


def looseness(name: str) -> tuple[bool, int, bool]:
    """Return how far a name is from that of its metric.

    One of the training is nearest: a bare `loss` next to `train_loss` may be another. A mean is further
    than a total of as many words.
    """
    found, smoothed = meaning(name), not SMOOTHED.isdisjoint(tokens_of(name)[0])
    return smoothed or found.split != "train", found.loose, smoothed


def objective(printed: Iterable[str]) -> str | None:
    """Return the first of some names of functions, `RMSE`, `Quantile:alpha=0.9`, that is a loss."""
    functions = {name: meaning(f"train {name.partition(':')[0]}") for name in printed}
    return next(
        (name for name, reported in functions.items() if LOSS in (reported.metric, reported.unless)), None
    )


_OF_WORK = frozenset(("counter", "duration", "rate", "share", "amount", "learning rate", "gradient norm"))
"""Roles of what describes the work, or the training that continues."""
_WORK = frozenset(b"time times eta seconds mem memory ram fps throughput speed ips lr".split())
"""Words of the names of such numbers that the lexicon leaves as they are printed."""


def is_score(printed: str) -> bool:
    """Return whether a number that a validation prints is what it measured: no time, memory or rate."""
    said = words(printed.encode(errors="replace"))
    return meaning(printed).role not in _OF_WORK and _WORK.isdisjoint(said) and [*said] != [b"data"]


class HeldOut(Mapping[str, str]):
    """`val/` and the printed name for scores; for what describes the work, the printed name.

    As the aliases of a matcher it says what the numbers are called that training prints too.
    """

    def __getitem__(self, printed: str) -> str:
        return f"val/{canonical(printed).rpartition('train/')[2]}" if is_score(printed) else printed

    def __iter__(self) -> Iterator[str]:
        """Return nothing: the names are not known before they are printed."""
        return iter(())

    def __len__(self) -> int:
        return 0
