"""`runwatch tail` and `check` on what trackers write: killed readers, runs on a server, several runs."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ..parsers import trackers
from ..watcher.wandb_server import Server
from .command import called
from .live import WAIT, Follower, Log

ONLINE = "wandb://team/proj/abc"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def kill_reader(follower: Follower) -> None:
    """Kill the reader, be it one that is only just being started."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for process in follower.family():
            with contextlib.suppress(psutil.Error):
                if "runwatch.watcher.ingest.worker" in process.cmdline():
                    process.kill()
                    return
        time.sleep(0.02)
    raise AssertionError("no reader")


@pytest.mark.parametrize(
    ("name", "made", "ago"),
    [("run-a.wandb", trackers.wandb_log, 60), ("events.out.tfevents.1", trackers.event_file, 600)],
)
@pytest.mark.deep
def test_a_reader_killed_while_a_trackers_file_grows_loses_and_repeats_nothing(tmp_path, name, made, ago):
    data, each = made(600, begun=time.time() - ago), 7000
    path = tmp_path / name
    path.write_bytes(data[:each])
    with Follower(path, "--interval", "0.05") as follower:
        follower.until(lambda o: o["type"] == "progress" and o["records"] > 0)
        for at in range(each, len(data), each):
            append(path, data[at : at + each])
            if at == 3 * each:
                kill_reader(follower)
        progress = follower.records(600)
        assert progress["step"] == 599
        assert all(o["records"] <= 600 for o in follower.seen if o["type"] == "progress")
        clean = check(path, "--json")
        assert f'"records":{progress["records"]}' in clean.stdout.replace(" ", "")


def check(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwatch", "check", *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=2 * WAIT, check=False, env=environment
    )


# -- runs of W&B that come one after the other --------------------------------------------------------


def wandb_run(top: Path, second: int, data: bytes) -> Path:
    path = top / "wandb" / f"run-20260101_00000{second}-r{second}" / f"run-r{second}.wandb"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    latest = top / "wandb" / "latest-run"
    latest.unlink(missing_ok=True)
    latest.symlink_to(path.parent.name)
    return path


@pytest.fixture(scope="module")
def wandb_log() -> bytes:
    return trackers.wandb_log(900, begun=time.time() - 60)


@pytest.mark.deep
def test_the_next_run_of_a_project_is_a_run_of_its_own(tmp_path, wandb_log):
    first = wandb_run(tmp_path, 1, wandb_log[:9000])
    with Follower(tmp_path / "wandb", "--interval", "0.05") as follower:
        begun = follower.until(lambda o: o["type"] == "progress")
        second = wandb_run(tmp_path, 2, wandb_log[:50_000])
        run = follower.until(lambda o: o["type"] == "run" and o["sources"] == [str(second)])
        follower.until(lambda o: o["type"] == "progress" and o["run"] == run["run"])
        append(first, wandb_log[9000:20_000])
        follower.until(
            # It has a longer name by now: the project's alone would mean both.
            lambda o: o["type"] == "progress" and o["run"] != run["run"] and o["step"] > begun["step"]
        )


@pytest.mark.deep
def test_the_newest_run_joins_the_log_also_when_it_appears_later(tmp_path, wandb_log):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    old = wandb_run(tmp_path, 1, wandb_log[:9000])
    with Follower(tmp_path, "--interval", "0.05") as follower:
        run = follower.until(lambda o: o["type"] == "run")
        assert sorted(run["sources"]) == sorted([str(log.path), str(old)])
        before = follower.until(lambda o: o["type"] == "progress" and "val/loss" in o["metrics"])
        wandb_run(tmp_path, 2, wandb_log[:50_000])
        log.steps(5)
        after = follower.until(
            lambda o: o["type"] == "progress" and o["metrics"]["val/loss"] > before["metrics"]["val/loss"]
        )
        assert after["run"] == run["run"]
        assert after["records"] <= 25


# -- runs on a server ---------------------------------------------------------------------------------


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def surroundings(server: Server, tmp_path: Path) -> dict[str, str]:
    home = {name: str(tmp_path) for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "HOME")}
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": "a" * 40, **home}


def online_rows(first: int, last: int) -> list[dict[str, float]]:
    now = time.time()
    return [{"_step": s, "train/loss": 9.0 - 0.1 * s, "_timestamp": now} for s in range(first, last)]


