"""Series at their edges: buckets that merge, several sources of one metric, and what a plot shows of them."""

from __future__ import annotations

import numpy as np

from runwatch.core.block import Samples
from runwatch.core.series import Detail, Series, united

SMALL = Detail(chunk=8, buckets=16, lines=10)


def series(steps, values=None, detail: Detail | None = SMALL) -> Series:
    steps = np.asarray(steps, float)
    made = Series("train/loss", detail)
    made.add(Samples(steps, steps, steps, steps if values is None else np.asarray(values, float)))
    return made


def test_before_the_first_step_that_is_known_samples_are_at_that_step():
    made = series([np.nan, np.nan, 7, 8], [1, 2, 3, 4])
    assert made.columns(None, None, 10).x == (7, 8)
    assert made.columns(None, None, 10).low == (1, 4)
    assert made.summary.last_step == 8


def test_the_steps_of_the_extremes_are_where_they_were_first():
    made = series([1, 2, 3, 4, 5], [5, 1, 9, 1, 9])
    summary = made.summary
    assert (summary.minimum, summary.minimum_step, summary.maximum, summary.maximum_step) == (1, 2, 9, 3)
    made.add(Samples(*[np.array([6.0])] * 3, np.array([1.0])))
    assert (summary.minimum_step, summary.last) == (2, 1)
    made.add(Samples(*[np.array([7.0])] * 3, np.array([0.5])))
    assert (summary.minimum, summary.minimum_step) == (0.5, 7)


# -- several sources ---------------------------------------------------------------------------------


def shown(*reports, width=50, **bounds):
    columns = united([(made, shift) for made, shift in reports], bounds.get("low"), bounds.get("high"), width)
    return dict(zip(columns.x, columns.last, strict=True))


def test_a_further_source_fills_only_the_steps_that_lack():
    first, second = series([3, 4, 5], [1, 1, 1]), series([1, 2, 3, 5, 6], [2, 2, 2, 2, 2])
    assert shown((first, 0.0), (second, 0.0)) == {1: 2, 2: 2, 3: 1, 4: 1, 5: 1, 6: 2}
    assert shown((second, 0.0), (first, 0.0)) == {1: 2, 2: 2, 3: 2, 4: 1, 5: 2, 6: 2}
    assert shown((series([]), 0.0), (second, 0.0)) == {1: 2, 2: 2, 3: 2, 5: 2, 6: 2}
    assert shown((first, 0.0), (series([]), 0.0)) == {3: 1, 4: 1, 5: 1}


def test_a_source_may_count_its_steps_from_elsewhere():
    first, second = series([3, 4], [1, 1]), series([1, 2], [2, 2])
    assert shown((first, 0.0), (second, 1.0)) == {2: 2, 3: 1, 4: 1}
    assert shown((first, 10.0), (second, -1.0)) == {0: 2, 1: 2, 13: 1, 14: 1}
    assert shown((first, 10.0), low=14) == {14: 1}
    assert shown((first, 10.0), high=13) == {13: 1}


def test_where_steps_went_back_the_later_value_is_the_newest():
    first, second = series([1, 2, 3, 2, 3], [1, 1, 1, 5, 5]), series([4], [2])
    assert shown((first, 0.0), (second, 0.0)) == {1: 1, 2: 5, 3: 5, 4: 2}


def test_columns_are_equally_wide_or_equally_wide_in_the_logarithm():
    made = series(np.arange(1, 1001), detail=None)
    assert made.columns(None, None, 4).last == (250, 500, 750, 1000)
    assert series(np.arange(1, 501), detail=None).columns(None, None, 3, log=True).last == (7, 62, 500)
    assert made.columns(None, None, 0).x == ()
    assert series([0]).columns(None, None, 5, log=True).x == ()
    assert series([0, 1]).columns(None, None, 5, log=True).x == (1,)
    assert series([4, 4], [1, 3]).columns(None, None, 5).mean == (2,)


def test_huge_values_and_columns_of_none():
    made = series([1, 2, 3], [1e308, 1e308, np.nan])
    columns = made.columns(None, None, 1)
    assert (columns.high, columns.mean, columns.nonfinite) == ((1e308,), (None,), (1,))
    nothing = series([1], [np.inf]).columns(None, None, 1)
    assert (nothing.low, nothing.last, nothing.nonfinite) == ((None,), (None,), (1,))
