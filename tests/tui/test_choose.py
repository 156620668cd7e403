"""Which metrics have a chart, in which order; an open incident moves its metric up."""

import msgspec
import pytest

from runwatch.core.snapshot import IncidentRow, RankRow
from runwatch.tui import choose
from tests.render.test_summary import once, run, series


def test_charts_are_of_what_moves_the_most_telling_first():
    view = run(
        once("total_flos", 1e15), series("train/epoch", 0.0, 3.0), series("trainer/global_step", 0, 100),
        series("aux_loss", 0.1, 0.2), series("perf/step_time", 0.1, 0.2), series("val/accuracy", 0.1, 0.9),
        series("train/learning_rate", 0.0, 0.1), series("perf/tokens_per_sec", 5.0, 9.0), once("mmlu", 0.5),
        series("val/loss", 2.0, 3.0), series("train/grad_norm", 0.1, 9.0), series("train/loss", 1.0, 3.0),
        series("weight_decay", 0.1, 0.1), series("system/gpu.0.temp", 40, 60), series("val/runtime", 1.0, 2.0),
        series("few", 1.0, 2.0, count=2), series("consumed_samples", 0, 1e6),
    )  # fmt: skip
    assert choose.charts(view) == [
        ("train/loss", "val/loss"), ("train/grad_norm",), ("train/learning_rate",), ("perf/tokens_per_sec",),
        ("perf/step_time",), ("val/accuracy",), ("aux_loss",),
    ]  # fmt: skip
    assert choose.charted(view)[-1] == "system/gpu.0.temp"
    assert set(choose.single(view)) == set(choose.of_run(view)) - set(choose.charted(view))


def test_speed_is_charted_before_the_multiplier_of_the_learning_rate():
    rest = (
        series("perf/step_time", 0.1, 0.2),
        series("aux", 0.1, 0.2),
        series("perf/tokens_per_sec", 5.0, 9.0),
    )
    view = run(series("train/loss", 1.0, 3.0), series("train/lr_multiplier", 0.0, 1.0), *rest)
    assert [name for name, *_ in choose.charts(view)] == [
        "train/loss", "perf/tokens_per_sec", "perf/step_time", "aux", "train/lr_multiplier",
    ]  # fmt: skip
    with_rate = run(*view.latest, series("train/learning_rate", 0.0, 0.1))
    assert ("train/lr_multiplier",) not in choose.charts(with_rate)
    assert "train/lr_multiplier" in choose.charted(with_rate)


@pytest.mark.parametrize(("pace", "first"), [(0.2, "perf/step_time"), (0.1, "train/loss")])
def test_a_slow_rank_has_the_chart_of_the_step_time_only_where_that_shows_it(pace, first):
    slow = IncidentRow("i", "r1", "straggler", "warning", "firing", "rank 5 is slow", rank=5)
    several = tuple(RankRow(i, 9, None, 1.0, 0.2 if i == 5 else 0.1) for i in range(8))
    view = run(
        series("train/loss", 1.0, 3.0), series("perf/step_time", 0.1, pace), incidents=(slow,), ranks=several
    )
    assert choose.charts(view, 1)[0] == (first,)


@pytest.mark.parametrize(
    ("incident", "expected"),
    [
        ({"metric": "perf/step_time"}, "perf/step_time"),
        ({"metric": "perf/mfu"}, "perf/tokens_per_sec"),
        ({"rank": 5}, "perf/step_time"),
        ({"metric": "weight_decay"}, "weight_decay"),
        ({"metric": "perf/step_time", "state": "resolved"}, "train/grad_norm"),
        ({"metric": "not/there"}, "train/grad_norm"),
    ],
)
def test_the_metric_of_an_open_incident_has_one_of_the_first_charts(incident, expected):
    row = IncidentRow(**{"id": "i", "run": "r1", "rule": "x", "severity": "warning", "state": "firing",
                         "title": "slow", **incident})  # fmt: skip
    view = run(
        series("train/loss", 1.0, 3.0), series("val/loss", 1.0, 3.0), series("train/grad_norm", 0.1, 9.0),
        series("perf/mfu", 0.1, 0.2), series("perf/tokens_per_sec", 5.0, 9.0),
        series("weight_decay", 0.1, 0.1), series("perf/step_time", 0.1, 0.2), incidents=(row,),
    )  # fmt: skip
    charts = choose.charts(view)
    assert charts[:2] == [("train/loss", "val/loss"), (expected,)]
    assert len(charts) == len(set(charts))
    fires = expected != "train/grad_norm"
    assert choose.charts(view, 1)[0][0] == (expected if fires else "train/loss")


def test_an_incident_of_the_loss_moves_no_chart():
    row = IncidentRow("i", "r1", "divergence", "critical", "firing", "rises", metric="val/loss")
    view = run(series("train/loss", 1, 3), series("val/loss", 1, 3), series("train/grad_norm", 0, 9))
    alarmed = msgspec.structs.replace(view, incidents=(row,))
    assert choose.charts(alarmed) == choose.charts(view) == choose.charts(alarmed, 1)


def test_a_loss_that_is_not_finite_has_the_only_chart_whatever_led_to_it():
    row = IncidentRow("i", "r1", "nonfinite", "critical", "firing", "loss is NaN", metric="train/grad_norm")
    loss, norm = series("train/loss", 1, 3), series("train/grad_norm", 0, 9)
    assert choose.charts(run(loss, norm, incidents=(row,)), 1)[0] == ("train/grad_norm",)
    lost = msgspec.structs.replace(loss, value=None, text="nan")
    assert choose.charts(run(lost, norm, incidents=(row,)), 1)[0] == ("train/loss",)
    assert choose.charts(run(lost, norm, incidents=(row,)))[:2] == [("train/loss",), ("train/grad_norm",)]
    assert choose.alarming(run(lost, norm)) == []


def test_a_run_that_has_only_begun_has_a_chart():
    assert choose.charts(run(once("train/epoch", 0.0), once("train/grad_norm", 1.0))) == [
        ("train/grad_norm",)
    ]
    assert choose.charts(run(once("train/loss", 3.0), once("train/grad_norm", 1.0))) == [("train/loss",)]
    assert choose.charts(run(once("train/epoch", 0.0))) == [("train/epoch",)]
    assert choose.charts(None) == []
