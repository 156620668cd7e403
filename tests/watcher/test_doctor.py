"""What `doctor` makes of facts, and of this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import msgspec
import pytest

from runwatch.config.loader import read
from runwatch.core.sample import Gpu, Gpus, Job, Process, Processes, Space
from runwatch.watcher.daemon import checks, doctor
from runwatch.watcher.daemon.checks import Facts, Path
from runwatch.watcher.sources.mounts import Mount

WELL = Facts(
    kernel=(6, 15),
    own=10,
    cgroup=2,
    watches=65536,
    instances=128,
    open_files=4096,
    gpus=Gpus(0.0, (Gpu("0", name="H100", measure="sm_activity"),), "550.54"),
    channels=(checks.Channel("slack", "slack"),),
)


def check(name, **changes):
    return next(c for c in checks.judge(msgspec.structs.replace(WELL, **changes)) if c.name == name)


def test_a_well_machine():
    assert {c.state for c in checks.judge(WELL)} == {"ok"}


@pytest.mark.parametrize(
    ("name", "changes", "state", "word"),
    [
        ("gpus", {"gpus": None}, "bad", "did not answer"),
        ("gpus", {"gpus": Gpus(0, (), note="no NVIDIA GPU (no driver library)")}, "ok", "no NVIDIA GPU"),
        (
            "gpus",
            {"gpus": Gpus(0, (), note="x"), "nvidia_devices": True},
            "blind",
            "there are NVIDIA devices",
        ),
        ("gpus", {"gpus": Gpus(0, (Gpu("0"), Gpu("1", state="lost")))}, "bad", "GPU 1 does not answer"),
        ("gpus", {"gpus": Gpus(0, (Gpu("0"),), note="no permission to see GPU 1")}, "note", "no permission"),
        ("gpus", {"gpus": Gpus(0, (Gpu("0", measure="util"),))}, "ok", "some kernel ran"),
        ("processes", {"system": "Darwin"}, "blind", "Linux"),
        ("processes", {"unreadable": 9}, "blind", "cannot be inspected"),
        ("processes", {"unreadable": 1}, "ok", "found"),
        ("processes", {"hidden_processes": True}, "note", "hidepid"),
        ("exits", {"kernel": (5, 14)}, "note", "Linux 5.14"),
        ("pressure", {"pressure": False}, "blind", "PSI"),
        ("limits", {"cgroup": None}, "note", "control group"),
        ("inotify", {"instances_used": 127}, "bad", "127 of 128"),
        ("inotify", {"watches": 100}, "note", "100 files"),
        ("files", {"open_files": 256}, "note", "256"),
        ("scheduler", {"job": Job(0, "7", deadline=9.0)}, "ok", "end is known"),
        ("scheduler", {"job": Job(0, "7")}, "note", "no scontrol"),
        ("config", {"config_error": "unknown key: runwatch.toml:3"}, "bad", "runwatch.toml:3"),
        ("channel", {"channels": ()}, "note", "no channel is configured"),
        (
            "channel",
            {"channels": (checks.Channel("a", "slack", unreached="x: timed out"),)},
            "bad",
            "timed out",
        ),
        (
            "channel",
            {"channels": (checks.Channel("a", "slack", scopes=("chat:write", "files:write")),)},
            "ok",
            "its app needs the scopes chat:write, files:write",
        ),
        (
            "metrics",
            {"unpushed": "x: Connection refused"},
            "bad",
            "metrics cannot be pushed: x: Connection refused",
        ),
        (
            "channel",
            {"channels": (checks.Channel("a", "ntfy", "the secret is empty"),)},
            "bad",
            "a (ntfy): the secret",
        ),
        ("alerts", {"given_up": 1200}, "note", "1,200 messages were given up"),
    ],
)
def test_what_is_missing_is_said(name, changes, state, word):
    found = check(name, **changes)
    assert (found.state, word in found.says) == (state, True), found


def test_what_can_be_helped_has_a_command():
    assert "psi=1" in check("pressure", pressure=False).fix
    assert "max_user_instances" in check("inotify", instances_used=127).fix
    container = {"gpus": Gpus(0, (), note="x"), "nvidia_devices": True, "in_container": True}
    assert "NVIDIA_DRIVER_CAPABILITIES" in check("gpus", **container).fix


LOCAL, REMOTE = Mount("/data", "ext4"), Mount("/data", "nfs4")


def space(**changes):
    room = Space(0, "/data/x", "/data", "ext4", 50, 100, 50, 100, 0.01)
    return msgspec.structs.replace(room, **changes)


@pytest.mark.parametrize(
    ("path", "name", "state", "word"),
    [
        (Path("/data/x", LOCAL), "path", "ok", "as they happen"),
        (Path("/data/x", REMOTE), "path", "note", "at intervals"),
        (Path("/data/x", REMOTE, answered=False), "path", "bad", "does not answer"),
        (Path("/data/x", LOCAL, missing=True), "path", "bad", "no such file"),
        (Path("/data/x", LOCAL, space()), "space", "ok", "free on /data"),
        (Path("/data/x", LOCAL, space(free=1)), "space", "bad", "almost full"),
        (Path("/data/x", LOCAL, space(inodes_free=1)), "space", "bad", "almost full"),
        (Path("/data/x", LOCAL, space(inodes_free=0, inodes_total=0)), "space", "ok", "free on"),
        (Path("/data/x", LOCAL, space(read_only=True)), "space", "bad", "read-only"),
        (Path("/data/x", LOCAL, space(seconds=3.0)), "space", "note", "3.0 s"),
        (Path("/data/x", LOCAL, processes=Processes(0, (), "no process")), "writers", "note", "no process"),
    ],
)
def test_paths(path, name, state, word):
    found = check(name, paths=(path,))
    assert (found.state, word in found.says) == (state, True), found


def test_a_path_cannot_slip_a_command_or_an_escape_into_the_advice():
    hostile = Path("/data/$(reboot)\x1b[2J x", Mount("/da ta;reboot", "nfs"), answered=False)
    found = check("path", paths=(hostile,))
    assert found.fix == "timeout 5 stat '/data/$(reboot) x~c29e8a27'; mount | grep '/da ta;reboot'"
    assert "\x1b" not in found.says


def test_who_writes():
    ranks = [Process(n, 0.0, "rank", "python train.py", "running", 1, rank=n) for n in (1, 2)]
    found = check("writers", paths=(Path("/data/x", LOCAL, processes=Processes(0, tuple(ranks))),))
    assert (found.state, found.says) == ("ok", "written by 2 ranks, 2 processes in all")


def test_a_tracker_that_writes_seldom():
    found = check("wandb", paths=(Path("/data/wandb", LOCAL, wandb=True),))
    assert (found.state, found.fix.split()[1]) == ("note", "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL=1")
    found = check("wandb", paths=(Path("/data/wandb", LOCAL, wandb=True),), flush="1")
    assert (found.state, found.fix) == ("ok", "")


def test_slack_behind_a_door():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/services/SECRET"
        assert doctor.knock(address, {}) == ""
        proxy = {"HTTPS_PROXY": f"127.0.0.1:{server.getsockname()[1]}"}
        assert doctor.knock("https://nowhere.invalid/services/SECRET", proxy) == ""
    why = doctor.knock(address, {})
    assert "127.0.0.1" in why
    assert "SECRET" not in why
    assert doctor.knock(address, proxy).startswith("the proxy 127.0.0.1")


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", "runwatch", "doctor", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "RUNWATCH_SLACK_WEBHOOK": "", **environ},
        timeout=120,
    )


def test_this_machine(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("step 1\n")
    with log.open("a"):  # this process writes it
        done = run("--json", str(log), RUNWATCH_CONFIG="")
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["schema"] == 1
    names = {item["name"]: item for item in found["checks"]}
    assert {"path", "space", "gpus", "processes", "exits", "pressure", "inotify", "config", "channel"} <= set(
        names
    )
    if sys.platform.startswith("linux"):
        assert names["writers"]["state"] == "ok"
    assert done.returncode == any(item["state"] == "bad" for item in found["checks"])


def test_in_words_and_with_a_broken_configuration(tmp_path):
    config = tmp_path / "runwatch.toml"
    config.write_text("[slak]\n")
    done = run(str(tmp_path), RUNWATCH_CONFIG=str(config))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if " config " in line]
    assert line.startswith("bad")
    assert "runwatch.toml:1" in line


def test_it_runs_no_command_for_a_secret(tmp_path, monkeypatch):
    mark, config = tmp_path / "ran", tmp_path / "runwatch.toml"
    config.write_text(
        f"""
        [channels.hook]
        type = "webhook"
        url = {{ command = ["touch", "{mark}"] }}
        [channels.lost]
        type = "ntfy"
        topic = {{ command = ["no-such-program"] }}
        [alerts]
        token = {{ command = ["touch", "{mark}"] }}
        """
    )
    hook, lost = doctor._channels(read(config), {})
    assert "not run here" in hook.unseen
    assert lost.problem == "no such program: no-such-program"
    assert not mark.exists()
    said = check("channel", channels=(hook,))
    assert (said.state, said.fix) == ("note", "runwatch notify test hook")


def test_a_configuration_that_is_not_read_is_noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runwatch.toml").touch()
    (tmp_path / "runwatch.toml").chmod(0o666)
    remarks = []
    config, error = doctor._config({}, remarks.append)
    assert (config.path, error) == (None, "")
    said = check("config", config_remarks=tuple(remarks))
    assert said.state == "note"
    assert said.says.startswith("configuration not read, others can write it")


def test_a_path_that_is_not_there_is_reported_at_once(tmp_path, monkeypatch):
    ask = doctor.ask
    monkeypatch.setattr(
        doctor, "ask", lambda *args: ask(*args, deadline=1e9)
    )  # no answer would take for ever
    assert doctor._path(str(tmp_path / "nope")).missing
    assert not doctor._path(str(tmp_path)).missing
