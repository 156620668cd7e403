"""What a client may ask a real daemon, and what it gets, over nothing but the socket."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import stat
import time

import pytest

from runwatch.core.errors import EngineError
from runwatch.watcher import protocol
from runwatch.watcher.daemon.remote import Host

from ..cli.live import Log
from .live import Daemon, Peer, until

NAN = "step 00100/10000 (0.10%) | loss: nan | dt: 10.00ms\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """One daemon for what changes nothing: a run with 100 steps and a NaN found live, and a short one."""
    path = tmp_path_factory.mktemp("daemon")
    logs = path / "logs"
    logs.mkdir()
    log = Log(logs / "one.log")
    log.steps(100)
    Log(logs / "two.log").steps(20)
    with Daemon(path, logs) as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("one") == 99 and peer.step("two") == 19)
            log.write(NAN)
            until(lambda: peer.ask("incidents")["incidents"])
        yield daemon


@pytest.fixture
def peer(daemon):
    with Peer(daemon.socket) as peer:
        yield peer


def test_socket_and_state_are_the_owners_alone(daemon):
    assert stat.S_IMODE(daemon.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(daemon.socket.stat().st_mode) & 0o077 == 0


def test_greets_with_its_version(daemon, peer):
    assert peer.hello["type"] == "hello"
    assert peer.hello["version"] == 1
    assert peer.hello["pid"] == daemon.process.pid


def test_a_newer_client_is_told_what_to_do(peer):
    peer.send("hello", version=99, software="runwatch 9")
    reply = peer.next()
    assert reply["type"] == "failure"
    assert "runwatch 9 speaks protocol 99" in reply["message"]


def test_lists_runs(peer):
    runs = peer.runs()
    assert set(runs) == {"one", "two"}
    assert runs["one"]["critical"] == 1
    assert runs["two"]["progress"]["total"] == 10_000


def test_lists_runs_in_full(peer):
    (part,) = peer.replies("runs", documents=True)
    one = next(run for run in part["documents"] if run["name"] == "one")
    assert one["steps"]["records"] == 101
    assert one["incidents"][0]["rule"] == "nonfinite"


def test_a_series_by_range_and_width(peer):
    columns = peer.ask("query", run="one", metric="train/loss", first=10, last=49, width=8)["columns"]
    assert 1 < len(columns["x"]) <= 16
    assert 10 <= min(columns["x"]) <= max(columns["x"]) <= 49
    assert all(value == 2.5 for value in columns["mean"])


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("query", {"run": "none", "metric": "train/loss"}, "no such run: none: known runs: "),
        ("query", {"run": "one", "metric": "x"}, "no such metric: x"),
        ("acknowledge", {"incident": "ffffffff"}, "no incident ffffffff: see runwatch alerts"),
        ("silence", {"matchers": ["nonsense"], "ends": time.time() + 60}, "a matcher looks like"),
        ("silence", {"matchers": ["run=one"], "ends": 1.0}, "a silence lasts"),
        ("unsilence", {"silence": "0"}, "no silence 0"),
        ("add", {"paths": ["relative"]}, "not an absolute path"),
        ("drop", {"paths": ["/nowhere"]}, "not among what was asked for: /nowhere: asked for: /"),
    ],
)
def test_what_cannot_be_is_refused_and_the_connection_goes_on(peer, kind, fields, words):
    reply = peer.ask(kind, **fields)
    assert reply["type"] == "refused"
    assert words in reply["message"]
    assert peer.ask("health")["type"] == "health_report"


def test_health(daemon, peer):
    health = peer.ask("health")
    assert health["pid"] == daemon.process.pid
    assert (health["runs"], health["sources"]) == (2, 2)
    assert health["state"] == str(daemon.state)
    assert health["channels"] == []
    assert health["lag"] < 30


def test_a_view_is_served_until_it_changes(peer):
    view = {"run": None, "charts": [{"metric": "train/loss", "width": 40}], "log_lines": 5, "interval": 0.05}
    peer.send("subscribe", view=view)
    while (frame := peer.next())["type"] != "frame":
        pass
    assert frame["snapshot"]["run"]["name"] == "one"
    assert frame["snapshot"]["run"]["charts"][0]["metric"] == "train/loss"
    assert len(frame["snapshot"]["run"]["log"]) == 5


def test_follows(peer):
    peer.send("follow", interval=0.1)
    seen = set()
    while {"run", "incident", "progress"} - seen:
        reply = peer.next()
        if reply["type"] == "line":
            seen.add(reply["body"]["type"])


@pytest.mark.parametrize("line", [b"what?\n", b'{"type": "nothing"}\n', b"x" * (1 << 21) + b"\n", b"\xff\n"])
def test_nonsense_ends_the_connection_and_nothing_else(daemon, line):
    with Peer(daemon.socket) as peer:
        try:
            peer.sock.sendall(line)
            assert peer.next()["type"] == "failure"
        except (BrokenPipeError, ConnectionResetError):
            pass
    with Peer(daemon.socket) as peer:
        assert len(peer.runs()) == 2


@pytest.mark.deep
def test_a_client_that_never_reads_costs_nobody_anything(daemon, peer):
    before = _resident(daemon)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(daemon.socket))
    view = {"charts": [{"metric": "train/loss", "width": 4000}], "log_lines": 500, "interval": 0.001}
    deaf.sendall(_line("follow", interval=0.001) + _line("subscribe", view=view))
    deaf.setblocking(False)
    try:
        while True:  # until it takes no more requests: it waits for its answers to be read
            deaf.send(_line("runs", documents=True) * 64)
            peer.ask("health")
    except BlockingIOError:
        pass
    for _ in range(20):
        assert len(peer.runs()) == 2
    assert _resident(daemon) - before < 20e6
    deaf.close()


def _line(kind: str, **fields: object) -> bytes:
    import json

    return json.dumps({"type": kind, **fields}).encode() + b"\n"


def _resident(daemon: Daemon) -> int:
    import psutil

    return int(psutil.Process(daemon.process.pid).memory_info().rss)


@pytest.mark.deep
def test_fifty_clients_come_and_go(daemon):
    def descriptors() -> int:
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    before = descriptors()
    peers = [Peer(daemon.socket) for _ in range(50)]
    for peer in peers:
        peer.send("subscribe", view={"log_lines": 3, "interval": 0.1})
    for peer in peers:
        while peer.next()["type"] != "frame":
            pass
    assert peers[0].ask("health")["clients"] >= 50
    for peer in peers:
        peer.close()
    with Peer(daemon.socket) as peer:
        until(lambda: peer.ask("health")["clients"] == 1)
    until(lambda: descriptors() <= before)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "line", "body": {"a": ' + b"[" * 100_000,
        b'{"type": "failure", "message": 1}',
        b'{"type": "unknown"}',
    ],
)
def test_what_is_no_message_of_an_engine_is_an_error_of_ours(line):
    with pytest.raises(EngineError, match=r"broken connection: .+"):
        protocol.decode_reply(line)


def test_a_remote_that_sends_what_is_no_message_is_tried_again():
    async def link() -> Host:
        host = Host("there", (), "runwatch", lambda *reply: None, lambda host: None)
        reader = asyncio.StreamReader()
        reader.feed_data(b'{"type": "line", "body": {"a": ' + b"[" * 50_000 + b"\n")
        host._there = lambda: asyncio.sleep(0, (reader, io.BytesIO()))
        running = asyncio.create_task(host.run())
        trying = asyncio.create_task(host.tried.wait())
        await asyncio.wait({running, trying}, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        running.cancel()
        return host

    assert asyncio.run(link()).reason.startswith("broken connection: ")


@pytest.mark.parametrize(("code", "exit_code"), [(2, 2), (70, 70), (17, 3), (10**20, 3)])
def test_an_engine_decides_the_exit_code_among_those_that_there_are(code, exit_code):
    assert protocol.reported(protocol.Failure("no", code), EngineError).exit_code == exit_code
