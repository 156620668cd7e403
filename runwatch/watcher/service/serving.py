"""What an engine process of one's own does once its worker was started: it serves the one client."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from typing import TYPE_CHECKING

import msgspec

from runwatch.core.errors import RunwatchError
from runwatch.watcher.ingest.prewarmed_worker import PrewarmedWorker
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.service.launch import Assignment

if TYPE_CHECKING:
    from runwatch.watcher.ingest import wire


def run(argument: str, prewarmed: PrewarmedWorker | None) -> None:
    """Serve the client of an assignment, whose descriptor is named by the argument, until it goes."""
    assignment = taken(argument, Assignment)
    sock = socket.socket(fileno=assignment.socket)
    try:
        asyncio.run(_serve(assignment, sock, prewarmed))
    except RunwatchError as error:
        from runwatch.watcher import protocol

        with contextlib.suppress(OSError):
            sock.sendall(protocol.encode(protocol.Failure(str(error), int(error.exit_code))))


async def _serve(assignment: Assignment, sock: socket.socket, prewarmed: PrewarmedWorker | None) -> None:
    if prewarmed is not None:
        try:
            prewarmed.give(first_setup(assignment))
        except OSError:
            prewarmed = None
    gc.disable()  # of what modules hold nothing is garbage
    from runwatch.watcher.service.server import (
        Server,  # a tenth of a second in which the worker is at work already
    )

    gc.freeze()
    gc.enable()

    server = Server(assignment, prewarmed=prewarmed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    serving = asyncio.create_task(server.serve(sock))
    await server.run()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def first_setup(assignment: Assignment) -> wire.Setup:
    """Return what the engine's first worker is to read; that is known long before there is an engine.

    Raises ConfigError.
    """
    from runwatch.config.loader import load
    from runwatch.watcher.ingest.readers import by_mount
    from runwatch.watcher.service.watchlist import Watchlist

    # The server says what there is to say about the file.
    config = load(assignment.config_path, found=assignment.config_found, report=lambda line: None)
    watchlist = Watchlist(assignment, config)
    paths = next(iter(by_mount(watchlist.paths).values()), ())
    return msgspec.structs.replace(watchlist.setup(), paths=paths)
