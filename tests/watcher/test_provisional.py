"""A log that rests is known as well as one that has ended, and what follows finds nothing changed."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc

import pytest

from runwatch.core.checkpoint import Look
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.ingest import resting
from runwatch.watcher.persistence import frozen
from runwatch.watcher.sources.member import Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

from ..parsers import trackers
from ..parsers.logs import hf, nanochat
from ..parsers.structured import metrics_csv, trainer_log
from ..parsers.test_formats import CASES
from .test_feeds import LOGS

NOW = 1_790_000_000.0
FORMATS = catalogue()
METRICS = {f"loss {i}": i for i in range(3)}
ONE_LINE = json.dumps({"train_loss": [0.9, 0.8, 0.7], "val_loss": [1.0, 0.9, 0.85]}).encode()
BOOSTING = b"""      Iter       Train Loss   Remaining Time
         1           1.2345            1.50m
         2           1.1345            1.40m
         3           1.0345            1.30m
         4           0.9345            1.20m
         5           0.8345            1.10m
"""
OTHERS = {
    **LOGS,
    "one line": ONE_LINE,
    "boosting": BOOSTING,
    "json lines": trainer_log(40),
    "csv": metrics_csv(40),
    "wandb": trackers.wandb_log(60, code=0),
    "tfevents": trackers.event_file(60),
    "hf": hf(40),
    "nanochat": nanochat(80, seed=3),
}


class Follower:
    """An engine and a worker's parser: fed, resting, restarted, as the clock has it."""

    def __init__(self):
        self.parser = StreamParser(FORMATS)
        self.engine = Engine()
        self.engine.add_source("/logs/run.log", "run", "/logs/run.log")

    def feed(self, data):
        self._fold(self.engine.fold, self.parser.feed(data), written=NOW)

    def rest(self):
        self._fold(self.engine.suppose, self.parser.provisional())

    def end(self):
        self._fold(self.engine.fold, self.parser.flush(), written=NOW)

    def restart(self):
        """Let another engine go on with what was kept."""
        (group,) = self.engine.groups.values()
        body = frozen.freeze(group, pytest.fail)
        self.engine = Engine()
        self.engine.adopt(frozen.thaw(body, self.engine.rules))
        for each in self.engine.groups.values():
            self.engine._fold_provisional(each) if each.provisional else None

    @staticmethod
    def _fold(fold, batch, **more):
        fold("/logs/run.log", batch, live=True, arrival=NOW, **more)

    @property
    def known(self):
        """All that is known of its runs, and of their incidents."""
        reported = document(self.engine, NOW)
        for run, (_, watched) in zip(reported["runs"], self.engine.runs(), strict=True):
            run["ids"] = sorted(row.id for row in watched.incidents.every())
            run["series"] = {
                name: [column.tolist() for column in series.newest()]
                for name, series in watched.run.series.items()
            }
            run["events"] = list(watched.run.events)
        return json.dumps(reported, sort_keys=True, default=repr, indent=1).split("\n")


def at_rest(data):
    """What is known of a log that has ended."""
    follower = Follower()
    follower.feed(data)
    follower.end()
    return follower.known


def follow(data, cuts, *, restarts=False):
    """Let a log grow to each of `cuts` and rest there."""
    follower, plain, before = Follower(), Follower(), 0
    for cut in sorted({*cuts, len(data)}):
        follower.feed(data[before:cut])
        plain.feed(data[before:cut])
        before = cut
        follower.rest()
        assert follower.known == at_rest(data[:cut]), data[:cut][-300:]
        if restarts:
            follower.restart()
            assert follower.known == at_rest(data[:cut]), data[:cut][-300:]
    follower.feed(b"")
    follower.end()
    plain.end()
    assert follower.known == plain.known


def cuts_of(data, rng, count):
    """Places to rest: anywhere, and where lines end."""
    ends = [at + 1 for at, byte in enumerate(data) if byte in b"\r\n"]
    return [rng.randrange(1, len(data) + 1) for _ in range(count)] + rng.sample(ends, min(count, len(ends)))


@pytest.mark.few(16)
@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.deep)])
@pytest.mark.parametrize("case", CASES, ids=[f"{case.format} {i}" for i, case in enumerate(CASES)])
def test_a_sample_that_rests_is_known_as_one_that_ended(case, count):
    data, rng = case.text.encode(), random.Random(case.text)
    follow(data, cuts_of(data, rng, count))


@pytest.mark.few(4)
@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_log_that_rests_is_known_as_one_that_ended(kind, count):
    data, rng = OTHERS[kind], random.Random(kind)
    follow(data, cuts_of(data, rng, count), restarts=True)


def test_a_run_stays_while_a_line_comes_that_reports_nothing_yet():
    follower = Follower()
    head, *rows = BOOSTING.splitlines(keepends=True)
    follower.feed(head)
    steps = []
    for row in rows:
        follower.feed(row)
        if steps:
            assert [watched.run.last_step for _, watched in follower.engine.runs()] == steps[-1:]
        follower.rest()
        steps += [watched.run.last_step for _, watched in follower.engine.runs()]
    assert steps == [3, 4, 5]


