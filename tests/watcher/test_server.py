"""What an engine process does with what workers say, where no client need be connected."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

from runwatch.parsers.log import LogParser
from runwatch.watcher import protocol
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown, unrecognized
from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence.store import DAY
from runwatch.watcher.service.connection import after
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server


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
    server.clients.connections.add(client)  # type: ignore[arg-type]
    for left in (200, 100, 0, 0):
        server.receive(wire.Read(log, LogParser().feed(b""), left > 0, 0.0, None, left))
    assert client.woken == [False, False, True, False, False]


async def test_a_source_that_is_read_no_longer_is_forgotten_and_its_name_is_free(tmp_path):
    server = Server(Assignment((os.fsencode(tmp_path),), socket=0))
    for number in (1, 2):
        log = str(tmp_path / f"{number}.log")
        server.receive(wire.Opened(log, log, os.fsencode(log), 0))
    first, second = (str(tmp_path / f"{number}.log") for number in (1, 2))
    assert [group.name for group in server.engine.groups.values()] == [first, second]
    server.receive(wire.Dropped(first))
    assert list(server.shown) == list(server.engine.groups) == [second]
    server.receive(wire.Read(first, LogParser().feed(b""), True, 0.0, None, 0))  # its last words
    server.receive(wire.Opened(first, first, os.fsencode(first), 0))
    assert server.engine.groups[first].name == first
    assert server.notices == ()


async def test_reload_applies_the_order_of_sources_and_the_limits_of_the_state(tmp_path):
    config = tmp_path / "runwatch.toml"
    config.write_text("")
    server = Server(Assignment((), config=os.fsencode(config), state=os.fsencode(tmp_path / "state")))
    group = server.engine.add_source("log", "log", "train.log")
    config.write_text('sources.prefer = ["metrics"]\nstate.keep_days = 2\n')
    server.reload()
    assert group.prefer[0] == "metrics"
    assert server.store is not None
    assert server.store._keep == 2 * DAY
    server.store.close()


def test_no_end_is_reported_before_the_incident_that_led_to_it():
    waiting: deque[protocol.Reply] = deque()

    def progress() -> Iterator[protocol.Line]:
        yield protocol.Line({"type": "run"})
        waiting.append(protocol.Line({"type": "incident"}))  # comes while a client takes what was written
        yield protocol.Line({"type": "end"})

    reported = [
        reply.body["type"] for reply in after(waiting, progress()) if isinstance(reply, protocol.Line)
    ]
    assert reported == ["run", "incident", "end"]


def test_that_nothing_is_recognized_is_said_of_what_was_looked_at_for_a_while():
    engine = Engine()
    shown = Shown(engine.add_source("-", "stdin", "-"))
    assert unrecognized([shown], 1000.0, 5.0) == unrecognized([shown], 1060.0, 5.0) == ""
    shown.opened("-", 0, None)
    assert unrecognized([shown], 1061.0, 5.0) == unrecognized([shown], 1067.0, 5.0) == ""
    shown.read("-", 0)
    assert unrecognized([shown], 1068.0, 5.0) == ""
    assert unrecognized([shown], 1074.0, 5.0).startswith("no line yet in stdin")
