"""A run in few lines: the best of it, its results, and what one value says all of."""

from __future__ import annotations

import msgspec

from runwatch.core.snapshot import CheckpointRow, Latest, Progress, RunView, Saving, StageRow
from runwatch.render.summary import lines
from runwatch.tui import choose


def run(*latest: Latest, **fields) -> RunView:
    return RunView("r1", "run", "finished", Progress(100, 100, 1.0), latest=latest, **fields)


def series(metric: str, low: float, high: float, count: int = 50, last: float | None = None) -> Latest:
    return Latest(metric, high if last is None else last, "", 100, count, 0, low, high, "", 40.0, 60.0)


def once(metric: str, value: float) -> Latest:
    return Latest(metric, value, "", 100, 1, 0, value, value, "", 100.0, 100.0)


def said(view: RunView) -> dict[str, str]:
    return {line.label: line.value for line in lines(view, choose.single(view))}


def test_the_best_of_validation_has_its_step():
    view = run(
        series("train/loss", 1.0, 3.0), series("val/loss", 2.0, 3.0), series("val/accuracy", 0.1, 0.75)
    )
    assert said(view) == {"best val loss": "2.000 @40", "best val accuracy": "0.750 @60"}


def test_one_value_is_no_best_one():
    assert said(run(series("train/loss", 1.0, 3.0), once("val/loss", 2.5))) == {"val loss": "2.500 @100"}


def test_values_that_are_not_known_to_be_good_are_none():
    assert said(run(series("train/loss", 1.0, 3.0), series("val/tokens", 2.0, 3.0))) == {}


def test_results_length_tokens_parameters_and_checkpoints():
    stage = StageRow("r1", "", "finished", Progress(), results={"mmlu": 0.5, "final test accuracy": 0.25})
    view = run(
        series("train/loss", 1.0, 3.0), series("tokens_seen", 1e6, 3.5e9), once("num_params", 124e6),
        stages=(stage,), elapsed=7260.0, saving=Saving(last_good=80, present=4),
        checkpoints=(CheckpointRow("a.pt", 100),),
    )  # fmt: skip
    assert said(view) == {
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
    assert [line[:3] for line in lines(view, choose.single(view))] == [("final val bpb", "not finite", "bad")]


def test_checkpoints_that_only_the_log_reports_are_reported():
    view = run(
        series("train/loss", 1.0, 3.0), checkpoints=(CheckpointRow("a", 40_000), CheckpointRow("b", 7))
    )
    assert said(view) == {"checkpoints": "@40,000 (log)"}
    spoilt = (CheckpointRow("a", 600, spoilt="after NaN"), CheckpointRow("b", 500))
    assert said(msgspec.structs.replace(view, checkpoints=spoilt)) == {"checkpoints": "@500 (log)"}, (
        "not one after NaN"
    )


def test_what_has_no_chart_keeps_its_last_value():
    steady = Latest(
        "train/learning_rate", 0.01, "", 100, 50, 0, 0.00999999977, 0.01
    )  # another source: float32
    view = run(
        series("train/loss", 1.0, 3.0), steady, once("train_loss", 1.5), series("train/epoch", 0.1, 3.0),
        once("total_flos", 1e15), once("system/cpu", 3.0),
    )  # fmt: skip
    assert said(view) == {"lr": "1e-2", "train loss": "1.500", "epoch": "3"}


def test_a_constant_is_no_line():
    view = run(
        series("train/loss", 1.0, 3.0), series("train/epoch", 1.0, 1.0), series("train/lr_multiplier", 1, 1),
        series("weight_decay", 0.1, 0.1), series("perf/remaining", 8700.0, 9000.0),
    )  # fmt: skip
    assert said(view) == {}


def test_a_bad_value_is_told_as_such():
    view = run(series("train/loss", 1.0, 3.0), Latest("aux", None, "nan", 100, 1, 1))
    (line,) = lines(view, choose.single(view))
    assert line[:3] == ("aux", "NaN", "bad")


def test_the_size_that_the_log_says_is_shown_once():
    view = run(
        series("train/loss", 1.0, 3.0),
        once("num_params", 124e6),
        facts={"parameters": "123.59M", "lines": "7"},
    )
    assert said(view) == {"parameters": "123.59M"}
