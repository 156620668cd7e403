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

from runwatch import __version__, sample
from runwatch.alerts.incidents import Change
from runwatch.errors import RunwatchError
from runwatch.watcher import protocol, views, wire
from runwatch.watcher.engine import FRESH, Engine
from runwatch.watcher.handover import taken
from runwatch.watcher.headless import Headless
from runwatch.watcher.launch import Assignment
from runwatch.watcher.machine import Samplers
from runwatch.watcher.notify import Notifier
from runwatch.watcher.sources.mounts import mount_of
from runwatch.watcher.sources.wandb_online import SCHEME
from runwatch.watcher.views import Shown, snapshot
from runwatch.watcher.workers import Worker

UNKNOWN_AFTER = 3.0
"""Seconds after which logs without a run are told to hold none yet."""
TICK = 1.0
"""Seconds between looks at the clock."""
MAX_NOTICES = 20


class Server:
    """Folds what the workers send and serves what clients show."""

    def __init__(self, assignment: Assignment) -> None:
        from runwatch.config import format_name, load

        self._loop = asyncio.get_running_loop()
        config = load(Path(os.fsdecode(assignment.config)) if assignment.config else None)
        self.engine = Engine(config.overrides())
        self.engine.deadline = assignment.deadline
        self.shown: dict[str, Shown] = {}
        self.notices: list[str] = []
        self.clients: set[Connection] = set()
        self.fatal: str | None = None
        self.opened = asyncio.Event()
        """Set once it is known what there is to watch, or that there is nothing."""
        self.stopped = asyncio.Event()
        self._notifier = Notifier(config, self._notice_from_thread, self.engine)
        self._samplers = Samplers(self.sampled, self.notice, assignment.pids)
        self._paths: dict[str, set[bytes]] = {}
        """Group -> where its sources are, as the system spells it."""
        poll = assignment.poll or config.tail.poll
        self._workers = [
            Worker(
                wire.Setup(
                    paths,
                    poll=poll,
                    interval=config.tail.interval,
                    wait=assignment.wait,
                    formats=config.formats,
                    format=format_name(assignment.format, config),
                    online=config.tail.online,
                ),
                self.receive,
                self.notice,
                self._give_up,
            )
            for paths in by_mount(assignment.paths)
        ]

    async def run(self, sock: socket.socket) -> None:
        """Work until the client leaves or says stop."""
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        tasks.append(asyncio.create_task(self._tick()))
        tasks.append(asyncio.create_task(self._serve(sock)))
        await self.stopped.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in self._workers:
            worker.stop()
        await self._samplers.stop()
        self._notifier.close()

    def receive(self, message: wire.Message) -> None:
        """Take one message of a worker. What cannot be folded is told, and the rest goes on."""
        try:
            self._take(message)
        except Exception as error:  # whatever it was, watching the other sources must go on
            self.notice(
                f"a batch could not be taken in, its part is missing: {type(error).__name__}: {error}"
            )
        if not isinstance(message, wire.Beat):
            self.wake()

    def sampled(self, group: str, message: sample.Message) -> None:
        """Take what is said of the machine under a group: part of the next picture; events wake at once."""
        try:
            self.changed(self.engine.sample(group, message))
        except Exception as error:  # as for the batches of a log
            self.notice(f"a look at the machine could not be taken in: {type(error).__name__}: {error}")
        if not isinstance(message, sample.Sample):
            self.wake()

    def _take(self, message: wire.Message) -> None:
        if isinstance(message, wire.Opened):
            self._open(message)
        elif isinstance(message, wire.Read):
            self._shown(message.source).read(message.source, message.left)
            self.changed(
                self.engine.fold(
                    message.source,
                    message.batch,
                    live=message.live,
                    arrival=message.arrival,
                    written=message.written,
                )
            )
        elif isinstance(message, wire.Looked):
            self.changed(
                self.engine.look(
                    message.source, message.look, message.beside, live=message.live, arrival=message.arrival
                )
            )
        elif isinstance(message, wire.Preview):
            shown = self._shown(message.source)
            first = shown.preview is None
            shown.take_preview(message.source, message.batch, message.written)
            if first:
                self.wake(at_once=True)
        elif isinstance(message, wire.Trouble):
            self._give_up(message.message) if message.fatal else self.notice(message.message)
        elif isinstance(message, wire.Note):
            self.notice(message.message)
        elif isinstance(message, wire.Beat):
            self.opened.set()  # what there is was read; there may be nothing yet
        elif isinstance(message, wire.Ended):
            self.engine.sources[message.source][1].ended = True
            self.changed(self.engine.finish(time.time()))

    def _open(self, message: wire.Opened) -> None:
        if message.source not in self.engine.sources:
            taken = {shown.group.name for shown in self.shown.values()}
            name = message.name if message.name not in taken else message.source
            group = self.engine.add_source(message.source, name, message.source, message.member)
            stale = message.written is not None and time.time() - message.written > FRESH
            group.stale = stale and (group.stale or len(group.sources) == 1)
            group.sources[message.source].written = message.written
            shown = self.shown.setdefault(group.id, Shown(group))
            shown.backlogs[message.source] = shown.lefts[message.source] = message.backlog
            self._paths.setdefault(group.id, set()).add(message.path)
        self.opened.set()

    def _shown(self, source: str) -> Shown:
        return self.shown[self.engine.sources[source][0].id]

    def _give_up(self, why: str) -> None:
        """Take note that a worker found nothing to watch; if nobody else does, that is the end."""
        if self.opened.is_set():
            self.notice(why)
        else:
            self.fatal = why
            self.opened.set()

    def changed(self, changes: Iterable[Change]) -> None:
        """Pass incident changes on to people and clients, and troubles to clients."""
        while self.engine.troubles:
            self.notice(self.engine.troubles.pop())
        for change in changes:
            self._notifier.submit(change)
            for client in self.clients:
                client.incident(change)

    def _notice_from_thread(self, text: str) -> None:
        """Take a notice from an outbox's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self.notice, text)

    def notice(self, text: str) -> None:
        """Tell clients something about runwatch itself."""
        if text not in self.notices:
            self.notices = [*self.notices, text][-MAX_NOTICES:]
            for client in self.clients:
                client.notice(text)
            self.wake()

    def wake(self, *, at_once: bool = False) -> None:
        """Let every client know that there is something new."""
        for client in self.clients:
            client.wake(at_once=at_once)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.time()
            if unknown := views.unrecognised(self.shown.values(), now, UNKNOWN_AFTER):
                self.notice(unknown)
            self._samplers.want(self._newest_paths())
            self.changed(self.engine.tick(now, [i for i, shown in self.shown.items() if not shown.left]))
            self.wake()

    def _newest_paths(self) -> dict[str, set[bytes]]:
        """Return where the sources of each group are, the group written last first."""
        written = {group: self.engine.groups[group].written or 0.0 for group in self._paths}
        return {group: self._paths[group] for group in sorted(written, key=lambda g: -written[g])}

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
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Greet once it is known what is watched; answer until the client leaves."""
        pictures = asyncio.create_task(self._pictures())
        try:
            while line := await reader.readline():
                if self._take(protocol.decode_request(line)):
                    return
        except (ConnectionError, ValueError, msgspec.DecodeError) as error:
            self._write(protocol.Failure(f"bad request: {error}", 2))
        finally:
            pictures.cancel()
            await asyncio.gather(pictures, return_exceptions=True)
            self._writer.close()

    def wake(self, *, at_once: bool = False) -> None:
        """Note that there is something new: for the next tick, or for now."""
        if at_once:
            self._urgent.set()
        self._dirty.set()

    def incident(self, change: Change) -> None:
        """Show an incident's change at once."""
        if self._headless is not None:
            self._lines(self._headless.incident(change))
        self.wake(at_once=True)

    def notice(self, text: str) -> None:
        """Say something about runwatch itself to one who follows; a screen finds it in its picture."""
        if self._headless is not None:
            self._write(protocol.Notice(text))

    def _take(self, request: protocol.Request) -> bool:
        """Act on a request; return True if the client wants the end."""
        if isinstance(request, protocol.Subscribe):
            self._view = request.view
            self.wake(at_once=True)
        elif isinstance(request, protocol.Follow):
            self._headless = Headless(self._server.engine, request.interval, request.every)
            for text in self._server.notices:
                self.notice(text)
            self.wake()
        elif isinstance(request, protocol.Acknowledge):
            for _, watched in self._server.engine.runs():
                change = watched.incidents.acknowledge(request.incident)
                if change is not None:
                    self._server.changed([change])
        return isinstance(request, protocol.Shutdown)

    async def _pictures(self) -> None:
        """Send a picture whenever something changed: at most one per interval, never a queue."""
        await self._server.opened.wait()
        if self._server.fatal is not None:
            self._write(protocol.Failure(self._server.fatal))
            return
        self._write(protocol.Hello(software=f"runwatch {__version__}"))
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
            interval = self._view.interval if self._view is not None else 0.2
            await _wait(self._urgent, interval)

    def _send_picture(self, now: float) -> None:
        shown = list(self._server.shown.values())
        if self._view is not None:
            self._write(protocol.Frame(snapshot(shown, self._view, now, self._server.notices)))
        if self._headless is not None:
            reading = {item.group.id for item in shown if item.left}
            self._lines(self._headless.progress(now, reading=reading))

    def _lines(self, objects: Iterable[dict[str, object]]) -> None:
        for body in objects:
            self._write(protocol.Line(body))

    def _write(self, message: protocol.Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set or after `seconds`.

    Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()


def by_mount(paths: Iterable[bytes]) -> list[tuple[bytes, ...]]:
    """Group paths by the mount they are on, without touching them."""
    groups: dict[str, list[bytes]] = {}
    for path in paths:
        name = os.fsdecode(path)
        away = name == "-" or name.startswith(SCHEME)  # neither may hold up what is on a disk
        point = name if away else mount_of(os.path.abspath(name)).point
        groups.setdefault(point, []).append(path)
    return [tuple(group) for group in groups.values()]


def main() -> None:
    """Run as an engine process: the only argument names the descriptor of its assignment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the client; we end with it
    assignment = taken(sys.argv[1], Assignment)
    sock = socket.socket(fileno=assignment.socket)
    try:
        asyncio.run(_main(assignment, sock))
    except RunwatchError as error:
        with contextlib.suppress(OSError):
            sock.sendall(protocol.encode(protocol.Failure(str(error), int(error.exit_code))))


async def _main(assignment: Assignment, sock: socket.socket) -> None:
    server = Server(assignment)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    await server.run(sock)


if __name__ == "__main__":
    main()
