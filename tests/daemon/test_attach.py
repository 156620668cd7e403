"""The screen on a daemon that ends: it says so in plain words, and goes on by itself with the next one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from runwatch.watcher import protocol
from runwatch.watcher.service.launch import Hub, greet

from ..cli.live import Log
from ..cli.test_screen import Terminal
from ..cli.test_screen_fault import IN_A_LAYOUT, RUN, failed
from .live import WAIT, Daemon, Peer, Place


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


@pytest.mark.deep
def test_an_internal_error_of_the_screen_leaves_the_daemon(place):
    program = ("-c", IN_A_LAYOUT + RUN)
    with Terminal("attach", columns=120, rows=40, env=place.environ, program=program) as terminal:
        failed(terminal, Path(place.environ["RUNWATCH_STATE"]))
    assert "lm" in place.run("status").stdout


@pytest.fixture
def reach(tmp_path):
    """Return what reaches a host instead of ssh: the state directory in the folder that is called so."""
    path = tmp_path / "reach"
    path.write_text(
        f'while [ "$1" != -- ]; do shift; done\nexec env RUNWATCH_STATE={tmp_path}/$2/state sh -c "$3"\n'
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Log(tmp_path / name / "lm.log").steps(10)
    return "sh", str(path)


class Picture:
    """What a screen on several hosts gets."""

    def __init__(self, ssh, *hosts):
        self.hub = Hub(hosts, ssh, f"{sys.executable} -m runwatch")
        greet(self.hub.socket)
        self.hub.socket.settimeout(60.0)
        self._stream = self.hub.socket.makefile("rb")
        self.send(protocol.Subscribe(protocol.View(interval=0.1)))

    def send(self, request):
        self.hub.socket.sendall(protocol.encode(request))

    def reply(self, kind):
        while True:
            reply = protocol.decode_reply(self._stream.readline())
            if isinstance(reply, kind):
                return reply

    def until(self, wanted):
        deadline = time.monotonic() + WAIT
        while not wanted(found := self.reply(protocol.Frame).snapshot):
            assert time.monotonic() < deadline, found
        return found


@pytest.mark.deep
def test_a_run_on_several_hosts_is_one(tmp_path, reach):
    for name in ("a", "b"):
        (tmp_path / name / "runwatch.toml").write_text('[metrics]\njob = "7"\n')
    (tmp_path / "a" / "lm.log").unlink()
    Log(tmp_path / "a" / "lm.log").steps(70)
    with (
        Daemon(tmp_path / "a", tmp_path / "a" / "lm.log") as one,
        Daemon(tmp_path / "b", tmp_path / "b" / "lm.log") as other,
    ):
        screen = Picture(reach, "a", "b")
        try:
            found = screen.until(lambda s: s.run and len(s.run.ranks) == 2 and s.runs[0].progress.step == 69)
            (row,) = found.runs
            assert (row.name, row.host, found.run.id, found.run.progress.step) == (
                    "lm", "2 nodes", row.id, 69,
                )  # fmt: skip
            assert [(rank.host, rank.done) for rank in found.run.ranks] == [("a", 69), ("b", 9)]
            assert (
                [each.title for each in found.run.incidents]
                == [row.worst]
                == ["a rank on b is 60 steps behind the first one"]
            )
            screen.send(protocol.Silence(("run=lm",), time.time() + 3600, id=5, about=row.id))
            assert screen.reply(protocol.Done).id == 5
            screen.until(lambda s: row.id in s.silenced)
            for daemon in (one, other):
                with Peer(daemon.socket) as peer:
                    assert [each["matchers"] for each in peer.ask("silences")["silences"]] == [['run="lm"']]
            other.close()
            found = screen.until(
                lambda s: s.run and not s.lost and s.runs[0].worst.startswith("b: daemon stopped")
            )
            assert [row.host for row in found.runs] == ["2 nodes"]
            assert found.run.ranks[-1].host == "b"
        finally:
            screen.hub.close()


@pytest.mark.deep
def test_one_daemon_by_two_names_is_no_run_on_two_hosts(tmp_path, reach):
    (tmp_path / "a" / "runwatch.toml").write_text('[metrics]\njob = "7"\n')
    (tmp_path / "alias").symlink_to(tmp_path / "a")
    with Daemon(tmp_path / "a", tmp_path / "a" / "lm.log"):
        screen = Picture(reach, "a", "alias")
        try:
            found = screen.until(lambda s: len(s.runs) > 1)
            assert [row.name for row in found.runs] == ["a:lm", "alias:lm"]
        finally:
            screen.hub.close()


@pytest.mark.deep
def test_runs_of_one_host_are_compared(tmp_path, reach):
    Log(tmp_path / "a" / "other.log").steps(10)
    with Daemon(tmp_path / "a", tmp_path / "a" / "lm.log", tmp_path / "a" / "other.log"):
        screen = Picture(reach, "a")
        try:
            read = screen.until(lambda s: [row.phase for row in s.runs] == ["training", "training"])
            one, other = (row.id for row in read.runs)
            chart = protocol.Chart("train/loss", 20)
            view = protocol.View(run=one, charts=(chart,), compare=(other,), interval=0.1)
            screen.send(protocol.Subscribe(view))
            (found,) = screen.until(lambda s: s.compared).compared
            assert (found.id, len(found.charts[0].x)) == (other, 10)
        finally:
            screen.hub.close()


@pytest.mark.deep
def test_a_silence_goes_to_the_daemon_of_its_host(tmp_path, reach):
    with (
        Daemon(tmp_path / "a", tmp_path / "a" / "lm.log") as one,
        Daemon(tmp_path / "b", tmp_path / "b" / "lm.log") as other,
    ):
        hub = Hub(("a", "b"), reach, f"{sys.executable} -m runwatch")
        try:
            greet(hub.socket)
            hub.socket.settimeout(60.0)
            stream = hub.socket.makefile("rb")
            for host in ("b", "nowhere"):
                silence = protocol.Silence(("run=lm",), time.time() + 3600, about=f"{host}\x1flm", id=5)
                hub.socket.sendall(protocol.encode(silence))
            answers = [protocol.decode_reply(stream.readline()) for _ in range(2)]
            assert {type(reply) for reply in answers} == {protocol.Done, protocol.Refused}, answers
        finally:
            hub.close()
        with Peer(one.socket) as here, Peer(other.socket) as there:
            assert here.ask("silences")["silences"] == []
            assert [row["matchers"] for row in there.ask("silences")["silences"]] == [['run="lm"']]
