"""What sampling costs: CPU share and memory at a look a second, against plain loops doing the same.

The driver is the tests' stand-in with 8 busy GPUs, so what a real driver spends
inside its calls is not in these numbers, for us and the loops alike. Run
nvitop's part with `--nvitop PYTHON`, an interpreter that has nvitop installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runwatch.watcher.processes.handover import handed
from runwatch.watcher.samplers.sampler import Setup

ROOT = Path(__file__).resolve().parents[1]
BAR = 0.01
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
NVITOP_LOOP = """
import time
from nvitop import Device
devices = Device.all()
while True:
    for device in devices:
        device.as_snapshot()
        device.processes()
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30.0)
    options.add_argument("--nvitop", metavar="PYTHON", help="interpreter that has nvitop")
    chosen = options.parse_args()
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
            compare(chosen, environ, log, run.pid)
        finally:
            os.killpg(run.pid, 9)
            run.wait()


def compare(chosen: argparse.Namespace, environ: dict[str, str], log: Path, run: int) -> None:
    loops: dict[str, list[str] | Setup] = {
        "GPU sampler, 8 GPUs": Setup("gpu", interval=1.0),
        "plain pynvml loop": [sys.executable, "-c", NVML_LOOP],
    }
    if chosen.nvitop:
        loops["nvitop's snapshots"] = [chosen.nvitop, "-c", NVITOP_LOOP]
    paths = (os.fsencode(log),)
    processes = 1 + RANKS + RANKS * WORKERS
    loops[f"host and {processes} processes"] = Setup("machine", paths, interval=1.0)
    loops["plain psutil loop"] = [sys.executable, "-c", PSUTIL_LOOP, str(run)]
    print(f"a look a second for {chosen.seconds:.0f} s, after 5 s to settle; at the same time")
    started = {name: start(loop, environ) for name, loop in loops.items()}
    drains = [subprocess.Popen(["cat"], stdin=p.stdout, stdout=subprocess.DEVNULL) for p in started.values()]
    try:
        time.sleep(5)
        before = {name: cpu(process.pid) for name, process in started.items()}
        time.sleep(chosen.seconds)
        for name, process in started.items():
            share = (cpu(process.pid) - before[name]) / chosen.seconds
            bar = f"  (bar: {BAR:.1%})" if name.startswith("GPU") else ""
            print(f"{name:28} {share:7.2%} of a core {memory(process.pid):6.0f} MB{bar}")
    finally:
        for child in [*started.values(), *drains]:
            child.kill()
            child.wait()


def driver(directory: Path) -> dict[str, str]:
    """Build the stand-in driver and return the environment that loads it."""
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
    lines.append("lib !nvmlEventSetCreate 3")  # the stand-in waits by polling, which a driver does not
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
    main()
