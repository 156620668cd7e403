"""In words, what values a type takes and which names are known: for errors about configuration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from runwatch.core.errors import ConfigError

_NOUNS: dict[type, str] = {
    bool: "true or false",
    int: "this number",
    float: "this number",
    str: "this text",
    list: "a list",
    dict: "a section",
}


def noun(given: object) -> str:
    """Return what a value of a TOML file is, without repeating it."""
    return _NOUNS.get(type(given), "a date or time")


def expected(kind: Any) -> str:
    """Return in words what values a type takes."""
    info = msgspec.inspect.type_info(kind)
    parts = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    words = [_words(part) for part in parts if not isinstance(part, msgspec.inspect.NoneType)]
    return " or ".join(dict.fromkeys(words))


def _words(info: msgspec.inspect.Type) -> str:  # noqa: PLR0911
    match info:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.FloatType() | msgspec.inspect.IntType():
            return _number(info)
        case msgspec.inspect.VarTupleType():
            return "a list of texts"
        case msgspec.inspect.DictType():
            return 'names with text, such as {dt = "ms"}'
        case msgspec.inspect.DateTimeType():
            return "a date and time, such as 2030-01-31T18:00:00"
        case msgspec.inspect.EnumType(kind):
            return "one of " + ", ".join(f'"{member.value}"' for member in kind)
        case _:
            return "text in quotes"


def _number(info: msgspec.inspect.FloatType | msgspec.inspect.IntType) -> str:
    whole = "whole " if isinstance(info, msgspec.inspect.IntType) and info.le is not None else ""
    if info.gt is not None and info.le is not None:
        return f"a {whole}number above {info.gt:g} and at most {info.le:g}"
    if info.ge is not None and info.le is not None:
        return f"a {whole}number from {info.ge:,g} to {info.le:,.9g}"
    return "a number"


def check_names(
    given: Iterable[str], known: Iterable[str], where: str | Callable[[str], str], what: str = "name"
) -> None:
    """Raise ConfigError for the first name of `given` that is not `known`, with the nearest that is.

    `where` is the place: text, or a function of the wrong name, such as
    `lambda name: config.where("rules", name)`.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.6)
            advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names) or 'nothing'}"
            place = where if isinstance(where, str) else where(name)
            raise ConfigError(f"unknown {what} {name!r}", place, advice)
