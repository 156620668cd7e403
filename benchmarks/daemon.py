"""What a daemon costs while it watches, and how soon it reports.

Cases: idle, busy, latency, scraped; and, if they are named, many (a login node: 1,000 runs in 10,000 files)
and growth (memory over 14 minutes of 100 busy runs).

CPU time and memory are those of the daemon and of all it started, from /proc:
resident for the daemon alone, and each page counted once (PSS) for all of them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import psutil

from benchmarks import latency, rows
from benchmarks.rows import Row, limit

ROOT = Path(__file__).resolve().parents[1]
PAGE = 1e6


def line(step: int) -> str:
    return f"step {step:06d}/900000 ({step / 9000:.2f}%) | loss: {2 + 9 / (step + 1):.6f} | dt: 100.00ms\n"


class Daemon:
    """`runwatch watch` on a directory, and what it costs."""

    def __init__(self, place: Path, logs: Path) -> None:
        self.environ = {
            **os.environ,
            "RUNWATCH_STATE": str(place / f"state-{logs.name}"),
            "RUNWATCH_SLACK_WEBHOOK": "",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "runwatch", "watch", str(logs)]
        self.process = subprocess.Popen(command, env=self.environ, stderr=subprocess.DEVNULL, cwd=place)
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
        """Wait until so many runs are known; return the seconds it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < 600:
            try:
                if self.ask("health")["runs"] >= runs:
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

    def settled(self) -> float:
        """Wait until no sampler runs and nothing was written to its state for a while; return the seconds."""
        begun, last = time.monotonic(), (0, 0)
        since = begun
        while time.monotonic() - begun < 900 and time.monotonic() - since < 15.0:
            written = max(file.stat().st_mtime_ns for file in self.path.parent.glob("state.db*"))
            now = written, len(self.family())
            since = since if now == last and now[1] == 2 else time.monotonic()
            last = now
            time.sleep(1.0)
        return since - begun

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


def costs(name: str, daemon: Daemon, seconds: float, cpu: float, memory: float) -> Iterator[Row]:
    """Yield what a daemon uses, after ten seconds to settle, next to these limits."""
    time.sleep(min(10.0, seconds))
    used = daemon.share(seconds)
    alone, together = daemon.memory()
    yield limit(f"daemon, {name}, CPU of a core", 100 * used, cpu, "%")
    yield limit(f"daemon, {name}, its memory", alone, memory, "MB")
    yield limit(f"daemon, {name}, memory of all processes", together, 4 * memory, "MB")


def idle(place: Path, seconds: float) -> Iterator[Row]:
    """Watch 100 runs that wrote nothing for an hour."""
    logs = place / "idle"
    logs.mkdir()
    hour_ago = time.time() - 3600
    for run in range(100):
        path = logs / f"run{run}.log"
        path.write_text("".join(map(line, range(200))))
        os.utime(path, (hour_ago, hour_ago))
    with Daemon(place, logs) as daemon:
        daemon.until(100)
        yield from costs("100 idle runs", daemon, seconds, 1.0, 80.0)


def busy(place: Path, seconds: float) -> Iterator[Row]:
    """Watch a run that prints 10 lines a second."""
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
            yield from costs("a run of 10 lines a second", daemon, seconds, 1.0, 60.0)
    finally:
        stop.set()
        writer.join()


def soon(place: Path, seconds: float) -> Iterator[Row]:
    """Append to a log; a client of the daemon receives the incidents."""
    logs = place / "soon"
    logs.mkdir()
    log = logs / "train.log"
    latency.begin(log)
    with Daemon(place, logs) as daemon:
        daemon.until(1)
        found = latency.delays(log, ["attach"], max(10, int(2 * seconds)), daemon.environ)
    yield limit("daemon, from a NaN in the log to its incident", found[int(0.99 * len(found))], 1.0)


