"""A reader that is silent because it gets no processor is not replaced; one that hangs or loops is."""

from __future__ import annotations

import asyncio
import sys

import psutil
import pytest

from runwatch.watcher.ingest import workers
from runwatch.watcher.ingest.workers import Child
from runwatch.watcher.processes import starved

BUSY = "while True: pass"
ASLEEP = "import time; time.sleep(1e6)"
NEEDED = 0.3
"""Seconds of CPU time after which a loop counts as stuck here; it is short, so that the test is."""


class Silent(Child[bytes]):
    """A child that never sends."""

    deadline = 0.05

    def __init__(self, code: str) -> None:
        self.replaced: asyncio.Queue[float] = asyncio.Queue()
        super().__init__(lambda _: None, lambda _: None, lambda _: None)
        self._code = code

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", self._code, stdout=asyncio.subprocess.PIPE
        )

    async def gone(self) -> None:
        assert self._process is not None
        await self._process.communicate()

    def _title(self) -> str:
        return "the child"

    def _silent(self) -> str:
        assert self._process is not None
        times = psutil.Process(self._process.pid).cpu_times()
        self.replaced.put_nowait(times.user + times.system)
        return "did not answer"


async def used_when_replaced(code: str) -> float:
    child = Silent(code)
    running = asyncio.create_task(child.run())
    try:
        return await child.replaced.get()
    finally:
        running.cancel()
        child.stop()
        await asyncio.gather(running, return_exceptions=True)
        await child.gone()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.01)
    monkeypatch.setattr(workers, "AWHILE", 0.01)


async def test_one_that_can_run_is_given_processor_time(monkeypatch):
    monkeypatch.setattr(starved, "ENOUGH", NEEDED)
    assert await used_when_replaced(BUSY) >= NEEDED


async def test_one_that_sleeps_is_replaced_whatever_time_it_would_be_given(monkeypatch):
    monkeypatch.setattr(starved, "ENOUGH", 1e9)
    assert await used_when_replaced(ASLEEP) < 60
