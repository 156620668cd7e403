"""What an engine process does with what workers say, where no client need be connected."""

from __future__ import annotations

import os

from runwatch.parsers.log import LogParser
from runwatch.watcher import wire
from runwatch.watcher.launch import Assignment
from runwatch.watcher.server import Server


class Client:
    """Takes note of how it is woken."""

    def __init__(self) -> None:
        self.woken: list[bool] = []

    def wake(self, *, at_once: bool = False) -> None:
        self.woken.append(at_once)


async def test_a_picture_is_sent_at_once_when_the_last_of_the_history_is_in(tmp_path):
    log = str(tmp_path / "train.log")
    server = Server(Assignment((os.fsencode(log),), socket=0))  # private: it keeps no state
    server.receive(wire.Opened(log, "train", os.fsencode(log), 300))
    client = Client()
    server.clients.add(client)  # type: ignore[arg-type]
    for left in (200, 100, 0, 0):
        server.receive(wire.Read(log, LogParser().feed(b""), left > 0, 0.0, None, left))
    assert client.woken == [False, False, True, False, False]
