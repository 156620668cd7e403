"""A real daemon that is started again on logs that can no longer be read."""

from __future__ import annotations

import json

from ..cli.live import Log
from ..cli.unprivileged import obey_permissions
from .live import Peer, Place, until


def test_after_a_restart_what_cannot_be_read_is_blind(tmp_path):
    place, logs = Place(tmp_path), tmp_path / "logs"
    logs.mkdir()
    a, b = (Log(logs / f"{name}.log") for name in "ab")
    for log in (a, b):
        log.steps(10)

    def start() -> None:
        assert place.run("watch", "-d", "logs", preexec_fn=obey_permissions).returncode == 0

    def states() -> dict[str, tuple[str, float | None]]:
        runs = json.loads(place.run("status", "--json").stdout)["runs"]
        return {run["name"]: (run["state"], run["eta_seconds"]) for run in runs}

    try:
        start()
        with Peer(place.socket) as peer:
            until(lambda: peer.step("a") == peer.step("b") == 9)
            for log in (a, b):
                log.steps(20)
            until(lambda: peer.step("a") == peer.step("b") and peer.step("a") > 9)
        assert {state for state, _ in states().values()} == {"running"}
        place.run("stop")
        a.path.unlink()
        b.path.chmod(0)
        never = Log(logs / "c.log")
        never.steps(10)
        never.path.chmod(0)
        start()
        until(lambda: states() == dict.fromkeys("abc", ("blind", None)))
        said = place.run("status").stdout
        assert said.count("BLIND") == 3
        assert f"a: {a.path} is gone: " in said
        assert f"b: cannot read {b.path}: Permission denied: " in said
        assert "BLIND" in place.run("status", "--tmux").stdout
        b.path.chmod(0o600)
        until(lambda: states()["b"][0] == "running")
    finally:
        place.run("stop")
