"""One rank of several is not as the others."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import BEGIN, OPTIMISER, SPEED, fault
from benchmarks.detection.styles import RANKS
from benchmarks.detection.trace import Trace
from benchmarks.detection.world import World, last

_ROWS = {"needs": "ranks", "group": "ranks", "least": 200, "room": 200, "rows": 150}


def _one(t: Trace) -> int:
    last(t, (1.0, 4.0))
    t.world = World(t, BEGIN)
    return int(t.rng.integers(1, RANKS))


@fault("straggler", r"rank \d+ is .* slower", also=SPEED, **_ROWS)
def one_rank_is_slow(t: Trace, at: int) -> None:
    rank = _one(t)
    t.extra[f"seconds/{rank}"] = np.where(np.arange(t.rows) >= at, t.rng.uniform(1.2, 1.6), 1.0)


@fault("silent_rank", r"printed nothing", also=SPEED, **_ROWS)
def one_rank_falls_silent(t: Trace, at: int) -> None:
    t.extra[f"silent/{_one(t)}"] = np.where(np.arange(t.rows) >= at, 1.0, 0.0)


@fault("rank_divergence", r"no longer agrees", also=OPTIMISER, **_ROWS)
def one_rank_drifts_away(t: Trace, at: int) -> None:
    drift = np.maximum(0, np.arange(t.rows) - at) * t.rng.uniform(3e-4, 3e-3)
    t.extra[f"grad/{_one(t)}"] = 1 + drift


@fault("rank_divergence nonfinite", r"loss of rank \d+ is nan", also=OPTIMISER, **{**_ROWS, "rows": 20})
def one_rank_has_nan(t: Trace, at: int) -> None:
    t.extra[f"loss/{_one(t)}"] = np.where(np.arange(t.rows) >= at, np.nan, 1.0)
