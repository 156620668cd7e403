"""The engine process: workers in, clients out, the fold between them.

One event loop, no thread of its own; nothing here touches a watched path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from runwatch import __version__
from runwatch.alerts.incidents import Change
from runwatch.errors import RunwatchError
from runwatch.watcher import protocol, wire
from runwatch.watcher.engine import Engine
from runwatch.watcher.headless import Headless
from runwatch.watcher.launch import Assignment
from runwatch.watcher.notify import Notifier
from runwatch.watcher.sources.mounts import mount_of
from runwatch.watcher.views import Shown, snapshot
from runwatch.watcher.workers import Worker

TICK = 1.0
"""Seconds between looks at the clock."""
MAX_NOTICES = 20


class Server:
    """Folds what the workers send and serves what clients show."""

    def __init__(self, assignment: Assignment) -> None:
        from runwatch.config import load

        config = load(Path(assignment.config) if assignment.config else None)
        self.engine = Engine(config.overrides())
        self.shown: dict[str, Shown] = {}
        self.notices: list[str] = []
        self.clients: set[Connection] = set()
        self.fatal: str | None = None
        self.opened = asyncio.Event()
        """Set once it is known what there is to watch, or that there is nothing."""
        self.stopped = asyncio.Event()
        self._notifier = Notifier(config, self.notice)
        poll = assignment.poll or config.tail.poll
        self._workers = [
            Worker(wire.Setup(paths, poll, assignment.wait, config.formats), self.receive, self.notice)
            for paths in by_mount(assignment.paths)
        ]

    async def run(self, sock: socket.socket) -> None:
        """Work until the client leaves or says stop."""
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        tasks.append(asyncio.create_task(self._tick()))
        tasks.append(asyncio.create_task(self._serve(sock)))
        await self.stopped.wait()
        for worker in self._workers:
            worker.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._notifier.close()

    def receive(self, message: wire.Message) -> None:
        """Take one message of a worker."""
        if isinstance(message, wire.Opened):
            source = self.engine.add_source(message.source, message.source, message.path)
            self.shown[message.source] = shown = Shown(source)
            shown.backlog = shown.left = message.backlog
            self.opened.set()
        elif isinstance(message, wire.Read):
            self._read(message)
        elif isinstance(message, wire.Preview):
            self.shown[message.source].take_preview(message.batch, message.written)
        elif isinstance(message, wire.Trouble) and message.fatal:
            self.fatal = message.message
            self.opened.set()
        elif isinstance(message, wire.Trouble | wire.Note):
            self.notice(message.message)
        elif isinstance(message, wire.Ended):
            self.changed(self.engine.finish(time.time()))
        if not isinstance(message, wire.Beat):
            self.wake()

    def _read(self, message: wire.Read) -> None:
        shown = self.shown[message.source]
        shown.left = message.left
        if not message.left:
            shown.preview = None
        changes = self.engine.fold(
            message.source,
            message.batch,
            live=message.live,
            arrival=message.arrival,
            written=message.written,
        )
        self.changed(changes)

    def changed(self, changes: Iterable[Change]) -> None:
        """Pass incident changes on to people and clients, and troubles to clients."""
        while self.engine.troubles:
            self.notice(self.engine.troubles.pop())
        for change in changes:
            self._notifier.submit(change)
            for client in self.clients:
                client.incident(change)

    def notice(self, text: str) -> None:
        """Tell clients something about runwatch itself."""
        if text not in self.notices:
            self.notices = [*self.notices, text][-MAX_NOTICES:]
            self.wake()

    def wake(self) -> None:
        """Let every client know that there is something new."""
        for client in self.clients:
            client.dirty.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if all(not shown.left for shown in self.shown.values()):
                self.changed(self.engine.tick(time.time()))
            self.wake()

    async def _serve(self, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock, limit=protocol.MAX_LINE)
        client = Connection(self, writer)
        self.clients.add(client)
        try:
            await client.run(reader)
        finally:
            self.clients.discard(client)
            self.stopped.set()


class Connection:
    """One client: what it shows, and the newest picture for it."""

    def __init__(self, server: Server, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._view: protocol.View | None = None
        self._headless: Headless | None = None
        self.dirty = asyncio.Event()
        self._urgent = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Greet once it is known what is watched, then answer until the client leaves."""
        await self._server.opened.wait()
        if self._server.fatal is not None:
            self._write(protocol.Failure(self._server.fatal))
            await self._writer.drain()
            return
        self._write(protocol.Hello(software=f"runwatch {__version__}"))
        pictures = asyncio.create_task(self._pictures())
        try:
            while line := await reader.readline():
                if self._take(protocol.decode_request(line)):
                    return
        except (ConnectionError, ValueError, msgspec.DecodeError) as error:
            with contextlib.suppress(ConnectionError):
                self._write(protocol.Failure(f"bad request: {error}", 2))
        finally:
            pictures.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pictures
            self._writer.close()

    def incident(self, change: Change) -> None:
        """Show an incident's change at once."""
        if self._headless is not None:
            self._lines(self._headless.incident(change))
        self._urgent.set()
        self.dirty.set()

    def _take(self, request: protocol.Request) -> bool:
        """Act on a request; return True if the client wants the end."""
        if isinstance(request, protocol.Subscribe):
            self._view = request.view
            self._urgent.set()
            self.dirty.set()
        elif isinstance(request, protocol.Follow):
            self._headless = Headless(self._server.engine, request.interval, request.every)
            self.dirty.set()
        elif isinstance(request, protocol.Acknowledge):
            for _, watched in self._server.engine.runs():
                change = watched.incidents.acknowledge(request.incident)
                if change is not None:
                    self._server.changed([change])
        return isinstance(request, protocol.Shutdown)

    async def _pictures(self) -> None:
        """Send a picture whenever something changed: at most one per interval, never a queue."""
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            self._urgent.clear()
            now = time.time()
            shown = list(self._server.shown.values())
            if self._view is not None:
                self._write(protocol.Frame(snapshot(shown, self._view, now, self._server.notices)))
            if self._headless is not None:
                settled = all(not item.left for item in shown)
                self._lines(self._headless.progress(now, settled=settled))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            interval = self._view.interval if self._view is not None else 0.2
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), interval)

    def _lines(self, objects: Iterable[dict[str, object]]) -> None:
        for body in objects:
            self._write(protocol.Line(body))

    def _write(self, message: protocol.Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))


def by_mount(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """Group paths by the mount they are on, without touching them."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        point = "-" if path == "-" else mount_of(os.path.abspath(path)).point
        groups.setdefault(point, []).append(path)
    return [tuple(group) for group in groups.values()]


def main() -> None:
    """Run as an engine process: the assignment is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the client; we end with it
    assignment = msgspec.json.decode(sys.argv[1], type=Assignment)
    sock = socket.socket(fileno=assignment.socket)
    try:
        asyncio.run(_main(assignment, sock))
    except RunwatchError as error:
        sock.sendall(protocol.encode(protocol.Failure(str(error), int(error.exit_code))))


async def _main(assignment: Assignment, sock: socket.socket) -> None:
    server = Server(assignment)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    await server.run(sock)


if __name__ == "__main__":
    main()
