"""What a screen asks of the process between it and what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runwatch.core.decoding import UNDECODABLE
from runwatch.watcher import protocol


async def take_requests(reader: asyncio.StreamReader, take: Callable[[protocol.Request], None]) -> None:
    """Give each request to `take`, until the screen leaves or sends what is none."""
    try:
        while line := await reader.readline():
            request = protocol.decode_request(line)
            if isinstance(request, protocol.Shutdown):
                return
            take(request)
    except (ConnectionError, *UNDECODABLE):
        return  # the screen is gone
