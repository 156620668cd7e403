"""A worker that is started before it is known what it shall read: it loads while the engine does.

It is started by the first lines of an engine, so this imports next to nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from runwatch.watcher.processes.handover import nameless, put

if TYPE_CHECKING:
    import msgspec

WORKER = "runwatch.watcher.ingest.worker"
_KILLED = 1.0
"""Seconds in which what was killed is gone."""


class PrewarmedWorker:
    """A worker that waits for its setup, and ends when nobody is left who could hand it one."""

    def __init__(self) -> None:
        """Start one. Raises OSError."""
        with contextlib.ExitStack() as opened:
            self._setup = opened.enter_context(nameless())
            waits, self._gate = os.pipe()
            opened.callback(os.close, self._gate)
            with open(waits, "rb", buffering=0):
                inherited = (self._setup.fileno(), waits)
                command = [sys.executable, "-m", WORKER, *map(str, inherited)]
                self.process = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, pass_fds=inherited
                )
            opened.pop_all()
        self.given: msgspec.Struct | None = None
        """What it reads; None: it waits."""

    def give(self, setup: msgspec.Struct) -> None:
        """Hand over what it is to read. Raises OSError."""
        with self._setup, open(self._gate, "wb", buffering=0) as gate:
            put(setup, self._setup)
            with contextlib.suppress(BrokenPipeError):  # it may have died meanwhile
                gate.write(b".")
        self.given = setup

    def drop(self) -> None:
        """End it, whatever it does. One that is stuck in the kernel is not waited for."""
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_KILLED)
        if self.process.stdout is not None:
            self.process.stdout.close()
