"""What looks like a fault of learning and is none: rounding, folds, means of epochs, warm-up, decaying jumps."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.grad_spike import GradSpike
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.lr_anomaly import LrAnomaly
from runwatch.alerts.rules.optimization.memorised import Memorised
from runwatch.alerts.rules.optimization.score_floor import ScoreFloor
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.core.batch import Event

from .columns import GRAD, LOSS, LR, Log, fired, healthy

VAL = "val/loss"


def noise(count, sigma=0.02, seed=0):
    return np.exp(sigma * np.random.default_rng(seed).normal(size=count))


# -- rounding --------------------------------------------------------------------------------------


def test_a_rate_that_was_never_above_zero_may_be_rounded_away():
    log = healthy(400)
    log.columns[LR] = np.round(3e-7 * np.ones(400), 6)
    (found,) = log.judge(LrAnomaly())
    assert (found.severity.value, found.title) == ("info", "the learning rate is printed as 0 since step 0")


def test_a_loss_that_goes_to_its_last_printed_digit_has_not_collapsed():
    loss = np.round(0.1 * np.exp(-np.arange(900) / 80) + 0.0001 * (np.arange(900) < 850) + 0.0001, 4)
    assert (loss[840], loss[899]) == (0.0002, 0.0001)
    assert Log(train__loss=loss).judge(LossDrop()) == []


def test_a_small_loss_that_is_rounded_to_zero_is_no_masked_nan():
    loss = np.array([0.095, 0.052, *np.zeros(60)])
    assert Log(train__loss=loss).judge(MaskedNan()) == []
    assert fired(Log(train__loss=10 * loss).judge(MaskedNan())) == [("critical", 2)]


def test_minus_zero_is_the_loss_of_a_policy_whose_answers_all_earn_the_same():
    loss = np.repeat([0.0, 0.2, 0.0], [2, 1, 6])
    assert fired(Log(train__loss=loss).judge(MaskedNan())) == [("critical", 3)]
    policy = Log(train__loss=np.where(loss == 0, -0.0, loss))
    assert policy.judge(MaskedNan()) == policy.judge(MaskedNan(), range(9)) == []
    masked = Log(train__loss=np.where(loss == 0, -0.0, loss)[2:])  # it had been something else
    assert fired(masked.judge(MaskedNan())) == [("critical", 1)]
    dead = policy.set("train/grad_norm", np.full(9, np.nan))
    assert fired(dead.judge(MaskedNan())) == [("critical", 3)]


def test_a_loss_of_0_is_judged_by_the_answers_where_no_gradient_norm_is_printed():
    log = Log(train__loss=np.r_[0.69, np.zeros(8)]).set("rewards/chosen", np.full(9, np.nan))
    log.set("train/reward", np.zeros(9))
    assert log.judge(MaskedNan()) == []
    log.set("logps/chosen", np.r_[-80.0, np.full(8, np.nan)])
    assert fired(log.judge(MaskedNan())) == [("critical", 1)]
    assert log.judge(MaskedNan(), range(9)) == log.judge(MaskedNan())


def test_a_loss_that_is_always_0_while_gradients_are_not_is_not_recorded():
    log = Log(train__loss=np.zeros(150)).set("head_grad_l2_norm", np.zeros(150))
    assert fired(log.judge(MaskedNan())) == [("warning", 0)]
    log.columns["head_grad_l2_norm"][3:] = 0.2
    assert log.judge(MaskedNan()) == log.judge(MaskedNan(), range(150)) == []


def test_zeros_next_to_a_validation_loss_that_falls_are_no_masked_nan():
    loss = np.array([0.46, *np.zeros(30)])
    val = 0.4 * np.exp(-np.arange(31) / 5)
    assert Log(train__loss=loss).set(VAL, val).judge(MaskedNan()) == []
    assert fired(Log(train__loss=loss).set(VAL, 0.4 + 0 * val).judge(MaskedNan())) == [("critical", 1)]


# -- a norm that is not that of the updates ---------------------------------------------------------


def descent(count):
    return 4 * np.exp(-np.arange(count) / 40) * noise(count, 0.01)


def test_a_gradient_norm_that_was_never_finite_while_the_loss_falls_is_a_note():
    log = Log(train__loss=descent(300), train__grad_norm=np.full(300, np.nan))
    assert fired(log.judge(NonFinite())) == [("info", 0)]


def test_one_next_to_a_loss_that_does_not_fall_says_that_every_step_is_skipped():
    log = Log(train__loss=2.3 * noise(300), train__grad_norm=np.full(300, np.nan))
    assert fired(log.judge(NonFinite())) == [("info", 0), ("warning", 9), ("critical", 99)]
    patient = NonFinite(grad_window=20, scale_search=50)
    assert fired(log.judge(patient)) == [("info", 0), ("warning", 19), ("critical", 49)]


def test_one_next_to_a_loss_that_is_not_finite_is_critical():
    loss = np.array([2.0, 1.9, *np.full(20, np.nan)])
    found = Log(train__loss=loss, train__grad_norm=np.full(22, np.nan)).judge(NonFinite())
    assert ("critical", 2) in [(f.severity.value, f.step) for f in found if f.metric == GRAD]
    for filtered in ({}, {"train__loss": np.zeros(22)}):
        alone = Log(train__grad_norm=np.full(22, np.nan), **filtered).judge(NonFinite())
        assert fired(alone) == [("warning", 0), ("critical", 2)]


def test_one_that_was_finite_once_is_that_of_the_updates():
    norms = np.array([1.0, *np.full(29, np.nan)])
    assert fired(Log(train__loss=descent(30), train__grad_norm=norms).judge(NonFinite())) == [
        ("info", 1),
        ("warning", 2),
        ("critical", 3),
    ]


# -- another beginning -----------------------------------------------------------------------------


def test_a_loss_without_steps_that_begins_again_is_another_fold():
    fold = (0.34 + 0.43 * np.exp(-np.arange(300) / 40)) * noise(300, 0.005)
    folds = Log(steps=np.full(600, np.nan), train__loss=np.tile(fold, 2))
    assert {severity for severity, _ in fired(folds.judge(LossSpike()))} == {"info"}
    steps = Log(train__loss=np.tile(fold, 2))
    assert "warning" in {severity for severity, _ in fired(steps.judge(LossSpike()))}


def test_a_loss_without_steps_that_falls_from_its_jump_on_is_of_another_training():
    rng = np.random.default_rng(5)
    falls = 0.02 * (1 + 40 * np.exp(-np.arange(600) / 60)) * np.exp(0.01 * rng.normal(size=600))
    loss = np.r_[3.0 * np.exp(-np.arange(1000) / 100) + 0.02, falls]
    loss *= np.exp(0.01 * rng.normal(size=1600))
    for steps, severities in ((np.full(1600, np.nan), {"info"}), (None, {"info", "warning", "critical"})):
        found = fired(Log(steps, train__loss=loss).judge(LossSpike()))
        assert {severity for severity, _ in found} == severities


def test_the_second_row_of_a_small_loss_is_no_spike():
    agent = [0.66, 16.1, 26.9, 28.3, 41.2, 34.0, 31.2, 23.8, 20.1, 22.0]
    assert Log(train__loss=agent).judge(LossSpike()) == []
    guess = [6.7, 99, 51, 26, 98, 99, 97, 99, 98, 99]
    assert fired(Log(train__loss=guess).judge(LossSpike())) != []


def test_means_of_epochs_that_only_the_step_counts_jump_at_borders():
    single = np.interp(np.arange(1200), [0, 300, 600, 900, 1200], [4, 2.9, 1.0, 0.4, 0.2]) * noise(1200, 0.02)
    means = np.concatenate([np.cumsum(part) / np.arange(1, 301) for part in np.split(single, 4)])
    log = Log(steps=np.repeat([1, 2, 3, 4], 300), train__loss=means)
    assert log.judge(LossDrop()) == []
    fallen = means.copy()
    fallen[700:] /= 4
    assert fired(Log(steps=np.arange(1200), train__loss=fallen).judge(LossDrop())) != []


# -- what comes back, and what is meant to rise ----------------------------------------------------


def test_a_jump_that_decays_is_no_divergence():
    rows = np.arange(2000)
    level = 30 + 80 * np.exp(-rows / 200) + np.where(rows >= 1200, 50 * np.exp(-(rows - 1200) / 120), 0)
    for seed in range(8):
        assert fired(Log(train__loss=level * noise(2000, 0.08, seed)).judge(Divergence())) == []
    stays = 30 + 80 * np.exp(-rows / 200) + np.where(rows >= 1200, 50, 0)
    assert "critical" in [s for s, _ in fired(Log(train__loss=stays * noise(2000, 0.08)).judge(Divergence()))]


def test_a_loss_that_rises_soon_after_its_first_descent_diverges():
    loss = np.interp(np.arange(600), [0, 120, 160, 600], [11, 3, 3, 4.2]) * noise(600, 0.01)
    assert "critical" in [severity for severity, _ in fired(Log(train__loss=loss).judge(Divergence()))]


def test_a_loss_that_rises_in_the_warm_up_and_falls_below_is_no_divergence():
    rows = np.arange(3000)
    loss = np.interp(rows, [0, 30, 170, 260, 1000, 3000], [11, 10.9, 7.1, 10.8, 8.2, 4]) * noise(3000, 0.01)
    warm = Log(train__loss=loss, train__learning_rate=1e-4 * np.minimum(1, (rows + 1) / 1600))
    assert fired(warm.judge(Divergence())) == []
    steady = Log(train__loss=loss, train__learning_rate=np.full(3000, 1e-4))
    assert fired(steady.judge(Divergence())) != []


def test_a_few_odd_batches_are_not_the_best_that_the_end_is_compared_with():
    loss = np.interp(np.arange(4000), [0, 400, 4000], [11, 4, 3.6]) * noise(4000, 0.03)
    loss[2500:2503] = 1.1, 0.95, 0.88
    assert fired(Log(train__loss=loss).judge(Divergence())) == []
    loss[-3:] = 9
    assert [severity for severity, _ in fired(Log(train__loss=loss).judge(Divergence()))] == ["critical"]


def test_a_spike_that_has_lost_half_of_its_rise_is_not_critical():
    rows = np.arange(1500)
    loss = (3.8 + np.where(rows >= 1000, 3 * np.exp(-(rows - 1000) / 35), 0)) * noise(1500, 0.01)
    found = fired(Log(train__loss=loss).judge(LossSpike()))
    assert [severity for severity, _ in found][:2] == ["info", "warning"]  # on its way back, but for long
    assert "critical" not in {severity for severity, _ in found}
    loss[1000:] = 6.5
    assert "critical" in [s for s, _ in fired(Log(train__loss=loss).judge(LossSpike()))]


def test_gradients_that_fade_are_not_critical():
    log = healthy()
    usual = float(np.median(log.columns[GRAD][800:1000]))
    log.columns[GRAD][1000:1014] = usual * np.array([50, 35, 240, 35, 33, 17, 21, 20, 21, 14, 12, 9, 8, 6])
    assert {severity for severity, _ in fired(log.judge(GradSpike()))} == {"info", "warning"}
    log.columns[GRAD][1000:1014] = usual * 240
    assert "critical" in [severity for severity, _ in fired(log.judge(GradSpike()))]


# -- training that becomes harder, and what is learned by heart ------------------------------------


def curriculum(hardest=4.0):
    rows = np.arange(1200)
    loss = 0.3 * np.interp(rows, [0, 200, 1200], [5, 1, hardest]) * noise(1200, 0.02)
    return Log(train__loss=loss).set("val/loss", np.interp(rows, [0, 1200], [3, 1]))


def test_a_loss_that_rises_while_evaluations_get_better_is_a_note():
    log = curriculum()
    assert {severity for severity, _ in fired(log.judge(Divergence()))} == {"info"}
    assert log.judge(Divergence()) == log.judge(Divergence(), range(0, 1200, 7))
    worse = log.columns["val/loss"][::-1].copy()
    assert "critical" in [s for s, _ in fired(log.set("val/loss", worse).judge(Divergence()))]


def test_a_loss_that_rises_while_a_score_gets_better_is_a_note_unless_it_doubles():
    log = curriculum(1.8)
    del log.columns["val/loss"]
    recall = log.set("val/recall@1", np.interp(np.arange(1200), [0, 1200], [0.4, 0.9]))  # of mined negatives
    assert {severity for severity, _ in fired(recall.judge(Divergence()))} == {"info"}
    assert recall.judge(Divergence()) == recall.judge(Divergence(), range(0, 1200, 7))
    higher = recall.set("train/loss", curriculum().columns["train/loss"]).judge(Divergence())
    assert "critical" in [severity for severity, _ in fired(higher)]
    log = curriculum(1.8).set("val/loss", np.full(1200, 0.5)).set("val/recall@1", np.full(1200, 0.5))
    assert "critical" in [severity for severity, _ in fired(log.judge(Divergence()))]


def test_a_program_that_saves_its_best_model_again_says_that_it_gets_better():
    log = curriculum()
    del log.columns["val/loss"]
    assert "critical" in [severity for severity, _ in fired(log.judge(Divergence()))]
    log.events = [
        Event("checkpoint", row * 100 + 50, row, "Saved best model") for row in range(230, 1200, 10)
    ]
    assert {severity for severity, _ in fired(log.judge(Divergence()))} == {"info"}
    assert log.judge(Divergence()) == log.judge(Divergence(), range(0, 1200, 7))


def test_a_loss_whose_parts_are_weighted_more_rises_by_a_note():
    rows = np.arange(1600)
    ce, kl = 0.06 * noise(1600), np.interp(rows, [0, 1600], [6.0, 1.0])
    loss = ce + np.interp(rows, [0, 600, 1600], [0.002, 0.002, 0.1]) * kl
    log = Log(train__loss=loss).set("ce", ce).set("kl", kl)
    assert {severity for severity, _ in fired(log.judge(Divergence()))} == {"info"}
    assert log.judge(Divergence()) == log.judge(Divergence(), range(0, 1600, 7))
    for name, values in (("ce", 1.5 * loss), ("kl", 0.01 * kl)):  # it rose; a part is not printed
        other = Log(train__loss=loss).set("ce", ce).set("kl", kl).set(name, values)
        assert "critical" in [severity for severity, _ in fired(other.judge(Divergence()))]
    means = Log(train__loss=loss).set("avg_loss", np.full(1600, 0.1)).set("best_loss", 2 * ce)
    assert "critical" in [severity for severity, _ in fired(means.judge(Divergence()))]
    alone = Log(train__loss=loss).set("kl", kl)
    assert "critical" in [severity for severity, _ in fired(alone.judge(Divergence()))]


def test_the_loss_of_what_is_learned_by_heart_rises_by_a_note():
    rows = np.arange(1600)
    loss = np.interp(rows, [0, 300, 600, 610, 1600], [0.4, -3, -13, -5.5, -5.5])
    log = Log(train__loss=np.exp(loss) * noise(1600, 0.05))
    assert {severity for severity, _ in fired(log.judge(Divergence()))} == {"info"}
    log.columns[LOSS][1000:] = 0.9 * noise(600, 0.02)
    assert "critical" in [severity for severity, _ in fired(log.judge(Divergence()))]


def test_a_loss_of_next_to_nothing_falls_for_nothing():
    def fallen(level):
        rows = np.arange(1500)
        return Log(
            train__loss=np.interp(rows, [0, 300, 999, 1000], [10, level, level, level / 50]) * noise(1500)
        )

    assert fired(fallen(1.0).judge(LossDrop())) != []
    log = fallen(0.1)
    assert log.judge(LossDrop()) == log.judge(LossDrop(), range(0, 1500, 11)) == []


@pytest.mark.parametrize(("fall", "found"), [(0.45, []), (0.65, ["warning"])])
def test_an_epoch_that_reads_all_data_again_may_halve_the_loss(fall, found):
    epoch = np.arange(900) // 300
    log = Log(train__loss=0.9 * (1 - fall * (epoch == 2)) * noise(900), train__epoch=epoch)
    assert [severity for severity, _ in fired(log.judge(LossDrop()))] == found
    assert log.judge(LossDrop()) == log.judge(LossDrop(), range(0, 900, 7))
    del log.columns["train/epoch"]
    assert [severity for severity, _ in fired(log.judge(LossDrop()))] == ["warning"]


@pytest.mark.parametrize(("fall", "found"), [(0.45, []), (0.65, ["warning"])])
def test_a_learning_rate_that_falls_by_a_factor_of_ten_may_halve_the_loss(fall, found):
    late = np.arange(900) >= 600
    log = Log(train__loss=0.9 * (1 - fall * late) * noise(900), train__learning_rate=0.1 * 0.1**late)
    assert [severity for severity, _ in fired(log.judge(LossDrop()))] == found
    assert log.judge(LossDrop()) == log.judge(LossDrop(), range(0, 900, 7))
    log.columns[LR][:] = 0.1
    assert [severity for severity, _ in fired(log.judge(LossDrop()))] == ["warning"]


# -- the level that a loss settles at rises with the rate ------------------------------------------


def cycle(rise, steepness=10.0):
    """Return a run whose rate rises for 1,500 rows, and whose loss is `rise` above its best from then on."""
    part = np.clip(np.arange(2500) / 1500, 0, 1)
    loss = (2.3 + 2 * np.exp(-np.arange(2500) / 80)) * (1 + rise * part**2) * noise(2500)
    return Log(train__loss=loss, train__learning_rate=3e-4 * (1 + (steepness - 1) * part**2))


def test_a_slight_rise_of_the_loss_with_the_learning_rate_is_a_note():
    found = cycle(0.2).judge(Divergence())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert "the learning rate is" in found[-1].cause
    for log in (cycle(0.4), cycle(0.2, steepness=1.3), cycle(0.2, steepness=1.0)):
        assert {severity for severity, _ in fired(log.judge(Divergence()))} & {"warning", "critical"}
    assert {severity for severity, _ in fired(cycle(0.2).judge(Divergence(slight=0.15)))} & {"critical"}


def restarted(low):
    """Return a run whose rate falls to `low` of its highest, and begins again, every 300 rows."""
    rows = np.arange(1200)
    rate = low + (1 - low) * (0.5 + 0.5 * np.cos(np.pi * (rows % 300) / 300))
    loss = (1.2 + 2 * np.exp(-rows / 120)) * (1 + 0.4 * rate) * noise(1200)
    return Log(train__loss=loss, train__learning_rate=1e-3 * rate)


def test_a_loss_that_rises_as_the_rate_begins_again_is_a_note():
    log = restarted(1e-4)
    found = log.judge(Divergence())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert log.judge(Divergence(), range(0, 1200, 7)) == found
    del log.columns["train/learning_rate"]
    assert "warning" in {severity for severity, _ in fired(log.judge(Divergence()))}


@pytest.mark.parametrize("count", [100, 300])
def test_a_loss_that_explodes_as_rates_are_tried_is_a_note(count):
    rows = np.arange(count)
    part = rows / count
    loss = 2.3 - 1.2 / (1 + np.exp(-20 * (part - 0.5))) + np.maximum(0, np.expm1(20 * (part - 0.8)))
    log = Log(train__loss=loss * noise(count, 0.01), train__learning_rate=1e-7 * 10 ** (8 * part))
    found = log.judge(Divergence())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert log.judge(Divergence(), range(0, count, 7)) == found
    log.columns["train/learning_rate"][:] = 1e-3 * part  # that of a warm-up
    assert "critical" in {severity for severity, _ in fired(log.judge(Divergence()))}


def test_a_loss_that_turns_negative_had_no_level_to_rise_from():
    loss = np.r_[2e-5 * np.exp(np.arange(120) / 30), np.full(40, -1e-4)]
    log = Log(train__loss=loss)
    found = log.judge(Divergence())
    assert [f.verdict.value for f in found][-1] == "clear"
    assert found[-1].step == 120
    assert log.judge(Divergence(), range(0, 160, 7)) == found


@pytest.mark.parametrize("rule", [ScorePlateau, ScoreFloor])
def test_rows_of_one_step_are_one_evaluation(rule):
    parts = Log(np.full(60, 12.0), val__dice=np.linspace(0.02, 0.01, 60))
    assert parts.judge(rule()) == []
    assert Log(val__dice=np.linspace(0.02, 0.01, 60)).judge(rule()) != []
    later = Log(np.repeat(np.arange(6.0), 10), val__dice=np.linspace(0.02, 0.01, 60))
    assert later.judge(rule()) == later.judge(rule(), range(0, 60, 7)) == []


def test_a_score_of_0_next_to_an_error_of_0_is_not_computed():
    log = Log(val__acc_top1=np.zeros(40)).set("val/loss", np.linspace(3, 2, 40))
    assert fired(log.judge(ScoreFloor()))[-1] == ("warning", 15)
    log.set("val/mape", np.zeros(40))
    assert log.judge(ScoreFloor()) == []
    log.columns["val/mape"][20:] = 0.3
    assert fired(log.judge(ScoreFloor())) == [("warning", 20)]
    assert log.judge(ScoreFloor(), range(1, 40)) == log.judge(ScoreFloor())


@pytest.mark.parametrize(("loss", "severities"), [(0.02, ["info"]), (2.3, ["info", "warning"])])
def test_an_accuracy_of_0_next_to_a_loss_that_no_classes_have_is_a_note(loss, severities):
    log = Log(val__accuracy=np.zeros(40)).set("val/loss", loss * noise(40))
    assert [severity for severity, _ in fired(log.judge(ScoreFloor()))] == severities
    overlap = Log(val__iou=np.zeros(40)).set("val/loss", loss * noise(40))
    assert [severity for severity, _ in fired(overlap.judge(ScoreFloor()))] == ["info", "warning"]


def test_what_is_untrained_are_the_first_rows():
    loss = np.r_[4.0, 900.0, 3.9, 4.2, np.linspace(4, 3, 196)]
    log = Log(train__loss=loss).set("train/epoch", np.arange(200.0))
    assert log.judge(Memorised()) == []
    log.columns["train/loss"][100:] = 0.01
    assert len(log.judge(Memorised())) == 1


@pytest.mark.parametrize(("width", "seed"), [(20, 5), (40, 0)])
def test_means_of_many_rows_wander_further_than_from_row_to_row(width, seed):
    means = np.convolve(0.05 * noise(3000, 0.3, seed), np.full(width, 1 / width), "valid")
    assert fired(Log(train__loss=means).judge(Divergence())) == []
    means[1500:] *= np.minimum(np.exp(np.arange(len(means) - 1500) / 600), 2.2)
    found = Log(train__loss=means).judge(Divergence())
    assert ("critical", 1500) < fired(found)[-1] < ("critical", 1900)
    assert Log(train__loss=means).judge(Divergence(), range(0, 2900, 7)) == found
