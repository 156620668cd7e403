"""The line on which a key of a TOML file is set, for errors."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys = tuple[str | int, ...]
"""The way to a value; a number is a place in a list."""


def where_is(path: Path, text: str, keys: Keys) -> str:
    """Return "file:line" of a key, or the file alone where it is not set."""
    line = _line_of(text, keys)
    return f"{path}:{line}" if line else str(path)


def _item(table: Any, key: str | int) -> Any:
    """Return the value of a key, or of a place in a list; None if there is none."""
    if isinstance(table, list):
        return table[key] if isinstance(key, int) and key < len(table) else None
    return table.get(key) if isinstance(table, Mapping) else None


def _line_of(text: str, keys: Keys) -> int | None:
    """Return the line on which a key is set: where the shortest valid piece of the file that has it ends.

    The parser keeps no lines; asking it about ever longer pieces is slow and
    always right, with any quoting, and is done only for an error.
    """
    lines, complete = text.splitlines(keepends=True), 0
    for count in range(1, len(lines) + 1):
        try:
            found: Any = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:  # ends within a value of several lines
            continue
        for key in keys:
            found = _item(found, key)
        if found is not None:
            return complete + 1
        complete = count
    return None
