"""docs/configuration.md, generated from the structs that hold runwatch.toml.

python -m runwatch.config.docs > docs/configuration.md
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from runwatch.alerts.channels.kinds import kinds
from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig
from runwatch.config import loader
from runwatch.core.known_names import expected

_HEAD = """\
# Configuration

`runwatch.toml` is optional: without it runwatch watches the paths you give and sends nothing.
`runwatch init` writes one from what it finds; `examples/runwatch.toml` is one with comments.

runwatch searches in this order: `--config PATH`, `$RUNWATCH_CONFIG`, `./runwatch.toml`,
`~/.config/runwatch/runwatch.toml`. The first file found is used; files are not merged. An unknown key or an
invalid value is an error that names its line. `runwatch reload` applies a changed file to a running daemon;
an invalid file changes nothing.

A configuration may contain commands. So `./runwatch.toml`, which you did not name, is read only if no one but
you and root can write it. This covers the file, a link to it, and their directory. A group counts as
others, unless it is your own private group (your user name, no other member). If the file is not trusted, a
line says why it is skipped, and the next place is used. `--config` and `$RUNWATCH_CONFIG` are always read.
Commands of secrets, command channels and actions run only in commands that deliver alerts: `tail`, `run`,
`watch`, `notify test`, `notify retry`; `doctor` says that it does not run them. A line also warns if everyone
can read secrets in the file.

<!-- Made by `python -m runwatch.config.docs` from the code: change it there. -->
"""
_LEAD = re.compile(r'(\[+[\w.]+\]+|type = "\w+"(, and the section \[\w+\])?): ')
"""The start of a docstring that repeats the heading."""
_ENVIRONMENT = """
## Environment

| variable | meaning |
|---|---|
| `RUNWATCH_CONFIG` | path of the configuration |
| `RUNWATCH_SLACK_WEBHOOK` | address of a Slack webhook; overrides the file |
| `RUNWATCH_HINTS` | `0`: no tips on the screen in the first sessions |
| `RUNWATCH_STATE` | directory of the daemon's state, socket and undelivered messages |
| `RUNWATCH_SSH` | how `runwatch attach` reaches hosts; `ssh` by default |
| `RUNWATCH_PROMETHEUS_TOKEN` | bearer token of `runwatch fleet` |
| `RUNWATCH_ENGINE_LOG` | file for the errors of the engine of `tail` |
| `RUNWATCH_DEBUG` | with any value, an internal error shows its traceback |
| `NO_COLOR` | with any value, no colors |
"""


def render() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD.rstrip(), *_sections(loader.Config), _ENVIRONMENT.rstrip(), ""])


def _sections(kind: type[msgspec.Struct]) -> Iterator[str]:
    notes, hints = comments(kind), typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name != "path":
            yield from _section(field.name, hints[field.name], notes.get(field.name, ""))


def _section(name: str, kind: Any, note: str) -> Iterator[str]:
    """Yield a part of the page for one key that is a section or a list of sections."""
    found = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        yield from _table(f"[[{name}]]", found[0], note)
    elif typing.get_origin(kind) is dict:
        inside = _structs(found[1])
        if not all(map(_is_struct, inside)):
            yield f"\n## `[{name}]`\n\n{note}\n\nEach key takes {_takes(found[1])}.\n"
        elif inside == [ChannelConfig]:
            common = ChannelConfig
            yield from _table(f"[{name}.NAME]", common, f"{note} The key `type` says which kind it is.")
            for word, struct in kinds().items():
                known = common.__struct_fields__ if word != "slack" else ()
                yield from _table(f'[{name}.NAME] type = "{word}"', struct, "", level=3, without=known)
        else:
            for number, each in enumerate(inside):
                yield from _table(f"[{name}.NAME]", each, "" if number else note, level=3 if number else 2)
    elif inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        yield from _table(f"[{name}]", kind, note)


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return list(typing.get_args(kind)) if union else [kind]


def _table(
    title: str, kind: type[msgspec.Struct], note: str, level: int = 2, without: Sequence[str] = ()
) -> Iterator[str]:
    doc = _LEAD.sub("", inspect.getdoc(kind) or "")
    said = " ".join(filter(None, (doc[:1].upper() + doc[1:], note)))
    yield f"\n{'#' * level} `{title}`\n\n{said}\n"
    notes, hints = comments(kind), typing.get_type_hints(kind, include_extras=True)
    deeper: list[tuple[str, Any, str]] = []
    rows: list[str] = []
    for field in msgspec.structs.fields(kind):
        if field.name in without:
            continue
        name, hint = field.encode_name, hints[field.name]
        nested = typing.get_args(hint)[:1]
        if typing.get_origin(hint) is tuple and nested and _is_struct(nested[0]):
            deeper.append((name, nested[0], notes.get(field.name, "")))
            continue
        label, takes = (f"`{name}`", _takes(hint)) if name != "thresholds" else ("others", "a number")
        rows.append(f"| {label} | {takes} | {_default(field)} | {notes.get(field.name, '')} |")
    if rows:
        yield "\n".join(["| key | takes | default | meaning |", "|---|---|---|---|", *rows])
    top = title.strip("[]")
    for name, struct, text in deeper:
        yield from _table(f"[[{top}.{name}]]", struct, text, level=level + 1)


def _is_struct(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, msgspec.Struct)


def _takes(hint: Any) -> str:
    if hint is Secret:
        return "a secret: text, `{env = …}`, `{file = …}` or `{command = […]}`"
    try:
        return expected(hint).replace("|", "\\|")
    except TypeError:
        return "a section"


def _default(field: Any) -> str:
    given = field.default
    if given is msgspec.NODEFAULT:
        given = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if isinstance(given, Secret):
        given = ""
    if isinstance(given, Enum):
        given = given.value
    if given is None or given in ("", (), {}, []):
        return ""
    text = msgspec.json.encode(given).decode().replace(",", ", ").replace("|", "\\|")
    return f"`{text}`"


def comments(kind: type) -> dict[str, str]:
    """Return the text under each field in the source of a class and its bases."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if not _is_struct(each) or each is msgspec.Struct:
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = after.value if isinstance(after, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[statement.target.id] = " ".join(text.value.split()).replace("|", "\\|")
    return found


if __name__ == "__main__":
    sys.stdout.write(render())
