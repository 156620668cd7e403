"""Rules about evaluations: validation that rises, scores that stay low or make no progress."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.generalization_gap import GeneralizationGap
from runwatch.alerts.rules.optimization.score_floor import ScoreFloor
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.alerts.rules.optimization.validation import Validation

from .columns import LOSS, Log, brief, fired, healthy

VAL = "val/loss"


def evaluated(values):
    log = healthy(100 * len(values))
    log.set(VAL, np.nan * log.columns[LOSS])
    log.columns[VAL][99::100] = values
    return log


def test_validation_that_rises_while_training_falls_is_overfitting():
    log = evaluated([3, 2.8, 2.6, 2.5, 2.45, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0])
    found = log.judge(Validation())
    assert fired(found) == [("info", 999)]
    assert "best of 2.4 at step 599" in found[0].title
    noisy = 2.5 + 0.1 * np.random.default_rng(0).normal(size=30)
    assert evaluated(noisy).judge(Validation()) == []


def test_overfitting_is_a_warning_once_it_costs_half_of_the_best():
    values = [3, 2.8, 2.6, 2.5, 2.45, 2.4, *np.arange(2.6, 5.0, 0.2)]
    found = fired(evaluated(values).judge(Validation()))
    assert found[0][0] == "info"
    assert {severity for severity, _ in found} == {"info", "warning"}
    below = evaluated(np.array(values) / 3)  # the training loss is 2.5, by dropout or augmented data
    assert fired(below.judge(Validation())) == found


def test_a_wide_gap_says_nothing_of_evaluations_that_scatter():
    rng = np.random.default_rng(3)
    log = Log(train__loss=6 * np.exp(-np.arange(600) / 150) + 0.3)
    log.set(VAL, np.full(600, np.nan))
    log.columns[VAL][9::10] = 4.2 * np.exp(0.35 * rng.normal(size=60))
    log.columns[VAL][59] = 1.3  # the best of many is low by chance
    assert log.judge(Validation()) == []


@pytest.mark.parametrize(
    ("best", "count", "severities"),
    [(np.log(5), 12, ["info"]), (1.8, 12, ["warning"]), (np.log(5), 40, None)],
)
def test_evaluations_above_that_of_the_untrained_model_are_a_note_for_long(best, count, severities):
    values = best * np.append([1.0, 1.03, 1.02, 1.03, 1.02], np.linspace(1.1, 2.5, count))
    log = Log(train__loss=np.exp(-np.arange(5 * len(values)) / 20) + 0.05)
    log.set(VAL, np.full(5 * len(values), np.nan))
    log.columns[VAL][::5] = values
    found = log.judge(Validation())
    assert ("guessing" in found[0].cause) == (best != 1.8)
    assert sorted({severity for severity, _ in fired(found)}) == (severities or ["info", "warning"])
    each_epoch = Log(train__loss=log.columns[LOSS][::5]).set(VAL, values)
    assert "guessing" not in each_epoch.judge(Validation())[0].cause


def test_validation_that_jumps_is_reported_when_it_stays():
    before = [3, 2.8, 2.7, 2.65, 2.6, 2.55]
    found = evaluated([*before, 5.2, 5.2]).judge(Validation())
    assert fired(found) == [("warning", 799)]
    assert "jumped to 5.2, 2.0 times what it was" in found[0].title
    assert evaluated([*before, 5.2, 2.55, 2.54, 7.8, 2.5]).judge(Validation()) == []
    assert fired(evaluated(np.array([*before, 5.2, 5.2]) / 6).judge(Validation())) == [("warning", 799)]


def test_a_jump_of_training_and_validation_is_one_of_training():
    train = np.array([3, 2.8, 2.7, 2.65, 2.6, 2.55, 2.5, 5.0, 5.2, 3.0, 2.5])
    log = Log(train__loss=train).set(VAL, 1.1 * train)
    assert log.judge(Validation()) == log.judge(Validation(), range(11)) == []
    assert fired(log.set(LOSS, np.full(11, 2.5)).judge(Validation())) == [("warning", 8)]


NOISE = np.random.default_rng(4).normal(size=64)


def scored(values, name="val/miou", loss=None):
    values = np.asarray(values, float)
    log = Log(train__loss=np.full(len(values), 3.0) if loss is None else loss)
    return log.set(name, values)


def test_a_score_that_stays_next_to_nothing_is_a_note_and_then_a_warning():
    low = 0.003 * (1 + 0.2 * np.random.default_rng(0).normal(size=40))
    log = scored(low)
    found = log.judge(ScoreFloor())
    assert fired(found) == [("info", 7), ("warning", 15)]
    assert found[1].title == "val miou has stayed at 0.0025 in 16 evaluations"
    assert log.judge(ScoreFloor(), range(40)) == found
    low[20:] = 0.2
    assert brief(scored(low).judge(ScoreFloor()))[-1][:2] == ("clear", "info")
    rows = scored(np.full(2000, 0.01), "acc")
    assert fired(rows.judge(ScoreFloor())) == [("info", 511), ("warning", 1023)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("val/acc", np.linspace(0.001, 0.03, 64)),  # thousands of classes
        ("val/acc", np.full(64, 0.7)),
        ("val/acc", np.linspace(0.1, 0.14, 64)),
        ("val/winogrande_acc", 0.5 + 0.005 * NOISE),  # one task of many
        ("val/acc", np.r_[np.full(3, 0.01), np.full(61, 2.5)]),  # per cent
        ("val/recall@20", np.full(64, 0.02)),
        ("val/reward", np.r_[np.zeros(7), 0.01, np.zeros(56)]),
        ("val/bleu", np.full(64, 0.01)),
        ("val/person ap", np.zeros(64)),  # a class without data
        ("val/acc", np.full(64, 1.0)),
        ("val/acc", np.r_[np.full(7, 0.2), 0.2001, np.full(56, 0.2)]),
        ("train/grad_acc", np.zeros(2000)),
        ("acc_loss", np.zeros(2000)),
    ],
)
def test_scores_that_grow_or_may_be_small_are_not_next_to_nothing(name, values):
    assert scored(values, name).judge(ScoreFloor()) == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("val/mAP50", 0.0, [("info", 7), ("warning", 15)]),
        ("val/BLEU", 0.0, [("info", 7), ("warning", 15)]),
        ("mAP", 0.0, [("info", 31), ("warning", 2047)]),
        ("val/reward", 0.0, [("info", 7), ("warning", 31)]),
        ("episode_reward", 0.0, [("info", 511), ("warning", 2047)]),
        ("val/acc", 0.1, [("info", 7), ("warning", 15)]),
        ("val acc", 25.0, [("info", 7), ("warning", 15)]),
    ],
)
def test_a_score_that_is_exactly_nothing_or_one_guess_of_k_in_all_values_is_found(name, value, found):
    log = scored(np.full(2048 if found[-1][1] > 511 else 64, value), name)
    assert fired(log.judge(ScoreFloor())) == found
    assert log.judge(ScoreFloor(), range(2048)) == log.judge(ScoreFloor())


@pytest.mark.parametrize(("fall", "severities"), [(0.9, ["info", "warning"]), (0.5, ["info"])])
def test_a_score_that_a_bar_prints_may_be_nothing_for_most_of_an_epoch_whose_loss_falls(fall, severities):
    log = scored(np.zeros(4096), "f1", 3.0 * np.linspace(1, fall, 4096))
    assert [severity for severity, _ in fired(log.judge(ScoreFloor()))] == severities


@pytest.mark.parametrize(("seed", "found"), [(1, False), (14, False), (26, False), (37, False), (37, True)])
def test_one_low_evaluation_among_noisy_ones_is_no_best_to_rise_from(seed, found):
    noise = np.exp(0.2 * np.random.default_rng(seed).normal(size=30))
    loss = noise * (1 + 0.05 * np.maximum(0, np.arange(30) - 7) * found)
    log = Log(np.arange(30.0), train__loss=0.5 + 1.8 * np.exp(-np.arange(30) / 10)).set("val/loss", loss)
    assert bool(log.judge(Validation())) == found


@pytest.mark.parametrize(
    ("name", "scores", "severity"),
    [
        ("val/acc", np.linspace(0.5, 0.9, 24), "info"),
        ("val/acc", np.minimum(np.linspace(0.5, 1.3, 24), 0.8), "warning"),  # it no longer rises
        ("val/acc", np.linspace(0.8, 0.806, 24), "warning"),  # by next to nothing
        ("val/mae", np.linspace(0.5, 0.9, 24), "warning"),  # of which less is better
        ("acc", np.linspace(0.5, 0.9, 24), "warning"),  # of what is trained
    ],
)
def test_a_rise_is_a_note_while_more_answers_of_the_held_out_data_are_right(name, scores, severity):
    loss = np.append(np.linspace(2.0, 1.0, 6), np.linspace(1.1, 1.45, 18))
    log = Log(np.arange(24.0), train__loss=np.geomspace(2, 0.1, 24)).set("val/loss", loss).set(name, scores)
    found = log.judge(Validation())
    assert found[-1].severity == severity
    assert ("still rises" in found[-1].cause) == (severity == "info")
    assert log.judge(Validation(), range(24)) == found


def test_a_score_above_that_at_the_best_explains_a_rise_where_no_training_loss_is_printed():
    loss = np.append(np.linspace(0.9, 0.28, 30), np.linspace(0.29, 0.36, 170))
    log = Log(np.arange(200.0), val__loss=loss).set("val/acc", np.minimum(np.linspace(0.7, 0.95, 200), 0.8))
    found = log.judge(Validation())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert "val acc still rises" in found[-1].cause
    log.columns["val/acc"][:] = 0.8
    assert "warning" in {severity for severity, _ in fired(log.judge(Validation()))}


@pytest.mark.parametrize(("begin", "severity"), [(1.0, "info"), (0.02, "warning")])
def test_a_rise_that_is_next_to_nothing_of_what_was_gained_is_a_note(begin, severity):
    loss = np.append(np.geomspace(begin, 1e-4, 40), np.linspace(1.1e-4, 3e-4, 40))
    log = Log(np.arange(80.0), train__loss=np.geomspace(begin, 1e-5, 80)).set("val/loss", loss)
    assert fired(log.judge(Validation()))[-1][0] == severity


@pytest.mark.parametrize(("level", "classes"), [(0.5, 2), (0.1, 10), (10.0, 10), (1.0, 100), (0.001, 1000)])
def test_an_accuracy_of_guessing_is_found_though_it_moves(level, classes):
    log = scored(level * (1 + 0.02 * NOISE), "val/acc")
    found = log.judge(ScoreFloor())
    assert fired(found) == [("info", 7), ("warning", 15)]
    if classes < 1000:  # else it is next to nothing as well
        assert found[0].cause == f"it is the accuracy of guessing among {classes} classes"
    assert log.judge(ScoreFloor(), range(64)) == found


def test_an_accuracy_of_guessing_ends_when_it_rises_and_is_a_note_where_the_loss_falls():
    risen = np.where(np.arange(64) < 40, 0.5 + 0.005 * NOISE, 0.7)
    assert brief(scored(risen, "val/acc").judge(ScoreFloor()))[-1] == ("clear", "info", 48)
    falls = scored(0.5 + 0.005 * NOISE, "val/acc", loss=np.geomspace(3, 0.1, 64))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7)]


def test_a_main_score_of_nothing_is_a_warning_in_the_end_though_the_loss_falls():
    falls = scored(np.zeros(64), "val/bleu", loss=np.geomspace(3, 0.1, 64))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7), ("warning", 31)]


def test_a_main_score_of_nothing_has_cost_a_short_run_when_it_is_over():
    flat = scored(np.zeros(10), "val/mAP50", loss=np.full(10, 0.15))
    flat.set("val/box_loss", np.full(10, 0.1)).set("val/cls_loss", np.zeros(10))
    assert fired(flat.judge(ScoreFloor(), end=False)) == [("info", 7)], "one class has no loss of its own"
    assert [severity for severity, _ in fired(flat.judge(ScoreFloor()))] == ["info", "warning"]
    unchecked = flat.set("val/box_loss", np.zeros(10))
    assert unchecked.judge(ScoreFloor()) == []
    falls = scored(np.zeros(10), "val/mAP50", loss=np.geomspace(0.3, 0.1, 10))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7)]


def test_a_score_of_nothing_is_a_note_where_the_loss_falls_or_networks_play():
    falls = scored(np.zeros(60), loss=np.geomspace(3, 0.1, 60))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7)]
    assert falls.judge(ScoreFloor(), range(60)) == falls.judge(ScoreFloor())
    plays = scored(np.zeros(60)).set("d_loss", np.ones(60))
    assert fired(plays.judge(ScoreFloor())) == [("info", 7)]


@pytest.mark.parametrize(
    ("name", "every", "severity"),
    [
        ("val/mean_dice", 10, "warning"),
        ("val/mIoU", 10, "warning"),
        ("val/miou", 2, "info"),
        ("val/dice_car", 10, "info"),
    ],
)
def test_an_overlap_of_nothing_is_a_warning_after_many_epochs_though_the_loss_falls(name, every, severity):
    falls = scored(np.full(10, 3e-4), name, loss=np.geomspace(3, 0.1, 10))
    falls.set("train/epoch", every * np.arange(1, 11))
    assert fired(falls.judge(ScoreFloor())) == [(severity, 7)]
    assert falls.judge(ScoreFloor(), range(10)) == falls.judge(ScoreFloor())


def test_evaluations_that_rose_and_came_back_must_rise_further():
    wave = [2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.4, 2.3, 2.2, 2.1]
    found = fired(evaluated([2.4, 2.3, 2.2, 2.1, *4 * wave]).judge(Validation()))
    assert [step // 1000 for _, step in found] == [0]
    found = fired(evaluated([2.4, 2.3, 2.2, 2.1, *3 * wave, *np.arange(2, 4, 0.1)]).judge(Validation()))
    assert [(severity, step // 1000) for severity, step in found] == [
        ("info", 0),
        ("warning", 4),
    ]


def test_the_few_evaluations_before_a_rise_may_be_calm_by_chance():
    calm = [0.0368, 0.0321, 0.0322, 0.0324, 0.0329]
    assert evaluated([*calm, 0.0365, 0.0387, 0.0356]).judge(Validation()) == []
    found = fired(evaluated([*calm, 0.035, 0.037, 0.039, 0.041]).judge(Validation()))
    assert found == [("warning", 799)]


def test_a_rise_lasts_for_a_part_of_the_evaluations_so_far():
    flat = [2.0, 2.02] * 40
    assert evaluated([*flat, *[2.3] * 8]).judge(Validation()) == []
    assert len(fired(evaluated([*flat, *[2.3] * 9]).judge(Validation()))) == 1


def test_noise_that_begins_late_is_noise():
    late = 2.5 * np.exp(np.where(np.arange(40) > 15, 0.2, 0.005) * np.random.default_rng(1).normal(size=40))
    assert evaluated(late).judge(Validation()) == []


def test_a_steep_descent_is_no_noise():
    values = [10.9, 4.2, 3.0, 2.6, 2.45, 2.4, 2.45, 2.55, 2.65, 2.75, 2.85]
    assert fired(evaluated(values).judge(Validation())) == [("info", 1099)]


def test_the_training_loss_of_the_run_before_does_not_count():
    values = [3, 2.8, 2.6, 2.5, 2.4, 2.3, *[2.6, 2.5, 2.4], *np.arange(2.5, 3.5, 0.1)]
    log = Log(train__loss=np.where(np.arange(190) < 60, 1.0, 2.0))
    log.steps[60:] -= 60
    log.set(VAL, np.full(190, np.nan))
    log.columns[VAL][9::10] = values
    assert {severity for severity, _ in fired(log.judge(Validation()))} == {"info", "warning"}


def test_lines_of_one_evaluation_are_one():
    log = evaluated([3, 2.8, 2.6, 2.5, 2.4])
    rows = slice(log.count, None)
    values = [2.6, 2.75, 2.9, 3.05, 3.2]
    more = Log(
        steps=np.append(log.steps, np.full(len(values), log.count)),
        **{name: np.append(column, np.full(len(values), np.nan)) for name, column in log.columns.items()},
    )
    more.columns[VAL][rows] = values
    more.columns = {VAL: more.columns[VAL]}  # nothing was trained in between
    assert more.judge(Validation()) == []
    more.steps[rows] += np.arange(len(values))
    assert fired(more.judge(Validation())) == [("info", 503), ("warning", 503)]


def in_batches(levels, count):
    """Evaluations of which each batch is printed; the first one of some is far from the others."""
    batches = np.outer(levels, np.linspace(0.7, 1.3, count))
    batches[4, 0] *= 0.1
    batches[9:, 0] *= 4
    return Log(np.repeat(np.arange(len(levels)) * 100.0, count), val__loss=batches.ravel())


def test_an_evaluation_of_which_each_batch_is_printed_is_judged_by_their_median():
    calm = in_batches(np.linspace(2, 1, 24), 7)
    assert calm.judge(Validation()) == calm.judge(Validation(), range(0, calm.count, 3)) == []
    rising = in_batches(np.r_[np.linspace(2, 1, 8), np.linspace(1.1, 2.5, 16)], 7)
    found = rising.judge(Validation())
    assert fired(found)[-1][0] == "warning"
    assert "above its best of 1 at step 700" in found[-1].title
    assert rising.judge(Validation(), range(0, rising.count, 3)) == found


def test_the_last_of_them_is_complete_when_the_run_is_over():
    log = in_batches([1.2, 1.1, *np.ones(6), 2.2, 2.3], 3)
    assert log.judge(Validation(), end=False) == []
    assert [step for _, step in fired(log.judge(Validation()))] == [900]


def test_half_of_the_evaluations_far_above_the_others_are_no_noise():
    low, high = [0.7, 0.8, 0.7, 3.2, 2.2, 6.7, 12, 1.0], [2.1, 1.9, 1.8, 3.4, 4.6, 20, 11, 15]
    log = Log(train__loss=np.full(160, 0.8))
    log.set(VAL, np.full(160, np.nan))
    log.columns[VAL][9::10] = low + high
    assert fired(log.judge(Validation())) == [("warning", 159)]
    log.columns[VAL][89] = 1.2
    assert log.judge(Validation()) == []


def test_a_score_that_makes_no_progress_is_a_note_reported_at_its_best():
    score = np.r_[0.0, 0.47, np.full(30, 0.59), 0.6, 0.61]
    found = Log(np.arange(34) * 200, SCORE=score).judge(ScorePlateau())
    assert brief(found) == [("firing", "info", 400), ("clear", "info", 6400)]
    assert found[0].title == "SCORE has not risen above 0.59 for 8 evaluations, since step 400"
    assert Log(np.arange(34) * 200, SCORE=score).judge(ScorePlateau(), range(34)) == found
    assert Log(val__accuracy=np.r_[0.5, np.ones(30)]).judge(ScorePlateau()) == [], "perfect"
    assert Log(accuracy=score).judge(ScorePlateau()) == [], "of training rows"
    late = np.r_[np.linspace(0.1, 0.6, 40), np.full(12, 0.6)]
    assert Log(val__f1=late).judge(ScorePlateau()) == [], "a quarter of the run is not long"


@pytest.mark.parametrize(
    ("values", "train", "warns"),
    [
        # as few as three where it is half above the best and training far below, 24 where it is a twentieth
        ([0.12, 0.17, 0.2, 0.18], [0.2, 0.07, 0.03, 0.01], True),
        ([0.12, 0.17, 0.2], [0.2, 0.07, 0.03], False),  # two above the best
        ([0.12, 0.13, 0.15, 0.14], [0.2, 0.07, 0.03, 0.01], False),  # not that far
        ([0.12, 0.17, 0.2, 0.18], [0.2, 0.14, 0.12, 0.11], False),  # training is not that far below
        ([0.12, 0.17, 0.4, 0.18], [0.2, 0.07, 0.03, 0.01], False),  # they scatter
        ([0.7, 0.5, 0.54, 0.58, 0.62, 0.66, 0.66], np.linspace(0.5, 0.2, 7), True),
        ([0.7, 0.5, 0.54, 0.58, 0.62, 0.66, 0.66], np.linspace(0.5, 0.42, 7), False),  # training hardly fell
        ([0.7, 0.5, 0.54, 0.58, 0.62, 0.66, 0.66], np.linspace(2.5, 0.7, 7), True),  # it is above
        ([1.9, 1.5, 1.6, 1.7, 1.8, 1.9, 1.9], np.linspace(2.5, 2.2, 7), False),  # it hardly fell, above
        ([*np.linspace(1.2, 0.5, 8), 0.54, 0.56, 0.58, 0.6, 0.6], np.linspace(1, 0.1, 13), False),
        ([*np.linspace(1.2, 0.5, 8), 0.54, 0.58, 0.62, 0.66, 0.66], np.linspace(1, 0.1, 13), True),  # costly
        ([0.7, 0.5, 0.51, 0.5, 0.51, 0.52, 0.51, 0.53, 0.52, 0.53], np.linspace(0.5, 0.2, 10), False),
        ([0.7, 0.5, *np.linspace(0.5, 0.54, 24)], np.linspace(0.5, 0.1, 26), True),
        ([0.7, 0.5, 0.51, 0.52, 0.53, 0.54, 0.56, 0.58], np.linspace(0.5, 0.38, 8), True),  # in order
        ([0.7, 0.5, 0.51, 0.53, 0.52, 0.54, 0.56, 0.55], np.linspace(0.5, 0.38, 8), False),
        (
            [9, 4, 1, 1.1, 1.2, 1.3, 1.4, 1.35],
            [9, 4, 1, 1.1, 1.15, 1.1, 1.1, 1.1],
            False,
        ),  # training fell fast
        ([0.7, 0.5, *np.linspace(0.52, 0.7, 12)], np.linspace(-0.2, -0.9, 14), True),  # of another kind
    ],
)
def test_a_rise_counts_the_more_the_longer_it_lasts(values, train, warns):
    log = Log(train__loss=train, val__loss=values)
    found = log.judge(Validation())
    assert ["warning"] * warns == [severity for severity, _ in fired(found) if severity == "warning"][:1]
    assert log.judge(Validation(), range(0, len(values), 3)) == found


def test_a_loss_above_zero_is_not_compared_with_one_below_it_that_does_not_fall():
    values = np.r_[20.0, 14.0, np.linspace(20, 400, 20)]
    for train in (-0.02, 0.02):
        log = Log(train__loss=np.full(len(values), train), val__loss=values)
        found = log.judge(Validation()) + log.judge(GeneralizationGap())
        assert (found == []) == (train < 0)


@pytest.mark.parametrize(
    ("rates", "severity"),
    [
        (np.r_[np.linspace(1, 0.1, 8), np.ones(12)], "info"),  # a schedule that begins again
        (np.r_[np.linspace(1, 0.6, 8), np.ones(12)], "warning"),
        (np.r_[np.linspace(0.1, 1, 8), np.ones(12)], "warning"),  # a warm-up
        (np.linspace(1, 0.1, 20), "warning"),
    ],
)
def test_a_rise_under_a_rate_that_was_raised_again_is_a_note(rates, severity):
    log = Log(
        train__loss=np.linspace(2, 1, 20), val__loss=np.r_[np.linspace(2, 1.2, 8), np.linspace(1.4, 2, 12)]
    )
    log.set("train/learning_rate", rates)
    assert fired(log.judge(Validation()))[-1][0] == severity
    assert log.judge(Validation(), range(0, 20, 3)) == log.judge(Validation())


def perplexed(values, name="val/perplexity", every=10):
    """A log of a language model: its training loss falls, and its perplexity is printed now and then."""
    rows = every * len(values)
    log = Log(train__loss=5 * np.exp(-np.arange(rows) / rows)).set(name, np.full(rows, np.nan))
    log.columns[name][every - 1 :: every] = values
    return log


RISES = 80 * np.r_[2.0, 1.3, 1.0, np.linspace(1.02, 1.5, 12)]


@pytest.mark.parametrize("name", ["val/perplexity", "valid/ppl", "Validation Perplexity", "eval/lm_ppl"])
def test_a_perplexity_is_judged_where_no_validation_loss_is_printed(name):
    log = perplexed(RISES, name)
    found = [f for f in log.judge(Validation()) if f.severity.value == "warning"]
    assert {f.metric for f in found} == {name}
    assert log.judge(Validation(), range(0, log.count, 7)) == log.judge(Validation())
    log.set(VAL, np.where(np.isnan(log.columns[name]), np.nan, 4.0))
    assert log.judge(Validation()) == []


def test_a_perplexity_of_as_many_as_there_are_classes_is_that_of_guessing():
    values = 5 * np.append([1.0, 1.03, 1.02, 1.03, 1.02], np.linspace(1.1, 2.5, 12))
    log = Log(train__loss=2.3 * np.exp(-np.arange(85) / 90)).set("val/ppl", np.full(85, np.nan))
    log.columns["val/ppl"][::5] = values
    found = log.judge(Validation())
    assert "guessing" in found[0].cause
    assert {severity for severity, _ in fired(found)} == {"info"}


@pytest.mark.parametrize("name", ["train/perplexity", "ppl", "test/ppl"])
def test_other_perplexities_are_not_of_validation(name):
    assert perplexed(RISES, name).judge(Validation()) == []


def test_a_perplexity_is_compared_with_that_of_the_training_loss():
    log = perplexed(RISES)
    log.columns["train/loss"] = np.linspace(5, 5.2, log.count)  # exp of it rises by more than 3 %
    assert log.judge(Validation()) == []


def test_a_launch_that_begins_again_with_the_step_it_had_reached_is_another_run():
    def logs(values):
        given = {"train__loss": np.geomspace(0.5, 0.02, 8), "val__loss": values}
        yield Log(steps=[1, 1, 2, 3, 4, 5, 6, 7], restarts=[1], **given)  # from the first step
        yield Log(steps=[1, 2, 2, 3, 4, 5, 6, 7], restarts=[2], **given)  # it continues

    values = np.array([0.019, 0.035, 0.034, 0.032, 0.031, 0.03, 0.029, 0.029])
    again, resumed = logs(values)
    assert "warning" in {severity for severity, _ in fired(resumed.judge(Validation()))}
    for cuts in ((), (1,), range(7)):
        assert again.judge(Validation(), cuts) == []
    again, resumed = logs(np.append(0.8, np.full(7, 0.85)))
    assert [severity for severity, _ in fired(resumed.judge(GeneralizationGap()))] == ["info"]
    assert again.judge(GeneralizationGap(evals=7)) == []


def test_evaluations_that_are_on_their_way_back_do_not_rise():
    values = np.array([3.66, 3.65, 5.7, 5.78, 5.69, 5.45, 5.24, 5.0, 4.95, 4.83, 4.67, 4.49, 4.25, 4.03])
    log = Log(train__loss=np.geomspace(10, 2, 14), val__loss=values)
    assert log.judge(Validation()) == []
    log.columns[VAL] = np.append(values[:2], values[:1:-1])
    assert "warning" in {severity for severity, _ in fired(log.judge(Validation()))}


def test_the_training_loss_of_epochs_that_are_long_over_does_not_count():
    epochs = np.arange(120)
    warm = (epochs % 30) / 30  # a rate that begins again every 30 epochs, and is not printed
    level = 1 + 0.6 * np.cos(np.pi * warm)
    log = Log(train__loss=(0.3 + 1.5 * np.exp(-epochs / 12)) * level)
    log.set(VAL, (0.5 + 1.2 * np.exp(-epochs / 12)) * level)
    assert "warning" not in {severity for severity, _ in fired(log.judge(Validation()))}


def test_the_fall_of_the_training_loss_is_the_same_for_a_perplexity():
    values = 1.1 * np.r_[1.1, 1.0, np.linspace(1.01, 1.15, 30)]
    log = Log(train__loss=np.geomspace(0.1, 0.04, 32)).set("val/ppl", values)
    assert "warning" in {severity for severity, _ in fired(log.judge(Validation()))}
