"""What differs between two runs besides their numbers: settings, code and data, and which of it may matter.

Names are compared as their sources print them, then by their last part: `config.lr` of a tracker is `lr` of
`hparams.yaml`. Settings on the command line count as settings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from runwatch.reports.facts import Facts

MAJOR, SEED, MINOR = WEIGHTS = ("major", "seed", "minor")
RATE, BATCH, LENGTH = "learning rate", "batch", "length"

_GROUPS = {
    RATE: r"(?:\w+_)?(?:lr|learning_?rate)(?:_\w+)?|warm_?up\w*|num_warmup\w*|warmdown\w*|cooldown\w*"
    r"|(?:\w+_)?sched(?:uler?)?(?:_\w+)?|decay_(?:steps|iters|ratio)|cycle\w*",
    BATCH: r"(?:\w+_)?(?:batch(?:_?size)?|bsz|bs)(?:_\w+)?|(?:gradient_|grad_)?accum\w*"
    r"|tokens_per_(?:step|iter\w*)",
    LENGTH: r"(?:max_|num_|total_|n_?)?(?:train(?:ing)?_)?(?:steps|iters|iterations|epochs?|updates|tokens)"
    r"|max_(?:iter|epoch|update)|niter|target_\w+",
    "model": r"(?:n|num|d)_(?:layers?|heads?|embd|embed|hidden\w*|kv_heads?|model|blocks?|experts?\w*|ff\w*)"
    r"|depth|width|hidden(?:_\w+)?|embed(?:ding)?_?(?:dim|size)|dim|heads|layers|\w*dropout\w*|activation\w*"
    r"|\w*intermediate_size|num_hidden_layers|num_attention_heads|arch\w*|model(?:_\w+)?|norm(?:_\w+)?|\w*bias",
    "optimizer": r"optim(?:izer)?(?:_\w+)?|(?:adam_?)?betas?_?\d?|(?:adam_)?eps(?:ilon)?|momentum|nesterov"
    r"|weight_decay|wd|(?:grad(?:ient)?_|max_grad_)?(?:clip|norm)(?:_\w+)?|ema\w*",
    "precision": r"d?_?type|precision|mixed_precision|amp\w*|fp8\w*|(?:b?fp?)16\w*|tf32|quant\w*"
    r"|loss_scal\w*",
    "data": r"data\w*|train_?(?:data|files?|path|set)|corpus|shards?|mix\w*|augment\w*|shuffle\w*",
    "objective": r"tokenizer\w*|vocab\w*|(?:max_)?seq(?:uence)?_?len(?:gth)?|block_size|context\w*|max_length"
    r"|label_smoothing|loss(?:_\w+)?|criterion|objective|reduction|ignore_index|z_loss\w*|num_classes",
}  # fmt: skip
"""What a setting is about, by its last part; the first that matches."""
_GROUP = {group: re.compile(rf"(?i)(?:{names})") for group, names in _GROUPS.items()}
_SEED = re.compile(r"(?i)(?:\w+_)?seed(?:_\w+)?")
_MINOR = re.compile(
    r"(?i)(?:\w+_)?(?:name|names|id|dir|directory|path|paths|folder|file|output|out|notes|tags|group|entity|project"
    r"|user|host|hostname|port|device|devices|rank|time|timestamp|date|version|comment|desc|description)"
    r"|(?:log(?:ging)?|eval(?:uat\w+)?|val(?:idation)?|save|sav\w+|checkpoint\w*|ckpt|print|report|sample|test)"
    r"(?:_\w+)?|\w+_(?:interval|every|freq|frequency|logs?|logging)|(?:num_|dataloader_num_)?workers|resume\w*"
    r"|(?:use_)?wandb\w*|tensorboard\w*|hub_\w+|push_\w+|report_to|verbose|quiet|silent|debug|profile\w*|compile\w*|pin_memory"
    r"|prefetch\w*|local_rank|disable_tqdm|(?:gpu|cpu)\w*|step|iter|iteration|args|command|cmd|argv"
    r"|(?:num_|n_|total_|trainable_)?param(?:eter)?s?(?:_\w+)?|\w*flops\w*|\w*per_second"
)
"""What is about the outside of training, or follows from other settings."""
_NAMES_IT = re.compile(
    r"(?i)(?:base_)?(?:model|data\w*|dataset\w*|optim\w*|\w*sched\w*|tokenizer|corpus|arch\w*|loss|train)"
    r"_(?:name|path|dir|file|files|version|id|type)"
)
"""What decides what is trained, though its name ends as that of a place or a label does."""
_GPUS = re.compile(
    r"(?:num_?|n_?)?gpus?(?:_?count)?|world_size|num_(?:devices|nodes|processes)|nnodes|nproc_per_node", re.I
)
_ARGUMENT = re.compile(
    r"(?:^|\s)(?:--?([A-Za-z][\w.-]*)(?:=|\s+(?!-[A-Za-z-]))|\+?([A-Za-z][\w./]*)=)(\"[^\"]*\"|'[^']*'|\S+)"
)
_COMMANDS = re.compile(r"(?i)args|argv|command|cmd(?:_?line)?")
_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_NOTHING = frozenset({"", "none", "null", "nan"})
_MOSTLY = 0.5
"""If runs share that part of the settings of the one that knows more, a setting that one lacks differs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that differs between two runs; "" is not known there."""

    name: str
    reference: str
    other: str
    weight: str
    """major: it may change the loss; minor: it should not; seed."""
    group: str
    """What it is about: `learning rate`, `code` ...; its own name if that is not known."""


@dataclass(frozen=True, slots=True)
class Differences:
    """All that is known to differ between two runs."""

    rows: tuple[Difference, ...] = ()
    """Those that may matter first."""
    shared: int = 0
    """Facts that both report."""
    unknown: tuple[tuple[str, str], ...] = ()
    """What is not known, and of which run: ("code", "A")."""

    @property
    def variables(self) -> tuple[str, ...]:
        """What may have changed the loss, each change once: settings that change together are one."""
        return tuple(_variables([row for row in self.rows if row.weight == MAJOR]))

    @property
    def groups(self) -> frozenset[str]:
        """What the differences that may matter are about."""
        return frozenset(row.group for row in self.rows if row.weight == MAJOR)

    @property
    def comparable(self) -> bool:
        """Whether enough is known of both to say that only the listed facts differ."""
        return self.shared > 0

    @property
    def is_repeat(self) -> bool:
        """Whether only the seed differs, of all that may matter: the runs show what another seed changes."""
        return self.comparable and not self.variables and any(row.weight == SEED for row in self.rows)


def differences(reference: Facts, other: Facts, names: tuple[str, str]) -> Differences:
    """Return what differs between the facts of two runs; `names` are those of the runs."""
    rows: list[Difference] = []
    ours, theirs = _settings(reference), _settings(other)
    shared, lacking = 0, _related(ours, theirs)
    for name, left, right in _paired(ours, theirs):
        shared += left is not None and right is not None
        if (left is None or right is None) and not lacking:
            continue
        if not _equal(left or "", right or ""):
            group = group_of(name)
            rows.append(Difference(name, left or "", right or "", _weight(name, group), group or name))
    rows += _about(
        "code", reference.code, other.code, r"commit|sha|revision|code_?version|dirty|git_?hash", MAJOR
    )
    rows += _about("software", reference.software, other.software, r".*", MINOR)
    rows += _about("number of GPUs", reference.hardware, other.hardware, _GPUS.pattern, MAJOR)
    rows += _about("hardware", reference.hardware, other.hardware, rf"(?!(?:{_GPUS.pattern})$).*", MINOR)
    known = {"configuration": (ours, theirs), "code": (reference.code, other.code)}
    unknown = tuple(
        (kind, name)
        for kind, held in known.items()
        for name, facts in zip(names, held, strict=True)
        if not facts
    )
    if shared and not lacking and len(ours) != len(theirs):
        unknown += (("most settings", names[len(ours) > len(theirs)]),)
    rows.sort(key=lambda row: WEIGHTS.index(row.weight))
    return Differences(tuple(rows), shared, unknown)


def _settings(facts: Facts) -> dict[str, str]:
    """Return settings by short names, those of the command line too."""
    found: dict[str, str] = {}
    for path, value in (*facts.settings.items(), *facts.data.items()):
        if not _COMMANDS.fullmatch(_last(path)):
            found.setdefault(_short(path), value)
    commands = [
        v for held in (facts.settings, facts.code) for k, v in held.items() if _COMMANDS.fullmatch(_last(k))
    ]
    for command in commands:
        for dashed, plain, value in _ARGUMENT.findall(command):
            found.setdefault(_short(dashed or plain), value.strip("\"'"))
    return found


def _short(path: str) -> str:
    """Return a name without what says only where it is written."""
    parts = [part for part in re.split(r"[/.]", path.replace("-", "_").lower()) if part]
    while len(parts) > 1 and parts[0] in (
        "config",
        "checkpoint",
        "args",
        "hparams",
        "params",
        "configuration",
    ):
        parts = parts[1:]
    return "/".join(parts)


def _last(path: str) -> str:
    return re.split(r"[/.]", path)[-1].replace("-", "_").lower()


def _paired(
    ours: Mapping[str, str], theirs: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield name and both values; names that only one has are paired by their last part if that is unique."""
    left = {name: value for name, value in ours.items() if name not in theirs}
    right = {name: value for name, value in theirs.items() if name not in ours}
    by_last = _unique(right)
    for name, value in ours.items():
        if name in theirs:
            yield name, value, theirs[name]
        elif (twin := by_last.get(_last(name))) is not None and _last(name) in _unique(left):
            yield min(name, twin, key=len), value, right.pop(twin)
            by_last = _unique(right)
        else:
            yield name, value, None
    for name, value in right.items():
        yield name, None, value


