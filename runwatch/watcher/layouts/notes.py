"""What the metadata of a checkpoint says: numbers, settings, and which files there should be."""

from __future__ import annotations

import json
import re
from typing import Any

from runwatch.parsers.lexicon.names import canonical
from runwatch.parsers.structured.keyed_records import flatten
from runwatch.watcher.layouts import run_facts
from runwatch.watcher.layouts.run_facts import Facts

NOTES = re.compile(r"meta_\d+\.json|trainer_state\.json")
"""Files whose numbers belong to the checkpoint."""
SETTINGS = re.compile(
    r"(?:training_)?args\.json|h(?:yper)?param(?:eter)?s\.(?:json|ya?ml)|train(?:ing)?_config\.(?:json|ya?ml)"
)
"""Files that contain the settings it was trained with."""
INDEXES = re.compile(r"(?:.*/)?[\w.]+\.index\.json")
HEAD = 1 << 16
"""Bytes of a file of notes that are read; behind them a Trainer's state has its history."""
_SETTINGS = re.compile(r"(?:.*_)?(?:config|args|params|hparams|history|kwargs|callbacks)")
_MAX_METRICS = 24
_NO_METRIC = frozenset({"step", "global_step", "max_steps"})


def notes(head: bytes) -> dict[str, float]:
    """Return the numbers of a file of notes (its first HEAD bytes), by canonical name; none if it is cut."""
    kept = {key: item for key, item in _object(head).items() if not _SETTINGS.fullmatch(key)}
    found: dict[str, float] = {}
    for key, number in flatten(kept, _SETTINGS).items():
        last = key.rpartition("/")[2]
        name = canonical(last)
        if last not in _NO_METRIC and len(name) <= 64 and name.isprintable() and len(found) < _MAX_METRICS:
            found.setdefault(name, number)
    return found


def has_settings(name: str) -> bool:
    """Return whether a file of this name may contain settings."""
    return name.endswith((".safetensors", "trainer_state.json")) or SETTINGS.fullmatch(name) is not None


def settings(name: str, head: bytes) -> Facts:
    """Return the settings that a file called `name` contains, by its first HEAD bytes."""
    if SETTINGS.fullmatch(name):
        return run_facts.of_file(name, head) or {}
    if name.endswith(".safetensors"):
        return run_facts.from_object(_metadata(head))
    return run_facts.from_object({k: v for k, v in _object(head).items() if isinstance(v, (int, float, str))})


def _object(head: bytes) -> dict[str, Any]:
    """Return the JSON object in the head of a file, without a Trainer's history; {} if it is cut."""
    text = head.decode("utf-8", "replace")
    cut = text.find('"log_history"')
    if cut > 0:
        text = text[:cut].rstrip().rstrip(",") + "}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _metadata(head: bytes) -> dict[str, str]:
    """Return what a safetensors file says of itself, where that is first in its header."""
    key = b'{"__metadata__":'
    if not head[8:].startswith(key):
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(head[8 + len(key) :].decode("utf-8", "replace").lstrip())
    except (ValueError, RecursionError):
        return {}
    items = value.items() if isinstance(value, dict) else ()
    return {name.removeprefix("ss_"): text for name, text in items if name != "format"}  # of kohya-ss


def listed(index: bytes) -> tuple[str, ...]:
    """Return the files that an index of sharded weights names; none if it is cut."""
    try:
        names = json.loads(index)["weight_map"].values()
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return ()
