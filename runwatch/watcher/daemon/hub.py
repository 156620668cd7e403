"""The screen's side of daemons here and elsewhere: several links made into one.

A process of its own between the screen and the daemons. To the screen it speaks
as one engine does; to each daemon as a client. A link that breaks is made again,
and meanwhile the last that was known is shown with its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable

import msgspec

from runwatch import __version__
from runwatch.core.snapshot import RunRow, Silenced, Snapshot
from runwatch.watcher import protocol
from runwatch.watcher.daemon.remote import HERE, Host
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.processes.waiting import wait
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.launch import Attachment
from runwatch.watcher.service.requests import take_requests

TICK = 1.0
APART = "\x1f"
"""Between a host and what it calls a run."""
NOTHING = "\x1f"
"""Id that no run has: asks for the list of runs alone."""
SLOW = 2.0
"""Seconds between pictures of hosts whose runs are only listed."""
_OF_HOST = ("id", "run", "former")
"""What two hosts may call their runs alike, in objects of the headless stream."""


class Hub:
    """One screen, some hosts."""

    def __init__(self, setup: Attachment, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._clock = Clock()
        self._view: protocol.View | None = None
        self._chosen: Host | None = None
        """Whose run is shown."""
        self._dirty = asyncio.Event()
        self.hosts = [
            Host(name, setup.ssh, setup.remote, self._received, self._changed) for name in setup.hosts
        ]
        self._many = len(self.hosts) > 1
        self._following = False
        self._away: set[Host] = set()
        """Hosts whose loss was reported to a following client."""

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve the screen until it leaves."""
        tasks = [asyncio.create_task(host.run()) for host in self.hosts]
        tasks += [asyncio.create_task(self._tick()), asyncio.create_task(self._serve())]
        try:
            await take_requests(reader, self._take)
        finally:
            for host in self.hosts:
                host.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writer.close()

    def _take(self, request: protocol.Request) -> None:
        if isinstance(request, protocol.Subscribe):
            self._view = request.view
            self._subscribe()
        elif isinstance(request, protocol.Follow):
            self._following = True
            for host in self.hosts:
                host.follow(request)
        elif isinstance(request, protocol.Query):
            name, _, run = request.run.rpartition(APART)
            for host in self.hosts:
                if host.name == name:
                    host.send(msgspec.structs.replace(request, run=run))
        elif isinstance(request, protocol.Silence | protocol.Unsilence) and request.host:
            self._silence(request)
        elif not isinstance(request, protocol.Hello) and (host := self._chosen or self.hosts[0]):
            host.send(request)

    def _silence(self, request: protocol.Silence | protocol.Unsilence) -> None:
        """Hand a silence, or its end, to the daemon of its host, or say that it cannot be reached."""
        host = next((host for host in self.hosts if host.label == request.host), None)
        if host is not None and host.live:
            host.send(msgspec.structs.replace(request, host=""))
        else:
            self._write(
                protocol.Refused(f"{request.host} cannot be reached: nothing changed there", request.id)
            )

    def _subscribe(self) -> None:
        """Send each host what is shown of it."""
        view = self._view
        if view is None:
            return
        name, apart, run = (view.run or "").partition(APART)
        by_name = {host.name: host for host in self.hosts}
        self._chosen = by_name.get(name) if apart else self._most_urgent()
        for host in self.hosts:
            if host is self._chosen:
                host.show(msgspec.structs.replace(view, run=run if apart else None))
            else:
                host.show(protocol.View(run=NOTHING, interval=max(SLOW, view.interval), trends=view.trends))

    def _most_urgent(self) -> Host:
        """Return the host whose run is shown while nobody chose one: it stays unless another has worse."""

        def urgency(host: Host) -> tuple[int, int, float]:
            rows = host.snapshot.runs if host.snapshot is not None else ()
            ages = [row.age for row in rows if row.age is not None]
            return sum(row.critical for row in rows), int(host is self._chosen), -min(ages, default=1e18)

        return max(self.hosts, key=urgency)

    def _received(self, host: Host, reply: protocol.Reply) -> None:
        """Take what a host says, other than its pictures."""
        if isinstance(reply, protocol.Line) and self._many:
            apart = {key: f"{host.label}:{reply.body[key]}" for key in _OF_HOST if key in reply.body}
            reply = protocol.Line({**reply.body, **apart})
        elif isinstance(reply, protocol.Notice) and self._many:
            reply = protocol.Notice(f"{host.label}: {reply.message}")
        self._write(reply)

    def _changed(self, host: Host) -> None:
        """Note that there is a newer picture of a host, or that its link came or went."""
        if self._following and host.live == (host in self._away):
            word = f"{host.title} is within reach again" if host.live else host.word(time.monotonic())
            self._away ^= {host}
            self._write(protocol.Notice(word))
        if self._view is not None and self._view.run is None and self._most_urgent() is not self._chosen:
            self._subscribe()
        self._dirty.set()

    async def _tick(self) -> None:
        """Update the age of hosts that cannot be reached; reconnect after a sleep."""
        while True:
            await asyncio.sleep(TICK)
            if self._clock.look(TICK):
                for host in self.hosts:
                    host.hang_up("this machine slept")
            if any(not host.live for host in self.hosts):
                self._dirty.set()

    async def _serve(self) -> None:
        """Greet once every host answered or cannot be reached; then send pictures, never a queue."""
        for host in self.hosts:
            await host.tried.wait()
        if not any(host.live for host in self.hosts):
            named = [host for host in self.hosts if host.name != HERE]
            reasons = "; ".join(
                f"{host.name}: {host.reason}" if host in named else host.reason for host in self.hosts
            )
            self._write(protocol.Failure(reasons))
            return
        self._write(protocol.Hello(software=f"runwatch {__version__}", host=socket.gethostname()))
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if self._view is not None:
                self._write(protocol.Frame(self.merged(time.monotonic())))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            await wait(asyncio.Event(), min(0.2, self._view.interval if self._view else 0.2))

    def merged(self, now: float) -> Snapshot:
        """Return one picture of all hosts at a monotonic time."""
        rows: list[RunRow] = []
        notices: list[str] = []
        silenced: dict[str, Silenced] = {}
        shown = None
        for host in self.hosts:
            if word := host.word(now):
                notices.append(word)
            snapshot = host.snapshot
            if snapshot is None:
                continue
            late = 0.0 if host.live else now - host.received
            prefix = f"{host.label}: " if self._many else ""
            notices += [f"{prefix}{text}" for text in snapshot.notices]
            rows += [self._row(host, row, late) for row in snapshot.runs]
            listed = {row.id for row in snapshot.runs}
            silenced |= {
                self._id(host, name) if name in listed else name: found
                for name, found in snapshot.silenced.items()
                if name in listed or host is self._chosen
            }
            if host is self._chosen and snapshot.run is not None:
                run = snapshot.run
                age = None if run.age is None else run.age + late
                stages = tuple(msgspec.structs.replace(s, id=self._id(host, s.id)) for s in run.stages)
                name = self._name(host, run.name)
                shown = msgspec.structs.replace(
                    run, id=self._id(host, run.id), name=name, age=age, stages=stages
                )
        chosen = self._chosen
        lost = chosen.lost if chosen is not None else ""
        advice = chosen.advice(now) if chosen is not None and lost else ""
        late = now - chosen.received if chosen is not None and lost else 0.0
        compared = () if chosen is None or chosen.snapshot is None else chosen.snapshot.compared
        return Snapshot(
            time.time(),
            tuple(rows),
            shown,
            tuple(notices),
            # Only runs of the same host have curves to lay over each other.
            compared=tuple(msgspec.structs.replace(c, id=self._id(chosen, c.id)) for c in compared if chosen),
            lost=lost,
            advice=advice,
            late=late,
            silenced=silenced,
        )

    def _row(self, host: Host, row: RunRow, late: float) -> RunRow:
        age = None if row.age is None else row.age + late
        return msgspec.structs.replace(
            row, id=self._id(host, row.id), name=self._name(host, row.name), age=age, host=host.label
        )

    def _id(self, host: Host, run: str) -> str:
        return f"{host.name}{APART}{run}"

    def _name(self, host: Host, run: str) -> str:
        return f"{host.label}:{run}" if self._many else run

    def _write(self, message: protocol.Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))


def main() -> None:
    """Run as a hub: the only argument names the descriptor of its setup."""
    setup = taken(sys.argv[1], Attachment)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(setup))


async def _main(setup: Attachment) -> None:
    sock = socket.socket(fileno=setup.socket)
    reader, writer = await asyncio.open_connection(sock=sock, limit=protocol.MAX_LINE)
    task = asyncio.ensure_future(Hub(setup, writer).run(reader))
    stop: Callable[[], bool] = task.cancel
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    main()
