"""What a W&B log says in addition to its history: facts of the run, system metrics, the console."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from runwatch.core import text
from runwatch.core.batch import SYSTEM, Event
from runwatch.core.metrics import Unit
from runwatch.core.redaction import redact
from runwatch.parsers.api import Layout
from runwatch.parsers.framing.protobuf import Value, double, fields, message, parts, zigzag
from runwatch.parsers.framing.protobuf import text as field_text
from runwatch.parsers.lexicon.counters import TOTALS
from runwatch.parsers.structured.keyed_records import numeric

if TYPE_CHECKING:
    from runwatch.parsers.events.events import EventScanner

_MAX_FACTS = 512
_MAX_STATS = 512
_MAX_CONSOLE = 1 << 16
_VALUE = 300  # characters of a fact kept
_VALUE_JSON = 16

_OF_RUN = {
    1: "id",
    2: "entity",
    3: "project",
    6: "group",
    7: "job_type",
    8: "name",
    9: "notes",
    10: "tags",
    13: "host",
}
_OF_GIT = {1: "git.remote", 2: "git.commit"}
_OF_MACHINE = {1: "os", 2: "python", 5: "args", 6: "program", 12: "host", 18: "gpu", 19: "gpus", 25: "cuda"}

_STEPS_PLANNED = (*TOTALS, "num_iterations")

_PERCENT, _MB = Unit(divide=100.0), Unit(multiply=2.0**20)
_GPU = {
    "gpu": ("util", _PERCENT),
    "memoryAllocated": ("memory_util", _PERCENT),
    "memoryAllocatedBytes": ("memory_used", Unit()),
    "powerWatts": ("power", Unit()),
    "temp": ("temperature", Unit()),
}
_HOST = {
    "cpu": ("host/cpu", _PERCENT),
    "memory_percent": ("host/memory_util", _PERCENT),
    "proc.memory.rssMB": ("proc/memory_used", _MB),
    "proc.memory.percent": ("proc/memory_util", _PERCENT),
}
_GPU_KEY = re.compile(r"gpu\.(\d{1,3})\.(\w+)")


class Facts:
    """What is known of the run by name; only what is new or changed is reported. Bounded."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def new(self, found: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return those facts that are new, or have changed."""
        new: dict[str, str] = {}
        for name, shown in found:
            key, value = text.plain(name, 100), text.plain(shown, _VALUE)
            if self._known.get(key) != value and (key in self._known or len(self._known) < _MAX_FACTS):
                self._known[key] = new[key] = value
        return new

    def online(self, named: Mapping[str, str], config: Mapping[str, object]) -> dict[str, str]:
        """Return the new facts of a run as W&B's API gives them."""
        pairs = (pair for key, value in config.items() if key[:1] != "_" for pair in _flat(key, value, 0))
        return self.new(chain(named.items(), ((f"config.{key}", value) for key, value in pairs)))

    @staticmethod
    def total(facts: dict[str, str]) -> float | None:
        """Return the planned number of steps, if the facts name one."""
        for key in _STEPS_PLANNED:
            value = numeric(facts.get(f"config.{key}", ""))
            if value is not None and 0 < value < 2.0**53:
                return value
        return None


