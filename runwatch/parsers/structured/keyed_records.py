"""Keyed records: what the keys of a JSON object, a CSV row or a document's entry mean.

A schema is declarative: which key places the record, which keys show training from evaluation, what they are
called here. Its reader turns {key: number} into a layout and values. A value that is not there is no column:
rows that hold other keys have another layout, and evaluations never reach a training series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from runwatch.core.batch import BY_EPOCH, EVAL, META_COLUMNS, TRAIN
from runwatch.core.fold import planned
from runwatch.core.metrics import CLOCK, EPOCH, LEARNING_RATE, LOSS, VAL_LOSS, Unit
from runwatch.core.text import shown
from runwatch.parsers.api import Known, Layout, Match, Shared
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.counters.nesting import PER, PLANNED, WITHIN
from runwatch.parsers.lexicon.counters import (
    EPISODE,
    EPOCHS,
    STEPS,
    TIMES,
    TOTALS,
    counter_of,
    kind_of,
    place_of,
    planned_of,
)
from runwatch.parsers.lexicon.kinds import STATISTICS
from runwatch.parsers.lexicon.names import canonical, meaning, of_validation, own, tokens_of, unit_of, united
from runwatch.parsers.lexicon.records import is_score, looseness, measured, only_loss, promoted
from runwatch.parsers.lexicon.words import SPLIT_KEYS, is_setting, is_val

NEARBY = "nearby"
"""The mode of rows that are between those of training, with values of the same names."""

ANYTHING = re.compile("")
NOTHING = re.compile(r"(?!)")
LOSSES = re.compile(r"loss|perplexity|^ppl$|bpb|^(?:train[_/])?(?:nll|xent|cross_entropy)$", re.IGNORECASE)
TRAINED = re.compile(
    LOSSES.pattern + r"|^lr$|learning_rate|grad(?:ient)?_?norm|tokens_per_sec|(?:ep|episode)_(?:rew|return)"
    r"|^train[_/]\w*acc",
    re.IGNORECASE,
)
"""Keys that only a record of training has (once keys of evaluations are left out)."""
_PLANNED = frozenset(("epochs", "iterations", "iters", "steps"))
"""Next to a learning rate alone, they are settings: how many are planned."""
_NUMERIC = re.compile(VALUE.decode(), re.ASCII)
_OF = re.compile(r"(\d{1,15})/(\d{1,15})", re.ASCII)
MAX_DEPTH = 4
"""Objects nested deeper are not looked into."""
_MAX_LAYOUTS = 512
_MAX_COLUMNS = 1024
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Schema(Shared):
    """What the keys of one format's records mean."""

    name: str
    steps: tuple[str, ...] = STEPS
    """Keys that place a record; empty for records that show no place."""
    needs: frozenset[str] = frozenset()
    """Keys without which an object is no record of this format."""
    lacks: frozenset[str] = frozenset()
    """Keys with which an object is none."""
    train: re.Pattern[str] = TRAINED
    """A record that has such a key (not of an evaluation) is one of training."""
    held_out: bool = True
    """Whether keys that speak of held-out data are those of an evaluation; else they are a record's own."""
    evals: re.Pattern[str] = NOTHING
    """Further keys of an evaluation. A record that has only such keys is one."""
    otherwise: str | None = None
    """Kind of a record that holds neither, nor anything that speaks of training in other formats."""
    totals: tuple[str, ...] = TOTALS
    modes: tuple[str, ...] = SPLIT_KEYS
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    eval_aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Names for keys that only records next to the training ones have."""
    keep: re.Pattern[str] = ANYTHING
    """Keys that may be metrics; others are constants of the configuration."""
    skip: re.Pattern[str] = NOTHING
    """Keys that are neither metrics nor worth looking into."""
    eval_step: bool = True
    """Whether the step an evaluation prints counts the same thing as that of training."""
    counts: bool = False
    """Records carry no step: the n-th record is step n."""
    guesses: bool = False
    """Whether a loss may be called in any way: then what the keys mean is decided from all of them."""
    functions: bool = False
    """Whether columns are named by functions that were measured, of which the first loss is minimized."""
    nested: bool = False
    """Whether a step next to an epoch may start again with each (see counters)."""
    mixed: bool = False
    """Whether the empty cells of a table say which of its rows are of training."""
    ends: frozenset[str] = frozenset()
    """Keys of the record that is written when the run has finished."""

    def step_key(self, keys: Mapping[str, object] | frozenset[str]) -> str | None:
        """Return the key that places a record with these keys."""
        found = {key.lower().replace(" ", "_"): key for key in keys}
        if "steps" in found and EPISODE in found and EPISODE in self.steps:
            return found[EPISODE]
        return place_of((key for name, key in found.items() if not _is_planned(name, found)), self.steps)

    def is_training(self, key: str) -> bool:
        """Return whether only a record of training has this key."""
        return bool(self.train.search(key) or own(key) == LOSS) and not self.is_held_out(key)

    def is_held_out(self, key: str) -> bool:
        """Return whether a key is of an evaluation."""
        return bool(self.evals.search(key)) or (self.held_out and is_val(key.encode(errors="replace")))

    def _is_loss(self, key: str) -> bool:
        """Return whether a key is of a loss of some kind, which nothing says to be of an evaluation."""
        words = tokens_of(key)[0]
        return meaning(key).role == "loss" and STATISTICS.isdisjoint(words) and not self.is_held_out(key)

    def kind(self, keys: frozenset[str], mode: str | None) -> str | None:
        """Return the kind of table a record with these keys belongs to, or None."""
        if not self.needs <= keys or keys & self.lacks or (self.steps and not self.step_key(keys)):
            return None
        if mode in ("val", "test"):
            return EVAL
        if keys & self.ends:
            return EVAL
        of_training = {key for key in keys if self.is_training(key)}
        if self.held_out and not of_training:
            of_training = {*measured(keys)}
        if of_training:
            settings = self.train is TRAINED and bool(keys & _PLANNED)
            return None if settings and all(canonical(k) == LEARNING_RATE for k in of_training) else TRAIN
        if any(self.is_held_out(key) and not is_setting(key.encode(errors="replace")) for key in keys):
            return TRAIN if self.held_out and any(map(self._is_loss, keys)) else EVAL
        trains = any(TRAINED.search(key) or key.startswith("train/") for key in keys)
        return None if trains else self.otherwise

    def metric(self, key: str, kind: str) -> str | None:
        """Return the name of the metric that `key` holds in a record of `kind`, or None."""
        if kind == EVAL and key in self.eval_aliases:
            return self.eval_aliases[key]
        alias = own(key) or self.aliases.get(key)
        if key in META_COLUMNS and alias is None:
            return None
        name = alias or canonical(key)
        if of_validation(key) is not None:
            return name
        if self.evals.search(key):  # what this format evaluates, on any line
            return f"val/{key}"
        return name if kind == TRAIN else _nearby(key, name, alias)


def _is_planned(name: str, keys: Mapping[str, str]) -> bool:
    """Return whether it is the total of another counter: `total_timesteps` next to `timestep`."""
    of = name.removeprefix("total_")
    return of != name and (of in keys or of.removesuffix("s") in keys)


def _planned(counter: str | None, keys: Iterable[str]) -> str | None:
    """Return the key that says how many of a counter are planned."""
    kind = kind_of(counter or "")
    return next((key for key in keys if key != counter and kind and planned_of(key) == kind), None)


def _nearby(key: str, name: str, alias: str | None) -> str | None:
    """Return the name of a metric in an evaluation's record, where its key does not say what it is of."""
    if alias is not None and not alias.startswith(("train/", "perf/")):
        return alias
    if key.lower().startswith("train"):  # a mean over the whole run, most often
        return key
    if name in (EPOCH, LEARNING_RATE, "eta_seconds"):  # they describe the training that continues
        return None
    if name.startswith("val/"):
        return name
    if name == LOSS:
        return VAL_LOSS
    return f"val/{key}" if is_score(key) else None


