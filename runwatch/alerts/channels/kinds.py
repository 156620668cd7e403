"""All types of channel. Each folder here is one, with its settings, probe and sender."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from runwatch.alerts import channels
from runwatch.alerts.channels.settings import ChannelConfig


@cache
def kinds() -> dict[str, type[ChannelConfig]]:
    """Return the settings of each kind, by what `type` says in the file."""
    folders = [found.name for found in pkgutil.iter_modules(channels.__path__) if found.ispkg]
    modules = [import_module(f"{channels.__name__}.{name}") for name in sorted(folders)]
    return {
        value.kind: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ChannelConfig) and value.kind
    }
