"""`runwatch run` as a real process, on pipes or on a terminal, for tests to talk to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil

WAIT = 120.0
"""Seconds before something that should happen counts as not happening."""
RUN = [sys.executable, "-m", "runwatch", "run"]
QUIET = {**os.environ, "RUNWATCH_SLACK_WEBHOOK": ""}
UNWATCHED = {**QUIET, "RUNWATCH_ENGINE_LOG": "/nonexistent/engine.log"}
"""No engine can be started: most of the time of a test that is about the command and its log alone."""


def python(code: str) -> list[str]:
    """Return a command that runs some Python, unbuffered."""
    return [sys.executable, "-u", "-c", code]


def _environment(arguments: tuple[str | Path, ...]) -> dict[str, str]:
    return UNWATCHED if arguments[:1] == ("-q",) else QUIET


def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run `runwatch run ARGUMENTS` to its end; with -q unwatched."""
    options = {"capture_output": True, "env": _environment(arguments), "timeout": WAIT, **options}
    return subprocess.run([*RUN, *map(str, arguments)], check=False, **options)  # type: ignore[call-overload]


def started(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    """Start `runwatch run ARGUMENTS` with pipes; with -q unwatched."""
    pipe = subprocess.PIPE
    options = {
        "stdin": pipe, "stdout": pipe, "stderr": pipe, "env": _environment(arguments), "bufsize": 0, **options,
    }  # fmt: skip
    return subprocess.Popen([*RUN, *map(str, arguments)], **options)  # type: ignore[call-overload]


def part(process: subprocess.Popen[bytes], module: str) -> psutil.Process:
    """Return our own process that runs a module; it may still be starting."""
    return wait_for(
        lambda: next(
            (p for p in psutil.Process(process.pid).children(recursive=True) if module in _words(p)), None
        )
    )


def wait_for(look: Callable[[], object], what: str = "it") -> object:  # type: ignore[misc]
    """Return what `look` gives, once that is anything."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} never came")


def _words(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


SPEAKS = (
    "import signal, sys\n"
    "def caught(number, _): print(signal.Signals(number).name)\n"
    "for n in (1, 2, 3, 10, 12, 15, 18, 28): signal.signal(n, caught)\n"
    "print('ready')\n"
    "for line in sys.stdin: print('line', line, end='')\n"
)
"""A program that says which signals reach it, and repeats its input."""


class Terminal:
    """A terminal in which a program runs as its session's leader."""

    def __init__(self, *command: str, rows: int = 24, columns: int = 80, cwd: Path | None = None) -> None:
        self.seen = b""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            if cwd is not None:
                os.chdir(cwd)
            self_size(0, rows, columns)
            os.execvpe(command[0], command, {**QUIET, "TERM": "xterm-256color", "PS1": "$ "})

    def resize(self, rows: int, columns: int) -> None:
        self_size(self._master, rows, columns)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, words: bytes) -> re.Match[bytes]:
        """Read until a pattern was seen; return it, and forget all before its end."""
        deadline = time.monotonic() + WAIT
        while (found := re.search(words, self.seen, re.DOTALL)) is None:
            assert select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0], self.seen
            try:
                self.seen += os.read(self._master, 1 << 16)
            except OSError:
                raise AssertionError(f"ended: {self.seen!r}") from None
        self.seen = self.seen[found.end() :]
        return found

    def end(self) -> int:
        """Return the wait status; reads what is still written."""
        while True:
            try:
                if not os.read(self._master, 1 << 16):
                    break
            except OSError:
                break
        return os.waitpid(self.pid, 0)[1]

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.close(self._master)
        with contextlib.suppress(OSError):
            os.kill(self.pid, 9)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)


def self_size(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def reads(process, size=1 << 16, stream="stdout"):
    """Return what comes next; fail if nothing does."""
    pipe = getattr(process, stream)
    assert select.select([pipe], [], [], WAIT)[0], "nothing came"
    return os.read(pipe.fileno(), size)


def until(process, words, stream="stdout"):
    seen = b""
    while words not in seen:
        data = reads(process, stream=stream)
        assert data, f"ended: {seen!r}"
        seen += data
    return seen


def close(process):
    """End it and what it left; return what it said."""
    out, err = process.communicate(timeout=WAIT)
    return out, err.decode()
