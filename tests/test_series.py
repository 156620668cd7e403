"""The bounded history keeps every extreme and every NaN, however samples arrive."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.block import Samples
from runwatch.core.series import BUCKETS, CHUNK, LEAN, OPENING, Detail, Series


def samples(values, steps=None) -> Samples:
    values = np.asarray(values, float)
    numbers = np.arange(len(values), dtype=float)
    steps = numbers if steps is None else np.asarray(steps, float)
    return Samples(numbers * 100, numbers + 1, steps, values)


def noisy(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    values[rng.random(count) < 0.01] = np.nan
    values[rng.random(count) < 0.003] = np.inf
    low = int(rng.integers(count))
    values[low : low + int(rng.integers(200))] = np.nan
    return values


def filled(all_samples: Samples, cuts, detail: Detail | None = None) -> Series:
    series = Series("train/loss", detail)
    edges = [0, *sorted(cuts), len(all_samples)]
    for low, high in pairwise(edges):
        part = slice(low, high)
        series.add(Samples(*(getattr(all_samples, n)[part] for n in ("offset", "line", "step", "value"))))
    return series


def same(left: Series, right: Series) -> None:
    for one, two in zip(as_arrays(left), as_arrays(right), strict=True):
        np.testing.assert_array_equal(one, two)
    for name in left.summary.__slots__:
        np.testing.assert_equal(getattr(left.summary, name), getattr(right.summary, name))


def as_arrays(series: Series) -> list[np.ndarray]:
    points = series.buckets()
    return [*(getattr(points, name) for name in points.__slots__), series.tail(10**9)]


def test_summary_counts_what_is_not_finite_apart():
    series = filled(samples([math.nan, 3.0, 1.0, math.inf, 2.0, math.nan]), [])
    s = series.summary
    assert (s.count, s.nonfinite, s.first, s.last, s.minimum, s.maximum) == (6, 3, 3.0, 2.0, 1.0, 3.0)
    assert s.last_step == 5


def test_summary_without_a_finite_value_shows_what_was_there():
    series = filled(samples([math.inf, math.nan]), [1])
    assert series.summary.first == math.inf
    assert math.isnan(series.summary.last)
    assert math.isnan(series.summary.minimum)
    series.add(samples([5.0]))
    assert (series.summary.first, series.summary.last, series.summary.minimum) == (5.0, 5.0, 5.0)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 3_000),
    st.lists(st.integers(0, 3_000), max_size=8),
    st.sampled_from([Detail(16, 8, 10), Detail(8, 16, 10), Detail(8, 8, 10)]),
)
def test_cuts_do_not_matter(seed, count, cuts, detail):
    everything = samples(noisy(seed, count))
    whole = filled(everything, [], detail)
    same(whole, filled(everything, [min(cut, count) for cut in cuts], detail))
    same(whole, filled(everything, range(1, count, 1 + seed % 9), detail))


def test_newest_samples_are_plotted_raw():
    values = np.sin(np.arange(50_000.0))
    columns = filled(samples(values), []).columns(49_000, 49_099, 200)
    assert columns.x == tuple(range(49_000, 49_100))
    assert columns.mean == tuple(values[49_000:49_100])


def test_without_steps_x_is_the_number_of_the_sample():
    series = filled(samples(np.arange(9000.0), np.full(9000, np.nan)), [4000])
    columns = series.columns(None, None, 90)
    assert (columns.low[0], columns.high[-1]) == (0.0, 8999.0)
    assert columns.x[-1] == 8999
    assert series.summary.last_step is None


def test_a_step_that_is_missing_is_that_of_the_sample_before():
    series = filled(samples([1.0, 2.0, 3.0], [10, np.nan, 12]), [2])
    columns = series.columns(None, None, 10)
    assert columns.x == (10, 12)
    assert columns.high == (2.0, 3.0)


def test_after_a_restart_old_and_new_share_columns():
    steps = np.concatenate([np.arange(10_000.0), np.arange(5_000.0, 6_000.0)])
    values = np.concatenate([np.zeros(10_000), np.full(1_000, 7.0)])
    columns = filled(samples(values, steps), []).columns(5_000, 5_999, 100)
    assert list(columns.x) == sorted(columns.x)
    assert (min(columns.low), max(columns.high)) == (0.0, 7.0)


def test_the_first_column_begins_where_the_data_does():
    columns = filled(samples(np.arange(5_000.0)), []).columns(None, None, 50)
    assert (columns.x[0], columns.x[-1]) == (0.0, 4_999.0)
    assert columns.x[1] > 100


@pytest.mark.parametrize("count", [100, 5_000, 70_000, 1_000_000])
def test_on_a_logarithmic_axis_the_first_steps_are_single_columns(count):
    steps = np.arange(float(count))
    series = Series()
    series.add(samples(1 / (1 + steps), steps))
    columns = series.columns(None, None, 200, log=True)
    assert columns.x[:4] == (1.0, 2.0, 3.0, 4.0), "step 0 has no place on it"
    assert columns.mean[:4] == (1 / 2, 1 / 3, 1 / 4, 1 / 5)
    assert columns.x[-1] == count - 1
    assert len(columns.x) <= 200
    if count > 2 * CHUNK:  # the bucket that they were in has the others
        after = next(i for i, x in enumerate(columns.x) if x >= OPENING)
        first, last = OPENING, columns.x[after]
        assert columns.mean[after] == pytest.approx(
            np.mean(1 / (1 + np.arange(columns.x[after - 1] + 1, last + 1))), rel=1e-6
        )
        assert columns.x[after - 1] < first


def test_the_opening_counts_once_on_a_linear_axis():
    steps = np.arange(3_000_000.0)
    series = Series()
    series.add(samples(steps, steps))
    columns = series.columns(None, None, 100)
    assert columns.mean[0] == pytest.approx(columns.x[1] / 4, rel=0.5)
    whole = series.columns(None, None, 1)
    assert whole.mean == (pytest.approx(steps.mean()),)


def test_an_empty_series_has_no_columns():
    series = Series("train/loss")
    series.add(samples([]))
    assert series.columns(None, None, 80).x == ()
    assert len(series.tail(5)) == 0


def test_memory_does_not_grow_with_the_run():
    series = Series()
    stored = []
    for block in range(100):
        series.add(samples(np.full(10_000, float(block)), np.arange(10_000.0) + block * 10_000))
        stored.append(series.stored)
    assert stored[-1] == stored[5] <= 2 * 2 * CHUNK + 8 * BUCKETS + 2 * OPENING
    assert series.summary.count == 1_000_000
    assert len(series.tail(10**9)) >= CHUNK


def test_in_a_daemon_it_is_filled_within_minutes():
    series = Series(detail=LEAN)
    series.add(samples(np.zeros(600)))  # two minutes at five lines a second
    stored = series.stored
    series.add(samples(np.zeros(100_000)))
    assert series.stored == stored <= 2 * 2 * LEAN.chunk + 8 * LEAN.buckets + 2 * OPENING
    assert len(series.tail(10**9)) >= LEAN.chunk


def test_a_short_series_is_small():
    series = Series()
    series.add(samples(np.zeros(50)))
    assert series.stored <= 128


def test_what_a_share_is_before_it_is_known_is_not_plotted():
    """nanoGPT prints an MFU of -100 % until it has one."""
    series = Series("perf/mfu")
    at = np.arange(3.0)
    series.add(Samples(at, at, at, np.array([-1.0, -1.0, 0.3])))
    assert series.columns(None, None, 10).last == (0.3,)
    assert (series.summary.count, series.summary.first) == (3, -1.0)
