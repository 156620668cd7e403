"""Shell completion: the script, and what it is answered."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import click
import pytest

from runwatch.cli.main import cli
from runwatch.cli.overview import COMMANDS

from ..daemon.live import Daemon, until
from ..wrap.command import Terminal
from .command import called
from .live import Log

RUNWATCH = [sys.executable, "-c", "from runwatch.cli.main import main; main()"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_runwatch(shell):
    done = subprocess.run([*RUNWATCH, "completion", shell], capture_output=True, text=True, check=True)
    assert f"_RUNWATCH_COMPLETE={shell}_complete" in done.stdout


def answers(line: str, **env: str) -> set[str]:
    """What is offered at the end of a line in bash."""
    asked = {"_RUNWATCH_COMPLETE": "bash_complete", "COMP_LINE": line}
    done = called(env={**os.environ, **asked, **env})
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("runwatch si", {"plain,silence"}),
        ("runwatch run --resta", {"plain,--restart"}),
        ("runwatch tail tr", {"file,tr"}),
        ("runwatch check --config ", {"file,"}),
        ("runwatch rules han", {"plain,hang"}),
        ("runwatch silence add ru", {"plain,run=", "plain,rule="}),
        ("runwatch silence add rule=han", {"plain,rule=hang"}),
        (
            "runwatch silence add severity!=",
            {f"plain,severity!={s}" for s in ("info", "warning", "critical")},
        ),
        ("runwatch tail --format nanoch", {"plain,nanochat"}),
        ("runwatch status ", set()),  # no daemon runs
        ("runwatch ack ", set()),
    ],
)
def test_commands_options_and_names_are_completed(line, answer):
    assert answers(line) == answer


@pytest.mark.parametrize("name", COMMANDS)
def test_every_path_and_format_is_completed(name):
    command = cli.get_command(click.Context(cli), name)
    for given in command.params:
        if given.name in ("path", "paths", "directories"):
            assert isinstance(given.type, click.Path), given.name
        if "--format" in given.opts and not isinstance(given.type, click.Choice):
            asked = given.shell_complete(click.Context(command), "nanoch")
            assert [each.value for each in asked] == ["nanochat"]


@pytest.fixture
def daemon(tmp_path):
    for name in ("exp7", "exp8"):
        Log(tmp_path / f"{name}.log").steps(3, loss="nan")
    Log(tmp_path / "a$(id) b.log").steps(3)
    with Daemon(tmp_path, str(tmp_path)) as daemon:
        until(lambda: daemon.run("alerts").stdout.count("nonfinite") >= 2)
        yield daemon


def incidents(daemon):
    return [row["id"] for row in json.loads(daemon.run("alerts", "--json").stdout)["incidents"]]


@pytest.mark.deep
def test_runs_and_incidents_of_the_daemon_are_completed(daemon):
    state = {"RUNWATCH_STATE": str(daemon.state)}
    assert answers("runwatch status ", **state) == {
        "plain,exp7",
        "plain,exp8",
    }  # no name that a shell would run
    assert answers("runwatch silence add run=exp7", **state) == {"plain,run=exp7"}
    assert answers("runwatch ack ", **state) == {f"plain,{each}" for each in incidents(daemon)}


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_on_a_terminal(daemon, tmp_path):
    (tmp_path / "train.log").write_text("")
    program = tmp_path / "bin" / "runwatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m runwatch "$@"\n')
    program.chmod(0o755)
    own = {"RUNWATCH_STATE": str(daemon.state), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    words = (
        "env",
        *(f"{name}={value}" for name, value in own.items()),
        "bash",
        "--norc",
        "--noprofile",
        "-i",
    )
    with Terminal(*words, columns=200, cwd=tmp_path) as shell:
        shell.until(rb"\$ ")
        shell.type(
            b"bind 'set enable-bracketed-paste off'; eval \"$(runwatch completion bash)\"; echo re'ady'\n"
        )
        shell.until(rb"ready\r\n")
        for typed, becomes in [
            (b"runwatch silence add run=exp7\t", b"run=exp7 "),
            (b"runwatch silence add rule=han\t", b"rule=hang "),
            (b"runwatch tail trai\t", b"train.log "),
            (b"runwatch statu\t", b"status "),
        ]:
            shell.type(typed)
            shell.until(re.escape(becomes))
            shell.type(b"\x15")
