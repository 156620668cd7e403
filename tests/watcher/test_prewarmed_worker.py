"""A worker that is started before it is known what it shall read."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from runwatch.watcher.ingest import wire, workers
from runwatch.watcher.ingest.prewarmed_worker import PrewarmedWorker
from runwatch.watcher.ingest.workers import Worker
from runwatch.watcher.processes.handover import handed


@pytest.fixture
def setup(tmp_path) -> wire.Setup:
    log = tmp_path / "train.log"
    log.write_text("step 1 loss 2.5\n")
    return wire.Setup((os.fsencode(log),))


async def first(setup: wire.Setup, prewarmed: PrewarmedWorker) -> tuple[str, list[str]]:
    """Return the name of what a worker says first, and what people are told until then."""
    said: asyncio.Queue[wire.Message] = asyncio.Queue()
    reported: list[str] = []
    worker = Worker(setup, said.put_nowait, reported.append, reported.append)
    worker.prewarmed = prewarmed
    running = asyncio.create_task(worker.run())
    try:
        return type(await said.get()).__name__, reported
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_it_reads_what_it_is_handed(setup):
    assert await first(setup, PrewarmedWorker()) == ("Opened", [])


async def test_it_may_be_at_work_before_there_is_anybody_to_listen(setup):
    prewarmed = PrewarmedWorker()
    prewarmed.give(setup)
    assert await first(setup, prewarmed) == ("Opened", [])
    assert prewarmed.process.wait(120) < 0  # it was the one that was listened to, and ended


async def test_one_that_reads_something_else_by_now_is_replaced(setup):
    prewarmed = PrewarmedWorker()
    prewarmed.give(wire.Setup((b"/nowhere/train.log",), wait=True))
    assert await first(setup, prewarmed) == ("Opened", [])
    assert prewarmed.process.wait(120) < 0


async def test_one_that_died_while_it_waited_is_replaced(setup):
    prewarmed = PrewarmedWorker()
    prewarmed.process.kill()
    prewarmed.process.wait()
    name, reported = await first(setup, prewarmed)
    assert name == "Opened"
    assert "started again" in reported[0]


def test_one_that_is_dropped_leaves_no_zombie(setup):
    prewarmed = PrewarmedWorker()
    prewarmed.give(setup)
    prewarmed.drop()
    with pytest.raises(ProcessLookupError):
        os.kill(prewarmed.process.pid, 0)


def test_it_ends_with_whoever_would_hand_it_something(setup):
    """The other end of its pipe is closed by the end of a process, however that came about."""
    waits, gate = os.pipe()
    with handed(setup) as descriptor:
        command = [sys.executable, "-m", "runwatch.watcher.ingest.worker", str(descriptor), str(waits)]
        with subprocess.Popen(command, pass_fds=(descriptor, waits), stdout=subprocess.PIPE) as worker:
            os.close(waits)
            os.close(gate)
            assert worker.communicate(timeout=120) == (b"", None)
            assert worker.returncode == 0


def test_nothing_large_is_imported_before_it_is_started():
    """What stands before its start is waited for by everything that is shown."""
    code = "import sys, runwatch.watcher.service.private; print({'asyncio', 'msgspec', 'numpy'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"set()\n"


class Unstartable(Worker):
    """One for which there is no process to be had."""

    async def _start(self):
        raise RuntimeError("can't start new thread")


async def test_a_reader_that_cannot_be_started_is_reported_and_given_up(setup, monkeypatch):
    monkeypatch.setattr(workers, "MAX_STARTS", 1)
    reported: list[str] = []
    await Unstartable(setup, lambda message: None, reported.append, reported.append).run()
    assert len(reported) == 1
    assert "could not be started (can't start new thread)" in reported[0]
