"""How many series and ranks rules follow, and what they keep of the rest; what is evidence for a hang or a death."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.common.signatures import classify
from runwatch.alerts.rules.common.witness import witness
from runwatch.alerts.rules.life.blind import Blind
from runwatch.alerts.rules.life.death import Death
from runwatch.alerts.rules.life.retries import Retries
from runwatch.alerts.rules.optimization.loss_explosion import LossExplosion
from runwatch.alerts.rules.policies.discriminator import Discriminator
from runwatch.alerts.rules.policies.policy_collapse import PolicyCollapse
from runwatch.alerts.rules.policies.policy_shift import PolicyShift
from runwatch.alerts.rules.policies.reward_collapse import RewardCollapse
from runwatch.alerts.rules.policies.reward_flat import RewardFlat
from runwatch.alerts.rules.ranks.peers import MAX_PARTS, Peers
from runwatch.core.batch import Event
from runwatch.core.block import Samples, Status
from runwatch.core.machine import Machine
from runwatch.core.readability import Lost
from runwatch.core.sample import Process, Processes, Stack, Stacks

from .columns import Log

T0 = 1_000_000.0
STEPS = np.arange(1200)
NOISE = np.exp(0.02 * np.random.default_rng(3).normal(size=len(STEPS)))
LATE = STEPS >= 800


@pytest.mark.parametrize(
    ("rule", "name", "values", "most"),
    [
        (RewardFlat, "p{}/reward", 10 + NOISE, 8),
        (
            RewardCollapse,
            "p{}/reward",
            NOISE * (100 * (1 - np.exp(-STEPS / 100))) * np.where(LATE, 0.1, 1),
            8,
        ),
        (PolicyCollapse, "p{}/entropy", NOISE * 1.5 * np.where(LATE, 0.001, 1), 8),
        (PolicyShift, "p{}/approx_kl", NOISE * 0.01 * np.where(LATE, 100, 1), 8),
        (Discriminator, "g{}/loss_d", NOISE * 0.6 * np.where(LATE, 0.001, 1), 4),
        (LossExplosion, "box{}_loss", NOISE * np.where(LATE, 1e5, 1), 32),
    ],
)
def test_the_first_series_of_many_are_judged(rule, name, values, most):
    log = Log(reward=np.ones(len(STEPS)) * NOISE) if rule in (PolicyCollapse, PolicyShift) else Log(x=STEPS)
    names = [name.format(f"{number:02}") for number in range(most + 3)]
    for each in reversed(names):
        log.set(each, values)
    found = log.judge(rule())
    assert [each.metric for each in found if each.metric in names] == names[:most]


def process(pid, **fields):
    return Process(pid, T0, "rank", "python train.py", fields.pop("state", "running"), 1, rank=pid, **fields)


def stuck(*stacks):
    under = Machine()
    under.fold(Processes(T0, tuple(process(stack.pid) for stack in stacks)))
    under.fold(Stacks(T0 + 10, stacks))
    return witness(under, T0 + 20, T0)


def test_ranks_that_stand_in_one_place_are_stuck_there():
    found = stuck(Stack(1, ("read", "load")), Stack(2, ("read", "load")))
    assert found.cause == "rank 1 (pid 1), rank 2 (pid 2): stuck in read"
    assert found.evidence == {"stack_1": "rank 1 (pid 1), rank 2 (pid 2): read < load"}


@pytest.mark.parametrize(
    ("usual", "odd", "expected"),
    [
        (("reduce", "step", "train"), ("save", "step", "train"), "in save, the others in reduce"),
        (("reduce", "step", "train"), ("reduce", "save", "train"), "in save, the others in step"),
        (("reduce", "step", "train"), ("reduce", "step"), "in reduce, the others in reduce"),
    ],
)
def test_the_rank_that_stands_elsewhere_is_named_with_where_the_ways_part(usual, odd, expected):
    found = stuck(Stack(1, usual), Stack(2, odd), Stack(3, usual))
    assert found.cause == f"rank 2 (pid 2) is {expected}"


def test_where_half_stand_elsewhere_none_is_odd_and_what_is_not_known_is_evidence():
    two = stuck(Stack(1, ("a",)), Stack(2, ("b",)))
    assert (two.cause, set(two.evidence)) == ("", {"stack_1", "stack_2"})
    unknown = stuck(Stack(1, why="no permission"), Stack(2, why="it is gone"))
    assert unknown.evidence == {"no_stack": "rank 1 (pid 1): no permission"}
    many = stuck(*(Stack(pid, (f"f{pid}",)) for pid in range(1, 7)))
    assert [key for key in many.evidence if key.startswith("stack")] == [f"stack_{n}" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("state", "waits", "cause"),
    [
        ("sleeping", "read of /x", "rank 7 (pid 7) in read of /x"),
        ("sleeping", "", ""),
        ("running", "read of /x", ""),
    ],
)
def test_what_a_sleeping_process_waits_for_may_be_why(state, waits, cause):
    under = Machine()
    under.fold(Processes(T0, (process(7, state=state, waits=waits),)))
    assert witness(under, T0 + 20).cause == cause


def test_more_than_four_processes_are_counted():
    under = Machine()
    under.fold(Processes(T0, tuple(process(pid, state="stopped") for pid in range(1, 7))))
    found = witness(under, T0 + 20)
    assert found.evidence["stopped"].endswith("rank 4 (pid 4) and 2 more")
    assert found.advice == "kill -CONT 1 2 3 4"


def test_rows_of_peers_are_kept_however_many_parts_they_come_in_and_the_last_of_a_step_counts():
    peers = Peers()
    for step in range(MAX_PARTS + 2):
        rows = np.array([step, step], float)
        peers.add(1, Samples(rows, rows, rows, rows + np.array([0.25, 0.5])))
        assert peers.ripe() == {}, "the other has not printed anything"
    peers.add(0, Samples(*(np.array([MAX_PARTS + 0.0]),) * 4))
    peers.add(2, Samples(*(np.array([np.nan]),) * 4))
    assert len(peers) == 2
    ripe = peers.ripe()
    assert {rank: rows.step.tolist() for rank, rows in ripe.items()} == {
        1: [float(step) for step in range(MAX_PARTS + 1)],
        0: [float(MAX_PARTS)],
    }
    assert ripe[1].value.tolist() == [step + 0.5 for step in range(MAX_PARTS + 1)]
    peers.add(0, Samples(*(np.array([MAX_PARTS + 9.0]),) * 4))
    assert {rank: rows.step.tolist() for rank, rows in peers.ripe().items()} == {1: [MAX_PARTS + 1.0]}


def error(title, kind="traceback", rank=None, line=1, **data):
    return Event(kind, 100 * line, line, title, rank=rank, data=data)


def died(*events):
    first, *rest = events
    death = Death(None, first, classify(first), 7)
    for event in (first, *rest):
        death.take(event, classify(event))
    return death


def test_what_the_rank_said_that_failed_first_explains_a_death():
    events = [error(f"ValueError: {rank}", rank=rank, line=rank + 1) for rank in range(20)]
    word = "rank {} failed first (exit code 1)"
    for rank, explained in ((0, 0), (15, 15), (16, None)):  # of 16 ranks it is kept what they said
        death = died(*events, error(word.format(rank), "elastic", rank, 50, exitcode="1"))
        assert (len(death.by_rank), death.first.rank) == (16, rank)
        root, _, of = death.explanation()
        assert (root.title, of) == (f"ValueError: {0 if explained is None else explained}", explained or 0)


@pytest.mark.parametrize(("code", "first"), [("1", 3), ("-11", 3), ("-6", None), ("-15", None)])
def test_a_rank_that_others_ended_did_not_fail_first(code, first):
    death = died(error("ValueError: x", rank=1), error("rank 3 failed first", "elastic", 3, 9, exitcode=code))
    assert (None if death.first is None else death.first.rank) == first


def test_the_first_that_is_said_to_have_failed_first_counts():
    said = [error(f"rank {rank} failed first", "elastic", rank, rank, exitcode="1") for rank in (4, 5)]
    assert died(error("ValueError: x", rank=1), *said).first.rank == 4


def test_the_advice_of_what_cannot_be_read_begins_with_a_capital_letter():
    lost = Lost("the log is gone", "look where it is", T0)
    (found,) = Blind().tick(Status(now=T0 + 1e4, blind=lost))
    assert found.advice == "Look where it is"


@pytest.mark.parametrize("count", ["", "0", "1", "2", "3", "many"])
def test_a_word_of_a_retry_is_one_at_least(count):
    events = [
        Event("retry", 100 * row + 50, row + 1, "it failed", data={"count": count} if count else {})
        for row in range(50, 60)
    ]
    (found,) = Log(loss=np.ones(100), events=events).judge(Retries(), end=False)
    assert found.evidence == {"retries": Retries().count}
