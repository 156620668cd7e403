"""Rare lives of runs and ranks: pauses of a run that is not known yet, ranks that print some steps alone."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.common.epochs import Epochs
from runwatch.alerts.rules.common.levels import Levels
from runwatch.alerts.rules.common.trend import falls
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.ranks.rank_divergence import RankDivergence
from runwatch.alerts.rules.ranks.silent_rank import SilentRank
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import VAL_LOSS

from .columns import GRAD, LOSS, Log
from .made_silences import brief, event, only, quiet, rows

# -- hang ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unfamiliar", "timeout"), [(600.0, 600.0), (450.0, 450.0), (100.0, 300.0)])
def test_a_run_whose_pauses_are_unknown_gets_no_less_time(unfamiliar, timeout):
    rule = Hang(unfamiliar=unfamiliar)
    rule.observe(rows(0, 100, seconds=1.0))
    assert rule.timeout("training") == timeout


@pytest.mark.parametrize(("silent", "verdict"), [(11999, "pending"), (12001, "firing")])
def test_while_other_lines_come_it_takes_three_times_as_long(silent, verdict):
    rule = Hang()
    rule.observe(rows(0, 100, seconds=400.0))
    assert rule.timeout("training") == 8000.0, "median gaps count double while pauses are unknown"
    (found,) = rule.tick(quiet(silent, log=1.0))
    assert found.verdict.value == verdict


@pytest.mark.parametrize(
    ("phase", "timeout"), [("evaluating", 900.0), ("training", 900.0), ("starting", 900.0)]
)
def test_a_pause_of_a_phase_that_ended_well_may_last_three_times_as_long(phase, timeout):
    rule = Hang(least=0.0)
    rule.observe(rows(0, 100, seconds=1.0))
    rule.tick(quiet(300, phase=phase))
    rule.tick(quiet(200, phase=phase))
    rule.observe(rows(100, 101, seconds=1.0))
    assert rule.timeout(phase) == timeout
    assert rule.timeout("checkpointing") == 600.0


def test_a_phase_that_never_paused_has_no_pause():
    rule = Hang(least=0.0, medians=0.0, longest=10.0, pause=0.0)
    rule.observe(rows(0, 100, seconds=0.01))
    assert rule.timeout("evaluating") == pytest.approx(0.1)
    rule.tick(quiet(0.5, phase="evaluating"))
    rule.observe(rows(100, 101, seconds=0.01))
    assert rule.timeout("evaluating") == pytest.approx(5.0)


@pytest.mark.parametrize(("pause", "known"), [(4.0, True), (3.0, False)])
def test_five_silences_above_three_gaps_are_pauses_that_are_known(pause, known):
    rule = Hang()
    rule.observe(rows(0, 100, seconds=1.0))
    for row in range(100, 105):
        rule.tick(quiet(pause))
        rule.observe(rows(row, row + 1, seconds=1.0))
    assert rule.timeout("training") == (300.0 if known else 600.0)


def test_of_gaps_below_a_second_pauses_are_known_too():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=0.1))
    for row in range(100, 105):
        rule.tick(quiet(0.5))
        rule.observe(rows(row, row + 1, seconds=0.1))
    assert rule.timeout("training") == 300.0


def test_a_start_at_the_first_byte_is_one():
    rule = Hang(least=1.0, unfamiliar=1.0)
    rule.observe(only(event("start", 0)))
    assert rule.timeout("training") == 900.0
    rule.observe(rows(0, 1))
    assert rule.timeout("training") == 1.0


def test_a_log_that_ended_is_reported_once_beyond_the_timeout():
    rule = Hang()
    rule.observe(rows(0, 100, seconds=1.0))
    assert rule.tick(quiet(600, live=False)) == []
    assert brief(rule.tick(quiet(601, live=False))) == [("firing", "info")]
    assert rule.tick(quiet(700, live=False)) == []
    known = Hang()
    assert known.tick(quiet(10_000, live=False, phase="evaluating", fraction=1.0)) == []
    assert brief(known.tick(quiet(10_000, live=False, phase="evaluating", fraction=None))) == [
        ("firing", "info")
    ]


# -- ranks -----------------------------------------------------------------------------------------


def ranks(rule, metric, table, printed=lambda rank, step: True):
    """Show ranks that print a table (ranks, steps), 10 steps at a time."""
    found = []
    for low in range(0, table.shape[1], 10):
        for rank, values in enumerate(table):
            steps = np.array([s for s in range(low, low + 10) if printed(rank, s)], float)
            part = Samples(steps * 100, steps + 1, steps, values[steps.astype(int)])
            found += rule.observe(Block({metric: part}, part, rank=rank)) if len(steps) else []
    return found + list(rule.tick(quiet(1.0, live=False)))


@pytest.mark.parametrize(
    ("count", "missing", "expected"),
    [(10, 1, 1), (10, 2, 0), (2, 0, 1), (2, 1, 0), (3, 0, 1), (3, 1, 0), (20, 2, 1)],
)
def test_steps_that_nearly_all_ranks_print_are_compared(count, missing, expected):
    table = np.ones((count, 80))
    table[0, 40:] = 2.0
    found = ranks(
        RankDivergence(),
        GRAD,
        table,
        lambda rank, step: step < 40 or step % 10 == 9 or rank < count - missing,
    )
    assert len([f for f in found if f.step < 49]) == expected


def test_norms_of_which_one_is_no_number_are_not_compared():
    table = np.ones((4, 80))
    table[1, 40:], table[2, 40:] = 2.0, np.nan
    assert ranks(RankDivergence(), GRAD, table) == []
    table[2, 40:] = 1.0
    assert len(ranks(RankDivergence(), GRAD, table)) == 1


def test_norms_that_are_zero_have_no_difference():
    table = np.zeros((4, 80))
    assert ranks(RankDivergence(), GRAD, table) == []


def test_a_rank_whose_loss_was_never_finite_computes_none():
    table = np.full((4, 80), 2.0)
    table[3] = np.nan
    assert ranks(RankDivergence(), LOSS, table) == []
    table[3, :20] = 2.0
    (found,) = ranks(RankDivergence(), LOSS, table)
    assert found.evidence["failed_rank"] == 3


def test_a_silent_rank_is_reported_once_and_of_live_logs_alone():
    def voices(live=True, arrival=1000.0):
        rule, row = SilentRank(), np.ones(1)
        part = Samples(row, row, row, row)
        for number in range(40):
            for rank in range(4):
                if rank < 3 or number < 10:
                    at = arrival + 10.0 * number if arrival else 0.0
                    rule.observe(Block({}, part, rank=rank, live=live, arrival=at))
        return rule

    rule, now = voices(), {"log": 1.0}
    status = quiet(400, **now)
    (found,) = rule.tick(status)
    assert found.rank == 3
    assert rule.tick(status) == []
    assert voices().tick(quiet(400, live=False)) == []
    assert voices(live=False).tick(status) == []
    assert voices(arrival=0.0).tick(status) == []


# -- what rules ask --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sure", "expected"),
    [
        ([], 3.0, False),
        ([1.0], 3.0, False),
        ([2.0, 1.0], 0.0, False),
        ([3.0, 2.0, 1.0], 1.0, True),  # 2 of 1.9
        ([3.0, 2.0, 1.0], 1.1, False),
        ([1.0, 2.0, 3.0], 0.0, False),
        ([1.0, 1.0, 1.0], 0.0, False),
        (list(range(9, 0, -1)), 3.0, True),
        ([1.0, 4.0, 3.0, 2.0, 1.0], 0.0, True),
    ],
)
def test_values_fall_by_their_order(values, sure, expected):
    assert falls(np.array(values), sure) is expected


@pytest.mark.parametrize(
    ("fast", "slow", "rows", "expected"),
    [
        (0, 0, 1, False),
        (95, 5, 100, True),  # a twentieth of all
        (96, 4, 8, True),  # about as long
        (96, 4, 9, False),
        (99, 1, 2, True),
        (100, 0, 1, False),
    ],
)
def test_a_level_that_was_usual_or_lasted_as_long_is_no_news(fast, slow, rows, expected):
    levels = Levels()
    levels.add(np.zeros(fast), 1)
    levels.add(np.ones(slow), 1)
    assert levels.shown(1.0, 1.0, rows) is expected


@pytest.mark.parametrize(
    ("losses", "evaluations", "epochs"),
    [(8, 7, 8.0), (8, 6, 0.0), (7, 7, 0.0), (20, 17, 20.0), (20, 16, 0.0), (10, 8, 10.0)],
)
def test_rows_are_epochs_where_nearly_each_has_an_evaluation(losses, evaluations, epochs):
    made, found = Log(train__loss=np.ones(losses)), Epochs()
    block = made.block(0, losses)
    few = Log(x=np.ones(evaluations)).block(0, evaluations).samples["x"]
    found.push(Block({**block.samples, VAL_LOSS: few}, block.progress))
    assert found.passed(1e9) == epochs
