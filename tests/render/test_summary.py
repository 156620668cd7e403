"""A run in few lines: the best of it, its results, and what one value says all of."""

from __future__ import annotations

import msgspec
import pytest

from runwatch.core import metrics
from runwatch.core.snapshot import CheckpointRow, IncidentRow, Latest, Progress, RunView, Saving, StageRow
from runwatch.render.summary import lines
from runwatch.tui import choose


def run(*latest: Latest, **fields) -> RunView:
    return RunView("r1", "run", "finished", Progress(100, 100, 1.0), latest=latest, **fields)


def series(metric: str, low: float, high: float, count: int = 50, last: float | None = None) -> Latest:
    return Latest(metric, high if last is None else last, "", 100, count, 0, low, high, "", 40.0, 60.0)


def once(metric: str, value: float) -> Latest:
    return Latest(metric, value, "", 100, 1, 0, value, value, "", 100.0, 100.0)


def told(view: RunView) -> dict[str, str]:
    return {line.label: line.value for line in lines(view, choose.single(view))}


def test_the_best_of_validation_stands_with_its_step():
    view = run(
        series("train/loss", 1.0, 3.0), series("val/loss", 2.0, 3.0), series("val/accuracy", 0.1, 0.75)
    )
    assert told(view) == {"best val loss": "2.000 @40", "best val accuracy": "0.750 @60"}


def test_one_value_is_no_best_one():
    assert told(run(series("train/loss", 1.0, 3.0), once("val/loss", 2.5))) == {"val loss": "2.500 @100"}


def test_values_that_are_not_known_to_be_good_are_none():
    assert told(run(series("train/loss", 1.0, 3.0), series("val/tokens", 2.0, 3.0))) == {}


def test_results_length_tokens_parameters_and_checkpoints():
    stage = StageRow("r1", "", "finished", Progress(), results={"mmlu": 0.5, "final test accuracy": 0.25})
    view = run(
        series("train/loss", 1.0, 3.0), series("tokens_seen", 1e6, 3.5e9), once("num_params", 124e6),
        stages=(stage,), elapsed=7260.0, saving=Saving(last_good=80, present=4),
        checkpoints=(CheckpointRow("a.pt", 100),),
    )  # fmt: skip
    assert told(view) == {
        "final mmlu": "0.500",
        "final test accuracy": "0.250",
        "duration": "2h 01m",
        "parameters": "124M",
        "tokens": "3.5G",
        "checkpoints": "4, good @80",
    }


def test_a_result_that_is_not_finite_is_said_to_be():
    stage = StageRow("r1", "", "finished", Progress(), results={"val/bpb": None})
    view = run(series("train/loss", 1.0, 3.0), stages=(stage,))
    assert lines(view, choose.single(view)) == [("final val bpb", "not finite", "bad")]


def test_checkpoints_that_only_the_log_tells_of_are_reported():
    view = run(
        series("train/loss", 1.0, 3.0), checkpoints=(CheckpointRow("a", 40_000), CheckpointRow("b", 7))
    )
    assert told(view) == {"checkpoints": "reported @40,000"}


def test_what_has_no_chart_keeps_its_last_value():
    steady = Latest(
        "train/learning_rate", 0.01, "", 100, 50, 0, 0.00999999977, 0.01
    )  # another source: float32
    view = run(
        series("train/loss", 1.0, 3.0), steady, once("train_loss", 1.5), series("train/epoch", 0.1, 3.0),
        once("total_flos", 1e15), once("system/cpu", 3.0),
    )  # fmt: skip
    assert told(view) == {"lr": "1e-2", "train loss": "1.500", "epoch": "3"}


def test_a_constant_is_no_line():
    view = run(
        series("train/loss", 1.0, 3.0), series("train/epoch", 1.0, 1.0), series("train/lr_multiplier", 1, 1),
        series("weight_decay", 0.1, 0.1), series("perf/remaining", 8700.0, 9000.0),
    )  # fmt: skip
    assert told(view) == {}


def test_a_bad_value_is_told_as_such():
    view = run(series("train/loss", 1.0, 3.0), Latest("aux", None, "nan", 100, 1, 1))
    (line,) = lines(view, choose.single(view))
    assert line == ("aux", "nan", "bad")


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


def test_a_run_that_has_only_begun_has_a_chart():
    assert choose.charts(run(once("train/epoch", 0.0), once("train/grad_norm", 1.0))) == [
        ("train/grad_norm",)
    ]
    assert choose.charts(run(once("train/loss", 3.0), once("train/grad_norm", 1.0))) == [("train/loss",)]
    assert choose.charts(run(once("train/epoch", 0.0))) == [("train/epoch",)]
    assert choose.charts(None) == []


@pytest.mark.parametrize(
    "name",
    [
        "train/epoch",
        "tokens_seen",
        "num_input_tokens_seen",
        "total_flos",
        "train_runtime",
        "train_samples_per_second",
        "val/runtime",
        "val/steps_per_second",
        "trainer/global_step",
        "consumed_samples",
        "total_tokens",
        "num_params",
        "eta",
        "batch_size",
    ],
)
def test_what_only_counts_or_times(name):
    assert metrics.is_bookkeeping(name)


@pytest.mark.parametrize(
    "name",
    [
        "train/loss",
        "perf/step_time",
        "perf/tokens_per_sec",
        "perf/samples_per_sec",
        "data_time",
        "ep_len_mean",
        "mean_token_accuracy",
        "epoch_time",
        "params_norm",
        "train/learning_rate",
        "val/accuracy",
        "train_loss",
    ],
)
def test_what_is_measured(name):
    assert not metrics.is_bookkeeping(name)
