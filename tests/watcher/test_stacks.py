"""Where the processes of a hanging run stand: real processes, the real py-spy, and one that fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from runwatch.alerts.incidents.incidents import Change
from runwatch.core.sample import Process, Processes, Stack, Stacks
from runwatch.watcher.engine import stacks
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.service.sampling import Samplers
from tests.watcher.test_machine import NOW, engine_with, half

SCRIPT = """
import sys, time
def all_reduce():
    print("there", flush=True)
    time.sleep(600)
def read_shard():
    print("there", flush=True)
    time.sleep(600)
def train(rank):
    all_reduce() if rank else read_shard()
train(int(sys.argv[1]))
"""


def rank(number: int, pid: int) -> Process:
    return Process(pid, NOW - 60, "rank", "python train.py", "sleeping", 1, rank=number)


@pytest.fixture
def standing(tmp_path):
    """Three real ranks, of which rank 0 is elsewhere."""
    (tmp_path / "train.py").write_text(SCRIPT)
    children = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "train.py"), str(number)], stdout=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
    yield [rank(number, child.pid) for number, child in enumerate(children)]
    for child in children:
        child.kill()
        child.communicate()


def silence(engine: Engine, seconds: float) -> list[Change]:
    return engine.tick(NOW + seconds)


def asking(*processes: Process) -> Engine:
    engine = engine_with(half())
    ((_, watched),) = engine.runs()
    next(rule for rule in watched.rules if rule.name == "hang").stack = True
    engine.sample("run", Processes(NOW, processes))
    return engine


async def test_the_real_program_shows_who_is_elsewhere(standing):
    if stacks.program() is None:
        pytest.skip("py-spy is not installed")
    found = await stacks.look(standing)
    if any("not permitted" in stack.why for stack in found.stacks):
        pytest.skip("ptrace is not permitted here")
    engine = asking(*standing)
    engine.sample("run", Stacks(NOW + 500, found.stacks))
    (row,) = [change.row for change in silence(engine, 4000) if change.kind == "firing"]
    assert row.rule == "hang"
    pids = [process.pid for process in standing]
    assert row.cause == (
        f"rank 0 (pid {pids[0]}) is in read_shard (train.py:8), the others in all_reduce (train.py:5)"
    )
    assert row.evidence["stack_1"] == (
        f"rank 1 (pid {pids[1]}), rank 2 (pid {pids[2]}): "
        "all_reduce (train.py:5) < train (train.py:10) < <module> (train.py:11)"
    )


def test_it_is_asked_for_by_a_pending_hang_and_only_where_a_person_said_so():
    process = rank(0, 4711)
    engine = asking(process)
    (change,) = [change for change in silence(engine, 400) if change.row.rule == "hang"]
    assert change.kind == "pending"
    assert stacks.wanted(engine, change) == ("run", [process])
    off = engine_with(half(), process)
    (change,) = [change for change in silence(off, 400) if change.row.rule == "hang"]
    assert stacks.wanted(off, change) is None


def test_stacks_of_an_earlier_silence_say_nothing():
    engine = asking(rank(0, 1), rank(1, 2), rank(2, 3))
    places = {1: "f (x.py:1)", 2: "f (x.py:1)", 3: "g (x.py:2)"}
    there = tuple(Stack(pid, (frame,)) for pid, frame in places.items())
    engine.sample("run", Stacks(NOW - 1, there))
    (row,) = [change.row for change in silence(engine, 4000) if change.kind == "firing"]
    assert "stack_1" not in row.evidence
    assert " is in " not in row.cause


def program(tmp_path, monkeypatch, script: str) -> None:
    (tmp_path / "py-spy").write_text("#!/bin/sh\n" + script)
    (tmp_path / "py-spy").chmod(0o755)
    monkeypatch.setattr(stacks, "program", lambda: str(tmp_path / "py-spy"))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "echo 'Error: Permission Denied: Try running again with sudo' >&2; exit 1",
            "not permitted (ptrace)",
        ),
        ("echo 'Error: Failed to find python version' >&2; exit 1", "Failed to find python version"),
        ("echo 'not json'", "found no Python stack"),
        ("exec sleep 600", "did not answer"),
    ],
)
async def test_a_look_that_fails_says_why(tmp_path, monkeypatch, script, why):
    program(tmp_path, monkeypatch, script)
    monkeypatch.setattr(stacks, "PATIENCE", 0.3)
    (stack,) = (await stacks.look([rank(0, os.getpid())])).stacks
    assert why in stack.why
    engine = asking(rank(0, os.getpid()))
    engine.sample("run", Stacks(time.time() + 1e6, (stack,)))
    (row,) = [change.row for change in silence(engine, 4000) if change.kind == "firing"]
    assert why in str(row.evidence["no_stack"])


async def test_a_program_that_does_not_answer_has_ended_when_that_is_said(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 600")
    monkeypatch.setattr(stacks, "PATIENCE", 1.0)
    await stacks.look([rank(0, os.getpid())])
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


async def test_threads_without_names_are_distinguished_by_where_they_begin(tmp_path, monkeypatch):
    def thread(*names: str) -> str:
        frames = ",".join(f'{{"name":"{name}","filename":"/x/a.py","line":3}}' for name in names)
        return f'{{"thread_id":1,"thread_name":null,"os_thread_id":null,"frames":[{frames}]}}'

    dump = f"[{thread('wait', '_bootstrap')},{thread('step', '<module>')}]"
    program(tmp_path, monkeypatch, f"echo '{dump}'")
    (stack,) = (await stacks.look([rank(0, os.getpid())])).stacks
    assert stack.frames == ("step (a.py:3)", "<module> (a.py:3)")


async def test_without_the_program_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(stacks, "program", lambda: None)
    (stack,) = (await stacks.look([rank(0, 1)])).stacks
    assert stack.why == "py-spy is not installed: pip install py-spy"


async def test_only_one_look_at_a_time(monkeypatch):
    looks, received = [], []

    async def look(processes):
        looks.append(processes)
        return Stacks(NOW, ())

    monkeypatch.setattr(stacks, "look", look)
    samplers = Samplers(lambda group, message: received.append((group, message)), print)
    samplers.look_closer("run", [])
    samplers.look_closer("run", [])
    await samplers._looks["run"]
    await samplers.stop()
    assert len(looks) == 1
    assert received == [("run", Stacks(NOW, ()))]
