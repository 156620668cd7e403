"""`runwatch bridge`: a daemon's protocol over standard input and output, for `ssh HOST runwatch bridge`."""

from __future__ import annotations

import os
import select
import socket

import click

from runwatch.core.errors import ExitCode

_PIECE = 1 << 16


@click.command("bridge")
def command() -> int:
    """Carry the protocol of this machine's daemon over standard input and output.

    `runwatch attach HOST` starts this on HOST over ssh; no port is opened.

    Examples:
      ssh gpu1 runwatch bridge
    """
    from runwatch.watcher.service import sockets
    from runwatch.watcher.service.sockets import state_directory

    with sockets.connect(state_directory()) as sock:
        return pump(sock, 0, 1)


def pump(sock: socket.socket, source: int, sink: int) -> int:
    """Carry bytes both ways until one side ends; neither is read faster than the other accepts."""
    poller = select.poll()
    poller.register(source, select.POLLIN)
    poller.register(sock, select.POLLIN)
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == source:
                if not (data := os.read(source, _PIECE)):
                    return ExitCode.OK
                sock.sendall(data)
            else:
                try:
                    data = sock.recv(_PIECE)
                except ConnectionError:
                    data = b""
                if not data:
                    return ExitCode.OK
                view = memoryview(data)
                while view:
                    view = view[os.write(sink, view) :]
