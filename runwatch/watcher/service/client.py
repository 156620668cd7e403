"""A client of the engine: one connected socket, typed messages, newest frame first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from runwatch import __version__
from runwatch.core.errors import EngineError
from runwatch.watcher import protocol
from runwatch.watcher.protocol import Hello, Reply, Request, Subscribe, View


class Client:
    """Speaks the protocol over one connected stream socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, sock: socket.socket) -> Client:
        """Greet the engine at the other end of `sock`. Raises EngineError if it does not answer."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=protocol.MAX_LINE)
        client = cls(reader, writer)
        client.send(Hello(software=f"runwatch {__version__}"))
        return client

    def send(self, message: Request) -> None:
        """Queue one message; small and rare, so never awaited."""
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))

    def show(self, view: View) -> None:
        """Send the engine what is on the screen now."""
        self.send(Subscribe(view))

    async def replies(self) -> AsyncIterator[Reply]:
        """Yield messages until the engine closes. Raises EngineError on a broken stream."""
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError) as error:
                raise EngineError("lost the engine", str(error)) from error
            if not line:
                return
            yield protocol.decode_reply(line)

    async def close(self) -> None:
        """Close the connection; the engine notices."""
        self._writer.close()