class RecordShape(NamedTuple):
    """What records that hold the same keys become."""

    layout: Layout
    keys: tuple[str, ...]
    """The key of each of its columns."""
    units: tuple[tuple[int, Unit], ...]
    """The columns that are not stored as they are printed, and how."""


class RecordReader:
    """Applies a schema. Its only state is the layouts it has seen, a bounded number."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._known = Known(self._build, _MAX_LAYOUTS)
        self._layouts: Known[tuple[Layout, tuple[tuple[str, str], ...]], Layout] = Known(itemgetter(0))
        """The same layout for those that are the same, printed names too."""

    def read(self, numbers: Mapping[str, float], mode: str | None = None) -> Match | None:
        """Return the layout and stored values of a record, or None if it is not one."""
        shape = self.shape(tuple(numbers), mode)
        if shape is None:
            return None
        stored = [numbers[key] for key in shape.keys]
        for column, unit in shape.units:
            stored[column] = unit.apply(stored[column])
        return Match(shape.layout, (), tuple(stored))

    def shape(self, keys: tuple[str, ...], mode: str | None) -> RecordShape | None:
        """Return what records with these keys become, or None if they are none."""
        return self._known[mode, keys]

    def _build(self, of: tuple[str | None, tuple[str, ...]]) -> RecordShape | None:
        mode, keys, schema = of[0], frozenset(of[1]), self.schema
        kind = schema.kind(keys, mode)
        if kind is None:
            return None
        columns: dict[str, str] = {}
        step = schema.step_key(keys)
        of_epochs = step is not None and counter_of(step) in EPOCHS
        epoch = place_of(of[1], EPOCHS) if schema.nested else None
        place = WITHIN if epoch and step and not of_epochs else "step"
        if step and (kind == TRAIN or schema.eval_step):
            columns[place] = step
        totals = (*schema.totals, *(sorted(planned.EPOCHS - {step}) if of_epochs else ()))
        total = next((key for key in totals if key in keys), None) or _planned(step, of[1])
        if total and kind == TRAIN:
            columns[PER if place == WITHIN and "batch" in total.lower() else "total"] = total
        planned_epochs = None if place == "step" or kind != TRAIN else _planned(epoch, of[1])
        if planned_epochs:
            columns[PLANNED] = planned_epochs
        written = next((key for key in TIMES if key in keys and not schema.skip.search(key)), None)
        units: list[Unit] = [Unit()] * len(columns)
        if written:
            columns["time"] = written
            units.append(CLOCK)
        printed = {"step": step} if step and step != "step" and place in columns else {}
        rest = sorted(keys - {step, total, planned_epochs, written, "_step"}, key=self._order)
        named = {
            key: name
            for key in rest
            if not schema.skip.search(key)
            and schema.keep.search(key)
            and (name := EPOCH if key == epoch and kind == TRAIN else schema.metric(key, kind))
        }
        named.update({key: name for key, name in promoted(named).items() if kind == TRAIN or name != LOSS})
        named.update(only_loss(named) if kind == TRAIN and schema.held_out else {})
        for key, metric in named.items():
            name, text = (
                shown(key if metric in columns else metric),
                shown(key),
            )  # of two the second keeps its own
            if name in columns or name in META_COLUMNS or len(name) > _MAX_NAME:
                continue
            if len(columns) >= _MAX_COLUMNS:
                break
            columns[name] = key
            units.append(unit_of(name, "", key))
            if name != text:
                printed[name] = text
        if not schema.ends & keys and not columns.keys() - META_COLUMNS - {WITHIN, PER, PLANNED}:
            return None
        ended = "finished" if schema.ends & keys else None
        pattern = schema.name + BY_EPOCH * of_epochs  # one process writes those
        layout = Layout(
            EVAL if mode == NEARBY else kind, pattern, tuple(columns), tuple(units), printed, ended
        )
        layout = self._layouts[layout, tuple(printed.items())]
        scaled = tuple((at, unit) for at, unit in enumerate(units) if unit != Unit())
        return RecordShape(layout, tuple(columns.values()), scaled)

    def _order(self, key: str) -> tuple[bool, bool, tuple[bool, int, bool], bool, str]:
        """Sort the clear keys first, `loss` before the `lm loss` it sums up: they get the canonical names."""
        plain = key.lower() == "loss"
        return key not in self.schema.aliases, not TRAINED.search(key), looseness(key), not plain, key


def numeric(text: str) -> float | None:
    """Return the number that a text holds, or None."""
    return number(text.encode()) if len(text) < 40 and _NUMERIC.fullmatch(text) else None


def flatten(record: Mapping[str, object], skip: re.Pattern[str]) -> dict[str, float]:
    """Return the numbers of a nested object, keys joined with "/"; texts that hold numbers count."""
    found: dict[str, float] = {}
    todo: list[tuple[str, Mapping[str, object], int]] = [("", record, 0)]
    while todo:
        head, values, depth = todo.pop()
        for key, value in values.items():
            if isinstance(value, (float, int)):
                if not isinstance(value, bool):
                    found.setdefault(head + key, _as_float(value))
            elif isinstance(value, str):
                if (held := numeric(value)) is not None:
                    found.setdefault(head + key, held)
                elif (held_as := united(key, value)) is not None:
                    found.setdefault(head + held_as[0], held_as[1])
                elif "/" in key:
                    _add_both(found, key, value)
            elif isinstance(value, dict) and depth < MAX_DEPTH and not skip.search(head + key):
                todo.append((f"{head}{key}/", value, depth + 1))
    return found


def _add_both(found: dict[str, float], key: str, value: str) -> None:
    """Add the numbers of `"global_step/max_steps": "12/500"`, each under its own name."""
    names, numbers = key.split("/"), _OF.fullmatch(value)
    if numbers is not None and len(names) == 2 and names[0] in STEPS:
        for name, text in zip(names, numbers.groups(), strict=True):
            found.setdefault(name, float(text))


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond the range of doubles
        return float("inf") if value > 0 else float("-inf")
