"""What is a symptom, or meant: losses that come back, adversaries, models that grow, digits that end, saves."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.rules.checkpoints.checkpoint_failed import FAILED, CheckpointFailed
from runwatch.alerts.rules.common.wording import above, fold, higher, longer, rose
from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.lr_anomaly import LrAnomaly
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.alerts.rules.policies.policy_shift import PolicyShift
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.alerts.rules.speed.stalls import Stalls
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.batch import Event
from runwatch.core.findings import Finding, Severity, Verdict

from .columns import END, LOSS, TIME, Log, brief, fired, healthy


def noise(count, sigma=0.01, seed=0):
    return np.exp(sigma * np.random.default_rng(seed).normal(size=count))


# -- words -----------------------------------------------------------------------------------------


def test_large_rises_are_factors_and_larger_ones_overflowed():
    assert above(0.24, "its best of 2") == "is 24% above its best of 2"
    assert above(39.0, "its best of 2") == "is 40 times its best of 2"
    assert above(1e21, "its best of 2") == "overflowed: it is over a million times its best of 2"
    assert [rose(0.63), rose(1233.0), rose(1e22)] == [
        "rose 63%",
        "rose to 1,234 times the usual",
        "overflowed",
    ]
    assert [higher(0.2), higher(29.0)] == ["20% higher", "30 times as high"]
    assert [fold(45.2), fold(1e9)] == ["45x", "over a million times"]
    assert [longer(0.56), longer(31.0)] == ["take 56% longer", "take 32 times as long"]


@pytest.mark.parametrize(
    ("rise", "words"),
    [
        (9.994, ["is 999% above x", "rose 999%", "take 999% longer", "999% higher", "10x"]),
        (
            10.0,
            [
                "is 11 times x",
                "rose to 11 times the usual",
                "take 11 times as long",
                "11 times as high",
                "10x",
            ],
        ),
        (
            1e6,
            [
                "overflowed: it is over a million times x",
                "overflowed",
                "take over a million times as long",
                "over a million times as high",
                "over a million times",
            ],
        ),
    ],
)
def test_per_cent_become_a_factor_and_a_factor_too_large_to_picture(rise, words):
    assert [above(rise, "x"), rose(rise), longer(rise), higher(rise), fold(rise)] == words


def test_no_title_holds_per_cent_that_nobody_can_read():
    log = healthy()
    log.columns[LOSS][1500:] *= np.exp(np.minimum(np.arange(1500), 48))
    titles = [f.title for rule in (LossSpike(), Divergence()) for f in log.judge(rule)]
    assert any("overflowed" in title for title in titles)
    assert max(len(title) for title in titles) < 100


# -- symptoms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [3.0, 12.0, 1e6])
def test_a_loss_that_comes_back_does_not_fall(factor):
    log = healthy()
    log.columns[LOSS][1500:1640] *= factor
    assert log.judge(LossDrop()) == []
    log.columns[LOSS][1640:] *= 0.4  # to where it never was
    assert fired(log.judge(LossDrop())) == [("warning", 1640)]


def test_means_that_begin_again_with_each_epoch_do_not_fall():
    mean = 2.0 * (1 - np.exp(-np.arange(160) / 20)) + 0.02
    log = Log(train__loss=np.tile(mean, 8) * noise(1280))
    assert log.judge(LossDrop()) == []


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.deep), 7, 64, 1000])
def test_what_follows_from_nan_or_divergence_is_a_symptom_however_it_is_cut(size):
    log = healthy(1000)
    log.columns[LOSS][500:540] *= np.exp(np.arange(40))
    log.columns[LOSS][540:600] = np.nan
    book, rules = IncidentBook("r", "r"), Ruleset().build()
    for low in range(0, 1000, size):
        for rule in rules:
            for finding in rule.observe(log.block(low, min(low + size, 1000))):
                book.apply(finding, now=None, live=True)
    leading = [row for row in book.rows() if row.severity != "info"]
    assert [row.rule for row in leading if row.step and row.step >= 530] == ["nonfinite"]
    assert "loss_drop" not in {row.rule for row in book.every()}


def test_levels_that_a_loss_has_survived_twice_are_notes():
    loss = np.where(np.arange(2000) % 400 < 200, 3.0, 5.0)  # data of two kinds, in long turns
    log = Log(train__loss=loss * noise(2000))
    severities = [severity for severity, _ in fired(log.judge(LossSpike()))]
    assert severities[0] == "warning"
    assert set(severities[-2:]) == {"info"}


def test_a_full_disk_leads_the_crash_that_follows_much_later():
    book = IncidentBook("r", "r")
    for rule, step in (("disk_full", 1000), ("crash", 90_000)):
        book.apply(Finding(rule, Verdict.FIRING, Severity.CRITICAL, rule, step=step), now=None, live=True)
    (row,) = book.rows()
    assert (row.rule, row.symptoms) == ("disk_full", ("crash",))


# -- adversaries and agents --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["g_loss", "Loss_D", "elo", "win_rate"])
def test_nothing_is_said_of_a_loss_of_adversaries(name):
    loss = (1 + np.arange(800) / 200) * noise(800, 0.1)
    loss[400:430] *= 20
    log = Log(train__loss=loss).set(name, noise(800, 0.3))
    for rule in (Divergence(), LossSpike(), LossDrop()):
        assert fired(log.judge(rule)) == []
    del log.columns[name]
    assert fired(log.judge(Divergence()))


@pytest.mark.parametrize("name", ["reward", "Rew", "value_loss", "epsilon", "explained_var_old"])
def test_the_loss_of_an_agent_is_at_most_a_note(name):
    log = Log(train__loss=(1 + np.arange(800) / 200) * noise(800, 0.1)).set(name, noise(800, 0.3))
    assert {severity for severity, _ in fired(log.judge(Divergence()))} == {"info"}
    assert log.judge(Divergence(), range(0, 800, 7)) == log.judge(Divergence())


def test_a_divergence_no_policy_survives_is_reported_at_once():
    kl = 0.01 * noise(120, 0.3)
    kl[30:] = 10.0 ** np.minimum(np.arange(90), 12)
    log = Log(train__loss=0.1 * np.random.default_rng(1).normal(size=120)).set("reward", np.ones(120))
    found = log.set("train/kl", kl).judge(PolicyShift())
    assert fired(found)[:2] == [("warning", 34), ("critical", 34)]
    assert found == log.judge(PolicyShift(), range(1, 120))
    wild = 10 ** np.random.default_rng(43).uniform(-200, 200, 131)
    log = Log(train__loss=-np.ones(131)).set("reward", np.ones(131)).set("train/kl", wild)
    assert log.judge(PolicyShift(), range(1, 131)) == log.judge(PolicyShift())


# -- zeros and NaN that are meant ----------------------------------------------------------------------


def test_a_loss_that_falls_to_its_last_digit_is_zero_by_rounding():
    loss = np.round(0.12 / (1 + np.arange(600) ** 1.4), 4)
    assert loss[-1] == 0.0
    assert Log(train__loss=loss).judge(MaskedNan()) == []


def test_a_loss_that_has_been_at_its_last_digits_is_zero_by_rounding_whatever_came_between():
    few_shots = np.tile([0.4012, 0.0361, 0.0001, 0.0, 0.0003, 0.0920, 0.0, 0.0, 0.0, 0.0, 0.1792, 0.0], 20)
    assert Log(train__loss=few_shots).judge(MaskedNan()) == []
    masked = np.append(few_shots[few_shots > 0.01], np.zeros(20))
    assert [f.severity for f in Log(train__loss=masked).judge(MaskedNan())] == ["critical"]


def test_a_column_of_zeros_from_the_first_row_is_none_that_trains():
    assert Log(train__loss=np.zeros(90)).judge(MaskedNan()) == []
    assert Log(train__loss=np.zeros(300), kd__loss=np.ones(300)).judge(MaskedNan()) == []


@pytest.mark.parametrize("name", ["train/explained_variance", "Test loss decreased"])
def test_values_that_have_nothing_to_divide_by_are_notes(name):
    values = np.ones(100)
    values[50] = np.nan
    log = Log(train__loss=np.ones(100)).set(name, values)
    assert {severity for severity, _ in fired(log.judge(NonFinite()))} == {"info"}


def test_a_warm_up_at_a_constant_rate_ends_in_a_jump():
    rate = np.where(np.arange(200) < 10, 0.00083, 0.0025)
    assert Log(train__learning_rate=rate).judge(LrAnomaly()) == []
    assert fired(Log(train__learning_rate=np.where(np.arange(200) < 50, 1e-4, 2e-3)).judge(LrAnomaly())) != []
    rate[100:] = 0.0099  # again: that is no warm-up
    assert fired(Log(train__learning_rate=rate).judge(LrAnomaly())) == [("warning", 100)]


@pytest.mark.parametrize(("begin", "found"), [(1, []), (3, [("warning", 40)])])
def test_a_rate_that_rises_by_epochs_jumps_with_the_second_one_only(begin, found):
    epoch = np.arange(200) // 20 + 1.0
    rate = np.where(epoch <= begin, 6e-5, 6.54e-4)
    if begin > 1:  # as if a constant rate jumped in the middle
        rate = np.where(np.arange(200) < 40, 6e-5, 6.54e-4)
    log = Log(train__learning_rate=rate).set("train/epoch", epoch)
    assert fired(log.judge(LrAnomaly())) == found
    assert log.judge(LrAnomaly(), range(200)) == log.judge(LrAnomaly())


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ([50], [("warning", 50)]),
        ([50, 58], [("warning", 50)]),
        ([50, 54, 58], [("warning", 50), ("critical", 58)]),
        ([50, 58, 66], [("warning", 50)]),
    ],
)
def test_a_validation_loss_that_is_nan_alone_is_critical_only_when_repeated(bad, found):
    values = np.ones(100)
    values[bad] = np.nan
    log = Log(train__loss=np.ones(100)).set("val/loss", values)
    assert fired(log.judge(NonFinite())) == found
    assert log.judge(NonFinite(), range(100)) == log.judge(NonFinite())
    known = {finding.evidence["last_finite_step"] for finding in log.judge(NonFinite()) if finding.evidence}
    assert known == {49}, "from before it began, however severe it has become"
    both = Log(train__loss=values).set("val/loss", values)
    assert fired(both.judge(NonFinite()))[0] == ("critical", bad[0])
    assert fired(Log(val__loss=values).judge(NonFinite()))[0] == ("critical", bad[0])


# -- stalls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("every", "seconds"), [(100, 60.0), (50, 20.0), (25, 6.0)])
def test_rare_stalls_are_weighed_by_the_time_they_cost(every, seconds):
    times = 0.4 * noise(700)
    times[every - 1 :: every] = seconds
    log = Log(perf__step_time=times)
    found = log.judge(Stalls())
    assert [severity for severity, _ in fired(found)] == ["warning"]
    assert found[0].title.startswith(f"one logged step in {every} takes ")
    assert log.judge(Stalls(), range(0, 700, 9)) == found


def test_stalls_next_to_evaluations_or_checkpoints_are_a_note():
    times = 0.4 * noise(700)
    times[99::100] = 60.0
    log = Log(perf__step_time=times)
    log.events = [Event("checkpoint", row * 100 - 50, row, "Saving") for row in range(99, 700, 100)]
    assert [severity for severity, _ in fired(log.judge(Stalls()))] == ["info"]


@pytest.mark.parametrize(("first", "severity"), [(24, "info"), (27, "warning")])
def test_slow_rows_at_multiples_of_a_number_of_steps_may_be_single_steps_that_evaluate(first, severity):
    times = 0.56 * noise(300)
    times[first::25] = 36.0
    log = Log(perf__step_time=times)
    log.steps = 10.0 * np.arange(1, 301)
    (found,) = log.judge(Stalls())
    assert (found.severity.value, found.title.partition(" takes ")[0]) == (severity, "one logged step in 25")


def test_one_planned_stall_that_is_not_seen_changes_nothing():
    times = 0.56 * noise(300)
    times[24::25] = 36.0
    times[149] = 0.56
    log = Log(np.arange(10.0, 3001, 10), perf__step_time=times)
    assert {severity for severity, _ in fired(log.judge(Stalls()))} == {"info"}
    log.steps = log.steps + 30  # at no multiples of their distance
    assert "warning" in {severity for severity, _ in fired(log.judge(Stalls()))}


def test_stalls_that_cost_little_or_came_once_are_not_reported():
    times = 0.4 * noise(700)
    times[99::100] = 6.0
    assert Log(perf__step_time=times).judge(Stalls()) == []
    times = 0.4 * noise(700)
    times[[100, 200, 300, 400]] = 2.0, 900.0, 2.0, 2.0
    assert Log(perf__step_time=times).judge(Stalls()) == []
    assert healthy().judge(Stalls()) == []


def test_a_few_pauses_here_and_there_are_a_note_until_they_are_many():
    times = 0.4 * noise(900)
    times[[100, 145, 260, 290]] = 20.0
    assert [severity for severity, _ in fired(Log(perf__step_time=times).judge(Stalls()))] == ["info"]
    times[[330, 400, 424, 470]] = 20.0
    found = [severity for severity, _ in fired(Log(perf__step_time=times).judge(Stalls()))]
    assert found == ["info", "warning"]


def test_pauses_in_two_spells_are_a_note_however_many():
    times = 0.4 * noise(900)
    times[[100, 140, 700, 712, 731, 745, 760, 779]] = 20.0
    assert {severity for severity, _ in fired(Log(perf__step_time=times).judge(Stalls()))} == {"info"}


def test_a_fading_mean_that_forgets_a_pause_is_no_stall():
    times = 0.4 * noise(700)
    for row in range(99, 680, 100):
        times[row : row + 12] *= 1 + 30 * 0.7 ** np.arange(12)
    assert Log(perf__step_time=times).judge(Stalls()) == []


@pytest.mark.parametrize("rule", [StepTime, Throughput])
def test_the_mean_of_a_bar_that_begins_with_a_pause_is_no_slowdown(rule):
    steps = 0.4 * noise(600)
    for epoch in range(2, 6):  # its loader starts workers again
        steps[100 * epoch] += 20.0
    means = np.concatenate([np.cumsum(e) / np.arange(1, 101) for e in steps.reshape(-1, 100)])
    found = Log(perf__step_time=means).judge(rule())
    assert [f for f in fired(found) if f[0] != "info"] == []
    means[350:] *= 8 * noise(250)  # and slow steps are one
    assert fired(Log(perf__step_time=means).judge(rule()))[-1][0] != "info"


def test_stalls_end_when_they_no_longer_come():
    times = 0.4 * noise(900)
    times[24:300:25] = 6.0
    found = Log(perf__step_time=times).judge(Stalls())
    assert [f.verdict.value for f in found] == ["firing", "clear"]
    assert 300 < found[1].step < 500


@pytest.mark.parametrize("rule", [Stalls, StepTime, Throughput])
def test_pieces_do_not_matter_where_a_size_is_printed(rule):
    rng = np.random.default_rng(90)
    log = Log(perf__step_time=0.4 * noise(200, 1.5)).set("num_points", 10 ** rng.uniform(-290, 290, 200))
    log.columns["num_points"][:3] = np.nan, 0.0, 1e-295
    assert log.judge(rule(), range(1, 200)) == log.judge(rule())


def test_a_model_that_grows_may_slow_down_as_much():
    size = 1e5 * (1 + np.arange(1500) / 100)
    log = Log(perf__step_time=0.2e-6 * size * noise(1500)).set("num_gaussians", size)
    assert log.judge(StepTime()) == log.judge(Throughput()) == []
    log.columns[TIME][1000:] *= 4
    assert ("warning", 1000) in fired(log.judge(Throughput()))


def test_steps_of_a_model_that_began_with_points_slow_down_by_design():
    log = healthy()
    log.columns[TIME][1000:] *= 2.5
    assert "critical" in {severity for severity, _ in fired(log.judge(StepTime()))}
    log.events = [Event("facts", 50, 1, "model size", data={"points": "155767"})]
    assert {severity for severity, _ in fired(log.judge(StepTime()))} == {"info"}
    log.events = [Event("facts", 50, 1, "model size", data={"parameters": "155767"})]
    assert "critical" in {severity for severity, _ in fired(log.judge(StepTime()))}


def test_a_spike_of_a_model_that_grows_is_a_note():
    log = healthy()
    log.columns[LOSS][1500:1520] *= 4
    assert [severity for severity, _ in fired(log.judge(LossSpike()))][-1:] == ["warning"]
    log.set("num_points", np.arange(3000) * 1e3)
    assert {severity for severity, _ in fired(log.judge(LossSpike()))} == {"info"}


@pytest.mark.parametrize(("level", "severity"), [(1.13, "info"), (1.3, "warning")])
def test_a_single_high_row_does_not_make_a_slight_rise_heavy(level, severity):
    log = healthy()
    log.columns[LOSS][1500:1560] *= level
    log.columns[LOSS][1504] *= 1.3
    found = [severity for severity, _ in fired(log.judge(LossSpike()))]
    assert found[0] == severity
    assert ("critical" in found) == (level > 1.2)
    assert log.judge(LossSpike(), range(1, 3000, 7)) == log.judge(LossSpike())


def test_a_slight_rise_that_grows_becomes_a_warning_soon():
    log = healthy()
    log.columns[LOSS][1500:1580] *= np.append(np.full(10, 1.15), np.linspace(1.3, 2.5, 70))
    found = log.judge(LossSpike())
    assert [severity for severity, _ in fired(found)] == ["info", "warning", "critical"]
    rows = [f.evidence["rows"] for f in found if f.verdict is Verdict.FIRING]
    assert rows[0] == 6
    assert 10 < rows[1] < 16
    assert log.judge(LossSpike(), range(1, 3000, 7)) == found


@pytest.mark.parametrize(("validated", "severity"), [(0.9, "info"), (1.1, "critical")])
def test_a_rate_that_is_high_at_first_is_a_note_while_evaluations_get_better(validated, severity):
    loss = np.append(6.8, 99.0 * noise(119, 0.3))
    log = Log(train__loss=loss).set("val/loss", 100.0 * validated ** np.minimum(np.arange(120), 20))
    assert fired(log.judge(LossSpike()))[-1] == (severity, 1)
    assert log.judge(LossSpike(), range(1, 120)) == log.judge(LossSpike())


def test_a_loss_that_jumped_and_stays_is_a_note_once_evaluations_are_better_than_before():
    loss = (2.2 + 4 * np.exp(-np.arange(1000) / 80)) * noise(1000) * (1 + 0.4 * (np.arange(1000) >= 600))
    log = Log(train__loss=loss).set("val/loss", np.full(1000, np.nan))
    log.columns["val/loss"][49::50] = 2.4 * 0.98 ** np.arange(20)
    assert [severity for severity, _ in fired(log.judge(LossSpike()))] == ["warning", "info"]
    log.columns["val/loss"][649::50] *= 2
    assert [severity for severity, _ in fired(log.judge(LossSpike()))] == ["warning", "critical"]


# -- curricula ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts", "found"),
    [
        ("stage", np.arange(400) // 100, False),
        ("train/task", np.arange(400) // 100, False),
        ("seq_len", 512 * 2 ** (np.arange(400) // 100), False),
        ("active_layers", 8 + np.arange(400) // 100, False),
        ("stage", np.zeros(400), True),
        ("stage", 3 - np.arange(400) // 100, True),  # it goes back
        ("stage", np.arange(400), True),  # each row: it counts something else
        ("depth", np.arange(400) // 100, True),
    ],
)
def test_each_part_of_a_curriculum_has_a_loss_of_its_own(name, parts, found):
    loss = (0.4 * np.exp(-(np.arange(400) % 100) / 30) + 0.6) * (1 + np.arange(400) // 100)
    log = Log(train__loss=loss * noise(400, 0.02)).set(name, parts.astype(float))
    judged = log.judge(Divergence())
    assert bool(fired(judged)) == found
    assert log.judge(Divergence(), range(0, 400, 7)) == judged
    assert found or fired(log.judge(LossSpike())) == []


# -- overfitting -------------------------------------------------------------------------------------


def test_a_wide_gap_needs_no_long_rise():
    train = [1.0, 0.7, 0.45, 0.28, 0.16, 0.09, 0.05, 0.03]
    val = [0.9, 0.8, 0.82, 0.95, 1.1, 1.3, 1.5, 1.7]
    found = Log(train__loss=train, val__loss=val).judge(Validation())
    assert set(fired(found)) == {("warning", 5)}
    assert "112% above its best of 0.8" in found[-1].title


# -- checkpoints -------------------------------------------------------------------------------------


def saves(*titles):
    events = [Event(kind, row * 100 + 50, row, title) for row, (kind, title) in enumerate(titles)]
    return brief(Log(train__loss=np.ones(len(titles)), events=events).judge(CheckpointFailed())), events


def test_saves_that_fail_are_reported_until_one_goes_well():
    skipped = (FAILED, "checkpoint save skipped (RuntimeError: enforce fail)")
    found, _ = saves(skipped, skipped, skipped, ("checkpoint", "saved"))
    assert [entry[:2] for entry in found] == [("firing", "warning")] * 3 + [("clear", "info")]


@pytest.mark.parametrize(("rows", "fails", "ends"), [(9, None, True), (5, None, False), (9, 4, False)])
def test_a_save_that_begins_and_is_followed_by_training_went_well(rows, fails, ends):
    failures = [1] if fails is None else [1, fails]
    events = [Event(FAILED, 100 * n + 50, n, "could not save", data={"state": "failed"}) for n in failures]
    begins = Event("checkpoint", 250, 2, "Saving checkpoint", data={"state": "saving"})
    log = Log(train__loss=np.ones(rows), events=[events[0], begins, *events[1:]])
    found = log.judge(CheckpointFailed())
    assert ([f.line for f in found if f.verdict.value == "clear"] == [2]) == ends
    assert log.judge(CheckpointFailed(), range(rows)) == found


def test_saves_that_are_skipped_by_choice_must_be_three_in_a_row():
    skip, save = (FAILED, "Skipping checkpoint: not the best"), ("checkpoint", "saved")
    assert saves(skip, skip, save, skip, skip, save)[0] == []
    assert saves(skip, skip, skip)[0] != []
    best = Event(FAILED, 50, 1, "skip saving best checkpoint", data={"state": "skipped", "best": "1"})
    assert Log(train__loss=np.ones(9), events=[best] * 5).judge(CheckpointFailed()) == []
    full = Event(FAILED, 50, 1, "saving best checkpoint failed", data={"state": "failed", "best": "1"})
    assert Log(train__loss=np.ones(9), events=[full]).judge(CheckpointFailed()) != []


def test_an_error_that_ends_a_save_is_reported_when_training_continues():
    full = Event("error", 250, 2, "Failed to save checkpoint: disk full", data={"state": "failed"})
    found = brief(Log(train__loss=np.ones(8), events=[full]).judge(CheckpointFailed()))
    assert [entry[:2] for entry in found] == [("firing", "warning")]
    assert (
        brief(Log(train__loss=np.ones(5), events=[full]).judge(CheckpointFailed())) == []
    )  # it may have died
    resumed = Event("resume", 350, 3, "Resuming from step 0")
    assert brief(Log(train__loss=np.ones(9), events=[full, resumed]).judge(CheckpointFailed())) == []
    reported = Event(FAILED, 250, 2, "could not save checkpoint: quota", data={"state": "failed"})
    assert [
        entry[:2] for entry in brief(Log(train__loss=np.ones(3), events=[reported]).judge(CheckpointFailed()))
    ] == [("firing", "warning")]


def test_the_end_of_a_log_changes_nothing_here():
    assert list(CheckpointFailed().tick(END)) == []


# -- the step and the value of one sentence ----------------------------------------------------------
