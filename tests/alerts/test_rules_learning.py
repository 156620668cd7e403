"""Rules about what is learned: masked NaN, gradients, rates, validation, restarts."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.nonfinite.loss_scale import LossScale
from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.optimization.grad_vanish import GradVanish
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.lr_anomaly import LrAnomaly
from runwatch.alerts.rules.optimization.memorised import Memorised
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.optimization.plateau import Plateau
from runwatch.alerts.rules.optimization.resume import Resume
from runwatch.alerts.rules.optimization.score_floor import ScoreFloor
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Verdict

from .columns import GRAD, LOSS, LR, SCALE, Log, brief, healthy

VAL = "val/loss"
STEPS = np.arange(3000)


def fired(findings):
    return [(f.severity.value, f.step) for f in findings if f.verdict is Verdict.FIRING]


# -- masked NaN ------------------------------------------------------------------------------------


def test_a_loss_of_exactly_zero_is_masked_nan():
    log = healthy()
    log.columns[LOSS][1000:1100] = 0.0
    log.columns[GRAD][1000:1100] = np.nan
    found = log.judge(MaskedNan())
    assert brief(found) == [("firing", "critical", 1000), ("clear", "critical", 1102)]
    assert "is exactly 0 since step 1000" in found[0].title
    assert "NaN losses are printed as 0" in found[0].cause


def test_zero_from_the_first_row_is_reported_only_if_gradients_are_dead_too():
    log = Log(train__loss=np.zeros(50), train__grad_norm=np.zeros(50))
    assert fired(log.judge(MaskedNan())) == [("critical", 0)]
    log.columns[GRAD][:] = 0.3  # a loss of preferences that is truly zero
    assert log.judge(MaskedNan()) == []


@pytest.mark.parametrize("cuts", [(), (50,), (150,), range(1, 300)])
def test_zero_from_the_first_row_with_dead_gradients_is_found_in_any_pieces(cuts):
    log = Log(
        train__loss=np.zeros(300), train__grad_norm=np.zeros(300), train__loss_scale=np.full(300, 65536.0)
    )
    assert fired(log.judge(MaskedNan(), cuts)) == [("critical", 0)]
    del log.columns[GRAD]
    assert fired(log.judge(MaskedNan(), cuts)) == [("warning", 0)]


@pytest.mark.parametrize("cuts", [(1002,), (1010,), (1039, 1041), (1060,), range(990, 1110)])
def test_gradients_that_die_long_after_the_loss_are_found_in_any_pieces(cuts):
    log = healthy()
    log.columns[LOSS][1000:1100] = 0.0
    log.columns[GRAD][1040:1100] = 0.0
    whole = log.judge(MaskedNan())
    assert brief(whole) == [("firing", "critical", 1000), ("clear", "critical", 1102)]
    assert log.judge(MaskedNan(), cuts) == whole


def test_a_policys_loss_of_zero_is_no_masked_nan():
    rng = np.random.default_rng(0)
    loss = 0.1 * rng.normal(size=400)
    loss[100:120] = 0.0  # all answers earn the same
    assert Log(train__loss=loss).judge(MaskedNan()) == []
    rewarded = Log(train__loss=np.where(np.arange(400) < 100, 0.3, 0.0)).set("reward", np.ones(400))
    rewarded.set(GRAD, np.zeros(400))
    assert rewarded.judge(MaskedNan()) == []
    rewarded.columns[GRAD][100:] = np.nan
    assert fired(rewarded.judge(MaskedNan())) != []


def test_a_frozen_loss_is_found_and_a_rounded_one_is_not():
    log = healthy()
    log.columns[LOSS][1000:1200] = log.columns[LOSS][1000]
    assert fired(log.judge(MaskedNan())) == [("critical", 1000)]
    rounded = Log(train__loss=np.round(healthy().columns[LOSS] * 16) / 16)
    assert rounded.judge(MaskedNan()) == []


# -- gradients and the loss scale ------------------------------------------------------------------


def test_gradients_that_vanish_are_a_warning_and_zeros_are_critical():
    log = healthy()
    log.columns[GRAD][1000:1100] *= 1e-4
    assert fired(log.judge(GradVanish())) == [("warning", 1000)]
    log.columns[GRAD][1000:1100] = 0.0
    assert fired(log.judge(GradVanish())) == [("critical", 1000)]
    log.columns[GRAD][:] = 0.0  # never computed
    assert log.judge(GradVanish()) == []


def test_a_loss_scale_that_falls_to_one_is_critical():
    scale = np.full(3000, 65536.0)
    scale[1000:1100] = 65536.0 / 2.0 ** np.minimum(np.arange(100) // 2, 16)
    found = healthy().set(SCALE, scale).judge(LossScale())
    assert [s for s, _ in fired(found)] == ["warning", "critical"]
    assert found[-1].verdict is Verdict.CLEAR


def test_the_search_for_a_loss_scale_and_its_usual_steps_are_silent():
    scale = np.full(3000, 4096.0)
    scale[:40] = 2.0 ** np.linspace(32, 12, 40).round()
    scale[500::400] = 2048.0
    assert healthy().set(SCALE, scale).judge(LossScale()) == []


# -- learning rate ---------------------------------------------------------------------------------


def test_a_rate_of_zero_is_critical_and_a_decay_to_zero_is_not():
    log = healthy()
    log.columns[LR][1000:1200] = 0.0
    found = log.judge(LrAnomaly())
    assert brief(found) == [("firing", "critical", 1000), ("clear", "critical", 1200)]
    log.columns[LR] = np.round(6e-6 * np.maximum(0, 1 - STEPS / 2500), 6)
    assert log.judge(LrAnomaly()) == []


def test_a_rate_that_is_never_above_zero():
    log = healthy()
    log.columns[LR][:] = 0.0
    assert fired(log.judge(LrAnomaly())) == [("info", 0)]


def test_a_jump_is_a_warning_and_warm_restarts_and_warm_up_are_not():
    log = healthy()
    log.columns[LR][1000:] *= 10
    assert fired(log.judge(LrAnomaly())) == [("warning", 1000)]
    log.columns[LR] = 1e-3 * (0.01 + 0.5 * (1 + np.cos(np.pi * (STEPS % 300) / 300)))
    assert log.judge(LrAnomaly()) == []
    log.columns[LR] = 1e-3 * np.minimum(1, 10.0 ** (np.minimum(STEPS, 8) - 8.0))
    assert log.judge(LrAnomaly()) == []


def resumed(back=30, at=1500):
    log = healthy()
    log.columns[LR] = 1e-3 * (1 - STEPS / 3000)
    log.steps[at:] -= back
    log.restarts = [at]
    for column in log.columns.values():
        column[at:] = np.r_[column[at - back : 3000 - back]]
    return log


def test_a_schedule_that_starts_again_after_a_restart():
    log = resumed()
    assert log.judge(LrAnomaly()) == []
    log.columns[LR][1500:] = 1e-3
    (found,) = log.judge(LrAnomaly())
    assert (found.severity.value, found.step) == ("warning", 1472)
    assert "at the same step before" in found.title


# -- restarts --------------------------------------------------------------------------------------


def test_a_higher_loss_after_a_restart_is_found_and_the_same_loss_is_not():
    log = resumed()
    assert log.judge(Resume()) == []
    log.columns[LOSS][1500:] *= 1.3
    (found, *_) = log.judge(Resume())
    assert (found.severity.value, found.step) == ("warning", 1481)
    log.columns[LOSS][1500:] *= 1.5
    assert fired(log.judge(Resume()))[0][0] == "critical"


def test_a_loss_that_is_lower_at_the_same_steps_may_be_of_data_seen_before():
    log = resumed()
    log.columns[LOSS][1500:] *= 0.8
    (found, over) = log.judge(Resume())
    assert (found.severity.value, found.step) == ("info", 1481)
    assert "20% lower after the restart" in found.title
    assert over.verdict is Verdict.CLEAR


def test_a_run_that_begins_again_is_no_bad_resume():
    log = healthy(2000)
    log.columns[LOSS] = np.r_[log.columns[LOSS][:1000], log.columns[LOSS][:1000]]
    log.steps[1000:] -= 1000
    log.restarts = [1000]
    assert log.judge(Resume()) == []


# -- the course of the loss ------------------------------------------------------------------------


def test_a_loss_that_collapses_is_too_good():
    log = healthy()
    log.columns[LOSS][1500:] *= 0.4
    assert fired(log.judge(LossDrop())) == [("warning", 1500)]
    log = healthy()
    log.columns[LOSS][1500:] *= 0.85
    assert log.judge(LossDrop()) == []


def test_a_loss_that_never_falls_from_chance():
    noise = np.exp(0.01 * np.random.default_rng(0).normal(size=1000))
    log = Log(train__loss=np.log(10) * noise)
    assert fired(log.judge(NeverLearns())) == [("warning", 399)]
    log.steps += 5000  # it began elsewhere
    assert log.judge(NeverLearns()) == []
    assert fired(Log(train__loss=1.7 * noise).judge(NeverLearns())) == [("info", 399)]  # fine-tuning
    assert healthy().judge(NeverLearns()) == []


def test_a_plateau_is_a_note():
    log = healthy()
    log.columns[LOSS][1000:] = 2.5 * np.exp(0.005 * np.random.default_rng(0).normal(size=2000))
    assert {s for s, _ in fired(log.judge(Plateau()))} == {"info"}
    log.columns[LOSS] = np.linspace(8, 2, 3000)
    assert log.judge(Plateau()) == []


def test_the_last_steps_of_an_epoch_are_not_those_of_the_run():
    loss = 2.5 * np.exp(0.005 * np.random.default_rng(0).normal(size=3000))
    at = np.arange(3000.0)

    def judged(epoch_steps: int | None) -> list[str]:
        rule = Plateau()
        found = []
        for low in range(0, 3000, 100):  # an epoch each
            part = at[low : low + 100]
            samples = {LOSS: Samples(part, part, part, loss[low : low + 100])}
            found += rule.observe(Block(samples, samples[LOSS], total=low + 100, epoch_steps=epoch_steps))
        return [f.severity.value for f in found if f.verdict is Verdict.FIRING]

    assert judged(100) == ["info"]
    assert judged(None) == [], "each of them told the run's length"


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
    below = evaluated(np.array(values) / 3)  # the training loss is 2.5
    assert {severity for severity, _ in fired(below.judge(Validation()))} == {"info"}


def test_a_wide_gap_says_nothing_of_evaluations_that_scatter():
    rng = np.random.default_rng(3)
    log = Log(train__loss=6 * np.exp(-np.arange(600) / 150) + 0.3)
    log.set(VAL, np.full(600, np.nan))
    log.columns[VAL][9::10] = 4.2 * np.exp(0.35 * rng.normal(size=60))
    log.columns[VAL][59] = 1.3  # the best of many is low by chance
    assert log.judge(Validation()) == []


def test_a_jump_below_the_training_loss_is_a_note():
    before = np.array([3, 2.8, 2.7, 2.65, 2.6, 2.55])
    found = evaluated([*before / 6, 0.87, 0.87]).judge(Validation())
    assert fired(found) == [("info", 799)]


def test_validation_that_jumps_is_reported_when_it_stays():
    before = [3, 2.8, 2.7, 2.65, 2.6, 2.55]
    found = evaluated([*before, 5.2, 5.2]).judge(Validation())
    assert fired(found) == [("warning", 799)]
    assert "jumped to 5.2, 2.0 times what it was" in found[0].title
    assert evaluated([*before, 5.2, 2.55, 2.54, 7.8, 2.5]).judge(Validation()) == []


def test_a_jump_of_training_and_validation_is_one_of_training():
    train = np.array([3, 2.8, 2.7, 2.65, 2.6, 2.55, 2.5, 5.0, 5.2, 3.0, 2.5])
    log = Log(train__loss=train).set(VAL, 1.1 * train)
    assert log.judge(Validation()) == log.judge(Validation(), range(11)) == []
    assert fired(log.set(LOSS, np.full(11, 2.5)).judge(Validation())) == [("warning", 8)]


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
    assert brief(scored(low).judge(ScoreFloor()))[-1][:2] == ("clear", "warning")
    rows = scored(np.full(2000, 0.01), "acc")
    assert fired(rows.judge(ScoreFloor())) == [("info", 511), ("warning", 1023)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("val/acc", np.linspace(0.001, 0.03, 64)),  # thousands of classes
        ("val/acc", np.full(64, 0.5)),
        ("val/acc", np.r_[np.full(3, 0.01), np.full(61, 2.5)]),  # per cent
        ("val/recall@20", np.full(64, 0.02)),
        ("val/reward", np.r_[np.zeros(7), 0.01, np.zeros(56)]),
        ("val/bleu", np.full(64, 0.01)),
        ("val/person ap", np.zeros(64)),  # a class without data
        ("val/acc", np.full(64, 1.0)),
        ("val/acc", np.r_[np.full(7, 0.1), 0.1001, np.full(56, 0.1)]),
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
        ("mAP", 0.0, [("info", 31), ("warning", 63)]),
        ("val/reward", 0.0, [("info", 7), ("warning", 31)]),
        ("episode_reward", 0.0, [("info", 511), ("warning", 2047)]),
        ("val/acc", 0.1, [("info", 7), ("warning", 15)]),
        ("val acc", 25.0, [("info", 7), ("warning", 15)]),
    ],
)
def test_a_score_that_is_exactly_nothing_or_one_guess_of_k_in_all_values_is_found(name, value, found):
    log = scored(np.full(2048 if found[0][1] == 511 else 64, value), name)
    assert fired(log.judge(ScoreFloor())) == found
    assert log.judge(ScoreFloor(), range(2048)) == log.judge(ScoreFloor())


def test_a_main_score_of_nothing_is_a_warning_in_the_end_though_the_loss_falls():
    falls = scored(np.zeros(64), "val/bleu", loss=np.geomspace(3, 0.1, 64))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7), ("warning", 31)]


def test_a_score_of_nothing_is_a_note_where_the_loss_falls_or_networks_play():
    falls = scored(np.zeros(64), loss=np.geomspace(3, 0.1, 64))
    assert fired(falls.judge(ScoreFloor())) == [("info", 7)]
    assert falls.judge(ScoreFloor(), range(64)) == falls.judge(ScoreFloor())
    plays = scored(np.zeros(64)).set("d_loss", np.ones(64))
    assert fired(plays.judge(ScoreFloor())) == [("info", 7)]


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
    assert fired(evaluated([*calm, 0.035, 0.037, 0.039, 0.041]).judge(Validation())) == [("info", 799)]


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
    assert fired(more.judge(Validation())) == [("info", 503)]


def means(levels, length=300, noise=0.02):
    """Means since the epoch began, of rows whose level goes from one to the next within each epoch."""
    rng = np.random.default_rng(0)
    count = length * (len(levels) - 1)
    single = np.interp(np.arange(count), np.arange(len(levels)) * length, levels)
    single *= np.exp(noise * rng.normal(size=count))
    log = Log(train__loss=single, train__epoch=np.arange(count) // length)
    rows = np.arange(count) % length + 1
    for low in range(0, count, length):
        log.columns[LOSS][low : low + length] = np.cumsum(single[low : low + length])
    log.columns[LOSS] /= rows
    return log


def test_a_mean_that_begins_again_with_its_epoch_does_not_drop():
    log = means([4.0, 1.6, 0.5, 0.1])
    assert log.judge(LossDrop()) == []
    unknown = means([4.0, 1.6, 0.5, 0.1])
    del unknown.columns["train/epoch"]
    assert fired(unknown.judge(LossDrop())) != []
    log = means([4.0, 3.9, 3.8, 3.7])
    log.columns[LOSS][600:] *= 0.3  # labels leak from an epoch's border on
    assert fired(log.judge(LossDrop())) == [("warning", 600)]


def test_the_first_rows_of_a_mean_scatter():
    log = means([5.2, 5.1, 5.0, 4.9], noise=0.06)
    log.columns[LOSS][600:604] = 5.0 * np.array([1.18, 1.16, 1.1, 1.08])
    log.columns[LOSS][604:625] = 5.0 * 1.04
    assert fired(log.judge(LossSpike())) == []
    log.columns[LOSS][600:] *= 1.6
    assert fired(log.judge(LossSpike()))[0] == ("warning", 600)


def test_spikes_at_equal_distances_are_notes_from_the_third_on():
    rng = np.random.default_rng(0)
    log = Log(train__loss=2.0 * np.exp(0.01 * rng.normal(size=3000)))
    for row in range(500, 3000, 500):
        log.columns[LOSS][row : row + 12] *= 2.0
    found = fired(log.judge(LossSpike()))
    assert [severity for severity, _ in found] == ["warning", "warning", "info", "info", "info"]
    log.columns[LOSS][2000:2012] *= 2.0
    assert fired(log.judge(LossSpike()))[3] == ("warning", 2000)


def test_a_step_of_rounding_is_no_spike():
    values = np.full(600, 0.4375)
    values[20:300:40] = 0.5
    values[500:510] = 0.5
    assert Log(train__loss=values).judge(LossSpike()) == []
    values[500:510] = 0.5625
    assert fired(Log(train__loss=values).judge(LossSpike())) == [("warning", 500)]


def test_data_of_two_kinds_is_no_spike():
    rng = np.random.default_rng(0)
    log = Log(
        train__loss=2.5 * np.exp(0.01 * rng.normal(size=3000)) * np.where(rng.random(3000) < 0.25, 1.3, 1)
    )
    assert fired(log.judge(LossSpike())) == []


def test_a_loss_next_to_nothing_that_nothing_validates_is_a_note():
    steps = np.arange(1000)
    log = Log(train__loss=2.3 * np.exp(-steps / 200), train__epoch=steps / 10)
    (found,) = log.judge(Memorised())
    assert (found.severity.value, found.step) == ("info", 639)
    assert found.title == "loss is 0.048 of what it was untrained after 64 epochs, and nothing validates it"
    assert log.judge(Memorised(), range(0, 1000, 7)) == log.judge(Memorised()), "cuts do not matter"
    assert log.judge(Memorised(epochs=80))[0].step == 831
    assert Log(train__loss=log.columns[LOSS]).judge(Memorised()) == [], "its epochs are unknown"
    log.set("val/loss", np.full(1000, 2.0))
    assert log.judge(Memorised()) == []


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
