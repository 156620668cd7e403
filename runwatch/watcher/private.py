"""An engine process of one's own: serves the one client at its socket, and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from typing import TYPE_CHECKING

import msgspec

from runwatch.errors import RunwatchError
from runwatch.watcher.handover import taken
from runwatch.watcher.launch import Assignment
from runwatch.watcher.spare import Spare

if TYPE_CHECKING:
    from runwatch.watcher import wire


def main() -> None:
    """Run as an engine process: the only argument names the descriptor of its assignment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the client; we end with it
    assignment = taken(sys.argv[1], Assignment)
    sock = socket.socket(fileno=assignment.socket)
    try:
        asyncio.run(_main(assignment, sock))
    except RunwatchError as error:
        from runwatch.watcher import protocol

        with contextlib.suppress(OSError):
            sock.sendall(protocol.encode(protocol.Failure(str(error), int(error.exit_code))))


async def _main(assignment: Assignment, sock: socket.socket) -> None:
    spare = None
    with contextlib.suppress(OSError):  # then the worker that is started later tells why
        started = await Spare.start()
        started.give(first_setup(assignment))
        spare = started
    gc.disable()  # of what modules hold nothing is garbage
    from runwatch.watcher.server import Server  # a tenth of a second in which the worker is at work already

    gc.freeze()
    gc.enable()

    server = Server(assignment, spare=spare)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    serving = asyncio.create_task(server.serve(sock))
    await server.run()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def first_setup(assignment: Assignment) -> wire.Setup:
    """Return what the engine's first worker is to read; that is known long before there is an engine.

    Raises ConfigError.
    """
    from runwatch.config import load
    from runwatch.watcher.readers import by_mount
    from runwatch.watcher.watchlist import Watchlist

    watchlist = Watchlist(assignment, load(assignment.config_path))
    paths = next(iter(by_mount(watchlist.paths).values()), ())
    return msgspec.structs.replace(watchlist.setup(), paths=paths)


if __name__ == "__main__":
    main()
