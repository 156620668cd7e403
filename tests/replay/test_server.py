"""The engine of a replay over its protocol: it plays, seeks, searches, and refuses what makes no sense."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import asynccontextmanager

import pytest

from runwatch.config.sections import Config
from runwatch.watcher import protocol
from runwatch.watcher.replay import server as server_module
from runwatch.watcher.replay import timeline
from runwatch.watcher.replay.opening import opened
from runwatch.watcher.replay.server import ReplayServer
from runwatch.watcher.service.client import Client
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server

from .logs import NOW, log_of, stamped


class Screen:
    """A client of a replay."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._replies = client.replies()

    async def until(self, holds):
        """Return the first snapshot of which that holds."""
        end = time.monotonic() + 60
        async for reply in self._replies:
            if isinstance(reply, protocol.Frame) and holds(reply.snapshot):
                return reply.snapshot
            assert time.monotonic() < end, reply
        pytest.fail("the engine ended")

    async def ask(self, action, amount=0.0):
        self.client.send(protocol.Control(action, amount, id=7))
        async for reply in self._replies:
            if isinstance(reply, protocol.Done | protocol.Refused) and reply.id == 7:
                return reply
        pytest.fail("the engine ended")


@pytest.fixture
async def screen(tmp_path):
    async with screen_of(opened(str(log_of(tmp_path, stamped(200, 120))), Config(), None), 0.1) as screen:
        yield screen


@asynccontextmanager
async def screen_of(session, speed):
    ours, theirs = socket.socketpair()
    server = ReplayServer(session, Config(), speed, Assignment((b"train.log",), socket=0))
    tasks = [asyncio.create_task(server.serve(ours)), asyncio.create_task(server.run())]
    client = await Client.connect(theirs)
    client.show(protocol.View(interval=0.02))
    try:
        yield Screen(client)
    finally:
        await client.close()
        await asyncio.gather(*tasks)


async def test_it_plays_seeks_and_pauses(screen):
    shown = await screen.until(lambda s: s.replay is not None and s.run is not None)
    assert shown.replay.state == "playing"
    assert shown.time == shown.replay.now < NOW + 10
    assert (await screen.ask("pause")).message == "paused"
    await screen.ask("goto", NOW + 150)
    shown = await screen.until(lambda s: s.replay.state == "paused" and s.replay.now >= NOW + 150)
    assert shown.run.progress.step == 150
    assert [row.rule for row in shown.run.incidents] == ["nonfinite"]
    assert shown.time == NOW + 150
    await screen.ask("share", -0.5)
    shown = await screen.until(lambda s: s.replay.state == "paused" and s.replay.now < NOW + 60)
    assert shown.run.progress.step == int(shown.replay.now - NOW)
    assert shown.run.incidents == ()
    assert len(shown.replay.incidents) == 1  # it is known that one will come
    await screen.ask("goto", 0.0)
    assert (await screen.until(lambda s: s.replay.state == "paused")).replay.now == NOW + 1


async def test_it_stops_where_the_next_incident_begins_and_at_the_end(screen):
    await screen.ask("incident")
    shown = await screen.until(lambda s: s.replay.state == "paused")
    assert [row.rule for row in shown.run.incidents] == ["nonfinite"]
    assert NOW + 120 <= shown.replay.now <= NOW + 125
    assert any("incident: loss is NaN" in notice for notice in shown.notices)
    await screen.ask("incident")
    shown = await screen.until(lambda s: s.replay.state == "ended")
    assert shown.replay.now == shown.replay.last == NOW + 200


async def test_the_speed_changes_within_bounds_and_the_rest_is_refused(screen):
    assert "0.2 times" in (await screen.ask("speed", 2.0)).message
    for _ in range(30):
        answer = await screen.ask("speed", 10.0)
    assert "1e+06 times" in answer.message
    for action, amount in (("dance", 1.0), ("speed", -1.0)):
        assert isinstance(await screen.ask(action, amount), protocol.Refused)


