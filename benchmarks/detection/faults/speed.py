"""Runs that get slower."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import SPEED, fault, slower
from benchmarks.detection.trace import Trace


@fault("step_time", r"longer|fell", needs="seconds", group="speed", rows=100, also=SPEED, least=200, room=150)
def steps_slow_down(t: Trace, at: int) -> None:
    slower(t, slice(at, None), t.rng.uniform(1.25, 1.6))


@fault("step_time", r"longer|fell", needs="tokens", group="speed", rows=100, also=SPEED, least=200, room=150)
def tokens_per_second_fall(t: Trace, at: int) -> None:
    slower(t, slice(at, None), t.rng.uniform(1.3, 1.9))


@fault(
    "step_time",
    r"longer|fell",
    needs="seconds",
    group="speed",
    rows=400,
    also=SPEED,
    least=150,
    room=450,
)
def steps_creep_up(t: Trace, at: int) -> None:
    slower(t, slice(at, None), 1 + 0.4 * np.minimum(1, np.arange(t.rows - at) / 250))


@fault(
    "jitter step_time",
    r"stall|slow|longer",
    needs="seconds",
    group="speed",
    rows=200,
    also=SPEED,
    room=250,
    least=200,
)
def steps_stutter(t: Trace, at: int) -> None:
    hit = np.arange(at, t.rows)[t.rng.random(t.rows - at) < 0.15]
    for row in hit:
        slower(t, slice(row, row + 1), t.rng.uniform(2.2, 5))


@fault("jitter", r"every", needs="seconds", group="speed", rows=200, also=SPEED, room=250, info=True)
def every_nth_step_is_slow(t: Trace, at: int) -> None:
    period = int(t.rng.integers(8, 20))
    for row in range(at, t.rows, period):
        slower(t, slice(row, row + 1), 4.0)


@fault("stalls", r"of the time", needs="seconds", group="speed", rows=350, also=SPEED, room=360, least=100)
def rare_steps_stall(t: Trace, at: int) -> None:
    """Lose a third of the time, or more, in one step of many."""
    period = int(t.rng.integers(25, 80))
    factor = 1 + period * t.rng.uniform(0.5, 2)
    for row in range(at, t.rows, period):
        slower(t, slice(row, row + 1), factor)


@fault(
    "throughput step_time",
    r"longer|fell|slower",
    needs="seconds",
    group="speed",
    rows=40,
    also=SPEED,
    least=200,
)
def throughput_collapses(t: Trace, at: int) -> None:
    slower(t, slice(at, None), t.rng.uniform(4.5, 10))
