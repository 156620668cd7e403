"""A running `runwatch tail --web`, for tests to open."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Served:
    """A server, and what is needed to open it."""

    process: subprocess.Popen[str]
    address: str
    token: str
    log: Path

    @property
    def page(self) -> str:
        return f"{self.address}/?token={self.token}"

    def screens(self) -> list[psutil.Process]:
        """The apps that run for tabs, without their engines."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if words[1:4] == ["-m", "runwatch", "tail"]:
                    found.append(child)
        return found


@contextlib.contextmanager
def serving(directory: Path, text: bytes | None = None, name: str = "train log.txt") -> Iterator[Served]:
    """Serve a log that is written to the directory; without a text, one of 399 steps."""
    log = directory / name
    usual = "".join(
        f"step {i:05d}/00400 ({i / 4:.2f}%) | loss: {4 - i / 200:.6f} | dt: {110 + i % 7}.00ms\n"
        for i in range(399)
    )
    log.write_bytes(usual.encode() if text is None else text)
    process = subprocess.Popen(
        [sys.executable, "-m", "runwatch", "tail", "--web", str(log)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "RUNWATCH_STATE": str(directory / "state")},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)\n", line)
        assert found, line
        yield Served(process, found[1], found[2], log)
    finally:
        process.terminate()
        process.wait(120)
        assert process.stdout is not None
        process.stdout.close()