@pytest.mark.deep
def test_a_run_on_a_server_is_followed_and_a_killed_reader_repeats_nothing(server, tmp_path):
    pytest.importorskip("wandb", reason="wandb is an extra")
    server.rows = online_rows(0, 40)
    (tmp_path / "fast.toml").write_text("[tail]\nonline = 0.2\n")
    options = ["--interval", "0.05", "--config", tmp_path / "fast.toml"]
    with Follower(ONLINE, *options, env=surroundings(server, tmp_path)) as follower:
        run = follower.until(lambda o: o["type"] == "run")
        assert (run["run"], run["format"], run["sources"]) == ("abc", "wandb", [ONLINE])
        assert follower.records(40)["metrics"]["train/loss"] == 9.0 - 0.1 * 39
        server.rows += online_rows(40, 43)
        assert follower.records(43)["step"] == 42
        server.refusals = [(404, {})] * 3
        follower.says("cannot read abc: W&B")
        follower.says("abc can be read again")
        kill_reader(follower)
        server.rows += [{"_step": 43, "train/loss": math.nan, "_timestamp": time.time()}]
        assert follower.incident("nonfinite")["incident"]["step"] == 43
        assert follower.records(44)["step"] == 43


@pytest.mark.deep
def test_checking_a_run_on_a_server(server, tmp_path):
    pytest.importorskip("wandb", reason="wandb is an extra")
    server.rows, server.state = online_rows(0, 40), "finished"
    done = check(ONLINE, env=surroundings(server, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("abc: wandb · finished · step 39")


STOP_THE_SERVICE = """
import atexit, psutil
def stop():
    for child in psutil.Process().children():
        if child.name() == "wandb-core":
            child.suspend()
register = atexit.register
def and_stop(hook, *arguments, **named):
    register(hook, *arguments, **named)
    register(stop)
    return hook
atexit.register = and_stop
"""


@pytest.mark.deep
def test_a_service_of_the_package_that_does_not_end_is_not_waited_for(server, tmp_path):
    pytest.importorskip("wandb", reason="wandb is an extra")
    server.rows, server.state = online_rows(0, 40), "finished"
    (tmp_path / "sitecustomize.py").write_text(STOP_THE_SERVICE)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = check(ONLINE, env={**surroundings(server, tmp_path), "PYTHONPATH": paths})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("abc: wandb · finished · step 39")


@pytest.mark.parametrize("command", ["check", pytest.param("tail", marks=pytest.mark.deep)])
def test_without_the_package_one_line_says_what_to_do(command, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'wandb' else find(name, *a)\n"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    more = ["--headless"] if command == "tail" else []
    done = subprocess.run(
        [sys.executable, "-m", "runwatch", command, ONLINE, *more],
        capture_output=True, text=True, timeout=2 * WAIT, check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "the wandb package is not installed" in line
    assert "pip install wandb" in line


def test_an_address_that_names_no_run_is_an_error_at_once():
    done = called("check", "wandb://team/proj")
    assert done.returncode == 3
    assert "give wandb://entity/project/run" in done.stderr


# -- one format by name -------------------------------------------------------------------------------


def test_logs_are_read_as_the_format_that_was_asked_for(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    assert "step 19" in called("check", log.path, "--format", "nanochat").stdout
    assert called("check", log.path, "--format", "megatron").returncode == 3
    wrong = called("check", log.path, "--format", "nanochap")
    assert wrong.returncode == 2
    assert "did you mean 'nanochat'?" in wrong.stderr
    (tmp_path / "runwatch.toml").write_text('[tail]\nformat = "megatrn"\n')
    wrong = called("check", log.path, "--config", tmp_path / "runwatch.toml")
    assert wrong.returncode == 2
    assert "runwatch.toml:2: did you mean 'megatron'?" in wrong.stderr


@pytest.mark.deep
def test_the_format_asked_for_reaches_the_reader(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    with Follower(log.path, "--format", "megatron", "--interval", "0.05") as follower:
        follower.says("no training run recognized")
    with Follower(log.path, "--format", "nanochatt") as follower:
        assert follower.end() == 2
        assert "did you mean 'nanochat'?" in follower.words
