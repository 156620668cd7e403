"""One client: what it shows, and the newest picture for it.

Nothing waits for a client and nothing is kept for it without bound: pictures
and progress are made when it has taken the ones before, its requests are
answered one after the other, and of incident changes the newest are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from runwatch import __version__
from runwatch.alerts.incidents import Change
from runwatch.watcher import protocol
from runwatch.watcher.answers import answers
from runwatch.watcher.headless import Headless
from runwatch.watcher.waiting import wait

if TYPE_CHECKING:
    from runwatch.watcher.server import Server

PACE = 0.2
"""Seconds between two looks for news, for a client that shows nothing."""
MAX_WAITING = 1024
"""Lines kept for a client that does not read."""


class Connection:
    """A client, from its greeting to its end."""

    def __init__(self, server: Server, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._view: protocol.View | None = None
        self._headless: Headless | None = None
        self._waiting: deque[protocol.Reply] = deque()
        """Lines and notices for one who follows."""
        self._left_out = 0
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Greet once it is known what is watched; answer until the client leaves."""
        pictures = asyncio.create_task(self._pictures())
        try:
            while line := await reader.readline():
                if await self._take(protocol.decode_request(line)):
                    return
        except (ValueError, msgspec.DecodeError) as error:
            self._write(protocol.Failure(f"bad request: {error}", 2))
        except ConnectionError:
            pass  # it left without a word
        finally:
            pictures.cancel()
            await asyncio.gather(pictures, return_exceptions=True)
            self._writer.close()

    def close(self) -> None:
        """Hang up; what was written is sent if it is taken at once."""
        self._writer.close()

    def wake(self, *, at_once: bool = False) -> None:
        """Note that there is something new: for the next tick, or for now."""
        if at_once:
            self._urgent.set()
        self._dirty.set()

    def incident(self, change: Change) -> None:
        """Show an incident's change at once."""
        if self._headless is not None:
            for body in self._headless.incident(change):
                self._keep(protocol.Line(body))
        self.wake(at_once=True)

    def notice(self, text: str) -> None:
        """Say something about runwatch itself to one who follows; a screen finds it in its picture."""
        if self._headless is not None:
            self._keep(protocol.Notice(text))

    def _keep(self, reply: protocol.Reply) -> None:
        self._waiting.append(reply)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._left_out += 1

    async def _take(self, request: protocol.Request) -> bool:
        """Act on a request; return True if the client wants the end."""
        if isinstance(request, protocol.Hello):
            if request.version > protocol.VERSION:
                ours = f"this is {_software()}, protocol {protocol.VERSION}"
                theirs = f"{request.software or 'the client'} speaks protocol {request.version}"
                self._write(protocol.Failure(f"{ours}; {theirs}: restart the daemon after an upgrade", 2))
                return True
        elif isinstance(request, protocol.Subscribe):
            self._view = request.view
            self.wake(at_once=True)
        elif isinstance(request, protocol.Follow):
            self._headless = Headless(self._server.engine, request.interval, request.every)
            for text in self._server.notices:
                self.notice(text)
            self.wake()
        elif isinstance(request, protocol.Shutdown):
            return True
        else:
            async for reply in answers(self._server, request):
                self._write(reply)
                await self._writer.drain()
        return False

    async def _pictures(self) -> None:
        """Send a picture whenever something changed: at most one per interval, never a queue."""
        await self._server.opened.wait()
        if self._server.fatal is not None:
            self._write(protocol.Failure(self._server.fatal))
            return
        self._write(protocol.Hello(software=_software(), host=socket.gethostname(), pid=os.getpid()))
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._urgent.clear()
            try:
                self._send_picture(time.time())
            except Exception as error:  # a picture that cannot be drawn must not end the pictures
                self._server.notice(f"the picture could not be made: {type(error).__name__}: {error}")
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            await wait(self._urgent, self._view.interval if self._view is not None else PACE)

    def _send_picture(self, now: float) -> None:
        if self._view is not None:
            self._send(self._server.picture(self._view, now))
        waiting, self._waiting = self._waiting, deque()
        if self._left_out:
            waiting.appendleft(protocol.Notice(f"{self._left_out} lines were left out: they were not read"))
            self._left_out = 0
        if self._headless is not None:
            waiting.extend(self._lines(now))
        for reply in waiting:
            self._write(reply)

    def _lines(self, now: float) -> Iterable[protocol.Line]:
        assert self._headless is not None
        shown = tuple(self._server.shown.values())
        reading = {item.group.id for item in shown if item.left}
        bodies = chain(self._headless.previews(shown, now), self._headless.progress(now, reading=reading))
        return map(protocol.Line, bodies)

    def _write(self, message: protocol.Reply) -> None:
        self._send(protocol.encode(message))

    def _send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)


def _software() -> str:
    return f"runwatch {__version__}"