def _named(data: bytes, names: dict[int, str], config: int = 0, git: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the named fields of a message, repeated ones joined, its configuration, its code's version."""
    found: dict[str, str] = {}
    for field, _, value in fields(data):
        if field in names:
            shown = str(value) if isinstance(value, int) else field_text(value, _VALUE)
            name = names[field]
            found[name] = f"{found[name]} {shown}"[:1000] if name in found else shown
        elif field == config:
            yield from of_config(message(value))
        elif field == git:
            yield from ((name, redact(said)) for name, said in _named(message(value), _OF_GIT))
    yield from found.items()


of_run = partial(_named, names=_OF_RUN, config=4, git=21)
"""Yields the facts of a RunRecord."""
of_machine = partial(_named, names=_OF_MACHINE, git=9)
"""Yields the facts of an EnvironmentRecord."""


def of_config(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield ("config.name", value) of a ConfigRecord; W&B's own entries are left out."""
    for field, _, part in fields(data):
        if field != 1:
            continue
        key, raw = _named_item(message(part))
        if key.startswith("_"):
            continue
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        yield from _flat(f"config.{key}", value, 0)


def _flat(key: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth < 4:
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}", inner, depth + 1)
    elif value is not None:
        yield key, value if isinstance(value, str) else json.dumps(value)[:_VALUE]


def item(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the parts of the key, and the JSON text, of an item of history, settings or the machine."""
    path, raw = list[bytes](), b""
    for field, _, value in fields(data):
        if field in (1, 2):
            path.append(message(value))
        elif field == _VALUE_JSON:
            raw = message(value)
        elif field == 5 and isinstance(value, int):
            raw = b"%d" % zigzag(value)
        elif field == 6:
            raw = repr(double(value)).encode()
    return path, raw


def _named_item(data: bytes) -> tuple[str, bytes]:
    path, json_text = item(data)
    return ".".join(field_text(part, 200) for part in path), json_text


def stats(data: bytes) -> tuple[Layout, list[float]] | None:
    """Return the layout and values of a StatsRecord; see machine."""
    when, items = 0.0, list[tuple[str, bytes]]()
    for field, _, value in fields(data):
        if field == 2:
            when = _seconds(value)
        elif field == 3:
            items.append(_named_item(message(value)))
    return machine(when, items)


def machine(when: float, items: Iterable[tuple[str, bytes | float]]) -> tuple[Layout, list[float]] | None:
    """Return the layout and values of system metrics: Unix time, then metrics in our units, or None."""
    row: dict[str, float] = {}
    for key, raw in items:
        name, unit = _place(key)
        with suppress(ValueError):
            if len(row) < _MAX_STATS:
                row[text.shown(name)] = unit.apply(float(raw))
    if not row:
        return None
    names = sorted(row)
    layout = Layout(SYSTEM, "wandb", ("time", *names), (Unit(),) * (len(names) + 1))
    return layout, [when, *(row[name] for name in names)]


def _place(key: str) -> tuple[str, Unit]:
    """Return the canonical name and the unit of a system metric."""
    found = _GPU_KEY.fullmatch(key)
    if found and found[2] in _GPU:
        name, unit = _GPU[found[2]]
        return f"gpu/{int(found[1])}/{name}", unit
    return _HOST.get(key, (f"system/{key}", Unit()))


def _seconds(value: Value) -> float:
    """Return a Timestamp as Unix time."""
    numbers = {field: part for field, part in parts(value).items() if isinstance(part, int)}
    return float(numbers.get(1, 0)) + numbers.get(2, 0) / 1e9


class Console:
    """Joins the pieces in which the console's output is recorded, and finds the events in its lines."""

    def __init__(self) -> None:
        self._scanner: EventScanner | None = None
        """Made for the first line: its signatures are many, and of some runs no line is recorded."""
        self._open: dict[int, bytes] = {}
        self._ordinal = 0

    def feed(self, data: bytes, offset: int, line: int) -> tuple[list[tuple[int, str]], list[Event]]:
        """Take an OutputRecord; return the lines that ended, under the record's number, and their events."""
        said = parts(data)
        stream, piece = said.get(1, 0) == 1, message(said.get(3, b""))
        if self._scanner is None:
            from runwatch.parsers.events.events import EventScanner

            self._scanner = EventScanner()
        *ended, rest = (self._open.get(stream, b"") + piece).split(b"\n")
        self._open[stream] = rest[-_MAX_CONSOLE:]
        shown: list[tuple[int, str]] = []
        events: list[Event] = []
        for whole in ended:
            last = whole.rstrip(b"\r").rsplit(b"\r", 1)[-1]  # what a redrawn line shows in the end
            plain = text.decode(last, 1000)
            if not plain:
                continue
            shown.append((line, plain))
            events += self._scanner.feed(plain.encode(), offset, line, self._ordinal) or ()
            self._ordinal += 1
        return shown, events

    def flush(self) -> list[Event]:
        """Return the event of a traceback that was cut off."""
        return [] if self._scanner is None else self._scanner.flush()
