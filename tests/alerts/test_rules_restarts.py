"""Where a run goes on after a restart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.life.restart_loop import RestartLoop
from runwatch.alerts.rules.optimization.lost_work import LostWork
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples

from .columns import Log

EVERY = 100


def restarted(at, back, died=True, saves=True):
    """A run that saves at every 100th step, ends before row `at` and goes on from step `back`."""
    steps = np.concatenate([np.arange(at), np.arange(back, at + 200)]).astype(float)
    events = [
        Event("checkpoint", row * 100 - 50, row, f"Saved checkpoint-{row}", step=row)
        for row in range(EVERY, at, EVERY)
        if saves
    ]
    events += [Event("traceback", at * 100 - 20, at, "RuntimeError: NCCL")] if died else []
    return Log(steps=steps, train__loss=np.ones(len(steps)), restarts=[at], events=events)


def brief(found):
    return [(f.verdict.value, f.severity.value, f.step) for f in found]


def test_a_restart_from_an_old_checkpoint_is_reported_until_the_lost_steps_are_done_again():
    found = restarted(960, 401).judge(LostWork())
    assert brief(found) == [("firing", "warning", 401), ("clear", "info", 960)]
    assert found[0].title == (
        "training continued from step 401, though checkpoint 800 was saved: 558 steps are done again"
    )


def test_without_an_error_before_it_somebody_may_have_meant_it():
    assert brief(restarted(960, 401, died=False).judge(LostWork()))[0] == ("firing", "info", 401)


def test_the_newest_checkpoint_may_be_torn_and_a_new_run_is_another_one():
    assert restarted(960, 901).judge(LostWork()) == []
    assert restarted(960, 801).judge(LostWork()) == []
    assert restarted(960, 0).judge(LostWork()) == []
    assert restarted(960, 401, saves=False).judge(LostWork()) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 1700), max_size=10))
def test_findings_do_not_depend_on_how_rows_are_cut(cuts):
    log = restarted(960, 401)
    assert brief(log.judge(LostWork(), cuts)) == brief(log.judge(LostWork()))


@pytest.mark.parametrize("late", [False, True])
def test_rows_that_are_read_behind_a_process_death_change_nothing(late):
    log = restarted(960, 401, died=False)
    death = Event("killed", 0, 1, "train.py (pid 7) was killed", data={"pid": "7"})
    rule, found = LostWork(), []
    for block in (log.block(0, 940), Block({}, None, [death]) if late else log.block(940, 960)):
        found += rule.observe(block)
    for block in (log.block(940, 960) if late else Block({}, None, [death]), log.block(960, log.count)):
        found += rule.observe(block)
    assert [f.severity.value for f in found][:1] == ["warning"]


def launches(*words):
    """Return what a log says whose words come line by line: "launch", an error's kind, or "step"."""
    for line, word in enumerate(words, 1):
        at = np.array([100.0 * line])
        if word == "step":
            row = Samples(at, at / 100, np.zeros(1), np.zeros(1))
            yield Block({"train/loss": row}, row)
        else:
            yield Block({}, None, [Event(word, 100 * line, line, "it says so")])


FAILED = ("launch", "traceback")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((*FAILED, *FAILED, "launch"), []),
        ((*FAILED, *FAILED, *FAILED), []),  # the third may yet go on
        ((*FAILED, *FAILED, *FAILED, "launch"), [("firing", "warning", 7)]),
        ((*FAILED, *FAILED, *FAILED, *FAILED, "launch"), [("firing", "warning", 7)]),
        (
            (*FAILED, *FAILED, *FAILED, "launch", "step"),
            [("firing", "warning", 7), ("clear", "info", 8)],
        ),
        ((*FAILED, *FAILED, "launch", "step", *FAILED, "launch"), []),  # one of them trained
        ((*FAILED, *FAILED, "launch", "launch", *FAILED, "launch"), [("firing", "warning", 9)]),
        (("step", *FAILED, *FAILED, *FAILED, "launch"), [("firing", "critical", 8)]),  # it has trained
        (("launch", *FAILED, "launch", "launch", "launch"), []),  # no error, no failure
    ],
)
def test_launches_that_fail_before_their_first_step(words, found):
    rule = RestartLoop()
    reported = [f for block in launches(*words) for f in rule.observe(block)]
    assert [(f.verdict.value, f.severity.value, f.line) for f in reported] == found
    if found:
        assert reported[0].title == "3 launches in a row failed before their first step"
        assert reported[0].evidence == {"launches": 3}


@pytest.mark.parametrize(
    ("begins", "kind", "severities"),
    [
        ((0, 50, 50, 50), "resume", ["critical"]),
        ((0, 50, 60, 70), "resume", []),  # parts of a plan
        ((0, 50, 60, 70), "traceback", ["critical"]),
    ],
)
def test_what_resumes_elsewhere_without_an_error_is_no_loop(begins, kind, severities):
    rule, found, at = RestartLoop(), [], 0.0
    for begin in begins:
        steps = np.arange(begin, 100.0)
        offset = at + 1 + np.arange(len(steps))
        row = Samples(offset, offset, steps, np.full(len(steps), np.nan))
        events = [Event(kind, int(at), int(at), "it says so")] * (at > 0)
        found += rule.observe(Block({}, row, events, restarts=[offset[0]] * (at > 0)))
        at = float(offset[-1]) + 1
    assert [finding.severity.value for finding in found] == severities
