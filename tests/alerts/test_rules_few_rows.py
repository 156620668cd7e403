"""Faults of the loss in logs of few rows, where there is no window to compare with."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.above_start import AboveStart
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.optimization.score_floor import ScoreFloor
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.core.block import Status

from .columns import Log, fired, healthy


def ended(log, rule, size=1):
    """Judge a log that is complete, in pieces of so many rows."""
    found = []
    for low in range(0, log.count, size):
        found += rule.observe(log.block(low, min(low + size, log.count)))
    return found + list(rule.tick(Status(now=0.0, live=False)))


def fall(count):
    return 0.25 * np.exp(-np.arange(count) / 8) + 0.03


@pytest.mark.parametrize(
    ("row", "peak", "found"),
    [
        (19, 62.0, [("warning", 19)]),
        (19, 4.9, []),  # losses near zero jump by ratios
        (19, 5.1, [("info", 19)]),
        (5, 62.0, [("warning", 5)]),
        (4, 62.0, []),  # nothing is usual yet
    ],
)
def test_one_row_far_above_all_before_it_is_a_spike_in_a_log_of_few_rows(row, peak, found):
    loss = fall(30)
    loss[row] = peak
    assert fired(ended(Log(train__loss=loss), LossSpike())) == found


@pytest.mark.parametrize("size", [1, 3, 30])
@pytest.mark.parametrize(
    ("first", "row", "peak", "found"),
    [
        (4e4, 8, 60.0, [("info", 8)]),  # a tenth of the first, or 100 times the usual: not much
        (4e4, 8, 900.0, [("warning", 8)]),
        (4e4, 5, 900.0, []),  # four rows since it came down
        (4e4, 6, 900.0, [("warning", 6)]),
        (8.0, 8, 60.0, []),  # it never was ten times as high
        (8.0, 8, 900.0, [("warning", 8)]),
    ],
)
def test_a_first_row_of_absurd_height_is_not_what_is_usual(first, row, peak, found, size):
    loss = np.full(25, 1.0) + 0.1 * (np.arange(25) % 3)
    loss[0], loss[row] = first, peak
    assert fired(ended(Log(train__loss=loss), LossSpike(), size)) == found


@pytest.mark.parametrize(
    ("rows", "times", "severity"),
    [(1, 60, "info"), (1, 3000, "warning"), (2, 60, "warning"), (2, 6, "info")],
)
def test_a_single_row_that_recovers_is_a_bad_batch_unless_it_is_beyond_measure(rows, times, severity):
    loss = (3 * np.exp(-np.arange(200) / 20) + 0.1) * np.exp(0.1 * np.random.default_rng(0).normal(size=200))
    loss[150 : 150 + rows] *= times
    assert fired(ended(Log(train__loss=loss), LossSpike())) == [(severity, 150)]


def test_rows_that_scatter_as_widely_before_are_no_spikes():
    loss = np.tile([1.0, 40.0, 3.0, 1.0, 20.0], 6) * 1.0
    loss[0], loss[17] = 4e4, 900.0
    assert {severity for severity, _ in fired(ended(Log(train__loss=loss), LossSpike()))} <= {"info"}


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_loss_that_goes_to_the_guess_among_a_vocabulary_has_lost_what_was_known(size):
    loss = np.array([1.637, 11.81, 11.60, 10.383, *np.full(6, 10.3735)])
    found, worse = ended(Log(train__loss=loss), AboveStart(), size)
    assert [(f.severity.value, f.step) for f in (found, worse)] == [("warning", 1), ("critical", 1)]
    assert found.title == "loss is 534% above what it began with (1.637 at step 0)"
    assert "guessing among 32," in found.cause
    assert ended(Log(train__loss=0.97 * loss), AboveStart(), size) == [], "a mean may begin low"


@pytest.mark.parametrize(("start", "severity"), [(6.0, "warning"), (13.5, "warning"), (1100.0, "info")])
def test_a_sum_may_grow_with_what_is_summed(start, severity):
    log = healthy(200)
    log.columns["train/loss"][:] = np.where(np.arange(200) < 10, start, 1.4 * start)
    assert {found for found, _ in fired(log.judge(AboveStart()))} == {severity}


@pytest.mark.parametrize("seed", range(20))
def test_evaluations_that_scatter_widely_rise_if_their_order_says_so(seed):
    rng = np.random.default_rng(seed)
    trained = Log(train__loss=0.1 * np.exp(-np.arange(24) / 20))
    rising = 0.11 * np.exp(0.2 * rng.permutation([-1.0, 1.0] * 12) + np.arange(24) / 20)
    trained.set("val/loss", rising)
    assert "warning" in {severity for severity, _ in fired(trained.judge(Validation()))}
    trained.set("val/loss", 0.15 * np.exp(0.2 * rng.normal(size=24)))
    assert fired(trained.judge(Validation())) == fired(trained.judge(Validation(trend=99)))
    trained.columns["train/loss"] = np.exp(np.arange(24) / 20)
    found = trained.set("val/loss", rising).judge(Validation())
    jumped = any("jumped" in each.title for each in found)
    assert jumped or "warning" not in {severity for severity, _ in fired(found)}, "it diverges: others say so"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0.2, 0.4, 0.43, 0.39, 0.42, 0.4], [("warning", 50)]),
        ([0.2, 0.4, 0.43, 0.39, 0.42], []),
        ([0.3, 0.2, 0.4, 0.43, 0.39, 0.42, 0.4], [("warning", 60)]),
        ([0.2, 0.29, 0.28, 0.29, 0.28, 0.29], []),  # less than half as high again
        ([0.2, 0.4, 0.8, 0.4, 0.7, 0.4], []),  # they scatter as far
        ([0.2, 0.6, 0.7, 0.6, 0.7, 0.6, 0.21, 0.2, 0.2], [("warning", 50)]),
    ],
)
def test_evaluations_that_never_come_near_the_first_again_are_worse(values, found):
    log = Log(train__loss=np.linspace(0.1, 0.3, 10 * len(values)))
    loss = np.full(log.count, np.nan)
    loss[::10] = values
    judged = log.set("val/loss", loss).judge(Validation())
    assert fired(judged) == found
    assert [f.verdict.value for f in judged][1:] == ["clear"] * (values[-1] == 0.2)
    assert all(f.cause == "" for f in judged), "the training loss rose, too"


def test_evaluations_on_their_way_back_from_a_hill_are_not_reported():
    hill = np.r_[0.02, 0.1, 0.3, 0.6, 0.8, 0.9, 0.9 * 0.93 ** np.arange(1, 12)]
    train = np.r_[0.2, 0.3, 0.5, 0.6, 0.6, 0.5, 0.5 * 0.9 ** np.arange(1, 12)]
    log = Log(train__loss=train).set("val/loss", hill)
    assert log.judge(Validation()) == []
    stays = np.r_[hill[:9], 0.7 + 0.02 * np.cos(np.arange(8))]
    assert fired(log.set("val/loss", stays).judge(Validation())) != []


def test_a_rise_among_evaluations_that_scatter_ends_with_the_median_of_three():
    high = 0.11 * np.exp(0.2 * (-1.0) ** np.arange(24) + np.arange(24) / 20)
    values = np.r_[high, 0.097, high[-3:], 0.097, 0.097, 0.097]
    log = Log(train__loss=0.1 * np.exp(-np.arange(len(values)) / 20)).set("val/loss", values)
    found = [(f.verdict.value, f.step) for f in log.judge(Validation()) if f.step >= 12]
    assert [step for verdict, step in found if verdict == "clear"] == [29], "not at 24"


@pytest.mark.parametrize(
    ("accuracy", "loss", "found"),
    [
        ([0.2] * 9, 2.9, ["info", "warning"]),  # one class of five is predicted for all
        ([0.01] * 9, 4.9, ["info"]),  # of a hundred: it may need longer
        ([0.13, 0.15, 0.16, 0.15, 0.13, 0.14, 0.15, 0.16, 0.15], np.log(7), ["info", "warning"]),
        ([0.13, 0.15, 0.16, 0.15, 0.13, 0.14, 0.15, 0.16, 0.15], 1.7, []),  # not that of guessing
        ([0.23, 0.21, 0.22, 0.23, 0.21, 0.22, 0.23, 0.21, 0.22], np.log(7), []),  # more than chance
    ],
)
def test_an_accuracy_of_guessing_is_a_warning_at_the_end(accuracy, loss, found):
    log = Log(train__loss=np.full(9, 2.0), val__loss=np.full(9, loss)).set("val/accuracy", accuracy)
    assert [severity for severity, _ in fired(ended(log, ScoreFloor()))] == found
    learns = log.set("train/loss", np.linspace(2, 1, 9))  # few rows, of which those before are some
    assert "warning" not in [severity for severity, _ in fired(ended(learns, ScoreFloor()))]


def evaluated(values, name="val/loss"):
    log = healthy(100 * len(values))
    log.set(name, np.full(log.count, np.nan)).columns[name][99::100] = values
    return log


def test_a_jump_no_farther_than_rows_of_training_are_apart_may_be_of_the_tasks_that_were_drawn():
    log = evaluated([4.0, 2.8, 2.6, 2.5, 7.0, 9.0, 2.4])
    assert fired(log.judge(Validation())) == [("warning", 599)]
    log.columns["train/loss"] *= np.exp(0.6 * np.random.default_rng(0).normal(size=log.count))
    assert log.judge(Validation()) == []


@pytest.mark.parametrize("name", ["val/MSE", "val/mean_absolute_error", "validation/rmse", "val/nll"])
def test_an_error_of_held_out_data_is_judged_where_no_validation_loss_is_printed(name):
    values = [3, 2.8, 2.6, 2.5, 2.45, 2.4, *np.arange(2.6, 5.0, 0.2)]
    found = evaluated(values, name).judge(Validation())
    assert "warning" in [severity for severity, _ in fired(found)]
    log = evaluated(values, name).set(
        "val/loss", evaluated(np.linspace(3, 1, len(values))).columns["val/loss"]
    )
    assert log.judge(Validation()) == log.judge(Validation(), range(0, log.count, 70)) == []


@pytest.mark.parametrize(
    "name", ["val/cls_loss", "val/mae_of_angles", "val/time", "train/mse", "val/cat/mse"]
)
def test_other_errors_are_not_of_all_that_is_tested(name):
    values = [3, 2.8, 2.6, 2.5, 2.45, 2.4, *np.arange(2.6, 5.0, 0.2)]
    assert evaluated(values, name).judge(Validation()) == []


def test_an_accuracy_near_that_of_guessing_that_rises_by_its_order_is_no_guess():
    wave = 0.005 * np.sin(np.arange(40))
    log = evaluated(0.495 + wave, "val/acc").set("train/loss", np.full(4000, 0.7))
    assert [severity for severity, _ in fired(log.judge(ScoreFloor()))] == ["info", "warning"]
    log.columns["val/acc"][99::100] = np.linspace(0.485, 0.51, 40) + wave
    assert log.judge(ScoreFloor()) == log.judge(ScoreFloor(), range(0, log.count, 90)) == []


def test_a_score_that_was_never_finite_says_nothing():
    assert evaluated(np.full(20, np.nan), "val/f1").judge(ScoreFloor()) == []


def test_means_of_many_steps_that_are_all_alike_have_cost_the_run():
    """Fine-tuning may begin where it ends, but means of a whole run scatter by more, or fall."""
    rng, steps = np.random.default_rng(3), 20 * np.arange(1, 41)
    found = [Log(steps, train__loss=4.7 * (1 + 0.001 * rng.normal(size=40))).judge(NeverLearns())]
    assert [fired(each) for each in found] == [[("warning", 800)]]
    assert found[0][0].title == "loss has not fallen in the first 40 logged steps: 4.7"
    quiet = [
        Log(steps, train__loss=4.7 * (1 + 0.02 * rng.normal(size=40))),
        Log(steps, train__loss=np.linspace(4.72, 4.68, 40)),
        Log(np.arange(40), train__loss=4.7 * (1 + 0.001 * rng.normal(size=40))),
        Log(steps + 90_000, train__loss=4.7 * (1 + 0.001 * rng.normal(size=40))),
    ]
    assert [log.judge(NeverLearns()) for log in quiet] == [[]] * 4


def test_a_loss_that_rests_from_the_third_epoch_on_is_reported_when_the_run_is_over():
    loss = np.r_[0.6951, 0.6902, np.full(14, 0.6893)]
    log = Log(train__loss=loss).set("train/epoch", np.arange(16.0))
    assert fired(log.judge(NeverLearns())) == [("warning", 15)]
    log = Log(train__loss=np.linspace(0.6951, 0.6801, 16)).set("train/epoch", np.arange(16.0))
    assert log.judge(NeverLearns()) == []


@pytest.mark.parametrize("value", [0.73125, 0.5])
def test_evaluations_that_are_the_same_to_the_last_digit_are_of_weights_that_do_not_change(value):
    log = evaluated([value] * 10)
    found = log.judge(Validation())
    assert fired(found) == ([("warning", 799)] if value == 0.73125 else [])
    assert log.judge(Validation(), range(0, log.count, 30)) == found
    log.columns["val/loss"][899] = 0.73
    assert len(log.judge(Validation())) == 2 * len(found), "it ends with another one"
    log.columns["train/loss"][:] = np.nan
    assert log.judge(Validation()) == []
