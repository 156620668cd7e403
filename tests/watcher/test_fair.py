"""With many sources none starves, idle ones cost little, and the clock may jump."""

from __future__ import annotations

import os
import threading

import pytest

from runwatch.core.batch import Batch
from runwatch.core.machine import Ended
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.attention import Attention, goes_on
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown, rows, snapshot
from runwatch.watcher.ingest import wire, worker
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.protocol import View
from runwatch.watcher.service import clock
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.sources import discover

from .test_engine import NOW, log


class Enough(Exception):  # noqa: N818
    """The test has seen what it wanted."""


def setup(*paths, **options):
    return wire.Setup(tuple(map(os.fsencode, paths)), **options)


def line(step):
    return f"step {step:05d}/10000 (0.10%) | loss: 2.500000 | dt: 10.00ms\n"


def test_a_log_with_much_to_read_leaves_every_other_its_turn(tmp_path):
    chatty, quiet = tmp_path / "chatty.log", tmp_path / "quiet.log"
    chatty.write_text("")
    quiet.write_text("")
    reader = worker.Reader(setup(chatty, quiet))
    assert not reader.sweep(lambda message: None)
    chatty.write_text(line(1) * 80_000)
    quiet.write_text(line(7))
    seen = []
    assert reader.sweep(seen.append)
    lines = {os.path.basename(message.source): message.batch.lines for message in seen}
    assert lines["quiet.log"] == 1
    assert 1 < lines["chatty.log"] < 80_000


def test_new_files_are_found_while_a_log_is_written_without_a_pause(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "RESCAN", 0.0)
    monkeypatch.setattr(worker, "IDLE", 0.0)
    (tmp_path / "chatty.log").write_text(line(1))

    def never_done(source, send):
        send(wire.Read(source.id, Batch(0, 0), True, 0.0, None, 0))
        return True

    monkeypatch.setattr(LogSource, "step", never_done)
    opened = []

    def send(message):
        if isinstance(message, wire.Read) and len(opened) == 1:
            (tmp_path / "new.log").write_text(line(1))
        elif isinstance(message, wire.Opened):
            opened.append(message.name)
        if len(opened) == 2:
            raise Enough

    given = setup(tmp_path)
    with pytest.raises(Enough):
        worker.watch(worker.Reader(given), send, given)
    assert opened == ["chatty", "new"]


def test_only_what_changed_is_looked_at(tmp_path, monkeypatch):
    paths = [tmp_path / f"{name}.log" for name in "abc"]
    for path in paths:
        path.write_text(line(1))
    reader = worker.Reader(setup(*paths))
    while reader.sweep(lambda message: None):
        pass
    looked = []
    monkeypatch.setattr(LogSource, "step", lambda source, send: looked.append(source.path))
    reader.sweep(lambda message: None, {str(paths[1])})
    assert looked == [str(paths[1])]
    reader.sweep(lambda message: None)
    assert len(looked) == 4


def test_lines_that_come_one_by_one_are_taken_together(tmp_path):
    path = tmp_path / "slow.log"
    path.write_text("")
    given, stop, counts = setup(path, pace=0.4), threading.Event(), []

    def write():
        while not stop.wait(0.02):
            with path.open("a") as file:
                file.write(line(1))

    def send(message):
        if isinstance(message, wire.Read):
            counts.append(message.batch.lines)
        if sum(counts) > 60:
            raise Enough

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(Enough):
            worker.watch(worker.Reader(given), send, given)
    finally:
        stop.set()
        writer.join()
    assert len(counts) < 20


def test_a_jump_of_the_clock_is_reported_from_the_passing_of_time(monkeypatch):
    wall, steady = [1000.0], [50.0]
    monkeypatch.setattr(clock.time, "time", lambda: wall[0])
    monkeypatch.setattr(clock.time, "monotonic", lambda: steady[0])
    ours = Clock()
    for passed, jump in ((1.0, 0.0), (30.0, 0.0), (1.0, 86_400.0), (1.0, -86_400.0), (1.0, 2.0)):
        wall[0] += passed + jump
        steady[0] += passed
        assert ours.look(1.0) == (pytest.approx(jump) if abs(jump) > 5 else 0.0)
    assert ours.lag == pytest.approx(29.0)


