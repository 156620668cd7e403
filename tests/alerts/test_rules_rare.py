"""Rare runs: what decides a rule only where a loss is zero, a series comes late, or nothing else is known."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log

import numpy as np
import pytest

from runwatch.alerts.rules import build
from runwatch.alerts.rules.baseline import take
from runwatch.alerts.rules.common.chance import uniform
from runwatch.alerts.rules.common.rewards import Rewards
from runwatch.alerts.rules.common.trend import seconds_to
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.machine.gpu_underuse import starved_of
from runwatch.alerts.rules.machine.host_memory import HostMemory
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.own import make
from runwatch.alerts.rules.policies.discriminator import Discriminator
from runwatch.alerts.rules.settings import Aggregate, OwnRule
from runwatch.core.block import Status
from runwatch.core.errors import ConfigError
from runwatch.core.machine import Machine
from runwatch.core.sample import MachineEvent, Sample, Space

from .columns import Log, brief, fired
from .watched_machine import T0, machine

# -- discriminators --------------------------------------------------------------------------------


def wins(forger=1.0, risen=2.0, first=1.0, last=0.0, **real):
    """A discriminator that wins after 300 rows, while the loss of the generator rises."""
    late = np.arange(900) >= 300
    made = Log(loss_D=np.where(late, last, first), loss_G=np.where(late, risen, forger))
    if real:
        made.columns["D_fake"] = made.columns.pop("loss_D")
        made.set("D_real", np.where(late, real["real"], 1.0))
    return made


@pytest.mark.parametrize(
    ("forger", "risen", "severity"),
    [
        (1.0, 1.25, "info"),
        (1.0, 1.26, "warning"),
        (0.5, 2.0, "warning"),
        (0.0, 1.0, "info"),  # it was computed later
        (-0.5, 2.0, "info"),
    ],
)
def test_a_generator_has_risen_by_a_quarter(forger, risen, severity):
    assert fired(wins(forger, risen).judge(Discriminator()))[0][0] == severity


@pytest.mark.parametrize(("begin", "severity"), [(300, "warning"), (500, "info")])
def test_a_generator_that_is_printed_late_has_no_beginning_yet(begin, severity):
    made = wins(1.0, 1.0).set("loss_G", np.where(np.arange(900) < begin + 64, 1.0, 9.0))
    block = made.block(0, 900)
    late = {**block.samples, "loss_G": take(block.samples["loss_G"], slice(begin, None))}
    found = Discriminator().observe(replace(block, samples=late))
    assert [f.severity.value for f in found][:1] == [severity]


@pytest.mark.parametrize(("first", "expected"), [(0.05, 1), (0.0499, 0)])
def test_a_loss_that_began_below_a_twentieth_was_not_computed(first, expected):
    assert len(wins(first=first).judge(Discriminator())) == expected


@pytest.mark.parametrize(("level", "clears"), [(0.1, False), (0.101, True), (0.06, False)])
def test_it_is_over_above_five_times_the_limit(level, clears):
    made = wins(first=2.0)
    made.columns["loss_D"][600:] = level
    assert (len(made.judge(Discriminator())) == 2) is clears


@pytest.mark.parametrize(("last", "expected"), [(0.02, 0), (0.0199, 1), (0.006, 1)])
def test_it_wins_below_a_hundredth_of_its_first_level(last, expected):
    assert len(wins(first=2.0, last=last).judge(Discriminator())) == expected


@pytest.mark.parametrize(("real", "expected"), [(0.01, 0), (0.0099, 1), (-0.5, 0)])
def test_the_loss_on_real_images_must_be_as_low(real, expected):
    assert len(wins(real=real).judge(Discriminator())) == expected


def test_one_row_on_real_images_is_enough():
    block = wins(real=0.0).block(0, 900)
    one = {**block.samples, "D_real": take(block.samples["D_real"], slice(400, 401))}
    assert len(Discriminator().observe(replace(block, samples=one))) == 1
    del one["D_real"]
    assert Discriminator().observe(replace(block, samples=one)) == []


# -- losses that never fall --------------------------------------------------------------------------


def still(low=-1.0, high=1.0, count=240, last=1.0):
    """A loss of both signs, or of one, that comes to rest."""
    return Log(train__loss=[low, high, *np.full(count - 2, last)])


def test_a_loss_has_both_signs_if_some_are_below_and_some_above_zero():
    assert fired(still().judge(NeverLearns())) == [("warning", 199)]
    assert still(low=0.0).judge(NeverLearns(), end=False) == []
    assert still(low=-1.0, high=-1.0, last=-1.0).judge(NeverLearns()) == []
    assert still(low=-1.0, high=0.0, last=0.0).judge(NeverLearns()) == []
    assert fired(still(high=-0.5, last=0.5).judge(NeverLearns())) == [("warning", 199)]


@pytest.mark.parametrize(("level", "clears"), [(0.971, False), (0.969, True)])
def test_it_moves_again_when_it_is_three_hundredths_lower(level, clears):
    made = still(count=400)
    made.columns["train/loss"][300:350] = level
    assert [f.step for f in made.judge(NeverLearns())] == ([199, 300] if clears else [199])
    twice = still(count=400, last=4.0)
    twice.columns["train/loss"][300:350] = 4 * level
    assert [f.step for f in twice.judge(NeverLearns())] == ([199, 300] if clears else [199])


def test_it_may_begin_elsewhere():
    made = still()
    assert Log(steps=np.arange(1000, 1240), train__loss=made.columns["train/loss"]).judge(NeverLearns()) == []


def test_fewer_rows_may_be_asked_for_after_a_restart():
    rule, made = NeverLearns(), still(count=400, last=1.0)
    made.columns["train/loss"][250:] = 0.5
    rule.observe(made.block(0, 199))
    rule.rows = 20
    assert rule.observe(made.block(199, 400)) == []
    assert made.judge(NeverLearns(rows=20))[-1].step == 250
    rule = NeverLearns()
    assert len(rule.observe(made.block(0, 210))) == 1
    rule.rows = 20
    assert [f.step for f in rule.observe(made.block(210, 400))] == [250]


# -- rewards, and the end of a run -------------------------------------------------------------------


def test_rewards_rise_or_are_better_if_any_does():
    rewards, rows = Rewards(), np.arange(200.0)
    made = Log(episode_reward_mean=np.where(rows < 150, 1.0, 2.0), eval_return=np.ones(200))
    rewards.push(made.block(0, 200))
    assert (rewards.rises(16500), rewards.better(16500)) == (True, True)
    assert (rewards.rises(14000), rewards.better(14000)) == (False, False)
    assert not Rewards().known(1e9)


@pytest.mark.parametrize(
    ("live", "finished", "expected"), [(True, True, 1), (True, False, 0), (False, False, 1)]
)
def test_the_last_rows_are_judged_once_no_more_can_come(live, finished, expected):
    rule = Divergence()
    rule.observe(Log(train__loss=np.r_[np.full(40, 2.0), np.full(4, 9.0)]).block(0, 44))
    assert len(rule.tick(Status(now=0.0, live=live, finished=finished))) == expected


# -- machines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ({"0": 0.01, "1": 0.9, "2": 0.05, "3": 0.07}, "GPU 0 idles, others are busy"),
        ({"0": 0.01, "1": 0.02, "2": 0.9}, "GPU 0, 1 idles, others are busy"),
        ({"0": 0.01}, ""),
    ],
)
def test_gpus_that_idle_are_named(use, says):
    under = machine(gpus=len(use))
    under.fold(Sample(T0, {}))
    assert starved_of(under, T0, use)[0] == says


def test_of_no_process_nothing_is_known():
    assert starved_of(Machine(), T0, {"0": 0.1})[0] == ""


def line(*times, last=None):
    points = [(float(t), float(t)) for t in times]
    return points if last is None else [*points[:-1], (points[-1][0], last)]


@pytest.mark.parametrize(
    ("points", "limit", "expected"),
    [
        (line(*range(16)), 15.0, 0.0),
        (line(*range(16)), 14.5, None),  # past it
        ([(float(t), -float(t)) for t in range(16)], -15.0, None),  # there, and not from below
        (line(*range(8), *range(8, 16), 15, 16), 26.0, 10.0),  # twice at one moment
        ([(5.0, float(level)) for level in range(16)], 100.0, None),  # all at one moment
    ],
)
def test_a_trend_needs_a_limit_before_it_and_time(points, limit, expected):
    assert seconds_to(points, limit, least=1.0) == (None if expected is None else pytest.approx(expected))


def space(**fields):
    under = machine()
    given = {"free": 10**12, "total": 10**13, "inodes_free": 10**6, "inodes_total": 10**6, "seconds": 0.01}
    under.fold(Space(T0, "/runs", "/runs", "ext4", **{**given, **fields}))
    return under


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"free": 0, "total": 0}, []),  # a file system that does not say
        ({"free": 0}, [("firing", "critical")]),
        ({"inodes_free": 0, "inodes_total": 0}, []),
        ({"inodes_free": 0}, [("firing", "warning")]),
    ],
)
def test_a_file_system_that_reports_no_size_is_not_full(fields, expected):
    found = DiskFull().tick(Status(now=T0, phase="training", machine=space(**fields)))
    assert [verdict[:2] for verdict in brief(found)] == expected


@pytest.mark.parametrize(("age", "expected"), [(0, 1), (60, 1), (61, 0)])
def test_a_process_that_was_killed_before_is_no_news(age, expected):
    under = machine()
    under.fold(MachineEvent("oom_kill", T0 - age, "killed", pid=100))
    under.fold(MachineEvent("xid", T0, "Xid", gpu="0", xid=13))
    found = [f for f in HostMemory().tick(Status(now=T0, machine=under)) if f.metric == "host/oom_kills"]
    assert len(found) == expected


# -- what can be configured ----------------------------------------------------------------------------


def test_the_least_and_the_most_of_a_threshold_are_allowed():
    rules = {rule.name: rule for rule in build({"nonfinite": {"streak": 1}, "straggler": {"of": 5}})}
    assert (rules["nonfinite"].streak, rules["straggler"].of) == (1, 5)
    with pytest.raises(ConfigError, match="inf is not a number of 0 or more"):
        build({"hang": {"least": inf}})
    mine = make("mine", OwnRule(metric="x", above=1.0))
    with pytest.raises(ConfigError, match="nan is not a number: "):
        build({"mine": {"above": float("nan")}}, [mine])


@pytest.mark.parametrize(
    ("rows", "live", "expected"), [(99, True, 0), (100, True, 1), (1, False, 1), (0, False, 0)]
)
def test_a_metric_that_is_not_printed_is_reported_once(rows, live, expected):
    rule = make("mine", OwnRule(metric="eval/rewards", above=1.0))()
    names = ("eval/reward", "eval/rewardss", "other")
    made = Log(eval__reward=np.ones(200))
    made.columns = {name: np.ones(200) for name in names}
    for row in range(rows):
        rule.observe(made.block(row, row + 1))
    found = [f for _ in range(2) for f in rule.tick(Status(now=0.0, live=live))]
    assert len(found) == expected
    assert all(f.advice == "Did you mean eval/rewardss?" for f in found)


def test_a_window_may_have_more_samples_than_are_looked_at_at_once():
    many = (1 << 18) + 1
    rule = make("mine", OwnRule(metric="x", above=1.0, window=many, aggregate=Aggregate.MAX))()
    made = Log(x=np.r_[2.0, np.zeros(many + 1)])
    assert [f.step for f in made.judge(rule)][:1] == [many - 1]


@pytest.mark.parametrize(("other", "expected"), [("abcdefghij", 1), ("abcdefgxyz", 0)])
def test_a_name_is_mistyped_if_most_of_it_is_the_same(other, expected):
    rule = make("mine", OwnRule(metric="abcdefghik", above=1.0))()
    made = Log(x=np.ones(1))
    made.columns = {other: np.ones(1)}
    rule.observe(made.block(0, 1))
    assert len(rule.tick(Status(now=0.0, live=False))) == expected


@pytest.mark.parametrize(
    ("loss", "classes"),
    [
        (log(2), 2),
        (log(100), 100),
        (log(101), 0),
        (0.0, 0),
        (log(3) + 0.4e-3, 3),
        (log(3) + 0.6e-3, 0),
        (log(3) - 0.4e-3, 3),
    ],
)
def test_guesses_among_2_to_100_are_known_by_their_printed_digits(loss, classes):
    assert uniform(loss, 1e-3) == classes
