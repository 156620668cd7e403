"""JSON documents that are written whole: a Trainer's state, arrays of metrics side by side.

A document is no stream: it is read when it is complete, and becomes entries in
order. A configuration, a package manifest or a notebook has none and is declined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from runwatch.core.fold.planned import NAMES
from runwatch.core.metrics import LOSS, VAL_LOSS
from runwatch.parsers.formats.generic.documents import (
    ARRAYS,
    CATBOOST,
    ENTRIES,
    TRAINER_STATE,
    DocumentFormat,
)
from runwatch.parsers.lexicon.records import objective
from runwatch.parsers.structured.arrays import side_by_side
from runwatch.parsers.structured.keyed_records import MAX_DEPTH, NOTHING, flatten, numeric

_MAX_ENTRIES = 2_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a document."""

    at: int
    """Character at which it begins; only ordered, where it is spread over arrays."""
    line: int
    """Line on which it begins, counted from 0."""
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Document:
    """The records of a document, oldest first."""

    format: DocumentFormat
    entries: list[Entry]
    finished: bool = False
    """Whether it says that no step follows."""
    settings: dict[str, str] = field(default_factory=dict)
    """What it says next to its records of how many steps or epochs are planned."""


def parse(data: bytes) -> Document | str:
    """Return the records of a document, or why there are none: "broken" or "other"."""
    text = data.decode("utf-8-sig", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "broken"
    entries: list[Entry] = []
    fmt = ENTRIES
    if isinstance(value, dict) and isinstance(value.get("log_history"), list):
        fmt = TRAINER_STATE
        total = flatten({"max_steps": value.get("max_steps")}, fmt.schema.skip)
        at = max(0, text.find('"log_history"'))
        entries = list(_listed(text, at, value["log_history"], total))
    elif isinstance(value, dict) and isinstance(value.get("iterations"), list):
        sets, total = _measured(value.get("meta"))
        fmt = replace(CATBOOST, schema=replace(CATBOOST.schema, aliases=_losses(sets)))
        named = (
            [_by_name(item, sets) if isinstance(item, dict) else item for item in value["iterations"]],
            total,
        )
        entries = list(_listed(text, max(0, text.find('"iterations"')), *named))
    elif isinstance(value, dict):
        fmt, entries = _within(text, value)
    elif isinstance(value, list):
        entries = list(_listed(text, 0, value, {}))
    if not _trains(fmt, entries):
        return "other"
    state = value if isinstance(value, dict) else {}
    reached = flatten({name: state.get(name) for name in ("global_step", "max_steps")}, NOTHING)
    # that of the last step: behind it no record was logged yet
    finished = len(reached) == 2 and reached["global_step"] >= reached["max_steps"] > 0
    settings = flatten(state, NOTHING)
    planned = {
        path: f"{number:.15g}" for path, number in settings.items() if path.rpartition("/")[2] in NAMES
    }
    return Document(fmt, entries, fmt is TRAINER_STATE and finished, planned)


def _trains(fmt: DocumentFormat, entries: list[Entry]) -> bool:
    return any(fmt.schema.is_training(key) for entry in entries for key in entry.numbers)


def _within(text: str, value: dict[str, Any]) -> tuple[DocumentFormat, list[Entry]]:
    """Return the records in an object: arrays side by side, or a list of objects under one of its keys."""
    nested = next((v for k in ("history", "metrics") if isinstance(v := value.get(k), dict)), None)
    records = side_by_side(_spread(nested or value), ARRAYS.schema)
    entries = [Entry(index, 0, numbers) for index, numbers in enumerate(records)]
    if _trains(ARRAYS, entries):
        return ARRAYS, entries
    for key, items in _lists(value, MAX_DEPTH):
        entries = list(_listed(text, max(0, text.find(f'"{key}"')), items, {})) if key else _numbered(items)
        if _grow(entries) and _trains(ENTRIES, entries):
            return ENTRIES, entries
    return ENTRIES, []


def _grow(entries: list[Entry]) -> bool:
    """Whether most entries are further than the one before: results of trials may all say `epochs`."""
    keys = (ENTRIES.schema.step_key(entry.numbers) for entry in entries)
    steps = [entry.numbers[key] for entry, key in zip(entries, keys, strict=True) if key is not None]
    return len(steps) > 1 and 2 * sum(b > a for a, b in pairwise(steps)) >= len(entries) - 1


def _spread(value: dict[str, Any], depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the arrays in an object, keys joined with "/"; an object whose keys count is one."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(item, dict):
            found[key] = item
        elif _counts(item):
            found[key] = [*item.values()]
        elif depth:
            inner = _spread(item, depth - 1).items()
            found |= {f"{key}/{name}": array for name, array in inner if isinstance(array, list)}
    return found


def _lists(value: dict[str, Any], depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield the lists in an object with their keys, outermost first; objects whose keys count have none."""
    if _counts(value) and not any(map(_is_text, value.values())):
        yield "", [{"epoch": at, **item} for at, item in value.items() if isinstance(item, dict)]
    for key, item in value.items():
        if isinstance(item, list):
            yield key, item
    for item in value.values() if depth else ():
        if isinstance(item, dict):
            yield from _lists(item, depth - 1)


def _counts(value: dict[str, Any]) -> bool:
    """Whether the keys of an object count: `{"0": ..., "1": ...}`."""
    return len(value) > 1 and all(key.isdecimal() for key in value)


def _is_text(item: object) -> bool:
    """Whether an item holds words, as results of single questions do."""
    return isinstance(item, dict) and any(isinstance(v, str) and numeric(v) is None for v in item.values())


def _numbered(items: list[Any]) -> list[Entry]:
    numbers = (flatten(item, ENTRIES.schema.skip) for item in items[:_MAX_ENTRIES])
    return [Entry(index, 0, found) for index, found in enumerate(numbers)]


def _listed(text: str, at: int, items: list[Any], more: dict[str, float]) -> Iterator[Entry]:
    """Yield the entries of a list of objects, and where in the text each is."""
    scan = json.JSONDecoder().raw_decode
    line = text.count("\n", 0, at)
    here = True
    for item in items[:_MAX_ENTRIES]:
        if not isinstance(item, dict):
            return
        begin = end = at
        try:
            if here:
                begin = text.index("{", at)
                _, end = scan(text, begin)
        except ValueError:  # the list is elsewhere: its key is written twice, or with escapes
            begin, here = at, False
        line += text.count("\n", at, begin)
        yield Entry(begin, line, {**flatten(item, ENTRIES.schema.skip), **more})
        line += text.count("\n", begin, end)
        at = end


def _measured(meta: object) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return the names of what CatBoost's iterations list by place, by set of data, and their number."""
    about = meta if isinstance(meta, dict) else {}
    names = {
        part: [f"{part}/{_metric(metric)}" for metric in _items(about.get(f"{kind}_metrics"))]
        for kind in ("learn", "test")
        for part in _items(about.get(f"{kind}_sets"))
        if isinstance(part, str)
    }
    return names, flatten({"iteration_count": about.get("iteration_count")}, CATBOOST.schema.skip)


def _losses(sets: dict[str, list[str]]) -> dict[str, str]:
    """Return which of the functions measured is the loss, of the learning set and of the first other."""
    found: dict[str, str] = {}
    for part, names in sets.items():
        loss = objective(name.removeprefix(f"{part}/") for name in names)
        metric = LOSS if part == "learn" else VAL_LOSS
        if loss is not None and metric not in found.values():
            found[f"{part}/{loss}"] = metric
    return found


def _metric(given: object) -> str:
    """Return a metric's name; older versions wrote its direction behind a tab."""
    name = given.get("name") if isinstance(given, dict) else given
    return str(name).split("\t")[0]


def _by_name(item: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    values = {name: v for part in names for name, v in zip(names[part], _items(item.get(part)), strict=False)}
    return {"iteration": item.get("iteration"), **values}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
