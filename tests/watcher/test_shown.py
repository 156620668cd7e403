"""What a picture tells of a log beside its lines: when they were read, and where its page is."""

import pytest

from runwatch.core.machine import Process, Processes
from runwatch.parsers.log import LogParser
from runwatch.watcher import protocol
from runwatch.watcher.engine import views
from runwatch.watcher.engine.engine import Engine
from tests.watcher.test_engine import log
from tests.watcher.test_machine import NOW, wandb_engine


def picture(engine: Engine, **options):
    return views.snapshot([views.Shown(g) for g in engine.groups.values()], protocol.View(**options), NOW).run


def read_when(run):
    """The time of each line that is shown; 0 if it is not told."""
    return [next((at for first, at in reversed(run.log_read) if first <= line), 0.0) for line, _ in run.log]


def test_lines_are_told_with_the_time_at_which_they_came_and_old_ones_without():
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    lines = log(400).splitlines(keepends=True)
    parts = (
        (lines[:3], False, 0.0),
        (lines[3:5], True, 10.0),
        (lines[5:7], True, 20.0),
        (lines[7:8], False, 30.0),
    )
    for data, live, arrival in parts:
        engine.fold("run", parser.feed(b"".join(data), tail=400), live=live, arrival=NOW + arrival)
    run = picture(engine, log_lines=100)
    wanted = [0.0] * 3 + [NOW + 10] * 2 + [NOW + 20] * 2 + [0.0]
    assert read_when(run) == wanted
    few = picture(engine, log_lines=2)
    assert read_when(few) == wanted[-2:]
    assert len(few.log_read) == 2
    older = picture(engine, log_lines=2, log_before=6)
    assert read_when(older) == wanted[4:6]
    assert picture(engine).log_read == ()


@pytest.mark.parametrize(
    ("base", "host"), [(None, "https://wandb.ai"), ("https://wb.corp/", "https://wb.corp")]
)
def test_a_wandb_run_is_told_with_its_address(monkeypatch, base, host):
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    if base is not None:
        monkeypatch.setenv("WANDB_BASE_URL", base)
    engine = wandb_engine("here")
    assert picture(engine).link == "", "offline runs have no entity"
    ((_, watched),) = engine.runs()
    watched.run.about |= {"entity": "acme", "project": "my llm", "id": "x7k2"}
    assert picture(engine).link == f"{host}/acme/my%20llm/runs/x7k2"


def test_what_is_shown_first_is_not_what_went_wrong_days_ago():
    engine = Engine()
    for name, age in (("crashed", 3 * 86_400.0), ("training", 0.0), ("hung", 3_600.0)):
        engine.add_source(name, name, f"{name}.log")
        lines = log(400) + b"" if name == "training" else log(400) + b"step 00400/10000 (4.00%) | loss: nan\n"
        engine.fold(name, LogParser().feed(lines), written=NOW - age)
    assert {watched.run.name: len(watched.incidents.rows()) > 0 for _, watched in engine.runs()} == {
        "crashed": True,
        "training": False,
        "hung": True,
    }
    assert picture(engine).name == "hung"
    del engine.groups["hung"]
    assert picture(engine).name == "training"


def test_a_run_that_nobody_saw_alive_is_not_shown_as_running():
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log(400)), written=NOW - 1200)
    assert picture(engine).phase == "unknown"
    assert [row.phase for row in views.rows([views.Shown(g) for g in engine.groups.values()], NOW)] == [
        "unknown"
    ]
    engine.sample("run", Processes(NOW, (Process(10, NOW, "main", "python", "sleeping", 1),)))
    assert picture(engine).phase == "training", "it may hang, but it is there"
