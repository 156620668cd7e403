"""Step times by the times that lines print, where nothing else says how long a step takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.speed.jitter import Jitter
from runwatch.alerts.rules.speed.stalls import Stalls
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.block import Samples

from .columns import LOSS, TIME, Log, brief, fired

COUNT = 2400
BACK = np.arange(COUNT)
DAY = 86_400.0


class Dated(Log):
    """A log whose lines print when they were written, in whole seconds."""

    def __init__(self, seconds, begin=1.9e9, **more):
        super().__init__(train__loss=np.full(len(seconds), 2.0), **more)
        self.times = begin + np.cumsum(seconds)

    def block(self, low, high):
        block, rows = super().block(low, high), np.arange(low, high)
        moments = Samples(rows * 100.0, rows + 1.0, self.steps[rows], np.floor(self.times[rows]))
        return replace(block, moments=moments if high > low else None)


def seconds(*levels, each=COUNT):
    """Return what steps take: each level for as many of them."""
    jitter = np.random.default_rng(8).normal(1, 0.03, size=each)
    return np.concatenate([level * jitter[: each // len(levels)] for level in levels])


@pytest.mark.parametrize("usual", [0.3, 4, 60])
def test_steps_that_take_twice_as_long_are_a_warning(usual):
    each = 24_000 if usual < 1 else COUNT
    found = Dated(seconds(usual, 2.5 * usual, each=each)).judge(StepTime())
    assert fired(found)[-1][0] == "warning"
    assert found[-1].evidence["usual"] == pytest.approx(usual, rel=0.03)
    assert each / 2 - 200 / usual < fired(found)[-1][1] < each / 2 + 24 + 400 / usual


def test_less_is_a_note_and_nothing_else_judges_these_times():
    log = Dated(seconds(4, 6))
    assert {severity for severity, _ in fired(log.judge(StepTime()))} == {"info"}
    slow = np.where(BACK % 50 == 49, 90, seconds(4))
    for rule in (Throughput, Stalls, Jitter, StepTime):
        assert Dated(slow).judge(rule()) == []


def test_the_episodes_of_an_agent_that_survives_longer_are_no_more_than_a_note():
    slower = seconds(4, 12)
    assert fired(Dated(slower).judge(StepTime()))[-1][0] == "warning"
    agent = Dated(slower, reward=np.linspace(-20, 200, COUNT))
    found = agent.judge(StepTime())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert agent.judge(StepTime(), range(0, COUNT, 17)) == found
    assert fired(Log(perf__step_time=slower, reward=np.ones(COUNT)).judge(StepTime()))[-1][0] == "critical"


def stalled(*, at, seconds_each=60.0):
    return Dated(np.where(np.isin(BACK, at), seconds_each, np.random.default_rng(2).normal(1, 0.02, COUNT)))


IRREGULAR = np.cumsum([300, 97, 131, 83, 149, 101, 89, 127, 139, 93, 118, 107])


def test_single_steps_that_cost_much_are_a_note_where_only_times_are_printed():
    log = stalled(at=IRREGULAR)
    found = log.judge(Stalls())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert "training stalled 4 times since step 861" in found[0].title
    assert found[0].evidence["cost"] == pytest.approx(60 / 167, abs=0.05)
    assert log.judge(Stalls(), range(0, COUNT, 17)) == found
    assert log.set(TIME, np.ones(COUNT)).judge(Stalls()) == []


@pytest.mark.parametrize(
    "log",
    [
        stalled(at=IRREGULAR[:1]),
        stalled(at=IRREGULAR, seconds_each=15.0),
        stalled(at=np.arange(300, COUNT, 100)),  # as evaluations come
        stalled(at=IRREGULAR).set("val/loss", np.where(np.isin(BACK, IRREGULAR), 2.0, np.nan)),
    ],
)
def test_a_single_stall_small_ones_and_what_looks_like_evaluations_are_not_reported(log):
    assert log.judge(Stalls()) == []


def test_it_ends_when_lines_come_as_often_as_before():
    found = brief(Dated(seconds(4, 12, 4)).judge(StepTime()))
    assert [verdict for verdict, *_ in found if verdict != "pending"][-1] == "clear"


@pytest.mark.parametrize(
    "waits",
    [
        np.where(BACK == 1200, 3 * DAY, seconds(4)),  # the machine slept
        np.where(BACK % 200 == 199, 600, seconds(4)),  # it is evaluated
        seconds(4),
    ],
)
def test_pauses_are_no_slowdown(waits):
    assert Dated(waits).judge(StepTime()) == []


def test_printed_step_times_are_believed_instead():
    log = Dated(seconds(4, 12)).set(TIME, seconds(4))
    assert log.judge(StepTime()) == []


def test_times_without_a_date_continue_over_midnight():
    dated = Dated(seconds(4, 12), begin=0.9 * DAY)
    bare = Dated(seconds(4, 12), begin=0.9 * DAY)
    bare.times = bare.times % DAY
    assert bare.judge(StepTime()) == dated.judge(StepTime()) != []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, COUNT), max_size=6), st.sampled_from([(), (900,), (1500, 1600)]), st.booleans()
)
def test_cuts_do_not_matter(cuts, restarts, printed):
    log = Dated(seconds(4, 11, 5, 9), begin=0.99 * DAY, restarts=restarts)
    log.times = log.times % DAY
    log.steps = log.steps - 300 * ((restarts or (COUNT,))[0] <= BACK)
    if printed:
        log.set(TIME, np.where(BACK < 1400, np.nan, 5.0))
    assert log.judge(StepTime(), cuts) == log.judge(StepTime())
    assert LOSS in log.columns