def scraped(place: Path, seconds: float, runs: int = 200) -> Iterator[Row]:
    """Append to one of many logs without a scraper, then while all of them are scraped every second."""
    logs, stop = place / "scraped", threading.Event()
    logs.mkdir()
    for run in range(runs):
        (logs / f"run{run}.log").write_text("".join(map(line, range(50))))
    log = logs / "train.log"
    latency.begin(log)
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (place / "runwatch.toml").write_text(f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    sizes = [0]

    def scrape() -> None:
        while not stop.wait(1.0):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                sizes.append(len(answer.read()))

    scraper = threading.Thread(target=scrape)
    with Daemon(place, logs) as daemon:
        daemon.until(runs + 1)
        time.sleep(min(10.0, seconds))
        count = max(10, int(2 * seconds))
        alone = latency.delays(log, ["attach"], count, daemon.environ)
        scraper.start()
        try:
            found = latency.delays(log, ["attach"], count, daemon.environ, word="zx")
        finally:
            stop.set()
            scraper.join()
    print(f"{len(sizes) - 1} scrapes of {max(sizes):,} bytes", file=sys.stderr)
    rank = int(0.99 * count)
    what = "daemon, p99 from a NaN in the log to its incident while it is scraped"
    yield Row(what, found[rank], "the same without a scraper", alone[rank], "s", 1.1)


def many(place: Path, seconds: float, runs: int = 1000) -> Iterator[Row]:
    """Watch a login node: runs of the last month, each with ten files, of which two are logs."""
    logs = place / "many"
    for run in range(runs):
        home, long_ago = logs / f"exp{run // 100}" / f"run{run:04d}", time.time() - 3600 - 2400 * run
        (home / "checkpoints").mkdir(parents=True)
        (home / "train.log").write_text("".join(map(line, range(200))))
        (home / "stderr.log").write_text("".join(f"WARNING: slow import {i}\n" for i in range(20)))
        for name in ("config.yaml", "args.json", "train.sh", "train.py", "README.md"):
            (home / name).write_text("{}\n")
        for step in (100, 150, 200):
            (home / "checkpoints" / f"step_{step}.pt").write_bytes(b"PK\x03\x04" + bytes(200))
        for path in home.rglob("*"):
            os.utime(path, (long_ago, long_ago))
    name = f"{runs:,} runs in {10 * runs:,} files"
    with Daemon(place, logs) as daemon:
        with Asked(daemon) as answers:
            newest = daemon.until(50)
            yield limit(f"daemon, {name}, until the newest 50 are known", newest, 2.0)
            yield limit(f"daemon, {name}, until all are known", newest + daemon.until(runs), 15.0)
        print(f"{name}: {answers}", file=sys.stderr)
        settled = daemon.settled()
        yield limit(f"daemon, {name}, until what was found is kept and looked at", settled, 300.0)
        yield limit(f"daemon, {name}, then CPU of a core", 100 * daemon.share(4 * seconds), 2.0, "%")
        yield limit(f"daemon, {name}, memory of all processes", daemon.memory()[1], 250.0, "MB")
        health = daemon.ask("health")
        print(f"its clock was late by {health['lag']:.2f} s at worst; {health['notices']}", file=sys.stderr)


def growth(place: Path, seconds: float) -> Iterator[Row]:
    """Watch 100 runs that print five lines a second each: after the second minute nothing grows."""
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
            daemon.share(4 * seconds)
            settled = daemon.memory()[1]
            for minute in (3, 7, 11):
                name = f"daemon, 100 busy runs, minutes {minute} to {minute + 3}"
                yield limit(f"{name}, CPU of a core", 100 * daemon.share(8 * seconds), 25.0, "%")
                yield Row(
                    name + ", memory", daemon.memory()[1], "the same after two minutes", settled, "MB", 1.1
                )
    finally:
        stop.set()
        writer.join()


CASES = {"idle": idle, "busy": busy, "latency": soon, "scraped": scraped, "many": many, "growth": growth}


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure the cases."""
    with tempfile.TemporaryDirectory() as place:
        for name in names or (["latency"] if quick else ["idle", "busy", "latency", "scraped"]):
            yield from CASES[name](Path(place), 2.0 if quick else 30.0)


if __name__ == "__main__":
    rows.main(measure)
