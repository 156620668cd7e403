"""The pace of moments: exact where steps are steady, and which pauses will come again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.core.fold.eta import FEWEST, RAW, SPAN, Pace, unwrapped


def pace_of(seconds, every=1, begin=0.0) -> tuple[Pace, np.ndarray]:
    """Return the pace of moments at every so many steps; `seconds` are those between them."""
    times = begin + np.concatenate(([0.0], np.cumsum(seconds)))
    pace = Pace()
    pace.observe(every * np.arange(len(times), dtype=float), times)
    return pace, times


@given(
    st.integers(FEWEST, 400),
    st.sampled_from([1, 10]),
    st.sampled_from([0.01, 1.0, 300.0]),
    st.integers(0, 900),
)
def test_steady_steps_give_an_exact_estimate(count, every, seconds, left):
    pace, _ = pace_of([seconds] * count, every)
    found = pace.estimate(count * every, count * every + left)
    assert found is not None
    assert (found.pace, found.seconds) == (
        pytest.approx(seconds / every), pytest.approx(left * seconds / every),
    )  # fmt: skip
    assert found.half_width == pytest.approx(0.02 * found.seconds, abs=1e-6)
    assert pace.estimate(count * every, 0).seconds == 0
    assert pace.seconds <= SPAN * (RAW + 1) * seconds * 1.000001


@pytest.mark.parametrize(("moments", "known"), [(FEWEST, False), (FEWEST + 1, True)])
def test_an_estimate_needs_three_intervals(moments, known):
    pace, _ = pace_of([1.0] * (moments - 1))
    assert (pace.estimate(3, 10) is not None) is known


def test_intervals_that_go_back_or_take_no_time_say_nothing():
    pace = Pace()
    pace.observe(np.array([1.0, 2, 3, 4, 5]), np.array([10.0, 10, 10, 10, 10]))
    assert pace.estimate(5, 10) is None
    pace = Pace()
    pace.observe(np.array([1.0, 2, 3, 1, 2, 3]), np.array([1.0, 2, 3, 4, 5, 6]))
    found = pace.estimate(3, 13)
    assert (found.pace, found.seconds) == (1, 10)
    pace.interrupt()
    assert pace.estimate(3, 13) is None
    assert pace.seconds == 0


@pytest.mark.parametrize(("pause", "counted"), [(2.9, False), (3.1, True)])
def test_a_pause_takes_twice_as_long_as_the_steps_next_to_it(pause, counted):
    seconds = [1.0] * 40
    seconds[9::10] = [pause] * 4
    found = pace_of(seconds)[0].estimate(40, 140)
    assert found.pace == pytest.approx(1.0 if counted else (36 + 4 * pause) / 40)


def test_pauses_at_a_steady_distance_come_again():
    seconds = [1.0] * 45
    seconds[9::10] = [21.0] * 4  # behind step 9, 19, 29, 39: their ends are 10, 20, 30, 40
    found = pace_of(seconds)[0].estimate(45, 100)
    assert found.seconds == pytest.approx(55 + 5 * 20)  # before 50, 60, 70, 80, 90; none behind the end
    assert pace_of(seconds)[0].estimate(40 + 21, 100).seconds == pytest.approx(39)  # it did not come back


def test_one_pause_comes_again_only_where_a_mark_shows_it():
    seconds = [1.0] * 30
    seconds[19] = 31.0
    pace, _ = pace_of(seconds)
    assert pace.estimate(30, 100).seconds == pytest.approx(70)
    assert pace.estimate(30, 100, marks=[20]).seconds == pytest.approx(70 + 3 * 30)
    assert pace.estimate(30, 100, marks=[19]).seconds == pytest.approx(70 + 3 * 30)
    assert pace.estimate(30, 100, marks=[18]).seconds == pytest.approx(70)
    assert pace.estimate(30, 100, marks=[5, 12, 20]).seconds == pytest.approx(70), "most marks cost nothing"
    assert pace.estimate(30, 100, marks=[-5, -3, 20]).seconds == pytest.approx(70 + 3 * 30)


def test_pauses_of_two_kinds_are_not_one():
    seconds = [1.0] * 60
    seconds[9::10] = [11.0] * 6
    seconds[29] = seconds[59] = 101.0
    found = pace_of(seconds)[0].estimate(60, 120, marks=[30, 60])
    assert found.seconds == pytest.approx(60 + 100 + 7 * 10, rel=0.2)


@given(st.lists(st.integers(1, 500), max_size=6), st.integers(200, 500))
def test_cuts_do_not_matter_and_memory_is_bounded(cuts, count):
    seconds = 1.0 + np.arange(count) % 7 / 10
    seconds[::90] = 50.0
    whole, times = pace_of(seconds)
    pace, steps = Pace(), np.arange(len(times), dtype=float)
    for part in np.split(np.arange(len(times)), sorted(min(cut, count) for cut in cuts)):
        pace.observe(steps[part], times[part])
    assert pace.estimate(count, 2 * count) == whole.estimate(count, 2 * count)
    assert len(pace._steps) <= SPAN * (RAW + 1)


def test_a_clock_without_a_date_goes_on_after_midnight():
    assert unwrapped(np.array([86_399.0, 1.0, 2.0]), None).tolist() == [86_399, 86_401, 86_402]
    assert unwrapped(np.array([3.0]), 86_399.0).tolist() == [86_403]
    assert unwrapped(np.array([3.0]), 86_400.0 + 86_399).tolist() == [2 * 86_400 + 3]
    assert unwrapped(np.array([50_000.0]), 86_399.0).tolist() == [50_000], "less than half a day back"
    assert unwrapped(np.array([0.0]), 43_200.0).tolist() == [0], "half a day back"
    assert unwrapped(np.array([0.0]), 43_201.0).tolist() == [86_400]
    assert unwrapped(np.array([86_400.0]), 2e5).tolist() == [86_400], "no time of a day"
    assert unwrapped(np.array([1e9, 1e9 - 90_000]), None).tolist() == [1e9, 1e9 - 90_000]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([1.0] * 100 + [1.5] * 12, 1.5),
        ([1.0] * 100 + [1.5] * 11, (11 * 1.5 + 1) / 12),
        ([1.0] * 100 + [1.5] * 13, 1.5),
        ([1.0] * 100 + [1.11] * 12, 1.11),
        ([1.0] * 100 + [1.09] * 12, (100 + 12 * 1.09) / 112),  # hardly differs: all count
        ([10.0] * 100 + [11.0] * 12, (1000 + 132) / 112),  # a tenth
        ([1.0] * 50 + [1.5] * 48, 1.5),
        ([1.0] * 12, 1.0),
    ],
)
def test_the_pace_is_that_of_the_newest_12_or_48_where_it_differs_by_a_tenth(seconds, expected):
    pace, _ = pace_of(seconds)
    assert pace.estimate(len(seconds), len(seconds) + 100).pace == pytest.approx(expected)


@pytest.mark.parametrize(("height", "newest"), [(0.3, False), (0.4, True)])
def test_what_differs_by_less_than_four_errors_is_noise(height, newest):
    """The newest twelve are two thirds apart in turn: their error is a third of it over the root of 12."""
    seconds = [1.0] * 100 + [1 + height - 1 / 3, 1 + height + 1 / 3] * 6
    found, _ = pace_of(seconds)
    pace = found.estimate(112, 200).pace
    assert (pace == pytest.approx(1 + height)) is newest


def test_a_pause_is_due_again_up_to_a_fiftieth_of_its_distance_before_the_end():
    seconds = [1.0] * 1000
    seconds[199::200] = [21.0] * 5  # their ends are 200, 400, 600, 800, 1000
    pace, _ = pace_of(seconds)
    for beyond, pauses in ((0, 2), (3, 2), (5, 3)):
        assert pace.estimate(1000, 1600 + beyond).seconds == pytest.approx(600 + beyond + 20 * pauses)


def test_pauses_of_one_kind_are_up_to_two_and_a_half_times_as_long_as_the_shortest():
    seconds = [1.0] * 80
    seconds[9::20], seconds[19::20] = [11.0] * 4, [26.0] * 4  # 10 s and 25 s, in turn
    found = pace_of(seconds)[0].estimate(80, 200)
    assert found.seconds == pytest.approx(120 + 11 * 17.5)
