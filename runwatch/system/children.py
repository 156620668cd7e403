"""Child processes that are given up: killed, and waited for, so that none is left behind."""

from __future__ import annotations

import asyncio
import contextlib

PATIENCE = 5.0
"""Seconds to wait for a killed process; the kernel may hold one that waits for a disk."""


async def give_up(child: asyncio.subprocess.Process) -> None:
    """Kill a process that still runs, and wait for its end."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        ended = asyncio.ensure_future(child.wait())
        await asyncio.wait({ended}, timeout=PATIENCE)
        ended.cancel()
