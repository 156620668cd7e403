"""The protocol, from both sides: any bytes as a client's requests, and as an engine's replies."""

from __future__ import annotations

import asyncio
import atexit
import io
import os
import socket
from contextlib import redirect_stderr, suppress
from functools import cache

import msgspec

from runwatch.cli.headless import UNREADABLE, Printer, _objects
from runwatch.core.errors import RunwatchError
from runwatch.core.text import plain
from runwatch.parsers.log import LogParser
from runwatch.watcher import protocol
from runwatch.watcher.daemon.remote import Host
from runwatch.watcher.ingest import wire
from runwatch.watcher.service.client import Client
from runwatch.watcher.service.launch import Assignment, greet
from runwatch.watcher.service.server import Server

from ...parsers.fuzzing import NASTY
from ...watcher.test_engine import FAULTY
from ..target import Target

_LOG = "/nowhere/train.log"
_MOST = 50
"""Inputs that one server takes, as it remembers what it was asked."""


class _Served:
    """A private engine with one run that failed; it reads and starts nothing."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.used = 0
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        self.server = Server(Assignment((os.fsencode(_LOG),), socket=0))
        self.server._read = lambda: None
        self.server.receive(wire.Opened(_LOG, "train", os.fsencode(_LOG), 0))
        parser = LogParser()
        for batch in (parser.feed(FAULTY["nan for good"], tail=50), parser.flush()):
            self.server.receive(wire.Read(_LOG, batch, True, 1.7e9, 1.7e9, 0))
        self.server.changed(self.server.engine.tick(1.7e9 + 60))

    async def talk(self, data: bytes) -> bytes:
        """Return what a client is sent that sends `data` and then waits for a moment."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        serving = asyncio.create_task(self.server.clients.admit(reader, writer))
        replies, requests = await asyncio.open_connection(sock=ours, limit=protocol.MAX_LINE)
        requests.write(data)
        requests.write_eof()
        said = await asyncio.wait_for(replies.read(-1), 60)
        requests.close()
        await serving
        return said


@cache
def _served() -> list[_Served]:
    held = [_Served()]
    atexit.register(lambda: held[0].loop.close())  # noqa: PLW0108  it is replaced
    return held


def requests(data: bytes) -> None:
    """Whatever a client sends, the engine answers in its protocol, finds no fault in itself, and stays."""
    held = _served()
    if held[0].used > _MOST:
        held[0].loop.close()
        held[0] = _Served()
    served = held[0]
    served.used += 1
    for line in served.loop.run_until_complete(served.talk(data)).splitlines():
        reply = protocol.decode_reply(line)
        assert not isinstance(reply, protocol.Refused) or reply.exit_code != 70, reply
        assert "internal error" not in getattr(reply, "message", ""), reply
    for line in data.splitlines():
        with suppress(ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
            request = protocol.decode_request(line)
            if isinstance(request, protocol.Subscribe):
                _picture(served.server, request.view)
    assert not [text for text in served.server.notices if "Error" in text], served.server.notices


def _picture(server: Server, view: protocol.View) -> None:
    from runwatch.watcher.engine.views import views

    try:
        view = views.checked(view)
    except ValueError:
        return
    try:
        protocol.decode_reply(server.picture(view, 1.7e9 + 60))
    except (ValueError, RecursionError, OverflowError) as error:
        raise AssertionError(f"no picture: {error!r}") from error


def replies(data: bytes) -> None:
    """Whatever an engine sends, clients raise our own errors only, and print safe text."""
    for objects in (_objects, lambda sock: iter([greet(sock, 1.0)])):
        ours, theirs = socket.socketpair()
        with ours, theirs, suppress(RunwatchError), redirect_stderr(io.StringIO()):
            theirs.send(data[:60_000])
            theirs.close()
            printers = Printer(True), Printer(False)
            for body in objects(ours):
                for printer in printers if body else ():
                    with suppress(*UNREADABLE):
                        said = printer.text(body)
                        assert plain(said, 1 << 22) == said.rstrip(), said
    asyncio.run(_linked(data))


async def _linked(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(data[:60_000])
        theirs.close()
        client = await Client.connect(ours)
        with suppress(RunwatchError):
            async for _ in client.replies():
                pass
        await client.close()
    remote = Host("there", ("ssh",), "runwatch", lambda *reply: None, lambda host: None)
    reader = asyncio.StreamReader(limit=protocol.MAX_LINE)
    reader.feed_data(data)
    reader.feed_eof()

    async def there() -> tuple[asyncio.StreamReader, _Nowhere]:
        return reader, _Nowhere()

    remote._there = there  # type: ignore[method-assign,assignment]
    working = asyncio.create_task(remote.run())
    await asyncio.wait(
        {working, asyncio.create_task(remote.tried.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    await asyncio.sleep(0)
    failed = working.done() and working.exception()
    working.cancel()
    if failed:
        raise failed


class _Nowhere:
    """Takes what is written and forgets it."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def is_closing(self) -> bool:
        return False


def _requests() -> list[bytes]:
    view = protocol.View(None, (protocol.Chart("train/loss", 80),), 20, None, None, True, True, trends=8)
    messages = (
        protocol.Hello(software="x"), protocol.Subscribe(view), protocol.Follow(1.0, 5), protocol.Acknowledge("abcd", 1),
        protocol.Runs(True, 2), protocol.Runs(id=3), protocol.Query("train", "train/loss", 40, 1.0, 1e9, 4),
        protocol.Incidents("train", True, 5), protocol.Silence(("rule=~n.*", "run!=x"), 4e9, "c", "a", 6),
        protocol.Unsilence("abcd", 7), protocol.Silences(8), protocol.Actions(9), protocol.Cancel("abcd", "me", 10),
        protocol.Add(("/a/*.log",), 11), protocol.Drop(("/a",), 12), protocol.Health(13), protocol.Segment(None, True, 14),
        protocol.Reload(15), protocol.Control("goto", 5.0, 16), protocol.Stop(17), protocol.Shutdown(),
    )  # fmt: skip
    lines = [protocol.encode(message) for message in messages]
    return [*lines, b"".join(lines[:9]), b"".join(lines[9:])]


@cache
def _replies() -> list[bytes]:
    served = _Served()
    asked = b"".join(_requests()[:20])
    said = served.loop.run_until_complete(served.talk(asked))
    follow = served.loop.run_until_complete(served.talk(_requests()[2]))
    served.loop.close()
    engine = served.server.engine
    from runwatch.watcher.engine.headless import Headless

    lines = [
        protocol.encode(protocol.Line(body)) for body in Headless(engine, 0.0, None).progress(1.7e9 + 99)
    ]
    rest = [protocol.encode(protocol.Failure("no", 3)), protocol.encode(protocol.Notice("x")), follow, *lines]
    picture = served.server.picture(protocol.View(charts=(protocol.Chart("train/loss", 8),)), 1.7e9)
    return [line + b"\n" for line in said.splitlines() if len(line) < 12_000] + [
        *rest,
        picture,
        b"".join(rest),
    ]


_WORDS = (
    *NASTY,
    b'"id": ',
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b"1e400",
    b'"\\ud800"',
    b"9" * 30,
    b"[" * 3000,
    b'{"a":' * 2000,
)

TARGETS = (
    Target("requests", requests, _requests, words=_WORDS, slow=4.0),
    Target("replies", replies, _replies, words=_WORDS, slow=2.0),
)
