"""A real Alertmanager, as Debian packages it: found as `prometheus-alertmanager` or `alertmanager`."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from runwatch.alerts.channels import alertmanager
from runwatch.config.loader import read
from runwatch.watcher.service.notify import Notifier

from ..alerts.endpoints import HttpServer
from ..watcher.test_notify import change

PROGRAM = (
    os.environ.get("ALERTMANAGER") or shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
)
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Alertmanager is installed")


class Manager:
    """One process with a webhook as its only receiver."""

    def __init__(self, directory, hook: str, *more: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config = directory / "am.yml"
        config.write_text(
            "route: {receiver: hook, group_by: [run], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: true}}]}}]\n"
        )
        self._command = [
            PROGRAM, f"--config.file={config}", f"--storage.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}", *(more or ["--cluster.listen-address="]),
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: self.ready() or self.process.poll() is not None)
            assert self.process.poll() is None, "it does not start"
        except BaseException:
            self.kill()
            raise

    def ready(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).status == 200
        except OSError:
            return False

    def alerts(self) -> list[dict]:
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            return json.load(answer)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def manager(tmp_path):
    with HttpServer() as hook:
        made = Manager(tmp_path, hook.url)
        made.hook = hook
        yield made
        made.kill()


@pytest.fixture
def notifier(tmp_path, manager, monkeypatch):
    monkeypatch.setattr(alertmanager, "RESEND", 0.3)
    (tmp_path / "runwatch.toml").write_text(f"[alerts]\nmode = 'alertmanager'\npeers = ['{manager.url}']\n")
    notices = []
    one = Notifier(read(tmp_path / "runwatch.toml"), notices.append, epoch="e")
    yield one
    one.close()
    assert notices == []


def received(manager, status: str) -> list[str]:
    return [
        alert["labels"]["incident"]
        for request in list(manager.hook.got)
        for alert in request.body["alerts"]
        if alert["status"] == status
    ]


def test_it_pages_once_and_says_when_it_is_over(manager, notifier):
    notifier.submit(change("a", severity="critical"))
    until(lambda: received(manager, "firing") == ["a"])
    (alert,) = manager.alerts()
    assert alert["labels"]["alertname"] == "hang"
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["summary"] == "title a"
    notifier.submit(change("a", "resolved", severity="critical"))
    until(lambda: received(manager, "resolved") == ["a"])
    assert received(manager, "firing") == ["a"]


def test_after_it_was_killed_it_is_told_again_of_what_fires(manager, notifier):
    notifier.submit(change("a"))
    until(lambda: received(manager, "firing") == ["a"])
    manager.kill()
    manager.start()
    until(lambda: [alert["labels"]["incident"] for alert in manager.alerts()] == ["a"])


def test_hostile_labels_are_taken(manager, notifier):
    notifier.submit(change("a", run='x"}\n{y="\x1b[2J' + "é" * 500))
    until(lambda: len(manager.alerts()) == 1)


def test_our_matchers_mean_there_what_they_mean_here(manager, notifier):
    notifier.submit(change("a", run="r1"))
    notifier.submit(change("b", run="r2"))
    until(lambda: len(manager.alerts()) == 2)
    with urllib.request.urlopen(
        f"{manager.url}/api/v2/alerts?filter=run%3D~%22.%2A1%22", timeout=5
    ) as answer:
        assert [alert["labels"]["incident"] for alert in json.load(answer)] == ["a"]
