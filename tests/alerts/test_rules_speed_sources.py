"""How long steps take, from what a log prints: times, rates, or when its lines were written."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from runwatch.alerts.rules.common.speed import BETWEEN, Speed
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC

BATCH, POINTS = "global batch size", "num_gaussians"


def samples(values, steps, low, high):
    rows = np.arange(low, high)
    return Samples(rows * 100.0, rows + 1.0, np.asarray(steps, float)[rows], np.asarray(values, float)[rows])


def taken(columns, steps=None, cuts=(), restarts=(), skip=0, moments=None):
    """Return (metric, line, seconds) of the rows that can be judged; the seconds of a rate are of one piece of work."""
    count = len(next(iter(columns.values()), moments))
    steps, speed, found = range(count) if steps is None else steps, Speed(stamps=True), []
    for low, high in pairwise([0, *(cut for cut in cuts if cut < count), count]):
        block = Block(
            {
                name: some
                for name, values in columns.items()
                if len(some := _printed(samples(values, steps, low, high)))
            },
            None,
            restarts=[100 * row for row in restarts if low <= row < high],
            moments=None if moments is None else samples(moments, steps, low, high),
        )
        for piece in speed.pieces(block, skip):
            seconds = np.exp(piece.slowness).round(6).tolist()
            found += zip(
                [piece.metric] * len(seconds), piece.rows.line.astype(int).tolist(), seconds, strict=True
            )
    return found


def _printed(some):
    """Return rows without those that print nothing."""
    keep = ~np.isnan(some.value)
    return Samples(some.offset[keep], some.line[keep], some.step[keep], some.value[keep])


def of(metric, **seconds):
    return [(metric, int(line.removeprefix("line")), value) for line, value in seconds.items()]


@pytest.mark.parametrize("cuts", [(), (1,), (4,), (2, 3, 5, 7)])
@pytest.mark.parametrize(
    ("moments", "steps", "seconds"),
    [
        ([0, 5, 19, 20, 39, 60], [0, 1, 2, 4, 5, 10], {"line4": 5.0, "line6": 40 / 6}),
        ([0, 30, 10, 29, 30, 50], [0, 1, 2, 3, 4, 5], {"line2": 30.0, "line5": 10.0, "line6": 20.0}),
        (
            [0, 30, 60, 90, 120, 150],
            [0, 1, 2, 2, 3, 4],
            {"line2": 30.0, "line3": 30.0, "line5": 30.0, "line6": 30.0},
        ),
        (
            [0, 30, 60, 90, 120, 150],
            [0, 1, 2, 1, 2, 3],
            {"line2": 30.0, "line3": 30.0, "line5": 30.0, "line6": 30.0},
        ),
        ([0, 0, 20, 20, 20, 40], [0, 1, 2, 3, 4, 5], {"line3": 10.0, "line6": 20 / 3}),
    ],
)
def test_lines_at_least_twenty_seconds_apart_are_compared_while_time_and_step_grow(
    moments, steps, seconds, cuts
):
    moments, steps = [*moments, 1e3, 2e3], [*steps, 100, 200]
    found = taken({}, steps, cuts, moments=[1.9e9 + t for t in moments])
    expected = of(BETWEEN, **{line: round(value, 6) for line, value in seconds.items()})
    assert [each for each in found if each[1] <= 6] == expected


@pytest.mark.parametrize("cuts", [(), (2,), (1, 2, 3, 4)])
def test_a_larger_batch_or_model_takes_longer_and_a_smaller_one_need_not_be_faster(cuts):
    batches = {STEP_TIME: [1, 1, 2, 2, 1], BATCH: [64, 32, 128, 64, 32]}
    seconds = {"line1": 1.0, "line2": 1.0, "line3": 0.5, "line4": 1.0, "line5": 1.0}
    assert taken(batches, cuts=cuts) == of(STEP_TIME, **seconds)
    seldom = {STEP_TIME: [1, 1, 2, 2, 2], BATCH: [32, np.nan, 64, np.nan, np.nan]}
    seconds = {"line1": 1.0, "line2": 1.0, "line3": 1.0, "line4": 1.0, "line5": 1.0}
    assert taken(seldom, cuts=cuts) == of(STEP_TIME, **seconds)
    both = {STEP_TIME: [1, 8, 8, 8, 8], BATCH: [1, 2, 2, 2, 2], POINTS: [10, 40, 40, 40, 40]}
    assert {value for *_, value in taken(both, cuts=cuts)} == {1.0}


@pytest.mark.parametrize("cuts", [(), (2,), (1, 3, 4)])
def test_a_better_source_is_judged_alone_from_where_it_begins(cuts):
    columns = {
        SAMPLES_PER_SEC: [4, 4, 4, 4, 4, 4],
        TOKENS_PER_SEC: [np.nan, np.nan, 2, 2, 2, 2],
        STEP_TIME: [np.nan, np.nan, np.nan, np.nan, 1, 1],
    }
    assert set(taken(columns, cuts=cuts, moments=[1.9e9 + 30 * row for row in range(6)])) == {
        *of(SAMPLES_PER_SEC, line1=0.25, line2=0.25),
        *of(TOKENS_PER_SEC, line3=0.5, line4=0.5),
        *of(STEP_TIME, line5=1.0, line6=1.0),
    }


@pytest.mark.parametrize("cuts", [(), (3,), (1, 2, 5, 280)])
@pytest.mark.parametrize(
    ("first", "same", "skip", "line"),
    [
        (50, 5, 0, 1),  # it may begin here
        (51, 5, 0, 6),  # a bar that resumes repeats its first rate
        (51, 5, 5, 6),
        (51, 5, 8, 9),
        (51, 5, 4, 10),  # what it repeated was no start: that comes now
        (51, 255, 0, 256),
        (51, 300, 0, 257),  # it may be as fast as that
        (51, 300, 2, 259),
        (0, 5, 3, 4),
    ],
)
def test_rows_of_a_start_and_what_a_bar_repeats_are_not_judged(first, same, skip, line, cuts):
    values = [*[0.5] * same, *[0.25] * 20]
    found = taken({STEP_TIME: values}, range(first, first + len(values)), cuts, skip=skip)
    assert found[0][1] == line
    assert [each[1] for each in found] == list(range(line, len(values) + 1))


def test_each_restart_is_a_start():
    found = taken({STEP_TIME: [1] * 10}, [*range(6), *range(4)], (2, 8), restarts=[6], skip=2)
    assert [line for _, line, _ in found] == [3, 4, 5, 6, 9, 10]


@pytest.mark.parametrize(
    ("count", "skip", "median"),
    [(1, 0, 9.0), (3, 0, 8.0), (2, 1, 7.5), (1, 2, 7.0), (300, 0, 5.0), (1, 10, np.nan)],
)
def test_the_median_of_the_newest_rates(count, skip, median):
    speed = Speed()
    speed.pieces(Block({TOKENS_PER_SEC: samples(range(12), range(12), 0, 12)}, None), 0)
    assert speed.tokens(910.0, count, skip) == pytest.approx(median, nan_ok=True)
    assert np.isnan(speed.tokens(-1.0, count, skip))
    if not skip:
        assert speed.tokens(910.0, count) == pytest.approx(median)
