"""What `runwatch run` costs its command: time next to a plain pipe and `tee`, and start.

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
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.rows import Row, limit

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


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Measure the way of many bytes, a burst, and the start."""
    megabytes = 10 if quick else 200
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        data = place / "data"
        data.write_bytes(os.urandom(1 << 20) * megabytes)
        log = str(place / "it.log")
        plain = least(["sh", "-c", f"cat {data} | cat"])
        ours = least([*WRAPPED, log, "--", "cat", str(data)])
        nothing, start = least(["true"]), least([*WRAPPED, log, "--", "true"])
        tee, kept, logged = burst(megabytes * 1_000_000, place)
    assert logged >= megabytes * 1_000_000, logged
    yield Row("run, all output, without the start", ours - start + nothing, "cat | cat", plain)
    yield Row("run, a burst of output", kept, "tee", tee, bar=1.25)
    yield limit("run, start and end", start - nothing, 1.0)


if __name__ == "__main__":
    rows.main(measure)
