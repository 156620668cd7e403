"""Waiting in an event loop, for so long.

Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from runwatch.core.errors import EngineError

T = TypeVar("T")


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set or after `seconds`."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()


async def within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return what `work` gives. Raises EngineError after `seconds`."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise EngineError(f"silent for {seconds:.0f} s")
        return task.result()
    finally:
        task.cancel()
