"""Facts about a run from the files next to it: configurations, manifests, report sections.

A fact is a short text under a flat name: `model_config/n_layer` is `20`. What
comes from files is hostile: it is bounded, made safe, and what looks like a
secret is not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from runwatch.core import text
from runwatch.core.redaction import MARK, is_secret, redact

Facts = dict[str, str]

MAX_FACTS = 512
MAX_NAME = 120
MAX_VALUE = 300
MAX_DEPTH = 8
HIDDEN = "(not shown)"
_LONGEST = 4 * MAX_NAME
"""Characters of a name that are looked at: a long one would be repeated for each that is below it."""
_MAX_ITEMS = 12
"""Items of a list that are shown."""
_NO_SECRETS = ("", "None", "null", "true", "false")
_SERIES = frozenset({"log_history"})
"""Keys under which a document holds series, not facts."""


def from_object(value: object) -> Facts:
    """Return the facts of nested objects: names joined with "/", lists on one line."""
    found: Facts = {}
    for name, leaf in _leaves(value):
        if len(found) >= MAX_FACTS:
            break
        _add(found, name, leaf)
    return found


def from_json(data: bytes) -> Facts | None:
    """Return the facts of a JSON document; None if it is not complete (yet) or no object."""
    try:
        value = json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    return from_object(value) if isinstance(value, dict) else None


def from_yaml(data: bytes) -> Facts:
    """Return the facts of a configuration in YAML, read line by line.

    Mappings by indentation, scalars and lists are understood, anchors and tags
    skipped; of W&B's `key: {desc, value}` the value alone counts.
    """
    found: Facts = {}
    path: list[tuple[int, str]] = []
    items: dict[str, list[str]] = {}
    for line in data.decode("utf-8-sig", "replace").splitlines()[: 20 * MAX_FACTS]:
        content = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if not content or content.startswith(("#", "---", "%", "...")):
            continue
        if content.startswith("- ") or content == "-":
            while path and path[-1][0] > indent:
                path.pop()
            items.setdefault("/".join(name for _, name in path), []).append(_scalar(content[1:]))
            continue
        key, colon, rest = content.partition(":")
        if not colon or (rest and not rest.startswith((" ", "\t"))):
            continue
        while path and path[-1][0] >= indent:
            path.pop()
        name = "/".join([*(name for _, name in path), key.strip().strip("\"'")])
        value = _scalar(rest)
        if value or rest.strip() in ("''", '""'):
            _add(found, name.removesuffix("/value"), value)
        elif len(path) < MAX_DEPTH:
            path.append((indent, key.strip().strip("\"'")[:_LONGEST]))
    for name, values in items.items():
        _add(found, name.removesuffix("/value"), _joined(values))
    return {k: v for k, v in found.items() if not k.endswith("/desc") and not k.startswith("_wandb")}


def from_markdown(data: bytes) -> Facts:
    """Return the facts of a report: `- key: value` lines and tables, under the heading they are below."""
    found: Facts = {}
    below, columns = "", list[str]()
    for line in data.decode("utf-8-sig", "replace").splitlines()[: 20 * MAX_FACTS]:
        content = line.strip()
        if content.startswith("#"):
            heading = content.lstrip("#").strip()
            below, columns = f"{heading}/" if heading else "", []
        elif content.startswith("|"):
            cells = [cell.strip() for cell in content.strip("|").split("|")]
            if not columns:
                columns = cells
            elif set(content) - set("|-: "):
                for column, cell in zip(columns[1:], cells[1:], strict=False):
                    if cell not in ("", "-"):
                        _add(found, f"{below}{cells[0]}/{column}", cell)
        else:
            columns = []
            key, colon, value = content.removeprefix("- ").removeprefix("* ").partition(": ")
            if colon and 0 < len(key) <= 60:
                _add(found, f"{below}{key}", value)
    return found


def of_file(name: str, data: bytes) -> Facts | None:
    """Return the facts of a file, by the ending of its name; None if it holds none or is not complete."""
    if name.endswith(".json"):
        return from_json(data)
    if name.endswith((".yaml", ".yml")):
        return from_yaml(data)
    return from_markdown(data) if name.endswith(".md") else None


def _add(found: Facts, name: str, value: str) -> None:
    """Add one fact, safe and short, unless there are enough; the first of a name stays."""
    name = text.plain(name[:_LONGEST], MAX_NAME)
    if not name or name in found or len(found) >= MAX_FACTS:
        return
    hidden = any(map(is_secret, name.split("/"))) and value not in _NO_SECRETS
    safe = text.plain(value[: 8 * MAX_VALUE], 4 * MAX_VALUE)
    found[name] = HIDDEN if hidden else text.plain(redact(safe).replace(MARK, HIDDEN), MAX_VALUE)


def _leaves(value: object) -> Iterator[tuple[str, str]]:
    """Yield name and text of every leaf, in the order of the document."""
    todo: list[tuple[str, object, int]] = [("", value, 0)]
    while todo:
        name, item, depth = todo.pop()
        if isinstance(item, dict):
            if depth < MAX_DEPTH:
                below = [
                    ((f"{name}/{key}" if name else str(key))[:_LONGEST], held, depth + 1)
                    for key, held in item.items()
                    if key not in _SERIES
                ]
                todo.extend(reversed(below[:MAX_FACTS]))
        elif isinstance(item, list):
            if item and all(isinstance(part, dict) for part in item):
                below = [(f"{name}/{index}", held, depth + 1) for index, held in enumerate(item[:_MAX_ITEMS])]
                todo.extend(reversed(below))
            else:
                yield name, _joined([_shown(part) for part in item[: _MAX_ITEMS + 1]])
        else:
            yield name, _shown(item)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    return value[: 4 * MAX_VALUE] if isinstance(value, str) else json.dumps(value)[: 4 * MAX_VALUE]


def _joined(parts: list[str]) -> str:
    return ", ".join(parts[:_MAX_ITEMS]) + (", …" if len(parts) > _MAX_ITEMS else "")


def _scalar(rest: str) -> str:
    """Return a YAML scalar as text: without quotes, comments, tags and anchors."""
    value = rest.strip()
    while value.startswith(("!", "&")):
        value = value.partition(" ")[2].strip()
    if value[:1] in ("'", '"') and value.rfind(value[0]) > 0:
        return value[1 : value.rfind(value[0])]
    value = value.partition(" #")[0].rstrip()
    return "" if value in ("|", ">", "|-", ">-") else value
