"""A group at rest is kept as bytes, and continues as if it had not been."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.alerts.rules.own import make
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.alerts.rules.settings import OwnRule
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine import stacks
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.group import REST
from runwatch.watcher.engine.packable import Packable
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.persistence import frozen

from .test_engine import FAULTY, NOW, log
from .test_frozen import Locked

OWN = make("low_loss", OwnRule(metric="train/loss", below=2.4))
RULES = Ruleset(rules=(*CATALOGUE, OWN))


def fed(data: bytes, cuts: list[int], *, packed: bool) -> tuple[bytes, list]:
    engine, parser, changes, start = Engine(RULES), LogParser(), [], 0
    group = engine.add_source("run", "run", "run.log")
    for cut in [*sorted(cuts), len(data)]:
        batch = parser.feed(data[start:cut], tail=400)
        changes += engine.fold("run", batch, live=True, arrival=NOW, written=NOW)
        start = cut
        if packed:
            group.pack()
            assert all(watched.judges.is_packed for watched in group.runs)
    changes += engine.fold("run", parser.flush(), live=True, arrival=NOW, written=NOW)
    changes += engine.tick(NOW + 1)
    changes += engine.tick(NOW + 86_400)
    return msgspec.json.encode([document(engine, NOW), list(engine.sources["run"][1].log)]), changes


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_it_continues_as_if_it_had_not_been_packed(data):
    text = FAULTY[data.draw(st.sampled_from(sorted(FAULTY)))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    assert fed(text, cuts, packed=True) == fed(text, cuts, packed=False)


def watched_log(rules: Ruleset = RULES) -> Engine:
    engine = Engine(rules)
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log(), tail=400), live=True, arrival=NOW, written=NOW)
    return engine


def test_a_group_is_packed_once_it_is_at_rest():
    engine = watched_log()
    ((group, watched),) = engine.runs()
    engine.tick(NOW + REST - 1)
    assert not watched.judges.is_packed
    engine.tick(NOW + REST)
    assert watched.judges.is_packed
    assert group.sources["run"].tail.is_packed
    assert len(group.sources["run"].log) == 400


def test_what_has_changed_in_it_unpacks_nothing():
    engine = watched_log()
    ((_, watched),) = engine.runs()
    changes = engine.tick(NOW + REST)
    assert changes
    assert [stacks.wanted(engine, change) for change in changes] == [None] * len(changes)
    assert watched.judges.is_packed


def test_a_commit_is_the_same_and_unpacks_nothing():
    engine = watched_log()
    ((group, watched),) = engine.runs()
    group.pack()
    again = frozen.thaw(frozen.freeze(group, pytest.fail), RULES)
    assert watched.judges.is_packed
    assert [rule.name for rule in again.runs[0].rules] == [rule.name for rule in watched.rules]
    assert list(again.sources["run"].log) == list(group.sources["run"].log)[-frozen.KEPT_LINES :]


def test_a_rule_that_cannot_be_packed_stays_as_it_is():
    engine = watched_log(Ruleset(rules=(*CATALOGUE, Locked)))
    ((group, watched),) = engine.runs()
    group.pack()
    assert not watched.judges.is_packed
    assert [rule.seen for rule in watched.rules if isinstance(rule, Locked)] == [400]


def test_a_look_at_what_is_packed_leaves_it_packed():
    lines = Packable(["a", "b"])
    lines.pack()
    assert lines.peek() == ["a", "b"]
    assert lines.is_packed
    lines.value.append("c")
    lines.pack()
    assert lines.value == ["a", "b", "c"]
