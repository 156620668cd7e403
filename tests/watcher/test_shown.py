"""What a picture tells of a log beside its lines: when they were read, and where its page is."""

import random

import pytest

from runwatch.core.machine import Process, Processes
from runwatch.core.snapshot import EventRow
from runwatch.parsers.log import LogParser
from runwatch.render import run_table
from runwatch.watcher import protocol
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views import event_rows, views
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.sources.member import Member
from tests.watcher.test_engine import log
from tests.watcher.test_machine import NOW, wandb_engine
from tests.watcher.test_rank_rules import Ranks


def picture(engine: Engine, **options):
    return views.snapshot([views.Shown(g) for g in engine.groups.values()], protocol.View(**options), NOW).run


def read_when(run):
    """The time of each line that is shown; 0 if it is not told."""
    return [next((at for first, at in reversed(run.log_read) if first <= line), 0.0) for line, _ in run.log]


def test_lines_are_reported_with_the_time_at_which_they_came_and_old_ones_without():
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
def test_a_wandb_run_is_reported_with_its_address(monkeypatch, base, host):
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


def test_an_evaluation_does_not_change_how_far_ranks_have_trained():
    ranks = Ranks(many=True)
    for rank in range(4):
        ranks.read({rank: log(40).decode().splitlines(keepends=True)}, live=True)
    text = "".join(f"\r\x1b[KRank {rank} | 1/3 (33.33%)" for rank in range(4)) + "\n"
    batch = ranks.parsers["rank_0.log"].feed(text.encode())
    ranks.engine.fold("rank_0.log", batch, live=True, arrival=ranks.clock)
    assert {row.rank: (row.done, row.total) for row in picture(ranks.engine).ranks} == dict.fromkeys(
        range(4), (39, 40)
    )
    (run,) = document(ranks.engine, ranks.clock)["runs"]
    assert {reported["done"] for reported in run["ranks"].values()} == {39}


def test_the_most_urgent_of_twenty_runs_is_shown_first_whatever_is_read_first():
    def first(order):
        engine = Engine()
        for n in order:
            name = f"run{n:02}"
            engine.add_source(name, name, f"{name}.log")
            bad = b"step 00040/00400 (10.00%) | loss: nan\n" if n in (7, 13) else b""
            engine.fold(name, LogParser().feed(log(40) + bad), written=NOW - 3600)
        shown = [views.Shown(group) for group in engine.groups.values()]
        taken = views.snapshot(shown, protocol.View(), NOW)
        return taken.run.name, [row.name for row in run_table.ordered(taken.runs, run_table.Order())]

    orders = [random.Random(seed).sample(range(20), 20) for seed in range(4)]
    found = [first(order) for order in orders]
    assert found == [found[0]] * 4
    name, rows = found[0]
    assert name == rows[0] == "run07"
    assert rows[1] == "run13"


def test_evaluations_are_one_row_of_the_events():
    begun = [EventRow("eval_begin", f"Evaluating: {n}", None, 10 * n) for n in range(72, 0, -1)]
    saved = EventRow("checkpoint", "saved", 500, 355)
    rows = event_rows.grouped([*begun[:37], saved, *begun[37:]])
    assert [(row.kind, row.line) for row in rows] == [("evaluation", 720), ("checkpoint", 355)]
    assert rows[0].title == "72 evaluations since line 10"
    assert event_rows.grouped([*begun[:2], saved]) == [*begun[:2], saved]


def test_an_event_has_the_log_that_it_is_in():
    engine = Engine()
    traceback = (
        b'Traceback (most recent call last):\n  File "train.py", line 8, in <module>\nValueError: no\nbye\n'
    )
    texts = {"out": log(40), "err": traceback}
    for name in texts:
        engine.add_source(name, "run", f"/runs/train.{name}", Member("run"))
    for name, text in texts.items():
        engine.fold(name, LogParser().feed(text))
    assert {row.source for row in picture(engine, details=True).events} == {"/runs/train.err"}


def test_ranks_of_a_finished_run_that_counts_from_0_have_made_all_its_steps():
    ranks = Ranks(many=True)
    text = log(40).decode().splitlines(keepends=True)
    ranks.read(dict.fromkeys(range(3), text) | {3: text[:-2]}, live=True)
    assert {row.done for row in picture(ranks.engine).ranks} == {37, 39}
    ranks.read({0: ["Total training time: 1.00m\n"]}, live=True)
    assert {row.rank: row.done for row in picture(ranks.engine).ranks} == {0: 40, 1: 40, 2: 40, 3: 38}
