"""Checkpoints that are missing, broken, too small or too slow, as their directory shows them."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import BEGIN, SPEED, fault
from benchmarks.detection.trace import Trace
from benchmarks.detection.world import GB, World, last, quiet, saved
from runwatch.core.checkpoint import State

_ROWS = {"needs": "total", "group": "checkpoints", "least": 450, "room": 250, "rows": 220}


def _saving(t: Trace, at: int) -> tuple[World, list[int], int]:
    """Save at equal distances; return the rows of all saves and the first after the onset."""
    last(t, (2.0, 8.0))
    quiet(t)
    gap = int(t.rng.integers(40, 80))
    world = t.world = World(t, BEGIN)
    rows = list(range(gap, t.rows, gap))
    return world, rows, next(n for n, row in enumerate(rows) if row >= at)


@fault("checkpoint_overdue", r"no checkpoint for", **_ROWS)
def checkpoints_stop_on_disk(t: Trace, at: int) -> None:
    world, rows, number = _saving(t, at)
    for row in rows[:number]:
        saved(world, row)


def _bad(name: str, rules: str, cause: str, state: State, part: float, reason: str = "") -> None:
    def inject(t: Trace, at: int) -> None:
        world, rows, number = _saving(t, at)
        for place, row in enumerate(rows):
            if place < number:
                saved(world, row)
            else:
                saved(world, row, part, state, reason=reason)

    inject.__name__ = name
    fault(rules, cause, also="checkpoint_overdue", **_ROWS)(inject)


_bad("checkpoint_is_damaged", "checkpoint_broken", r"damaged", State.DAMAGED, 0.7, "model.pt is cut off")
_bad("checkpoint_is_incomplete", "checkpoint_broken", r"incomplete", State.INCOMPLETE, 0.5, "no rank 3")
_bad("checkpoint_shrinks", "checkpoint_shrunken", r"usual size", State.COMPLETE, 0.45)


@fault("checkpoint_space", r"space for", **{**_ROWS, "least": 200, "rows": 240})
def no_room_for_checkpoints(t: Trace, at: int) -> None:
    """Share the disk: from the onset on it has room for one more."""
    world, rows, _ = _saving(t, at)
    for row in rows:
        saved(world, row)
    moment = world.moment(at)
    world.room = lambda now: 15 * GB if now >= moment else 4000 * GB


@fault("checkpoint_slow", r"training waited", also=SPEED, **{**_ROWS, "room": 400, "rows": 380})
def saving_gets_slow(t: Trace, at: int) -> None:
    last(t, (2.0, 8.0))
    quiet(t)
    t.world = World(t, BEGIN)
    usual = float(np.median(t.wait))
    for row in range(50, t.rows, 50):
        t.say(row, f"Saved checkpoint to out/step_{t.step(row - 1):07d}/model.pt")
        pause = 20 + 3 * usual if row < at else 150 + 25 * usual
        t.wait[row] += pause * t.rng.uniform(0.9, 1.2)
