"""A module per surface; `target_of` finds a target by its name."""

from __future__ import annotations

from importlib import import_module

from ..target import Target

_MODULES = {
    "logs": ("pieces", "bulk", "blowup", "fold", "explain"),
    "files": ("records", "checkpoints", "compressed", "tail"),
    "service": ("requests", "replies"),
    "shown": ("words", "reports"),
    "saved": ("state", "store", "recording", "configuration"),
}
NAMES = tuple(name for names in _MODULES.values() for name in names)


def target_of(name: str) -> Target:
    """Return the target of that name."""
    module = next(module for module, names in _MODULES.items() if name in names)
    found = import_module(f"{__name__}.{module}").TARGETS
    return next(target for target in found if target.name == name)
