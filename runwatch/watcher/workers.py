"""Worker processes seen from the engine: started, listened to, replaced when they fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable

import msgspec

from runwatch.watcher import wire

DEADLINE = 20.0
"""Seconds without a sign of life after which a worker counts as stuck."""
MAX_STARTS = 4
"""Starts of one worker before its sources are given up as blind."""


class Worker:
    """One child process that reads some sources, and its replacements."""

    def __init__(
        self, setup: wire.Setup, receive: Callable[[wire.Message], None], notice: Callable[[str], None]
    ) -> None:
        self._setup = setup
        self._receive = receive
        self._notice = notice
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep a worker at work until it ends by itself or was replaced too often."""
        for start in range(MAX_STARTS):
            try:
                if await self._listen():
                    return
                why = "ended unexpectedly"
            except (asyncio.TimeoutError, TimeoutError):
                why = f"did not answer for {DEADLINE:.0f} s (does its file system still answer?)"
            finally:
                self._abandon()
            paths = ", ".join(self._setup.paths)
            if start + 1 < MAX_STARTS:
                self._notice(f"the reader of {paths} {why}; started again")
                await asyncio.sleep(2.0**start)
        self._notice(f"blind: {', '.join(self._setup.paths)} cannot be read; its rules are off")

    async def _listen(self) -> bool:
        """Start a process and pass on its messages; return True if it ended in good order."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "runwatch.watcher.worker", msgspec.json.encode(self._setup).decode()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            limit=1 << 22,
        )
        reader = self._process.stdout
        assert reader is not None
        while True:
            try:
                head = await asyncio.wait_for(reader.readexactly(wire.HEADER.size), DEADLINE)
                body = await asyncio.wait_for(reader.readexactly(wire.HEADER.unpack(head)[0]), DEADLINE)
            except asyncio.IncompleteReadError:
                return await self._process.wait() == 0
            self._receive(wire.decode(body))

    def _abandon(self) -> None:
        """Kill the process if it can be killed; one stuck in the kernel is left behind."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def stop(self) -> None:
        """End the process now."""
        self._abandon()
