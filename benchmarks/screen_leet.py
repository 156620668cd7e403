"""The comparison for benchmarks/screen.py with `wandb leet`: both on the same live run.

A child trains nothing, but logs like a run: with wandb's own writer, offline, and as
lines in a log; 3,000 steps at once and then two a second. Each program is measured with all
its processes, in a terminal of 200x50, where leet shows the newest step. The lag is how many
seconds ago the run took the step that is on the screen. W&B writes what it gets every few
seconds, which its readers cannot change: so both watch it at the same time, and ours is
measured on the log too.
Needs the wandb package.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
import pyte

from benchmarks import terminals
from benchmarks.rows import Row, limit

WARM = 12.0
"""Seconds before anything is counted."""
TRAIN = """
import sys, time, math, wandb
run = wandb.init(mode="offline", dir=sys.argv[1], project="bench", settings=wandb.Settings(console="off"))
log = open(sys.argv[1] + "/train.log", "w", buffering=1)
begin = time.time()
for step in range(10**9):
    loss = 2 + 8 * math.exp(-step / 900) + 0.05 * math.sin(step * 12.9898)
    names = ("grad_norm", "lr", "tok", "mfu", "dt", "acc", "mem", "peak")
    run.log({"train/loss": loss, **{"perf/" + name: loss * i for i, name in enumerate(names)}})
    log.write(f"step {step:05d}/100000 | loss: {loss:.6f} | lrm: 1.00 | dt: 500.00ms | tok/sec: 400,000\\n")
    print(step, flush=True)
    if step >= 3000:
        time.sleep(0.5)
"""


@dataclass
class Training:
    """A run that continues."""

    directory: Path
    taken: dict[int, float] = field(default_factory=dict)
    """When each step was taken."""

    def read(self, lines: Iterator[str]) -> None:
        """Note each step as it is printed."""
        for line in lines:
            if line.strip().isdecimal():
                self.taken[int(line)] = time.monotonic()

    def wandb_file(self) -> Path:
        """Return where wandb writes."""
        return next(self.directory.glob("wandb/offline-run-*/*.wandb"))


@dataclass(frozen=True)
class Cost:
    """What a program used: of a core, MB, kB/s, and what it showed."""

    cpu: float
    resident: float
    kilobytes: float
    sightings: tuple[tuple[float, int], ...]
    """When which step was on the screen."""

    def lag(self, run: Training) -> float:
        """Return the median of how late it was."""
        return median(at - run.taken[step] for at, step in self.sightings if step in run.taken)


@contextlib.contextmanager
def training(directory: Path) -> Iterator[Training]:
    """Let a run begin; it ends with the block."""
    run = Training(directory)
    command = [sys.executable, "-c", TRAIN, str(directory)]
    environ = {**os.environ, "WANDB_SILENT": "true"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ
    ) as child:
        assert child.stdout is not None
        threading.Thread(target=run.read, args=(child.stdout,), daemon=True).start()
        family: list[psutil.Process] = []
        try:
            while len(run.taken) < 3002:
                if child.poll() is not None:
                    raise RuntimeError("the run did not begin")
                time.sleep(0.1)
            family = psutil.Process(child.pid).children(recursive=True)
            yield run
        finally:
            for each in (*family, child):
                with contextlib.suppress(psutil.Error, OSError):
                    each.kill()


def watch(arguments: list[str], shown: re.Pattern[str], seconds: float) -> Cost:
    """Run a program in a terminal and return what it and its children used after the warm-up."""
    command = [sys.executable, *arguments]
    pid, screen = terminals.start(command, 200, 50, COLORTERM="truecolor", WANDB_MODE="offline")
    picture = pyte.Screen(200, 50)
    stream = pyte.ByteStream(picture)
    process = psutil.Process(pid)
    written, counting = 0, False
    sightings: list[tuple[float, int]] = []
    begin, used = time.monotonic(), 0.0
    end, look = begin + WARM + seconds, 0.0
    try:
        while (now := time.monotonic()) < end:
            if not counting and now >= begin + WARM:
                counting, used, written, begin_count = True, _used(process), 0, now
            if select.select([screen], [], [], 0.05)[0]:
                data = os.read(screen, 1 << 16)
                written += len(data)
                stream.feed(data)
            if counting and now >= look:
                look = now + 0.5
                found = shown.search("\n".join(picture.display))
                if found:
                    sightings.append((now, int(found[1].replace(",", ""))))
        spent = time.monotonic() - begin_count
        resident = sum(p.memory_info().rss for p in _family(process)) / 1e6
        return Cost((_used(process) - used) / spent, resident, written / spent / 1e3, tuple(sightings))
    finally:
        family = _family(process)
        with contextlib.suppress(OSError):
            os.write(screen, b"q")
        time.sleep(0.5)
        for each in family:
            with contextlib.suppress(psutil.Error):
                each.send_signal(signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _used(process: psutil.Process) -> float:
    total = 0.0
    for each in _family(process):
        with contextlib.suppress(psutil.Error):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def compare(seconds: float) -> Iterator[Row]:
    """Yield what runwatch uses and how late it is, next to leet."""
    with tempfile.TemporaryDirectory() as directory, training(Path(directory)) as run:
        file = str(run.wandb_file())
        tail, steps = ["-m", "runwatch", "tail"], re.compile(r"step ([\d,]+)")
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            both = (["-m", "wandb", "leet", file], [*tail, file])
            leet, ours = pool.map(watch, both, (re.compile(r"_step +(\d+)"), steps), (seconds, seconds))
        log = watch([*tail, f"{directory}/train.log"], steps, seconds)
        lags = ours.lag(run), leet.lag(run)
    for what, mine, theirs, unit, bar in (
        ("CPU of a core", 100 * ours.cpu, 100 * leet.cpu, "%", 0.5),
        ("output", ours.kilobytes, leet.kilobytes, "kB/s", 0.5),
        ("memory of all processes", ours.resident, leet.resident, "MB", 1.25),
        ("median delay", *lags, "s", 1.1),
    ):
        yield Row(f"screen of a live W&B run, {what}", mine, "wandb leet", theirs, unit, bar)
    yield limit("screen of a live log, median delay", log.lag(run), 1.0)
