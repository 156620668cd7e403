"""The screen on a daemon that ends: it says so in plain words, and goes on by itself with the next one."""

from __future__ import annotations

import sys
import time

import pytest

from runwatch.watcher import protocol
from runwatch.watcher.service.launch import Hub, greet

from ..cli.live import Log
from ..cli.test_screen import Terminal
from .live import Daemon, Peer, Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    log = Log(tmp_path / "lm.log")
    log.steps(400, total=1000)
    place.run("watch", "-d", log.path)
    yield place
    place.run("stop")


@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.deep)])
def test_a_daemon_that_stops_is_told_and_comes_back(place, columns):
    with Terminal("attach", columns=columns, rows=24, env=place.environ) as terminal:
        terminal.until(lambda p: "399" in p)
        place.run("stop")
        picture = terminal.until(lambda p: "DAEMON STOPPED" in p and "runwatch watch -d" in p)
        assert "399" in picture, "the last picture stays"
        assert "continues by itself" in picture
        assert "ENGINE" not in picture.upper()
        place.run("watch", "-d", place.path / "lm.log")
        terminal.until(lambda p: "STOPPED" not in p and "399" in p)
        terminal.keys("q")
        assert terminal.end() == 0


def test_a_silence_goes_to_the_daemon_of_its_host(tmp_path):
    reach = tmp_path / "reach"
    reach.write_text(
        f'while [ "$1" != -- ]; do shift; done\nexec env RUNWATCH_STATE={tmp_path}/$2/state sh -c "$3"\n'
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Log(tmp_path / name / "lm.log").steps(10)
    with (
        Daemon(tmp_path / "a", tmp_path / "a" / "lm.log") as one,
        Daemon(tmp_path / "b", tmp_path / "b" / "lm.log") as other,
    ):
        hub = Hub(("a", "b"), ("sh", str(reach)), f"{sys.executable} -m runwatch")
        try:
            greet(hub.socket)
            hub.socket.settimeout(60.0)
            stream = hub.socket.makefile("rb")
            for host in ("b", "nowhere"):
                silence = protocol.Silence(("run=lm",), time.time() + 3600, host=host, id=5)
                hub.socket.sendall(protocol.encode(silence))
            answers = [protocol.decode_reply(stream.readline()) for _ in range(2)]
            assert {type(reply) for reply in answers} == {protocol.Done, protocol.Refused}, answers
        finally:
            hub.close()
        with Peer(one.socket) as here, Peer(other.socket) as there:
            assert here.ask("silences")["silences"] == []
            assert [row["matchers"] for row in there.ask("silences")["silences"]] == [['run="lm"']]
