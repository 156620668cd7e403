"""What the rules say about themselves, for people.

usage: python -m runwatch.alerts.rules.explain    (writes docs/rules.md)
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from runwatch.alerts.causes import FOLLOWS
from runwatch.alerts.rules.base import Rule, thresholds
from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.alerts.rules.settings import Number

_HEAD = """# Rules

Every rule, as it explains itself. This page is made from the code
(`python -m runwatch.alerts.rules.explain`); `runwatch rules NAME` prints the same.

Severities: **info** is shown and not sent by itself, **warning** should be looked at, **critical** costs
the run. A *row* is one printed training step. Thresholds are set in `runwatch.toml`:

```toml
[rules.loss_spike]
z = 10.0

[rules.plateau]
enabled = false
```

or for some runs only, by their names; rules of your own need no code: see [configuring rules](own-rules.md).

| rule | what it catches |
|---|---|
"""


def reasons(rule: type[Rule]) -> str:
    """Return why and how a rule judges: the text of its file without the title."""
    text = inspect.getdoc(inspect.getmodule(rule)) or ""
    return text.partition("\n\n")[2] or inspect.getdoc(rule) or ""


def settings(rule: type[Rule], chosen: Mapping[str, Number] = MappingProxyType({})) -> str:
    """Return the thresholds as they are, those that are `chosen` with their defaults, on one line."""
    said = []
    for item in thresholds(rule):
        value = chosen.get(item.name, item.default)
        default = f" (default {_value(item.default)})" if value != item.default else ""
        if isfinite(value):
            said.append(f"{item.name} = {_value(value)}{default}")
    return ", ".join(said)


def explain(rule: type[Rule], chosen: Mapping[str, Number] = MappingProxyType({})) -> str:
    """Return all about one rule as plain text, with what is `chosen` for it."""
    lines = [f"{rule.name}: {rule.summary}", "", reasons(rule)]
    follow = ", ".join(sorted(FOLLOWS.get(rule.name, ())))
    if follow:
        lines += ["", f"May lead incidents of: {follow}."]
    if chosen.get("enabled") is False:
        lines += ["", "It is switched off in runwatch.toml."]
    lines += ["", f"Thresholds, to be set under [rules.{rule.name}] in runwatch.toml:"]
    for item in thresholds(rule):
        value = chosen.get(item.name, item.default)
        default = f" Default: {_value(item.default)}." if value != item.default else ""
        if isfinite(value):
            lines.append(
                f"  {item.name} = {_value(value)}    {item.meaning}{'.' if default else ''}{default}"
            )
    return "\n".join(lines)


def document() -> str:
    """Return docs/rules.md."""
    parts = [_HEAD + "".join(f"| [{r.name}](#{r.name}) | {r.summary} |\n" for r in CATALOGUE)]
    for rule in CATALOGUE:
        paragraphs = reasons(rule).split("\n\n")
        part = f"## {rule.name}\n\n{rule.summary}\n\n" + "\n\n".join(paragraphs)
        follow = ", ".join(f"`{name}`" for name in sorted(FOLLOWS.get(rule.name, ())))
        part += f"\n\nMay lead incidents of: {follow}." if follow else ""
        part += "\n\n| threshold | default | meaning |\n|---|---|---|\n"
        part += "".join(f"| `{t.name}` | {_value(t.default)} | {t.meaning} |\n" for t in thresholds(rule))
        parts.append(part)
    return "\n".join(parts)


def _value(value: Number) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules.md")
    target.write_text(document(), encoding="utf-8")
