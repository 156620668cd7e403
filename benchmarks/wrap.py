"""What `runwatch run` costs its command: throughput against a plain pipe and `tee`, start, memory.

usage: python benchmarks/wrap.py [MEGABYTES]

The baselines are `CMD | cat`, the same bytes through the same number of pipes, and
`CMD | tee LOG`, which also keeps them. Of a burst the command itself takes the time, once
the engine has begun; the two take turns, and the least of their runs counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

RUNS = 5
BURST = """
import os, sys, time
line = b"step 00001/10000 (0.10%) | loss: 2.5 | dt: 10.00ms | tok/sec: 12345\\n"
block, left = line * (65536 // len(line)), int(sys.argv[1])
os.write(1, line)
time.sleep(4)
begin = time.perf_counter()
while left > 0:
    left -= os.write(1, block)
print(time.perf_counter() - begin, file=sys.stderr)
"""
WRAPPED = [sys.executable, "-m", "runwatch", "run", "-q", "--log"]


def least(command: list[str]) -> float:
    """Return the least wall seconds of RUNS runs of a command whose output is read to the end."""
    best = float("inf")
    for _ in range(RUNS):
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while os.read(process.stdout.fileno(), 1 << 20):
                pass
        best = min(best, time.perf_counter() - begin)
    return best


def burst(size: int, place: Path) -> tuple[float, float, int]:
    """Return the least seconds a burst takes through tee and through us, and how much we logged least."""
    command = [sys.executable, "-c", BURST, str(size)]
    tee, ours = place / "tee.log", place / "ours.log"
    best, logged = [float("inf"), float("inf")], size
    for _ in range(RUNS):
        for which, log in enumerate((tee, ours)):
            log.unlink(missing_ok=True)
            pipe = ["sh", "-c", '"$@" | tee "$0"', str(log), *command]
            words = subprocess.run(
                [*WRAPPED, str(log), "--", *command] if which else pipe,
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            ).stderr  # fmt: skip
            best[which] = min(best[which], float(words.split()[0]))
        logged = min(logged, ours.stat().st_size)
    return best[0], best[1], logged


def memory(place: Path) -> tuple[float, float]:
    """Return (wrapper, keeper): proportional memory in MB while a command runs."""
    log = place / "memory.log"
    command = [*WRAPPED, str(log), "--", "sh", "-c", "echo x; read y"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 9)
        while not (log.exists() and log.stat().st_size):
            time.sleep(0.05)
        wrapper = psutil.Process(process.pid)
        keeper = next(c for c in wrapper.children() if "runwatch.wrap.keeper" in c.cmdline())
        sizes = tuple(p.memory_full_info().pss / 1e6 for p in (wrapper, keeper))
        assert process.stdin is not None
        process.stdin.close()
    return sizes[0], sizes[1]


def report(megabytes: int = 200) -> None:
    """Print throughput, start and memory."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        data = place / "data"
        data.write_bytes(os.urandom(1 << 20) * megabytes)
        log = str(place / "it.log")
        plain = least(["sh", "-c", f"cat {data} | cat"])
        ours = least([*WRAPPED, log, "--", "cat", str(data)])
        nothing, start = least(["true"]), least([*WRAPPED, log, "--", "true"])
        tee, kept, logged = burst(megabytes * 1_000_000, place)
        wrapper, keeper = memory(place)
    print(f"{megabytes} MB through cat | cat        {megabytes / plain:8.0f} MB/s")
    print(
        f"the same through runwatch run    {megabytes / (ours - start + nothing):8.0f} MB/s"
        f"   {(ours - start) / plain:.2f} times the time, without the start"
    )
    print(f"a burst of them through tee      {megabytes / tee:8.0f} MB/s")
    print(
        f"the same through runwatch run    {megabytes / kept:8.0f} MB/s"
        f"   {tee / kept:.2f} of tee (bar: 0.8), {logged / 1e6:.0f} MB logged"
    )
    print(f"start to end of `true`           {start * 1e3:8.0f} ms    (alone {nothing * 1e3:.0f} ms)")
    print(f"memory, wrapper and keeper       {wrapper:8.0f} MB    {keeper:.0f} MB")


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
