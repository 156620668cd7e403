"""What a reader has not read yet is no silence: runs are judged as of the time until which all was read."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from runwatch.core.sample import MachineEvent, Process, Processes
from runwatch.watcher.ingest import feeds, wire
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.ingest.readers import Readers
from runwatch.watcher.ingest.worker import Reader
from runwatch.watcher.service import clock as clock_module
from runwatch.watcher.service import unread_ends
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server
from runwatch.watcher.sources.discover import find

from .test_engine import log

IMPATIENT = "[rules.hang]\nleast = 2.0\nunfamiliar = 2.0\nmedians = 1.0\nlongest = 1.0\n"


@pytest.fixture
def beaten():
    """Return a coroutine that waits for the readers of a path to have read all of it, and ends them."""

    async def start(path):
        beat = asyncio.Event()

        def receive(message: wire.Message) -> None:
            if isinstance(message, wire.Beat) and message.seen:
                beat.set()

        readers = Readers(receive, print, print)
        readers.want((os.fsencode(path),), wire.Setup(()))
        await asyncio.wait_for(beat.wait(), 60)
        return readers

    return start


async def test_a_reader_that_gets_no_processor_is_late_and_one_that_was_stopped_is_not(tmp_path, beaten):
    path = tmp_path / "train.log"
    path.write_text("step 1/100 | loss 2.5\n")
    begun = time.time()
    assert Readers(print, print, print).seen(begun) == begun, "nothing is known yet"
    readers = await beaten(path)
    try:
        ((worker, _),) = readers._workers.values()
        os.kill(worker._process.pid, signal.SIGSTOP)
        assert begun <= readers.seen(begun + 1000.0) <= time.time()
        assert readers.seen(begun - 1000.0) == begun - 1000.0
    finally:
        await readers.stop()
    assert readers.seen(begun + 1000.0) == begun + 1000.0


async def test_a_sign_of_life_amid_a_long_look_does_not_say_that_all_is_read(tmp_path, beaten):
    path = tmp_path / "train.log"
    path.write_text("step 1/100 | loss 2.5\n")
    readers = await beaten(path)
    try:
        ((worker, _),) = readers._workers.values()
        worker._take(wire.Beat())  # as while checkpoints are measured
        assert readers.seen(time.time() + 1000.0) <= time.time()
    finally:
        await readers.stop()


async def test_one_that_reads_with_another_setup_is_as_late_as_the_one_before_and_one_that_failed_is_blind(
    tmp_path, beaten
):
    path = tmp_path / "train.log"
    path.write_text("step 1/100 | loss 2.5\n")
    readers = await beaten(path)
    try:
        ((worker, _),) = readers._workers.values()
        readers.want((os.fsencode(path),), wire.Setup((), pace=0.5))
        assert readers.seen(time.time() + 1000.0) <= time.time()
        worker._blinded("ended unexpectedly")
        now = time.time() + 1000.0
        assert readers.seen(now) == now
    finally:
        await readers.stop()


async def test_silence_is_judged_as_of_what_was_read_and_never_as_of_an_earlier_time(tmp_path, monkeypatch):
    log = str(tmp_path / "train.log")
    server = Server(Assignment((os.fsencode(log),), socket=0))
    server.receive(wire.Opened(log, "train", os.fsencode(log), 0))
    judged: list[float] = []
    monkeypatch.setattr(server.engine, "tick", lambda now, groups: judged.append(now) or [])
    for now, seen in ((1000.0, 1000.0), (1100.0, 1099.0), (1200.0, 1020.0), (1300.0, 1300.0)):
        monkeypatch.setattr(server._readers, "seen", lambda now, seen=seen: seen)
        server._attention.reset()
        await server._judge(server.engine.groups.values(), now)
    assert judged == [1000.0, 1099.0, 1099.0, 1300.0]


def test_a_sweep_is_complete_once_it_has_read_to_the_end(tmp_path):
    path = tmp_path / "train.log"
    path.write_bytes(b"step 1/100000 | loss 2.5\n")
    reader = Reader(wire.Setup((os.fsencode(path),)))
    sent = []
    while reader.sweep(sent.append):
        pass
    assert reader.complete
    with path.open("ab") as file:
        file.writelines(b"step %d/100000 | loss 2.5\n" % step for step in range(2, 60_000))
    reader.sweep(sent.append, {str(path)})
    assert not reader.complete
    while reader.sweep(sent.append, ()):
        pass
    assert reader.complete
    assert sum(message.batch.lines for message in sent if isinstance(message, wire.Read)) == 59_999


def test_what_is_read_late_arrived_when_it_was_written_but_not_before_all_was_read(tmp_path, monkeypatch):
    path = tmp_path / "train.log"
    path.write_bytes(b"")
    now = SimpleNamespace(wall=1e9, steady=500.0)
    clock = SimpleNamespace(time=lambda: now.wall, monotonic=lambda: now.steady)
    monkeypatch.setattr(feeds, "time", clock)
    (found,) = find([str(path)])
    source = LogSource(found)

    def read(step, seconds, written, slept=0.0):
        """Read a row after `seconds`, which bears a date that is `written` seconds after the last look."""
        stamp = now.wall + written
        now.wall, now.steady = now.wall + seconds + slept, now.steady + seconds
        with path.open("ab") as file:
            file.write(b"step %d/100 | loss 2.5\n" % step)
        os.utime(path, (stamp, stamp))
        sent, before = [], now.wall
        source.step(sent.append)
        source.step(sent.append)
        (arrival,) = (message.arrival for message in sent if isinstance(message, wire.Read))
        return arrival - before

    source.step(lambda message: None)
    assert read(1, 30.0, 10.0) == -20.0
    assert read(2, 2.0, -3600.0) == -2.0, "the clock of another host is an hour behind"
    assert read(3, 2.0, 3600.0) == 0.0
    assert read(4, 2.0, 1.0, slept=28800.0) == -2.0, "the machine slept"


@pytest.mark.deep
@pytest.mark.parametrize("whole", [True, False])
def test_a_watcher_that_was_stopped_for_longer_than_a_hang_takes_no_run_for_hung_that_wrote_on(
    tmp_path, whole
):
    path, config = tmp_path / "train.log", tmp_path / "runwatch.toml"
    path.write_text("step 0/100000 | loss 2.5\n")
    config.write_text(IMPATIENT)
    over = threading.Event()

    def write():
        for step in range(1, 100_000):
            if over.wait(0.1):
                return
            with path.open("a") as file:
                file.write(f"step {step}/100000 | loss {2 + 1 / step:.4f}\n")

    command = [
        sys.executable,
        "-m",
        "runwatch",
        "tail",
        str(path),
        "--headless",
        "--json",
        "--interval",
        "0.2",
    ]
    command += ["--config", str(config)]
    lines: list[str] = []
    writer = threading.Thread(target=write)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as tail:
        reader = threading.Thread(target=lambda: lines.extend(tail.stdout))
        try:
            reader.start()
            writer.start()
            _await(lambda: len(lines) > 5)
            stopped = _below(tail.pid, "runwatch" if whole else "runwatch.watcher.ingest.worker")
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(4.0)
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            time.sleep(1.5)
            over.set()
            _await(lambda: any('"rule":"hang"' in line for line in lines))  # now it is one
        finally:
            over.set()
            for pid in _below(tail.pid, "runwatch"):
                os.kill(pid, signal.SIGKILL)
            writer.join()
            reader.join()
    reports = [report for report in map(json.loads, lines) if report["type"] == "incident"]
    found = [report["incident"] for report in reports if report["change"] == "firing"]
    last = int(path.read_text().splitlines()[-1].split("/")[0].removeprefix("step "))
    assert [(each["rule"], each["step"]) for each in found] == [("hang", last)]


def _await(happens, seconds=30.0):
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.05)


def _below(pid, word):
    """Return a process and those below it whose command line contains a word."""
    top = psutil.Process(pid)
    every = [top, *top.children(recursive=True)]
    return [each.pid for each in every if any(word in part for part in each.cmdline())]


# -- ends that are seen before the last lines are read -----------------------------------------------


def late_reader(tmp_path, monkeypatch):
    """Return an engine whose reader has read until a Unix time, with a process of its run."""
    path = str(tmp_path / "train.log")
    server = Server(Assignment((os.fsencode(path),), socket=0))
    server.receive(wire.Opened(path, "train", os.fsencode(path), 0))
    whole, now = log(60), time.time()
    parser = _Parser()
    server.receive(wire.Read(path, parser.feed(whole), True, now, now, 0))
    server.sampled(path, Processes(now, (Process(7, now - 60, "main", "python train.py", "running", 1),)))
    reader = SimpleNamespace(server=server, path=path, until=now, parser=parser, died=now + 1.0)
    monkeypatch.setattr(server._readers, "seen", lambda _: reader.until)
    died = MachineEvent("process_died", reader.died, "python (pid 7) ended", 7, role="main", exit_code=1)
    server.sampled(path, died)
    return reader


class _Parser:
    def __init__(self):
        from runwatch.parsers.stream import StreamParser

        self.feed = StreamParser().feed


def incidents(reader):
    return [row.rule for _, run in reader.server.engine.runs() for row in run.incidents.rows()]


async def test_an_end_is_judged_once_the_lines_before_it_are_read(tmp_path, monkeypatch):
    late = late_reader(tmp_path, monkeypatch)
    late.server.receive(wire.Beat(late.until))
    assert incidents(late) == []
    late.until = late.died + 1.0
    late.server.receive(wire.Beat(late.until))
    assert incidents(late) == ["crash"]


async def test_last_lines_that_are_read_after_the_end_was_seen_explain_it(tmp_path, monkeypatch):
    late = late_reader(tmp_path, monkeypatch)
    now = time.time()
    late.server.receive(wire.Read(late.path, late.parser.feed(b"Training finished\n"), True, now, now, 0))
    late.until = late.died + 1.0
    late.server.receive(wire.Beat(late.until))
    assert incidents(late) == []
    (run,) = (watched.run for _, watched in late.server.engine.runs())
    assert run.finished


async def test_a_reader_that_is_stuck_is_not_waited_for(tmp_path, monkeypatch):
    late = late_reader(tmp_path, monkeypatch)
    monkeypatch.setattr(unread_ends, "PATIENCE", 0.0)
    late.server.receive(wire.Beat(None))
    assert incidents(late) == ["crash"]


# -- clocks that jump --------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [6 * 3600.0, -6 * 3600.0])
async def test_what_is_on_its_way_when_the_clock_jumps_is_as_new_as_it_was(tmp_path, monkeypatch, jump):
    path = str(tmp_path / "train.log")
    now = SimpleNamespace(wall=time.time(), steady=500.0)
    clock = SimpleNamespace(time=lambda: now.wall, monotonic=lambda: now.steady)
    monkeypatch.setattr(clock_module, "time", clock)
    server = Server(Assignment((os.fsencode(path),), socket=0))
    server.receive(wire.Opened(path, "train", os.fsencode(path), 0))
    parser, whole = _Parser(), log(60)
    server.receive(wire.Read(path, parser.feed(whole[:2000]), True, now.wall, now.wall, 0))
    sent, now.wall, now.steady = now.wall, now.wall + jump + 1.0, now.steady + 1.0
    server.receive(wire.Read(path, parser.feed(whole[2000:]), True, sent, sent, 0))
    ((_, watched),) = server.engine.runs()
    assert abs(now.wall - watched.run.progressed) <= 1.0
    server.receive(wire.Read(path, parser.feed(b""), True, now.wall, now.wall, 0))
    assert server.engine.tick(now.wall + 5.0) == []
