"""The daemon's life: one per state directory, ready, reloaded, drained, and never without its socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from runwatch.errors import EngineError, ExitCode, RunwatchError
from runwatch.watcher import logs, openfiles, sockets
from runwatch.watcher.launch import Assignment
from runwatch.watcher.lock import Lock
from runwatch.watcher.server import Server
from runwatch.watcher.systemd import Manager

EVERY = 2.0
"""Seconds between two looks at whether socket and lock are still there."""


def run(assignment: Assignment, ready: Callable[[str], object]) -> int:
    """Watch until told to stop; return the exit code. `ready` is told once clients are answered.

    Raises RunwatchError before that if it cannot be.
    """
    state = assignment.state_path
    sockets.secure(state)
    lock = Lock(state)
    openfiles.raise_limit(openfiles.ENGINE)
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
        self._door: asyncio.Server | None = None
        self._place = Path()
        self._identity: tuple[int, int] = (0, 0)
        self._looked = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._interrupted = False

    async def run(self, ready: Callable[[str], object]) -> int:
        loop = asyncio.get_running_loop()
        self._server = server = Server(self._assignment, logs.tell)
        if not server.paths:
            told = server.config.path
            write = f"under [watch] in {told}" if told else "into a configuration: runwatch init"
            raise EngineError("nothing to watch", "", f"give log files or directories, or write them {write}")
        await self._open()
        loop.add_signal_handler(signal.SIGTERM, self._stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._begin, self._reload)
        server.beat = self._beat
        working = asyncio.create_task(server.run())
        logs.tell("start", self._words(), pid=os.getpid(), socket=self._place)
        self._manager.ready(self._status())
        ready(self._words())
        await server.stopped.wait()
        logs.tell("stop", "delivering what is to be delivered")
        self._manager.stopping()
        self._close()
        await working
        logs.tell("stop", "ended")
        return int(ExitCode.OK)

    def _words(self) -> str:
        """Return what is done and where alerts go, for people."""
        count, config = len(self._server.paths), self._server.config
        paths = f"{count} path{'s' * (count != 1)}"
        where = ", ".join(config.everyone())
        sends = f"alerts go to {where}" if where else "alerts are sent nowhere: no channel is configured"
        return f"watching {paths} ({config.path or 'no configuration file'}); {sends}"

    def _status(self) -> str:
        groups = self._server.engine.groups.values()
        runs = sum(len(group.runs) for group in groups)
        return f"{runs} runs, {len(self._server.engine.sources)} sources"

    # -- the door --------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Listen for clients."""
        listener, self._place = sockets.listen(self._state)
        found = self._place.lstat()
        self._identity = found.st_dev, found.st_ino
        self._door = await asyncio.start_unix_server(
            self._admit, sock=listener, limit=_limit(), backlog=sockets.BACKLOG
        )

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        who = sockets.owner(sock)
        if who not in (os.geteuid(), 0, None):
            logs.tell("notice", "a client of another user was turned away", uid=who)
            writer.close()
            return
        with contextlib.suppress(ConnectionError):
            await self._server.admit(reader, writer)

    def _close(self) -> None:
        """Take no more clients."""
        if self._door is not None:
            self._door.close()
        if self._there():
            with contextlib.suppress(OSError):
                self._place.unlink()

    def _there(self) -> bool:
        try:
            found = self._place.lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    # -- the passing of time ---------------------------------------------------------------------

    def _beat(self) -> None:
        """Note that the loop did its work: give a sign of life, and see that we can be found."""
        self._manager.beat(self._status())
        now = asyncio.get_running_loop().time()
        if now - self._looked < EVERY or self._server.stopped.is_set():
            return
        self._looked = now
        if not self._lock.held():
            logs.tell("error", "another daemon has taken this state directory")
            self._server.stopped.set()
        elif not self._there():
            self._begin(self._open_again)

    async def _open_again(self) -> None:
        """Put back a socket that somebody removed; clients that are connected stay."""
        before = self._door
        try:
            await self._open()
        except RunwatchError as error:
            self._server.notice(str(error))
            return
        logs.tell("notice", "the socket was removed and is there again", socket=self._place)
        if before is not None:
            before.close()

    # -- signals ---------------------------------------------------------------------------------

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something in the loop, beside its work."""
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        self._manager.reloading()
        try:
            logs.tell("reload", await self._server.reload())
        except RunwatchError as error:
            self._server.notice(f"the configuration was not taken, the old one holds: {error}")
        self._manager.ready(self._status())

    def _stop(self, why: str) -> None:
        logs.tell("stop", why)
        self._server.stopped.set()

    def _interrupt(self) -> None:
        if self._interrupted:
            os._exit(ExitCode.INTERRUPTED)
        self._interrupted = True
        with contextlib.suppress(OSError):
            os.write(2, b"runwatch: stopping; press ctrl-c again to end at once\n")
        self._stop("SIGINT")


def _limit() -> int:
    from runwatch.watcher.protocol import MAX_REQUEST

    return MAX_REQUEST


def detach(start: Callable[[Callable[[str], object]], int]) -> tuple[str, int]:
    """Run `start` in a process that belongs to no terminal; return what it says once it is ready.

    Raises EngineError with its words if it does not come to that.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_daemon(start, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    word, _, text = said.partition(" ")
    if word.isdecimal():
        return text, int(word)
    error = EngineError(text or "the daemon ended before it was ready")
    if word.startswith("E") and word[1:].isdecimal():
        error.exit_code = ExitCode(int(word[1:]))
    raise error


def _become_daemon(start: Callable[[Callable[[str], object]], int], writing: int) -> None:
    """Leave session, directory and terminal behind; run, and end the process."""

    def say(text: str) -> None:
        nonlocal writing
        if writing >= 0:
            with contextlib.suppress(OSError):
                os.write(writing, text.encode("utf-8", "replace"))
                os.close(writing)
            writing = -1

    code = int(ExitCode.INTERNAL)
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir("/")
        os.umask(0o077)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        if nowhere > 2:
            os.close(nowhere)
        code = start(lambda text: say(f"{os.getpid()} {text}"))
    except RunwatchError as error:
        code = int(error.exit_code)
        say(f"E{code} {error}")
    except BaseException as error:
        logs.tell("error", f"{type(error).__name__}: {error}")
        say(f"E{code} {type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        os._exit(code)
