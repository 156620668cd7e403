"""The parts of a command's help, for the pages that are made of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

import click


def parts(command: click.Command) -> tuple[str, str]:
    """Return the text of a command's help, and the lines of its examples."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\n\n\b\nExamples:\n")
    return text, inspect.cleandoc(examples)


def usage(command: click.Command, path: str) -> str:
    """Return what follows the name of a command on its command line."""
    return " ".join(command.collect_usage_pieces(click.Context(command, info_name=path)))


def options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the options of a command: how each is written, and what it means, in one line."""
    for option in command.params:
        record = option.get_help_record(click.Context(command)) if isinstance(option, click.Option) else None
        if record is not None:
            yield record[0], " ".join(record[1].split())


def inner(command: click.Command) -> Mapping[str, click.Command]:
    """Return the commands of a command, by name."""
    return command.commands if isinstance(command, click.Group) else {}
