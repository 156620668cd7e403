"""What a reader has not read yet is no silence: runs are judged as of the time until which all was read."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.readers import Readers
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server


async def test_a_reader_that_gets_no_processor_is_late_and_one_that_was_stopped_is_not(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("step 1/100 | loss 2.5\n")
    beat = asyncio.Event()

    def receive(message: wire.Message) -> None:
        if isinstance(message, wire.Beat) and message.seen:
            beat.set()

    readers = Readers(receive, print, print)
    begun = time.time()
    readers.want((os.fsencode(log),), wire.Setup(()))
    try:
        assert readers.seen(begun) == begun  # nothing is known yet
        await asyncio.wait_for(beat.wait(), 60)
        ((worker, _),) = readers._workers.values()
        os.kill(worker._process.pid, signal.SIGSTOP)
        assert begun <= readers.seen(begun + 1000.0) <= time.time()
    finally:
        await readers.stop()
    assert readers.seen(begun + 1000.0) == begun + 1000.0


async def test_silence_is_judged_as_of_what_was_read_and_never_as_of_an_earlier_time(tmp_path, monkeypatch):
    log = str(tmp_path / "train.log")
    server = Server(Assignment((os.fsencode(log),), socket=0))
    server.receive(wire.Opened(log, "train", os.fsencode(log), 0))
    judged: list[float] = []
    monkeypatch.setattr(server.engine, "tick", lambda now, groups: judged.append(now) or [])
    for now, seen in ((1000.0, 1000.0), (1100.0, 1040.0), (1200.0, 1020.0), (1300.0, 1300.0)):
        monkeypatch.setattr(server._readers, "seen", lambda now, seen=seen: seen)
        server._attention.reset()
        await server._judge(server.engine.groups.values(), now)
    assert judged == [1000.0, 1040.0, 1040.0, 1300.0]
