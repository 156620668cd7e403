"""The commands that talk to the daemon."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from ..cli.live import Log
from .live import Daemon, Peer, Place, until


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    path = tmp_path_factory.mktemp("commands")
    log = Log(path / "speedrun.log")
    log.steps(4000, total=5568)
    with Daemon(path, log.path) as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("speedrun") == 3999)
            log.steps(3, total=5568, loss="nan")
            log.steps(3, total=5568)
            until(lambda: peer.step("speedrun") == 4005)
        yield daemon


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["status", "--json"], ["alerts"], ["ack", "abcdef"], ["silence", "list"],
        ["silence", "add", "run=x"], ["silence", "expire", "abcd"], ["actions"], ["actions", "cancel", "abcd"], ["reload"], ["stop"], ["add", "x"],
        ["drop", "x"], ["bridge"], ["attach", "--headless"],
    ],
)  # fmt: skip
def test_without_a_daemon_each_says_so_and_what_to_do(tmp_path, command):
    done = Place(tmp_path).run(*command)
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert (
        line
        == f"runwatch: no daemon is running: {tmp_path / 'state'}: start one with: runwatch watch -d PATH"
    )


def test_a_status_line_never_fails(tmp_path):
    done = Place(tmp_path).run("status", "--tmux")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no runwatch\n", "")


def test_status(daemon):
    done = daemon.run("status")
    first, *_, last = done.stdout.splitlines()
    assert re.match(
        r"▲ RUNNING  speedrun  step 4,005/5,568  ━+.*  72%  loss 2\.500  ETA .*1 crit.* ago", first
    )
    assert "1 run, 1 file; no channel is configured" in last
    again = daemon.run("status", "speedrun").stdout.splitlines()[0]
    assert again.partition("ETA")[0] == first.partition("ETA")[0], "but for what the clock changes"
    for asked in (["nope"], ["--json", "nope"]):
        done = daemon.run("status", *asked)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "runwatch: no such run: nope: known runs: speedrun\n"


def test_status_for_a_status_line(daemon):
    assert re.fullmatch(r"4005/5568 72% loss 2\.5\d? eta \d+\w ⚠1\n", daemon.run("status", "--tmux").stdout)
    assert "!1" in daemon.run("status", "--tmux", "--ascii").stdout
    assert "no such run: other" in daemon.run("status", "--tmux", "other").stdout


def test_status_as_check_prints_it(daemon):
    ours = json.loads(daemon.run("status", "--json").stdout)
    theirs = json.loads(daemon.run("check", "--json", "speedrun.log").stdout)
    assert ours.keys() == theirs.keys()
    assert ours["runs"][0].keys() == theirs["runs"][0].keys()
    assert ours["runs"][0]["metrics"] == theirs["runs"][0]["metrics"]
    by_id = json.loads(daemon.run("status", "--json", ours["runs"][0]["id"]).stdout)
    assert [run["name"] for run in by_id["runs"]] == ["speedrun"]


def test_alerts_and_acknowledging_one(daemon):
    (row,) = json.loads(daemon.run("alerts", "--json").stdout)["incidents"]
    assert row["rule"] == "nonfinite"
    (line,) = daemon.run("alerts").stdout.splitlines()
    assert line.startswith(f"{row['id'][:8]}  ▲ CRIT  speedrun  nonfinite")
    assert "see runwatch alerts" in daemon.run("ack", "0000").stderr
    done = daemon.run("ack", row["id"][:8])
    assert done.stdout.startswith("acknowledged: speedrun: loss is NaN")
    assert "ACK" in daemon.run("alerts").stdout
    assert "⚠" not in daemon.run("status", "--tmux").stdout


def test_silences(daemon):
    done = daemon.run(
        "silence", "add", "run=speedrun", "severity!=critical", "--for", "90m", "--comment", "rest"
    )
    assert done.returncode == 0
    name = re.search(r"\((\w+)\)$", done.stdout)[1]
    (reported,) = [line for line in daemon.run("status").stdout.splitlines() if "silence" in line]
    assert re.fullmatch(r'silenced: run="speedrun" severity!="critical" for 1h (?:30|29)m more', reported)
    listed = daemon.run("silence", "list").stdout
    assert re.match(rf'{name}  run="speedrun" severity!="critical"  1h \d\dm left  .*rest\n', listed)
    assert daemon.run("silence", "expire", name).stdout == f"ended: silence {name}\n"
    assert daemon.run("silence", "list").stdout == "no silences\n"
    assert "silence" not in daemon.run("status").stdout
    assert "a duration looks like" in daemon.run("silence", "add", "run=x", "--for", "soon").stderr


def test_typing_errors_in_a_silence_get_an_answer(daemon):
    for matcher, advice in (
        ("rule=hagn", "did you mean 'hang'?"),
        ("run=x rule!=los_spike", "did you mean 'loss_spike'?"),
        ("severity=critcal", "did you mean 'critical'?"),
        ("rul=hang", "did you mean rule?"),
    ):
        done = daemon.run("silence", "add", *matcher.split())
        assert (done.returncode, done.stdout) == (2, "")
        assert advice in done.stderr
    assert daemon.run("silence", "list").stdout == "no silences\n"
    for matcher in ("rule=finished", "rule=crashed", "rule=~hagn.*", "severity=warning"):
        assert daemon.run("silence", "add", matcher, "--for", "1m").returncode == 0
    for line in daemon.run("silence", "list").stdout.splitlines():
        assert daemon.run("silence", "expire", line.split()[0]).returncode == 0


@pytest.mark.deep
def test_a_headless_client(daemon):
    import subprocess
    import sys

    command = [sys.executable, "-m", "runwatch", "attach", "--headless", "--json", "--interval", "0.2"]
    with subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        seen = set()
        while {"run", "incident", "progress"} - seen:
            seen.add(json.loads(client.stdout.readline())["type"])
        client.terminate()


@pytest.mark.deep
def test_runs_of_long_ago_are_there_when_asked_for(tmp_path):
    month_ago = time.time() - 30 * 86_400
    for name in ("old", "new"):
        Log(tmp_path / f"{name}.log").steps(3)
    os.utime(tmp_path / "old.log", (month_ago, month_ago))
    with Daemon(tmp_path, tmp_path / "old.log", tmp_path / "new.log") as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("old") == 2 and peer.step("new") == 2)
        said = daemon.run("status").stdout
        assert "  new  " in said
        assert "  old  " not in said
        assert "and 1 more: --all shows them" in said
        assert "  old  " in daemon.run("status", "--all").stdout
