"""--help teaches: commands in groups, each with an example that is right, and first steps without arguments."""

from __future__ import annotations

from pathlib import Path

import click
import click.testing
import pytest

from runwatch.cli.docs import render
from runwatch.cli.main import cli
from runwatch.cli.overview import COMMANDS, GROUPS
from runwatch.core.errors import RunwatchError
from runwatch.watcher.daemon import nearby
from tests import shell_lines

from ..daemon.live import Daemon
from .command import ENVIRONMENT, called

LOG = "".join(f"step {n:05d}/00100 ({n}.00%) | loss: 2.5 | dt: 10.00ms\n" for n in range(30))
PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
MODULES = Path(__file__).parents[2] / "runwatch" / "cli" / "commands"


def examples(command: click.Command) -> str:
    return (command.help or "").partition("\b\nExamples:\n")[2].partition("\n\n")[0]


def test_the_overview_has_every_command_in_one_group():
    assert sum(len(group) for group in GROUPS.values()) == len(COMMANDS)
    library = {"__init__"}
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


def next_steps(place: Path, **env: str) -> list[str]:
    own = {
        "HOME": str(place),
        "RUNWATCH_STATE": str(place / "state"),
        "XDG_CONFIG_HOME": str(place / "config"),
    }
    done = called(cwd=place, env={**ENVIRONMENT, **own, **env})
    assert (done.returncode, done.stderr) == (2, "")
    found = [line.strip().split("  ")[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    for line in found:
        shell_lines.check(line.split())
    return found


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.setattr(nearby, "written", lambda proc: [])  # those of other tests


def test_alone_it_says_what_to_do_next_on_this_machine(tmp_path):
    steps = next_steps(tmp_path)
    assert {"runwatch demo", "runwatch init", "runwatch notify setup slack"} <= set(steps)
    (tmp_path / "a b.log").write_text(LOG)
    (tmp_path / "runwatch.toml").write_text("[watch]\npaths = ['.']\n")
    steps = next_steps(tmp_path, RUNWATCH_SLACK_WEBHOOK="http://127.0.0.1:9/x")
    assert "runwatch tail 'a b.log'" in steps
    assert "runwatch watch -d" in steps
    assert not {"runwatch demo", "runwatch init", "runwatch notify setup slack"} & set(steps)
    (tmp_path / "runwatch.toml").write_text("[watch\n")
    assert "runwatch doctor" in next_steps(tmp_path)


@pytest.mark.deep
def test_alone_it_names_a_daemon_that_runs(tmp_path):
    with Daemon(tmp_path, str(tmp_path)):
        steps = next_steps(tmp_path)
    assert {"runwatch status", "runwatch attach"} <= set(steps)
    assert not {"runwatch init", "runwatch watch -d"} & set(steps)


def test_the_page_of_commands_is_current():
    assert PAGE.read_text() == render(), "run: python -m runwatch.cli.docs > docs/commands.md"
