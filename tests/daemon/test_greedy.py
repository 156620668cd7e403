"""Clients that ask too much, badly, or not at all: the others are answered all the same."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading

import pytest

from runwatch.watcher.service.clients import MAX_CLIENTS

from ..cli.live import Log
from .live import WAIT, Daemon, Peer, until


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A daemon with one run; in the end it has written no traceback."""
    path = tmp_path_factory.mktemp("greedy")
    (path / "logs").mkdir()
    Log(path / "logs" / "one.log").steps(300)
    with Daemon(path, path / "logs") as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("one") == 299)
        yield daemon
        daemon.process.terminate()
        code, said = daemon.ended()
    assert code == 0
    assert "Traceback" not in said, said


def connected(daemon: Daemon) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(daemon.socket))
    sock.settimeout(WAIT)
    return sock


def is_well(daemon: Daemon) -> bool:
    with Peer(daemon.socket) as peer:
        return peer.ask("health")["runs"] == 1 and "one" in peer.runs()


def charts(count: int, width: int = 80) -> dict[str, object]:
    return {"charts": [{"metric": "train/loss", "width": width}] * count}


def test_a_view_of_too_many_charts_is_refused(daemon):
    with Peer(daemon.socket) as peer:
        peer.send("subscribe", view=charts(10_000))
        reply = peer.next()
        assert reply["type"] == "refused"
        assert "160 charts at most, this one 10000" in reply["message"]
        peer.send("subscribe", view={**charts(1), "compare": [str(n) for n in range(10_000)]})
        assert "64 runs at most" in peer.next()["message"]
        assert peer.ask("health")["type"] == "health_report"


def test_the_widest_view_fits_a_message(daemon):
    with Peer(daemon.socket) as peer:
        peer.send("subscribe", view={**charts(160, 1 << 40), "log_lines": 1 << 40, "interval": -1})
        while (frame := peer.next())["type"] != "frame":
            pass
        assert len(frame["snapshot"]["run"]["charts"]) == 160
        assert len(json.dumps(frame)) < 4 << 20
        points = [len(chart["x"]) for chart in frame["snapshot"]["run"]["charts"]]
        assert 0 < sum(points) <= 2 * 8192


def test_a_flood_of_requests_lets_others_pass(daemon):
    count, answered = 20_000, 0
    with connected(daemon) as flood:

        def read() -> None:
            nonlocal answered
            with flood.makefile("rb") as stream, contextlib.suppress(ConnectionResetError):  # it was closed
                for line in stream:
                    answered += b"run_list" in line[:30]

        reading = threading.Thread(target=read)
        reading.start()
        sending = threading.Thread(target=_send, args=(flood, b'{"type": "runs"}\n' * count))
        sending.start()
        until(lambda: answered)
        assert is_well(daemon)
        assert answered < count, "it was answered after the flood, not beside it"
        flood.shutdown(socket.SHUT_RDWR)
        reading.join()
        sending.join()


def _send(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it was closed meanwhile
        sock.sendall(data)


@pytest.mark.parametrize("begun", [b"", b'{"type": "runs"', b"x" * 100_000])
def test_idle_clients_lock_nobody_out(daemon, begun):
    idle = [connected(daemon) for _ in range(300)]
    for sock in idle:
        with contextlib.suppress(OSError):  # it had to go already
            sock.sendall(begun)
    assert is_well(daemon)
    until(lambda: sum(map(has_ended, idle)) >= len(idle) - MAX_CLIENTS)
    for sock in idle:
        sock.close()


def has_ended(sock: socket.socket) -> bool:
    """Return whether the daemon has ended a connection; what it said until then is taken."""
    sock.setblocking(False)
    try:
        while sock.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def test_screens_leave_places_for_questions(daemon):
    screens = [Peer(daemon.socket) for _ in range(230)]
    replies = []
    for screen in screens:
        screen.send("subscribe", view={"interval": 60})
    for screen in screens:
        while (reply := screen.next())["type"] not in ("frame", "refused"):
            pass
        replies.append(reply["type"])
    assert replies.count("frame") == 224
    assert is_well(daemon)
    for screen in screens:
        screen.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "runs", "x": ' + b"[" * 100_000,
        b'{"type": "runs", "id": 1e400}',
        b'{"type": "follow", "interval": -1e999}',
        b'{"type": "add", "paths": ["/\\udcff"]}',
        b"\x00",
        b"",
    ],
)
def test_what_is_no_message_ends_that_connection_alone(daemon, line):
    with Peer(daemon.socket) as peer:
        peer.sock.sendall(line + b"\n")
        reply = peer.next()
        assert reply["type"] == "failure"
        assert reply["message"].startswith("bad request: ")
    assert is_well(daemon)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/tmp/a\0b", "control character"),
        ("/tmp/a\nb", "control character"),
        ("/tmp/" + "x" * 300, "too long"),
        ("/tmp/" + "x/" * 3000, "too long"),
        ("", "not an absolute path"),
    ],
)
def test_a_path_that_cannot_be_is_refused_and_not_listed(daemon, path, words):
    with Peer(daemon.socket) as peer:
        before = peer.ask("health")["paths"]
        for paths in ([path], ["/tmp/nothing.log", path]):
            reply = peer.ask("add", paths=paths)
            assert reply["type"] == "refused"
            assert words in reply["message"]
            assert reply["message"].isprintable()
        assert peer.ask("health")["paths"] == before
        assert peer.ask("add", paths=before)["message"] == "already watched"


def test_too_many_paths_are_refused(daemon):
    with Peer(daemon.socket) as peer:
        reply = peer.ask("add", paths=[f"/tmp/nothing/{n}.log" for n in range(1000)])
        assert reply["type"] == "refused"
        assert "1000 at most" in reply["message"]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("matchers", "words"),
    [
        (["run=a\0b"], "control character"),
        (["run=" + "a" * 1000], "1000 characters at most"),
        (["run=a"] * 17, "16 matchers at most"),
        (["run=~(?!a).*"], "cannot use (?!"),
        (["run=~(.|.){1000}"], "too large"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(daemon, matchers, words):
    with Peer(daemon.socket) as peer:
        reply = peer.ask("silence", matchers=matchers, ends=4e9)
        assert reply["type"] == "refused"
        assert words in reply["message"]
        assert peer.ask("silences")["silences"] == []


@pytest.mark.deep
def test_a_name_that_is_not_utf8_is_one_line(daemon):
    for command in ([b"add", b"/tmp/\xff.log"], [b"silence", b"add", b"run=\xff", b"--for", b"1h"]):
        done = daemon.run(*map(os.fsdecode, command))
        assert done.returncode == 2
        assert done.stderr.startswith("runwatch: the daemon accepts only UTF-8: ")
        assert done.stderr.count("\n") == 1
