"""A small HTTP server for scrapers: GET only, one request per connection, everything within bounds.

It runs in the daemon's loop, so each step is short: a request ends within 8 KiB and 5 s, an answer goes out
in pieces, and of too many connections the oldest is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from runwatch.core.errors import EngineError
from runwatch.watcher.processes.waiting import within

MAX_REQUEST = 8192
"""Bytes of a request."""
MAX_CONNECTIONS = 32
"""Connections at a time; for a further one the oldest has to go."""
PATIENCE = 5.0
"""Seconds for a TLS handshake, for a request, and for each piece of an answer to be taken."""
PIECE = 1 << 18
"""Bytes of an answer that are written at once."""
_WORDS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
          421: "Misdirected Request", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
          503: "Service Unavailable"}  # fmt: skip


class Request(NamedTuple):
    """A request as far as it matters."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: tuple[str, ...] = ()


Handler = Callable[[Request], Awaitable[Answer]]


class HttpServer:
    """Listens until it is closed."""

    def __init__(self, handle: Handler, context: ssl.SSLContext | None) -> None:
        self._handle, self._context = handle, context
        self._connections: dict[asyncio.Task[None], None] = {}
        self._listener: socket.socket
        self._accepting: asyncio.Task[None]

    def open(self, host: str | None, port: int) -> None:
        """Begin to listen. Raises OSError."""
        dual = host is None and socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual or ":" in (host or "") else socket.AF_INET
        self._listener = socket.create_server(
            (host or "", port), family=family, backlog=128, dualstack_ipv6=dual
        )
        self._listener.setblocking(False)
        self._accepting = asyncio.ensure_future(self._accept())

    def close(self) -> None:
        """Hang up on everyone."""
        self._accepting.cancel()
        self._listener.close()
        for connection in self._connections:
            connection.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listener)
            except OSError:  # no descriptor is left, or the peer has gone
                await asyncio.sleep(0.1)
                continue
            while len(self._connections) >= MAX_CONNECTIONS:
                oldest = next(iter(self._connections))
                del self._connections[oldest]
                oldest.cancel()
                await asyncio.sleep(0)
            task = asyncio.ensure_future(self._serve(sock))
            self._connections[task] = None
            task.add_done_callback(lambda done: self._connections.pop(done, None))

    async def _serve(self, sock: socket.socket) -> None:
        writer: asyncio.StreamWriter | None = None
        try:
            with contextlib.closing(sock):
                reader, made = await within(self._streams(sock), PATIENCE)
                writer = made
                await self._converse(reader, made)
        except (OSError, EngineError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # too slow, or gone
        finally:
            if writer is not None:
                writer.transport.abort()

    async def _streams(self, sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_REQUEST)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._context)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = await within(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            request = parsed(head)
            answer = await self._handle(request)
        except asyncio.LimitOverrunError:
            request, answer = None, Answer(431, b"the request is too large\n")
        except ValueError:
            request, answer = None, Answer(400, b"not an HTTP request\n")
        if request is not None and request.method not in ("GET", "HEAD"):
            answer = Answer(405, b"only GET is answered\n", headers=("Allow: GET, HEAD",))
        head_lines = [
            f"HTTP/1.1 {answer.status} {_WORDS[answer.status]}", f"Content-Type: {answer.kind}",
            f"Content-Length: {len(answer.body)}", "Connection: close",
            "Cache-Control: no-store", *answer.headers,
        ]  # fmt: skip
        writer.write("\r\n".join([*head_lines, "", ""]).encode("latin-1"))
        body = b"" if request is not None and request.method == "HEAD" else answer.body
        for first in range(0, len(body), PIECE):
            writer.write(memoryview(body)[first : first + PIECE])
            await within(writer.drain(), PATIENCE)
        writer.close()
        await within(writer.wait_closed(), PATIENCE)


def parsed(head: bytes) -> Request:
    """Return a request from its head. Raises ValueError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    if not version.startswith("HTTP/1.") or not target.startswith("/"):
        raise ValueError(first)
    headers = {}
    for line in lines[:-2]:
        name, colon, text = line.partition(":")
        if not colon:
            raise ValueError(line)
        headers[name.strip().lower()] = text.strip()
    return Request(method, target.partition("?")[0], headers)


def admitted(request: Request, token: str) -> bool:
    """Return whether a request has the token, where one is needed."""
    said = request.headers.get("authorization", "").encode("latin-1")
    return not token or hmac.compare_digest(said, f"Bearer {token}".encode())


def names_loopback(request: Request) -> bool:
    """Return whether a request to a loopback address asks for it by a number, or as localhost.

    A web page can point a name of its own to this machine and read what it answers; not so a number.
    """
    try:
        name = urlsplit("//" + request.headers.get("host", "")).hostname
        return name in (None, "localhost") or bool(ip_address(name or ""))
    except ValueError:
        return False


def wants_gzip(request: Request) -> bool:
    """Return whether the answer may be compressed."""
    options = request.headers.get("accept-encoding", "").replace(" ", "").lower().split(",")
    return "gzip" in options or any(
        each.startswith("gzip;q=") and each not in ("gzip;q=0", "gzip;q=0.0") for each in options
    )


def compressed(body: bytes) -> bytes:
    """Return a body in gzip's format; for a thread, as it lets others work meanwhile."""
    maker = zlib.compressobj(1, zlib.DEFLATED, 31)
    return maker.compress(body) + maker.flush()
