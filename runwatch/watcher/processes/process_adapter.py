"""A process that was started before there was an event loop, as one that asyncio started."""

from __future__ import annotations

import asyncio
import subprocess

PAUSE = 0.02
"""Seconds between two looks at whether it ended: it is waited for only once its output has ended."""


class Adopted:
    """The part of asyncio.subprocess.Process that is used here."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: asyncio.StreamReader) -> None:
        self._process = process
        self.stdout = stdout

    @classmethod
    async def of(cls, process: subprocess.Popen[bytes], limit: int) -> Adopted:
        """Take a process over; `limit` bytes of its output are held until they are looked at."""
        reader = asyncio.StreamReader(limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, process.stdout)
        return cls(process, reader)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as in subprocess; None: it has not."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill it, if it has not ended."""
        self._process.kill()

    async def wait(self) -> int:
        """Wait for its end and return how it ended."""
        while (code := self.returncode) is None:
            await asyncio.sleep(PAUSE)
        return code
