"""All clients: who is let in, who has to go, and what is sent to all of them."""

from __future__ import annotations

import asyncio
from operator import attrgetter

from runwatch.alerts.incidents.incidents import Change
from runwatch.watcher.service.connection import Connection
from runwatch.watcher.service.server_api import ServerApi
from runwatch.watcher.service.turns import Turns

MAX_CLIENTS = 256
"""Clients at a time; where there is no place, the one that was silent longest has to go."""
MAX_WATCHING = 224
"""Of them, those that pictures or lines are sent to: there is always a place for a question."""
MAX_HELD = 64 << 20
"""Bytes kept for all clients: requests that they have begun, and answers that they have not taken."""


class Clients:
    """The connections, within their bounds."""

    def __init__(self, server: ServerApi) -> None:
        self._server = server
        self.turns = Turns()
        self.connections: set[Connection] = set()

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it leaves."""
        idle = [client for client in self.connections if not client.watching]
        if len(self.connections) >= MAX_CLIENTS and idle:
            self._hang_up(
                min(idle, key=attrgetter("seen")),
                f"{MAX_CLIENTS} clients are connected: the least active one is disconnected",
            )
        client = Connection(self._server, self, writer)
        self.connections.add(client)
        try:
            await client.run(reader)
        finally:
            self.connections.discard(client)

    def make_place(self) -> None:
        """See that one more client can be sent pictures or lines. Raises ValueError."""
        if sum(other.watching for other in self.connections) >= MAX_WATCHING:
            raise ValueError(f"{MAX_WATCHING} clients are sent pictures or lines already: end one of them")

    def make_room(self) -> None:
        """Hang up on those that were silent longest until what is held for clients is within its bound."""
        over = sum(client.held for client in self.connections) - MAX_HELD
        for client in sorted(self.connections, key=attrgetter("seen")) if over > 0 else ():
            if over > 0 and client.held:
                over -= client.held
                self._hang_up(client, "too much is kept for clients that do not read or end a request")

    def _hang_up(self, client: Connection, why: str) -> None:
        self.connections.discard(client)
        client.hang_up(why)

    def incident(self, change: Change) -> None:
        """Show an incident's change at once."""
        for client in self.connections:
            client.incident(change)

    def notice(self, text: str) -> None:
        """Say something about runwatch itself."""
        for client in self.connections:
            client.notice(text)

    def wake(self, *, at_once: bool = False) -> None:
        """Let every client know that there is something new."""
        for client in self.connections:
            client.wake(at_once=at_once)

    def close(self) -> None:
        """Hang up on all; what was written is sent where it is taken at once."""
        for client in tuple(self.connections):
            client.close()
