"""A reward that does not rise is found; one that rises, or cannot, is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.policies.reward_flat import RewardFlat

from .columns import Log, brief, fired

ROWS = np.arange(2000)
NOISE = np.random.default_rng(6).normal(size=len(ROWS))


def rewarded(values, name="ep_rew_mean"):
    return Log(train__loss=np.full(len(ROWS), 0.1)).set(
        name, np.broadcast_to(values, len(ROWS)).astype(float)
    )


def test_a_reward_that_stays_where_it_began_is_a_note_and_then_a_warning():
    found = rewarded(22 - 3 * NOISE).judge(RewardFlat())
    assert brief(found) == [("firing", "info", 399), ("firing", "warning", 1599)]
    assert found[0].cause == ""
    assert found[0].title.startswith("ep rew mean has not risen in the first 400 logged steps: 2")
    rises = 22 + 3 * NOISE + ROWS / 6000  # by more than an error
    assert fired(rewarded(rises).judge(RewardFlat())) == [("info", 399)]


def test_a_reward_that_is_always_the_same_becomes_a_warning():
    found = rewarded(-200).judge(RewardFlat())
    assert brief(found) == [("firing", "info", 399), ("firing", "warning", 1599)]
    assert "always exactly the same" in found[1].cause
    assert fired(rewarded(-200, "episodic_return").judge(RewardFlat())) == [("info", 399)]


def test_a_policy_that_mostly_explores_has_not_learned_yet():
    explores = rewarded(-200).set("rollout/exploration_rate", 1 - ROWS / 4000)
    assert fired(explores.judge(RewardFlat())) == [("info", 399)]
    explores = rewarded(-200).set("rollout/exploration_rate", np.maximum(1 - ROWS / 1000, 0.05))
    assert fired(explores.judge(RewardFlat())) == [("info", 399), ("warning", 1599)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reward", 22 + ROWS / 100 + 3 * NOISE),
        ("reward", 150 * (1 - np.exp(-ROWS / 300)) + 8 * NOISE),
        ("reward", 0.3 * NOISE),  # of a game against oneself
        ("reward", 0),  # that is score_floor's
        ("reward", 1),  # it cannot rise
        ("val/reward", -200),
        ("reward_weight", -200),
    ],
)
def test_what_rises_or_cannot_is_silent(name, values):
    assert rewarded(values, name).judge(RewardFlat()) == []


def test_of_what_plays_against_itself_nothing_is_said():
    assert rewarded(-200).set("elo", ROWS).judge(RewardFlat()) == []


def test_what_is_resumed_is_not_judged():
    resumed = rewarded(-200)
    resumed.steps = resumed.steps + 5000
    assert resumed.judge(RewardFlat()) == []


@pytest.mark.parametrize("at", [600, 1700])
def test_it_ends_when_the_reward_rises_after_all(at):
    late = np.where(at > ROWS, 22, 60) + 3 * NOISE
    assert brief(rewarded(late).judge(RewardFlat()))[0] == ("firing", "info", 399)
    ((_, severity, step),) = [e for e in brief(rewarded(late).judge(RewardFlat())) if e[0] == "clear"]
    assert severity == "info"
    assert at <= step < at + 64


def test_it_ends_with_the_launch():
    found = Log(restarts=(1000,), ep_rew_mean=np.full(2000, -200.0)).judge(RewardFlat())
    assert [verdict for verdict, *_ in brief(found)] == ["firing", "clear"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=6), st.sampled_from([300, 410, 900, 1590, 1601, 1990]))
def test_cuts_do_not_matter(cuts, at):
    late = rewarded(np.where(at > ROWS, -200, -150)).set("reward/mean", 5 + 0 * ROWS)
    assert late.judge(RewardFlat(), sorted(cuts)) == late.judge(RewardFlat())
