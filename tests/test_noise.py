"""How far apart two curves are, and how often noise alone is called a difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.noise import Line, block_error, common, gap, seed_noise, student

from .reports.trainings import losses


def line(values: np.ndarray, every: int = 1) -> Line:
    """Return values at each step, or at every so many."""
    return Line(np.arange(1.0, len(values) + 1)[::every], values[::every])


def test_noise_alone_is_rarely_a_difference_and_a_lift_always_is():
    curves = [line(losses(seed)) for seed in range(20)]
    null = [gap(a, b).real for i, a in enumerate(curves) for b in curves[:i]]
    assert np.mean(null) <= 0.05
    lifted = [gap(a, line(losses(100 + i, 0.15))) for i, a in enumerate(curves)]
    assert all(found.real and found.value > 0 for found in lifted)
    assert np.mean([found.value for found in lifted]) == pytest.approx(0.15, abs=0.01)


def test_related_noise_makes_the_error_larger():
    rng, count = np.random.default_rng(1), 4000
    alone = [rng.normal(0, 1, count) for _ in range(30)]
    related = [np.convolve(rng.normal(0, 1, count + 99), np.full(100, 0.1), "valid") for _ in range(30)]
    assert np.std(related) == pytest.approx(np.std(alone), rel=0.2)
    assert np.mean([block_error(each) for each in alone]) == pytest.approx(1.96 / count**0.5, rel=0.4)
    assert np.mean([block_error(each) for each in related]) == pytest.approx(
        1.96 * (100 / count) ** 0.5, rel=0.4
    )


def test_runs_that_log_at_other_steps_are_not_shifted():
    smooth = 2 + 3 * np.arange(1.0, 1001) ** -0.5
    found = gap(line(smooth), line(smooth, every=7))
    assert abs(found.value) < 2e-4
    assert not found.real


def test_equal_curves_differ_by_exactly_nothing():
    curve = line(losses(3))
    assert gap(curve, curve).value == 0.0


def test_the_window_is_the_last_quarter_of_what_both_have():
    long, short = line(losses(1, steps=600)), line(losses(2, steps=400))
    assert common(long, short) == pytest.approx((300.25, 400))
    few = line(losses(1, steps=5))
    assert common(few, few) == (1.0, 5.0)
    assert common(line(losses(1, steps=3)), long) is None


def test_another_seed_matters_while_the_loss_falls():
    flat, falling = np.full(400, 2.0), 5 - np.log(np.arange(1.0, 401))
    assert seed_noise(line(flat), 400) == pytest.approx(0.002)
    assert seed_noise(line(falling), 400) == pytest.approx(0.07, rel=0.1)


def test_repeats_measure_what_another_seed_changes():
    base, other = line(np.full(200, 2.0)), line(np.full(200, 2.1))
    assert gap(base, other).real
    levels = np.random.default_rng(0).normal(2.0, 0.1, 8)
    repeats = [line(np.full(200, level)) for level in levels]
    found = gap(base, other, repeats)
    assert not found.real
    assert found.repeats == 8


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.integers(1, 12))
@settings(max_examples=50)
def test_means_of_stretches_add_up_to_the_mean_of_the_whole(values, parts):
    curve = line(np.array(values))
    edges = np.linspace(curve.x[0], curve.x[-1], parts + 1)
    whole = curve.means(edges[[0, -1]])[0]
    assert np.mean(curve.means(edges)) == pytest.approx(whole, rel=1e-6, abs=1e-3)


def test_students_t():
    assert (student(0), student(1), student(10), student(1000)) == (np.inf, 12.706, 2.228, 1.960)


def test_a_loss_that_diverged_breaks_nothing():
    values = losses(1)
    values[-30:] = 1e300
    found = gap(line(losses(2)), line(values))
    assert found is not None
    assert found.value > 0
