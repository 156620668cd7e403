"""Starts an engine process and hands out the socket to it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from runwatch.core.errors import EngineError
from runwatch.watcher.processes.handover import handed


class Assignment(msgspec.Struct, frozen=True):
    """What an engine process is started with."""

    paths: tuple[bytes, ...]
    socket: int = -1
    """File descriptor of a connected socket to the one client it serves; -1: it listens for clients."""
    config: bytes | None = None
    config_found: bool = False
    """The configuration was found, not named: it is judged whenever it is read."""
    poll: bool = False
    wait: bool = False
    pids: tuple[int, ...] = ()
    """Processes of the run, where a person names them."""
    deadline: float | None = None
    """Unix time by which the run must have ended, if a person says so."""
    format: str | None = None
    """The only format to read logs as; None: it is detected."""
    state: bytes = b""
    """State directory of a daemon."""
    record: bytes = b""
    """File to record the watch in; b"": none."""

    @property
    def private(self) -> bool:
        """Whether it serves one client and ends with it."""
        return self.socket >= 0

    @property
    def config_path(self) -> Path | None:
        """The configuration file that a person named, or that was found."""
        return Path(os.fsdecode(self.config)) if self.config else None

    @property
    def state_path(self) -> Path:
        """The state directory of a daemon."""
        return Path(os.fsdecode(self.state))


class Attachment(msgspec.Struct, frozen=True):
    """What a hub, between a screen and daemons, is started with."""

    hosts: tuple[str, ...]
    """As ssh knows them; "." is this machine."""
    ssh: tuple[str, ...]
    """Command and options that reach a host."""
    remote: str
    """How runwatch is called there."""
    socket: int = -1
    """File descriptor of a connected socket to the screen."""


class Engine:
    """A process at the other end of a socket, that serves one client and ends with it."""

    def __init__(self, module: str, setup: msgspec.Struct) -> None:
        """Start it. Returns at once; `greet` says whether it can do what it is to do."""
        ours, theirs = socket.socketpair()
        log = os.environ.get("RUNWATCH_ENGINE_LOG")
        setup = msgspec.structs.replace(setup, socket=theirs.fileno())
        try:
            with open(log or os.devnull, "ab") as errors, handed(setup) as descriptor:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", module, str(descriptor)],
                    pass_fds=(theirs.fileno(), descriptor),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
        except OSError as error:
            raise EngineError("cannot start the engine", str(error)) from error
        finally:
            theirs.close()
        self.socket = ours

    def give_way(self, nice: int) -> None:
        """Lower its priority below ours; the processes that it starts from now on have the same."""
        with contextlib.suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, self._process.pid, own + nice)

    def close(self) -> None:
        """End the engine and wait for it a few seconds."""
        self.socket.close()
        try:
            self._process.wait(8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class PrivateEngine(Engine):
    """An engine of one's own, for `tail` and the like."""

    def __init__(
        self,
        paths: Sequence[str],
        *,
        config: str | None = None,
        poll: bool = False,
        wait: bool = False,
        pids: Sequence[int] = (),
        deadline: float | None = None,
        only: str | None = None,
        record: str | None = None,
    ) -> None:
        """Start it; `only` names the format to read logs as, None: it is detected.

        `record` is the file to record the watch in.
        """
        assignment = Assignment(
            tuple(os.fsencode(path) for path in paths),
            config=os.fsencode(config) if config else None,
            poll=poll,
            wait=wait,
            pids=tuple(pids),
            deadline=deadline,
            format=only,
            record=os.fsencode(record) if record else b"",
        )
        super().__init__("runwatch.watcher.service.private", assignment)


class Hub(Engine):
    """What makes one engine of the daemons of several hosts."""

    def __init__(self, hosts: Sequence[str], ssh: Sequence[str], remote: str) -> None:
        super().__init__("runwatch.watcher.daemon.hub", Attachment(tuple(hosts), tuple(ssh), remote))


def greet(sock: socket.socket, seconds: float = 30.0) -> None:
    """Wait for the engine's greeting. Raises EngineError if there is nothing to watch.

    Reads exactly one line, so that the socket can be handed on.
    """
    from runwatch.watcher.protocol import Failure, decode_reply, reported

    sock.settimeout(seconds)
    line = bytearray()
    try:
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            if not byte:
                raise EngineError(
                    "the engine ended before it began", "", "set RUNWATCH_ENGINE_LOG=FILE to see why"
                )
            line += byte
    except TimeoutError:
        raise EngineError(
            "the engine does not answer", "", "check that the log's file system responds"
        ) from None
    sock.settimeout(None)
    reply = decode_reply(bytes(line))
    if isinstance(reply, Failure):
        raise reported(reply, EngineError)
