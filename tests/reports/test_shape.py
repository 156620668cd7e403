"""The shape of a loss, the schedule of a rate and the timeline, from logs whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from runwatch.reports.analysis import Analysis, analyze
from runwatch.reports.evidence import gather
from runwatch.watcher.engine.check import check

from .logs import cosine, stamped, trained

NOW = 1.9e9
STEPS = 400


def _analysis(tmp_path: Path, text: str) -> Analysis:
    log = tmp_path / "train.log"
    log.write_text(text)
    (run,) = gather(check([str(log)], now=NOW), NOW)
    return analyze(run.main, run.facts)


RATES: dict[str, tuple[Callable[[int], float], float]] = {
    "constant": (lambda step: 3e-4, math.nan),
    "warm-up + constant": (lambda step: 3e-4 * min(1.0, step / 50), math.nan),
    "warm-up + cosine decay": (cosine(STEPS, 40), STEPS),
    "cosine decay": (cosine(STEPS, 0), STEPS),
    "warm-up + linear decay": (
        lambda step: 1e-3 * min(step / 40, (STEPS - step) / (STEPS - 40)),
        STEPS,
    ),
    "warm-up + inverse square root decay": (
        lambda step: 1e-3 * min(step / 40, math.sqrt(40 / step)),
        math.nan,
    ),
    "warm-up + stable + linear decay (WSD)": (
        lambda step: 1e-3 * min(step / 20, 1.0, (STEPS - step) / 80),
        STEPS,
    ),
    "step": (lambda step: 0.1 * 0.1 ** ((step > 150) + (step > 300)), math.nan),
    "exponential decay": (lambda step: 1e-3 * 0.99**step, math.nan),
    "polynomial decay": (lambda step: 1e-3 * (1 - (step - 1) / STEPS) ** 2, STEPS),
    "warm restarts": (
        lambda step: 1e-3 * (0.02 + 0.98 * (1 + math.cos(math.pi * (step % 100) / 100)) / 2),
        math.nan,
    ),
    "irregular": (lambda step: 1e-3 * (0.6 + 0.4 * math.sin(step / 9) * math.cos(step / 23)), math.nan),
}


@pytest.mark.few(5)
@pytest.mark.parametrize("name", RATES)
def test_schedules_are_recognized_by_their_values(tmp_path: Path, name: str) -> None:
    rate, end = RATES[name]
    found = _analysis(tmp_path, trained(STEPS, rate)).schedule
    assert found is not None
    assert found.name == name
    if end == end:
        assert found.end == pytest.approx(end, rel=0.02)
        assert found.residual < 0.005


def test_a_decay_that_has_hardly_begun_is_unclear(tmp_path: Path) -> None:
    found = _analysis(tmp_path, trained(260, cosine(2_000, 20))).schedule
    assert found is not None
    assert found.kind == "unclear"


def test_a_fast_drop_then_taper_and_where_it_was_done(tmp_path: Path) -> None:
    shape = _analysis(tmp_path, trained(STEPS)).shape
    assert shape is not None
    assert shape.kind == "fast drop"
    assert shape.half_step == pytest.approx(20, abs=6)


def test_a_loss_that_does_not_fall_is_flat(tmp_path: Path) -> None:
    shape = _analysis(tmp_path, trained(STEPS, loss=lambda step: 2.5)).shape
    assert shape is not None
    assert shape.kind == "flat"
    assert shape.trend == "flat"


def test_a_fall_that_ends_in_a_rise(tmp_path: Path) -> None:
    def loss(step: int) -> float:
        return 5 - 3 * step / 200 if step < 200 else 2 + (step - 200) / 100

    shape = _analysis(tmp_path, trained(STEPS, loss=loss)).shape
    assert shape is not None
    assert shape.kind == "fall and rise"
    assert shape.trend == "rises"
    assert shape.best_step == pytest.approx(200, abs=15)


def test_pauses_are_lost_time_by_what_was_done_then(tmp_path: Path) -> None:
    pauses = {101: 30.0, 201: 30.0, 301: 30.0, 250: 60.0}
    course = _analysis(tmp_path, trained(STEPS, pauses=pauses, evaluate=100)).course
    assert course is not None
    lost = {each.cause: (each.times, each.seconds) for each in course.lost}
    assert lost["evaluation"] == (3, pytest.approx(90, abs=1))
    assert lost["pause without a known cause"] == (1, pytest.approx(60, abs=1))
    assert course.length == pytest.approx(STEPS - 1 + 150, abs=1)
    assert course.plain == pytest.approx(STEPS - 1, abs=2)
    assert sum(part.end - part.begin for part in course.parts) == pytest.approx(course.length)


def test_validation_best_last_and_gap(tmp_path: Path) -> None:
    found = _analysis(tmp_path, trained(STEPS, evaluate=50)).validation
    assert found is not None
    assert (found.best_step, found.after_best) == (400, 0)
    assert found.last_gap is not None
    assert found.last_gap.size == pytest.approx(0.2, abs=0.03)


def test_an_evaluation_that_is_shorter_than_the_steps_between_records_is_seen(tmp_path: Path) -> None:
    rows: list[tuple[float, str]] = []
    now = 0.0
    for step in range(50, 5_050, 50):
        now += 40.0 + (25.0 if step % 250 == 50 and step > 50 else 0.0) + 0.2 * math.sin(step)
        rows.append((now, f"step {step}/5000 loss {2 + 50 / step:.4f} lr 1.0e-03"))
        if step % 250 == 0:
            rows.append((now + 0.5, f"step {step} val_loss {2.2 + 50 / step:.4f}"))
    course = _analysis(tmp_path, stamped(rows)).course
    assert course is not None
    (lost,) = course.lost
    assert (lost.cause, lost.times) == ("evaluation", 19)
    assert lost.seconds == pytest.approx(19 * 25, abs=10)


def test_the_last_of_several_launches_is_not_the_best_by_its_smaller_step(tmp_path: Path) -> None:
    rows: list[tuple[float, str]] = []
    for at, step in enumerate([*range(1, 41), *range(1, 21)]):
        rows.append((float(at), f"step {step}/50 loss {3 - step / 50:.4f} lr 1.0e-03"))
        if step % 10 == 0:
            rows.append((at + 0.5, f"step {step}/50 val_loss {3.2 - step / 50:.4f}"))
    analysis = _analysis(tmp_path, stamped(rows))
    found = analysis.validation
    assert found is not None
    assert analysis.stage.restarts == (1,)
    assert (found.best, found.best_step, found.last, found.after_best) == (2.4, 40, 2.8, 2)


@pytest.mark.parametrize("count", [55, 131, 400])
def test_the_median_of_the_last_values_is_of_as_many_as_are_said(tmp_path, count):
    losses = [4.0 / (1 + step) + 0.01 * (step * 7 % 11) for step in range(count)]
    text = "".join(f"step {step} loss {loss:.5f}\n" for step, loss in enumerate(losses))
    shape = _analysis(tmp_path, text).shape
    assert shape is not None
    assert shape.last == pytest.approx(median(losses[-shape.of :]), abs=1e-5)
    assert shape.first == pytest.approx(median(losses[: shape.few]), abs=1e-5)
