"""One question to the daemon here, and its answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from runwatch.core.errors import EngineError, UsageError
from runwatch.core.text import plain
from runwatch.watcher.service import sockets

PATIENCE = 20.0
"""Seconds the daemon has to answer."""
LONG = 120.0
"""Seconds it has for an order that may take long."""

R = TypeVar("R")


def ask(request: Any, kind: type[R], state: Path | None = None, timeout: float = PATIENCE) -> list[R]:
    """Return the parts of the answer to a request, each of that kind.

    Raises EngineError if no daemon runs or it is lost, RunwatchError if it refuses.
    """
    import msgspec

    from runwatch.watcher import protocol

    try:
        order = protocol.encode(msgspec.structs.replace(request, id=1))
    except UnicodeEncodeError as wrong:  # a name in another encoding, as the command line has it
        advice = "name the directory it is in, or a pattern such as DIRECTORY/*.log"
        raise UsageError("the daemon accepts only UTF-8", repr(wrong.object), advice) from None
    found: list[R] = []
    with _open(state, timeout) as sock:
        for line in _lines(sock, protocol.encode(protocol.Hello()) + order):
            reply = protocol.decode_reply(line)
            if isinstance(reply, protocol.Failure | protocol.Refused):
                raise protocol.reported(reply)
            if isinstance(reply, kind) and getattr(reply, "id", 1) == 1:
                found.append(reply)
                if not getattr(reply, "more", False):
                    return found
    raise EngineError("the daemon hung up before it answered", "", "see its log")


def order(request: Any, timeout: float = PATIENCE) -> str:
    """Return what the daemon says it did on a request. Raises as `ask` does."""
    from runwatch.watcher import protocol

    (done,) = ask(request, protocol.Done, timeout=timeout)
    return plain(done.message)


def segment(run: str | None, *, ascii_only: bool, timeout: float = 2.0) -> str:
    """Return the daemon's words for a status line; quicker to import than all that `ask` needs.

    Raises EngineError if no daemon runs.
    """
    request = {"type": "segment", "run": run, "ascii": ascii_only, "id": 1}
    with _open(None, timeout) as sock:
        for line in _lines(sock, json.dumps(request).encode() + b"\n"):
            reply = json.loads(line)
            if reply.get("type") in ("done", "refused") and reply.get("id") == 1:
                return plain(str(reply.get("message", "")))
    raise EngineError("the daemon hung up before it answered")


def _open(state: Path | None, timeout: float) -> socket.socket:
    return sockets.connect(state or sockets.state_directory(), timeout)


def _lines(sock: socket.socket, request: bytes) -> Iterator[bytes]:
    """Send a request; yield the lines that come. Raises EngineError."""
    try:
        sock.sendall(request)
        with sock.makefile("rb") as stream:
            yield from stream
    except TimeoutError:
        raise EngineError("the daemon does not answer", "", "see its log, or end it with kill") from None
    except OSError as error:
        raise EngineError("lost the daemon", error.strerror or str(error)) from error
