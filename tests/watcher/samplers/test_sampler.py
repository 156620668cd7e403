"""Samplers as the engine has them: what hangs or crashes is told, replaced, and stops nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core import sample
from runwatch.watcher.daemon import doctor
from runwatch.watcher.ingest import workers
from runwatch.watcher.samplers import sampler, space
from runwatch.watcher.samplers.sampler import Setup
from runwatch.watcher.service.sampling import Samplers
from tests.watcher.samplers.conftest import DEADLINE
from tests.watcher.test_machine import MAIN, engine_with, half

QUICK = Setup("gpu", interval=0.05, slow=0.0, rare=0.0)


class Supervised:
    """A supervisor at work, and what it passes on."""

    def __init__(self, setup: Setup) -> None:
        self.seen: list[sample.Message] = []
        self.notices: list[str] = []
        self.new = asyncio.Event()
        self.sampler = workers.Sampler(setup, self._take, self.notices.append)
        self._at = 0
        self.task = asyncio.create_task(self.sampler.run())

    def _take(self, message):
        self.seen.append(message)
        self.new.set()

    async def expect(self, kind):
        async def search():
            while True:
                while self._at < len(self.seen):
                    self._at += 1
                    if isinstance(self.seen[self._at - 1], kind):
                        return self.seen[self._at - 1]
                self.new.clear()
                await self.new.wait()

        return await asyncio.wait_for(search(), DEADLINE)


@contextlib.asynccontextmanager
async def supervised(setup):
    item = Supervised(setup)
    try:
        yield item
    finally:
        item.task.cancel()
        await asyncio.gather(item.task, return_exceptions=True)
        item.sampler.stop()
        process = item.sampler._process
        if process is not None:
            await process.wait()


@pytest.fixture
def environ(monkeypatch):
    def put(values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    monkeypatch.setattr(workers, "GRACE", 0.1)
    return put


@pytest.mark.deep
async def test_a_driver_that_hangs(driver, environ):
    environ(driver.environ)
    async with supervised(QUICK) as gpu, supervised(Setup("machine", interval=0.1)) as machine:
        await gpu.expect(sample.Sample)
        driver.say("0 !nvmlDeviceGetPowerUsage hang")
        gpu.sampler.deadline = 1.0
        blind = await gpu.expect(sample.Blind)
        gpu.sampler.deadline = 20.0
        assert (blind.sampler, blind.cause, blind.final) == ("gpu", "silent", False)
        assert "driver stuck" in blind.message
        assert gpu.notices == [blind.message]
        driver.say("0 !nvmlDeviceGetPowerUsage 0")
        assert (await gpu.expect(sample.Sighted)).sampler == "gpu"
        await gpu.expect(sample.Sample)
        await machine.expect(sample.Sample)
        assert not any(isinstance(message, sample.Blind) for message in machine.seen)


async def test_a_driver_that_hangs_is_an_incident_of_the_run(driver, environ, monkeypatch, tmp_path):
    environ(driver.environ)
    monkeypatch.setattr(workers.Sampler, "deadline", 1.0)
    engine = engine_with(half(), MAIN)
    fired = asyncio.Event()

    def receive(group, message):
        engine.sample(group, message)
        if any(change.row.rule == "gpu_fault" for change in engine.tick(time.time())):
            fired.set()

    samplers = Samplers(receive, print)
    samplers.want({"run": [os.fsencode(tmp_path / "run.log")]})
    driver.say("0 !nvmlDeviceGetPowerUsage hang")
    try:
        await asyncio.wait_for(fired.wait(), DEADLINE)
    finally:
        assert samplers._gpu is not None
        children = [samplers._gpu[0], *(child for _, child, _ in samplers._machines.values())]
        await samplers.stop()
        for child in children:
            if child._process is not None:
                await child._process.wait()
    ((_, watched),) = engine.runs()
    (row,) = [row for row in watched.incidents.every() if row.rule == "gpu_fault"]
    assert "driver" in row.title


def test_the_doctor_does_not_wait_for_a_driver_that_hangs(driver, environ):
    environ(driver.environ)

    def reported(deadline):
        found = doctor.ask(QUICK, sample.Gpus, deadline=deadline)
        return any(isinstance(message, sample.Gpus) for message in found)

    assert reported(DEADLINE)
    driver.say("lib !nvmlInitWithFlags hang")
    assert not reported(1.0)


async def test_a_driver_that_crashes(driver, environ):
    environ(driver.environ)
    async with supervised(QUICK) as gpu:
        await gpu.expect(sample.Sample)
        driver.say("0 !nvmlDeviceGetUtilizationRates segv")
        blind = await gpu.expect(sample.Blind)
        assert (blind.cause, blind.final) == ("crashed", False)
        assert "signal 11" in blind.message
        driver.say("0 !nvmlDeviceGetUtilizationRates 0")
        await gpu.expect(sample.Sighted)


async def test_a_driver_that_always_crashes_is_given_up(driver, environ, monkeypatch):
    monkeypatch.setattr(workers, "MAX_STARTS", 2)
    environ(driver.environ)
    driver.say("lib !nvmlInitWithFlags segv")
    async with supervised(QUICK) as gpu:
        first, last = await gpu.expect(sample.Blind), await gpu.expect(sample.Blind)
        assert (first.final, last.final) == (False, True)
        assert last.message.startswith("blind: the GPU sampler")
        await asyncio.wait_for(gpu.task, DEADLINE)


async def test_no_driver_ends_in_good_order(environ):
    environ({"LD_LIBRARY_PATH": "/nonexistent"})
    async with supervised(QUICK) as gpu:
        if (await gpu.expect(sample.Gpus)).gpus:
            pytest.skip("there is a real NVIDIA driver here")
        await asyncio.wait_for(gpu.task, DEADLINE)
        assert gpu.notices == []


def test_a_file_system_that_never_answers(tmp_path, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(space.SpaceSampler, "sample", lambda self, now: answered.wait())
    seen: list[sample.Message] = []
    rooms, name = space.Rooms([str(tmp_path)], seen.append, every=3600.0), f"space {tmp_path}"
    while not seen:  # until it was asked
        rooms.sample(time.time() + 60)
    assert isinstance(seen[0], sample.Blind)
    assert (seen[0].sampler, seen[0].cause, seen[0].final) == (name, "silent", False)
    rooms.sample(time.time() + 60)
    answered.set()
    while len(seen) < 2:
        rooms.sample(time.time() + 60)
    assert seen[1] == sample.Sighted(name, seen[1].time)


def test_room_of_a_real_file_system(sampling, tmp_path):
    watched = sampling(Setup("space", (os.fsencode(tmp_path),), interval=0.05))
    room = watched.expect(sample.Space)
    assert 0 < room.free <= room.total
    assert room.path == str(tmp_path)
    assert not room.read_only
    missing = sampling(Setup("space", (os.fsencode(tmp_path / "gone"),), interval=0.05))
    assert "No such file" in missing.expect(sample.SamplerNote).message


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_processes_of_a_log_through_the_sampler(sampling, runs, tmp_path):
    (tmp_path / "latest").symlink_to("train.log")
    runs.start(["sh", "-c", "exec sleep 600 > train.log"])
    watched = sampling(Setup("machine", (os.fsencode(tmp_path / "latest"),), interval=0.1))
    found = watched.expect(sample.Processes, lambda message: message.processes).processes
    assert [process.command for process in found] == ["sleep"]
    os.kill(found[0].pid, 9)
    assert watched.expect(sample.MachineEvent).kind == "process_died"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_the_job_of_a_process_in_its_environment(sampling, runs, tmp_path):
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text('#!/bin/sh\necho "JobState=RUNNING EndTime=2026-11-21T11:00:00 NodeList=n[1-2]"\n')
    scontrol.chmod(0o755)
    runs.start(["sh", "-c", "exec sleep 600 > train.log"], SLURM_JOB_ID="42")
    setup = Setup("machine", (os.fsencode(tmp_path / "train.log"),), interval=0.1)
    watched = sampling(setup, {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    assert watched.expect(sample.Job).id == "42"
    job = watched.expect(sample.Job)
    assert (job.id, job.state) == ("42", "RUNNING")
    assert job.deadline is not None


def test_what_is_sampled_for_some_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = os.fsencode(tmp_path / "a.log"), os.fsencode(tmp_path / "b.log")
    setup = sampler.machine_setup([b"a.log", second], [7], 1.0)
    assert setup == Setup("machine", (first, second), (7,), 1.0, rooms=(os.fsencode(tmp_path),))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_standard_input_means_its_pipe():
    code = "from runwatch.watcher.samplers.sampler import machine_setup as s; print(s([b'-']))"
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True, check=True)
    assert "paths=(b'pipe:[" in done.stdout
    assert "rooms=()" in done.stdout


def test_a_sampler_ends_with_its_engine(sampling):
    watched = sampling(Setup("machine", interval=0.05))
    watched.expect(sample.Sample)
    watched.process.stdout.close()
    assert watched.process.wait(DEADLINE) == 0


@given(st.dictionaries(st.text(max_size=20), st.floats(allow_nan=False), max_size=5), st.floats(0, 1e10))
@settings(max_examples=50)
def test_messages_cross_the_pipe_unchanged(values, time):
    for message in (
        sample.Sample(time, values),
        sample.MachineEvent("xid", time, "x", xid=79),
        sample.Alive(),
    ):
        assert sampler.decode(msgspec.msgpack.encode(message)) == message
