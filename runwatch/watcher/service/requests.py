"""What a screen asks of the process between it and what it shows."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from runwatch.core.decoding import UNDECODABLE
from runwatch.watcher import protocol


async def serve_screen(
    descriptor: int, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
) -> None:
    """Serve the screen at the other end of a socket, until it leaves or SIGTERM comes."""
    sock = socket.socket(fileno=descriptor)
    reader, writer = await asyncio.open_connection(sock=sock, limit=protocol.MAX_LINE)
    task = asyncio.ensure_future(serve(reader, writer))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


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
