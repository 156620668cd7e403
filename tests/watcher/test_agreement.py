"""Rounding and counting from one are no disagreement; other numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.watcher.agreement import difference

STEPS = np.arange(100.0)
LOSS = 2 + 3 / (1 + STEPS / 10) + 0.05 * np.sin(STEPS)


@settings(max_examples=50)
@given(digits=st.integers(2, 8), shift=st.sampled_from((-1, 0, 1)), seed=st.integers(0, 99))
def test_a_rounded_and_shifted_copy_agrees(digits, shift, seed):
    values = LOSS + np.random.default_rng(seed).normal(0, 0.1, len(LOSS))
    stored = values.astype(np.float32).astype(np.float64)
    assert difference(STEPS + shift, np.round(values, digits), STEPS, stored) is None
    assert difference(STEPS, stored, STEPS + shift, np.round(values, digits)) is None


@pytest.mark.parametrize("scale", [1.01, 0.5, 8.0])
def test_another_average_or_unit_is_told_with_the_first_step(scale):
    found = difference(STEPS, np.round(LOSS, 4), STEPS, LOSS * scale)
    assert found is not None
    assert (found.step, found.theirs) == (0, LOSS[0] * scale)


def test_few_common_steps_or_none_are_no_judgement():
    assert difference(STEPS, LOSS, STEPS + 90, LOSS * 2) is None
    assert difference(STEPS, LOSS, STEPS + 500, LOSS * 2) is None


def test_nan_is_not_compared():
    nan = np.full(100, np.nan)
    assert difference(STEPS, nan, STEPS, LOSS) is None


def test_one_stray_value_is_no_disagreement():
    other = LOSS.copy()
    other[50] = 99
    assert difference(STEPS, LOSS, STEPS, other) is None
