"""A worker that is started before it is known what it shall read: it loads while the engine does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import BinaryIO

import msgspec

from runwatch.watcher.handover import nameless, put

WORKER = "runwatch.watcher.worker"
LIMIT = 1 << 20
"""Bytes of a child's output that are held until they are looked at."""


class Spare:
    """A worker that waits for its setup, and ends when nobody is left who could hand it one."""

    def __init__(self, process: Process, setup: BinaryIO, gate: int) -> None:
        """Take a process that reads `setup`, a file it shares, once something comes out of `gate`."""
        self.process, self._setup, self._gate = process, setup, gate
        self.given: msgspec.Struct | None = None
        """What it reads; None: it waits."""

    @classmethod
    async def start(cls) -> Spare:
        """Start one. Raises OSError."""
        with contextlib.ExitStack() as opened:
            setup = opened.enter_context(nameless())
            waits, gate = os.pipe()
            opened.callback(os.close, gate)
            with open(waits, "rb", buffering=0):
                inherited = (setup.fileno(), waits)
                command = [sys.executable, "-m", WORKER, *map(str, inherited)]
                process = await asyncio.create_subprocess_exec(
                    *command, stdout=PIPE, stderr=DEVNULL, pass_fds=inherited, limit=LIMIT
                )
            opened.pop_all()
            return cls(process, setup, gate)

    def give(self, setup: msgspec.Struct) -> Process:
        """Hand over what it is to read; return its process, which may have died meanwhile. Raises OSError."""
        with self._setup, open(self._gate, "wb", buffering=0) as gate:
            put(setup, self._setup)
            with contextlib.suppress(BrokenPipeError):
                gate.write(b".")
        self.given = setup
        return self.process
