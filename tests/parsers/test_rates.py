"""Rates become seconds per step, wherever a log puts their unit."""

from __future__ import annotations

import pytest

from .logs import parse


@pytest.mark.parametrize(
    ("told", "name", "value"),
    [
        ("it/s: 4.0", "perf/step_time", 0.25),
        ("it/s 4.0 lr 0.1", "perf/step_time", 0.25),
        ("steps/sec: 4.0", "perf/step_time", 0.25),
        ("speed=4.0 iter/s", "perf/step_time", 0.25),
        ("step_time_ms: 250.0", "perf/step_time", 0.25),
        ("tok/s 4000 dt 0.25", "perf/tokens_per_sec", 4000.0),
        ("throughput: 4000 tokens/s", "perf/tokens_per_sec", 4000.0),
        ("throughput: 40.5 img/s", "perf/samples_per_sec", 40.5),
        ("running at 40.5 samples per second", "perf/samples_per_sec", 40.5),
        ("an average speed of 4.0 steps/s", "perf/step_time", 0.25),
        ("samples_per_sec=40.5", "perf/samples_per_sec", 40.5),
    ],
)
def test_rates(told, name, value):
    losses = [4.5 - step / 64 for step in range(40)]
    parsed = parse("".join(f"step {step} loss {loss} {told}\n" for step, loss in enumerate(losses)).encode())
    assert parsed.column(name).tolist() == [value] * 40
    assert parsed.column("train/loss").tolist() == losses  # whose unit it is not
