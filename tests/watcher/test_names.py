"""Names of runs in the engine: distinct, kept, and still known by silences when they had to change."""

import pytest

from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.policy import parse_matcher
from runwatch.alerts.routing.silences import muted, silence
from runwatch.alerts.rules.ruleset import Ruleset, configured
from runwatch.alerts.rules.settings import RuleConfig, RunConfig
from runwatch.core.run_names import names
from runwatch.core.sample import Job
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine import reference
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.persistence import frozen
from runwatch.watcher.sources.member import Member

from ..parsers import trackers

NOW = 1_700_000_000.0
ONE, TWO = "/runs/lr1/seed0/train.log", "/runs/lr2/seed0/train.log"
NAN = "".join(
    f"step {n:05d}/00040 ({n}.00%) | loss: {'nan' if n > 20 else 2.0} | dt: 10.00ms\n" for n in range(40)
)


def add(engine, path, text=NAN, member=None):
    (name,) = names([path])
    engine.add_source(path, name, path, member or Member())
    return engine.fold(path, StreamParser().feed(text.encode()), live=True, arrival=NOW)


def called(engine):
    return {group.id: [watched.run.name for watched in group.runs] for group in engine.groups.values()}


def test_a_run_is_renamed_only_where_its_name_is_ambiguous_and_its_alerts_with_it():
    engine = Engine()
    add(engine, ONE)
    assert called(engine) == {ONE: ["seed0"]}
    add(engine, TWO)
    assert called(engine) == {ONE: ["lr1/seed0"], TWO: ["lr2/seed0"]}
    for group, watched in engine.runs():
        assert {(row.run, row.former) for row in watched.incidents.rows()} == {
            (watched.run.name, ("seed0",) if group.id == ONE else ())
        }


def test_a_silence_or_route_for_the_name_before_continues_to_hold():
    engine = Engine()
    add(engine, ONE)
    quiet = silence(["run=seed0"], 3600.0, now=NOW)
    add(engine, TWO)
    rows = {group.id: watched.incidents.rows()[0] for group, watched in engine.runs()}
    labels = {key: Alert(row, "host", NOW).labels() for key, row in rows.items()}
    assert muted(labels[ONE], [quiet], NOW + 1) > 0
    assert muted(labels[TWO], [quiet], NOW + 1) == 0, "that run was never called so"
    assert parse_matcher("run=~seed.*").holds(labels[ONE])
    assert not parse_matcher("run!=seed0").holds(labels[ONE])
    assert parse_matcher("run!=seed0").holds(labels[TWO])


@pytest.mark.parametrize("order", [(ONE, TWO), (TWO, ONE)])
def test_a_restart_keeps_names(order):
    engine = Engine()
    add(engine, ONE)
    add(engine, TWO)
    engine.drop_source(TWO)
    bodies = {key: frozen.freeze(group, print) for key, group in engine.groups.items()}
    later = Engine()
    later.adopt(frozen.thaw(bodies[ONE], Ruleset()))
    assert called(later) == {ONE: ["lr1/seed0"]}, "though it could be shorter again"
    add(later, TWO)
    assert called(later)[TWO] == ["lr2/seed0"]


def test_another_launch_has_the_name_with_its_number():
    engine = Engine()
    add(engine, ONE, NAN + "Total training time: 1.00m\n" + NAN)
    add(engine, TWO)
    assert called(engine)[ONE] == ["lr1/seed0", "lr1/seed0#2"]
    assert [watched.incidents.former for _, watched in engine.runs()][:2] == [("seed0",), ("seed0#2",)]


def test_a_run_is_called_as_by_its_tracker_where_its_path_says_little():
    for path, name in (("/p/exp/train.log", "my run"), ("/p/exp/llama-7b.log", "llama-7b")):
        engine = Engine()
        add(engine, path, member=Member(path))
        tracker = "/p/exp/wandb/run-20260101_000000-ab12cd34/run-ab12cd34.wandb"
        engine.add_source(tracker, "exp", tracker, Member(path, kind="wandb"))
        engine.fold(tracker, StreamParser().feed(trackers.wandb_log(5)))
        assert called(engine) == {path: [name]}


def test_a_run_is_called_as_by_the_scheduler_where_its_path_says_nothing():
    for path, name in (("/home/me/slurm-12.out", "pretrain"), ("/home/me/exp/slurm-12.out", "exp")):
        engine = Engine()
        add(engine, path)
        engine.sample(path, Job(NOW, "12", "RUNNING", name="pretrain"))
        assert called(engine) == {path: [name]}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_configured_for_the_name_before_continues_to_hold(restarted):
    rules = configured({}, (RunConfig("seed0", "seed0/base", {"nonfinite": RuleConfig(enabled=False)}),))
    engine = Engine(rules)
    add(engine, ONE)
    add(engine, TWO)
    if restarted:
        body = frozen.freeze(engine.groups[ONE], print)
        engine = Engine(rules)
        engine.adopt(frozen.thaw(body, rules))
        add(engine, TWO)
    watched = {group.id: each for group, each in engine.runs()}
    judged = {key: {rule.name for rule in each.rules} for key, each in watched.items()}
    assert judged[TWO] - judged[ONE] == {"nonfinite"}, "that run was never called so"
    engine.configure(rules)
    assert {rule.name for rule in watched[ONE].rules} == judged[ONE]
    assert reference.named(rules, watched[ONE]) == "seed0/base"
    assert reference.named(rules, watched[TWO]) == ""


def test_the_reference_is_found_by_the_name_that_it_had():
    rules = configured({}, (RunConfig("new", "seed0", {}),))
    engine = Engine(rules)
    good = NAN.replace("nan", "2.0")
    for path in (ONE, TWO, "/runs/new.log"):
        add(engine, path, good)
    watched = {group.id: each for group, each in engine.runs()}
    assert watched[ONE].run.name == "lr1/seed0"
    found = reference.of(rules, watched["/runs/new.log"], watched.values())
    assert found is not None
    assert found.name == "lr1/seed0"
