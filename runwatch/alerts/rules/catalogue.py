"""Every rule there is, and how a run's set of them is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from math import inf
from pkgutil import iter_modules
from typing import Any

from runwatch.alerts.rules.base import Rule, Threshold, thresholds
from runwatch.alerts.rules.settings import Number, Overrides
from runwatch.core.errors import ConfigError
from runwatch.core.known_names import check_names

FAMILIES = ("nonfinite", "optimization", "policies", "speed", "ranks", "checkpoints", "machine", "life")
"""The folders of rules, in the order in which they are asked."""
FIRST = (
    "nonfinite", "divergence", "loss_spike", "hang", "crash", "ended", "step_time", "straggler",
    "checkpoint_overdue", "checkpoint_failed", "disk_full", "gpu_fault", "validation", "never_learns",
)  # fmt: skip
"""What people ask about before anything else: lists begin with these rules."""


def _found() -> Iterator[type[Rule]]:
    """Yield the rules of every family: a rule is a class with a name of its own, in a file of its folder."""
    for family in FAMILIES:
        package = import_module(f"runwatch.alerts.rules.{family}")
        for name in sorted(found.name for found in iter_modules(package.__path__)):
            module = import_module(f"{package.__name__}.{name}")
            for value in vars(module).values():
                if getattr(value, "__module__", "") == module.__name__ and "name" in vars(value):
                    yield value


CATALOGUE: tuple[type[Rule], ...] = tuple(_found())


def listed(rules: Iterable[type[Rule]]) -> list[type[Rule]]:
    """Return rules as people are shown them: what is asked about first, then as they are asked."""
    return sorted(rules, key=lambda rule: FIRST.index(rule.name) if rule.name in FIRST else len(FIRST))


Where = Callable[..., str]
"""Says where a key of the configuration is, for errors."""


def dotted(*keys: str) -> str:
    """Return the keys as TOML writes them."""
    return ".".join(keys)


def build(
    overrides: Overrides | None = None,
    rules: Sequence[type[Rule]] = CATALOGUE,
    where: Where = lambda *keys: dotted("rules", *keys),
) -> list[Rule]:
    """Return a new set of rules for one run.

    `overrides` maps a rule's name to thresholds of it; `enabled = false` leaves
    a rule out. Raises ConfigError, with the nearest name, for what does not exist.
    """
    overrides = overrides or {}
    names = {rule.name: rule for rule in rules}
    check_names(overrides, names, where, "rule")
    built: list[Rule] = []
    for name, rule in names.items():
        chosen = {"enabled": True, **overrides.get(name, {})}
        enabled = chosen.pop("enabled")
        if not isinstance(enabled, bool):
            raise ConfigError(f"{enabled!r} is neither true nor false", where(name, "enabled"))
        arguments = _arguments(rule, chosen, where)
        if enabled:
            built.append(rule(**arguments))
    return built


def _arguments(rule: type[Rule], chosen: Mapping[str, Number], where: Where) -> dict[str, Any]:
    known = {entry.name: entry for entry in thresholds(rule)}
    for name in chosen:
        fixed = getattr(rule, name, None)
        if name not in known and not name.startswith("_") and isinstance(fixed, int | float):
            raise ConfigError(
                f"{name!r} cannot be set: it is {fixed:g}", where(rule.name, name), "leave it out"
            )
    check_names(chosen, known, lambda name: where(rule.name, name), "threshold")
    return {name: _checked(where(rule.name, name), value, known[name]) for name, value in chosen.items()}


def _checked(where: str, value: Number, known: Threshold) -> Number:
    """Return `value` in the type of the default: a switch, a whole number or a number."""
    if isinstance(known.default, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{value!r} is neither true nor false", where)
    if isinstance(value, bool) or not isinstance(value, int | float) or not known.least <= value < inf:
        least = f" of {known.least:g} or more" if known.least > -inf else ""
        raise ConfigError(f"{value!r} is not a number{least}", where)
    if value > known.most:
        raise ConfigError(f"{value!r} is more than {known.most:g}, the most that can be judged", where)
    if isinstance(known.default, int):
        if value != int(value) or value < 1:
            raise ConfigError(f"{value!r} is not a whole number of 1 or more", where)
        return int(value)
    return float(value)
