"""On a machine with an NVIDIA card: the sampler against nvidia-smi, and rules provoked by a real training."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from runwatch.core.sample import GpuProcesses, Gpus, Processes, Sample
from runwatch.watcher.samplers.gpu import GpuSampler
from runwatch.watcher.samplers.sampler import Setup
from tests.cli.live import Follower
from tests.watcher.samplers.conftest import Sampling

pytestmark = pytest.mark.gpu
TRAIN = Path(__file__).with_name("train.py")
WARM = 8.0
"""Seconds of steps after which the card is evenly busy."""
TURNS, TURN = 6, 5.0
"""How often the sampler looks and rests in turns, and the seconds of each."""
MIB = 1 << 20


def _smi(*query: str) -> list[list[str]]:
    command = ["nvidia-smi", *query, "--format=csv,noheader,nounits"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [[cell.strip() for cell in line.split(",")] for line in said.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def _card() -> None:
    if shutil.which("nvidia-smi") is None:
        pytest.skip("no NVIDIA card here: nvidia-smi is not on the path")
    try:
        _smi("--query-gpu=index")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no NVIDIA card here: {error}")
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch cannot use the card: install one with CUDA")


@contextmanager
def _training(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A training that writes train.log; as rank 0 of 1."""
    environment = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "CUDA_VISIBLE_DEVICES": "0"}
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    with (folder / "train.log").open("wb") as out:
        process = subprocess.Popen(
            [*command, sys.executable, str(TRAIN), *map(str, arguments)], stdout=out, stderr=out
        )
    try:
        _wait_for_steps(folder / "train.log", 5)
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for_steps(log: Path, count: int) -> None:
    until = time.monotonic() + 120
    while log.read_bytes().count(b"step ") < count:
        assert time.monotonic() < until, "the training does not begin"
        time.sleep(0.1)


@contextmanager
def _sampled(setup: Setup) -> Iterator[Sampling]:
    sampled = Sampling(setup, {})
    try:
        yield sampled
    finally:
        with suppress(OSError):
            sampled.process.kill()
        sampled.process.wait()
        sampled.process.stdout.close()


