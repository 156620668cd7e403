"""How soon trackers' files and checkpoint directories are shown, by the real engine and client.

usage: python benchmarks/sources.py [--steps N] [--big N] [--checkpoints N]

A W&B log of 100,000 steps, one of a gigabyte, and directories with 10,000 checkpoints.
Seconds count from the start of the command, in a terminal of 200x50 or headless. Beside
it stands `wandb leet` on the same file, where the package is installed. The least of RUNS,
as the machine may be shared; its load is said.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib.util
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

import checkpoints
import psutil
import pyte
import trackers

RUNS = 5
PATIENCE = 180.0
CHART = re.compile("[\u2801-\u28ff]{3}")
"""A line of a chart, as both programs draw it."""
SAVED = re.compile(r"\u2713 [\d,]{7,}")
"""The newest checkpoint of a run of which only these are there: complete, and its step."""
Object = dict[str, Any]


@contextlib.contextmanager
def terminal(command: list[str]) -> Iterator[int]:
    """Run a command in a terminal of 200x50 of its own; yield the terminal."""
    pid, screen = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "WANDB_MODE": "offline"}
        os.execv(sys.executable, [sys.executable, *command])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    try:
        yield screen
    finally:
        with contextlib.suppress(OSError):
            os.write(screen, b"q")
        with contextlib.suppress(ProcessLookupError):
            _end(psutil.Process(pid), screen)
        os.close(screen)


def _end(process: psutil.Process, screen: int) -> None:
    """Give a program a moment to end; nobody else would read what it says meanwhile."""
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


def shown(command: list[str], *wanted: re.Pattern[str]) -> list[float]:
    """Return the seconds until each pattern stood on the screen."""
    found: dict[re.Pattern[str], float] = {}
    picture = pyte.Screen(200, 50)
    stream = pyte.ByteStream(picture)
    begin = time.monotonic()
    with terminal(command) as screen:
        while len(found) < len(wanted):
            if time.monotonic() - begin > PATIENCE:
                raise TimeoutError("\n".join(picture.display))
            if not select.select([screen], [], [], 0.02)[0]:
                continue
            stream.feed(os.read(screen, 1 << 16))
            at, text = time.monotonic() - begin, "\n".join(picture.display)
            found |= {each: at for each in wanted if each not in found and each.search(text)}
    return [found[each] for each in wanted]


def told(path: Path, *wanted: Callable[[Object], bool]) -> tuple[list[float], float]:
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


def say(what: str, seconds: float, bar: float | None = None) -> None:
    print(f"  {what:44} {seconds:7.2f} s" + (f"    (bar: {bar})" if bar else ""), flush=True)


def values(body: Object) -> bool:
    """Whether an object holds the newest loss."""
    return "train/loss" in body.get("metrics", ())


def wandb_log(path: Path, steps: int, bar: float, runs: int) -> float:
    """Measure one W&B log; return the seconds until all of it was read."""
    trackers.make_wandb(path, steps)
    print(f"W&B log of {steps:,} steps, {path.stat().st_size / 1e6:.0f} MB")
    (chart,) = least(lambda: shown(["-m", "runwatch", "tail", str(path)], CHART), runs)
    say("tail: first chart", chart, bar)
    peaks = []

    def follow() -> list[float]:
        found, peak = told(path, values, lambda body: body.get("records") == steps)
        peaks.append(peak)
        return found

    first, whole = least(follow, runs)
    say("tail --headless: first values", first, bar)
    say("tail --headless: all data in", whole)
    print(f"  {'all processes at their peaks':44} {max(peaks):7.0f} MB")
    return whole


def leet(path: Path, steps: int, whole: float) -> None:
    """Measure `wandb leet` on the same file."""
    if importlib.util.find_spec("wandb") is None:
        print("  wandb is not installed: no `wandb leet` to compare with")
        return
    last = re.compile(rf"_step +{steps - 1}\b")
    chart, all_in = least(lambda: shown(["-m", "wandb", "leet", str(path)], CHART, last), 3)
    say("wandb leet: first chart", chart)
    say("wandb leet: all data in", all_in)
    print(f"  {'times faster, all data in':44} {all_in / whole:7.1f}      (bar: 5)")


def directories(count: int) -> None:
    """Measure directories of checkpoints."""
    checkpoints.COUNT = count
    for name, lay_out in (
        ("files side by side", checkpoints.family),
        ("directories", checkpoints.folders),
    ):
        with tempfile.TemporaryDirectory() as top:
            lay_out(Path(top))
            print(f"{count:,} checkpoints, {name}")
            (picture,) = least(lambda: shown(["-m", "runwatch", "tail", top], SAVED), 3)
            say("tail: first picture", picture, 1)
            (first,) = least(lambda: told(Path(top), lambda body: body["type"] == "run")[0], 3)
            say("tail --headless: first object", first, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--big", type=int, default=1_200_000, help="steps of the log of a gigabyte; 0: none")
    parser.add_argument("--checkpoints", type=int, default=10_000, help="0: none")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the least of {RUNS} runs")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run-bench.wandb"
        whole = wandb_log(path, chosen.steps, 0.85, RUNS)
        leet(path, chosen.steps, whole)
        if chosen.big:
            wandb_log(path, chosen.big, 1.0, 3)
    if chosen.checkpoints:
        directories(chosen.checkpoints)


if __name__ == "__main__":
    main()
