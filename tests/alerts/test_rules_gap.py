"""A validation loss that stays flat, or is the same each time, while the training loss falls."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.generalization_gap import GeneralizationGap
from runwatch.alerts.rules.optimization.validation import Validation

from .columns import LOSS, Log, brief, fired, healthy

VAL = "val/loss"


def flat(level=1.0, train=0.1, rng=None):
    """Return a run whose validation loss stays where it was early on, while its training loss falls."""
    steps = np.arange(2000)
    log = Log(train__loss=train + 2 * np.exp(-steps / 300))
    log.set(VAL, np.full(2000, np.nan))
    values = level + 1.2 * np.exp(-np.arange(20) / 0.7)
    log.columns[VAL][99::100] = values * (1 if rng is None else np.exp(0.01 * rng.normal(size=20)))
    return log


def test_validation_that_stays_flat_while_training_falls_far_below_it_is_a_note():
    log = flat(rng=np.random.default_rng(1))
    found = log.judge(GeneralizationGap())
    assert [severity for severity, _ in fired(found)] == ["info"]
    assert "val loss has not fallen below" in found[0].title
    assert log.judge(GeneralizationGap(), range(0, 2000, 7)) == found
    assert Validation().observe(log.block(0, 2000)) == []
    log.columns[VAL][1899] = 0.8
    assert brief(log.judge(GeneralizationGap()))[-1] == ("clear", "info", 1899)


@pytest.mark.parametrize(
    "log", [flat(train=0.8), flat(level=0.2), healthy(3000).set(VAL, np.full(3000, 2.6))]
)
def test_validation_that_stays_flat_near_training_is_no_gap(log):
    assert log.judge(GeneralizationGap()) == []


def test_a_gap_is_of_one_run():
    steps = np.r_[np.arange(1000), np.arange(1000)]
    log = Log(steps=steps, restarts=[1000], train__loss=np.r_[np.full(1000, 3.0), np.full(1000, 0.1)])
    log.set(VAL, np.full(2000, np.nan))
    log.columns[VAL][99::100] = 1.0
    assert log.judge(GeneralizationGap()) == []


@pytest.mark.parametrize(
    ("value", "count", "falls", "warns"),
    [
        (1.8123, 10, 0.8, True),
        (1.8123, 9, 0.8, False),
        (1.8, 10, 0.8, False),
        (1.8123, 10, 0.97, False),
        (1.1921e-7, 10, 0.8, False),
    ],
)
def test_evaluations_of_one_value_do_not_see_what_is_trained(value, count, falls, warns):
    log = Log(train__loss=2 * np.geomspace(1, falls**2, count + 1), val__loss=np.full(count + 1, value))
    log.columns["val/loss"][count] = 1.7
    found = log.judge(GeneralizationGap())
    assert [severity for severity, _ in fired(found)] == ["warning"] * warns
    assert [f.verdict.value for f in found] == ["firing", "clear"][: 2 * warns]
    assert log.judge(GeneralizationGap(), range(1, count)) == found


def test_evaluations_of_one_value_are_as_they_should_be_while_training_rests():
    fell = np.append(np.geomspace(1e-2, 8.6398e-6, 20), np.full(40, 8.6398e-6))
    log = Log(train__loss=fell.copy(), val__loss=fell)
    assert [severity for severity, _ in fired(log.judge(GeneralizationGap()))] == []
    log.columns[LOSS][20:] *= np.geomspace(1, 0.5, 40)
    assert [severity for severity, _ in fired(log.judge(GeneralizationGap()))] == ["warning"]


def test_evaluations_of_one_value_are_of_weights_that_rest_where_training_scatters():
    scatters = 0.1 * np.exp(0.6 * np.random.default_rng(2).normal(size=200))
    log = Log(train__loss=scatters, val__loss=np.full(200, 0.27578))
    assert log.judge(GeneralizationGap()) == []


def test_evaluations_of_one_value_from_before_the_first_training_row_on_are_found():
    loss = np.append(np.nan, np.geomspace(2, 1, 12))
    log = Log(train__loss=loss, val__loss=np.full(13, 1.8123))
    assert [severity for severity, _ in fired(log.judge(GeneralizationGap()))] == ["warning"]


@pytest.mark.parametrize(
    ("values", "train", "warns"),
    [
        (np.r_[1.2, 0.1, -0.9, np.linspace(-0.88, -0.4, 20)], np.linspace(0.9, -1.8, 23), True),
        (np.r_[1.2, 0.1, -0.9, np.linspace(-0.88, -0.8, 20)], np.linspace(0.9, -1.8, 23), False),  # a tenth
        (np.r_[1.2, 0.1, -0.9, np.linspace(-0.88, -0.4, 20)], np.linspace(0.9, 0.86, 23), False),
        (np.r_[1.2, 0.1, -0.9, np.tile([-0.3, -0.5], 10)], np.linspace(0.9, -1.8, 23), False),  # in no order
    ],
)
def test_a_loss_of_both_signs_overfits_where_it_loses_much_of_what_it_had_gained(values, train, warns):
    log = Log(train__loss=train, val__loss=values)
    found = log.judge(Validation())
    assert [severity for severity, _ in fired(found)] == ["warning"] * warns
    assert log.judge(Validation(), range(0, len(values), 3)) == found
    back = Log(train__loss=np.r_[train, train[-3:]], val__loss=np.r_[values, [-0.88] * 3]).judge(Validation())
    assert [verdict for verdict, _, _ in brief(back)][-1:] == ["clear"] * warns


def test_a_high_level_of_very_many_evaluations_costs_the_run_before_it_is_half_of_it():
    noise = np.exp(0.02 * np.random.default_rng(7).normal(size=400))
    at = np.arange(400)
    for rise, warns in ((0.14, True), (0.01, False)):
        values = noise * np.where(at < 270, 1 + 2 * np.exp(-at / 40), 1 + rise)
        log = Log(train__loss=2 * np.exp(-at / 90), val__loss=values)
        assert ("warning" in {severity for severity, _ in fired(log.judge(Validation()))}) == warns
