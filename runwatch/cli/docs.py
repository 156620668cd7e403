"""docs/commands.md, generated from the commands.

python -m runwatch.cli.docs > docs/commands.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from runwatch.cli.main import cli
from runwatch.cli.overview import EXIT_CODES, GROUPS
from runwatch.cli.parts import inner, parts, usage

_HEAD = f"""\
# Commands

`runwatch COMMAND --help` shows the same in the terminal; `man runwatch-COMMAND` too, once installed.
Exit codes of all commands: {", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())}.

<!-- Made by `python -m runwatch.cli.docs` from the code: change it there. -->
"""


def render() -> str:
    """Return the whole page."""
    parts = [_HEAD.rstrip()]
    for group, names in GROUPS.items():
        parts.append(f"\n## {group}")
        for name in names:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None
            parts += _command(command, f"runwatch {name}", 3)
    return "\n".join([*parts, ""])


def _command(command: click.Command, path: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"\n{'#' * level} `{path}`\n"
    text, examples = parts(command)
    yield f"{text}\n"
    if examples:
        yield f"```sh\n{examples}\n```\n"
    yield f"Usage: `{path} {usage(command, path)}`"
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield "\n| option | meaning |\n|---|---|"
        yield from (_option(option, context) for option in options)
    for name, each in inner(command).items():
        yield from _command(each, f"{path} {name}", level + 1)


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    flags, text = (part.replace("|", "\\|") for part in record)
    return f"| `{flags}` | {' '.join(text.split())} |"


if __name__ == "__main__":
    sys.stdout.write(render())
