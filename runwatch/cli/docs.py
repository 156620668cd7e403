"""docs/commands.md, generated from the commands.

python -m runwatch.cli.docs > docs/commands.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from runwatch.cli.main import cli
from runwatch.cli.overview import EXIT_CODES, GROUPS
from runwatch.cli.parts import inner, options, parts, usage

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
    yield f"\n{'#' * level} `{path}`\n"
    text, examples = parts(command)
    yield f"{text}\n"
    if examples:
        yield f"```sh\n{examples}\n```\n"
    yield f"Usage: `{path} {usage(command, path)}`"
    for number, (flags, meaning) in enumerate(options(command)):
        yield from () if number else ("\n| option | meaning |\n|---|---|",)
        yield f"| `{_cell(flags)}` | {_cell(meaning)} |"
    for name, each in inner(command).items():
        yield from _command(each, f"{path} {name}", level + 1)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
