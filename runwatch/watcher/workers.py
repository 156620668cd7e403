"""Worker processes seen from the engine: started, listened to, replaced when they fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable

import msgspec

from runwatch.watcher import wire

DEADLINE = 20.0
"""Seconds without a sign of life after which a worker counts as stuck."""
GRACE = 3.0
"""Seconds more, in case it was ourselves who stood still (a stopped terminal, a laptop asleep)."""
MAX_STARTS = 4
"""Starts in a row of one worker before its sources are given up as blind."""
HEALTHY = 60.0
"""Seconds of work after which earlier failures are forgotten."""


class Worker:
    """One child process that reads some sources, and its replacements."""

    def __init__(
        self,
        setup: wire.Setup,
        receive: Callable[[wire.Message], None],
        notice: Callable[[str], None],
        give_up: Callable[[str], None],
    ) -> None:
        self._setup = setup
        self._receive = receive
        self._notice = notice
        self._give_up = give_up
        self._process: asyncio.subprocess.Process | None = None
        self._opened: dict[str, bytes] = {}
        self._resume: dict[str, wire.Resume] = {}

    async def run(self) -> None:
        """Keep a worker at work until it ends by itself or was replaced too often."""
        starts = 0
        while True:
            starts += 1
            begun = time.monotonic()
            try:
                if await self._listen():
                    return
                why = "ended unexpectedly"
            except TimeoutError:
                why = f"did not answer for {DEADLINE:.0f} s (does its file system still answer?)"
            finally:
                self.stop()
            if time.monotonic() - begun > HEALTHY:
                starts = 0
            if starts >= MAX_STARTS:
                self._give_up(f"blind: {self._paths} cannot be read; the reader {why}")
                return
            self._notice(f"the reader of {self._paths} {why}; started again")
            await asyncio.sleep(2.0**starts - 1.0 if starts else 0.0)
            self._setup = self._continued()

    def _continued(self) -> wire.Setup:
        """Return the setup of a replacement: the same sources, each from where it was."""
        if not self._opened:
            return self._setup
        paths = tuple(dict.fromkeys((*self._setup.paths, *self._opened.values())))
        return msgspec.structs.replace(self._setup, paths=paths, resume=self._resume, wait=True)

    @property
    def _paths(self) -> str:
        return ", ".join(os.fsdecode(path).encode("utf-8", "replace").decode() for path in self._setup.paths)

    async def _listen(self) -> bool:
        """Start a process and pass on its messages; return True if it ended in good order."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "runwatch.watcher.worker", msgspec.json.encode(self._setup).decode()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 22,
        )
        reader = self._process.stdout
        assert reader is not None
        while True:
            try:
                head = await _read(reader, wire.HEADER.size)
                body = await _read(reader, wire.HEADER.unpack(head)[0])
            except asyncio.IncompleteReadError:
                return await self._process.wait() == 0
            message = wire.decode(body)
            if isinstance(message, wire.Opened):
                self._opened[message.source] = message.path
            elif isinstance(message, wire.Read) and message.resume is not None:
                self._resume[message.source] = message.resume
            self._receive(message)

    def stop(self) -> None:
        """Kill the process if it can be killed; one stuck in the kernel is left behind."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def _read(reader: asyncio.StreamReader, count: int) -> bytes:
    """Return exactly `count` bytes. Raises TimeoutError if they do not come.

    Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation.
    """
    reading = asyncio.ensure_future(reader.readexactly(count))
    try:
        for seconds in (DEADLINE, GRACE):
            if (await asyncio.wait({reading}, timeout=seconds))[0]:
                return reading.result()
        raise TimeoutError
    finally:
        reading.cancel()
