"""Actions: a rehearsal by default, stoppable, rare, and written down."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runwatch.alerts.delivery.actions import Action, Actions, Trail
from runwatch.alerts.delivery.signals import Target, _started, send
from runwatch.alerts.routing.policy import parse_matcher

from .routed import alert

NOW = 1_700_000_000.0


def never(_alert, _now) -> float:
    return 0.0


class Setup:
    def __init__(self, tmp_path: Path, **fields) -> None:
        self.notices: list[str] = []
        self.path = tmp_path / "state" / "actions.jsonl"
        fields = {"command": ("/bin/true",), "dry_run": False, "delay": 60.0, "every": 3600.0, **fields}
        action = Action("save", (parse_matcher("rule=hang"),), **fields)
        self.actions = Actions([action], Trail(self.path), notice=self.notices.append)

    def steps(self) -> list[str]:
        return [line["step"] for line in self.trail()]

    def trail(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def wait(self, step: str) -> dict:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for line in self.trail():
                if line["step"] == step:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"{step} not in {self.steps()}")


def test_it_waits_and_is_then_done_with_the_alert_as_json(tmp_path):
    code = f"import sys; open({str(tmp_path / 'got')!r}, 'w').write(sys.stdin.read())"
    setup = Setup(tmp_path, command=(sys.executable, "-c", code))
    (waiting,) = setup.actions.take(alert("a", step=7), NOW)
    assert (waiting.due, setup.actions.due()) == (NOW + 60, NOW + 60)
    assert "in 60 s" in setup.notices[0]
    assert "acknowledges incident a" in setup.notices[0]
    setup.actions.flush(NOW + 59, never)
    assert setup.steps() == ["waiting"]
    setup.actions.flush(NOW + 60, never)
    assert setup.wait("done")["result"].endswith("ended with 0")
    assert json.loads((tmp_path / "got").read_text())["incident"]["step"] == 7
    assert setup.steps() == ["waiting", "begun", "done"]
    assert setup.path.stat().st_mode & 0o077 == 0


def test_by_default_it_is_a_rehearsal(tmp_path):
    setup = Setup(tmp_path, command=("/bin/touch", str(tmp_path / "done")), dry_run=Action("x", ()).dry_run)
    setup.actions.take(alert("a"), NOW)
    setup.actions.flush(NOW + 60, never)
    assert setup.steps() == ["waiting", "dry run"]
    assert not (tmp_path / "done").exists()
    assert "dry run" in setup.notices[-1]


@pytest.mark.parametrize(
    "stop",
    [
        lambda actions: actions.take(alert("a", "acknowledged"), NOW + 30),
        lambda actions: actions.take(alert("a", "resolved"), NOW + 30),
        lambda actions: actions.cancel(actions.waiting()[0].id),
        lambda actions: actions.flush(NOW + 60, lambda _alert, _now: NOW + 999),
        lambda actions: actions.close(),
    ],
    ids=["acknowledged", "over", "cancelled", "silenced", "closed"],
)
def test_it_can_be_stopped(tmp_path, stop):
    setup = Setup(tmp_path, command=("/bin/touch", str(tmp_path / "done")))
    setup.actions.take(alert("a"), NOW)
    stop(setup.actions)
    assert setup.actions.waiting() == []
    setup.actions.flush(NOW + 60, never)
    assert setup.steps() == ["waiting", "cancelled"]
    assert not (tmp_path / "done").exists()


def test_only_what_matches_is_acted_on_and_one_incident_once(tmp_path):
    setup = Setup(tmp_path)
    assert setup.actions.take(alert("a", rule="crash"), NOW) == []
    assert len(setup.actions.take(alert("a"), NOW)) == 1
    assert setup.actions.take(alert("a", severity="critical"), NOW + 1) == []


def test_it_is_not_done_more_often_than_allowed_for_one_run(tmp_path):
    setup = Setup(tmp_path, dry_run=True)
    setup.actions.take(alert("a"), NOW)
    setup.actions.flush(NOW + 60, never)
    assert setup.actions.take(alert("b"), NOW + 100) == []
    assert len(setup.actions.take(alert("c", run="other"), NOW + 100)) == 1
    assert len(setup.actions.take(alert("d"), NOW + 3600)) == 1
    assert setup.steps().count("held back") == 1


def test_without_a_trail_nothing_is_done(tmp_path):
    (tmp_path / "state").write_text("")
    setup = Setup(tmp_path)
    assert setup.actions.take(alert("a"), NOW) == []
    assert "no audit trail" in setup.notices[0]


def test_a_command_that_cannot_be_run_is_reported(tmp_path):
    setup = Setup(tmp_path, command=("/no/such/program",))
    setup.actions.take(alert("a"), NOW)
    setup.actions.flush(NOW + 60, never)
    assert setup.wait("done")["result"] == "cannot run program: No such file or directory"


class TestSignals:
    @pytest.fixture
    def child(self):
        code = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7)); print('ready', flush=True); signal.pause()"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()
        process.wait()
        process.stdout.close()

    def test_the_processes_of_the_run_get_it(self, tmp_path, child):
        setup = Setup(tmp_path, command=(), signal="SIGUSR1")
        target = Target(child.pid, _started(child.pid))
        setup.actions.take(alert("a"), NOW, lambda: [target])
        setup.actions.flush(NOW + 60, never)
        assert child.wait(60) == 7
        assert setup.wait("done")["result"] == f"SIGUSR1 sent to {child.pid}"
        assert setup.wait("begun")["pids"] == [child.pid]

    def test_another_process_of_the_same_number_does_not(self, child):
        said = send("SIGTERM", [Target(child.pid, _started(child.pid) - 60.0), Target(2**22 - 1, 0.0)])
        assert said == f"SIGTERM sent to none, not to {child.pid} {2**22 - 1}"
        os.kill(child.pid, signal.SIGUSR1)
        assert child.wait(60) == 7

    def test_a_run_without_known_processes_is_reported(self):
        assert send("SIGTERM", []) == "SIGTERM not sent: no process of the run is known"
