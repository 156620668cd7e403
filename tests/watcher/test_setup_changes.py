"""A worker whose setup changes reads what the newest setup says, whenever the change comes."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import pytest

from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.workers import Worker


def setup(*logs) -> wire.Setup:
    return wire.Setup(tuple(map(os.fsencode, logs)), wait=True)


@pytest.mark.parametrize("started", [0, 1])
async def test_a_change_while_a_process_is_started_is_not_lost(tmp_path, monkeypatch, started):
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    for log in (one, other):
        log.write_text("step 1 loss 2.5\n")
    real, starts = asyncio.create_subprocess_exec, 0

    async def start(*arguments, **options):
        nonlocal starts
        starts += 1
        process = await real(*arguments, **options)  # it was handed its setup
        if starts == started + 1:
            worker.change(setup(one, other))
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    said: asyncio.Queue[wire.Message] = asyncio.Queue()
    worker = Worker(setup(one), said.put_nowait, lambda notice: None, lambda why: None)

    async def until_opened() -> None:
        while True:
            message = await said.get()
            if isinstance(message, wire.Opened) and message.path == os.fsencode(other):
                return
            if isinstance(message, wire.Opened) and starts <= started:
                worker.renew()

    running = asyncio.create_task(worker.run())
    try:
        await asyncio.wait_for(until_opened(), 120)
    finally:
        running.cancel()
        worker.stop()
        with suppress(asyncio.CancelledError):
            await running
