"""Attaching to a daemon through a real sshd on loopback, which is cut and comes back."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ..cli.live import WAIT, Log
from ..daemon.live import Daemon, Peer, until

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="apt-get install openssh-server"),
]


class Sshd:
    """A server of our own on a free port, for this user and one key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("host", "key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / name)]
            subprocess.run(command, check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (path / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {path / 'host'}\nPidFile none\n"
            f"AuthorizedKeysFile {path / 'key.pub'}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\n"
        )
        # A person's own configuration, with a name for the host: it must be honoured.
        (path / "ssh_config").write_text(
            f"Host gpubox\n HostName 127.0.0.1\n Port {self.port}\n User {getpass.getuser()}\n"
            f" IdentityFile {path / 'key'}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
            f" UserKnownHostsFile {path / 'known'}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def ssh(self) -> str:
        return f"ssh -F {self.path / 'ssh_config'}"

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it wants to be, as root
        with (self.path / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(SSHD), "-D", "-e", "-f", str(self.path / "config")], stderr=log
            )
        until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as sock:
            return sock.recv(4).startswith(b"SSH")
        return False

    def sessions(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut(self) -> None:
        """Cut every connection, without a word."""
        for session in self.sessions():
            with contextlib.suppress(psutil.NoSuchProcess):
                session.kill()

    def freeze(self) -> None:
        """Let nothing through any more, and tell nobody, as a network does that is gone."""
        for session in self.sessions():
            with contextlib.suppress(psutil.NoSuchProcess):
                session.suspend()

    def stop(self) -> None:
        assert self.process is not None
        self.cut()
        self.process.terminate()
        self.process.wait(WAIT)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    (tmp_path / "sshd").mkdir()
    sshd = Sshd(tmp_path / "sshd")
    yield sshd
    sshd.stop()


class Client:
    """`runwatch attach --headless --json`."""

    def __init__(self, daemon: Daemon, sshd: Sshd, *hosts: str) -> None:
        remote = f"env RUNWATCH_STATE={daemon.state} PYTHONPATH={shlex.quote(daemon.environ['PYTHONPATH'])}"
        command = [
            sys.executable, "-m", "runwatch", "attach", *hosts, "--headless", "--json", "--interval", "0.3",
            "--ssh", sshd.ssh, "--remote", f"{remote} {sys.executable} -m runwatch",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def until_step(self, step: int, run: str = "lm") -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            body = json.loads(line)
            if body["run"] == run and body.get("step") == step:
                return
        raise AssertionError(self.process.communicate()[1])

    def close(self) -> str:
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=WAIT)[1]
        assert psutil.wait_procs(family, WAIT)[1] == [], "a process outlived its client"
        return said


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path / "lm.log")
    log.steps(10)
    return log


def test_attaches_by_the_name_that_ssh_knows_and_comes_back_when_cut(tmp_path, log, sshd):
    with Daemon(tmp_path, log.path) as daemon:
        client = Client(daemon, sshd, "gpubox")
        client.until_step(9)
        sshd.cut()
        log.steps(5)
        client.until_step(14)
        sshd.stop()
        log.steps(5)
        sshd.start()
        client.until_step(19)
        said = client.close()
        assert "gpubox cannot be reached" in said
        assert "gpubox is within reach again" in said


def test_a_daemon_that_was_started_again_is_found(tmp_path, log, sshd):
    with Daemon(tmp_path, log.path) as daemon:
        client = Client(daemon, sshd, "gpubox")
        client.until_step(9)
    with Daemon(tmp_path, log.path) as daemon:
        log.steps(5)
        client.until_step(14)
        client.close()


def test_a_network_that_is_gone_is_noticed_by_silence(tmp_path, log, sshd):
    with Daemon(tmp_path, log.path) as daemon:
        client = Client(daemon, sshd, "gpubox")
        client.until_step(9)
        sshd.freeze()
        log.steps(5)
        client.until_step(14)
        assert "silent for 15 s" in client.close()


def test_several_hosts_are_one_list(tmp_path, log, sshd):
    with Daemon(tmp_path, log.path) as daemon:
        client = Client(daemon, sshd, ".", "gpubox")
        client.until_step(9, f"{socket.gethostname()}:lm")
        client.until_step(9, "gpubox:lm")
        client.close()
        with Peer(daemon.socket) as peer:
            until(lambda: peer.ask("health")["clients"] == 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gpubox", "--remote", "/no/such/runwatch"], "gpubox: no command /no/such/runwatch there"),
        (["nowhere.invalid"], "nowhere.invalid: ssh: Could not resolve hostname"),
    ],
)
def test_what_is_wrong_is_said_at_once(tmp_path, log, sshd, arguments, words):
    with Daemon(tmp_path, log.path) as daemon:
        done = daemon.run("attach", "--headless", "--ssh", sshd.ssh, *arguments)
        assert done.returncode == 3
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
