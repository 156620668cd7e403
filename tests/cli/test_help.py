"""--help teaches: commands in groups, each with an example that is right, and first steps without arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import click.testing
import pytest

from runwatch.cli.docs import render
from runwatch.cli.main import cli
from runwatch.cli.overview import COMMANDS, GROUPS
from runwatch.core.errors import RunwatchError
from tests import shell_lines

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
MODULES = Path(__file__).parents[2] / "runwatch" / "cli" / "commands"


def examples(command: click.Command) -> str:
    return (command.help or "").partition("\b\nExamples:\n")[2].partition("\n\n")[0]


def test_the_overview_has_every_command_in_one_group():
    assert sum(len(group) for group in GROUPS.values()) == len(COMMANDS)
    library = {"__init__", "web"}
    assert COMMANDS.keys() == {path.stem for path in MODULES.glob("*.py")} - library
    shown = click.testing.CliRunner().invoke(cli, ["--help"]).output
    assert all(f"{group}:\n" in shown for group in GROUPS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_right(name):
    command = cli.get_command(click.Context(cli), name)
    found = list(shell_lines.lines(examples(command)))
    assert any("runwatch" in words or "runwatch" in " ".join(words) for words in found)
    for words in found:
        shell_lines.check(words)


def test_a_wrong_example_is_found():
    for wrong in ("runwatch tial x", "runwatch check --jsn x", "runwatch check", "make nothing", "rm x"):
        with pytest.raises((click.ClickException, RunwatchError, AssertionError)):
            shell_lines.check(wrong.split())


def test_alone_it_says_what_to_do_next():
    done = subprocess.run(
        [sys.executable, "-m", "runwatch"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    found = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(found) >= 3
    for line in found:
        assert line.split()[1] in COMMANDS


def test_the_page_of_commands_is_current():
    assert PAGE.read_text() == render(), "run: python -m runwatch.cli.docs > docs/commands.md"
