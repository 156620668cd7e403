"""One client: what it shows, and the newest picture for it.

Nothing waits for a client and nothing is kept for it without bound: pictures
and progress are made when it has taken the ones before, its requests are
answered one after the other, and of incident changes the newest are kept.
Whatever is done for it is done in its turn, so that others are answered too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Protocol, TypeVar

from runwatch import __version__
from runwatch.alerts.incidents.incidents import Change
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.text import plain
from runwatch.watcher import protocol
from runwatch.watcher.engine.headless import Headless
from runwatch.watcher.engine.views import views
from runwatch.watcher.processes.waiting import wait
from runwatch.watcher.service.request_handlers import answers
from runwatch.watcher.service.server_api import ServerApi
from runwatch.watcher.service.turns import Share, Turns

PACE = 0.2
"""Seconds between two looks for news, for a client that shows nothing."""
MAX_WAITING = 1024
"""Lines kept for a client that does not read."""
CHUNK = 1 << 16
"""Bytes read from a client at once."""
SLICE = 0.02
"""Seconds in which lines for a follower are made at once."""
STUCK = 60.0
"""Seconds after which a client that takes nothing may have to go, if places or memory are needed."""

T = TypeVar("T")


class Others(Protocol):
    """What a client shares with the others."""

    turns: Turns

    def make_place(self) -> None:
        """See that one more client can be sent pictures or lines. Raises ValueError."""

    def make_room(self) -> None:
        """See that what is held for clients is within its bound."""


class Connection:
    """A client, from its greeting to its end."""

    def __init__(self, server: ServerApi, others: Others, writer: asyncio.StreamWriter) -> None:
        self._server, self._others = server, others
        self._writer = writer
        self._transport = writer.transport
        self._share = Share()
        self._view: protocol.View | None = None
        self._headless: Headless | None = None
        self._waiting: deque[protocol.Reply] = deque()
        """Lines and notices for one who follows."""
        self._left_out = 0
        self._begun = bytearray()
        """The request that it has begun to send."""
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self.seen = time.monotonic()
        """When it last asked or took something."""

    @property
    def watching(self) -> bool:
        """Whether pictures or lines are sent to it, and it took the last ones not long ago."""
        stuck = self._unread and time.monotonic() - self.seen > STUCK
        return not stuck and (self._view is not None or self._headless is not None)

    @property
    def held(self) -> int:
        """Bytes that are kept for it: of a request that it has begun, and what it has not taken."""
        return len(self._begun) + self._unread

    @property
    def _unread(self) -> int:
        return self._transport.get_write_buffer_size()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Greet once it is known what is watched; answer until the client leaves."""
        pictures = asyncio.create_task(self._pictures())
        try:
            async for line in self._lines(reader):
                if await self._take(await self._turn(partial(protocol.decode_request, line))):
                    break
        except UNDECODABLE as error:
            self._write(protocol.Failure(plain(f"bad request: {error}", 500), 2))
        except ConnectionError:
            pass  # it left without a word
        finally:
            pictures.cancel()
            await asyncio.gather(pictures, return_exceptions=True)
            self._writer.close()
        if not self._server.assignment.private:
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()  # it keeps its place until it has taken the rest

    def close(self) -> None:
        """Hang up; what was written is sent if it is taken at once."""
        self._writer.close()

    def hang_up(self, why: str) -> None:
        """End the connection now, whether or not the client reads."""
        self._write(protocol.Failure(why))
        if self._unread:
            self._transport.abort()
        else:
            self._transport.close()

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

    async def _lines(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """Yield whole requests. Raises ValueError for one that is too long."""
        while chunk := await reader.read(CHUNK):
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                line = bytes(self._begun) + part
                self._begun.clear()
                self.seen = time.monotonic()
                yield line
            self._begun += rest
            if len(self._begun) > protocol.MAX_REQUEST:
                raise ValueError(f"a request of more than {protocol.MAX_REQUEST >> 20} MiB")
            if len(self._begun) > CHUNK:
                self._others.make_room()
        if self._begun:
            yield bytes(self._begun)

    async def _take(self, request: protocol.Request) -> bool:
        """Act on a request; return True if the client wants the end."""
        if isinstance(request, protocol.Hello):
            if request.version > protocol.VERSION:
                ours = f"this is {_software()}, protocol {protocol.VERSION}"
                theirs = f"{plain(request.software, 100) or 'the client'} speaks protocol {request.version}"
                self._write(protocol.Failure(f"{ours}; {theirs}: restart the daemon after an upgrade", 2))
                return True
        elif isinstance(request, protocol.Shutdown):
            return True
        elif isinstance(request, protocol.Subscribe | protocol.Follow):
            try:
                self._watch(request)
            except ValueError as error:
                self._write(protocol.Refused(str(error)))
        else:
            replies = answers(self._server, request)
            while data := await self._turn(partial(_next, replies)):
                self._send(data)
                await self._drain()
        return False

    def _watch(self, request: protocol.Subscribe | protocol.Follow) -> None:
        """Send pictures or lines from now on. Raises ValueError if there can be none."""
        if not self.watching:
            self._others.make_place()
        if isinstance(request, protocol.Subscribe):
            self._view = views.checked(request.view)
            self.wake(at_once=True)
        else:
            self._headless = Headless(self._server.engine, request.interval, request.every)
            for text in self._server.notices:
                self.notice(text)
            self.wake()

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
                await self._send_news(self._server.clock.time())
            except ConnectionError:
                return
            except Exception as error:  # a picture that cannot be drawn must not end the pictures
                self._server.notice(f"the frame could not be made: {type(error).__name__}: {error}")
            await wait(self._urgent, self._view.interval if self._view is not None else PACE)

    async def _send_news(self, now: float) -> None:
        """Send the picture, what waits and what progressed; return when most of it was taken."""
        if (view := self._view) is not None:
            self._send(await self._turn(partial(self._server.picture, view, now), patient=True))
            await self._drain()
        waiting, self._waiting = self._waiting, deque()
        if self._left_out:
            waiting.appendleft(protocol.Notice(f"{self._left_out} lines were left out: they were not read"))
            self._left_out = 0
        progress = () if self._headless is None else self._progress(self._headless, now)
        lines = chain(waiting, after(self._waiting, progress))
        if waiting or self._headless is not None:
            while data := await self._turn(partial(_some, lines), patient=True):
                self._send(data)
                await self._drain()

    def _progress(self, headless: Headless, now: float) -> Iterator[protocol.Line]:
        shown = tuple(self._server.shown.values())
        reading = {item.group.id for item in shown if item.left}
        bodies = chain(headless.previews(shown, now), headless.progress(now, reading=reading))
        return map(protocol.Line, bodies)

    async def _turn(self, work: Callable[[], T], *, patient: bool = False) -> T:
        """Return what `work` gives, when it is this client's turn."""
        return await self._others.turns.do(self._share, work, patient=patient)

    async def _drain(self) -> None:
        """Return when most of what was written was taken. Raises ConnectionError if the client is gone."""
        if self._unread:
            self._others.make_room()
        await self._writer.drain()
        self.seen = time.monotonic()

    def _write(self, message: protocol.Reply) -> None:
        self._send(protocol.encode(message))

    def _send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)


def _next(replies: Iterator[protocol.Reply]) -> bytes:
    """Return the next part of an answer, encoded; nothing after the last."""
    reply = next(replies, None)
    return b"" if reply is None else protocol.encode(reply)


def after(waiting: deque[protocol.Reply], progress: Iterable[protocol.Line]) -> Iterator[protocol.Reply]:
    """Yield each object of the progress behind what came meanwhile: no end is sent before what led to it."""
    for line in progress:
        while waiting:
            yield waiting.popleft()
        yield line


def _some(lines: Iterator[protocol.Reply]) -> bytes:
    """Return the lines that can be made within a SLICE, encoded; nothing after the last."""
    made, until = bytearray(), time.monotonic() + SLICE
    for line in lines:
        made += protocol.encode(line)
        if time.monotonic() > until:
            break
    return bytes(made)


def _software() -> str:
    return f"runwatch {__version__}"
