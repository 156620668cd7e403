"""/metrics of a real daemon: what it says, who may read it, and that nobody who asks can disturb it."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from types import SimpleNamespace

import pytest

from runwatch.config.sections import Config, MetricsConfig
from runwatch.prometheus.table import Kind, Metric
from runwatch.watcher.exporter import exporter
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.turns import Turns

from ..cli.live import Log
from ..daemon.live import Daemon, Peer, Place, until
from .scraped import Door


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "lm.log")
    log.steps(10)
    return log


@pytest.fixture
def door(tmp_path):
    door = Door()
    door.configure(tmp_path)
    return door


def test_a_run_is_exported_as_it_continues(tmp_path, log, door):
    with Daemon(tmp_path, log.path):
        until(lambda: door.value("runwatch_run_step", run="lm", host="node1") == 9)
        log.steps(5, loss="1.250000")
        until(lambda: door.value("runwatch_run_step") == 14)
        classic, modern = door.get(accept="text/plain"), door.get()
        assert "version=0.0.4" in classic.headers["Content-Type"]
        assert "openmetrics" in modern.headers["Content-Type"]
        assert modern.body.endswith(b"# EOF\n")
        assert classic.samples.keys() == modern.samples.keys()
        samples = {name: found[0].value for name, found in modern.samples.items()}
        assert samples["runwatch_train_loss"] == 1.25
        assert samples["runwatch_step_seconds"] == 0.01
        assert samples["runwatch_run_planned_steps"] == 10_000
        assert samples["runwatch_lines_total"] == 15
        assert samples["runwatch_sources_unreadable"] == 0
        assert modern.samples["runwatch_run_phase"][0].labels["phase"] == "training"
        packed = door.get(**{"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed.body).startswith(b"# HELP")
        assert door.get(method="HEAD").body == b""
        assert [door.get(path).status for path in ("/healthz", "/readyz", "/else")] == [200, 200, 404]
        assert door.get(method="POST").status == 405


@pytest.mark.deep
def test_an_incident_and_a_run_that_ended_leave_after_a_while(tmp_path, log, door):
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: door.value("runwatch_run_step") == 9)
        log.write('Traceback (most recent call last):\n  File "train.py", line 1\nRuntimeError: CUDA error\n')
        found = until(
            lambda: [
                s for s in door.get().samples.get("runwatch_incident", []) if s.labels["rule"] == "crash"
            ]
        )
        assert found[0].labels["severity"] == "critical"
        assert found[0].labels["state"] == "firing"
        door.configure(tmp_path, "ended = 0")
        peer.ask("reload")
        until(lambda: door.value("runwatch_run_step") is None and door.value("runwatch_runs_left_out") == 1)
        door.configure(tmp_path, "ended = 900")
        peer.ask("reload")
        until(lambda: door.value("runwatch_runs") == 1)


def test_a_token_is_needed_where_there_is_one(tmp_path, log, door):
    secret = tmp_path / "token"
    secret.write_text("let-me-in\n")
    secret.chmod(0o600)
    door.configure(tmp_path, f'token = {{ file = "{secret}" }}')
    with Daemon(tmp_path, log.path):
        assert until(lambda: door.get("/healthz").status) == 200
        refused = door.get(), door.get(Authorization="Bearer nearly"), door.get(Authorization="Bearer é")
        assert [answer.status for answer in refused] == [401, 401, 401]
        assert all(b"let-me-in" not in answer.body and b"runwatch_" not in answer.body for answer in refused)
        assert door.get(Authorization="Bearer let-me-in").status == 200


def test_no_web_page_reads_it_by_a_name_of_its_own(tmp_path, log, door):
    with Daemon(tmp_path, log.path):
        assert until(lambda: door.get("/healthz").status) == 200
        refused = (
            door.get(Host="evil.example:9464"),
            door.get(Host="127.0.0.1.evil.example"),
            door.get(Host="["),
        )
        assert [answer.status for answer in refused] == [421, 421, 421]
        assert all(b"runwatch_" not in answer.body for answer in refused)
        taken = door.get(), door.get(Host=f"localhost:{door.port}"), door.get(Host="[::1]:80")
        assert [answer.status for answer in taken] == [200, 200, 200]


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_it_speaks_https_with_a_certificate(tmp_path, log, door):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    door.configure(tmp_path, f'cert_file = "{cert}"\nkey_file = "{key}"')
    door.context = ssl.create_default_context(cafile=str(cert))
    with Daemon(tmp_path, log.path):
        until(lambda: door.value("runwatch_run_step") == 9)
        with socket.create_connection(("127.0.0.1", door.port)) as plain:  # it does not speak TLS
            plain.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert b"runwatch" not in plain.recv(4096)
        assert door.get("/healthz").status == 200


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"431"),
        (b"hello\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    ],
)
def test_bad_requests_are_refused(sent, status, tmp_path, log, door):
    with Daemon(tmp_path, log.path):
        with socket.create_connection(("127.0.0.1", door.port)) as asking:
            asking.sendall(sent)
            assert asking.recv(4096).split()[1] == status
        assert door.get("/healthz").status == 200


@pytest.mark.deep
def test_a_thousand_connections_and_scrapers_that_hang_disturb_nobody(tmp_path, log, door):
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        until(lambda: door.value("runwatch_run_step") == 9)
        held = []
        try:
            for number in range(1000):
                one = socket.create_connection(("127.0.0.1", door.port), 60)
                if number % 2:
                    one.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")  # and the answer is never taken
                held.append(one)
            log.steps(1)
            until(lambda: peer.step("lm") == 10)
            until(lambda: door.value("runwatch_run_step") == 10)
            assert door.value("process_open_fds") < 100
        finally:
            for one in held:
                one.close()
        assert peer.ask("health")["notices"] == []


@pytest.mark.deep
def test_the_address_changes_with_the_configuration_and_is_tried_again(tmp_path, log, door):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, before = Door(other.getsockname()[1]), door
        with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
            until(lambda: before.value("runwatch_run_step") == 9)
            taken.configure(tmp_path)
            peer.ask("reload")
            (notice,) = until(lambda: peer.ask("health")["notices"])
            assert notice == f"metrics are not served: 127.0.0.1:{taken.port}: Address already in use"
            with pytest.raises(OSError, match="refused"):
                before.get()
            other.close()
            until(lambda: taken.value("runwatch_run_step") == 9)
            until(lambda: peer.ask("health")["notices"] == [f"metrics are served on 127.0.0.1:{taken.port}"])
            (tmp_path / "runwatch.toml").write_text("")
            peer.ask("reload")
            until(lambda: taken.value("runwatch_run_step") is None)


@pytest.mark.few(1)
@pytest.mark.parametrize("listen", ["9464", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x"])
def test_an_address_without_a_port_is_refused(listen, tmp_path, log):
    (tmp_path / "runwatch.toml").write_text(f'[metrics]\nlisten = "{listen}"\n')
    done = Place(tmp_path).run("watch", log.path)
    assert done.returncode == 2
    assert "not an address and a port" in done.stderr
    assert "runwatch.toml:2" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_what_fails_while_it_is_collected_is_one_line_and_500(door, monkeypatch, caplog):
    def fails(_):
        raise ZeroDivisionError("a bug\nof ours")

    broken = Metric("broken", Kind.GAUGE, "it fails", fails)
    monkeypatch.setattr("runwatch.watcher.exporter.collect.DAEMON", (broken,))
    monkeypatch.setattr("runwatch.watcher.exporter.collect.own", lambda *_: None)
    said = []
    server = SimpleNamespace(
        config=Config(metrics=MetricsConfig(listen=f"127.0.0.1:{door.port}")),
        shown={}, clients=SimpleNamespace(turns=Turns()), clock=Clock(), notice=said.append,
    )  # fmt: skip
    serving = exporter.Exporter(server)
    serving.follow()
    answer = await asyncio.to_thread(door.get)
    serving.close()
    assert (answer.status, answer.body) == (500, b"the metrics could not be collected: see runwatch status\n")
    assert said == ["metrics could not be collected: ZeroDivisionError: a bug\nof ours"]
    assert not caplog.records
