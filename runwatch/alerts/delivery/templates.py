"""The user's message text: templates with named fields, and nothing else in braces.

A field is a name; there is no attribute, index or format, so that a template can
only say what is meant to be said. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FIELDS = (
    "word", "severity", "state", "title", "run", "host", "rule", "metric", "rank", "step", "since", "time",
    "cause", "advice", "numbers", "trend", "checkpoint", "others", "look", "answer", "incident",
)  # fmt: skip
MOST_LINES = 20
_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check(template: str) -> None:
    """Raise ValueError in plain words if a template cannot be filled in."""
    for found in _PARTS.finditer(template):
        if found[0] in ("{{", "}}"):
            continue
        if found[1] is None:
            raise ValueError("a single brace: write {{ or }} for one that is to be shown")
        if found[1] not in FIELDS:
            raise ValueError(f"no field is named {found[1][:40]!r}; there are {', '.join(FIELDS)}")


def fill(template: str, values: Mapping[str, str]) -> list[str]:
    """Return the lines of a template with its fields filled in.

    A line all of whose fields are empty is left out.
    """
    lines = []
    for line in template.strip("\n").split("\n")[:MOST_LINES]:
        named = [found[1] for found in _PARTS.finditer(line) if found[1] is not None]
        if named and not any(values.get(name) for name in named):
            continue
        lines.append(_PARTS.sub(lambda found: _part(found, values), line))
    return lines


def _part(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found[1] is not None:
        return values.get(found[1], "")
    return found[0][0]
