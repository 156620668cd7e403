"""Curves that look like trouble and are meant, and troubles that few rows or a score alone show."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.common.roles import REWARD, of_episode, role
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.optimization.oscillation import Oscillation
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.core.batch import Event
from runwatch.parsers.events.stages import stage

from .columns import END, LR, Log, fired


def scattered(values, width, seed=0):
    return values * np.exp(np.random.default_rng(seed).normal(0, width, len(values)))


def severities(log, rule):
    found = log.judge(rule())
    assert log.judge(rule(), range(0, log.count, 7)) == found
    return [severity for severity, _ in fired(found)]


# -- a search for the highest learning rate -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "worst"),
    [
        (np.linspace(1e-4, 1.5, 160), "info"),
        (1e-6 * 1.1 ** np.arange(160), "info"),
        (np.linspace(1e-6, 1e-3, 160), "critical"),  # a warm-up
        (np.full(160, 0.4), "critical"),
        (0.4 * np.arange(1, 161) ** 2 / 160**2, "critical"),
    ],
)
def test_what_the_loss_does_at_rates_that_are_searched_for_is_a_note(rates, worst):
    loss = np.concatenate([1.1 + np.exp(-np.arange(100) / 15), 1.1 * 1.06 ** np.arange(60)])
    log = Log(train__loss=scattered(loss, 0.01)).set(LR, rates)
    assert max(severities(log, Divergence), key=["info", "warning", "critical"].index) == worst
    assert set(severities(log, LossSpike)) <= ({"info"} if worst == "info" else {"warning", "critical"})


# -- what is announced ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("titles", "found"),
    [(["stage 2"], False), ([], True), (["stage 1", "stage 1"], True), (["stage 1", "stage 2"], False)],
)
def test_a_stage_that_is_announced_has_a_loss_of_its_own(titles, found):
    loss = np.concatenate([0.2 + np.exp(-np.arange(200) / 25), 0.9 + np.exp(-np.arange(200) / 25)])
    rows = [0, 200][-len(titles) :] if titles else []
    events = [Event("stage", row * 100, row + 1, title) for row, title in zip(rows, titles, strict=True)]
    log = Log(train__loss=scattered(loss, 0.02), events=events)
    for rule in (Divergence, LossSpike):
        assert bool(severities(log, rule)) == found


def test_a_stage_of_a_curriculum_is_one():
    assert stage(b"=== curriculum stage 3: up to 96 words ===")["number"] == "3"


# -- guessing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "found"), [(0.2, ["warning"]), (0.35, ["info"])])
def test_rows_that_scatter_widely_are_no_guesses_wherever_their_middle_is(width, found):
    assert severities(Log(train__loss=scattered(np.full(400, np.log(10)), width)), NeverLearns) == found


# -- another training ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "severity"), [(61.2875, "info"), (61.2876, "warning")])
def test_a_last_row_that_is_the_first_one_again_is_of_the_next_training(last, severity):
    loss = np.concatenate([[61.2875], 0.02 + np.exp(-np.arange(200) / 20), [last]])
    assert severities(Log(train__loss=loss), LossSpike) == [severity]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([190.0, 21.0, 3.1, 1.6, 1.2, 0.9, 0.8], ["info", "warning"]),
        ([190.0, 21.0, 3.1, 1.6, 0.8, 0.3, 0.2, 0.15], ["info"]),  # it is back, but for a little
        ([1.8, 1.4, 1.1, 0.8, 0.6, 0.5, 0.45], ["info"]),  # it was never high
    ],
)
def test_a_high_spike_that_was_on_its_way_back_when_the_run_ended(rows, found):
    log = Log(train__loss=np.concatenate([0.12 + 900 * np.exp(-np.arange(200) / 6), rows]))
    assert severities(log, LossSpike) == found
    rule = LossSpike()
    log.judge(rule)
    assert rule.tick(END) == []


# -- oscillation of short runs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calm", "before", "level", "found"),
    [
        (90, 0.02, 1.0, ["warning"]),
        (90, 0.02, 0.75, ["info"]),
        (90, 0.3, 1.0, []),  # it always did
        (90, 0.02, 0.2, []),  # it has learned more since
        (20, 0.02, 1.0, []),  # too few rows
    ],
)
def test_a_run_of_few_rows_that_begins_to_oscillate(calm, before, level, found):
    start = scattered(0.7 + 1.6 * np.exp(-np.arange(calm) / 8), before)
    log = Log(train__loss=np.concatenate([start, scattered(np.full(120, level), 0.6, seed=1)]))
    assert severities(log, Oscillation)[: len(found) + 1] == found


# -- overfitting among noise ----------------------------------------------------------------------------


@pytest.mark.parametrize(("rise", "seed", "found"), [(0.1, 0, True), (0.0, 15, False)])
def test_the_order_of_many_evaluations_tells_a_slow_rise_from_the_noise_of_single_ones(rise, seed, found):
    epochs = np.arange(300)
    loss = 1.0 + np.exp(-epochs / 5) + rise / 225 * np.maximum(0, epochs - 75)
    log = Log(train__loss=1.8 * np.exp(-epochs / 40)).set("val/loss", scattered(loss, 0.06, seed))
    assert ("warning" in severities(log, Validation)) == found


# -- scores --------------------------------------------------------------------------------------------

RISES = 0.82 - 0.7 * np.exp(-np.arange(15) / 3)


@pytest.mark.parametrize(
    ("name", "scores", "found"),
    [
        ("val/accuracy", [*RISES, *[0.12] * 6], ["warning"]),
        ("val/accuracy", [*100 * RISES, *[12.5] * 6], ["warning"]),
        ("val/f1", [*RISES, *[0.02] * 6], ["warning"]),
        ("val/accuracy", [*RISES, *[0.12] * 4, 0.8], []),  # it came back
        ("val/accuracy", [*RISES, *[0.4] * 6], []),  # half of it is left
        ("val/accuracy_of_cars", [*RISES, *[0.12] * 6], []),
        ("val/accuracy", [0.9, 0.88, 0.9, 0.91, *[0.5] * 6], []),  # it had gained nothing
        ("val/accuracy", [0.9, 0.6, 0.3, *[0.2] * 6], []),
        ("val/accuracy", [0.0, 0.02, 0.04, 0.04, 0.04, *[0.0] * 6], []),
        (
            "val/accuracy",
            [*RISES, 0.6, 0.5, 0.4, 0.35, 0.3, *[0.12] * 6],
            [],
        ),  # step by step, as tasks are added
        ("val/accuracy", [*RISES, 0.05, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18], []),  # it rises again
        ("val/accuracy", [*1000 * RISES, *[100.0] * 6], []),  # no share of what is right
    ],
)
def test_a_score_that_is_back_where_it_began(name, scores, found):
    log = Log(**{name.replace("/", "__"): scores})
    assert [severity for severity in severities(log, ScorePlateau) if severity == "warning"] == found


def test_a_score_gains_from_where_it_is_after_a_restart():
    log = Log(restarts=[15], val__accuracy=[*RISES, *[0.12] * 6])
    assert "warning" not in severities(log, ScorePlateau)


def test_a_score_that_has_gained_half_of_it_again_ends_it():
    log = Log(val__accuracy=[*RISES, *[0.12] * 6, 0.3, 0.6])
    assert [(f.verdict.value, f.step) for f in log.judge(ScorePlateau())] == [("firing", 15), ("clear", 22)]


def test_a_total_of_rewards_is_one_of_an_episode():
    assert role("total reward") == role("cumulative_reward") == REWARD
    assert of_episode("total reward")
