"""A real `runwatch tail` on a real growing file, for tests to talk to."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

WAIT = 120.0
"""Seconds before something that should happen counts as not happening."""


class Follower:
    """`runwatch tail PATH --headless --json` and the objects it prints."""

    def __init__(self, *arguments: str | Path, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "runwatch", "tail", *map(str, arguments), "--headless", "--json"]
        environment = {**os.environ, "RUNWATCH_SLACK_WEBHOOK": "", **(env or {})}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )
        self.seen: list[dict[str, Any]] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._words = ""
        self._spoke = threading.Condition()
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._spoke:
                self._words += line
                self._spoke.notify_all()

    def says(self, words: str) -> None:
        """Wait until standard error holds `words`."""
        with self._spoke:
            assert self._spoke.wait_for(lambda: words in self._words, WAIT), self._words

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = WAIT) -> dict[str, Any]:
        """Return the next object that is `wanted`; fail if it does not come."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"never came; seen: {self.seen[-5:]}") from None
            assert line is not None, f"ended; seen: {self.seen[-5:]}, said: {self._words}"
            self.seen.append(json.loads(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]

    def incident(self, rule: str, change: str = "firing") -> dict[str, Any]:
        """Return the next incident object of `rule`."""
        return self.until(
            lambda o: o["type"] == "incident" and o["incident"]["rule"] == rule and o["change"] == change
        )

    def records(self, count: int) -> dict[str, Any]:
        """Wait until exactly `count` training records were read."""
        return self.until(lambda o: o["type"] == "progress" and o["records"] == count)

    def end(self) -> int:
        """Return the exit code of a process that ends by itself."""
        code = self.process.wait(WAIT)
        self._join()
        while (line := self._queue.get()) is not None:
            self.seen.append(json.loads(line))
        return code

    def interrupt(self) -> tuple[int, str]:
        """Press ctrl-c; return the exit code and what was said on standard error."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(WAIT)
        self._join()
        return code, self._words

    def family(self) -> list[psutil.Process]:
        """Return the process and all it started."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    @property
    def words(self) -> str:
        """All that was said on standard error."""
        return self._words

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(WAIT)

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        family = []
        if self.process.poll() is None:
            family = self.family()
            self.process.kill()
        self.process.wait()
        self._join()
        assert psutil.wait_procs(family, WAIT)[1] == [], "a process outlived its client"
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Log:
    """A log file being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.step = 0

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def steps(self, count: int, *, total: int = 10_000, loss: str = "2.500000", dt: float = 10.0) -> None:
        """Append step lines."""
        lines = ""
        for _ in range(count):
            lines += f"step {self.step:05d}/{total:05d} (0.10%) | loss: {loss} | dt: {dt:.2f}ms\n"
            self.step += 1
        self.write(lines)
