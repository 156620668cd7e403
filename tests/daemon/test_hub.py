"""The process between a screen and daemons: what it answers where a daemon cannot be reached, and its pace."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from runwatch.watcher import protocol
from runwatch.watcher.daemon import hub
from runwatch.watcher.service.launch import Attachment


class Writer:
    """What a hub sends to its screen."""

    def __init__(self) -> None:
        self.sent: list[protocol.Reply] = []

    def write(self, data: bytes) -> None:
        self.sent += map(protocol.decode_reply, data.splitlines())

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    async def drain(self) -> None:
        pass


def _hub(writer: Writer) -> hub.Hub:
    setup = Attachment(("a", "b"), ("false",), "runwatch")
    return hub.Hub(setup, cast("asyncio.StreamWriter", writer))


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (protocol.Acknowledge("b\x1f9", 5), "b cannot be reached: nothing changed there"),
        (protocol.Query("b\x1flm", "train/loss", id=5), "b cannot be reached: nothing changed there"),
        (protocol.Acknowledge("nowhere\x1f9", 5), "it is not known whose that is: nothing changed"),
        (protocol.Silences(5), "a cannot be reached: nothing changed there"),
    ],
)
def test_what_cannot_be_passed_on_is_refused(request_: protocol.Request, word: str) -> None:
    async def ask() -> list[protocol.Reply]:
        writer, reader = Writer(), asyncio.StreamReader()
        reader.feed_data(protocol.encode(request_))
        reader.feed_eof()
        await _hub(writer).run(reader)
        return writer.sent

    assert asyncio.run(ask()) == [protocol.Refused(word, 5)]


def test_frames_keep_to_the_interval_of_the_view_unless_the_shown_run_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def watch() -> None:
        paused = asyncio.Queue[float]()

        async def pause(event: asyncio.Event, seconds: float) -> None:
            paused.put_nowait(seconds)
            await event.wait()

        monkeypatch.setattr(hub, "wait", pause)
        writer = Writer()
        between = _hub(writer)
        for host in between.hosts:
            host.live = True
            host.tried.set()
        between._take(protocol.Subscribe(protocol.View(interval=2.0)))
        between._changed(between.hosts[0])
        serving = asyncio.create_task(between._serve())
        assert await paused.get() == 2.0
        between._changed(between.hosts[1])  # its runs are only listed
        between._changed(between.hosts[0])
        assert await paused.get() == 2.0
        serving.cancel()
        assert sum(isinstance(reply, protocol.Frame) for reply in writer.sent) == 2

    asyncio.run(asyncio.wait_for(watch(), 60))
