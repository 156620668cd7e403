"""The daemon's life: one per state directory, ready, reloaded, drained, and never without its socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runwatch.core import text
from runwatch.core.errors import EngineError, ExitCode, RunwatchError
from runwatch.core.notice import Notice
from runwatch.core.plural import counted
from runwatch.system import private_files
from runwatch.watcher.daemon import logs
from runwatch.watcher.daemon.lock import Lock
from runwatch.watcher.daemon.systemd import Manager
from runwatch.watcher.ingest import open_file_limit
from runwatch.watcher.service import sockets
from runwatch.watcher.service.connection import CHUNK
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server

if TYPE_CHECKING:
    from runwatch.watcher.exporter.exporter import Exporter

SIGN = 10.0
"""Seconds in which a worker gives its first sign of life; without one, clients are answered all the same."""
EVERY = 2.0
"""Seconds between two looks at whether socket and lock are still there."""


def run(assignment: Assignment, ready: Callable[[str], object]) -> int:
    """Watch until asked to stop; return the exit code. `ready` is called once clients are answered.

    Raises RunwatchError before that if it cannot be.
    """
    state = assignment.state_path
    sockets.secure(state)
    lock = Lock(state)
    open_file_limit.raise_limit(open_file_limit.ENGINE)
    try:
        return asyncio.run(_Daemon(assignment, state, lock).run(ready))
    finally:
        lock.release()


class _Daemon:
    """A server with a door, in the hands of signals and the service manager."""

    def __init__(self, assignment: Assignment, state: Path, lock: Lock) -> None:
        self._assignment, self._state, self._lock = assignment, state, lock
        self._manager = Manager()
        self._server: Server
        self._exporter: Exporter | None = None
        self._door: asyncio.Server | None = None
        self._place = Path()
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._interrupted = False
        self._taken = False

    async def run(self, ready: Callable[[str], object]) -> int:
        loop = asyncio.get_running_loop()
        self._server = server = Server(self._assignment, logs.report, ours=self._ours)
        if not server.paths:
            path = server.config.path
            write = f"under [watch] in {path}" if path else "into a configuration: runwatch init"
            raise EngineError("nothing to watch", "", f"give log files or directories, or put them {write}")
        await self._open()
        self._export()
        loop.add_signal_handler(signal.SIGTERM, self._stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._begin, self._reload)
        server.beat = self._beat
        working = asyncio.create_task(server.run())
        await self._first_sign(working)
        logs.report("start", self._words(), pid=os.getpid(), socket=self._place)
        self._manager.ready(self._status())
        ready(self._words())
        await server.stopped.wait()
        logs.report("stop", "delivering due messages")
        self._manager.stopping()
        if self._exporter is not None:
            self._exporter.close()
        self._close()
        await working
        logs.report("stop", "ended")
        return int(ExitCode.OK)

    async def _first_sign(self, working: asyncio.Task[None]) -> None:
        """Wait until a worker has answered, or a while: it may hang on a dead mount. Raises what ended it."""
        signs = [
            asyncio.ensure_future(event.wait()) for event in (self._server.any_read, self._server.stopped)
        ]
        await asyncio.wait([*signs, working], timeout=SIGN, return_when=asyncio.FIRST_COMPLETED)
        for sign in signs:
            sign.cancel()
        if working.done():
            working.result()

    def _words(self) -> str:
        """Return what is done and where alerts go, for people."""
        paths, config = counted(len(self._server.paths), "path"), self._server.config
        where = ", ".join(self._server.notifier.channels.values())
        sends = (
            f"alerts go to {where}" if where else "no channel is configured: alerts are only shown on screen"
        )
        blind = "" if self._server.any_read.is_set() else "; no log could be read yet: see runwatch status"
        address = "" if self._exporter is None else self._exporter.address
        metrics = f"; metrics on {address}" if address else ""
        return f"watching {paths} ({config.path or 'no configuration file'}); {sends}{metrics}{blind}"

    def _export(self) -> None:
        """Serve metrics as the configuration says now."""
        if self._exporter is None:
            wanted = self._server.config.metrics
            if not (wanted.listen or wanted.otlp):
                return
            from runwatch.watcher.exporter.exporter import Exporter  # here: it loads OpenSSL, few need it

            self._exporter = Exporter(self._server)
        self._exporter.follow()

    def _status(self) -> str:
        groups = self._server.engine.groups.values()
        runs = sum(len(group.runs) for group in groups)
        return f"{runs} runs, {len(self._server.engine.sources)} sources"

    # -- the door --------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Listen for clients."""
        listener, self._place = sockets.listen(self._state)
        self._identity = private_files.identity(self._place)
        self._door = await asyncio.start_unix_server(
            self._admit, sock=listener, limit=CHUNK, backlog=sockets.BACKLOG
        )

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        who = sockets.owner(sock)
        if who not in (os.geteuid(), 0, None):
            logs.report("notice", "a client of another user was refused", uid=who)
            writer.close()
            return
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):  # cancelled: the loop ends
            await self._server.clients.admit(reader, writer)

    def _close(self) -> None:
        """Take no more clients."""
        if self._door is not None:
            self._door.close()
        if self._there():
            with contextlib.suppress(OSError):
                self._place.unlink()

    def _there(self) -> bool:
        return private_files.identity(self._place) == self._identity is not None

    # -- the passing of time ---------------------------------------------------------------------

    def _beat(self) -> None:
        """Note that the loop did its work: give a sign of life, and see that we can be found."""
        self._manager.beat(self._status())
        now = asyncio.get_running_loop().time()
        if now - self._looked < EVERY or self._server.stopped.is_set():
            return
        self._looked = now
        self._export()
        if not self._ours():
            self._server.stopped.set()
        elif not self._there():
            self._begin(self._open_again)

    def _ours(self) -> bool:
        """Whether no other daemon took the state directory; if it is gone, make it again."""
        if self._lock.held():
            return True
        if not self._taken:
            self._taken = True
            logs.report("error", "another daemon has taken this state directory: this one ends")
        return False

    async def _open_again(self) -> None:
        """Put back a socket that somebody removed; clients that are connected stay."""
        before = self._door
        try:
            await self._open()
        except RunwatchError as error:
            self._server.notice(Notice(str(error), "socket"))
            return
        self._server.notice(
            Notice(f"the socket was removed and is created again: {text.path(str(self._place))}", "socket")
        )
        if before is not None:
            before.close()

    # -- signals ---------------------------------------------------------------------------------

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task in the loop, in parallel with its work."""
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        self._manager.reloading()
        try:
            logs.report("reload", self._server.reload())
        except RunwatchError as error:
            self._server.notice(f"the new configuration is invalid, the old one stays active: {error}")
        self._manager.ready(self._status())

    def _stop(self, why: str) -> None:
        logs.report("stop", why)
        self._server.stopped.set()

    def _interrupt(self) -> None:
        if self._interrupted:
            os._exit(ExitCode.INTERRUPTED)
        self._interrupted = True
        with contextlib.suppress(OSError):
            os.write(2, b"runwatch: stopping; press ctrl-c again to stop immediately\n")
        self._stop("SIGINT")
