"""What the engine process of a replay does once everything is imported: it plays one file for the screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket

from runwatch.config.loader import Config, load_to_read
from runwatch.core.errors import RunwatchError
from runwatch.watcher import protocol
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.replay.launch import Assignment
from runwatch.watcher.replay.opening import opened
from runwatch.watcher.replay.server import ReplayServer
from runwatch.watcher.replay.sessions import Session
from runwatch.watcher.service import launch


def run(argument: str) -> None:
    """Play the file of an assignment, whose descriptor is named by the argument, until the screen goes."""
    assignment = taken(argument, Assignment)
    sock = socket.socket(fileno=assignment.socket)
    try:
        config, only = load_to_read(os.fsdecode(assignment.config or b""), assignment.format)
        session = opened(os.fsdecode(assignment.path), config, only, whole=False)
        asyncio.run(_serve(session, config, assignment, sock))
    except RunwatchError as error:
        with contextlib.suppress(OSError):
            sock.sendall(protocol.encode(protocol.Failure(str(error), int(error.exit_code))))


async def _serve(session: Session, config: Config, assignment: Assignment, sock: socket.socket) -> None:
    served = launch.Assignment((assignment.path,), socket=assignment.socket, config=assignment.config)
    server = ReplayServer(session, config, assignment.speed, served)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    serving = asyncio.create_task(server.serve(sock))
    await server.run()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
