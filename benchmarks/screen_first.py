"""For benchmarks/screen.py: how soon `tail` and `replay` show something, and what a long history costs.

Everything is real here: command, engine, worker, log.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyte

from benchmarks import make_log, terminals
from benchmarks.rows import Row

SMALL = "a small app with textual-plot"
BRAILLE = re.compile("[\u2801-\u28ff]")
BLOCKS = re.compile("[\u2588\u2580\u2584]")
PATIENCE = 600.0
LONG = 10_000_000
_LINE = "step {0:08d}/20000000 (0.00%) | loss: {1}.{2:06d} | lrm: 1.00 | dt: 50.00ms\n"


class Shown:
    """A Python program in a terminal of 120x40, since its command was given."""

    def __init__(self, *arguments: str, plots: re.Pattern[str] = BRAILLE) -> None:
        """Start it; `plots` matches what only its charts contain."""
        self._plots = plots
        self.begin, self.written = time.monotonic(), 0
        self._picture = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self._picture)
        command = [sys.executable, "-m", *arguments]
        self._pid, self._screen = terminals.start(command, 120, 40, COLORTERM="truecolor")
        self.process = psutil.Process(self._pid)

    def read(self, seconds: float = 0.01) -> bytes:
        """Return what it writes, if it does so in time."""
        if not select.select([self._screen], [], [], seconds)[0]:
            return b""
        data = os.read(self._screen, 1 << 16)
        self.written += len(data)
        return data

    def firsts(self) -> tuple[float, float, float]:
        """Return the seconds to its first frame and its first chart, and its own CPU by then."""
        seen, frame = "", 0.0
        while time.monotonic() - self.begin < PATIENCE:
            data = self.read()
            seen += data.decode("utf-8", "replace")
            self._stream.feed(data)
            now = time.monotonic() - self.begin
            if not frame and "Overview" in seen:
                frame = now
            if self._plots.search(seen):
                return frame, now, self.cpu()
        raise TimeoutError("no chart came")

    def until(self, words: str) -> None:
        """Read until the screen shows these words and no longer reads history."""
        while time.monotonic() - self.begin < PATIENCE:
            self._stream.feed(self.read(0.05))
            text = "\n".join(self._picture.display)
            if words in text and "reading" not in text:
                return
        raise TimeoutError("\n".join(self._picture.display))

    def cpu(self) -> float:
        """Return the seconds of CPU of the screen's own process."""
        times = self.process.cpu_times()
        return times.user + times.system

    def close(self) -> None:
        """Leave it."""
        with contextlib.suppress(OSError):
            os.write(self._screen, b"q")
            time.sleep(0.5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._screen)


@contextlib.contextmanager
def shown(command: str, log: Path) -> Iterator[Shown]:
    """Run `runwatch tail` or another command on a log for a block."""
    running = Shown("runwatch", command, str(log))
    try:
        yield running
    finally:
        running.close()


def soon(lines: int, runs: int = 3) -> Iterator[Row]:
    """Yield how soon the first frame and the first chart of a log of so many lines come.

    The baseline has its numbers at hand: it reads no log and starts no other process.
    """
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "train.log"
        with log.open("w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in make_log.lines(lines))
        ours: dict[str, list[tuple[float, float, float]]] = {"tail": [], "replay": []}
        small = []
        for _ in range(runs):
            for command, found in ours.items():
                with shown(command, log) as running:
                    found.append(running.firsts())
            with contextlib.closing(Shown("benchmarks.small_app", plots=BLOCKS)) as app:
                small.append(app.firsts())
    its_frame, its_chart = _medians(small)
    for command, found in ours.items():
        frame, chart = _medians(found)
        yield Row(f"{command}, first frame", frame, SMALL, its_frame, "s", 1.5 if command == "tail" else 2.0)
        yield Row(f"{command}, first chart", chart, SMALL, its_chart, "s", 2.0)


def _medians(found: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the middle times of first frames and of first charts."""
    frames, charts, _ = zip(*found, strict=True)
    return sorted(frames)[len(found) // 2], sorted(charts)[len(found) // 2]


def long_history(seconds: float) -> tuple[float, float, float]:
    """Watch a log of 10,000,000 steps that grows twice a second; return CPU, kB/s and MB of the screen."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "train.log"
        with log.open("w", encoding="ascii") as out:
            for block in range(0, LONG, 100_000):
                out.write("".join(_line(step) for step in range(block, block + 100_000)))
        with shown("tail", log) as running, log.open("a", encoding="ascii") as out:
            running.firsts()
            running.until(f"{LONG - 1:,}")
            for step in range(LONG, LONG + 2 * int(seconds) + 10):
                if step == LONG + 10:
                    begin, used, running.written = time.monotonic(), running.cpu(), 0
                out.write(_line(step))
                out.flush()
                due = time.monotonic() + 0.5
                while time.monotonic() < due:
                    running.read(0.02)
            spent = time.monotonic() - begin
            resident = running.process.memory_info().rss / 1e6
            return (running.cpu() - used) / spent, running.written / spent / 1e3, resident


def _line(step: int) -> str:
    return _LINE.format(step, 2 + step % 2, step * 7919 % 1_000_000)
