"""Parts of a loss, and losses of either sign: what explodes is found, what is meant is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.optimization.loss_explosion import LossExplosion
from runwatch.core.findings import Severity, Verdict

from .columns import LOSS, Log, brief

ROWS = np.arange(600)
AFTER = np.maximum(ROWS - 400, 0)


def noisy(values, width, seed=0):
    return np.asarray(values) + width * np.random.default_rng(seed).normal(size=len(ROWS))


BOUND = noisy(50 - 1200 * (1 - np.exp(-ROWS / 100)), 8)
GROWS = noisy(np.full(600, 0.3), 0.01) * 1.04**AFTER


def severities(log):
    return [f.severity for f in log.judge(LossExplosion()) if f.verdict is Verdict.FIRING]


@pytest.mark.parametrize("name", ["train/box_loss", "kl_loss", "loss_dfl", "aux_loss", "kl_divergence"])
def test_a_part_that_explodes_is_a_note_that_names_it_and_a_warning_when_it_is_huge(name):
    log = Log(train__loss=np.full(600, 120.0)).set(name, GROWS)
    (found,) = log.judge(LossExplosion())
    assert (found.severity, found.metric) == (Severity.INFO, name)
    assert "the highest of its first levels" in found.title
    assert 460 < found.step < 530
    assert severities(log.set(name, GROWS * 1.04**AFTER)) == [Severity.INFO, Severity.WARNING]


def test_a_divergence_that_begins_near_zero_is_no_warning():
    rises = noisy(15 / (1 + np.exp((350 - ROWS) / 15)), 1e-4)
    assert severities(Log(train__loss=np.full(600, 120.0)).set("kl_loss", np.abs(rises))) == [Severity.INFO]


def test_a_bound_that_is_lost_is_reported_on_its_own_scale():
    assert severities(Log(train__loss=BOUND + 20 * AFTER)) == [Severity.WARNING]
    assert severities(Log(train__loss=BOUND + 200.0 * AFTER)) == [Severity.CRITICAL]
    assert severities(Log(train__loss=BOUND)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"reward": noisy(ROWS / 100, 1)},
        {"train/policy_loss": noisy(np.zeros(600), 0.02)},
    ],
)
def test_what_agents_print_is_a_note(more):
    log = Log(train__loss=BOUND + 200.0 * AFTER, value_loss=GROWS)
    for name, values in more.items():
        log.set(name, values)
    assert set(severities(log)) == {Severity.INFO}


@pytest.mark.parametrize("name", ["d_loss", "elo", "g_loss"])
def test_of_adversaries_and_self_play_nothing_is_said(name):
    assert severities(Log(train__loss=BOUND + 200.0 * AFTER, aux_loss=GROWS).set(name, GROWS)) == []


@pytest.mark.parametrize(
    "values",
    [
        12 * (1 - np.exp(-ROWS / 150)),  # a weight that is raised
        np.where(ROWS < 400, 0.01, 1.0),  # another stage has other weights
        np.where(ROWS < 400, 0.0, noisy(np.full(600, 3.0), 0.1)),  # it begins later
        *(np.exp(-5 * (1 - np.minimum(1, (ROWS + 1) / until)) ** 2) for until in (50, 150, 300, 600)),
        np.where((ROWS >= 400) & (ROWS < 408), 1e6, 0.3),  # a spike
        noisy(np.zeros(600), 0.02),
        np.where(ROWS < 400, -0.5, -0.5 + 1e-12),
        noisy(3 * np.sin(ROWS / 40), 1),
        np.zeros(600),
    ],
)
def test_what_is_meant_is_silent(values):
    assert severities(Log(train__aux_loss=values)) == []
    assert severities(Log(train__loss=values)) == []


@pytest.mark.parametrize(
    "name", ["val/loss", "loss_scale", "train/loss_weight", "eval_loss", "lr", "best_loss", "grad_norm"]
)
def test_what_is_no_part_of_the_loss_is_not_judged(name):
    assert severities(Log(train__accuracy=ROWS).set(name, GROWS)) == []


def test_a_positive_total_is_left_to_the_rules_of_ratios():
    assert severities(Log(train__loss=GROWS)) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 800), max_size=6), st.sampled_from([(), (300,), (470,)]))
def test_cuts_and_restarts_do_not_matter(cuts, restarts):
    rng = np.random.default_rng(5)
    back = np.arange(800)
    columns = {
        LOSS: np.where(back < 550, -1, 30) + rng.normal(size=800),
        "aux_loss": np.where(back < 650, 0.01 * 1.05 ** np.clip(back - 400, 0, 200), 0.01),
        "kl": np.where(back == 77, np.nan, np.where(back < 50, 0, 1.03**back)),
        "reward": np.where(back < 500, np.nan, 1.0),
    }
    log = Log(restarts=restarts, **columns)
    assert log.judge(LossExplosion(), cuts) == log.judge(LossExplosion())


def test_it_ends_when_the_level_is_usual_again():
    values = np.where((ROWS >= 300) & (ROWS < 400), 2000.0, 1.0)
    found = Log(aux_loss=values).judge(LossExplosion())
    assert [verdict for verdict, *_ in brief(found)] == ["firing", "clear"]
