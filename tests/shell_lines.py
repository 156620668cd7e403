"""Command lines that people read, in help and documentation: each is parsed as a shell and click would."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from runwatch.cli.main import cli

OTHERS = {
    "make",
    "pip",
    "pipx",
    "uv",
    "source",
    "man",
    "uvx",
    "tmux",
    "export",
    "ssh",
    "eval",
    "python",
    "python3",
    ".venv/bin/python",
    "echo",
    "nc",
} | {
    "systemctl",
    "loginctl",
}
MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text()


def lines(block: str) -> Iterator[list[str]]:
    """Yield the words of each command of a block, without comments; pipes and `&&` part commands."""
    for line in block.replace("\\\n", " ").splitlines():
        part: list[str] = []
        for word in shlex.split(line, comments=True):
            if word in ("|", "&&"):
                yield part
                part = []
            else:
                part.append(word)
        if part:
            yield part


def check(words: list[str]) -> None:
    """Raise where a command line cannot be right: an unknown command, option, argument or make target."""
    while "=" in words[0] and words[0].partition("=")[0].isidentifier():
        words = words[1:]
    if words == ["runwatch"]:  # offers the runs of this machine
        return
    if words[0].removeprefix(".venv/bin/") == "runwatch":
        command: click.Command = cli
        context = click.Context(cli, info_name="runwatch")
        rest = words[1 : next((at for at, word in enumerate(words) if word.startswith((">", "2>"))), None)]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, command, rest = command.resolve_command(context, rest)
            assert command is not None, name
            context = click.Context(command, context, info_name=name)
        if not {"-h", "--help", "--version"} & set(rest):
            command.make_parser(context)
            command.make_context(str(command.name), list(rest), context.parent)
    elif words[0] == "make":
        assert all(f"\n{target}:" in MAKEFILE for target in words[1:] if "=" not in target), words
    else:
        assert words[0] in OTHERS, words
