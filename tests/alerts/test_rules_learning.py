"""Rules about what is learned: masked NaN, gradients, rates, spikes, restarts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runwatch.alerts.rules.baseline import take
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
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Verdict

from .columns import GRAD, LOSS, LR, SCALE, Log, brief, fired, healthy

VAL = "val/loss"
STEPS = np.arange(3000)


# -- masked NaN ------------------------------------------------------------------------------------


def test_a_loss_of_exactly_zero_is_masked_nan():
    log = healthy()
    log.columns[LOSS][1000:1100] = 0.0
    log.columns[GRAD][1000:1100] = np.nan
    found = log.judge(MaskedNan())
    assert brief(found) == [("firing", "critical", 1000), ("clear", "info", 1102)]
    assert "is exactly 0 since step 1,000" in found[0].title
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
    assert brief(whole) == [("firing", "critical", 1000), ("clear", "info", 1102)]
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


@pytest.mark.parametrize(("value", "severity"), [(2.3026, "warning"), (2.3029, "critical")])
def test_a_loss_that_is_frozen_where_all_outputs_are_as_likely_is_a_warning(value, severity):
    log = healthy()
    log.columns[LOSS] = np.round(log.columns[LOSS], 4)
    log.columns[LOSS][1000:1200] = value
    found = log.judge(MaskedNan())
    assert [(f.verdict.value, f.severity.value) for f in found] == [("firing", severity), ("clear", "info")]
    assert ("guessing" in found[0].cause) == (severity == "warning")


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
    assert brief(found) == [("firing", "critical", 1000), ("clear", "info", 1200)]
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


@pytest.mark.parametrize(("part", "severity"), [(0.7, "info"), (0.4, "warning"), (1.4, "warning")])
def test_a_rate_a_little_lower_than_before_the_restart_may_be_a_new_plan(part, severity):
    log = resumed()
    log.columns[LR][1500:] *= part
    assert fired(log.judge(LrAnomaly())) == [(severity, 1472)]


@pytest.mark.parametrize(
    ("now", "severity"),
    [([0.1] * 1500, "info"), ([2.0] * 1500, "warning"), ([0.1, 0.1, 0.11] * 500, "warning")],
)
def test_a_constant_rate_that_is_another_lower_one_after_the_restart_is_a_new_plan(now, severity):
    log = resumed()
    log.columns[LR][:1500], log.columns[LR][1500:] = 1.0, now
    assert fired(log.judge(LrAnomaly())) == [(severity, 1472)]
    assert fired(log.judge(LrAnomaly(), [1501, 1502])) == [(severity, 1472)]


# -- restarts --------------------------------------------------------------------------------------


def test_a_higher_loss_after_a_restart_is_found_and_the_same_loss_is_not():
    log = resumed()
    assert log.judge(Resume()) == []
    log.columns[LOSS][1500:] *= 1.3
    (found, *_) = log.judge(Resume())
    assert (found.severity.value, found.step) == ("warning", 1481)
    log.columns[LOSS][1500:] *= 1.5
    assert fired(log.judge(Resume()))[0][0] == "critical"


@pytest.mark.parametrize("cuts", [(), (1500,), (1499, 1501), range(1490, 1530)])
def test_a_run_that_resumes_at_its_very_end_is_compared_with_what_was_before(cuts):
    log = healthy()
    log.columns[LOSS][1500:] *= 1.7
    assert log.judge(Resume(), cuts) == []
    log.events = [Event("resume", 149_990, 1500, "Resuming from checkpoint-1499")]
    assert fired(log.judge(Resume(), cuts)) == [("critical", 1511)]
    log.columns[LOSS][1500:] /= 1.7
    assert log.judge(Resume(), cuts) == []


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


def test_a_loss_of_one_value_to_the_last_digit_is_reported_wherever_the_log_begins():
    log = Log(1300.0 + 50 * np.arange(40), train__loss=np.full(40, 16.742228))
    assert fired(log.judge(NeverLearns())) == [("warning", 2500)]
    assert Log(log.steps, train__loss=np.full(40, 16.7)).judge(NeverLearns()) == [], "as it is printed"


def test_a_short_run_whose_epochs_have_not_lowered_the_loss_is_a_warning_when_it_is_over():
    loss = 2.0 + 0.08 * np.cos(1.7 * np.arange(16)) + np.where(np.arange(16) > 5, 0.1, 0.0)
    epochs = Log(train__loss=loss).set("train/epoch", 1.0 + np.arange(16))
    assert epochs.judge(NeverLearns(), end=False) == []
    assert fired(found := epochs.judge(NeverLearns())) == [("warning", 15)]
    assert epochs.judge(NeverLearns(), range(1, 16)) == found
    within = Log(train__loss=loss).set("train/epoch", np.arange(16) / 8)
    fell = Log(train__loss=loss * np.r_[np.ones(6), np.full(4, 0.8), np.ones(6)])
    fell.set("train/epoch", epochs.columns["train/epoch"])
    scored = Log(**epochs.columns).set("val/acc", np.linspace(0.2, 0.5, 16))
    low = Log(train__loss=loss / 10).set("train/epoch", epochs.columns["train/epoch"])
    for log in (within, fell, scored, low):
        assert log.judge(NeverLearns()) == []


@pytest.mark.parametrize(("every", "found"), [(10, [("warning", 990)]), (5, [])])
def test_a_loss_that_rests_while_the_rate_is_printed_as_0_is_reported_sooner(every, found):
    log = Log(np.arange(150) * every, train__loss=1.7 + 0.01 * np.sin(np.arange(150)))
    assert log.judge(NeverLearns()) == []
    log.set("train/learning_rate", np.zeros(150))
    assert fired(log.judge(NeverLearns())) == found
    assert log.judge(NeverLearns(), range(1, 150)) == log.judge(NeverLearns())
    log.columns["train/learning_rate"][3] = 1e-4
    assert log.judge(NeverLearns()) == []


@pytest.mark.parametrize(
    ("count", "name", "found"), [(12, "val/acc", 9), (12, "acc", None), (25, "val/loss", 24)]
)
def test_rows_that_each_have_an_evaluation_are_epochs(count, name, found):
    loss = 0.6931 + 0.002 * np.cos(2.3 * np.arange(count))
    if count > 12:  # its order says that it may fall, in more than twenty epochs by next to nothing
        loss = 0.694 + 0.001 * np.random.default_rng(44).normal(size=count)
    log = Log(train__loss=loss).set(name, np.full(count, 0.5))
    assert fired(log.judge(NeverLearns())) == ([] if found is None else [("warning", found)])
    log.steps = np.full(count, np.nan)
    assert len(fired(log.judge(NeverLearns()))) == (found is not None)
    more = Log(np.full(2 * count, np.nan), train__loss=np.repeat(loss, 2)).set(name, np.full(2 * count, 0.5))
    block = more.block(0, 2 * count)  # short runs of another kind, which are evaluated too, are between them
    block.samples[LOSS] = take(block.samples[LOSS], slice(None, None, 2))
    assert NeverLearns().observe(block) == []
    assert log.judge(NeverLearns(), range(1, count)) == log.judge(NeverLearns())


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (np.arange(1, 26), 10),
        (np.arange(30, 55), None),  # it began elsewhere
        (np.arange(5, 30), 14),  # epochs of this launch
        (np.append(np.arange(1, 8), np.arange(1, 19)), 18),  # it began again
    ],
)
def test_steps_that_are_epochs_count_as_epochs(steps, found):
    loss = 0.6931 + 0.002 * np.cos(2.3 * np.arange(25))

    def judged(size, *, epochs=True):
        rule, findings = NeverLearns(), []
        for row in range(0, 25, size):
            block = Log(steps.astype(float), train__loss=loss).block(row, min(25, row + size))
            findings += rule.observe(replace(block, epochs=block.progress if epochs else None))
        return findings

    assert judged(1, epochs=False) == []
    assert fired(judged(1)) == ([] if found is None else [("warning", found)])
    assert judged(1) == judged(4) == judged(25)


@pytest.mark.parametrize(("recall", "found"), [(np.full(25, 0.8), True), (np.linspace(0.8, 0.99, 25), False)])
def test_a_loss_of_few_epochs_that_wanders_is_none_that_never_falls_while_a_score_rises(recall, found):
    loss = 24 + 3 * np.cos(2.3 * np.arange(25))
    log = Log(train__loss=loss).set("train/epoch", np.arange(25.0)).set("val/recall", recall)
    judged = log.judge(NeverLearns())
    assert fired(judged) == ([("warning", 24)] if found else [])
    assert log.judge(NeverLearns(), range(25)) == judged


def test_a_loss_that_oscillates_from_the_first_row_on():
    """There is no calm before it, by which `oscillation` knows one; where it falls it learns."""
    noise = np.exp(0.5 * np.random.default_rng(0).normal(size=1000))
    (found,) = Log(train__loss=2.5 * noise).judge(NeverLearns())
    assert (found.severity.value, found.step) == ("info", 399)
    assert "scatter" in found.cause
    falls = np.linspace(2.5, 1.5, 1000)
    assert Log(train__loss=falls * noise).judge(NeverLearns()) == []


@pytest.mark.parametrize(
    ("level", "falls_at", "severities"),
    [
        (2.5, 6000, ["info", "warning"]),
        (2.5, 4000, ["info"]),
        (0.1, 6000, ["info"]),  # of what predicts noise
    ],
)
def test_a_loss_that_never_falls_costs_the_run_whatever_its_noise(level, falls_at, severities):
    noise = np.exp(0.5 * np.random.default_rng(0).normal(size=6000))
    loss = level * np.where(np.arange(6000) < falls_at, 1.0, 0.3) * noise
    log = Log(train__loss=loss)
    found = log.judge(NeverLearns())
    assert [severity for severity, _ in fired(found)] == severities
    assert log.judge(NeverLearns(), range(0, 6000, 7)) == found


@pytest.mark.parametrize("cuts", [(), (3, 8), range(100)])
@pytest.mark.parametrize(
    ("losses", "where"),
    [
        (np.full(100, 87.3365), [("warning", 7)]),  # of the smallest float
        (np.full(100, 27.6310), [("warning", 7)]),  # of 1e-12
        (np.r_[30.2, 61.5, np.full(98, 16.1181)], [("warning", 9)]),
        (np.full(100, 87.3), []),  # any number of few digits that does not move
        (np.r_[np.full(7, 87.3365), np.linspace(60, 2, 93)], []),
    ],
)
def test_a_loss_that_is_the_highest_a_program_can_print_is_found_at_once(losses, where, cuts):
    found = Log(train__loss=losses).judge(NeverLearns(), cuts)
    assert fired(found) == where
    assert all("the lowest probability that the program admits" in finding.cause for finding in found)


def signed(level=0.106, scatter=1e-4, begin=-0.08, count=240):
    loss = level + scatter * np.random.default_rng(0).normal(size=count)
    loss[:3] = begin, begin, 0.11
    return Log(train__loss=loss)


def test_a_loss_of_both_signs_that_does_not_move_above_its_beginning_is_a_warning():
    log = signed()
    (found,) = log.judge(NeverLearns())
    assert (found.severity.value, found.step) == ("warning", 199)
    assert "has stayed at 0.106 since it began, in 200 logged steps" in found.title
    assert log.judge(NeverLearns(), range(1, 240)) == [found]
    log.restarts = [230]
    log.steps[230:] -= 230
    assert [(f.verdict.value, f.step) for f in log.judge(NeverLearns())] == [("firing", 199), ("clear", 0)]
    log.columns[LOSS][220:] = 0.09
    assert [(f.verdict.value, f.step) for f in log.judge(NeverLearns())] == [("firing", 199), ("clear", 220)]
    assert log.judge(NeverLearns(), range(1, 240)) == log.judge(NeverLearns())


@pytest.mark.parametrize(
    "more", [{"scatter": 0.02}, {"begin": 0.2}, {"level": -0.3}, {"count": 199}, {"begin": 0.105}], ids=str
)
def test_a_loss_of_both_signs_that_moves_or_fell_is_not_judged(more):
    assert signed(**more).judge(NeverLearns()) == []
    assert signed().set("policy_loss", np.ones(240)).judge(NeverLearns()) == []


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
    assert judged(None) == [], "each of them knew the run's length"


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
    assert ("warning", 600) in fired(log.judge(LossSpike()))


def test_a_loss_next_to_nothing_that_nothing_validates_is_a_note():
    steps = np.arange(1000)
    log = Log(train__loss=2.3 * np.exp(-steps / 200), train__epoch=steps / 10)
    (found,) = log.judge(Memorised())
    assert (found.severity.value, found.step) == ("info", 639)
    assert found.title == "loss is 0.048 of what it was untrained after 64 epochs, and nothing validates it"
    assert log.judge(Memorised(), range(0, 1000, 7)) == log.judge(Memorised()), "cuts do not matter"
    assert log.judge(Memorised(epochs=80))[0].step == 831
    assert Log(train__loss=log.columns[LOSS]).judge(Memorised()) == [], "its epochs are unknown"
    for metric in ("val/loss", "test_acc"):
        validated = Log(train__loss=log.columns[LOSS], train__epoch=steps / 10)
        validated.set(metric, np.full(1000, 2.0))
        assert validated.judge(Memorised()) == []


def test_an_adversary_that_wins_has_a_loss_of_zero_that_is_no_masked_nan():
    game = Log(train__loss=np.append(0.7, np.zeros(60))).set("D_fake", np.full(61, 27.6))
    assert game.judge(MaskedNan()) == []
    game.set(GRAD, np.append(0.3, np.full(60, np.nan)))
    assert fired(game.judge(MaskedNan())) == [("critical", 1)]
    assert fired(Log(train__loss=np.append(0.7, np.zeros(60))).judge(MaskedNan())) == [("critical", 1)]


def test_a_policy_has_no_gradient_where_all_answers_earn_the_same():
    norms = np.where((np.arange(300) > 100) & (np.arange(300) % 20 < 5), 0.0, 0.8)
    assert fired(Log(train__grad_norm=norms).judge(GradVanish())) == [("critical", 101)]
    rewarded = Log(train__grad_norm=norms).set("reward", np.ones(300))
    assert rewarded.judge(GradVanish()) == []
    rewarded.columns[GRAD][200:] = 0.0
    assert fired(rewarded.judge(GradVanish())) == [("critical", 200)]
