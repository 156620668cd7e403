"""An incident from a log line to a person and back: real daemon, real commands, a stand-in for Slack."""

from __future__ import annotations

import json
import re
import signal

import pytest

from ..alerts.slack_server import SlackServer
from ..cli.live import Log
from .live import Daemon, Peer, Place, until


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


def configure(place, slack, more: str = "") -> None:
    (place / "runwatch.toml").write_text(f"[slack]\nwebhook = '{slack.url}'\n{more}")


def start(path) -> Daemon:
    return Daemon(path, path / "lm.log", environ={"no_proxy": "*"})


def kill(daemon: Daemon) -> None:
    daemon.signal(signal.SIGKILL)
    daemon.ended()


def states(place: Place, *more: str) -> dict[str, str]:
    rows = json.loads(place.run("alerts", "--json", *more).stdout)["incidents"]
    return {row["id"]: row["state"] for row in rows if row["severity"] != "info"}


@pytest.mark.deep
def test_what_a_message_says_to_do_works_and_outlives_a_killed_daemon(tmp_path, slack):
    log = Log(tmp_path / "lm.log")
    log.steps(300)
    configure(tmp_path, slack)
    with start(tmp_path) as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("lm") == 299)
            log.steps(2, loss="nan")
            log.steps(1)
            slack.wait(shown=1)
        command = re.search(r"Acknowledge: runwatch (ack \w+)", str(slack.shown[0]))[1]
        incident = command.split()[1]
        assert states(daemon) == {incident: "firing"}
        kill(daemon)
    with start(tmp_path) as daemon:
        assert states(daemon) == {incident: "firing"}
        assert daemon.run(*command.split()).stdout.startswith("acknowledged: lm: loss is NaN")
        assert daemon.run(*command.split()).stdout.startswith("already acknowledged: lm: ")
        assert "silenced until" in daemon.run("silence", "add", "rule=crash", "--comment", "known").stdout
        kill(daemon)
    with start(tmp_path) as daemon:
        assert states(daemon) == {incident: "acknowledged"}
        assert "known" in daemon.run("silence", "list").stdout
        with SlackServer() as other:
            configure(tmp_path, other, "min_severity = 'loud'")
            done = daemon.run("reload")
            assert done.returncode != 0
            assert "min_severity" in done.stderr
            configure(tmp_path, other)
            assert daemon.run("reload").returncode == 0
            log.steps(400)
            other.wait(shown=1)
            assert "✓ Resolved" in other.titles()[0]
            assert daemon.run(*command.split()).stdout.startswith("already resolved: lm: ")
            assert states(daemon) == {}
            log.write(
                'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: x\n'
            )
            until(lambda: "firing" in states(daemon).values())
            name = daemon.run("silence", "list").stdout.split()[0]
            assert len(other.shown) == 1
            assert daemon.run("silence", "expire", name).stdout == f"ended: silence {name}\n"
            other.wait(shown=2)
            assert "ValueError" in other.titles()[1]
            (crash,) = states(daemon)
            assert f"runwatch ack {crash}" in str(other.shown[1])
    # A daemon that was killed before it noted the answer tells again, and says so.
    assert len([post for post in slack.shown if "answer to it was lost" not in str(post)]) == 1
    assert len(other.shown) == 2


ACTION = """
[[actions]]
name = "note it"
match = ["rule=nonfinite"]
command = ["/bin/true"]
dry_run = false
confirm = 3600
"""


def test_an_action_that_waits_is_listed_and_can_be_stopped(tmp_path, slack):
    log = Log(tmp_path / "lm.log")
    log.steps(300)
    configure(tmp_path, slack, ACTION)
    with start(tmp_path) as daemon:
        assert daemon.run("actions").stdout == "no planned actions\n"
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("lm") == 299)
            log.steps(2, loss="nan")
            log.steps(1)
            slack.wait(shown=2)
        assert "runwatch actions cancel" in str(slack.shown)
        (row,) = json.loads(daemon.run("actions", "--json").stdout)["actions"]
        assert (row["name"], row["run"], row["dry_run"]) == ("note it", "lm", False)
        assert re.match(
            r"\w+\.note it  in \w+( \w+)?  true is run: loss is NaN", daemon.run("actions").stdout
        )
        assert "no action zzzz: see runwatch actions" in daemon.run("actions", "cancel", "zzzz").stderr
        done = daemon.run("actions", "cancel", row["incident"][:6])
        assert done.stdout == f"cancelled: {row['id']}\n"
        assert daemon.run("actions").stdout == "no planned actions\n"
        trail = [json.loads(line) for line in (daemon.state / "actions.jsonl").read_text().splitlines()]
        assert [line["step"] for line in trail] == ["waiting", "cancelled"]
        assert trail[1]["reason"].startswith("cancelled")
