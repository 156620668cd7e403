"""What several rules share, or one rule asks of another part: where runs end and begin, pauses, what is saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_overdue import CheckpointOverdue
from runwatch.alerts.rules.common.beginning import Beginning, began_elsewhere, is_among_first
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.life.milestone import Milestone
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples

from .columns import Log, brief
from .made_silences import rows

EVERY = 20


def checkpoints(evaluations):
    """Show evaluations 20 rows apart: N none, S better and saved, s saved, i better, . neither; then rest."""
    log = Log(loss=np.ones(EVERY * (len(evaluations) + 8)))
    at = EVERY * np.arange(1, len(evaluations) + 1) - 1
    better = np.cumsum([kind in "Si" for kind in evaluations])
    cost = np.where([kind in "Si" for kind in evaluations], 9.0 - better, 9.5)
    shown = np.array([kind != "N" for kind in evaluations])
    log.events = [
        Event("checkpoint", int(row) * 100 + 50, int(row) + 1, "saved", step=int(row), data={})
        for row, kind in zip(at, evaluations, strict=True)
        if kind in "NSs"
    ]
    block = log.block(0, log.count)
    offset = at[shown] * 100.0 + 10
    block = replace(
        block, samples={**block.samples, "val/loss": Samples(offset, offset / 100, offset, cost[shown])}
    )
    return [verdict[:2] for verdict in brief(CheckpointOverdue().observe(block))]


OVERDUE = [("firing", "warning"), ("firing", "critical")]


@pytest.mark.parametrize(
    ("evaluations", "expected"),
    [
        ("NNNN", OVERDUE),
        ("SSSS", []),
        ("SSSS....", []),
        ("SSSSi", OVERDUE),  # better, and not saved
        ("SSSSi.", OVERDUE[:1]),  # until the next evaluation is worse
        ("SSSs", []),  # three of four were better
        ("SSss", OVERDUE),
        ("SSSSSss", OVERDUE),
        ("SSSSSSss", []),
        ("NNNNi.", OVERDUE),  # nothing was saved since evaluations are known
        ("NNNNS", []),
    ],
)
def test_a_run_that_saves_what_is_best_saves_nothing_else(evaluations, expected):
    assert checkpoints(evaluations) == expected


def milestone(*blocks):
    found = Milestone()
    for block in blocks:
        found.push(block)
    return found


@pytest.mark.parametrize(
    ("every", "round_ones", "others"),
    [
        (1, (50, 49, 100, 99, 1000), (1, 25, 48, 51, 75, 101)),
        (10, (500, 499, 1000), (50, 49, 100, 250, 490, 501, 510)),
        (0, (50, 49, 100), (25, 48, 51)),
    ],
)
def test_a_run_ends_at_fifty_rows_counted_from_0_or_1(every, round_ones, others):
    found = milestone(Block({}, None), rows(0, 100), rows(100, 101, every=1), rows(101, 140, every=every))
    if every == 0:
        found = milestone(rows(7, 9, every=0))
    assert all(found.at(step) for step in round_ones)
    assert not any(found.at(step) for step in others)


def test_of_a_single_row_nothing_is_known_of_the_distance():
    found = milestone(rows(7, 8))
    assert [found.at(step) for step in (49, 50, 100, 51, 25)] == [True, True, True, False, False]
    found = milestone(rows(50, 51, every=10), rows(51, 52, every=10))
    assert [found.at(step) for step in (500, 499, 50)] == [True, True, False]


@pytest.mark.parametrize(
    ("epochs", "ends"),
    [
        ([1.0, 3.0], True),
        ([3.0, 2.995], True),
        ([3.0, 3.005], True),
        ([3.0, 2.985], False),
        ([3.0, 3.015], False),
    ],
)
def test_a_run_ends_with_an_epoch(epochs, ends):
    epoch = Log(train__epoch=epochs)
    assert milestone(epoch.block(0, 2)).at(17) is ends
    assert milestone(epoch.block(0, 1), epoch.block(1, 2)).at(17) is ends


def test_an_epoch_that_is_no_number_changes_nothing():
    epoch = Log(train__epoch=[3.0, np.nan, 2.5])
    assert milestone(epoch.block(0, 2), epoch.block(1, 2)).at(17) is False, (
        "3.0 was not the newest of its block"
    )
    assert milestone(epoch.block(0, 1), epoch.block(1, 2)).at(17) is True
    assert milestone(epoch.block(0, 1), epoch.block(1, 3)).at(17) is False


@pytest.mark.parametrize("cuts", [(), (1,), (3,), (1, 2, 3, 4)])
def test_the_first_values_of_a_series_are_known_from_the_last_of_them_on(cuts):
    log, found = Log(x=[1.0, 2.0, 3.0, 4.0, 5.0]), Beginning(3)
    for low, high in zip((0, *cuts), (*cuts, 5), strict=True):
        found.push(log.block(low, high).samples["x"])
    assert found.first == [1.0, 2.0, 3.0]
    assert found.since == 200.0
    assert found.recent.until(400, 2).value.tolist() == [4.0, 5.0]
    few = Beginning(6)
    few.push(log.block(0, 5).samples["x"])
    assert few.since == np.inf


@pytest.mark.parametrize(
    ("steps", "elsewhere"),
    [
        ([50, 51], False),
        ([51, 52], True),
        ([100, 150], False),
        ([100, 149], True),
        ([99, 149], False),
        ([1000, 999], True),
        ([51], False),
        ([np.nan, 51], False),
    ],
)
def test_a_first_step_shows_that_a_run_began_elsewhere(steps, elsewhere):
    assert began_elsewhere(steps) is elsewhere


def test_the_first_series_are_judged():
    known = {"a", "b"}
    assert [is_among_first(name, known, 2) for name in ("a", "c")] == [True, False]
    assert is_among_first("c", known, 3)


# -- how long a pause is: the pace of rows -----------------------------------------------------------


def median(*blocks):
    """Return the median gap that a hang is judged by."""
    rule = Hang(medians=1.0, least=0.0, longest=0.0)
    for block in blocks:
        rule.observe(block)
    return rule.timeout("training")


def test_rows_some_steps_apart_take_as_many_step_times():
    assert median(rows(0, 50, seconds=2.0, every=10)) == 20.0
    assert median(rows(0, 50, seconds=2.0)) == 2.0
    assert median(rows(0, 50, seconds=2.0, every=0)) == 2.0, "steps that do not grow"
    assert median(*(rows(row, row + 1, seconds=2.0, every=10) for row in range(50))) == 20.0


def test_only_the_newest_hundred_gaps_count():
    assert median(rows(0, 101, seconds=9.0), rows(101, 151, seconds=1.0)) == 5.0
    assert median(rows(0, 101, seconds=9.0), rows(101, 152, seconds=1.0)) == 1.0
    assert median(rows(0, 101, seconds=9.0), rows(101, 150, seconds=1.0)) == 9.0


def arrives(row, at, **more):
    return replace(rows(row, row + 1), live=True, arrival=at, **more)


def test_where_no_times_are_printed_rows_are_as_far_apart_as_they_arrive():
    live = [arrives(row, 1000.0 + 7.0 * row) for row in range(9)]
    assert median(*live) == 7.0
    late = [replace(block, late=True) for block in live]
    assert median(*late) == 0.0, "what arrives late is no gap"
    assert median(*(replace(block, live=False) for block in live)) == 0.0, "of history nothing arrives"
    assert median(*(replace(block, arrival=0.0) for block in live)) == 0.0
    timed = [rows(0, 20, seconds=2.0), *(arrives(row, 1000.0 + 7.0 * row) for row in range(20, 29))]
    assert median(*timed) == 2.0, "printed times are better"


def test_the_first_gap_after_a_start_is_no_pause():
    again = [rows(0, 20, seconds=2.0), replace(rows(20, 21, seconds=900.0), restarts=[2000])]
    assert Hang(longest=1.0, least=0.0, medians=0.0).timeout("training") == 0.0
    rule = Hang(longest=1.0, least=0.0, medians=0.0)
    for block in again:
        rule.observe(block)
    assert rule.timeout("training") == 2.0
    rule.observe(rows(21, 22, seconds=30.0))
    assert rule.timeout("training") == 30.0
    rule.observe(rows(22, 23, seconds=99.0, rank=1))
    assert rule.timeout("training") == 30.0, "the first rank that appears is the clock"
