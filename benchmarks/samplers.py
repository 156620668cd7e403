"""What sampling costs: CPU share and memory at a sample a second, next to plain loops that do the same.

The driver is the tests' fake with 8 busy GPUs. So the time that a real driver spends
in its calls is not in these numbers, for us and the loops alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.rows import Row, limit
from runwatch.watcher.processes.handover import handed
from runwatch.watcher.samplers.sampler import Setup

ROOT = Path(__file__).resolve().parents[1]
RANKS, WORKERS = 4, 4

NVML_LOOP = """
import time, psutil, pynvml as n
n.nvmlInit()
handles = [n.nvmlDeviceGetHandleByIndex(i) for i in range(n.nvmlDeviceGetCount())]
while True:
    for h in handles:
        n.nvmlDeviceGetUtilizationRates(h); n.nvmlDeviceGetMemoryInfo(h); n.nvmlDeviceGetPowerUsage(h)
        n.nvmlDeviceGetEnforcedPowerLimit(h); n.nvmlDeviceGetTemperature(h, 0)
        n.nvmlDeviceGetClockInfo(h, 1); n.nvmlDeviceGetClockInfo(h, 2)
        n.nvmlDeviceGetCurrentClocksThrottleReasons(h)
        n.nvmlDeviceGetTotalEccErrors(h, 1, 0); n.nvmlDeviceGetComputeRunningProcesses(h)
    time.sleep(1)
"""
PSUTIL_LOOP = """
import sys, time, psutil
run = psutil.Process(int(sys.argv[1]))
while True:
    psutil.cpu_percent(); psutil.virtual_memory(); psutil.net_io_counters(); psutil.disk_io_counters()
    for p in [run, *run.children(recursive=True)]:
        with p.oneshot():
            p.cpu_times(); p.memory_info(); p.num_threads(); p.num_fds(); p.io_counters(); p.status()
    time.sleep(1)
"""
RUN = f"""
import os, signal, subprocess, sys
if len(sys.argv) == 1:
    for rank in range({RANKS}):
        subprocess.Popen([sys.executable, __file__, 'rank'], env={{**os.environ, 'RANK': str(rank)}})
elif sys.argv[1] == 'rank':
    for _ in range({WORKERS}):
        subprocess.Popen([sys.executable, __file__, 'worker'])
print('step 1', flush=True)
signal.pause()
"""


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Sample a run with worker processes, and 8 GPUs, while the loops do the same."""
    seconds = 2.0 if quick else 30.0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        environ = driver(directory)
        log = directory / "train.log"
        (directory / "run.py").write_text(RUN)
        with log.open("wb") as out:
            run = subprocess.Popen(
                [sys.executable, "run.py"], cwd=directory, stdout=out, start_new_session=True
            )
        try:
            loops: dict[str, list[str] | Setup] = {
                "gpu": Setup("gpu", interval=1.0),
                "pynvml": [sys.executable, "-c", NVML_LOOP],
                "machine": Setup("machine", (os.fsencode(log),), interval=1.0),
                "psutil": [sys.executable, "-c", PSUTIL_LOOP, str(run.pid)],
            }
            used = together(loops, environ, seconds)
        finally:
            os.killpg(run.pid, 9)
            run.wait()
    processes = 1 + RANKS + RANKS * WORKERS
    for what, ours, loop in (
        ("8 GPUs", "gpu", "pynvml"),
        (f"host and {processes} processes", "machine", "psutil"),
    ):
        yield Row(f"sampling {what}, CPU", used[ours][0], f"a loop with {loop}", used[loop][0], "%", 2.0)
        yield Row(f"sampling {what}, memory", used[ours][1], f"a loop with {loop}", used[loop][1], "MB", 1.5)
    yield limit("sampling 8 GPUs, CPU of a core", used["gpu"][0], 1.0, "%")


def together(
    loops: dict[str, list[str] | Setup], environ: dict[str, str], seconds: float
) -> dict[str, tuple[float, float]]:
    """Run all at the same time; return percent of a core and megabytes of each, after 5 s to settle."""
    started = {name: start(loop, environ) for name, loop in loops.items()}
    drains = [subprocess.Popen(["cat"], stdin=p.stdout, stdout=subprocess.DEVNULL) for p in started.values()]
    try:
        time.sleep(5)
        before = {name: cpu(process.pid) for name, process in started.items()}
        time.sleep(seconds)
        return {
            name: (100 * (cpu(process.pid) - before[name]) / seconds, memory(process.pid))
            for name, process in started.items()
        }
    finally:
        for child in [*started.values(), *drains]:
            child.kill()
            child.wait()


def driver(directory: Path) -> dict[str, str]:
    """Build the fake driver and return the environment that loads it."""
    library = directory / "libnvidia-ml.so.1"
    source = ROOT / "tests" / "nvml" / "fake_nvml.c"
    command = ["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-Wl,-soname,{library.name}"]
    subprocess.run([*command, "-o", str(library), str(source)], check=True)
    scenario = directory / "scenario"
    lines = [
        "lib count 8",
        "all util 97",
        "all power 640",
        "all nvlinks 18",
        "all sm_activity 60",
        "all pids 1",
    ]
    lines.append("lib !nvmlEventSetCreate 3")  # the fake waits by polling, which a driver does not
    scenario.write_text("\n".join(lines) + "\n")
    return {**os.environ, "LD_LIBRARY_PATH": str(directory), "FAKE_NVML": str(scenario)}


def start(loop: list[str] | Setup, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a command, or a sampler."""
    setup = loop if isinstance(loop, Setup) else Setup("machine")
    with handed(setup) as descriptor:
        sampler = [sys.executable, "-m", "runwatch.watcher.samplers.sampler", str(descriptor)]
        return subprocess.Popen(
            loop if isinstance(loop, list) else sampler,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            pass_fds=(descriptor,),
        )


def cpu(pid: int) -> float:
    """Return CPU seconds used so far, those of the kernel on its behalf too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return resident megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    rows.main(measure)