@pytest.mark.parametrize("jump", [6 * 3600.0, -6 * 3600.0])
def test_a_run_does_not_hang_because_the_clock_jumped(jump):
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(log(400)[:20_000]), live=True, arrival=NOW, written=NOW)
    assert engine.tick(NOW + 2) == []
    engine.groups["run"].machine.ended = Ended(NOW + 1, None, None)
    engine.shift(jump)
    assert engine.groups["run"].machine.ended == Ended(NOW + 1 + jump, None, None)
    engine.groups["run"].machine.ended = None
    assert [change.kind for change in engine.tick(NOW + jump + 3)] == []
    hanging = [change.row.rule for change in engine.tick(NOW + jump + 3600) if change.kind == "firing"]
    assert hanging == ["hang"]


def test_silence_is_judged_less_often_the_longer_it_lasts():
    engine, parser = Engine(), LogParser()
    group = engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(log(40)), live=True, arrival=NOW, written=NOW)
    attention = Attention()

    def looks(begin):
        looks = 0
        for second in range(60):
            for one in attention.due([group], begin + second):
                attention.judged(one, begin + second)
                looks += 1
        return looks

    assert looks(NOW) >= 55
    assert looks(NOW + 86_400) <= 3
    assert goes_on(group, NOW + 10)
    assert not goes_on(group, NOW + 10 * 86_400)


@pytest.mark.deep
def test_a_picture_lists_what_matters_of_a_thousand_runs():
    engine = Engine()
    first = LogParser().feed(line(1).encode())
    for number in range(999):
        engine.add_source(f"{number}.log", f"run{number}", f"{number}.log")
        engine.fold(f"{number}.log", first, written=NOW - number)
    engine.add_source("999.log", "run999", "999.log")
    worst = log(200, faults=dict.fromkeys(range(150, 200), "nan"))
    engine.fold("999.log", LogParser().feed(worst), written=NOW - 999)
    shown = [Shown(group) for group in engine.groups.values()]
    names = [row.name for row in snapshot(shown, View(), NOW).runs]
    assert len(names) == 256
    assert {"run0", "run200", "run999"} <= set(names)
    assert "run500" not in names
    assert len(rows(shown, NOW)) == 1000


def test_where_too_many_runs_appear_the_oldest_are_read_no_longer(tmp_path, monkeypatch):
    monkeypatch.setattr(discover, "MAX_RUNS", 3)

    def written(name, age):
        (tmp_path / name).write_bytes(log(2))
        os.utime(tmp_path / name, (NOW - age, NOW - age))

    for name, age in (("a.log", 30), ("b.log", 40), ("c.log", 10)):
        written(name, age)
    reader = worker.Reader(wire.Setup((os.fsencode(tmp_path),)))
    assert reader.too_many() == []
    written("d.log", 5)
    written("e.log", 4)
    monkeypatch.setattr(worker, "RESCAN", 0.0)
    reader._pause = 0.0
    assert [source.name for source in reader.appeared()] == ["d", "e"]
    assert [source.name for source in reader.too_many()] == ["b", "a"]
    assert [source.name for source in reader.sources] == ["c", "d", "e"]
    written("a.log", 1)
    reader._pause = 0.0
    (again,) = reader.appeared()
    assert (again.name, again.history) == ("a", len(log(2)))  # what it had held is no news


def test_of_many_runs_the_newest_are_read_first(tmp_path):
    for number, age in enumerate((5000, 30, 90_000, 10)):
        directory = tmp_path / f"run{number}"
        directory.mkdir()
        for rank in range(2):
            path = directory / f"rank{rank}.log"
            path.write_text(line(1) * 3)
            os.utime(path, (NOW - age - rank, NOW - age - rank))
    reader = worker.Reader(setup(tmp_path))
    order = [source.path.split("/")[-2:] for source in reader.sources]
    assert [run for run, _ in order] == [f"run{number}" for number in (3, 3, 1, 1, 0, 0, 2, 2)]
    assert [log for _, log in order] == ["rank0.log", "rank1.log"] * 4, "the ranks of a run as they are named"
