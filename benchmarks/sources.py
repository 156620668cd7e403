"""How soon trackers' files and checkpoint directories are shown, by the real engine and client.

usage: python benchmarks/sources.py [--steps N] [--big N] [--checkpoints N] [--files N]

A W&B log of 100,000 steps, one of a gigabyte, directories with 10,000 checkpoints and a
tree of 100,000 files. Seconds count from the start of the command, in a terminal of 200x50
or headless: the least of some runs, as the machine may be shared; its load is said.

Beside it stands `wandb leet` on the same file, where the package is installed: both in the
same terminal, by turns. All data is in for both when the screen holds what stands at the
end of the file and the program says nothing of reading any more: leet's summary shows the
last step (it reads from the beginning to the end), and runwatch, which shows the newest
steps first, has ceased to say `reading history`. CPU is that of all processes of a command,
until then; it depends less on what else the machine does.
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
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

import checkpoints
import psutil
import pyte
import trackers

RUNS = 5
LEETS = 3
"""Runs of `wandb leet`, which takes longer."""
PATIENCE = 180.0
REST = 0.6
"""Seconds without output after which what a program drew is looked at: it draws twice a second at least."""
Object = dict[str, Any]
Picture = Callable[[str], object]
"""Whether the text of a screen shows what is waited for."""
CHART = re.compile("[\u2801-\u28ff]{3}").search
"""A line of a chart, as both programs draw it."""
SAVED = re.compile(r"\u2713 [\d,]{7,}").search
"""The newest checkpoint of a run of which only these are there: complete, and its step."""


def all_in(text: str) -> bool:
    """Whether runwatch shows a chart of the whole history."""
    return bool(CHART(text)) and "reading history" not in text


@contextlib.contextmanager
def terminal(command: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """Run a command in a terminal of 200x50 of its own; yield the terminal and the process."""
    pid, screen = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "WANDB_MODE": "offline"}
        os.execv(sys.executable, [sys.executable, *command])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    try:
        yield screen, psutil.Process(pid)
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


def shown(command: list[str], *wanted: Picture) -> list[float]:
    """Return the seconds until each picture stood on the screen, and the CPU seconds until the last did.

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


def title(what: str) -> None:
    print(f"{what}; load {os.getloadavg()[0]:.1f}", flush=True)


def values(body: Object) -> bool:
    """Whether an object holds the newest loss."""
    return "train/loss" in body.get("metrics", ())


def wandb_log(path: Path, steps: int, bar: float, runs: int) -> None:
    """Measure one W&B log."""
    trackers.make_wandb(path, steps)
    title(f"W&B log of {steps:,} steps, {path.stat().st_size / 1e6:.0f} MB")
    peaks = []

    def follow() -> list[float]:
        found, peak = told(path, values, lambda body: body.get("records") == steps)
        peaks.append(peak)
        return found

    first, whole = least(follow, runs)
    say("tail --headless: first values", first, bar)
    say("tail --headless: all data in", whole)
    print(f"  {'all processes at their peaks':44} {max(peaks):7.0f} MB")


def beside_leet(path: Path, steps: int, bar: float, runs: int) -> None:
    """Measure the screen on a W&B log, and by turns `wandb leet` on the same file."""
    title("the same file on the screen")
    own = ["-m", "runwatch", "tail", str(path)]
    there = importlib.util.find_spec("wandb") is not None
    last = re.compile(rf"_step +{steps - 1}\b").search
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for turn in range(runs):
        ours.append(shown(own, CHART, all_in))
        if there and turn < LEETS:
            theirs.append(shown(["-m", "wandb", "leet", str(path)], CHART, last))
    chart, whole, cpu = map(min, zip(*ours, strict=True))
    say("tail: first chart", chart, bar)
    say("tail: all data in", whole)
    say("tail: all data in, CPU", cpu)
    if not there:
        print("  wandb is not installed: no `wandb leet` to compare with")
        return
    chart, its_whole, its_cpu = map(min, zip(*theirs, strict=True))
    say("wandb leet: first chart", chart)
    say("wandb leet: all data in", its_whole)
    say("wandb leet: all data in, CPU", its_cpu)
    print(f"  {'times faster, all data in, by the clock':44} {its_whole / whole:7.1f}      (bar: 5)")
    print(f"  {'times less CPU':44} {its_cpu / cpu:7.1f}")


def directories(count: int) -> None:
    """Measure directories of checkpoints."""
    checkpoints.COUNT = count
    for name, lay_out in (
        ("files side by side", checkpoints.family),
        ("directories", checkpoints.folders),
    ):
        with tempfile.TemporaryDirectory() as top:
            lay_out(Path(top))
            title(f"{count:,} checkpoints, {name}")
            picture, cpu = least(lambda: shown(["-m", "runwatch", "tail", top], SAVED), 3)
            say("tail: first picture", picture, 1)
            say("tail: CPU until then", cpu)
            (first,) = least(lambda: told(Path(top), lambda body: body["type"] == "run")[0], 3)
            say("tail --headless: first object", first, 1)


def tree(count: int) -> None:
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
        title(f"a tree of {count:,} files, 20 runs")
        picture, cpu = least(lambda: shown(["-m", "runwatch", "tail", top], CHART), 3)
        say("tail: first picture", picture)
        say("tail: CPU until then", cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--big", type=int, default=1_200_000, help="steps of the log of a gigabyte; 0: none")
    parser.add_argument("--checkpoints", type=int, default=10_000, help="0: none")
    parser.add_argument("--files", type=int, default=100_000, help="0: none")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    print(f"{os.cpu_count()} cores; the least of {RUNS} runs or fewer")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run-bench.wandb"
        wandb_log(path, chosen.steps, 0.85, RUNS)
        beside_leet(path, chosen.steps, 0.85, RUNS)
        if chosen.big:
            wandb_log(path, chosen.big, 1.0, 3)
    if chosen.checkpoints:
        directories(chosen.checkpoints)
    if chosen.files:
        tree(chosen.files)


if __name__ == "__main__":
    main()
