"""Rules that look at metrics: what they catch, and what leaves them silent."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules import build
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.grad_spike import GradSpike
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.core.batch import Event
from runwatch.core.findings import Severity, Verdict

from .columns import GRAD, LOSS, LR, SCALE, TIME, TOKENS, Log, brief, healthy

# -- silence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_healthy_runs_are_silent(seed):
    log = healthy(seed=seed)
    assert [f for rule in build() for f in log.judge(rule) if f.severity is not Severity.INFO] == []


def test_a_very_slow_first_step_is_no_drift():
    log = healthy()
    log.columns[TIME][0] = 80 * 0.5
    assert log.judge(StepTime()) == []


def test_a_rounded_loss_with_few_distinct_values_is_silent():
    rng = np.random.default_rng(3)
    loss = np.where(rng.random(2000) < 0.01, 2.5625, 2.5)
    log = Log(train__loss=loss)
    assert log.judge(LossSpike()) + log.judge(Divergence()) == []


def test_a_loss_of_both_signs_is_not_judged():
    rng = np.random.default_rng(3)
    log = Log(train__loss=rng.standard_t(2, size=3000))
    assert log.judge(LossSpike()) + log.judge(Divergence()) == []


# -- nonfinite -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("perf__tokens_per_sec", "how the program measures it"),
        ("perf__step_time", "how the program measures it"),
        ("train__samples_per_second", "how the program measures it"),
        ("train__tokens_seen", "how the program measures it"),
        ("perf__mfu", "how the program measures it"),
        ("train__learning_rate", "Check the schedule"),
        ("train__accuracy", "Check how it is computed"),
        ("val__ce", "Check how it is computed"),
        ("train__grad_norm", "gradient clipping"),
        ("train__aux_loss", "gradient clipping"),
    ],
)
def test_the_advice_for_a_nan_fits_the_metric(metric, says):
    values = np.linspace(2.0, 1.0, 400)
    values[300] = np.nan
    (finding, *_) = Log(**{metric: values}).judge(NonFinite())
    assert finding.severity is Severity.WARNING
    assert says in finding.advice


@pytest.mark.parametrize("cuts", [(), (51, 100, 201)])
def test_a_time_that_is_infinite_again_and_again_is_one_note(cuts):
    times = np.full(400, 3.0)
    times[50::50] = np.inf  # of 0.00 steps per second
    found = Log(perf__step_time=times).judge(NonFinite(), cuts)
    fired = [f.severity for f in found if f.verdict is Verdict.FIRING]
    assert (fired, found[0].step) == ([Severity.INFO], 50)


@pytest.mark.parametrize(
    ("first", "fires"),
    [
        ([np.inf], []),
        ([np.inf, np.inf], [1]),
        ([np.nan], []),  # a mean of nothing
        ([np.nan, np.nan], [1]),
        ([2.0, np.inf], [1]),
    ],
)
@pytest.mark.parametrize("cuts", [(), (1,), (1, 2)])
def test_what_the_first_row_holds_before_anything_was_computed_is_no_loss(first, fires, cuts):
    log = Log(train__loss=[*first, *np.linspace(2.0, 1.0, 40)])
    found = log.judge(NonFinite(), cuts)
    assert [f.step for f in found if f.verdict is Verdict.FIRING] == fires


def test_a_first_loss_that_is_nan_behind_step_0_was_computed():
    log = Log(train__loss=[np.nan, *np.linspace(2.0, 1.0, 40)], steps=np.arange(1, 42))
    assert [f.step for f in log.judge(NonFinite()) if f.verdict is Verdict.FIRING] == [1]


def test_a_nan_loss_is_critical_at_its_first_step():
    log = healthy()
    log.columns[LOSS][500:] = np.nan
    (finding,) = log.judge(NonFinite())
    assert (finding.verdict, finding.severity, finding.step, finding.line) == (
        Verdict.FIRING,
        Severity.CRITICAL,
        500,
        501,
    )
    assert finding.title == "loss is NaN since step 500"
    assert finding.evidence["last_finite"] == log.columns[LOSS][499]
    assert finding.evidence["last_finite_step"] == 499
    assert finding.evidence[LR] == 6e-4


def test_an_infinite_loss_at_the_first_row_of_all_is_critical():
    (finding,) = Log(val__loss=[np.inf, np.inf]).judge(NonFinite())
    assert finding.title == "val loss is infinite since step 0"
    assert finding.severity is Severity.CRITICAL


def test_it_names_the_gradient_norm_that_exploded_before():
    log = healthy()
    log.columns[GRAD][400:] = 1.0
    log.columns[GRAD][498] = 960.0
    log.columns[LOSS][500:] = np.nan
    (finding,) = log.judge(NonFinite())
    assert finding.cause == "grad norm was 960 (960x its median) at step 498"


def test_it_clears_after_a_streak_of_finite_values():
    log = healthy()
    log.columns[LOSS][500:510] = np.nan
    log.columns[LOSS][515] = np.nan
    found = log.judge(NonFinite())
    assert brief(found) == [("firing", "critical", 500), ("clear", "info", 516)]
    assert log.judge(NonFinite(streak=5))[1].step == 510
    assert log.judge(NonFinite(streak=6))[1].step == 516


def test_a_single_nan_gradient_is_a_note_two_are_a_warning_and_three_of_ten_are_critical():
    """The losses behind one are NaN if its update was made, which is reported by itself."""
    log = healthy()
    log.columns[GRAD][500] = np.inf
    assert brief(log.judge(NonFinite())) == [("firing", "info", 500), ("clear", "info", 501)]
    log.columns[GRAD][[500, 700, 900]] = np.nan
    assert brief(log.judge(NonFinite())) == [("firing", "info", 500), ("clear", "info", 501)]
    log.columns[GRAD][[503, 504, 505]] = np.nan
    fired = [("firing", "info", 500), ("firing", "warning", 503), ("firing", "critical", 505)]
    assert brief(log.judge(NonFinite()))[:3] == fired
    log.columns[GRAD][[504, 505]] = 1.0
    log.columns[GRAD][513] = np.nan
    assert [s for v, s, _ in brief(log.judge(NonFinite())) if v == "firing"] == ["info", "warning"]


def test_infinite_means_of_a_gradient_norm_with_others_between_them_are_a_note_while_the_loss_falls():
    """A scale that nobody prints overflows once in some epochs."""
    rows = np.arange(40)
    log = Log(**{LOSS: 4.0 / (1 + rows), GRAD: np.ones(40)})
    log.columns[GRAD][[5, 7, 8]] = np.inf
    assert {s for _, s, _ in brief(log.judge(NonFinite()))} == {"info"}
    log.columns[GRAD][[9, 10]] = np.inf
    assert "critical" in {s for _, s, _ in brief(log.judge(NonFinite()))}  # in a row
    log.columns[GRAD][[9, 10]] = 1.0
    log.columns[LOSS] = 4.0 + rows % 3
    assert "critical" in {s for _, s, _ in brief(log.judge(NonFinite()))}


def test_an_fp16_overflow_is_an_info():
    log = healthy().set(SCALE, np.full(3000, 65536.0))
    log.columns[GRAD][[3, 500]] = np.inf
    assert {s for _, s, _ in brief(log.judge(NonFinite()))} == {"info"}
    log.columns[GRAD][[4, 5]] = np.inf
    assert {s for _, s, _ in brief(log.judge(NonFinite()))} == {"info"}  # the scale is searched
    log.columns[GRAD][501:510] = np.inf
    assert "critical" in {s for _, s, _ in brief(log.judge(NonFinite()))}


def test_metrics_never_computed_so_far_are_silent():
    values = np.ones(300)
    values[:128] = np.nan
    assert Log(zscore=values).judge(NonFinite()) == []
    values[200:] = np.nan
    assert brief(Log(zscore=values).judge(NonFinite())) == [("firing", "warning", 200)]


def test_what_follows_from_a_nan_loss_is_no_news():
    log = Log(
        train__loss=np.r_[np.ones(50), np.full(50, np.nan)], zscore=np.r_[np.ones(52), np.full(48, np.nan)]
    )
    assert [f.severity.value for f in log.judge(NonFinite())] == ["critical", "info"]


# -- spikes ----------------------------------------------------------------------------------------


def test_a_loss_spike_that_recovers_is_an_info():
    log = healthy()
    log.columns[LOSS][2000:2002] *= 1.3
    found = log.judge(LossSpike())
    assert brief(found) == [
        ("pending", "warning", 2000),
        ("firing", "info", 2000),
        ("clear", "info", 2002),
    ]
    assert "recovered after 2 logged steps" in found[1].title


def test_three_recovered_rows_end_a_spike():
    log = healthy()
    log.columns[LOSS][2000] *= 1.4
    log.columns[LOSS][2003] *= 1.39
    assert "after 4 logged steps" in log.judge(LossSpike())[1].title
    log.columns[LOSS][2003:2005] = log.columns[LOSS][[2005, 2000]]
    assert "after 1 logged step" in log.judge(LossSpike())[1].title


def test_a_spike_that_recovers_is_a_note_unless_it_is_huge_or_the_highest_of_three():
    log = healthy()
    log.columns[LOSS][2000] *= 1.8
    assert brief(log.judge(LossSpike()))[1] == ("firing", "info", 2000)
    log.columns[LOSS][2000:2002] *= 8, 14
    assert brief(log.judge(LossSpike()))[1] == ("firing", "warning", 2000)
    log = healthy()
    log.columns[LOSS][[2000, 2070, 2160]] *= [1.7, 1.9, 6.0]
    assert [s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"] == ["info", "info", "warning"]


def test_a_loss_spike_that_stays_becomes_critical():
    log = healthy()
    log.columns[LOSS][2000:2300] *= 1.4
    found = log.judge(LossSpike())
    assert brief(found) == [
        ("pending", "warning", 2000),
        ("firing", "warning", 2000),
        ("firing", "critical", 2000),
        ("clear", "info", 2300),
    ]


def test_a_spike_that_stays_is_critical_in_the_end():
    log = healthy()
    log.columns[LOSS][2000:2020] *= 3
    assert [s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"] == ["warning"]
    log.columns[LOSS][2000:2060] = 8.0
    assert [s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"] == ["warning", "critical"]


def test_spikes_of_a_loss_near_zero_are_notes():
    log = healthy()
    log.columns[LOSS][200:] = 0.03 * np.exp(0.02 * np.random.default_rng(0).normal(size=2800))
    log.columns[LOSS][2000:2020] = 0.09
    assert [s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"] == ["info"]


def test_near_zero_is_meant_of_the_untrained_loss():
    log = healthy()
    log.columns[LOSS][:] = np.append(1.5 * 0.7 ** np.arange(12), np.full(2988, 0.02))
    log.columns[LOSS] *= np.exp(0.02 * np.random.default_rng(0).normal(size=3000))
    log.columns[LOSS][2000:2020] = 0.08
    assert [s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"] == ["info"]


@pytest.mark.parametrize(
    ("first", "spike", "found"), [(6.8, 99.0, ["warning"]), (6.8, 40.0, []), (0.02, 0.4, [])], ids=str
)
def test_ten_times_the_highest_loss_is_a_spike_before_there_is_a_baseline(first, spike, found):
    log = healthy(30)
    log.columns[LOSS][:] = first
    log.columns[LOSS][1:9] = spike
    reported = log.judge(LossSpike())
    assert [s for v, s, _ in brief(reported) if v == "firing"] == found
    assert {f.step for f in reported if f.verdict is Verdict.FIRING} <= {1}


def test_a_spike_at_the_end_of_the_log_is_certain():
    log = healthy()
    log.columns[LOSS][-2:] *= 1.5
    assert brief(log.judge(LossSpike())) == [("pending", "warning", 2998), ("firing", "warning", 2998)]


def test_a_new_level_is_usual_in_the_end_and_spikes_on_it_are_seen():
    log = healthy(4000)
    log.columns[LOSS][2000:] *= 1.4
    log.columns[LOSS][3000] *= 1.5
    steps = [(f.verdict.value, f.step) for f in log.judge(LossSpike())]
    assert ("clear", 2511) in steps
    assert ("pending", 3000) in steps


def test_a_rise_with_the_learning_rate_needs_twice_as_much():
    log = healthy()
    log.columns[LOSS][2000:2003] *= 1.25
    assert log.judge(LossSpike()) != []
    log.columns[LR][1990:] *= 2
    assert log.judge(LossSpike()) == []


def test_a_restart_ends_a_spike_and_begins_a_new_baseline():
    log = healthy()
    log.columns[LOSS][2000:2010] *= 2.5
    log.columns[LOSS][2010:] *= 2.5
    log.restarts = [2010]
    found = log.judge(LossSpike())
    assert brief(found)[-1] == ("clear", "info", 2010)


def test_gradient_spikes_are_notes_unless_they_last():
    log = healthy()
    log.columns[GRAD][1000:] = 0.3
    log.columns[GRAD][2000] = 3.6
    assert brief(log.judge(GradSpike())) == [("firing", "info", 2000), ("clear", "info", 2001)]
    log.columns[GRAD][[2030, 2060]] = 3.6
    assert {s for _, s, _ in brief(log.judge(GradSpike()))} == {"info"}
    log.columns[GRAD][2000:2003] = 3.6
    assert "warning" in {s for _, s, _ in brief(log.judge(GradSpike()))}


def test_the_spike_of_bloom_is_a_warning_at_once_and_critical_when_it_stays():
    log = healthy()
    log.columns[GRAD][1000:] = 0.2
    log.columns[GRAD][2000:2006] = [0.242, 0.947, 2.39, 15.9, 145, 960]
    found = log.judge(GradSpike())
    assert found[0].step == 2002
    assert brief(found)[1] == ("firing", "warning", 2002)
    assert found[-1].verdict is Verdict.CLEAR
    log.columns[GRAD][2003:2030] = 30.0
    assert ("firing", "critical", 2002) in brief(log.judge(GradSpike()))


def test_one_high_row_at_the_end_is_a_note_and_two_are_a_spike():
    log = healthy()
    log.columns[LOSS][2999] *= 1.4
    assert brief(log.judge(LossSpike()))[-1] == ("firing", "info", 2999)
    log.columns[LOSS][2998] *= 1.4
    assert brief(log.judge(LossSpike()))[-1] == ("firing", "warning", 2998)


# -- slow changes ----------------------------------------------------------------------------------


def test_a_slow_rise_of_the_loss_diverges():
    log = healthy()
    log.columns[LOSS][2000:] *= np.exp(np.arange(1000) / 2500)
    found = log.judge(Divergence())
    assert brief(found)[1][:2] == ("firing", "warning")
    assert 2000 < found[1].step < 2250  # where it began to rise, not where that was sure
    assert "critical" in {severity for _, severity, _ in brief(found)}  # it lasts
    assert found[-1].evidence["rise"] > 0.3
    assert all(f.verdict is not Verdict.CLEAR for f in found[1:])


def test_divergence_clears_when_the_loss_is_back():
    log = healthy()
    log.columns[LOSS][2000:2200] *= 1.5
    found = log.judge(Divergence())
    assert [v + " " + s for v, s, _ in brief(found)] == [
        "pending warning",
        "firing warning",
        "firing critical",
        "clear info",
    ]
    assert 2200 < found[-1].step < 2260


def test_a_loss_that_has_doubled_is_critical_at_once():
    log = healthy()
    log.columns[LOSS][2000:] *= 2.5
    assert brief(log.judge(Divergence()))[1][:2] == ("firing", "critical")


def test_a_loss_that_has_all_but_vanished_does_not_wake_anybody():
    log = healthy()
    log.columns[LOSS][1000:] /= 1000
    log.columns[LOSS][2000:] *= 5
    found = brief(log.judge(Divergence()))
    assert ("firing", "info") in {each[:2] for each in found}
    assert "critical" not in {severity for _, severity, _ in found}


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_data_of_two_kinds_do_not_diverge(share):
    rng = np.random.default_rng(5)
    log = Log(
        train__loss=np.where(rng.random(20_000) < share, 3.0, 2.0) * np.exp(0.01 * rng.normal(size=20_000))
    )
    assert log.judge(Divergence()) == []
    log.columns[LOSS][15_000:] *= 10
    assert ("firing", "critical") in {(v, s) for v, s, _ in brief(log.judge(Divergence()))}


def test_rises_that_were_survived_twice_are_no_news():
    steps = np.arange(6000)
    wave = np.exp(0.2 * np.sin(steps / 25) + 0.01 * np.random.default_rng(5).normal(size=6000))
    found = Log(train__loss=wave).judge(Divergence())
    assert {f.severity for f in found if f.verdict is not Verdict.CLEAR} == {Severity.WARNING}
    assert max(f.step for f in found) < 1000  # within the first of some forty
    wave[5000:] *= 2
    assert Log(train__loss=wave).judge(Divergence())[-1].severity is Severity.CRITICAL


def test_a_rise_seen_once_is_only_pending():
    log = healthy()
    log.columns[LOSS][2000:2014] *= 1.5
    assert [f.verdict.value for f in log.judge(Divergence())] == ["pending", "clear"]


def test_more_patience_fires_later():
    log = healthy()
    log.columns[LOSS] *= np.interp(np.arange(3000), [1940, 2040], [1, 1.5])
    at = [f.evidence["now"] for f in log.judge(Divergence(persist=3, long=100))]
    assert len(at) == 3
    log.columns[LOSS][2002:] = healthy().columns[LOSS][2002:]
    assert [f.verdict.value for f in log.judge(Divergence(persist=2))] == ["pending", "firing", "clear"]
    assert [f.verdict.value for f in log.judge(Divergence(persist=3))] == ["pending", "clear"]


def test_a_single_spike_is_no_divergence():
    log = healthy()
    log.columns[LOSS][2000:2008] *= 5
    assert log.judge(Divergence()) == []


@pytest.mark.parametrize("factor", [1.25, 1.4])
def test_steps_that_become_slower_permanently_are_a_warning(factor):
    log = healthy()
    log.columns[TIME][1500:] *= factor
    found = log.judge(StepTime())
    assert [f.severity.value for f in found] == ["warning"] * 2
    assert found[1].verdict is Verdict.FIRING
    assert 1490 <= found[1].step < 1530
    assert found[1].evidence["slowdown"] == pytest.approx(factor - 1, rel=0.1)


def test_one_high_median_makes_no_warning_of_a_note():
    log = healthy()
    log.columns[TIME][1500:] *= 1.15
    log.columns[TIME][1540:1564] *= 1.07
    assert {f.severity.value for f in log.judge(StepTime()) if f.verdict is Verdict.FIRING} == {"info"}


def test_much_slower_steps_are_critical_when_it_lasts_and_clear_when_it_ends():
    log = healthy(4000)
    log.columns[TIME][1500:3000] *= 2
    assert [f"{f.verdict.value} {f.severity.value}" for f in log.judge(StepTime())] == [
        "pending warning",
        "firing warning",
        "firing critical",
        "clear info",
    ]


def test_single_slow_steps_and_short_slowdowns_are_silent():
    log = healthy()
    log.columns[TIME][1500:1510] *= 3
    log.columns[TIME][::10] *= 2.5
    assert log.judge(StepTime()) == []
    log = healthy()
    log.columns[TIME] /= 1000  # a toy: 30 rows take milliseconds
    log.columns[TIME][1500:1540] *= 2
    assert all(f.verdict is not Verdict.FIRING for f in log.judge(StepTime()))


def test_steps_that_do_more_work_are_not_slower():
    log = healthy()
    log.set(TOKENS, np.full(3000, 1e6))
    log.columns[TIME][1500:] *= 2
    assert all(f.verdict is not Verdict.FIRING for f in log.judge(StepTime()))


def test_tokens_per_second_are_judged_where_there_is_no_step_time():
    rate = 1e6 * np.exp(0.01 * np.random.default_rng(0).normal(size=2000))
    rate[1000:] *= 0.7
    found = Log(perf__tokens_per_sec=rate).judge(StepTime())
    assert found[-1].verdict is Verdict.FIRING
    assert found[-1].metric == TOKENS
    assert "fell 3" in found[-1].title


@pytest.mark.parametrize(("apart", "severity"), [(1000.0, "info"), (1.0, "warning")])
def test_lines_that_say_nan_between_finite_losses_are_of_another_loss(apart, severity):
    log = healthy(100)
    log.events = [
        Event("nan", 950 + apart * n, n, "test {'loss': nan}", data={"count": str(n)}) for n in (1, 2, 4, 8)
    ]
    found = log.judge(NonFinite(), range(0, 100, 7))
    assert [(f.verdict.value, f.severity.value) for f in found] == [("firing", severity)]
