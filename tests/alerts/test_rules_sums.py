"""Losses that are printed as the sum since an epoch began: they only grow, which is no rise."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.above_start import AboveStart
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_spike import LossSpike

from .columns import Log, fired

RULES = [AboveStart, Divergence, LossDrop, LossSpike]


def sums(epochs, rows, begin=170.0, seed=0):
    """What is summed falls as it is learned, batch by batch."""
    rng = np.random.default_rng(seed)
    single = begin * np.exp(-np.arange(epochs * rows) / 40) * rng.lognormal(0, 0.4, epochs * rows)
    return np.cumsum(single.reshape(epochs, rows), axis=1).ravel()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("epochs", "rows", "seed"), [(5, 100, 0), (40, 6, 1), (3, 300, 4), (9, 40, 7)])
def test_sums_since_an_epoch_began_are_not_judged(rule, epochs, rows, seed):
    log = Log(train__loss=sums(epochs, rows, seed=seed))
    assert log.judge(rule()) == log.judge(rule(), range(1, log.count, 5)) == []


def test_a_rise_from_the_first_row_is_judged_though_it_is_steep_or_smooth():
    rows = np.arange(120)
    smooth = 4.3 * np.exp(1.5 * (1 - np.exp(-rows / 5)))
    noise = np.exp(0.05 * np.random.default_rng(2).normal(size=120))
    for loss in (smooth, smooth * noise, 4.3 * 3.0 ** np.minimum(rows, 8), 4.3 * 1.05**rows):
        log = Log(train__loss=loss)
        assert "critical" in {severity for severity, _ in fired(log.judge(AboveStart()))}
        assert log.judge(AboveStart()) == log.judge(AboveStart(), range(1, 120, 3))


def test_what_grew_at_first_is_judged_from_where_it_falls():
    begin = np.cumsum(0.4 + 0.1 * np.cos(2.3 * np.arange(20)))
    rng = np.random.default_rng(3)
    rest = np.r_[np.linspace(8, 2, 300), np.full(200, 2.0), np.linspace(2, 6, 60), np.full(140, 6.0)]
    log = Log(train__loss=np.r_[begin, rest * np.exp(0.02 * rng.normal(size=rest.size))])
    found = log.judge(Divergence())
    assert "critical" in {severity for severity, _ in fired(found)}
    assert log.judge(Divergence(), range(1, log.count, 7)) == found
    assert log.judge(AboveStart()) == []


def test_another_launch_may_print_sums():
    normal = 3.0 * np.exp(0.02 * np.random.default_rng(5).normal(size=100))
    log = Log(restarts=[100], train__loss=np.r_[normal, sums(5, 100)])
    for rule in (Divergence, LossDrop, LossSpike):
        assert log.judge(rule()) == log.judge(rule(), range(1, log.count, 5)) == []
