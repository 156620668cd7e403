"""What the rules say about themselves, for people.

usage: python -m runwatch.alerts.rules.explain    (writes docs/rules.md)
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from textwrap import wrap
from types import MappingProxyType

from runwatch.alerts.rules.base import Rule, thresholds
from runwatch.alerts.rules.catalogue import CATALOGUE, listed
from runwatch.alerts.rules.causes import FOLLOWS
from runwatch.alerts.rules.settings import Number

_HEAD = """# Rules

Every rule, as it explains itself. This page is made from the code
(`python -m runwatch.alerts.rules.explain`); `runwatch rules NAME` prints the same.

Severities: **info** (a note) is shown and not sent by itself, **warning** should be looked at, **critical**
costs the run. A *row* is one training step that the log prints, a *median* the middle value, *rolling* of
the newest 64 rows, a *deviation* how far values usually are from the median, and *ln* the natural logarithm:
0.1 more in it is about 10 % more. Thresholds are set in `runwatch.toml`:

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


_BENEATH = "While this fires, these are treated as its symptoms and listed below it"
_FIRST = ("Example", "What to do")
"""What somebody who was just woken needs."""
_WORDS = {
    "row": "one training step that the log prints; where it prints every tenth, ten steps",
    "median": "the middle value, which outliers do not move",
    "rolling": "of the newest 64 rows",
    "deviation": "how far values usually are from the median; outliers do not move it",
    "standard error": "how far a median or mean of so many rows is off by chance",
    "ln": "the natural logarithm: 0.1 more in it is about 10 % more",
    "fraction": "0.1 is 10 %",
    "note": "an info: shown, and not sent by itself",
    "Ends": "the alarm is resolved by itself",
}
"""Words of the explanations that not everybody knows."""


def sections(rule: type[Rule]) -> list[str]:
    """Return what a rule's file says of it but the title: what to do about it first, then how it judges."""
    text = inspect.getdoc(inspect.getmodule(rule)) or ""
    parts = (text.partition("\n\n")[2] or inspect.getdoc(rule) or "").split("\n\n")
    return sorted(parts, key=lambda part: not part.startswith(_FIRST))


def settings(rule: type[Rule], chosen: Mapping[str, Number] = MappingProxyType({})) -> str:
    """Return the thresholds as they are, those that are `chosen` with their defaults, on one line."""
    said = []
    for item in thresholds(rule):
        value = chosen.get(item.name, item.default)
        default = f" (default {_value(item.default)})" if value != item.default else ""
        if isfinite(value):
            said.append(f"{item.name} = {_value(value)}{default}")
    return ", ".join(said)


def explain(
    rule: type[Rule], chosen: Mapping[str, Number] = MappingProxyType({}), cost: float | None = None
) -> str:
    """Return all about one rule as plain text, with what is `chosen` for it.

    `cost` is in milliseconds for a million rows.
    """
    lines = [f"{rule.name}: {rule.summary}", _state(chosen, cost), "", "\n\n".join(sections(rule))]
    follow = ", ".join(sorted(FOLLOWS.get(rule.name, ())))
    if follow:
        lines += ["", *wrap(f"{_BENEATH}: {follow}.", 88)]
    known = [item for item in thresholds(rule) if isfinite(chosen.get(item.name, item.default))]
    values = [f"{item.name} = {_value(chosen.get(item.name, item.default))}" for item in known]
    if known:
        lines += ["", f"Thresholds, to be set under [rules.{rule.name}] in runwatch.toml:"]
    for item, value in zip(known, values, strict=True):
        changed = chosen.get(item.name, item.default) != item.default
        default = f". Default: {_value(item.default)}." if changed else ""
        lines.append(f"  {value:{max(map(len, values))}}  {item.meaning}{default}")
    words = _words("\n".join(lines[2:]))
    return "\n".join([*lines, "", "Words:", *words] if words else lines)


def _state(chosen: Mapping[str, Number], cost: float | None) -> str:
    if chosen.get("enabled") is False:
        return "It is switched off in runwatch.toml."
    state = "on, retuned in runwatch.toml" if chosen.keys() - {"enabled"} else "on"
    costs = "" if cost is None else f"; it takes about {cost:.0f} ms of CPU time for a million rows"
    return f"It is {state}{costs}."


def _words(text: str) -> list[str]:
    used = {word: meaning for word, meaning in _WORDS.items() if re.search(rf"\b{word}(?:s|es)?\b", text)}
    width = max(map(len, used), default=0)
    return [f"  {word:{width}}  {meaning}" for word, meaning in used.items()]


def document() -> str:
    """Return docs/rules.md."""
    parts = [_HEAD + "".join(f"| [{r.name}](#{r.name}) | {r.summary} |\n" for r in listed(CATALOGUE))]
    for rule in CATALOGUE:
        part = f"## {rule.name}\n\n{rule.summary}\n\n" + "\n\n".join(sections(rule))
        follow = ", ".join(f"`{name}`" for name in sorted(FOLLOWS.get(rule.name, ())))
        part += f"\n\n{_BENEATH}: {follow}." if follow else ""
        part += "\n\n| threshold | default | meaning |\n|---|---|---|\n" if thresholds(rule) else "\n"
        part += "".join(f"| `{t.name}` | {_value(t.default)} | {t.meaning} |\n" for t in thresholds(rule))
        parts.append(part)
    return "\n".join(parts)


def _value(value: Number) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{int(value):_}" if value >= 1e5 and value == int(value) else f"{value:g}"


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules.md")
    target.write_text(document(), encoding="utf-8")