def _unique(names: Iterable[str]) -> dict[str, str]:
    """Return the names by their last parts, those whose last part no other one has."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_last(name), []).append(name)
    return {last: held[0] for last, held in found.items() if len(held) == 1}


def _related(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Return whether both report mostly the same settings, so that one that is missing says something."""
    most = max(len(ours), len(theirs))
    common = sum(left is not None and right is not None for _, left, right in _paired(ours, theirs))
    return common > 0 and common >= _MOSTLY * most


def _about(
    kind: str, ours: Mapping[str, str], theirs: Mapping[str, str], names: str, weight: str
) -> Iterator[Difference]:
    """Yield what differs in code, data, software or hardware, of facts that both report."""
    wanted = re.compile(rf"{names}", re.I)
    for name in ours:
        last = _last(name)
        if name not in theirs or not wanted.fullmatch(last) or _COMMANDS.fullmatch(last):
            continue
        if not _equal(ours[name], theirs[name]):
            yield Difference(_short(name), ours[name], theirs[name], weight, kind)


def _weight(name: str, group: str) -> str:
    last = _last(name)
    if _SEED.fullmatch(last):
        return SEED
    return MAJOR if group or not _MINOR.fullmatch(last) else MINOR


def group_of(name: str) -> str:
    """Return what a setting is about: `learning rate`, `batch` ...; "" if that is not known."""
    last = _last(name)
    if _GPUS.fullmatch(last):
        return "number of GPUs"
    if _SEED.fullmatch(last):
        return ""
    both = "_".join(name.split("/")[-2:])  # `data/path` is one word elsewhere
    if _NAMES_IT.fullmatch(both):
        last = both
    elif _MINOR.fullmatch(last) and not _NAMES_IT.fullmatch(last):
        return ""
    return next((group for group, names in _GROUP.items() if names.fullmatch(last)), "")


