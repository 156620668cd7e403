"""Whose work the engine does next: one piece at a time, and first for whoever used least of late.

The engine has one event loop for everything. A piece of work for a client is a request, a part
of an answer or a picture. After each the loop does for as long as the piece took what else there is
to do, and what clients ask that used little. So those that ask much have half of the engine at most,
and those that ask little wait for one piece of work at most. If there was nothing else to do, the next piece
follows at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TypeVar

HALF_LIFE = 5.0
"""Seconds after which half of what was used is forgotten."""
LITTLE = 0.05
"""Seconds of CPU time that a client may use before it has to pause for others."""
ROUNDS = 4
"""Rounds of the loop after which what has come for it meanwhile is at work."""
NOTHING = 0.0005
"""Seconds of CPU time that they take where nothing has."""

T = TypeVar("T")


class Share:
    """How much of the engine one client used of late."""

    def __init__(self) -> None:
        self._used = 0.0
        self._at = time.monotonic()

    def use(self, seconds: float) -> None:
        """Note that a piece of work for it took so long."""
        self._used = self.used() + seconds

    def used(self) -> float:
        """Return the seconds it used, those long ago counted less."""
        now = time.monotonic()
        self._used *= 0.5 ** ((now - self._at) / HALF_LIFE)
        self._at = now
        return self._used


class Turns:
    """The queue of all clients for the engine."""

    def __init__(self) -> None:
        self._working = False
        self._rest = 0.0
        """Until when there is a pause, by the loop's clock."""
        self._count = self._probes = 0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    async def do(self, share: Share, work: Callable[[], T], *, patient: bool = False) -> T:
        """Return what `work` gives, done when it is the client's turn.

        What is `patient` lets the questions of others pass.
        """
        await self._turn(max(share.used(), LITTLE if patient else 0.0))
        begun = time.thread_time()
        try:
            return work()
        finally:
            took = time.thread_time() - begun  # of the CPU: a busy machine is nobody's fault
            share.use(took)
            self._pass_on(took)

    async def _turn(self, used: float) -> None:
        loop = asyncio.get_running_loop()
        if not self._working and used < LITTLE:
            self._working = True
            return
        if not self._working:
            loop.call_soon(self._next)  # others come first, if there are any
        ready: asyncio.Future[None] = loop.create_future()
        self._count += 1
        heappush(self._waiting, (used, self._count, ready))
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():  # it was its turn, which it leaves to the next
                self._pass_on(0.0)
            raise

    def _pass_on(self, took: float) -> None:
        loop = asyncio.get_running_loop()
        self._working, self._rest = False, max(self._rest, loop.time() + took)
        loop.call_soon(self._next)
        self._probes += 1
        loop.call_soon(self._probe, self._probes, ROUNDS, time.thread_time())

    def _probe(self, number: int, rounds: int, since: float) -> None:
        """End the pause if the loop has nothing else to do."""
        if number != self._probes or self._working:
            return
        if rounds:
            asyncio.get_running_loop().call_soon(self._probe, number, rounds - 1, since)
        elif time.thread_time() - since < NOTHING:
            self._rest = 0.0
            self._next()

    def _next(self) -> None:
        """Let the next client work, if one waits and may."""
        while self._waiting and self._waiting[0][2].done():
            heappop(self._waiting)
        if self._working or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if self._waiting[0][0] >= LITTLE and loop.time() < self._rest:
            loop.call_at(self._rest, self._next)
            return
        self._working = True
        heappop(self._waiting)[2].set_result(None)