@pytest.mark.few(1)
@pytest.mark.parametrize("line", ["[{when}] step {i} loss {loss}\n", "step {i} loss {loss}\n"])
async def test_it_plays_before_the_log_was_read_whole(tmp_path, monkeypatch, line):
    """The times of the second log are known only when its last line was read: then it plays on from there."""
    monkeypatch.setattr(timeline, "FIRST", 1024)
    text = "".join(
        line.format(when=f"2026-01-05 10:{i // 60:02d}:{i % 60:02d}", i=i, loss="nan" if i >= 120 else 0.5)
        for i in range(1, 201)
    )
    whole = opened(str(log_of(tmp_path, text)), Config(), None)
    begun = opened(whole._found.path, Config(), None, whole=False)
    assert 0 < begun.share < 1.0
    reading, held = timeline.Survey.advance, [True]
    monkeypatch.setattr(timeline.Survey, "advance", lambda survey: held[0] or reading(survey))
    async with screen_of(begun, 8.0) as screen:
        shown = await screen.until(lambda s: s.run is not None and s.run.progress.step)
        assert shown.replay.share < 1.0
        assert shown.replay.state == "playing"
        assert "reading" in (await screen.ask("share", 0.5)).message
        assert (await screen.ask("speed", 1e6)).message
        shown = await screen.until(lambda s: s.replay.state == "reading")  # all that it knows is played
        step, incidents = shown.run.progress.step, shown.run.incidents
        assert 1 < step < 100
        assert not incidents
        await screen.ask("pause")
        held[0] = False
        shown = await screen.until(lambda s: s.replay.share == 1.0 and s.replay.state == "paused")
        assert (shown.replay.first, shown.replay.last) == (whole.first, whole.last)
        assert step <= shown.run.progress.step <= step + 1  # half of a record was read too
        await screen.ask("incident")
        shown = await screen.until(lambda s: s.replay.state == "paused" and s.run.incidents)
        assert 120 <= shown.run.progress.step <= 125


async def test_a_picture_comes_between_two_steps_of_the_work(tmp_path, monkeypatch):
    """However long a step takes: of a long log the first picture is due before much of it was read."""
    monkeypatch.setattr(timeline, "FIRST", 1024)
    begun = opened(str(log_of(tmp_path, stamped(200, 120))), Config(), None, whole=False)
    monkeypatch.setattr(timeline.Survey, "advance", lambda survey: None)
    steps, stepping = [0], ReplayServer._step

    def step(server, passed):
        steps[0] += 1
        return stepping(server, passed)

    monkeypatch.setattr(ReplayServer, "_step", step)
    monkeypatch.setattr(server_module, "LOOK", 0.0)
    async with screen_of(begun, 1.0) as screen:
        await screen.until(lambda s: s.run is not None)
        assert steps[0] <= 3
        before = steps[0]
        await screen.ask("pause")
        assert steps[0] - before <= 2


async def test_the_next_incident_is_searched_when_the_log_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(timeline, "FIRST", 1024)
    begun = opened(str(log_of(tmp_path, stamped(200, 120))), Config(), None, whole=False)
    reading, held = timeline.Survey.advance, [True]
    monkeypatch.setattr(timeline.Survey, "advance", lambda survey: held[0] or reading(survey))
    async with screen_of(begun, 1.0) as screen:
        await screen.until(lambda s: s.run is not None)
        await screen.ask("incident")
        await screen.until(lambda s: s.replay.state == "reading")
        held[0] = False
        shown = await screen.until(lambda s: s.replay.state == "paused")
        assert [row.rule for row in shown.run.incidents] == ["nonfinite"]


async def test_a_live_engine_is_no_replay(tmp_path):
    server = Server(Assignment((os.fsencode(tmp_path),), socket=0))
    with pytest.raises(ValueError, match="no replay"):
        server.control("pause", 0.0)