def epoch(number, loss, *, step=8, end=b"\n"):
    """A Keras epoch, which is known when what follows is seen."""
    bar = (
        b"\x1b[1m%d/8\x1b[0m \x1b[32m" % step
        + b"\xe2\x94\x81" * 20
        + b"\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 2ms/step"
    )
    return b"Epoch %d/40\n" % number + bar + b" - loss: %s" % loss + end


def changes_of(engine, fold, batch, now=NOW):
    changes = fold("/logs/run.log", batch, live=True, arrival=now)
    return [f"{change.kind} {change.row.rule}" for change in changes if change.kind != "pending"]


def test_an_incident_of_a_row_that_is_held_back_is_reported_at_rest_and_once():
    follower = Follower()
    follower.feed(b"".join(epoch(number, b"0.5000") for number in range(1, 9)))
    parser, engine = follower.parser, follower.engine
    assert changes_of(engine, engine.fold, parser.feed(epoch(9, b"nan"))) == []
    assert changes_of(engine, engine.suppose, parser.provisional()) == ["firing nonfinite"]
    assert changes_of(engine, engine.fold, parser.feed(b"Epo")) == []
    assert changes_of(engine, engine.suppose, parser.provisional()) == []
    follower.restart()
    engine = follower.engine
    assert changes_of(engine, engine.fold, parser.feed(epoch(10, b"nan")[3:])) == []
    ((_, watched),) = engine.runs()
    assert [row.rule for row in watched.incidents.rows()] == ["nonfinite"]


def test_what_was_reported_of_a_line_that_continued_is_taken_back():
    follower, reported = Follower(), []
    lines = b"".join(b"step %d loss 0.50000 grad 1.5\n" % step for step in range(40))
    follower.feed(lines)
    other, engine = StreamParser(FORMATS), follower.engine
    other.feed(lines)
    seen = other.feed(b"step 40 loss nan grad 1.5\n")
    assert changes_of(engine, engine.suppose, seen) == ["firing nonfinite"]
    assert changes_of(engine, engine.fold, follower.parser.feed(b"step 40 loss 0.49 grad 1.5\n")) == []
    assert engine.tick(NOW + 5) == []
    reported += engine.tick(NOW + 60)
    assert [(change.kind, change.row.rule, change.send) for change in reported] == [
        ("resolved", "nonfinite", True)
    ]
    nan = follower.parser.feed(b"step 41 loss nan grad 1.5\n")
    (again,) = (change for change in engine.fold("/logs/run.log", nan, live=True, arrival=NOW) if change.send)
    assert again.row.id != reported[0].row.id


@pytest.mark.parametrize("when", ["first", "resting", "between"])
def test_settings_next_to_the_log_are_kept_whenever_they_are_found(when):
    engine, parser = Engine(), StreamParser(FORMATS)
    engine.add_source("log", "run", "/logs/run.log", Member("g"))
    engine.add_source("top", "run", "/logs", Member("g", kind="directory"))
    bar = "Epoch 0: {:3d}%|###  | {}/50 [00:01<00:02,  9.8it/s, v_num=0, train_loss=0.5{}]\r"
    bars = [bar.format(2 * n, n, n).encode() for n in range(1, 30)]
    found = SidecarFacts(facts={"hparams.yaml": {"max_epochs": "8"}})
    if when == "first":
        engine.look("top", Look("/logs"), found)
    for part in (bars[:1], bars[1:20], bars[20:]):
        engine.fold("log", parser.feed(b"".join(part)), live=True, arrival=NOW)
        if when == "between" and part is not bars[:1]:
            engine.look("top", Look("/logs"), found)
        engine.suppose("log", parser.provisional(), live=True, arrival=NOW)
        engine.tick(NOW)
        if when == "resting":
            engine.look("top", Look("/logs"), found)
            found = SidecarFacts()
    ((_, watched),) = engine.runs()
    assert (watched.run.about, watched.run.planned) == ({"max_epochs": "8"}, 400)


def test_parsers_of_many_logs_share_what_never_changes():
    log = b"".join(b"step %d/900 | loss: %.4f | dt: 100.00ms\n" % (step, 2 + 1 / step) for step in (1, 2, 3))

    def parser():
        made = StreamParser()
        made.feed(log)
        made.provisional()
        return made

    first = parser()
    tracemalloc.start()
    try:
        many = [parser() for _ in range(20)]
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / len(many)
    finally:
        tracemalloc.stop()
    assert each < 110_000, f"{each:,.0f} bytes for a log of three lines"
    assert first.flush().tables


def test_history_that_rests_is_known_before_what_is_written_now_has_its_turns(monkeypatch):
    """Thousands of short old logs: each has to be sent provisionally before it is a run."""
    now = [0.0]
    monkeypatch.setattr(resting.time, "monotonic", lambda: now[0])

    def turns(share):
        budget, times = resting.Budget(share), 0
        for _ in range(1000):
            if budget.is_left:
                budget.spend(0.01)
                times += 1
            now[0] += 0.01
        return times

    live, history = turns(resting.SHARE), turns(resting.HISTORY_SHARE)
    assert live <= 0.2 * 1000, "10 % of the time, and a burst"
    assert history >= 2.5 * live
