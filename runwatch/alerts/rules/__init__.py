"""The rule catalogue: one file per rule.

`CATALOGUE` holds every rule class, `build` makes a run's set of rules. Both
are loaded on first use, so that commands which judge nothing do not pay for it.
"""

from __future__ import annotations

from typing import Any

_HERE = frozenset({"CATALOGUE", "build"})


def __getattr__(name: str) -> Any:
    if name not in _HERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runwatch.alerts.rules import catalogue

    return getattr(catalogue, name)
