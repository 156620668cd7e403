"""`runwatch tail` on the log of a real process: what becomes of the process is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from runwatch.core.errors import UsageError
from tests.cli.live import WAIT, Follower, Log
from tests.watcher.samplers.conftest import MOUNTABLE, NVML, StallingMount, build

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

TRAIN = """
import sys, time
step = 0
while True:
    print(f"step {step:05d}/10000 (0.10%) | loss: 2.500000 | dt: 50.00ms", flush=True)
    step += 1
    time.sleep(0.05)
"""


@pytest.fixture
def run(tmp_path):
    """A process that writes train.log, and is linked to it by nothing but the open file."""
    (tmp_path / "train.py").write_text(TRAIN)
    with (tmp_path / "train.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "train.py"],
            stdout=out,
            cwd=tmp_path,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "1"},
            start_new_session=True,
        )
    yield process
    process.kill()
    process.wait()


def sampling(follower: Follower) -> None:
    """Wait until the run's processes are looked at."""
    deadline = time.monotonic() + WAIT
    while True:
        found = [p for p in follower.family() if "runwatch.watcher.samplers.sampler" in p.cmdline()]
        # A sampler that holds a pidfd has found the process and watches it.
        if found and any(_pidfds(p.pid) for p in found):
            return
        assert time.monotonic() < deadline, "no sampler watches the run"
        time.sleep(0.05)


def _pidfds(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    try:
        return sum("pidfd" in os.readlink(f"{folder}/{name}") for name in os.listdir(folder))
    except OSError:
        return 0


def test_a_killed_process_is_told_with_its_signal(run, tmp_path):
    with Follower(tmp_path / "train.log", "--interval", "1") as follower:
        follower.until(lambda o: o["type"] == "progress" and o["records"] > 5)
        sampling(follower)
        run.send_signal(signal.SIGKILL)
        at = time.time()
        incident = follower.incident("crash")["incident"]
        assert f"(pid {run.pid}) was killed by SIGKILL" in incident["title"]
        assert incident["severity"] == "critical"
        assert incident["time"] - at < 10, "at once, and not after a silence"


@pytest.mark.deep
def test_a_stopped_process_is_the_evidence_for_a_hang(run, tmp_path):
    config = tmp_path / "low.toml"
    config.write_text("[rules.hang]\nleast = 6\nunfamiliar = 6\nstarting = 6\n")
    with Follower(tmp_path / "train.log", "--interval", "1", "--config", config) as follower:
        follower.until(lambda o: o["type"] == "progress" and o["records"] > 5)
        sampling(follower)
        run.send_signal(signal.SIGSTOP)
        incident = follower.incident("hang")["incident"]
        assert f"(pid {run.pid})" in incident["evidence"]["stopped"]
        assert "stopped by a signal" in incident["cause"]


@pytest.mark.deep
def test_a_lost_gpu_of_the_run(run, tmp_path):
    """The whole way: the driver's library, pynvml, the sampler's process, the rule."""
    build(NVML, tmp_path / "lib" / "libnvidia-ml.so.1")
    scenario = tmp_path / "scenario"
    scenario.write_text("lib count 2\n")
    environ = {"LD_LIBRARY_PATH": str(tmp_path / "lib"), "FAKE_NVML": str(scenario)}
    with Follower(tmp_path / "train.log", "--interval", "1", env=environ) as follower:
        follower.until(lambda o: o["type"] == "progress" and o["records"] > 5)
        sampling(follower)
        with scenario.open("a") as file:
            file.write("1 !* 15\n")
        incident = follower.incident("gpu_fault")["incident"]
        assert (incident["title"], incident["severity"]) == ("GPU 1 does not answer any more", "critical")
        assert incident["metric"] == "gpu/1"


@pytest.mark.deep
def test_a_driver_that_crashes_blinds_only_its_sampler(run, tmp_path):
    build(NVML, tmp_path / "lib" / "libnvidia-ml.so.1")
    scenario = tmp_path / "scenario"
    scenario.write_text("lib count 2\n0 !nvmlDeviceGetUtilizationRates segv\n")
    environ = {"LD_LIBRARY_PATH": str(tmp_path / "lib"), "FAKE_NVML": str(scenario)}
    with Follower(tmp_path / "train.log", "--interval", "1", env=environ) as follower:
        follower.says("signal 11")
        reached = follower.until(lambda o: o["type"] == "progress")["records"]
        follower.until(lambda o: o["type"] == "progress" and o["records"] > reached)
        sampling(follower)
        run.send_signal(signal.SIGKILL)
        assert "SIGKILL" in follower.incident("crash")["incident"]["title"]


READING = """
import os, sys, time
file = os.open(sys.argv[1], os.O_RDONLY)
step = 0
while True:
    print(f"step {step:05d}/10000 (0.10%) | loss: 2.500000 | dt: 50.00ms", flush=True)
    step += 1
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)  # or the page cache would answer
    os.pread(file, 4096, 0)
    time.sleep(0.05)
"""


@MOUNTABLE
@pytest.mark.deep
def test_a_mount_that_stops_answering_is_named_as_the_cause(tmp_path):
    """The whole way: a real FUSE mount, a process stuck in the kernel, the rule."""
    mount = StallingMount(tmp_path)
    (tmp_path / "train.py").write_text(READING)
    config = tmp_path / "low.toml"
    config.write_text("[rules.hang]\nleast = 6\nunfamiliar = 6\nstarting = 6\n")
    data = str(mount.point / "data")
    with (tmp_path / "train.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "train.py", data], stdout=out, cwd=tmp_path, start_new_session=True
        )
    try:
        with Follower(tmp_path / "train.log", "--interval", "1", "--config", config) as follower:
            follower.until(lambda o: o["type"] == "progress" and o["records"] > 5)
            sampling(follower)
            mount.stall()
            cause = follower.incident("hang")["incident"]["cause"]
            assert f"(pid {process.pid}) in read of {data}" in cause
            mount.go_on()
            follower.incident("hang", "resolved")
    finally:
        mount.close()
        process.kill()
        process.wait()


@pytest.mark.deep
def test_a_named_process_needs_no_link(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    other = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        with Follower(log.path, "--interval", "1", "--pid", str(other.pid)) as follower:
            follower.records(20)
            sampling(follower)
            other.send_signal(signal.SIGSEGV)
            assert "killed by SIGSEGV" in follower.incident("crash")["incident"]["title"]
    finally:
        other.kill()
        other.wait()


def test_a_deadline_is_a_time_or_a_span():
    from datetime import datetime, timezone

    from runwatch.cli.commands.tail import _deadline

    now = datetime(2026, 1, 30, 12, 0, tzinfo=timezone.utc)
    assert _deadline("90m", now) == now.timestamp() + 5400
    assert _deadline("1.5d", now) == now.timestamp() + 129600
    assert _deadline("1d12h", now) == now.timestamp() + 129600
    assert _deadline("18:00", now) == now.timestamp() + 6 * 3600
    assert _deadline("06:00", now) == now.timestamp() + 18 * 3600
    assert _deadline("2026-01-31T18:00+00:00", now) == now.timestamp() + 30 * 3600
    for words in ("soon", "25:00", "", "-3h", "2026-13-01"):
        with pytest.raises(UsageError):
            _deadline(words, now)