def _middle(rows: Sequence[Sequence[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def test_what_the_sampler_says_is_what_nvidia_smi_says(tmp_path):
    asked = "utilization.gpu,memory.used,power.draw,temperature.gpu,clocks.sm,clocks_throttle_reasons.active"
    with _training(tmp_path, 120), _sampled(Setup("gpu", interval=1.0, slow=0.0, rare=0.0)) as sampled:
        time.sleep(WARM)
        gpus = sampled.expect(Gpus)
        ours, theirs, reasons = [], [], []
        for _ in range(10):
            now = time.time()
            fresh = sampled.expect(Sample, lambda sample, now=now: sample.time >= now).values
            (row,) = _smi("-i", "0", f"--query-gpu={asked}")
            names = ("util", "memory_used", "power", "temperature", "sm_clock")
            ours.append([fresh[f"gpu/0/{name}"] for name in names])
            theirs.append(
                [float(row[0]) / 100, float(row[1]) * MIB, *map(float, row[2:4]), float(row[4]) * 1e6]
            )
            reasons.append((int(fresh["gpu/0/throttle"]), int(row[5], 16)))
        pids = sampled.expect(GpuProcesses).pids["0"]
    (uuid, name, driver), *_ = _smi("-i", "0", "--query-gpu=uuid,name,driver_version")
    assert (gpus.gpus[0].uuid, gpus.gpus[0].name, gpus.driver) == (uuid, name, driver)
    util, memory, power, temperature, clock = zip(_middle(ours), _middle(theirs), strict=True)
    assert util[0] == pytest.approx(util[1], abs=0.15)
    assert memory[0] == pytest.approx(memory[1], rel=0.05, abs=64 * MIB)
    assert power[0] == pytest.approx(power[1], rel=0.2)
    assert temperature[0] == pytest.approx(temperature[1], abs=3)
    assert clock[0] == pytest.approx(clock[1], rel=0.1)
    assert any(one == other for one, other in reasons), reasons
    assert len(pids) >= 1


def test_processes_and_ranks_are_those_of_the_training(tmp_path):
    log = str(tmp_path / "train.log").encode()
    with _training(tmp_path, 60) as process:
        with (
            _sampled(Setup("gpu", interval=1.0, rare=0.0)) as gpu,
            _sampled(Setup("machine", (log,))) as machine,
        ):
            pids = gpu.expect(GpuProcesses, lambda message: bool(message.pids.get("0"))).pids["0"]
            found = machine.expect(Processes, lambda message: bool(message.processes)).processes
            theirs = {int(row[0]) for row in _smi("-i", "0", "--query-compute-apps=pid")}
        assert set(pids) == theirs
        (rank,) = [each for each in found if each.role == "rank"]
        assert (rank.pid, rank.rank, rank.gpus) == (process.pid, 0, ("0",))


def test_a_killed_training_is_reported_at_once(tmp_path):
    with _training(tmp_path, 120) as process, Follower(tmp_path / "train.log", "--interval", "1") as follower:
        follower.until(lambda body: body["type"] == "progress" and body["records"] > 5)
        time.sleep(5.0)  # the process is looked at
        process.send_signal(signal.SIGKILL)
        assert "killed by SIGKILL" in follower.incident("crash")["incident"]["title"]


def _incident(folder: Path, rule: str, settings: str, *arguments: object) -> dict[str, object]:
    config = folder / "runwatch.toml"
    config.write_text(settings)
    with (
        _training(folder, *arguments),
        Follower(folder / "train.log", "--interval", "1", "--config", config) as follower,
    ):
        found = follower.until(
            lambda body: body["type"] == "incident" and body["incident"]["rule"] == rule, 240.0
        )
    return found["incident"]


def test_a_slow_loader_is_gpu_underuse(tmp_path):
    found = _incident(
        tmp_path, "gpu_underuse", "[rules.gpu_underuse]\nseconds = 20\n", 240, "--slow-after", 30
    )
    assert "% busy while training" in found["title"]


def test_memory_that_fills_is_gpu_memory(tmp_path):
    (total,) = _smi("-i", "0", "--query-gpu=memory.total")[0]
    grow = max(1, int(float(total) / 24000))  # full after some thousand steps
    settings = "[rules.gpu_memory]\nseconds = 160\nbegin = 5\n"
    found = _incident(tmp_path, "gpu_memory", settings, 300, "--grow", grow)
    assert "the memory of GPU 0 will be full" in found["title"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("memory", "CUDA out of memory"),
        ("index", "device-side assert"),
        ("address", "illegal memory access"),
    ],
)
def test_what_fails_on_the_card_is_the_cause_of_the_crash(tmp_path, fault, why):
    with (
        _training(tmp_path, 240, "--fail", fault) as process,
        Follower(tmp_path / "train.log", "--interval", "1") as follower,
    ):
        found = follower.incident("crash")["incident"]
        assert process.wait(60) == 1
    assert why in str(found)
    print(f"\n{fault}: {[each['incident']['title'] for each in follower.seen if each['type'] == 'incident']}")


def test_sampling_costs_little(tmp_path):
    """Prints what a look costs and by how much steps take longer: figures for docs/gpu.md.

    The sampler rests and looks in turns beside one training. Each turn begins with all questions,
    also those that are asked twice a minute, so the figure is an upper bound.
    """
    times, turns, cpu = tmp_path / "times", [], 0.0
    with (
        _training(tmp_path, 2 * TURNS * TURN + 15, "--times", times) as process,
        _sampled(Setup("gpu")) as sampled,
    ):
        sampled.expect(Sample)
        for watched in (False, True) * TURNS:
            sampled.process.send_signal(signal.SIGCONT if watched else signal.SIGSTOP)
            begun, used = time.time(), _cpu(sampled.process.pid)
            time.sleep(TURN)
            turns.append((watched, begun, time.time()))
            cpu += _cpu(sampled.process.pid) - used
        process.wait(120)
    steps = [tuple(map(float, line.split())) for line in times.read_text().splitlines()]
    means = [
        (watched, statistics.fmean(took for ended, took in steps if begun + took < ended < until))
        for watched, begun, until in turns
    ]
    bare, sampled_too = ([mean for on, mean in means if on is watched] for watched in (False, True))
    ratios = [one / other - 1 for other, one in zip(bare, sampled_too, strict=True)]
    cost, spread = statistics.median(ratios), statistics.stdev(ratios)
    print(
        f"\nstep {1e3 * statistics.fmean(bare):.3f} ms; sampled {100 * cost:+.3f} % (deviation of a pair of turns"
        f" {100 * spread:.3f} %); CPU of the sampler {cpu / TURNS / TURN:.2%} of a core"
    )
    for name, often, seldom in (
        ("each second", 1e9, 1e9),
        ("every 10 s", 0.0, 1e9),
        ("every 30 s", 0.0, 0.0),
    ):
        sampler = GpuSampler(lambda message: None, slow=often, rare=seldom)
        sampler.sample(time.time())
        took = []
        for _ in range(20):
            begun = time.perf_counter()
            sampler.sample(time.time())
            took.append(time.perf_counter() - begun)
        print(f"a look as {name}: {1e3 * statistics.median(took):.2f} ms, at most {1e3 * max(took):.2f} ms")
    assert cost < 0.005 + spread


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