def _variables(rows: list[Difference]) -> Iterator[str]:
    """Yield the changes. A group is one if its numbers change by one factor, or it is code or data."""
    done: set[str] = set()
    for row in rows:
        if row.group in done:
            continue
        done.add(row.group)
        held = [each for each in rows if each.group == row.group]
        factors = {_factor(each) for each in held}
        if len(held) == 1 and row.group != row.name and row.group not in ("code", "data"):
            yield f"{row.group} ({row.name})" if row.group != row.name.replace("_", " ") else row.group
        elif len(held) == 1 or row.group in ("code", "data") or (len(factors) == 1 and None not in factors):
            yield row.group
        else:
            yield from (each.name for each in held)


def _factor(row: Difference) -> float | None:
    """Return by what factor a number changes, the same for its inverse; None without two numbers."""
    left, right = _number(row.reference), _number(row.other)
    if left is None or right is None or not left or not right:
        return None
    return round(abs(math.log(abs(right / left))), 3)


def _equal(left: str, right: str) -> bool:
    if left == right:
        return True
    numbers = _number(left), _number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return math.isclose(numbers[0], numbers[1], rel_tol=1e-6)
    return _word(left) == _word(right)


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _word(text: str) -> str:
    word = text.strip().strip("\"'").lower()
    if word in _NOTHING:
        return ""
    return "true" if word in _TRUE else "false" if word in _FALSE else word
