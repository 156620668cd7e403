"""Rounding and counting from one are no disagreement; other numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.watcher.engine.agreement import Outcome, clocks, compare

STEPS = np.arange(100.0)
AGREE, UNJUDGED = Outcome(True), Outcome(False)
LOSS = 2 + 3 / (1 + STEPS / 10) + 0.05 * np.sin(STEPS)


@settings(max_examples=50)
@given(digits=st.integers(2, 8), shift=st.sampled_from((-1, 0, 1)), seed=st.integers(0, 99))
def test_a_rounded_and_shifted_copy_agrees(digits, shift, seed):
    values = LOSS + np.random.default_rng(seed).normal(0, 0.1, len(LOSS))
    stored = values.astype(np.float32).astype(np.float64)
    assert compare(STEPS + shift, np.round(values, digits), STEPS, stored) == AGREE
    assert compare(STEPS, stored, STEPS + shift, np.round(values, digits)) == AGREE


@pytest.mark.parametrize("scale", [1.01, 0.5, 8.0])
def test_another_average_or_unit_is_reported_with_the_first_step(scale):
    judged, found = compare(STEPS, np.round(LOSS, 4), STEPS, LOSS * scale)
    assert judged
    assert found is not None
    assert (found.step, found.theirs) == (0, LOSS[0] * scale)


def test_few_common_steps_or_none_are_no_judgement():
    assert compare(STEPS, LOSS, STEPS + 90, LOSS * 2) == UNJUDGED
    assert compare(STEPS, LOSS, STEPS + 500, LOSS * 2) == UNJUDGED


@given(
    begin=st.integers(1, 40),
    have=st.integers(1, 60),
    lacks=st.integers(0, 3),
    shift=st.sampled_from((-1, 0, 1)),
)
def test_a_copy_that_has_only_begun_is_no_disagreement(begin, have, lacks, shift):
    """Sources grow at their own pace, and one may miss what the other told first."""
    rate, here, there = STEPS * 0.0625, slice(begin, begin + have), slice(begin + lacks, None)
    assert compare(STEPS[here], rate[here], STEPS[there] + shift, rate[there]).difference is None
    assert compare(STEPS[there] + shift, rate[there], STEPS[here], rate[here]).difference is None


def test_nan_is_not_compared():
    nan = np.full(100, np.nan)
    assert compare(STEPS, nan, STEPS, LOSS) == UNJUDGED


def test_one_stray_value_is_no_disagreement():
    other = LOSS.copy()
    other[50] = 99
    assert compare(STEPS, LOSS, STEPS, other) == AGREE


@settings(max_examples=50)
@given(digits=st.integers(2, 6), seed=st.integers(0, 99))
def test_a_copy_of_so_many_digits_agrees(digits, seed):
    """As bars print it, `%.3g`: each value has decimals of its own."""
    values = LOSS * 10.0 ** np.random.default_rng(seed).uniform(-5, 2, len(LOSS))
    printed = np.array([float(f"{value:.{digits}g}") for value in values])
    assert compare(STEPS, printed, STEPS, values) == AGREE
    _, found = compare(STEPS, printed, STEPS, values * 1.2)
    assert found is not None


TIMES = 1.7e9 + 30 * STEPS


def test_clocks_that_differ_steadily_are_reported_from_launches_that_do_not():
    assert clocks(STEPS, TIMES, STEPS, TIMES + 2) == AGREE
    _, found = clocks(STEPS, TIMES, STEPS, TIMES + 3600 + np.sin(STEPS))
    assert found is not None
    assert found.step == 0
    assert found.theirs - found.ours == pytest.approx(3600, abs=1)
    assert clocks(STEPS, TIMES, STEPS, TIMES + 3600 + 20 * STEPS) == AGREE
    assert clocks(STEPS, TIMES, STEPS + 90, TIMES + 3600) == UNJUDGED
