"""One declarative file per log format, and the catalogue of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from runwatch.parsers.api import Format

_troubles: list[str] = []


def troubles() -> tuple[str, ...]:
    """Return what went wrong with formats of other packages and of the user so far, a line each."""
    return tuple(_troubles)


def report(trouble: str) -> None:
    """Take note of what went wrong with a format, once."""
    if trouble not in _troubles:
        _troubles.append(trouble)


def in_use(own: Iterable[Format], only: str | None = None) -> tuple[Format, ...]:
    """Return the user's own formats and all others, in the order in which they are asked, or `only` one."""
    return tuple(fmt for fmt in (*own, *catalogue()) if only in (None, fmt.name))


@cache
def catalogue() -> tuple[Format, ...]:
    """Return every known format in the order in which they are asked; those of other packages go first."""
    from runwatch.parsers.formats import plugins

    ours = builtin()
    return (*plugins.load((fmt.name for fmt in ours), report), *ours)


FAMILIES = ("llm", "rl", "vision", "language", "classic", "generic")
"""The folders of formats."""
_FIRST = ("nanogpt", "sklearn-mlp")
"""They are asked before others: LitGPT's and Caffe's patterns would take their lines, too."""


@cache
def builtin() -> tuple[Format, ...]:
    """Return the formats that come with runwatch: every Format in a file of their folders.

    Those of whole files (`FORMATS` of a module) go last: no line of theirs means anything by itself.
    """
    lines: dict[str, Format] = {}
    files: list[Format] = []
    for family in FAMILIES:
        package = import_module(f"runwatch.parsers.formats.{family}")
        for name in sorted(found.name for found in iter_modules(package.__path__)):
            module = import_module(f"{package.__name__}.{name}")
            if hasattr(module, "FORMATS"):
                files += [replace(fmt, alone=True) for fmt in module.FORMATS]
            else:
                lines |= {fmt.name: fmt for fmt in vars(module).values() if isinstance(fmt, Format)}
    first = sorted(lines.values(), key=lambda fmt: fmt.name not in _FIRST)
    return (*first, *files)
