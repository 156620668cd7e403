"""How soon `runwatch tail` shows a long log's newest step, in a real terminal."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

import psutil

from benchmarks import terminals


def measure(path: str, step: int) -> tuple[float, float]:
    """Return (seconds until the step is on the screen, peak MB of all processes while history is read)."""
    shown = f"{step:,}".encode()
    begin = time.monotonic()
    pid, screen = terminals.start([sys.executable, "-m", "runwatch", "tail", path], 120, 40)
    try:
        seconds = _until(screen, shown, begin)
        most, end = 0, time.monotonic() + 4.0
        while time.monotonic() < end:
            _drain(screen, 0.05)
            most = max(most, _resident(psutil.Process(pid)))
        return seconds, most / 1e6
    finally:
        os.write(screen, b"q")
        _drain(screen, 0.5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)


def _resident(process: psutil.Process) -> int:
    """Return the bytes of a process and its children; what they share counts for each."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total


def _until(screen: int, wanted: bytes, begin: float) -> float:
    seen = b""
    while time.monotonic() - begin < 20:
        if select.select([screen], [], [], 0.02)[0]:
            seen += os.read(screen, 1 << 16)
            if wanted in seen:
                return time.monotonic() - begin
    raise TimeoutError("the step never appeared")


def _drain(screen: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if select.select([screen], [], [], 0.02)[0]:
                os.read(screen, 1 << 16)


def median(path: str, step: int, runs: int) -> tuple[float, float]:
    """Return the median of so many runs."""
    found = sorted(measure(path, step) for _ in range(runs))
    return found[len(found) // 2]
