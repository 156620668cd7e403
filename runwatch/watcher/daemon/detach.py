"""Starts a daemon that belongs to no terminal, and waits until it is ready or says why it is not."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from runwatch.core.errors import EngineError, ExitCode, RunwatchError
from runwatch.watcher.daemon import logs

PATIENCE = 120.0
"""Seconds in which a daemon is ready; Python itself may come from a slow file system."""
NO_MEMORY = "out of memory: raise the limit of this shell or job (ulimit -v)"
Start = Callable[[Callable[[str], object]], int]
"""Runs the daemon, calls what it is given with a few words once it is ready, and returns the exit code."""


def detach(start: Start, patience: float = PATIENCE) -> tuple[str, int]:
    """Run `start` in a process that belongs to no terminal; return what it says once it is ready, and its id.

    Raises EngineError with the reason if it does not come to that.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _between(start, writing)
    os.close(writing)
    said = _read(reading, patience)
    if said is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise EngineError(f"the daemon was not ready after {patience:g} s and was ended", "", "see its log")
    os.waitpid(child, 0)
    word, _, text = said.partition(" ")
    if word.isdecimal():
        return text, int(word)
    error = EngineError(text or "the daemon ended before it was ready")
    if word.startswith("E") and word[1:].isdecimal():
        error.exit_code = ExitCode(int(word[1:]))
    raise error


def _read(descriptor: int, patience: float) -> str | None:
    """Return all that comes until nobody is left to write; None if that takes too long."""
    said, until = b"", time.monotonic() + patience
    with open(descriptor, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            piece = pipe.read(4096)
            if not piece:
                return said.decode("utf-8", "replace")
            said += piece
    return None


def _between(start: Start, writing: int) -> NoReturn:
    """Be the parent of the daemon until it is ready or gone, and pass on which; the end of the process."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        reading, within = os.pipe()
        daemon = os.fork()
        if daemon == 0:
            os.close(writing)
            os.close(reading)
            _become_daemon(start, within)
        os.close(within)
        with open(reading, "rb") as pipe:
            said = pipe.read()
        if not said:
            said = f"E{int(ExitCode.UNREADABLE)} {_reason(os.waitpid(daemon, 0)[1])}".encode()
        os.write(writing, said)
    finally:
        os._exit(0)


def _reason(status: int) -> str:
    """Return how a daemon ended that could not say so itself."""
    if not os.WIFSIGNALED(status):
        code = os.waitstatus_to_exitcode(status)
        return f"the daemon ended with exit code {code} before it was ready: check the free memory"
    number = os.WTERMSIG(status)
    hint = ": out of memory, most likely" if number == signal.SIGKILL else ""
    return f"the daemon was killed by signal {number} before it was ready{hint}"


def _become_daemon(start: Start, writing: int) -> NoReturn:
    """Leave directory and terminal behind; run, and end the process."""

    def say(text: str) -> None:
        nonlocal writing
        if writing >= 0:
            with contextlib.suppress(OSError):
                os.write(writing, text.encode("utf-8", "replace"))
                os.close(writing)
            writing = -1

    code = int(ExitCode.INTERNAL)
    try:
        os.chdir("/")
        os.umask(0o077)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        if nowhere > 2:
            os.close(nowhere)
        code = start(lambda text: say(f"{os.getpid()} {text}"))
    except RunwatchError as error:
        code = int(error.exit_code)
        say(f"E{code} {error}")
    except MemoryError:
        say(f"E{code} {NO_MEMORY}")
        logs.report("error", NO_MEMORY)
    except BaseException as error:
        say(f"E{code} {type(error).__name__}: {error}")
        logs.report("error", f"{type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        os._exit(code)
