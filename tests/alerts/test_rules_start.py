"""Rules about the first rows: a loss above its start, one that never falls, and the level of guessing."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from runwatch.alerts.rules.common.chance import guessing
from runwatch.alerts.rules.optimization.above_start import AboveStart
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.grad_vanish import GradVanish
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.optimization.oscillation import Oscillation
from runwatch.alerts.rules.optimization.plateau import Plateau
from runwatch.core.block import Status
from runwatch.core.findings import Verdict

from .columns import GRAD, LOSS, Log, brief, fired, healthy

VAL, EPOCH = "val/loss", "train/epoch"


def noise(count, sigma=0.01, seed=0):
    return np.exp(sigma * np.random.default_rng(seed).normal(size=count))


def hot(start, end, rows, rate=4.0):
    """A loss that rises from its first row to a level at which it stays."""
    return (end - (end - start) * np.exp(-np.arange(rows) / rate)) * noise(rows)


# -- above the start ---------------------------------------------------------------------------------


def test_a_loss_far_above_its_start_is_reported_within_a_few_rows_and_gets_critical():
    found = Log(train__loss=hot(4.3, 19, 60)).judge(AboveStart())
    assert fired(found) == [("warning", 1), ("critical", 1)]
    assert found[0].title.startswith("loss is ")
    assert "what it began with (4.3" in found[0].title


def test_a_small_rise_that_stays_is_a_warning_where_it_began_as_a_vocabularys():
    assert fired(Log(train__loss=hot(8.3, 9.9, 100)).judge(AboveStart())) == [("warning", 2)]
    short = Log(train__loss=hot(8.3, 11.9, 60))  # a point less is enough where it has ended
    assert fired(short.judge(AboveStart())) == [("warning", 1)]
    assert short.judge(AboveStart(), end=False) == []
    assert fired(Log(train__loss=hot(0.9, 1.2, 100)).judge(AboveStart())) == [("info", 2)]  # as queues do


def test_epochs_make_any_rise_that_lasts_a_warning():
    log = Log(train__loss=hot(1.7, 2.2, 100), val__loss=hot(1.8, 2.2, 100))
    assert [s for s, _ in fired(log.judge(AboveStart()))] == ["warning"]
    log = Log(train__loss=hot(1.7, 2.2, 100)).set(EPOCH, np.arange(100.0))
    assert [s for s, _ in fired(log.judge(AboveStart()))] == ["warning"]


def test_rows_that_are_the_ends_of_several_trainings_have_no_start():
    loss, stepless = hot(0.4, 0.52, 100), np.full(100, np.nan)
    folds = Log(train__loss=loss, steps=stepless).set(EPOCH, np.full(100, 30.0))
    assert folds.judge(AboveStart()) == []
    assert Log(train__loss=loss, steps=np.full(100, 30.0)).set(EPOCH, folds.steps).judge(AboveStart()) == []
    folds.columns[EPOCH][1:] += 1  # one training
    assert [s for s, _ in fired(folds.judge(AboveStart()))] == ["warning"]


def test_a_loss_that_fell_at_once_to_a_few_low_rows_is_not_above_its_start():
    loss = np.r_[64.7, 6.4, 10.5, 12, 24, 27 * noise(60, 0.2)]
    assert Log(train__loss=loss).judge(AboveStart()) == []
    loss[0] = 12.0
    assert fired(Log(train__loss=loss).judge(AboveStart())) != []


def test_few_rows_are_judged_finally_at_the_end():
    log = Log(train__loss=hot(4.4, 35, 12, rate=3.0))
    assert fired(log.judge(AboveStart(), end=False)) == [("warning", 1)]
    assert fired(log.judge(AboveStart())) == [("warning", 1), ("critical", 1)]
    running = AboveStart()
    running.observe(log.block(0, 12))
    assert running.tick(Status(now=0.0)) == []


def test_the_evaluation_before_the_first_row_is_a_reference():
    log = Log(train__loss=100 * noise(20), val__loss=np.full(20, np.log(50257)))
    log.columns[LOSS][0] = np.nan  # only evaluated
    assert fired(log.judge(AboveStart(), end=False)) == [("warning", 1)]
    log.columns[VAL][:] = 1.3  # of another kind than the training loss
    assert log.judge(AboveStart()) == []


@pytest.mark.parametrize(
    "loss",
    [
        np.concatenate([0.2 * (1 - 0.9 ** np.arange(1, 20)), 0.2 * np.exp(-np.arange(300) / 100)]),
        20 * noise(300, 1.0, seed=4),  # single rows that scatter tenfold
        hot(6.0, 9.0, 40)[:40].tolist() + (9 * np.exp(-np.arange(400) / 40)).tolist(),  # and soon falls
        healthy().columns[LOSS],
    ],
    ids=["a mean that begins at zero", "noise", "warm-up", "healthy"],
)
def test_losses_that_are_not_above_their_start(loss):
    assert not [
        f for f in Log(train__loss=np.asarray(loss)).judge(AboveStart()) if f.severity.value != "info"
    ]


def test_a_loss_that_falls_below_its_start_ends_it_permanently():
    loss = np.concatenate([hot(4.3, 19, 100), 3 * noise(100), 19 * noise(100)])
    found = Log(train__loss=loss).judge(AboveStart())
    assert brief(found)[-1][:2] == ("clear", "info")
    assert found[-1].step == 111


@pytest.mark.parametrize("cuts", [(1, 2, 3), (5, 33, 40), range(1, 60)])
def test_pieces_do_not_matter_above_the_start(cuts):
    log = Log(train__loss=hot(4.3, 19, 60))
    assert log.judge(AboveStart(), cuts) == log.judge(AboveStart())


# -- the end ---------------------------------------------------------------------------------------


def test_a_run_that_ends_far_above_its_best_diverged_however_short():
    loss = np.append(4 * np.exp(-np.arange(24) / 40), [90.0, 95, 92]) * noise(27)
    found = Log(train__loss=loss).judge(Divergence())
    assert fired(found) == [("critical", 24)]
    assert "38 times its best of" in found[0].title
    assert Log(train__loss=loss).judge(Divergence(), end=False) == []  # the next rows may recover
    assert Log(train__loss=loss[:25]).judge(Divergence()) == []  # a single row may be an outlier


def test_a_loss_next_to_zero_ends_where_it_likes():
    loss = np.append(4 * np.exp(-np.arange(24) / 2), [1e-3, 1.2e-3, 1.1e-3])
    assert Log(train__loss=loss).judge(Divergence()) == []


def test_a_divergence_begins_at_its_first_row():
    log = healthy()
    log.columns[LOSS][1507:] *= 3
    assert fired(log.judge(Divergence()))[0] == ("critical", 1507)


def test_a_first_loss_beyond_all_measure_is_reported_at_once():
    found = Log(train__loss=[2.2e32, 3.7e32]).judge(AboveStart())
    assert fired(found) == [("warning", 0)]
    assert found[0].title == "loss begins with 2.2e+32 at step 0"
    comes_down = Log(train__loss=[2.2e32, *5 * noise(100)]).judge(AboveStart())
    assert [f.verdict.value for f in comes_down] == ["firing", "clear"]
    assert Log(train__loss=[3.6e5, 3.7e5]).judge(AboveStart()) == []


# -- nothing is learned ------------------------------------------------------------------------------


def test_epochs_shorten_the_wait_for_a_loss_that_never_falls():
    log = Log(train__loss=2.304 * noise(60, 0.002), val__loss=2.31 * noise(60, 0.002))
    found = log.judge(NeverLearns())
    assert fired(found) == [("warning", 9)]
    assert found[0].cause == "it is at the level of guessing"
    flat = Log(train__loss=0.2512 * noise(60, 0.002)).set(EPOCH, np.arange(60.0) + 1)
    assert fired(flat.judge(NeverLearns())) == [("warning", 49)]  # anywhere, if it is flat


def test_three_epochs_at_the_guess_of_two_are_enough():
    slow = np.linspace(0.693, 0.687, 160) * noise(160, 0.003)
    epochs = np.arange(160.0) / 30
    found = Log(train__loss=slow).set(EPOCH, epochs).judge(NeverLearns())
    assert fired(found) == [("warning", 99)]
    assert Log(train__loss=slow).set(EPOCH, epochs / 3).judge(NeverLearns()) == []
    learns = Log(train__loss=np.linspace(0.693, 0.67, 160) * noise(160, 0.003)).set(EPOCH, epochs)
    assert learns.judge(NeverLearns()) == []


def test_a_run_that_is_started_again_is_judged_again():
    learns = np.linspace(2.3, 0.5, 200)
    loss = np.append(learns, np.log(10) * noise(450))
    again = Log(np.append(np.arange(200), np.arange(450)), restarts=[200], train__loss=loss)
    assert fired(again.judge(NeverLearns())) == [("warning", 399)]
    resumed = Log(np.append(np.arange(200), np.arange(150, 600)), restarts=[200], train__loss=loss)
    assert resumed.judge(NeverLearns()) == []


def test_steps_shorten_the_wait_too():
    log = Log(np.arange(150) * 100.0, train__loss=np.log(10) * noise(150))
    assert fired(log.judge(NeverLearns())) == [("warning", 9900.0)]


def test_norms_of_zero_from_the_first_row_shorten_the_wait_where_nothing_is_learned():
    log = Log(train__loss=6.3 * noise(200), train__grad_norm=np.zeros(200))
    (found,) = log.judge(NeverLearns())
    assert (found.severity.value, found.step) == ("warning", 49)
    assert "gradient norm is exactly 0" in found.cause
    log.columns[GRAD][40] = 0.3  # it is computed
    assert log.judge(NeverLearns()) == []
    falls = 6.3 * np.exp(-np.arange(200) / 400)  # it is not
    assert Log(train__loss=falls, train__grad_norm=np.zeros(200)).judge(NeverLearns()) == []


@pytest.mark.parametrize(
    ("loss", "epochs", "found"),
    [
        (2.9 * noise(28, 0.15), 20, [("warning", 24)]),
        (2.9 * noise(28, 0.15), 10, []),
        (0.4 * noise(28, 0.15), 20, []),  # fine-tuning of what is good
        (np.linspace(2.9, 2.0, 28) * noise(28, 0.15), 20, []),
        (np.linspace(2.0, 2.9, 28) * noise(28, 0.05), 20, []),  # other rules are about what rises
        (np.r_[2.9, 2.5, 1.4 * noise(26, 0.15)], 20, []),  # it fell at once
        (np.r_[2.9, 1.4, np.linspace(1.3, 1.5, 26) * noise(26, 0.1)], 20, []),
    ],
)
def test_few_rows_of_many_epochs_are_enough_where_nothing_falls(loss, epochs, found):
    log = Log(train__loss=loss).set(EPOCH, np.linspace(0, epochs, 28))
    assert fired(log.judge(NeverLearns())) == found


def test_few_rows_of_many_steps_are_enough_where_it_is_flat():
    flat = 30.6 * noise(70, 0.003)
    assert fired(Log(np.arange(70) * 100.0, train__loss=flat).judge(NeverLearns())) == [("warning", 4900)]
    assert Log(np.arange(70) * 10.0, train__loss=flat).judge(NeverLearns()) == []
    noisy = Log(np.arange(4800) * 100.0, train__loss=30.6 * noise(4800, 0.02, seed=3))
    noisy.columns[LOSS][:7] *= 1.1  # and the first of few rows may be higher by chance
    assert [s for s, _ in fired(noisy.judge(NeverLearns()))] == ["info", "warning"]
    slow = flat * np.linspace(1, 0.97, 70)
    assert Log(np.arange(70) * 100.0, train__loss=slow).judge(NeverLearns()) == []


def test_a_rate_that_is_far_too_low_is_the_cause():
    loss = 5.7 * (1 - 1e-6 * np.arange(500)) * noise(500, 0.02)
    found = Log(train__loss=loss, train__learning_rate=np.full(500, 1e-8)).judge(NeverLearns())
    assert fired(found) == [("warning", 399)]
    assert found[0].cause == "the learning rate was never above 1e-08"
    low = Log(train__loss=loss, train__learning_rate=np.full(500, 1e-6))
    assert [s for s, _ in fired(low.judge(NeverLearns()))] == ["info"]  # fine-tuning


def test_a_plateau_at_the_level_of_guessing_is_a_warning():
    loss = (np.log(10) + 0.3 * np.exp(-np.arange(1200) / 100)) * noise(1200, 0.003)
    found = Log(train__loss=loss).judge(Plateau())
    assert [s for s, _ in fired(found)] == ["warning"]
    assert found[0].cause == "it is at the level of guessing among 10"
    far = Log(train__loss=np.log(10) * (1 + 4 * np.exp(-np.arange(1200) / 20)) * noise(1200, 0.003))
    assert [s for s, _ in fired(far.judge(Plateau()))] == ["info"]  # it came from far above


# -- gradients of zero -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [5, 70])
def test_a_norm_of_zero_needs_no_warm_up_and_names_its_first_step(at):
    log = healthy(300)
    log.columns[GRAD][at:] = 0.0
    found = log.judge(GradVanish())
    assert fired(found) == [("critical", at)]
    assert found[0].title == f"grad norm is exactly 0 since step {at}"
    assert log.judge(GradVanish(), range(1, 300)) == found


def test_a_norm_of_zero_stays_critical():
    log = healthy(1500)
    log.columns[GRAD][200:] = 0.0
    assert brief(log.judge(GradVanish())) == [("firing", "critical", 200)]


def test_norms_of_updates_alone_are_zero_between_them():
    log = healthy(400)
    log.columns[GRAD][np.arange(400) % 8 != 7] = 0.0
    assert log.judge(GradVanish()) == []


def test_rows_of_many_steps_end_the_warm_up():
    log = healthy(80)
    log.steps = log.steps * 50
    log.columns[GRAD] = np.where(np.arange(80) < 50, 1.0, 1e-4) * noise(80, 0.1)
    assert fired(log.judge(GradVanish())) == [("warning", 2500.0)]
    log.steps = log.steps / 50
    assert log.judge(GradVanish()) == []


# -- rates that are too high -------------------------------------------------------------------------


def test_a_loss_that_begins_to_oscillate_is_a_note_and_above_its_best_a_warning():
    log = healthy()
    swings = np.where(np.arange(1500) % 2, 1.6, 0.66) * noise(1500, 0.1)
    log.columns[LOSS][1500:] *= swings
    found = log.judge(Oscillation())
    assert [s for s, _ in fired(found)] == ["info"]
    assert 1500 <= found[0].step < 1750
    log.columns[LOSS][1500:] *= 1.6
    assert [s for s, _ in fired(log.judge(Oscillation()))][-1] == "warning"
    assert log.judge(Oscillation(), range(0, 3000, 37)) == log.judge(Oscillation())
    log.columns[LOSS][2500:] *= 0.5  # it learns again, to and fro
    assert Verdict.CLEAR in {f.verdict for f in log.judge(Oscillation())}


def test_noise_that_was_there_from_the_beginning_or_falls_with_the_loss_is_none():
    noisy = healthy()
    noisy.columns[LOSS] *= noise(3000, 0.5)
    falling = Log(train__loss=10 * np.exp(-np.arange(2000) / 1000) * noise(2000) ** np.linspace(1, 60, 2000))
    assert noisy.judge(Oscillation()) == healthy().judge(Oscillation()) == []
    noisy.columns[LOSS][:40] = 10.5 * noise(40)  # untrained, any part of a diffusion is as hard
    assert noisy.judge(Oscillation()) == []
    assert {s for s, _ in fired(falling.judge(Oscillation()))} <= {"info"}


def test_noise_must_grow_by_ratios_and_in_itself():
    loss = 0.7 * noise(1500, 0.1)
    loss[600:] = 0.2 * noise(900, 0.8)  # batches are easy by now, and few are hard
    assert Log(train__loss=loss).judge(Oscillation()) == []
    loss = 0.7 * noise(1500, 0.5)
    loss[600:] *= 6
    assert Log(train__loss=loss).judge(Oscillation()) == []


def test_one_low_median_is_no_best_that_oscillation_has_left():
    loss = 2 * noise(1500, 0.02)
    loss[300:332] = 1.4
    loss[700:] = 2.2 * noise(800, 0.6)
    assert [s for s, _ in fired(Log(train__loss=loss).judge(Oscillation()))] == ["info"]


def test_first_rows_that_scatter_tenfold_are_no_spike():
    loss = 60 * noise(400, 1.3, seed=2)
    loss[:2] = 19, 528
    assert {s for s, _ in fired(Log(train__loss=loss).judge(LossSpike()))} <= {"info"}
    loss = np.append(6.7, (99 - 80 * (1 - np.exp(-np.arange(99) / 3))) * noise(99))
    assert [s for s, _ in fired(Log(train__loss=loss).judge(LossSpike()))] == ["warning", "critical"]


LEVELS = {
    **dict.fromkeys((*range(2, 11), 100, 256, 1000, 10000, 21841), "classes"),
    30522: "BERT",
    32000: "Llama 2",
    32128: "T5",
    49152: "StarCoder",
    50257: "GPT-2",
    50304: "nanoGPT",
    65024: "Falcon",
    65536: "RWKV",
    100277: "cl100k",
    128000: "Llama 3",
    128256: "Llama 3 with special tokens",
    131072: "Mistral Nemo",
    151643: "Qwen",
    151936: "Qwen, padded",
    152064: "Qwen, padded further",
    200064: "o200k",
    256000: "Gemma",
    262144: "Gemma 3",
}


@pytest.mark.parametrize("count", LEVELS)
def test_the_loss_of_guessing_is_known_for_usual_numbers_of_classes_and_tokens(count):
    assert guessing(log(count), 1e-7) == count


@pytest.mark.parametrize(
    ("loss", "count"),
    [
        (log(1000) * 1.009, 1000),
        (log(1000) * 1.011, 0),
        (log(1000) * 0.991, 1000),
        (log(1000) * 0.989, 0),
        (log(5) * 1.0019, 5),
        (log(5) * 1.0021, 0),
    ],
)
def test_a_loss_is_near_a_guess_within_a_part_of_it_or_a_fifth_of_that_for_few_classes(loss, count):
    assert guessing(loss, 0.01) == count


GUESS = np.log(10) * (1 + 0.005 * (-1.0) ** np.arange(40))


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (GUESS[:10], [("warning", 9)]),
        (GUESS[:9], []),  # nine epochs
        (np.append(GUESS[:9], 2.2), []),
        (np.log(10) * np.linspace(1.009, 0.991, 10), []),  # it falls
        (np.full(10, 1.7345), [("warning", 9)]),
        (np.full(10, 1.73), [("warning", 9)]),
        (np.append(np.full(9, 1.7345), 1.7346), [("warning", 9)]),
        (1.7 + 0.005 * (-1.0) ** np.arange(10), [("warning", 9)]),
        (1.7 + 0.03 * (-1.0) ** np.arange(10), []),  # it moves
        (np.linspace(1.71, 1.7, 10), []),  # it falls
        (0.4 + 0.001 * (-1.0) ** np.arange(10), []),  # perhaps that of noise
        (np.append(GUESS[:10], np.full(30, 2.1)), [("warning", 9)]),
    ],
)
def test_epochs_at_chance_or_of_one_value_show_that_nothing_is_learned(loss, found):
    log = Log(train__loss=loss, val__loss=loss)
    judged = log.judge(NeverLearns())
    assert fired(judged) == found
    assert [f.verdict.value for f in judged][1:] == ["clear"] * (len(loss) > 20)
    assert log.judge(NeverLearns(), range(0, len(loss), 3)) == judged


def test_rows_of_one_value_or_without_a_gradient_need_no_epochs():
    still = np.log(4) * (1 + 0.0002 * (-1.0) ** np.arange(60))
    assert fired(Log(train__loss=still).judge(NeverLearns())) == [("warning", 49)]
    assert Log(train__loss=still**1.02).judge(NeverLearns()) == []
    assert Log(train__loss=np.log(4) * (1 + 0.002 * (-1.0) ** np.arange(60))).judge(NeverLearns()) == []
    assert fired(Log(train__loss=np.full(25, 1.7345)).judge(NeverLearns())) == [("warning", 24)]
    assert Log(train__loss=np.full(24, 1.7345)).judge(NeverLearns()) == []
    dead = Log(train__loss=GUESS.repeat(2), train__grad_norm=np.zeros(80))
    assert fired(dead.judge(NeverLearns())) == [("warning", 49)]
