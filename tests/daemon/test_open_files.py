"""More logs than files may be open: all of them are read, and the limit is named."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from itertools import islice

import pytest

from .live import WAIT, Daemon, Peer, Place, until

LOGS = 60
FEW = ("sh", "-c", 'ulimit -n 72 && exec "$@" 2> said', "sh")
"""Fewer than there are logs; what is said goes to a file, which takes any number of lines."""


def lines(first, last):
    return "".join(
        f"step {step} | loss: {2 + 1 / (step + 1):.4f} | lr: 0.001\n" for step in range(first, last)
    )


@pytest.fixture
def logs(tmp_path):
    paths = [tmp_path / "logs" / f"run{number:03}.log" for number in range(LOGS)]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_text(lines(0, 3))
    return paths


def append(path, text):
    with path.open("a") as file:
        file.write(text)


@pytest.mark.deep
def test_a_daemon_reads_and_follows_all_logs(tmp_path, logs):
    with Daemon(tmp_path, logs[0].parent, under=FEW) as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.ask("health")["runs"] == LOGS)
        (note,) = until(lambda: [said for said in peer.ask("health")["notices"] if "limit" in said])
        for words in (
            f"{LOGS} logs",
            "only 18",
            "limit of open files is 72",
            "`ulimit -n 124`",
            "LimitNOFILE=",
        ):
            assert words in note
        for path in logs[::2]:
            append(path, lines(3, 5))
        logs[1].rename(logs[1].with_suffix(".log.1"))  # it is closed, or not, and what it holds is read
        append(logs[1].with_suffix(".log.1"), lines(3, 4))
        logs[1].write_text(lines(4, 6))
        until(lambda: sum(run["progress"]["step"] >= 4 for run in peer.runs().values()) == LOGS // 2 + 1)
        until(lambda: peer.step("run001") == 5)


@pytest.mark.deep
def test_tail_and_check_read_all_logs(tmp_path, logs):
    place = Place(tmp_path)

    def started(*arguments):
        command = [*FEW, sys.executable, "-m", "runwatch", *arguments, str(logs[0].parent)]
        return subprocess.Popen(command, env=place.environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    with started("check", "--json") as check:
        assert len(json.load(check.stdout)["runs"]) == LOGS
    with started("tail", "--headless", "--json") as tail:
        reported = (json.loads(line) for line in tail.stdout)
        found = (reported["run"] for reported in reported if reported["type"] == "run")
        assert len(list(islice(found, LOGS))) == LOGS
        tail.terminate()


def test_a_wrapped_command_keeps_its_limits(tmp_path):
    place, before = Place(tmp_path), resource.getrlimit(resource.RLIMIT_NOFILE)
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    done = subprocess.run(
        ["sh", "-c", 'ulimit -Sn 200 && exec "$@"', "sh", sys.executable, "-m", "runwatch", "run", "-q",
         "--log", str(tmp_path / "run.log"), "--", sys.executable, "-c", code],
        env=place.environ, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == str((200, before[1]))
