"""How soon trackers' files and checkpoint directories are shown, by the real engine and client.

A W&B log of 100,000 steps, and directories with 10,000 checkpoints; if it is named, `tree`, a tree
of 100,000 files. Seconds count from the start of the command, in a terminal of 200x50 or headless:
the least of some runs.

The baseline is `wandb leet` on the same file: both in the same terminal, by turns. All data is in
for both when the screen holds what is at the end of the file and the program no longer shows that
it is reading: leet's summary shows the last step (it reads from the beginning to the end), and
runwatch, which shows the newest steps first, no longer says `reading history`. CPU is that of all
processes of a command, until then; it depends less on what else the machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyte

from benchmarks import checkpoints, rows, terminals, trackers
from benchmarks.rows import Row, limit

RUNS = 3
PATIENCE = 180.0
REST = 0.6
"""Seconds without output after which what a program drew is looked at: it draws twice a second at least."""
Object = dict[str, Any]
Picture = Callable[[str], object]
"""Whether the text of a screen shows what is waited for."""
CHART = re.compile("[\u2801-\u28ff]{3}").search
"""A line of a chart, as both programs draw it."""
FEW = 20
"""Checkpoints of a usual run."""
SAVED = re.compile(r"checkpoints: last good [\d,]{5,}").search
"""The newest checkpoint of a run of which only these are there: complete, and its step."""


def all_in(text: str) -> bool:
    """Whether runwatch shows a chart of the whole history."""
    return bool(CHART(text)) and "reading history" not in text


@contextlib.contextmanager
def terminal(command: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """Run a command in a terminal of 200x50 of its own; yield the terminal and the process."""
    pid, screen = terminals.start([sys.executable, *command], 200, 50, WANDB_MODE="offline")
    try:
        yield screen, psutil.Process(pid)
    finally:
        with contextlib.suppress(OSError):
            os.write(screen, b"q")
        with contextlib.suppress(ProcessLookupError):
            _end(psutil.Process(pid), screen)
        os.close(screen)


def _end(process: psutil.Process, screen: int) -> None:
    """Give a program a moment to end; no other process reads what it prints meanwhile."""
    family = [process, *process.children(recursive=True)]
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and process.status() != psutil.STATUS_ZOMBIE:
        with contextlib.suppress(OSError):
            if select.select([screen], [], [], 0.05)[0]:
                os.read(screen, 1 << 16)
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    os.waitpid(process.pid, 0)


def shown(command: list[str], *wanted: Picture) -> list[float]:
    """Return the seconds until each picture was on the screen, and the CPU seconds until the last did.

    What a program draws is noted as it comes and looked at when it rests: to draw it here
    takes as much CPU as the program itself, of the cores that it runs on.
    """
    found: dict[Picture, float] = {}
    drawn: deque[tuple[float, float, bytes]] = deque()
    picture = pyte.Screen(200, 50)
    stream = pyte.ByteStream(picture)
    begin = newest = time.monotonic()
    with terminal(command) as (screen, process):
        while len(found) < len(wanted):
            now = time.monotonic()
            if now - begin > PATIENCE:
                raise TimeoutError("\n".join(picture.display))
            if select.select([screen], [], [], 0.0 if drawn and now - newest > REST else 0.02)[0]:
                data, newest = os.read(screen, 1 << 16), time.monotonic()
                drawn.append((newest - begin, _cpu_of_all(process.pid), data))
            elif drawn and now - newest > REST:
                at, cpu, data = drawn.popleft()
                stream.feed(data)
                text = "\n".join(picture.display)
                found |= {each: at for each in wanted if each not in found and each(text)}
    return [*(found[each] for each in wanted), cpu]


def _cpu_of_all(pid: int) -> float:
    """Return what a process and its descendants have used, without a search of all processes."""
    try:
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK") + sum(
        _cpu_of_all(int(child)) for child in children
    )


def received(path: Path, *wanted: Callable[[Object], bool]) -> tuple[list[float], float]:
    """Follow headless; return the seconds until each kind of object came, and the peak MB of all processes.

    The peaks of the processes are added up: what they share counts several times.
    """
    found: list[float] = []
    begin = time.monotonic()
    options = ["--headless", "--json", "--interval", "0.1"]
    command = [sys.executable, "-m", "runwatch", "tail", str(path), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        family = psutil.Process(process.pid)
        assert process.stdout is not None
        for line in process.stdout:
            body = json.loads(line)
            while len(found) < len(wanted) and wanted[len(found)](body):
                found.append(time.monotonic() - begin)
            if len(found) == len(wanted):
                break
        peak = sum(_peak(p.pid) for p in (family, *family.children(recursive=True)))
        process.send_signal(signal.SIGINT)
    return found, peak


def _peak(pid: int) -> float:
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            return int(found[1]) / 1024
    return 0.0


def least(measure: Callable[[], list[float]], runs: int = RUNS) -> list[float]:
    """Return the least of each figure."""
    return [min(column) for column in zip(*(measure() for _ in range(runs)), strict=True)]


def values(body: Object) -> bool:
    """Whether an object holds the newest loss."""
    return "train/loss" in body.get("metrics", ())


def wandb_log(path: Path, steps: int, runs: int) -> Iterator[Row]:
    """Measure the screen on a W&B log, and by turns `wandb leet` on the same file."""
    own, other = ["-m", "runwatch", "tail", str(path)], ["-m", "wandb", "leet", str(path)]
    last = re.compile(rf"_step +{steps - 1}\b").search
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(runs):
        ours.append(shown(own, CHART, all_in))
        theirs.append(shown(other, CHART, last))
    mine, its = (list(map(min, zip(*found, strict=True))) for found in (ours, theirs))
    yield Row("W&B log, first chart", mine[0], "wandb leet", its[0], bar=1.0)
    yield Row("W&B log, all data in", mine[1], "wandb leet", its[1], bar=0.2)
    yield Row("W&B log, CPU until then", mine[2], "wandb leet", its[2], bar=0.5)
    headless = least(lambda: received(path, values, lambda body: body.get("records") == steps)[0], runs)
    yield Row("W&B log, headless, all data in", headless[1], "wandb leet", its[1], bar=0.2)


def directories(count: int, runs: int) -> Iterator[Row]:
    """Measure directories of checkpoints, next to the same with few."""
    for name, lay_out in (
        ("in one directory", checkpoints.family),
        ("as directories", checkpoints.folders),
    ):
        many, few = (first_view(lay_out, number, runs) for number in (count, FEW))
        yield Row(f"checkpoints {name}, first view", many, f"the same of {FEW}", few, bar=1.5)


def first_view(lay_out: Callable[[Path], None], count: int, runs: int) -> float:
    """Return the seconds until so many checkpoints are on the screen."""
    checkpoints.COUNT = count
    with tempfile.TemporaryDirectory() as top:
        lay_out(Path(top))
        return least(lambda: shown(["-m", "runwatch", "tail", top], SAVED), runs)[0]


def tree(count: int) -> Iterator[Row]:
    """Measure a tree of so many files, nearly all of them data, that holds twenty runs."""
    with tempfile.TemporaryDirectory() as top:
        for number in range(count // 100):
            here = Path(top, "data", f"part{number // 100}", f"{number}")
            here.mkdir(parents=True)
            for name in range(100):
                (here / f"x{name}.npy").touch()
        for number in range(20):
            here = Path(top, "runs", f"run{number}")
            here.mkdir(parents=True)
            lines = (f"step {step}/1000 | loss: {4 - step / 500:.4f} | lr: 1e-3\n" for step in range(1000))
            (here / "train.log").write_text("".join(lines))
            (here / "config.yaml").write_text("lr: 0.001\n")
        picture, _ = least(lambda: shown(["-m", "runwatch", "tail", top], CHART), 3)
        yield limit("a tree of files with 20 runs, first chart", picture, float("nan"))


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure the cases: wandb, checkpoints, tree."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    names = names or ["wandb", "checkpoints"]
    runs = 1 if quick else RUNS
    if "wandb" in names:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "run-bench.wandb"
            steps = 1_000 if quick else 100_000
            trackers.make_wandb(path, steps)
            yield from wandb_log(path, steps, runs)
    if "checkpoints" in names:
        yield from directories(1_000 if quick else 10_000, runs)
    if "tree" in names:
        yield from tree(100_000)


if __name__ == "__main__":
    rows.main(measure)
