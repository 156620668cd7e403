"""What a daemon costs that watches and has nothing to say.

usage: python benchmarks/daemon.py [--seconds N] [--many RUNS FILES] [--growth MINUTES]

CPU time and memory are those of the daemon and of all it started, from /proc:
resident for the daemon alone, and each page counted once (PSS) for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PAGE = 1e6


def line(step: int) -> str:
    return f"step {step:06d}/900000 ({step / 9000:.2f}%) | loss: {2 + 9 / (step + 1):.6f} | dt: 100.00ms\n"


class Daemon:
    """`runwatch watch` on a directory, and what it costs."""

    def __init__(self, place: Path, logs: Path) -> None:
        environ = {
            **os.environ,
            "RUNWATCH_STATE": str(place / f"state-{logs.name}"),
            "RUNWATCH_SLACK_WEBHOOK": "",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "runwatch", "watch", str(logs)]
        self.process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL, cwd=place)
        self.path = place / f"state-{logs.name}" / "daemon.sock"

    def ask(self, kind: str) -> dict[str, object]:
        """Return its answer to a request."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.path))
            sock.sendall(json.dumps({"type": kind, "id": 1}).encode() + b"\n")
            for text in sock.makefile():
                reply = json.loads(text)
                if reply.get("id") == 1:
                    return dict(reply)
        raise RuntimeError("hung up")

    def until(self, runs: int) -> float:
        """Wait until so many runs are known and nothing is left to read; return the seconds it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < 600:
            try:
                if self.ask("health")["runs"] == runs:
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError("the runs were never found")

    def family(self) -> list[psutil.Process]:
        """Return the daemon and all it started."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def cpu(self) -> float:
        """Return the CPU seconds used until now."""
        return sum(sum(process.cpu_times()[:2]) for process in self.family())

    def share(self, seconds: float) -> float:
        """Return the part of one core used by all processes in the next `seconds`."""
        before, begun = self.cpu(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu() - before) / (time.monotonic() - begun)

    def memory(self) -> tuple[float, float]:
        """Return MB: resident in the daemon, and of all processes with shared pages counted once."""
        family = self.family()
        return family[0].memory_info().rss / PAGE, sum(p.memory_full_info().pss for p in family) / PAGE

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


class Asked:
    """Asks a daemon for its runs again and again, and knows how long the answers took."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._stop, self._seconds = daemon, threading.Event(), [0.0]
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._stop.wait(2.0):
            begun = time.monotonic()
            try:
                self._daemon.ask("runs")
            except OSError:  # not listening yet
                continue
            self._seconds.append(time.monotonic() - begun)

    def __str__(self) -> str:
        middle = sorted(self._seconds)[len(self._seconds) // 2]
        return f"{len(self._seconds)} answers took {middle:.2f} s, at worst {max(self._seconds):.2f} s"

    def __enter__(self) -> Asked:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def report(name: str, daemon: Daemon, seconds: float, bars: tuple[float, float]) -> None:
    used = daemon.share(seconds)
    alone, together = daemon.memory()
    share = f"{100 * used:5.2f} % of a core (bar: {bars[0]:g})"
    memory = f"daemon {alone:3.0f} MB (bar: {bars[1]:g}), {len(daemon.family())} processes {together:3.0f} MB"
    print(f"{name:28}{share}   {memory}")


def idle(place: Path, seconds: float) -> None:
    logs = place / "idle"
    logs.mkdir()
    hour_ago = time.time() - 3600
    for run in range(100):
        path = logs / f"run{run}.log"
        path.write_text("".join(map(line, range(200))))
        os.utime(path, (hour_ago, hour_ago))
    with Daemon(place, logs) as daemon:
        daemon.until(100)
        time.sleep(10)
        report("100 idle runs", daemon, seconds, (1.0, 80.0))


def busy(place: Path, seconds: float) -> None:
    logs, stop = place / "busy", threading.Event()
    logs.mkdir()

    def write() -> None:
        with (logs / "train.log").open("a", buffering=1) as log:
            for step in range(10**9):
                log.write(line(step))
                if stop.wait(0.1):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Daemon(place, logs) as daemon:
            daemon.until(1)
            time.sleep(10)
            report("1 run at 10 lines/s", daemon, seconds, (0.5, 60.0))
    finally:
        stop.set()
        writer.join()


def many(place: Path, runs: int, files: int, seconds: float) -> None:
    logs = place / "many"
    ranks = max(1, files // runs)
    for run in range(runs):
        (logs / f"exp{run:04d}").mkdir(parents=True)
        for rank in range(ranks):
            (logs / f"exp{run:04d}" / f"rank{rank}.log").write_text("".join(map(line, range(100))))
    with Daemon(place, logs) as daemon, Asked(daemon) as answers:
        took = daemon.until(runs)
        print(f"{runs} runs in {runs * ranks} files: all found after {took:.1f} s; {answers}")
        time.sleep(10)
        report("", daemon, seconds, (float("nan"), float("nan")))
        health = daemon.ask("health")
        print(f"{'':28}its clock was late by {health['lag']:.2f} s at worst; {health['notices']}")


def growth(place: Path, minutes: float) -> None:
    """Watch 100 runs that print five lines a second each, and report the memory by the minute."""
    logs, stop = place / "growth", threading.Event()
    logs.mkdir()

    def write() -> None:
        step, begun = 0, time.monotonic()
        while not stop.wait(max(0.0, begun + step / 5 - time.monotonic())):
            for run in range(100):
                with (logs / f"run{run:02d}.log").open("a") as log:
                    log.write(line(step))
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Daemon(place, logs) as daemon:
            daemon.until(100)
            for minute in range(1, round(minutes) + 1):
                share = daemon.share(60)
                alone, together = daemon.memory()
                memory = f"daemon {alone:6.1f} MB, with all it started {together:6.1f} MB"
                print(f"minute {minute:3}: {100 * share:5.1f} % of a core, {memory}", flush=True)
    finally:
        stop.set()
        writer.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--many", type=int, nargs=2, metavar=("RUNS", "FILES"))
    parser.add_argument("--growth", type=float, metavar="MINUTES")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if chosen.growth:
            growth(Path(place), chosen.growth)
            return
        if chosen.many:
            runs, files = chosen.many
            many(Path(place), runs, files, chosen.seconds)
            return
        idle(Path(place), chosen.seconds)
        busy(Path(place), chosen.seconds)


if __name__ == "__main__":
    main()
